package hub

import (
	"math/bits"
	"strings"
	"unicode"
)

// Shorten cuts a text to at most so many bytes, where a character ends, and says so with "…". Bytes that are no
// character are left out of a text that is cut.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Hidden knows what must not reach a terminal, a page, a mail or a log as it is: control characters, line feeds and tabs
// among them, the marks that turn the direction of text, what nobody sees, and the separators some viewers take for a
// line's end.
func Hidden(r rune) bool {
	if r < 0x300 { // the letters of our languages
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xad
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r) // Arabic signs before a number, which are seen
}

// Plain is the place of the first byte from i on that a JSON text cannot hold as it is: anything but printable ASCII, and
// quote and backslash. It is len(s) when there is none. Eight bytes are looked at in one step, for every delivery asks.
func Plain[T string | []byte](s T, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for rest := s[i:]; len(rest) >= 8; i, rest = i+8, rest[8:] {
		x := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		quote, slash, erase := x^'"'*ones, x^'\\'*ones, x^0x7f*ones
		special := (x-' '*ones)&^x | (quote-ones)&^quote | (slash-ones)&^slash | (erase-ones)&^erase | x
		if special &= tops; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			break
		}
	}
	return i
}
