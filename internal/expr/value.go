package expr

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Kind is what a value is.
type Kind uint8

const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"absent", "null", "bool", "number", "text", "list", "object"}[k]
}

// Value is one place of a document, still unread JSON, or a plain text that never was JSON.
type Value struct {
	kind Kind
	raw  []byte // checked JSON without white space around it; nil for a plain text
	text string
}

// TextValue is a plain text.
func TextValue(text string) Value { return Value{kind: String, text: text} }

// NumberValue is a whole number of ours, such as a status.
func NumberValue(n int64) Value {
	return Value{kind: Number, raw: strconv.AppendInt(nil, n, 10)}
}

// jsonValue takes bytes that were checked before.
func jsonValue(raw []byte) Value {
	kind := Number
	switch raw[0] {
	case '{':
		kind = Object
	case '[':
		kind = Array
	case '"':
		kind = String
	case 't', 'f':
		kind = Bool
	case 'n':
		kind = Null
	}
	return Value{kind: kind, raw: raw}
}

func (v Value) Kind() Kind { return v.kind }

// Text is the value as a person reads it: texts without quotes, numbers as they were written, lists and objects as
// compact JSON, nothing for null and absent.
func (v Value) Text() string {
	if v.kind == String {
		if v.raw == nil {
			return v.text
		}
		return unquote(v.raw)
	}
	return string(v.AppendText(nil))
}

// AppendText appends what Text returns.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Absent, Null:
		return dst
	case String:
		if v.raw == nil {
			return append(dst, v.text...)
		}
		inner := v.raw[1 : len(v.raw)-1]
		if bytes.IndexByte(inner, '\\') < 0 {
			return append(dst, inner...)
		}
		return append(dst, unquote(v.raw)...)
	case Array, Object:
		return appendCompact(dst, v.raw)
	}
	return append(dst, v.raw...)
}

// AppendJSON appends the value as JSON; absent becomes null.
func (v Value) AppendJSON(dst []byte) []byte {
	switch {
	case v.kind == Absent:
		return append(dst, "null"...)
	case v.raw == nil:
		dst = append(dst, '"')
		dst = appendJSONEscaped(dst, v.text)
		return append(dst, '"')
	}
	return append(dst, v.raw...)
}

// appendInner appends the value as the inside of a JSON string.
func (v Value) appendInner(dst []byte) []byte {
	switch v.kind {
	case Absent, Null:
		return dst
	case String:
		if v.raw != nil { // escaped already, by the sender's own hand
			return append(dst, v.raw[1:len(v.raw)-1]...)
		}
		return appendJSONEscaped(dst, v.text)
	case Array, Object:
		return appendJSONEscaped(dst, string(appendCompact(nil, v.raw)))
	}
	return append(dst, v.raw...)
}

// Field is the member of an object.
func (v Value) Field(name string) (Value, bool) {
	if v.kind != Object {
		return Value{}, false
	}
	return findMember(v.raw, name)
}

// Index is the item of a list.
func (v Value) Index(n int) (Value, bool) {
	if v.kind != Array || n < 0 {
		return Value{}, false
	}
	for item := range v.Items() {
		if n == 0 {
			return item, true
		}
		n--
	}
	return Value{}, false
}

// Items ranges over a list.
func (v Value) Items() func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		if v.kind != Array {
			return
		}
		b := v.raw
		for i := skipSpace(b, 1); b[i] != ']'; {
			end := skipValue(b, i)
			if !yield(jsonValue(b[i:end:end])) {
				return
			}
			if i = skipSpace(b, end); b[i] == ',' {
				i = skipSpace(b, i+1)
			}
		}
	}
}

// Members ranges over an object in its own order; name is raw JSON with its quotes.
func (v Value) Members() func(yield func(name []byte, member Value) bool) {
	return func(yield func([]byte, Value) bool) {
		if v.kind != Object {
			return
		}
		b := v.raw
		for i := skipSpace(b, 1); b[i] != '}'; {
			nameEnd := skipString(b, i)
			at := skipSpace(b, skipSpace(b, nameEnd)+1)
			end := skipValue(b, at)
			if !yield(b[i:nameEnd:nameEnd], jsonValue(b[at:end:end])) {
				return
			}
			if i = skipSpace(b, end); b[i] == ',' {
				i = skipSpace(b, i+1)
			}
		}
	}
}

// True tells whether `#if#` takes the value for yes.
func (v Value) True() bool {
	switch v.kind {
	case Absent, Null:
		return false
	case Bool:
		return v.raw[0] == 't'
	case String:
		return v.raw == nil && v.text != "" || len(v.raw) > 2
	case Array, Object:
		return skipSpace(v.raw, 1) != len(v.raw)-1
	}
	return true
}

// findMember walks the object once; the last member of that name counts.
func findMember(b []byte, name string) (Value, bool) {
	from, to := 0, 0
	for i := skipSpace(b, 1); b[i] != '}'; {
		nameEnd := skipString(b, i)
		at := skipSpace(b, skipSpace(b, nameEnd)+1)
		end := skipValue(b, at)
		if sameName(b[i:nameEnd], name) {
			from, to = at, end
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	if to == 0 {
		return Value{}, false
	}
	return jsonValue(b[from:to:to]), true
}

func sameName(quoted []byte, name string) bool {
	inner := quoted[1 : len(quoted)-1]
	if string(inner) == name {
		return true
	}
	return len(inner) > len(name) && bytes.IndexByte(inner, '\\') >= 0 && unquote(quoted) == name
}

// skipString returns the place behind the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; ; {
		i += bytes.IndexByte(b[i:], '"')
		if b[i-1] != '\\' || !escaped(b, i) {
			return i + 1
		}
		i++
	}
}

// escaped tells whether an odd number of backslashes stands before i; some opening quote ends the count.
func escaped(b []byte, i int) bool {
	n := 0
	for b[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// skipValue returns the place behind the value that begins at i; b was checked before.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		for depth := 0; ; {
			switch b[i] {
			case '"':
				i = skipString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}

func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		panic("BUG: a checked JSON string does not decode: " + err.Error())
	}
	return text
}

func appendCompact(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch raw[i] {
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			end := skipString(raw, i)
			dst = append(dst, raw[i:end]...)
			i = end
		default:
			dst = append(dst, raw[i])
			i++
		}
	}
	return dst
}
