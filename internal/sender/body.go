package sender

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

type bodyKind int

const (
	noBody bodyKind = iota
	standardBody
	templateBody
)

// body is how the request's content is made.
type body struct {
	kind        bodyKind
	contentType string // as sent, with its charset
	place       expr.Place
	template    *expr.Template
	fields      *[]string // nil: all of data
	tail        []byte    // what follows the data in the standard envelope
	charset     string
	encoding    encoding.Encoding // nil: UTF-8
	compress    bool
}

func (c *compiler) compileBody() {
	r := &c.e.Request
	b := &c.body
	kind := r.Payload
	if kind == "" || kind == hub.PayloadStandard && r.Body != nil {
		kind = hub.PayloadStandard
		if r.Body != nil {
			kind = hub.PayloadTemplate
		}
	}
	switch kind {
	case hub.PayloadNone:
		return
	case hub.PayloadStandard:
		b.kind = standardBody
		if c.method == "GET" {
			b.kind = noBody // a GET carries its data in the address
			return
		}
	case hub.PayloadTemplate:
		b.kind = templateBody
		switch {
		case r.Body == nil:
			c.problems.Add("/request/body", "is missing: the payload is to be made from it")
			return
		case c.method == "GET":
			c.problems.Add("/request/method", "GET carries no body: choose POST, PUT, PATCH or DELETE, or remove the body")
			return
		}
	default:
		c.problems.Add("/request/payload", "%q is not known: choose standard, template or none", r.Payload)
		return
	}
	media, charset := c.contentType()
	b.place = placeOf(media)
	b.compress = r.Compress
	b.charset = charset
	b.contentType = media
	if b.place != expr.JSON || charset != "utf-8" {
		b.contentType += "; charset=" + charset
	}
	if charset != "utf-8" {
		enc, err := ianaindex.IANA.Encoding(charset)
		if err != nil || enc == nil {
			c.problems.Add("/request/charset", "%q is not known: utf-8, windows-1250, iso-8859-1, iso-8859-2 and others are", charset)
		}
		b.encoding = enc
	}
	if b.kind == standardBody {
		if b.place != expr.JSON {
			c.problems.Add("/request/content_type", "the standard payload is JSON; for %s write a body of your own", media)
		}
		b.fields = r.Fields
		b.tail = c.envelopeTail()
		return
	}
	t, err := expr.ParseTemplate(*r.Body, b.place)
	if err != nil {
		c.templateProblem("/request/body", err)
		return
	}
	b.template = t
	c.uses("/request/body", t.Paths())
}

func placeOf(media string) expr.Place {
	media, _, _ = strings.Cut(media, ";")
	switch {
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return expr.JSON
	case media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml"):
		return expr.XML
	case media == "application/x-www-form-urlencoded":
		return expr.Form
	}
	return expr.Text
}

func (c *compiler) envelopeTail() []byte {
	if len(c.attributes) == 0 {
		return []byte("}")
	}
	tail := []byte(`,"attributes":{`)
	for i, a := range c.attributes {
		if i > 0 {
			tail = append(tail, ',')
		}
		tail = appendString(tail, a.name)
		tail = append(tail, ':')
		tail = appendString(tail, a.value)
	}
	return append(tail, "}}"...)
}

func (b *body) render(c *Compiled, out *outgoing, scope *expr.Scope, call *Call) error {
	switch b.kind {
	case noBody:
		return nil
	case standardBody:
		if err := b.envelope(out, call); err != nil {
			return err
		}
	case templateBody:
		if scope == nil {
			scope = expr.NewScope()
		}
		text, err := b.template.Render(make([]byte, 0, 1024), scope, c.missing)
		if err != nil {
			return err
		}
		out.body = text
	}
	if b.encoding != nil {
		text, err := b.convert(out.body)
		if err != nil {
			return err
		}
		out.body, out.dataAt, out.dataLen = text, 0, 0
	}
	if b.compress {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(out.body); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		out.body, out.dataAt, out.dataLen = z.Bytes(), 0, 0
	}
	return nil
}

// envelope is the standard payload; the event's data stand in it byte for byte.
func (b *body) envelope(out *outgoing, call *Call) error {
	e := call.Event
	data := e.Data
	if len(data) == 0 {
		data = []byte("null")
	}
	bare := b.fields != nil && len(*b.fields) == 0
	if b.fields != nil && !bare {
		doc, err := expr.ParseDoc(data)
		if err != nil {
			return fmt.Errorf("the event's data: %w", err)
		}
		data = expr.Select(doc, *b.fields)
	}
	text := make([]byte, 0, 160+len(e.Type)+len(e.Key)+len(data)+len(b.tail))
	text = append(text, `{"id":"`...)
	text = append(text, call.eventID()...)
	text = append(text, `","type":`...)
	text = appendString(text, e.Type)
	text = append(text, `,"time":"`...)
	text = hub.AppendTime(text, e.Time)
	text = append(text, `","key":`...)
	if e.Key == "" {
		text = append(text, "null"...)
	} else {
		text = appendString(text, e.Key)
	}
	if !bare {
		text = append(text, `,"data":`...)
		out.dataAt = len(text)
		text = append(text, data...)
		if b.fields == nil {
			out.dataLen = len(data)
		} else {
			out.dataAt = 0
		}
	}
	out.body = append(text, b.tail...)
	return nil
}

// appendString appends a text as JSON. Most need no escape.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := marshalPlain(s)
			if err != nil {
				panic("BUG: a text is not JSON: " + err.Error())
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func marshalPlain(s string) ([]byte, error) {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	err := w.Encode(s)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// convert writes a body in its charset. A character that the charset lacks is an error: a question mark in its place
// would be a silent change of somebody's name.
func (b *body) convert(text []byte) ([]byte, error) {
	if b.place == expr.Form {
		return b.convertForm(text)
	}
	out, err := b.encoding.NewEncoder().Bytes(text)
	if err != nil {
		return nil, b.unmappable(text)
	}
	return out, nil
}

func (b *body) unmappable(text []byte) error {
	for _, r := range string(text) {
		if _, err := b.encoding.NewEncoder().String(string(r)); err != nil {
			return fmt.Errorf("the character %q (U+%04X) does not exist in %s", r, r, b.charset)
		}
	}
	return fmt.Errorf("it cannot be written in %s", b.charset)
}

// convertForm re-encodes the percent-encoded characters of a form, which were UTF-8, in the charset.
func (b *body) convertForm(text []byte) ([]byte, error) {
	var out, run []byte
	flush := func() error {
		if len(run) == 0 {
			return nil
		}
		converted, err := b.encoding.NewEncoder().Bytes(run)
		if err != nil {
			return b.unmappable(run)
		}
		for _, c := range converted {
			out = fmt.Appendf(out, "%%%02X", c)
		}
		run = run[:0]
		return nil
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		size := 1
		if c == '%' && i+2 < len(text) && slices.Contains([]byte("89abcdefABCDEF"), text[i+1]) {
			var v byte
			if _, err := fmt.Sscanf(string(text[i+1:i+3]), "%02x", &v); err == nil {
				c, size = v, 3
			}
		}
		if c >= utf8.RuneSelf {
			run = append(run, c)
			i += size - 1
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return out, nil
}
