package web

import (
	"strings"

	"hacek/internal/hub"
)

// visible writes what nobody sees as signs one can see: a text of somebody else must not turn a line round, hide in it or
// end it unseen (rule 18). Line feeds and tabs stay.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20:
			return 0x2400 + r // the pictures of the control codes
		case r == 0x7f:
			return '␡'
		case hub.Hidden(r):
			return '�'
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}

// longText is how much of a text a page shows at once, in characters.
const longText = 2_000

// Cut is a text that is shown in part, with a way to see all of it up to a cap.
type Cut struct {
	Text, Rest string
	More       bool // there is a rest
	Gone       bool // even the rest is cut
}

// cut shortens a text for a page: what is beyond the cap is not sent to the browser at all.
func cut(text string) Cut {
	const most = 100_000
	runes := []rune(visible(text))
	c := Cut{Text: string(runes[:min(len(runes), longText)])}
	if len(runes) > longText {
		c.More, c.Gone = true, len(runes) > most
		c.Rest = string(runes[longText:min(len(runes), most)])
	}
	return c
}
