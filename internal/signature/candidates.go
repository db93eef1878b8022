package signature

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// candidate is one signature of a request.
type candidate struct {
	bytes  []byte
	prefix string // "v1," or "v1a," in Standard Webhooks
}

// candidates reads the signatures. The error says why there is none.
func (r *rules) candidates(v *view) ([]candidate, error) {
	var all []candidate
	var why error
	for i := range r.Signature {
		values, err := r.values(v, i)
		if err != nil {
			return nil, err
		}
		if len(values) == 0 {
			if why == nil {
				why = fmt.Errorf("there is no %s", r.placeWords(i))
			}
			continue
		}
		found, err := r.read(i, values)
		if err != nil {
			why = err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, why
	}
	return all[:min(len(all), maxCandidates)], nil
}

func (r *rules) placeWords(i int) string {
	if r.Signature[i].List == "numbered" {
		return r.places[i].words() + "-1"
	}
	return r.places[i].words()
}

// values are the texts at a place: one, or those of the numbered headers.
func (r *rules) values(v *view, i int) ([]string, error) {
	if r.Signature[i].List != "numbered" {
		value, there, err := v.lookup(r.places[i])
		if err != nil || !there {
			return nil, err
		}
		return []string{value}, nil
	}
	var all []string
	for n := 1; n <= maxCandidates; n++ {
		name := spot{root: "header", segments: []string{r.places[i][0].segments[0] + "-" + strconv.Itoa(n)}}
		value, there, err := v.lookup(path{name})
		if err != nil {
			return nil, err
		}
		if !there {
			break
		}
		all = append(all, value)
	}
	return all, nil
}

func (r *rules) read(i int, values []string) (all []candidate, why error) {
	p := &r.Signature[i]
	where := r.placeWords(i)
	for _, value := range values {
		switch {
		case strings.TrimSpace(value) == "":
			why = fmt.Errorf("the %s is empty", where)
			continue
		case len(value) > maxSignature:
			why = fmt.Errorf("the %s is longer than any signature", where)
			continue
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			why = fmt.Errorf("the %s holds control characters, which no signature has", where)
			continue
		}
		entries := p.entries(value)
		if len(entries) == 0 {
			why = fmt.Errorf("the %s has no part %s=", where, p.Pair)
		}
		for _, entry := range entries[:min(len(entries), maxCandidates)] {
			c, err := r.decode(p, where, entry)
			if err != nil {
				why = err
				continue
			}
			all = append(all, c)
		}
	}
	return all, why
}

func (p *Place) entries(value string) []string {
	switch p.List {
	case "comma":
		parts := strings.Split(value, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts
	case "space":
		return strings.Fields(value)
	case "pairs":
		var found []string
		for part := range strings.SplitSeq(value, ",") {
			if name, text, ok := strings.Cut(strings.TrimSpace(part), "="); ok && name == p.Pair {
				found = append(found, text)
			}
		}
		return found
	}
	return []string{value}
}

// decode reads one signature; where says in words at which place it stands, so that an error is a sentence of its own.
func (r *rules) decode(p *Place, where, entry string) (candidate, error) {
	c := candidate{}
	prefix := p.Prefix
	if r.Kind == kindStandard {
		version, _, found := strings.Cut(entry, ",")
		if !found || version != "v1" && version != "v1a" {
			return c, fmt.Errorf("the %s holds no signature that begins with v1, or v1a,", where)
		}
		prefix = version + ","
		c.prefix = prefix
	}
	text, found := strings.CutPrefix(entry, prefix)
	if !found {
		return c, fmt.Errorf("the %s does not begin with %s", where, prefix)
	}
	var ok bool
	if c.bytes, ok = decodeText(p.Encoding, text); !ok {
		encoding := p.Encoding
		if encoding != "base64" && encoding != "base64url" {
			encoding = "hexadecimal digits"
		}
		return c, fmt.Errorf("the %s is not a signature in %s", where, encoding)
	}
	return c, nil
}

func decodeText(encoding, text string) (raw []byte, ok bool) {
	var err error
	switch encoding {
	case "plain":
		return []byte(text), true
	case "base64":
		raw, err = base64.StdEncoding.Strict().DecodeString(text)
	case "base64url":
		raw, err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	default:
		raw, err = hex.DecodeString(text)
	}
	return raw, err == nil && !strings.ContainsAny(text, "\r\n") && len(raw) > 0
}
