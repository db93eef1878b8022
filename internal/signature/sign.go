package signature

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Sign signs a request as the provider would, so that it can be tried out: it sets header fields, fields of the body or
// parameters of the URL. Only the provider can sign where the key is a pair's; that is an error.
func (v *Verifier) Sign(in *Incoming, secret string) error {
	r, err := v.chosen(in)
	if err != nil || r.Kind == kindNone {
		return err
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if r.fetched != nil || r.Kind == kindRSA || r.Kind == kindECDSA || r.Kind == kindEd25519 {
		return errors.New("only the provider can sign its requests: it keeps the private key")
	}
	k, err := r.parseKey(secret)
	if err != nil {
		return fmt.Errorf("the secret %w", err)
	}
	if k.ed != nil {
		return errors.New("only the provider can sign with an ed25519 key; for a try, use a shared secret (whsec_...)")
	}
	if err := r.prepare(in); err != nil {
		return err
	}
	return r.sign(in, k)
}

// prepare sets what is signed beside the content: the time, an id, fixed values, settings that must match, the digest.
func (r *rules) prepare(in *Incoming) error {
	for _, f := range r.fixed {
		if err := put(in, &f.path[0], f.want); err != nil {
			return err
		}
	}
	for _, m := range r.match {
		word, _, _ := strings.Cut(strings.TrimSpace(in.Settings[m.want]), ",")
		if err := put(in, &m.path[0], word); err != nil {
			return err
		}
	}
	if r.Timestamp != nil && r.Timestamp.Pair == "" {
		if err := put(in, r.spotFor(in, r.time), r.now(in.At)); err != nil {
			return err
		}
	}
	for _, pieces := range r.signed {
		for _, p := range pieces {
			if p.path == nil || p.path[0].root != "header" {
				continue
			}
			if _, there, _ := newView(r, in).lookup(p.path); !there {
				in.Header.Set(p.path[0].segments[0], newID())
			}
		}
	}
	if r.Digest == nil || len(in.Body) == 0 {
		return nil
	}
	if form, err := newView(r, in).form(); err != nil || form != nil && r.Digest.Form {
		return err
	}
	return put(in, &r.digest[0], encodeText(r.Digest.Encoding, r.digestOf.digest(in.Body)))
}

func newID() string {
	var raw [12]byte
	rand.Read(raw[:]) // never fails: the runtime ends the program instead
	return "msg_" + hex.EncodeToString(raw[:])
}

func (r *rules) now(at time.Time) string {
	switch r.Timestamp.Unit {
	case "ms":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case "rfc3339":
		return at.UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// spotFor chooses between alternatives: a form for a form.
func (r *rules) spotFor(in *Incoming, p path) *spot {
	form, _ := newView(r, in).form()
	for i := range p {
		if (form != nil) == (p[i].root == "form") {
			return &p[i]
		}
	}
	return &p[0]
}

func (r *rules) sign(in *Incoming, k *key) error {
	place := &r.Signature[0]
	where := r.places[0]
	for i := range r.places { // Mailgun: the place in a form, or the one in JSON
		if form, _ := newView(r, in).form(); form != nil && r.places[i][0].root == "form" {
			place, where = &r.Signature[i], r.places[i]
		}
	}
	if r.Kind == kindToken && r.each == nil {
		if value, there, err := newView(r, in).lookup(where); err == nil && there && value == place.Prefix+k.secret {
			return nil // a body that is not JSON already holds it
		}
	}
	spot := *r.spotFor(in, where)
	if place.List == "numbered" {
		spot.segments = []string{spot.segments[0] + "-1"}
	}
	if r.each == nil {
		text, err := r.signatureOf(newView(r, in), place, k)
		if err != nil {
			return err
		}
		return put(in, &spot, text)
	}
	document, err := decodeJSON(in.Body)
	if err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	list, _ := walk(document, r.each[0].segments)
	items, _ := list.([]any)
	for _, item := range items {
		v := newView(r, in)
		v.item = item
		text, err := r.signatureOf(v, place, k)
		if err != nil {
			return err
		}
		if err := set(item, spot.segments, text); err != nil {
			return err
		}
	}
	return write(in, document)
}

func (r *rules) signatureOf(v *view, place *Place, k *key) (string, error) {
	if r.Kind == kindToken {
		return place.Prefix + k.secret, nil
	}
	v.secret = k.secret
	signed := r.signed[0]
	if r.Timestamp != nil && r.Timestamp.Pair != "" { // t=...,v1=...
		stamp := r.Timestamp.Pair + "=" + r.now(v.in.At)
		v.in.Header.Set(r.time[0].segments[0], stamp)
		text, err := v.render(signed)
		return stamp + "," + place.Pair + "=" + place.Prefix + encodeText(place.Encoding, r.sum(k, text)), err
	}
	text, err := v.render(signed)
	if err != nil {
		return "", err
	}
	return place.Prefix + k.prefix + encodeText(place.Encoding, r.sum(k, text)), nil
}

func encodeText(encoding string, raw []byte) string {
	switch encoding {
	case "base64":
		return base64.StdEncoding.EncodeToString(raw)
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	return hex.EncodeToString(raw)
}

// put writes a value where a path points.
func put(in *Incoming, s *spot, value string) error {
	switch s.root {
	case "header":
		in.Header.Set(s.segments[0], value)
		return nil
	case "query":
		u, err := url.Parse(in.URL)
		if err != nil {
			return errors.New("the URL cannot be read")
		}
		q := u.Query()
		q.Set(s.segments[0], value)
		u.RawQuery = q.Encode()
		in.URL = u.String()
		return nil
	case "form":
		return putForm(in, s.segments[0], value)
	}
	if form, err := decodeForm(in.Header.Get("Content-Type"), in.Body); err == nil && form != nil {
		return putForm(in, strings.Join(s.segments, "."), value)
	}
	document, err := decodeJSON(in.Body)
	if err != nil {
		return fmt.Errorf("the %s cannot be set, because the body is no JSON", s.words())
	}
	if err := set(document, s.segments, value); err != nil {
		return err
	}
	return write(in, document)
}

func putForm(in *Incoming, name, value string) error {
	form, err := url.ParseQuery(string(in.Body))
	if err != nil {
		return errors.New("the body is not a form")
	}
	form.Set(name, value)
	in.Body = []byte(form.Encode())
	return nil
}

// set makes the objects on its way; a list is entered at every item.
func set(value any, segments []string, text string) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := set(item, segments, text); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if len(segments) == 1 {
			v[segments[0]] = text
			return nil
		}
		if v[segments[0]] == nil {
			v[segments[0]] = map[string]any{}
		}
		return set(v[segments[0]], segments[1:], text)
	}
	return fmt.Errorf("the signature cannot be put at %s", strings.Join(segments, "."))
}

func write(in *Incoming, document any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil {
		return err
	}
	in.Body = bytes.TrimRight(b.Bytes(), "\n")
	return nil
}
