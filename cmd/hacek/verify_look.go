package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"hacek/internal/signature"
)

// looked is what was looked at: enough to compare with what somebody else computes, and never a secret.
type looked struct {
	At       string      `json:"at,omitempty"`        // where the signature stands: "header.Stripe-Signature"
	Value    string      `json:"value,omitempty"`     // what stands there, shortened; *** where it is the secret itself
	SignedAt *time.Time  `json:"signed_at,omitempty"` // by the request's own word
	Form     string      `json:"form,omitempty"`      // of the signed text: "#timestamp#.#body#"
	Signed   *signedText `json:"signed,omitempty"`    // nil where it is not shown
}

type signedText struct {
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
	Begins string `json:"begins"`
}

// Letters shown of a signature and of a signed text; cut off only after the secrets were taken out.
const (
	shownValue  = 60
	shownSigned = 60
)

// reader finds values in one request as a scheme names them.
type reader struct {
	in    *signature.Incoming
	query url.Values
	form  url.Values // nil when the body is none
	body  any        // nil when the body is no JSON
}

func newReader(in *signature.Incoming) *reader {
	r := &reader{in: in}
	_, query, _ := strings.Cut(in.URL, "?")
	r.query, _ = url.ParseQuery(query) // what cannot be read is not there
	if strings.HasPrefix(in.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		r.form, _ = url.ParseQuery(string(in.Body))
		return r
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(in.Body, []byte("\ufeff"))))
	d.UseNumber()
	if d.Decode(&r.body) != nil {
		r.body = nil
	}
	return r
}

// find answers the first alternative that is there, and which it was.
func (r *reader) find(path string) (value, at string, there bool) {
	for at := range strings.SplitSeq(path, "|") {
		if value, there := r.one(at); there {
			return value, at, true
		}
	}
	return "", "", false
}

func (r *reader) one(path string) (string, bool) {
	root, name, _ := strings.Cut(path, ".")
	switch root {
	case "header":
		for field, values := range r.in.Header {
			if strings.EqualFold(field, name) && len(values) > 0 {
				return values[0], true
			}
		}
		return "", false
	case "setting":
		value := r.in.Settings[name]
		return value, value != ""
	case "query":
		return r.query.Get(name), r.query.Has(name)
	case "form":
		return r.form.Get(name), r.form.Has(name)
	case "body":
		if r.form != nil {
			return r.form.Get(name), r.form.Has(name)
		}
		return text(r.body, name)
	}
	return "", false
}

// text is the scalar at a path of names and positions in JSON.
func text(value any, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return "", false
			}
			value = v[i]
		default:
			return "", false
		}
	}
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// look is what a scheme looks at in the request.
func (r *reader) look(s signature.Scheme, hide func(string) string) looked {
	var l looked
	for _, place := range s.Signature {
		if value, at, there := r.find(numbered(place)); there {
			l.At, l.Value = at, shorten(hide(value), shownValue)
			if s.Kind == "token" {
				l.Value = "***"
			}
			break
		}
	}
	if stamp := timestampOf(s, l.At); stamp != nil {
		if at, ok := r.signedAt(stamp); ok {
			l.SignedAt = &at
		}
	}
	forms := s.Signed
	if s.Kind == "standard-webhooks" {
		forms = []string{"#" + beside(l.At, "id") + "#.#timestamp#.#body#"}
	}
	switch {
	case s.Kind == "token" || s.Kind == "none":
		return l
	case len(forms) == 0:
		forms = []string{"#body#"}
	}
	l.Form = forms[0]
	if signed, ok := r.signed(l.Form, timestampOf(s, l.At)); ok {
		sum := sha256.Sum256([]byte(signed))
		l.Signed = &signedText{len(signed), hex.EncodeToString(sum[:]), shorten(strings.ToValidUTF8(hide(signed), "?"), shownSigned)}
	}
	return l
}

// numbered headers begin with the first.
func numbered(p signature.Place) string {
	if p.List == "numbered" {
		return p.Path + "-1"
	}
	return p.Path
}

// beside is a field of Standard Webhooks that stands beside the signature.
func beside(at, name string) string {
	if at == "" {
		at = "header." + signature.HeaderSignature
	}
	return strings.TrimSuffix(at, "signature") + name
}

func timestampOf(s signature.Scheme, at string) *signature.Timestamp {
	if s.Timestamp == nil && s.Kind == "standard-webhooks" {
		return &signature.Timestamp{Path: beside(at, "timestamp")}
	}
	return s.Timestamp
}

// stamp is the text of the time of signing.
func (r *reader) stamp(t *signature.Timestamp) (string, bool) {
	value, _, there := r.find(t.Path)
	if t.Pair == "" {
		return value, there
	}
	for part := range strings.SplitSeq(value, ",") {
		if name, text, ok := strings.Cut(strings.TrimSpace(part), "="); ok && name == t.Pair {
			return text, true
		}
	}
	return "", false
}

func (r *reader) signedAt(t *signature.Timestamp) (time.Time, bool) {
	text, there := r.stamp(t)
	if !there {
		return time.Time{}, false
	}
	if t.Unit == "rfc3339" {
		at, err := time.Parse(time.RFC3339Nano, text)
		return at.UTC(), err == nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	const mostSeconds = 1 << 40
	switch {
	case err != nil || n < 0:
		return time.Time{}, false
	case t.Unit == "ms":
		return time.UnixMilli(n).UTC(), n < mostSeconds*1000
	}
	return time.Unix(n, 0).UTC(), n < mostSeconds
}

var variable = regexp.MustCompile(`##|#([a-zA-Z][a-zA-Z0-9._|-]*)#`)

// signed writes the signed text where its form holds no secret and nothing that has to be sorted first.
func (r *reader) signed(form string, stamp *signature.Timestamp) (string, bool) {
	all := true
	written := variable.ReplaceAllStringFunc(form, func(found string) string {
		name := strings.Trim(found, "#")
		switch name {
		case "":
			return "#"
		case "body":
			return string(r.in.Body)
		case "body.base64":
			return base64.StdEncoding.EncodeToString(r.in.Body)
		case "crc32":
			return fmt.Sprint(crc32.ChecksumIEEE(r.in.Body))
		case "content":
			if r.in.Method != "GET" {
				return string(r.in.Body)
			}
			_, query, _ := strings.Cut(r.in.URL, "?")
			return query
		case "method":
			return r.in.Method
		case "url":
			return r.in.URL
		case "timestamp":
			if stamp == nil {
				all = false
				return ""
			}
			value, there := r.stamp(stamp)
			all = all && there
			return value
		}
		value, _, there := r.find(name)
		all = all && (there || strings.Contains(name, "body.") || strings.Contains(name, "form."))
		return value
	})
	return written, all && !strings.Contains(form, "#form.sorted#") && !strings.Contains(form, "#item.")
}
