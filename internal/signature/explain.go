package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits of the search for a reason: it must not make a wrong request dearer than a right one by much.
const (
	maxExplained = 16 << 10 // bytes of the body
	maxHeaders   = 50
)

var errMismatch = errors.New("the secret is another one, or the body was changed on the way")

// explainMissing looks for the signature elsewhere when it is not where it should be.
func (r *rules) explainMissing(v *view, keys []*key, why error) error {
	if v.in.Terse || len(v.body) > maxExplained || r.places[0][0].root != "header" {
		return why
	}
	looks := ""
	for _, name := range slices.Sorted(maps.Keys(v.in.Header))[:min(len(v.in.Header), maxHeaders)] {
		if r.isPlace(name) || len(v.in.Header[name]) != 1 || len(v.in.Header[name][0]) > maxSignature {
			continue
		}
		if r.fitsHeader(v, keys, v.in.Header[name][0]) {
			return fmt.Errorf("the signature stands under another header, %s; %w", name, why)
		}
		if lower := strings.ToLower(name); looks == "" && (strings.Contains(lower, "signature") || strings.Contains(lower, "hmac")) {
			looks = name
		}
	}
	if looks != "" {
		return fmt.Errorf("%w; there is %s, which looks like the signature of another provider", why, looks)
	}
	return why
}

func (r *rules) isPlace(name string) bool {
	return slices.ContainsFunc(r.places, func(p path) bool {
		return slices.ContainsFunc(p, func(s spot) bool {
			return s.root == "header" && strings.HasPrefix(strings.ToLower(name), strings.ToLower(s.segments[0]))
		})
	})
}

// fitsHeader tries a header's value as this scheme's signature, with and without a prefix such as "sha256=".
func (r *rules) fitsHeader(v *view, keys []*key, value string) bool {
	for i := range r.Signature {
		found, _ := r.read(i, []string{value})
		if len(found) == 0 {
			_, text, _ := strings.Cut(value, "=")
			found, _ = r.read(i, []string{r.Signature[i].Prefix + text})
		}
		if fits, err := r.tryAll(v, keys, found); fits && err == nil {
			return true
		}
	}
	return false
}

// explainMismatch tells what it can about a signature that does not fit.
func (r *rules) explainMismatch(v *view, keys []*key, candidates []candidate) error {
	if r.Kind == kindToken {
		return errors.New("the secret that was sent along is another one")
	}
	if r.Kind == kindStandard && !slices.ContainsFunc(candidates, func(c candidate) bool {
		return slices.ContainsFunc(keys, func(k *key) bool { return k.prefix == c.prefix })
	}) {
		return ErrOtherScheme
	}
	if r.fetched != nil {
		return errors.New("the signature does not fit: the body or a signed header was changed on the way, or a setting of the source is another one")
	}
	if v.in.Terse || len(v.body) > maxExplained {
		return errMismatch
	}
	try := func(body []byte, address string, keys []*key) bool {
		fits, err := r.tryAll(v.with(body, address), keys, candidates)
		return fits && err == nil
	}
	var trimmed []*key
	for _, k := range keys {
		if text := strings.TrimSpace(k.secret); text != k.secret {
			if k, err := r.parseKey(text); err == nil {
				trimmed = append(trimmed, k)
			}
		}
	}
	if try(v.body, v.url, trimmed) {
		return errors.New("the secret at the source has a blank or a line break at its end; without it the signature fits")
	}
	for _, c := range r.changes(v.body) {
		if try(c.body, v.url, keys) {
			return fmt.Errorf("the secret is right, but a proxy or framework changed the body on the way: %s", c.what)
		}
	}
	if !r.signsAddress() {
		return errMismatch
	}
	for _, address := range otherAddresses(v.url) {
		if try(v.body, address, keys) {
			return fmt.Errorf("the secret is right, but the provider signs the address %s, and this source is registered as %s: see public_url", withoutQuery(address), withoutQuery(v.url))
		}
	}
	return fmt.Errorf("%w, or the address that the provider knows is another one than %s", errMismatch, withoutQuery(v.url))
}

func withoutQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

func (r *rules) signsAddress() bool {
	return slices.ContainsFunc(r.signed, func(pieces []piece) bool {
		return slices.ContainsFunc(pieces, func(p piece) bool { return strings.HasPrefix(p.name, "url") })
	})
}

// otherAddresses are those that a proxy makes of one.
func otherAddresses(address string) []string {
	base, query, hasQuery := strings.Cut(address, "?")
	if hasQuery {
		query = "?" + query
	}
	other := base
	if rest, https := strings.CutPrefix(base, "https://"); https {
		other = "http://" + rest
	} else if rest, http := strings.CutPrefix(base, "http://"); http {
		other = "https://" + rest
	}
	var all []string
	for _, b := range []string{base, other} {
		for _, path := range []string{b, b + "/", strings.TrimSuffix(b, "/")} {
			all = append(all, path+query, path, withPort(path+query, false))
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(a string) bool { return a == address })
}

type change struct {
	what string
	body []byte
}

// changes undoes what commonly happens to a body on its way, where all of its bytes are signed.
func (r *rules) changes(body []byte) []change {
	if !slices.ContainsFunc(r.signed, func(pieces []piece) bool {
		return slices.ContainsFunc(pieces, func(p piece) bool { return slices.Contains([]string{"body", "body.base64", "content"}, p.name) })
	}) {
		return nil
	}
	all := []change{
		{"blanks or line breaks at its end were added", bytes.TrimRight(body, " \t\r\n")},
		{"blanks or line breaks around it were added", bytes.TrimSpace(body)},
		{"the line break at its end was taken away", append(slices.Clone(body), '\n')},
		{"the line break at its end was taken away", append(slices.Clone(body), "\r\n"...)},
		{"line breaks were rewritten", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))},
		{"line breaks were rewritten", bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))},
		{"a byte order mark was added", bytes.TrimPrefix(body, []byte("\ufeff"))},
		{"the byte order mark was taken away", append([]byte("\ufeff"), body...)},
	}
	if start := bytes.TrimSpace(body); len(start) > 0 && (start[0] == '{' || start[0] == '[') && json.Valid(body) {
		all = append(all, rewritten(body)...)
	}
	return slices.DeleteFunc(all, func(c change) bool { return len(c.body) == 0 || bytes.Equal(c.body, body) })
}

// rewritten is JSON in the ways that libraries write it.
func rewritten(body []byte) []change {
	const what = "its JSON was read and written anew"
	var compact, two, four bytes.Buffer
	_ = json.Compact(&compact, body) // the body is valid: asked before
	_ = json.Indent(&two, bytes.TrimSpace(body), "", "  ")
	_ = json.Indent(&four, bytes.TrimSpace(body), "", "    ")
	all := []change{{what, compact.Bytes()}, {what, two.Bytes()}, {what, four.Bytes()}, {what, spaced(compact.Bytes())}}
	for _, c := range slices.Clone(all) {
		all = append(all,
			change{what, ascii(c.body)},
			change{what, bytes.ReplaceAll(c.body, []byte("/"), []byte(`\/`))},
			change{what, bytes.ReplaceAll(c.body, []byte(`\/`), []byte("/"))},
			change{what, append(slices.Clone(c.body), '\n')})
	}
	return all
}

// spaced puts a blank behind every comma and colon, as Python does.
func spaced(compact []byte) []byte {
	var out []byte
	inText, escaped := false, false
	for _, b := range compact {
		out = append(out, b)
		switch {
		case escaped:
			escaped = false
		case inText && b == '\\':
			escaped = true
		case b == '"':
			inText = !inText
		case !inText && (b == ',' || b == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

// ascii writes everything beyond ASCII as \u....
func ascii(text []byte) []byte {
	var out []byte
	for _, r := range string(text) {
		switch {
		case r < 0x80:
			out = append(out, byte(r))
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out
}
