package hub

import (
	"bytes"
	"testing"
	"unicode"
)

func TestShortenEndsWhereACharacterEnds(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"háček", 6, "háček"[:6] + "…"},
		{"háček", 7, "háček"},
		{"háček", 2, "h…"}, // the second letter has two bytes
		{"ab\xffcd", 9, "ab\xffcd"},
		{"ab\xffcd", 4, "abc…"},
		{"", 0, ""},
	} {
		if got := Shorten(c.text, c.most); got != c.want {
			t.Errorf("Shorten(%q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

// TestRule18_HiddenKnowsWhatSteersATerminal asks Unicode's own tables for everything that must be in the list.
func TestRule18_HiddenKnowsWhatSteersATerminal(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		steers := unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Join_Control, unicode.Zl, unicode.Zp)
		if steers && !Hidden(r) {
			t.Errorf("%U steers a terminal and is not hidden", r)
		}
	}
	for _, r := range "\u00ad\u034f\u180e\u200b\u2060\u2064\u206a\u3164\ufeff\ufff9\U000e0041" {
		if !Hidden(r) {
			t.Errorf("nobody sees %U, and it is not hidden", r)
		}
	}
	for _, r := range "aá中🙂❤\ufe0f \u00a0€\u0600" {
		if Hidden(r) {
			t.Errorf("%U is an ordinary character and is hidden", r)
		}
	}
}

// TestPlainFindsTheFirstSpecialByte puts every byte at every place of texts around the length of a step, and a second
// special one behind it.
func TestPlainFindsTheFirstSpecialByte(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				text := bytes.Repeat([]byte("a"), length)
				text[length-1], text[at] = '\n', byte(c)
				want := at
				if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
					want = length - 1
					if at == want {
						want = length
					}
				}
				for from := range at + 1 {
					if got := Plain(text, from); got != want {
						t.Fatalf("%q from %d: %d, want %d", text, from, got, want)
					}
				}
				if got := Plain(string(text), 0); got != want {
					t.Fatalf("%q: %d, want %d", text, got, want)
				}
			}
		}
	}
}
