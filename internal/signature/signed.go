package signature

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// piece is either literal text or a variable of a signed text.
type piece struct {
	literal string
	name    string
	path    path
}

// Variables that are no paths.
var named = []string{
	"body", "body.base64", "crc32", "content", "timestamp", "method", "url", "url.bare", "url.port", "secret",
	"form.sorted", "fields.sorted",
}

// parseSigned splits a text at its variables. A # that begins no variable stands for itself, ## for one #. It does not
// judge the names.
func parseSigned(text string) (pieces []piece, err error) {
	literal := ""
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "##"); ok {
			literal, text = literal+"#", rest
			continue
		}
		if name, rest, ok := cutName(text); ok {
			if literal != "" {
				pieces = append(pieces, piece{literal: literal})
			}
			pieces = append(pieces, piece{name: name})
			literal, text = "", rest
			continue
		}
		literal, text = literal+text[:1], text[1:]
	}
	if literal != "" {
		pieces = append(pieces, piece{literal: literal})
	}
	return pieces, nil
}

func cutName(text string) (name, rest string, ok bool) {
	if text[0] != '#' || len(text) < 2 || (text[1]|0x20) < 'a' || (text[1]|0x20) > 'z' {
		return "", "", false
	}
	name, rest, ok = strings.Cut(text[1:], "#")
	if strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-|", r)
	}) {
		return "", "", false
	}
	return name, rest, ok
}

func escapeLiteral(text string) string { return strings.ReplaceAll(text, "#", "##") }

// compileSigned checks the names too.
func compileSigned(text string) ([]piece, error) {
	pieces, err := parseSigned(text)
	if err != nil {
		return nil, err
	}
	for i := range pieces {
		p := &pieces[i]
		if p.name == "" || slices.Contains(named, p.name) {
			continue
		}
		if p.path, err = parsePath(p.name); err != nil {
			return nil, fmt.Errorf("#%s# is not known: %w; beside paths there are #%s#", p.name, err, strings.Join(named, "#, #"))
		}
	}
	return pieces, nil
}

// render writes the signed text of one request with one secret. The error is a sentence for people.
func (v *view) render(pieces []piece) ([]byte, error) {
	var text []byte
	for i := range pieces {
		p := &pieces[i]
		if p.name == "" {
			text = append(text, p.literal...)
			continue
		}
		if p.path == nil {
			value, err := v.named(p.name)
			if err != nil {
				return nil, err
			}
			text = append(text, value...)
			continue
		}
		value, err := v.variable(p.path)
		if err != nil {
			return nil, err
		}
		text = append(text, value...)
	}
	return text, nil
}

// variable is the value of a path in a signed text: "" for a field of the body that is absent.
func (v *view) variable(p path) (string, error) {
	value, there, err := v.lookup(p)
	switch {
	case err != nil:
		return "", err
	case !there && p.optional():
		return "", nil
	case !there:
		return "", fmt.Errorf("there is no %s", p.words())
	}
	return value, v.oneReading(p.text(), value)
}

// oneReading refuses a value that holds the separator of the signed text.
func (v *view) oneReading(name, value string) error {
	if s := v.rules.Separator; s != "" && name != v.rules.Free && strings.Contains(value, s) {
		return fmt.Errorf("the value of %s holds %s, which separates signed values, so that the signature could mean other values", name, quoted(s))
	}
	return nil
}

func (v *view) named(name string) ([]byte, error) {
	switch name {
	case "body":
		return v.body, nil
	case "body.base64":
		return base64.StdEncoding.AppendEncode(nil, v.body), nil
	case "crc32":
		return strconv.AppendUint(nil, uint64(crc32.ChecksumIEEE(v.body)), 10), nil
	case "content":
		if v.in.Method == "GET" {
			_, query, _ := strings.Cut(v.url, "?")
			return []byte(query), nil
		}
		return v.body, nil
	case "timestamp":
		text, err := v.timestamp()
		return []byte(text), err
	case "method":
		return []byte(v.in.Method), nil
	case "url":
		return []byte(v.url), nil
	case "url.bare", "url.port":
		return []byte(withPort(v.url, name == "url.port")), nil
	case "secret":
		return []byte(v.secret), nil
	case "form.sorted":
		return v.formSorted()
	}
	return v.fieldsSorted()
}

// withPort writes an address always or never with its port.
func withPort(address string, with bool) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	scheme, rest, _ := strings.Cut(address, "://")
	host := u.Host
	port := u.Port()
	switch {
	case !with:
		host = strings.TrimSuffix(host, ":"+port)
	case port == "" && u.Scheme == "https":
		host += ":443"
	case port == "":
		host += ":80"
	}
	return scheme + "://" + host + strings.TrimPrefix(rest, u.Host)
}

// formSorted is every field of a form by name, name and value without anything between (Twilio). Repeated values come
// once, sorted.
func (v *view) formSorted() ([]byte, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			text = append(append(text, name...), value...)
		}
	}
	return text, nil
}

func (v *view) fieldsSorted() ([]byte, error) {
	var text []byte
	for _, p := range v.rules.fields {
		value, there, err := v.lookup(p)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		if err := v.oneReading(p.text(), value); err != nil {
			return nil, err
		}
		text = append(text, p[0].segments[len(p[0].segments)-1]+"\n"+value+"\n"...)
	}
	return text, nil
}
