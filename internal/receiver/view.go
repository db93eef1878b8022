package receiver

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"hacek/internal/expr"
)

var byteOrderMark = []byte("\xEF\xBB\xBF")

// decode is the JSON view of a body. What claims to be JSON or XML and is not is an error that says where it stops
// being so; every other body has a view.
func decode(contentType string, body []byte, query url.Values) (expr.Doc, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return viewOf(appendForm(nil, fieldsOf(query)))
	}
	switch {
	case kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"):
		return decodeJSON(body)
	case kind == "application/xml", kind == "text/xml", strings.HasSuffix(kind, "+xml"):
		return decodeXML(body, params["charset"])
	case kind == "multipart/form-data":
		return decodeMultipart(body, params["boundary"])
	}
	// Plain text, no type and the wrong type often hold JSON all the same.
	if first := firstByte(body); first == '{' || first == '[' {
		if doc, err := decodeJSON(body); err == nil {
			return doc, nil
		}
	}
	switch {
	case kind == "application/x-www-form-urlencoded":
		return viewOf(appendForm(nil, parseForm(body, params["charset"])))
	case firstByte(body) == '<' && !strings.HasPrefix(kind, "text/h"):
		if doc, err := decodeXML(body, params["charset"]); err == nil {
			return doc, nil
		}
	}
	return fallback(body, params["charset"])
}

// fallback is the view of what is neither JSON nor XML nor a form: {"text": ...}, or {"base64": ...} of bytes that are
// no text.
func fallback(body []byte, charset string) (expr.Doc, error) {
	if text, ok := plainText(body, charset); ok {
		return viewOf(append(appendString([]byte(`{"text":`), text), '}'))
	}
	b := append([]byte(`{"base64":"`), base64.StdEncoding.EncodeToString(body)...)
	return viewOf(append(b, `"}`...))
}

func viewOf(made []byte) (expr.Doc, error) {
	doc, err := expr.ParseDoc(made)
	if err != nil {
		return expr.Doc{}, fmt.Errorf("the body cannot be shown as JSON: %w", err)
	}
	return doc, nil
}

func decodeJSON(body []byte) (expr.Doc, error) {
	doc, err := expr.ParseDoc(bytes.TrimPrefix(body, byteOrderMark))
	if err != nil {
		return expr.Doc{}, fmt.Errorf("the body is %w", err) // "not JSON: ... at byte n"
	}
	return doc, nil
}

// plainText reads bytes as text where they are one; NUL and its like belong to no text.
func plainText(body []byte, charset string) (string, bool) {
	text := inUTF8(bytes.TrimPrefix(body, byteOrderMark), charset)
	if !utf8.Valid(text) {
		return "", false
	}
	for _, c := range text {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != '\v' {
			return "", false
		}
	}
	return string(text), true
}

// inUTF8 turns another character set into UTF-8 where the sender named one; what is UTF-8 already stays as it is.
func inUTF8(body []byte, charset string) []byte {
	if bytes.HasPrefix(body, []byte("\xFE\xFF")) || bytes.HasPrefix(body, []byte("\xFF\xFE")) {
		if text, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(body); err == nil {
			return text
		}
	}
	if utf8.Valid(body) {
		return body
	}
	if known := charsetOf(charset); known != nil {
		if text, err := known.NewDecoder().Bytes(body); err == nil {
			return text
		}
	}
	return body
}

func charsetOf(name string) encoding.Encoding {
	known, err := htmlindex.Get(strings.TrimSpace(name))
	if err != nil {
		return nil
	}
	return known
}

func firstByte(body []byte) byte {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, byteOrderMark), " \t\r\n")
	if len(body) == 0 {
		return 0
	}
	return body[0]
}

// appendString writes a text as JSON, whatever bytes are in it.
func appendString(dst []byte, text string) []byte {
	return expr.TextValue(strings.ToValidUTF8(text, "\uFFFD")).AppendJSON(dst)
}
