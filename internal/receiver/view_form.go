package receiver

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hacek/internal/expr"
)

// maxParts is how many parts a multipart body may have.
const maxParts = 1000

// formField is one name with its values as JSON, in the order they came.
type formField struct {
	name   string
	values [][]byte
}

// form keeps the order of names and every repetition.
type form struct {
	fields []formField
	at     map[string]int
}

func (f *form) add(name string, value []byte) {
	if f.at == nil {
		f.at = map[string]int{}
	}
	i, known := f.at[name]
	if !known {
		i = len(f.fields)
		f.at[name] = i
		f.fields = append(f.fields, formField{name: name})
	}
	f.fields[i].values = append(f.fields[i].values, value)
}

// parseForm reads name=value pairs. A pair with a broken escape stays as it was written.
func parseForm(body []byte, charset string) []formField {
	var f form
	for pair := range strings.SplitSeq(string(bytes.TrimSpace(bytes.TrimPrefix(body, byteOrderMark))), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		f.add(unescape(name, charset), appendString(nil, unescape(value, charset)))
	}
	return f.fields
}

func unescape(text, charset string) string {
	plain, err := url.QueryUnescape(text)
	if err != nil {
		plain = text
	}
	return string(inUTF8([]byte(plain), charset))
}

// fieldsOf lists a query by name.
func fieldsOf(query url.Values) []formField {
	var f form
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			f.add(name, appendString(nil, value))
		}
	}
	return f.fields
}

// appendForm writes one object: a field that came once is its value, one that came several times a list.
func appendForm(dst []byte, fields []formField) []byte {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, f.name), ':')
		if len(f.values) == 1 {
			dst = append(dst, f.values[0]...)
			continue
		}
		dst = append(dst, '[')
		dst = append(dst, bytes.Join(f.values, []byte{','})...)
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// decodeMultipart reads fields like those of a form, and files as {"filename","content_type","size"} with "text" or
// "base64".
func decodeMultipart(body []byte, boundary string) (expr.Doc, error) {
	if boundary == "" || len(boundary) > 200 {
		return expr.Doc{}, errors.New("the body is multipart, but its Content-Type names no boundary")
	}
	// The reader takes a body that ends in the middle of a header for a whole one.
	if !bytes.Contains(body, []byte("--"+boundary+"--")) {
		return expr.Doc{}, errors.New("the multipart body ends too early")
	}
	var f form
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return viewOf(appendForm(nil, f.fields))
		}
		if err != nil {
			return expr.Doc{}, fmt.Errorf("part %d of the multipart body cannot be read: it ends too early, or its header is broken", n+1)
		}
		if n == maxParts {
			return expr.Doc{}, fmt.Errorf("the multipart body has more than %d parts", maxParts)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return expr.Doc{}, fmt.Errorf("part %d of the multipart body ends too early", n+1)
		}
		f.add(part.FormName(), appendPart(part, content))
	}
}

func appendPart(part *multipart.Part, content []byte) []byte {
	text, isText := plainText(content, "")
	if part.FileName() == "" && isText {
		return appendString(nil, text)
	}
	b := appendString([]byte(`{"filename":`), part.FileName())
	b = appendString(append(b, `,"content_type":`...), part.Header.Get("Content-Type"))
	b = append(b, `,"size":`+strconv.Itoa(len(content))...)
	if isText && utf8.ValidString(text) {
		return append(appendString(append(b, `,"text":`...), text), '}')
	}
	return append(appendString(append(b, `,"base64":`...), base64.StdEncoding.EncodeToString(content)), '}')
}
