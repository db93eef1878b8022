package locale

import (
	"regexp"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n/template"
)

// A placeholder is {name}. Any other brace is a brace.
var placeholder = regexp.MustCompile(`\{[a-z][a-z0-9_]*\}`)

// patterns reads messages for the catalogue: text with placeholders and nothing to execute, so that no message and
// no value can do more than stand there.
type patterns struct{}

// Cacheable is true: a pattern does not change once it is read.
func (patterns) Cacheable() bool { return true }

// Parse cuts a message at its placeholders. The delimiters are the library's and not used.
func (patterns) Parse(text, _, _ string) (template.ParsedTemplate, error) {
	var p pattern
	end := 0
	for _, at := range placeholder.FindAllStringIndex(text, -1) {
		p = append(p, piece{text: text[end:at[0]], name: text[at[0]+1 : at[1]-1]})
		end = at[1]
	}
	return append(p, piece{text: text[end:]}), nil
}

// piece is some text and the placeholder behind it; the last one has none.
type piece struct{ text, name string }

type pattern []piece

// Execute fills in the values. A placeholder without a value stays as it is written: seen, it is found.
func (p pattern) Execute(data any) (string, error) {
	values, _ := data.(map[string]string)
	var b strings.Builder
	for _, piece := range p {
		b.WriteString(piece.text)
		if piece.name == "" {
			continue
		}
		if value, ok := values[piece.name]; ok {
			b.WriteString(value)
		} else {
			b.WriteString("{" + piece.name + "}")
		}
	}
	return b.String(), nil
}
