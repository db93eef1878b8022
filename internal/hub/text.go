package hub

import "strings"

// Shorten cuts a text to at most so many bytes, where a character ends, and says so with "…". Bytes that are no
// character are left out of a text that is cut.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Hidden knows what must not reach a terminal, a page or a log as it is: control characters, line feeds and tabs among
// them, the marks that turn the direction of text, what has no width, and the separators some viewers take for a
// line's end.
func Hidden(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0xFEFF, r == 0x061C:
		return true
	case r >= 0x200B && r <= 0x200F, r >= 0x2028 && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}
