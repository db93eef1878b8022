package signature

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verifier is a compiled scheme. It may be used by many at once.
type Verifier struct {
	base     *rules
	versions map[string]*rules
}

// rules is one version of a scheme, compiled.
type rules struct {
	Scheme
	algorithm algorithm
	places    []path // of Signature
	signed    [][]piece
	fields    []path
	each      path
	time      path
	tolerance time.Duration // 0: not judged
	digest    path
	digestOf  algorithm
	fetched   *certificateRules
	match     []matching
	fixed     []matching
}

// matching is a path whose value must be equal to a setting, or to a fixed text.
type matching struct {
	path path
	want string
}

// Compile checks a scheme. Its errors are of type *FormError and say which field.
func (s Scheme) Compile() (*Verifier, error) {
	base, err := compileRules(s)
	if err != nil {
		return nil, err
	}
	v := &Verifier{base: base, versions: map[string]*rules{}}
	for name, version := range s.Versions {
		if v.versions[name], err = compileRules(version); err != nil {
			return nil, &FormError{"versions." + name, err.Error()}
		}
	}
	return v, nil
}

var (
	kinds     = []string{kindHMAC, kindHash, kindRSA, kindECDSA, kindEd25519, kindToken, kindStandard, kindNone}
	keyForms  = []string{"", "raw", "hex", "base64", "nfkd", "whsec", "pem", "base64-der"}
	encodings = []string{"", "hex", "base64", "base64url", "plain"}
	lists     = []string{"", "comma", "space", "pairs", "numbered"}
	units     = []string{"", "s", "ms", "rfc3339"}
)

func choice(field, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return &FormError{field, fmt.Sprintf("%q is not known: write one of%s", value, strings.Join(known, " "))}
}

func compileRules(s Scheme) (*rules, error) {
	r := &rules{Scheme: s}
	if err := choice("kind", s.Kind, kinds); err != nil {
		return nil, err
	}
	if err := choice("key", s.Key, keyForms); err != nil {
		return nil, err
	}
	var known bool
	if r.algorithm, known = algorithmOf(s.Hash); !known {
		return nil, &FormError{"algorithm", fmt.Sprintf("%q is not known: write sha1, sha256 or sha512", s.Hash)}
	}
	for _, step := range []func() error{
		r.keyOfKind, r.compilePlaces, r.standard, r.compileSigned, r.compileTime, r.compileDigest, r.compileRest,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// keyOfKind binds the form of the key to the algorithm.
func (r *rules) keyOfKind() error {
	public := r.Kind == kindRSA || r.Kind == kindECDSA || r.Kind == kindEd25519
	of := r.Key == "pem" || r.Key == "base64-der"
	switch {
	case r.Fetched != nil && r.Kind != kindRSA && r.Kind != kindECDSA:
		return &FormError{"certificate", "belongs to rsa and ecdsa"}
	case !public && of:
		return &FormError{"key", fmt.Sprintf("%s is the form of a public key, and %s needs a shared secret", r.Key, r.Kind)}
	case public && !of && r.Fetched == nil && (r.Kind != kindEd25519 || r.Key != "hex" && r.Key != "base64"):
		return &FormError{"key", fmt.Sprintf("%s needs the form of a public key: pem or base64-der", r.Kind)}
	}
	return nil
}

func (r *rules) compilePlaces() error {
	if r.Kind == kindNone {
		return nil
	}
	if len(r.Signature) == 0 {
		return &FormError{"signature", "is missing: where does it stand?"}
	}
	r.Signature = slices.Clone(r.Signature)
	for i := range r.Signature {
		p := &r.Signature[i]
		if err := choice("encoding", p.Encoding, encodings); err != nil {
			return err
		}
		if err := choice("list", p.List, lists); err != nil {
			return err
		}
		if (p.List == "pairs") != (p.Pair != "") {
			return &FormError{"pair", "belongs to the list pairs"}
		}
		if p.Encoding == "" && r.Kind == kindToken {
			p.Encoding = "plain"
		}
		if p.Encoding == "plain" && r.Kind != kindToken {
			return &FormError{"encoding", "plain is for tokens"}
		}
		path, err := parsePath(p.Path)
		if err != nil {
			return &FormError{"header", err.Error()}
		}
		if p.List == "numbered" && path[0].root != "header" {
			return &FormError{"list", "numbered is for headers"}
		}
		r.places = append(r.places, path)
	}
	return nil
}

// standard fills in what Standard Webhooks lays down: the id and the time stand beside the signature.
func (r *rules) standard() error {
	if r.Kind != kindStandard {
		return nil
	}
	beside := func(name string) string {
		var all []string
		for alternative := range strings.SplitSeq(r.Signature[0].Path, "|") {
			all = append(all, strings.TrimSuffix(alternative, "signature")+name)
		}
		return strings.Join(all, "|")
	}
	p := &r.Signature[0]
	p.List, p.Encoding = "space", "base64"
	r.Signed = []string{"#" + beside("id") + "#.#timestamp#.#body#"}
	if r.Timestamp == nil {
		r.Timestamp = &Timestamp{Path: beside("timestamp"), Tolerance: Tolerance.String()}
	}
	return nil
}

func (r *rules) compileSigned() error {
	if r.Kind == kindNone || r.Kind == kindToken {
		if len(r.Signed) > 0 {
			return &FormError{"signed", "does not belong to " + r.Kind}
		}
		return nil
	}
	if len(r.Signed) == 0 {
		r.Signed = []string{"#body#"}
	}
	for _, text := range r.Signed {
		pieces, err := compileSigned(text)
		if err != nil {
			return &FormError{"signed", err.Error()}
		}
		if !coversContent(pieces) {
			return &FormError{"signed", "holds nothing of the content: whoever changed it would not be noticed"}
		}
		if hasSecret(pieces) != (r.Kind == kindHash) {
			return &FormError{"signed", "#secret# belongs to the kind hash, and to no other"}
		}
		r.signed = append(r.signed, pieces)
	}
	for _, name := range r.Fields {
		p, err := parsePath(name)
		if err != nil || len(p[0].segments) == 0 {
			return &FormError{"fields", fmt.Sprintf("%q is not a path", name)}
		}
		r.fields = append(r.fields, p)
	}
	return nil
}

func coversContent(pieces []piece) bool {
	return slices.ContainsFunc(pieces, func(p piece) bool {
		return slices.Contains([]string{"body", "body.base64", "crc32", "content", "form.sorted", "fields.sorted"}, p.name) ||
			p.path != nil && p.path.optional()
	})
}

func hasSecret(pieces []piece) bool {
	return slices.ContainsFunc(pieces, func(p piece) bool { return p.name == "secret" })
}

func (r *rules) compileTime() (err error) {
	t := r.Timestamp
	if t == nil {
		for _, pieces := range r.signed {
			if slices.ContainsFunc(pieces, func(p piece) bool { return p.name == "timestamp" }) {
				return &FormError{"timestamp", "is missing, although it is signed"}
			}
		}
		return nil
	}
	if err := choice("timestamp.unit", t.Unit, units); err != nil {
		return err
	}
	if r.time, err = parsePath(t.Path); err != nil {
		return &FormError{"timestamp.path", err.Error()}
	}
	if t.Tolerance != "" {
		if r.tolerance, err = time.ParseDuration(t.Tolerance); err != nil || r.tolerance <= 0 {
			return &FormError{"timestamp.tolerance", "is not a length of time such as 5m"}
		}
	}
	return nil
}

func (r *rules) compileDigest() (err error) {
	d := r.Digest
	if d == nil {
		return nil
	}
	if r.digest, err = parsePath(d.Path); err != nil {
		return &FormError{"digest.path", err.Error()}
	}
	var known bool
	if r.digestOf, known = algorithmOf(d.Hash); !known {
		return &FormError{"digest.hash", "is not known"}
	}
	return choice("digest.encoding", d.Encoding, encodings)
}

func (r *rules) compileRest() (err error) {
	if r.Each != "" {
		if r.each, err = parsePath(r.Each); err != nil || r.each[0].root != "body" {
			return &FormError{"each", "is the path of a list in the body"}
		}
	}
	if r.Fetched != nil {
		if r.fetched, err = compileCertificate(r.Fetched); err != nil {
			return err
		}
	}
	if r.match, err = compileMatch("match", r.Match); err != nil {
		return err
	}
	r.fixed, err = compileMatch("fixed", r.Fixed)
	return err
}

func compileMatch(field string, texts map[string]string) ([]matching, error) {
	var all []matching
	for text, want := range texts {
		p, err := parsePath(text)
		if err != nil {
			return nil, &FormError{field, err.Error()}
		}
		all = append(all, matching{p, want})
	}
	slices.SortFunc(all, func(a, b matching) int { return strings.Compare(a.path.text(), b.path.text()) })
	return all, nil
}
