package signature

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Incoming is one request as it came.
type Incoming struct {
	Method string
	URL    string // the registered public address and the query as it came
	Header http.Header
	Body   []byte // the bytes that were signed: decompressed if the content was
	// Settings are the source's: webhook_id, topic_arns, version, tolerance ...
	Settings map[string]string
	At       time.Time // of receipt
	// Certificates is the PEM file at the address that Certificate gave.
	Certificates []byte
	// Roots are the issuers to trust for a fetched certificate; nil is those of the machine.
	Roots *x509.CertPool
	// Terse leaves out the search for the reason behind a signature that does not fit. It is for floods.
	Terse bool
}

// view is one request while it is looked at. Parsing is done once, and only when a path needs it.
type view struct {
	rules  *rules
	in     *Incoming
	body   []byte
	url    string
	secret string
	item   any

	parsed   bool
	document any
	fields   url.Values
	problem  error
	query    url.Values
}

func newView(r *rules, in *Incoming) *view {
	return &view{rules: r, in: in, body: in.Body, url: in.URL}
}

// with is the view of the same request with another body or address.
func (v *view) with(body []byte, address string) *view {
	return &view{rules: v.rules, in: v.in, body: body, url: address, secret: v.secret, item: v.item}
}

func (v *view) parse() error {
	if v.parsed {
		return v.problem
	}
	v.parsed = true
	if v.fields, v.problem = decodeForm(v.in.Header.Get("Content-Type"), v.body); v.fields == nil && v.problem == nil {
		start := bytes.TrimLeft(bytes.TrimPrefix(v.body, []byte("\ufeff")), " \t\r\n")
		switch {
		case len(start) == 0:
		case start[0] == '<':
			v.document, v.problem = decodeXML(v.body)
		case start[0] == '{' || start[0] == '[':
			v.document, v.problem = decodeJSON(v.body)
		}
	}
	if v.problem != nil {
		v.problem = fmt.Errorf("the body cannot be read, so the signed fields are not found: %w", v.problem)
	}
	return v.problem
}

// form is the body as a form, nil when it is none.
func (v *view) form() (url.Values, error) {
	err := v.parse()
	return v.fields, err
}

// lookup finds a value. A name that stands twice is an error, because two readers might take different ones.
func (v *view) lookup(p path) (value string, there bool, err error) {
	for i := range p {
		if value, there, err = v.find(&p[i]); there || err != nil {
			return value, there, err
		}
	}
	return "", false, nil
}

func (v *view) find(one *spot) (string, bool, error) {
	switch one.root {
	case "header":
		return single(one, v.header(one.segments[0]))
	case "query":
		return single(one, v.parameters()[one.segments[0]])
	case "setting":
		value := v.in.Settings[one.segments[0]]
		return value, value != "", nil
	case "form":
		form, err := v.form()
		if err != nil {
			return "", false, err
		}
		return single(one, form[one.segments[0]])
	}
	found, err := v.node(one)
	if err != nil {
		return "", false, err
	}
	if form, is := found.(url.Values); is {
		return single(one, form[strings.Join(one.segments, ".")])
	}
	text, there, plain := scalar(found)
	if !plain {
		return "", false, fmt.Errorf("the %s is not a plain value", one.words())
	}
	return text, there, nil
}

// node is what stands at a path of the body or the item; a form stands for itself.
func (v *view) node(one *spot) (any, error) {
	if one.root == "item" {
		return walk(v.item, one.segments)
	}
	if err := v.parse(); err != nil {
		return nil, err
	}
	if v.fields != nil {
		return v.fields, nil
	}
	return walk(v.document, one.segments)
}

func single(one *spot, values []string) (string, bool, error) {
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	}
	return "", true, fmt.Errorf("the %s stands there %d times", one.words(), len(values))
}

// header collects every field of that name, however it is written.
func (v *view) header(name string) []string {
	var all []string
	for key, values := range v.in.Header {
		if strings.EqualFold(key, name) {
			all = append(all, values...)
		}
	}
	return all
}

func (v *view) parameters() url.Values {
	if v.query == nil {
		_, query, _ := strings.Cut(v.url, "?")
		v.query, _ = url.ParseQuery(query) // what cannot be read is not there
		if v.query == nil {
			v.query = url.Values{}
		}
	}
	return v.query
}

// timestamp is the text of the time of signing, as it stands in the request.
func (v *view) timestamp() (string, error) {
	t := v.rules.Timestamp
	if t == nil {
		return "", errors.New("the scheme has no timestamp")
	}
	value, there, err := v.lookup(v.rules.time)
	switch {
	case err != nil:
		return "", err
	case !there:
		return "", fmt.Errorf("there is no %s", v.rules.time.words())
	case value == "":
		return "", fmt.Errorf("the %s is empty", v.rules.time.words())
	case t.Pair == "":
		return value, nil
	}
	found, times := "", 0
	for part := range strings.SplitSeq(value, ",") {
		if name, text, ok := strings.Cut(strings.TrimSpace(part), "="); ok && name == t.Pair {
			found, times = text, times+1
		}
	}
	switch times {
	case 0:
		return "", fmt.Errorf("the %s has no part %s=", v.rules.time.words(), t.Pair)
	case 1:
		return found, nil
	}
	return "", fmt.Errorf("the %s has %d parts %s=", v.rules.time.words(), times, t.Pair)
}
