package locale

import (
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// saying is one English sentence as the code has it, cut at its placeholders, and what it is in one language.
type saying struct {
	pieces  []string // the text around the placeholders {1}, {2}, ...
	letters int      // bytes of all pieces: of several that fit, the longest says most
	message message
}

// Bounds of one translation. What is longer quotes somebody at length, and what has more parts was never ours.
const (
	longestSentence = 16 << 10
	mostParts       = 60
)

// Sentence is a text that the program said in English, such as an error, a hint or a reason, in the language;
// docs/console.md says where its translations are. What others said inside it, and whatever is not known, comes back
// as it is.
func (l Language) Sentence(english string) string {
	l = l.known()
	if l == English || len(english) > longestSentence {
		return english
	}
	return embeddedSentences()[l].speak(l, english)
}

// Condition is Sentence for the reason of a condition that stands alone.
func (l Language) Condition(english string) string {
	l = l.known()
	if l == English || len(english) > longestSentence {
		return english
	}
	speaker := speaker{sentences: embeddedSentences()[l], language: l, conditional: true, left: mostParts}
	said, _ := speaker.say(english)
	return said
}

func (s *sentences) speak(l Language, english string) string {
	speaker := speaker{sentences: s, language: l, conditional: strings.Contains(english, "condition"), left: mostParts}
	said, _ := speaker.say(english)
	return said
}

// speaker translates one text.
type speaker struct {
	*sentences
	language    Language
	conditional bool // the text speaks of a condition
	left        int  // parts that may still be looked up
}

// say translates a text or a part of one; known tells whether any of it could be.
func (s *speaker) say(text string) (said string, known bool) {
	if s.left--; s.left < 0 || inQuotes(text) {
		return text, false
	}
	if best, captured := s.best(text); best != nil {
		values := map[string]string{}
		for i, value := range captured {
			values[strconv.Itoa(i+1)], _ = s.say(value)
		}
		return best.fill(s.language, captured, values), true
	}
	// Parts that the code has put together: a list, a place before what is wrong there, a name before what it is.
	for _, between := range []string{"; ", ": "} {
		if left, right, both := cutUnquoted(text, between); both {
			left, leftKnown := s.say(left)
			right, rightKnown := s.say(right)
			if leftKnown || rightKnown {
				return left + between + right, true
			}
		}
	}
	if name, rest, both := strings.Cut(text, " "); both {
		if best, _ := s.find(rest); best != nil {
			rest, _ = s.say(rest)
			return name + " " + rest, true
		}
	}
	return text, false
}

// joined are the reasons of a condition with "or": each by itself.
const joined, join = "{1}, and {2}", ", and "

// best is the saying for a text, with what stands in its placeholders.
func (s *speaker) best(text string) (*saying, []string) {
	best, captured := s.find(text)
	if best != nil || !s.conditional || s.conditions == nil {
		return best, captured
	}
	if left, right, both := strings.Cut(text, join); both && s.conditions.texts[joined] != nil {
		return &saying{message: s.conditions.texts[joined]}, []string{left, right}
	}
	return s.conditions.find(text)
}

// inQuotes tells whether a text is one quotation: a name, a word of an event, what a server answered, what a person wrote.
func inQuotes(text string) bool {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return false
	}
	inner := text[1 : len(text)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			i++
		case '"':
			return false
		}
	}
	return true
}

// cutUnquoted is strings.Cut at the first place that is not in quotation marks.
func cutUnquoted(text, between string) (left, right string, both bool) {
	quoted := false
	for i := 0; i+len(between) <= len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], between):
			return text[:i], text[i+len(between):], true
		}
	}
	return text, "", false
}

// find is the longest saying that fits the whole text, with what stands in its placeholders.
func (s *sentences) find(text string) (best *saying, captured []string) {
	if exact := s.exact[text]; exact != nil {
		return exact, nil
	}
	word, _, _ := strings.Cut(text, " ")
	for _, list := range [][]*saying{s.byWord[word], s.open} {
		for _, one := range list {
			if best != nil && one.letters <= best.letters {
				continue
			}
			if values, ok := one.match(text); ok {
				best, captured = one, values
			}
		}
	}
	return best, captured
}

// match cuts a text at the pieces, each at the first place where it stands: going back is never needed, so the cost
// grows with the text's length only. A placeholder holds at least one byte.
func (one *saying) match(text string) (captured []string, ok bool) {
	first, last := one.pieces[0], one.pieces[len(one.pieces)-1]
	if len(text) < one.letters+len(one.pieces)-1 || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return nil, false
	}
	rest := text[len(first) : len(text)-len(last)]
	for _, piece := range one.pieces[1 : len(one.pieces)-1] {
		if rest == "" {
			return nil, false
		}
		at := strings.Index(rest[1:], piece)
		if at < 0 {
			return nil, false
		}
		captured = append(captured, rest[:at+1])
		rest = rest[at+1+len(piece):]
	}
	return append(captured, rest), rest != ""
}

// fill writes the translation. The first placeholder that holds a whole number picks the plural form.
func (one *saying) fill(l Language, captured []string, values map[string]string) string {
	form := "other"
	for _, value := range captured {
		if n, err := strconv.Atoi(value); err == nil && one.message.plural() {
			form = formOf(l, n)
			break
		}
	}
	text, ok := one.message[form]
	if !ok {
		text = one.message["other"]
	}
	return numbered(text, values)
}

// numbered puts values into a text with {1}, {2}, ...
func numbered(text string, values map[string]string) string {
	var b strings.Builder
	end := 0
	for _, at := range numberedPlace.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[end:at[0]])
		b.WriteString(values[text[at[2]:at[3]]])
		end = at[1]
	}
	return b.String() + text[end:]
}

// formOf is the plural form (CLDR) of a whole number.
func formOf(l Language, n int) string {
	names := map[plural.Form]string{plural.One: "one", plural.Few: "few", plural.Many: "many"}
	if name, ok := names[plural.Cardinal.MatchPlural(language.Make(string(l)), n, 0, 0, 0, 0)]; ok {
		return name
	}
	return "other"
}
