// Package expr reads JSON documents without changing a byte of them, fills `#path#` templates for every place of a
// request, and judges CEL conditions: compiled once, evaluated on each event.
// It must not know databases, HTTP, files or the time of day; whatever it evaluates arrives as an argument.
package expr

import (
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep a document or a JSON template may nest.
const MaxDepth = 256

// Doc is one JSON text, checked once and kept byte for byte. The bytes must not change while the Doc is in use.
type Doc struct{ value Value }

// SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	Offset int // in bytes
	Detail string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not JSON: %s at byte %d", e.Detail, e.Offset)
}

// ParseDoc checks raw in one pass and keeps it. Where an object has a key twice the last one counts, as for the
// parsers that will read the document after us.
func ParseDoc(raw []byte) (Doc, error) {
	start, end, err := checkJSON(raw)
	if err != nil {
		return Doc{}, err
	}
	return Doc{jsonValue(raw[start:end:end])}, nil
}

// Raw is the document without the white space around it.
func (d Doc) Raw() []byte { return d.value.raw }

// Doc is a value of a document as a document of its own, without reading it again; a plain text has none.
func (v Value) Doc() Doc {
	if v.raw == nil {
		return Doc{}
	}
	return Doc{v}
}

// Value is the whole document.
func (d Doc) Value() Value { return d.value }

// Lookup finds one place of the document, such as `order.lines[0].sku`.
func (d Doc) Lookup(path string) (Value, bool) {
	segments, err := parsePath(path)
	if err != nil {
		return Value{}, false
	}
	return d.value.follow(segments)
}

const (
	wantValue = iota
	wantValueOrClose
	wantKey
	wantKeyOrClose
	wantNext
)

// checkJSON holds no more state than one bit per open bracket, so that no input can exhaust the stack.
func checkJSON(b []byte) (start, end int, err error) {
	if !utf8.Valid(b) {
		return 0, 0, &SyntaxError{invalidUTF8(b), "a byte that is not UTF-8"}
	}
	var object [MaxDepth + 1]bool
	depth, want := 0, wantValue
	i := skipSpace(b, 0)
	start = i
	for {
		i = skipSpace(b, i)
		if i == len(b) {
			return 0, 0, &SyntaxError{i, "the text ends too early"}
		}
		c := b[i]
		switch want {
		case wantKey, wantKeyOrClose:
			if c == '}' && want == wantKeyOrClose {
				i, depth, want = i+1, depth-1, wantNext
				break
			}
			if c != '"' {
				return 0, 0, &SyntaxError{i, "a name in double quotes is missing"}
			}
			if i, err = checkString(b, i); err != nil {
				return 0, 0, err
			}
			i = skipSpace(b, i)
			if i == len(b) || b[i] != ':' {
				return 0, 0, &SyntaxError{i, "a colon is missing"}
			}
			i, want = i+1, wantValue
			continue
		case wantValue, wantValueOrClose:
			switch {
			case c == ']' && want == wantValueOrClose:
				i, depth, want = i+1, depth-1, wantNext
			case c == '{' || c == '[':
				if depth == MaxDepth {
					return 0, 0, &SyntaxError{i, fmt.Sprintf("nested deeper than %d", MaxDepth)}
				}
				depth++
				object[depth] = c == '{'
				want = wantValueOrClose
				if c == '{' {
					want = wantKeyOrClose
				}
				i++
				continue
			default:
				if i, err = checkScalar(b, i); err != nil {
					return 0, 0, err
				}
				want = wantNext
			}
		case wantNext:
			switch {
			case c == ',' && object[depth]:
				want = wantKey
			case c == ',':
				want = wantValue
			case c == '}' && object[depth], c == ']' && !object[depth]:
				depth--
			case object[depth]:
				return 0, 0, &SyntaxError{i, "a comma or } is missing"}
			default:
				return 0, 0, &SyntaxError{i, "a comma or ] is missing"}
			}
			i++
		}
		if depth == 0 {
			end = i
			if i = skipSpace(b, i); i != len(b) {
				return 0, 0, &SyntaxError{i, "something follows the end of the document"}
			}
			return start, end, nil
		}
	}
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}

func checkScalar(b []byte, i int) (int, error) {
	switch c := b[i]; {
	case c == '"':
		return checkString(b, i)
	case c == '-' || c >= '0' && c <= '9':
		return checkNumber(b, i)
	case c == 't':
		return checkWord(b, i, "true")
	case c == 'f':
		return checkWord(b, i, "false")
	case c == 'n':
		return checkWord(b, i, "null")
	}
	if b[i] == 0xEF {
		return 0, &SyntaxError{i, "a byte order mark or a stray character"}
	}
	return 0, &SyntaxError{i, "a value is missing"}
}

func checkWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return 0, &SyntaxError{i, "an unknown word (true, false and null are known)"}
	}
	return i + len(word), nil
}

func checkNumber(b []byte, i int) (int, error) {
	start := i
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0, &SyntaxError{start, "a number without digits"}
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return 0, &SyntaxError{start, "a number without digits after its point"}
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0, &SyntaxError{start, "a number without digits in its exponent"}
		}
	}
	return i, nil
}

func checkString(b []byte, i int) (int, error) {
	start := i
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < 0x20:
			return 0, &SyntaxError{i, "a control character inside a text"}
		case c == '\\':
			i++
			if i == len(b) {
				continue
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					i++
					if i == len(b) || !isHex(b[i]) {
						return 0, &SyntaxError{start, "a \\u without four hexadecimal digits"}
					}
				}
			default:
				return 0, &SyntaxError{i, "an unknown escape"}
			}
		}
	}
	return 0, &SyntaxError{start, "a text without its closing quote"}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
