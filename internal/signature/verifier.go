package signature

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Verdict is whether a request comes from whom it should, and if not, why in words for people.
type Verdict struct {
	OK  bool
	Why string
}

// Limits of what a hostile request may make us look at.
const (
	maxSignature  = 8 << 10 // bytes of the value that holds signatures
	maxCandidates = 100
	maxItems      = 10_000
	maxTolerance  = 24 * time.Hour // of the source's own setting
)

// Verify judges a request with any of the live secrets. Certificates must have been fetched when Certificate gave an
// address. It compares in constant time and never panics on a hostile request.
func (v *Verifier) Verify(in *Incoming, secrets []string) Verdict {
	r, err := v.chosen(in)
	if err == nil {
		err = r.verify(in, secrets)
	}
	if err == nil {
		return Verdict{OK: true}
	}
	if name, fits := v.otherVersion(r, in, secrets); fits {
		err = fmt.Errorf("the request is signed in the form %q of this provider; the source is set to another one: see its setting version", name)
	}
	return Verdict{Why: err.Error()}
}

// Certificate is the address of the certificate that Verify needs; "" when the scheme needs none. An address that the
// provider does not use is an error, and nothing may be fetched.
func (v *Verifier) Certificate(in *Incoming) (string, error) {
	r, err := v.chosen(in)
	if err != nil || r.fetched == nil {
		return "", err
	}
	address, _, err := r.fetched.address(newView(r, in))
	return address, err
}

// CheckSecret says what is wrong with a secret before the first request does. Settings are those of the source.
func (v *Verifier) CheckSecret(secret string, settings map[string]string) error {
	r, err := v.chosen(&Incoming{Settings: settings})
	if err == nil && r.NeedsSecret() {
		_, err = r.parseKey(secret)
	}
	return err
}

// NeedsSecret reports whether a source of this scheme cannot verify without a secret of its own.
func (s *Scheme) NeedsSecret() bool { return s.Kind != kindNone && s.Fetched == nil }

// chosen is the version that the source's settings name; the request has no say.
func (v *Verifier) chosen(in *Incoming) (*rules, error) {
	name := in.Settings["version"]
	if name == "" {
		return v.base, nil
	}
	if r := v.versions[name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("the source's setting version is %s; known are: %s", quoted(name), strings.Join(slices.Sorted(maps.Keys(v.versions)), ", "))
}

func (v *Verifier) otherVersion(tried *rules, in *Incoming, secrets []string) (string, bool) {
	if in.Terse || tried == nil {
		return "", false
	}
	quick := *in
	quick.Terse = true
	if tried != v.base && v.base.verify(&quick, secrets) == nil {
		return "", true
	}
	for name, r := range v.versions {
		if r != tried && r.verify(&quick, secrets) == nil {
			return name, true
		}
	}
	return "", false
}

func (r *rules) verify(in *Incoming, secrets []string) error {
	if r.Kind == kindNone {
		return nil
	}
	v := newView(r, in)
	for _, name := range r.Requires {
		if strings.TrimSpace(in.Settings[name]) == "" {
			return fmt.Errorf("the source's setting %s is missing: without it nothing can be verified", name)
		}
	}
	for _, f := range r.fixed {
		value, _, err := v.lookup(f.path)
		if err != nil {
			return err
		}
		if value != f.want {
			return fmt.Errorf("the %s is %s, and must be %s in the form that the source is set to", f.path.words(), quoted(value), quoted(f.want))
		}
	}
	keys, err := r.keys(v, secrets)
	if err != nil {
		return err
	}
	if err := r.every(v, keys); err != nil {
		return err
	}
	for _, check := range []func(*view) error{r.judgeTime, r.judgeDigest, r.judgeMatch} {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}

// keys are those that a signature may fit.
func (r *rules) keys(v *view, secrets []string) ([]*key, error) {
	if r.fetched != nil {
		address, host, err := r.fetched.address(v)
		if err != nil {
			return nil, err
		}
		if len(v.in.Certificates) == 0 {
			return nil, fmt.Errorf("the certificate at %s could not be fetched", address)
		}
		leaf, err := r.fetched.leaf(v.in, host)
		if err != nil {
			return nil, err
		}
		k, err := r.publicKey(leaf.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("the certificate's key %w", err)
		}
		return []*key{k}, nil
	}
	why := errors.New("no secret is set at the source")
	var keys []*key
	for _, text := range secrets {
		k, err := r.parseKey(text)
		if err != nil {
			why = fmt.Errorf("the secret that is set at the source %w", err)
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, why
	}
	return keys, nil
}

// every verifies the request, or each of its items.
func (r *rules) every(v *view, keys []*key) error {
	if r.each == nil {
		return r.one(v, keys)
	}
	node, err := v.node(&r.each[0])
	if err != nil {
		return err
	}
	list, is := node.([]any)
	switch {
	case !is || len(list) == 0:
		return fmt.Errorf("the %s is no list, or is empty, so that nothing is signed", r.each.words())
	case len(list) > maxItems:
		return fmt.Errorf("the %s has more than %d items", r.each.words(), maxItems)
	}
	for i, item := range list {
		one := *v
		one.item = item
		if err := r.one(&one, keys); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *rules) one(v *view, keys []*key) error {
	candidates, err := r.candidates(v)
	if err != nil {
		return r.explainMissing(v, keys, err)
	}
	fits, err := r.tryAll(v, keys, candidates)
	if err != nil || fits {
		return err
	}
	return r.explainMismatch(v, keys, candidates)
}

// tryAll tries every text with every key on every candidate.
func (r *rules) tryAll(v *view, keys []*key, candidates []candidate) (bool, error) {
	signed := r.signed
	if r.Kind == kindToken {
		signed = [][]piece{nil}
	}
	for _, k := range keys {
		v.secret = k.secret
		for _, pieces := range signed {
			text, err := v.render(pieces)
			if err != nil {
				return false, err
			}
			sum := r.sum(k, text)
			for _, c := range candidates {
				if c.prefix == k.prefix && r.fits(k, text, c.bytes, sum) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}
