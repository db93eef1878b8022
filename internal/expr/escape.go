package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789ABCDEF"

// escape appends a value as its place wants it.
func (r *renderer) escape(dst []byte, v Value, p *part) []byte {
	switch r.place {
	case Text:
		return v.AppendText(dst)
	case JSON:
		return v.appendInner(dst)
	}
	r.scratch = v.AppendText(r.scratch[:0])
	var bad string
	switch r.place {
	case Path:
		dst = appendPercent(dst, r.scratch, false)
	case Query:
		dst = appendPercent(dst, r.scratch, false)
	case Form:
		dst = appendPercent(dst, r.scratch, true)
	case Header:
		dst, bad = appendHeader(dst, r.scratch)
	case XML:
		dst, bad = appendXML(dst, r.scratch, p.cdata)
	}
	if bad != "" {
		r.fail(&PlaceError{Place: r.place, Path: p.place.name, Detail: bad})
	}
	return dst
}

// AppendQuery appends text as a name or value of a URL's query: everything but unreserved characters in percent form.
func AppendQuery(dst []byte, text string) []byte { return appendPercent(dst, []byte(text), false) }

// appendPercent leaves only what RFC 3986 calls unreserved; a form writes a blank as +.
func appendPercent(dst, text []byte, form bool) []byte {
	for _, c := range text {
		switch {
		case isLetter(c), c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~' && !form, c == '*' && form:
			dst = append(dst, c)
		case c == ' ' && form:
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

// appendHeader lets nothing through that could end the header or hide in it.
func appendHeader(dst, text []byte) ([]byte, string) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if unicode.IsControl(r) {
			return dst, fmt.Sprintf("a header cannot hold the control character U+%04X", r)
		}
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			return dst, "a header cannot hold this character"
		}
		i += size
	}
	return append(dst, text...), ""
}

func checkHeaderTemplate(tokens []token) error {
	for _, t := range tokens {
		if t.kind != literalToken {
			continue
		}
		if _, bad := appendHeader(nil, []byte(t.text)); bad != "" {
			return &ParseError{t.offset, bad, "write the header's value on one line"}
		}
	}
	return nil
}

// appendJSONEscaped appends text as the inside of a JSON string. What is not UTF-8 becomes U+FFFD.
func appendJSONEscaped(dst []byte, text string) []byte {
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, text[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(append(dst, text[from:i]...), '\\')
		switch c {
		case '"', '\\':
			dst = append(dst, c)
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		default:
			dst = append(dst, 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(dst, text[from:]...)
}

// appendXML escapes for element text and quoted attributes alike. White space other than the blank is written as a
// reference, because attributes would lose it.
func appendXML(dst, text []byte, cdata bool) ([]byte, string) {
	if cdata {
		for _, r := range string(text) {
			if !xmlChar(r) {
				return dst, fmt.Sprintf("XML cannot hold the character U+%04X", r)
			}
		}
		return append(dst, strings.ReplaceAll(string(text), "]]>", "]]]]><![CDATA[>")...), ""
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch r {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\'':
			dst = append(dst, "&apos;"...)
		case '\n', '\r', '\t':
			dst = fmt.Appendf(dst, "&#%d;", r)
		default:
			if !xmlChar(r) {
				return dst, fmt.Sprintf("XML cannot hold the character U+%04X", r)
			}
			dst = utf8.AppendRune(dst, r)
		}
		i += size
	}
	return dst, ""
}

// xmlChar is the production Char of XML 1.0.
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0x10FFFF
}

// splitPairs cuts a query or form at its literal &; nil when it holds blocks, which may cut across pairs.
func splitPairs(parts []part) [][]part {
	pairs := [][]part{nil}
	for _, p := range parts {
		switch p.kind {
		case eachPart, ifPart:
			return nil
		case valuePart:
			pairs[len(pairs)-1] = append(pairs[len(pairs)-1], p)
		case literalPart:
			for i, piece := range strings.Split(p.literal, "&") {
				if i > 0 {
					pairs = append(pairs, nil)
				}
				if piece != "" {
					pairs[len(pairs)-1] = append(pairs[len(pairs)-1], part{kind: literalPart, literal: piece})
				}
			}
		}
	}
	return pairs
}
