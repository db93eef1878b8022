// Package locale says things in six languages: messages with their plural forms, numbers, dates and durations.
// It must not know who asks, what a message is shown on, or what time it is; data that came in an event are not its
// business either and stay as they came.
package locale

import (
	"strings"

	"golang.org/x/text/language"
)

// Language is the code of one of the six languages. Any other value, the empty one too, speaks English.
type Language string

// The languages there are.
const (
	English   Language = "en"
	Czech     Language = "cs"
	Slovak    Language = "sk"
	German    Language = "de"
	Italian   Language = "it"
	Icelandic Language = "is"
)

// Languages in which every message is written, English first.
func Languages() []Language {
	return []Language{English, Czech, Slovak, German, Italian, Icelandic}
}

// In is the language of a code such as cs or de-AT; English when we do not speak it.
func In(code string) Language {
	code, _, _ = strings.Cut(strings.ReplaceAll(code, "_", "-"), "-")
	return Language(strings.ToLower(code)).known()
}

// longestHeader is what is read of an Accept-Language header, in bytes. Browsers send less than 200.
const longestHeader = 500

// Match is the language that suits an Accept-Language header (RFC 9110, 12.5.4) best; English when none does.
// What cannot be read is English too.
func Match(acceptLanguage string) Language {
	if len(acceptLanguage) > longestHeader {
		acceptLanguage = acceptLanguage[:longestHeader]
		acceptLanguage = acceptLanguage[:strings.LastIndexByte(acceptLanguage, ',')+1]
	}
	wanted, _, err := language.ParseAcceptLanguage(strings.TrimSuffix(acceptLanguage, ","))
	if err != nil {
		return English
	}
	ours := make([]language.Tag, 0, len(Languages()))
	for _, l := range Languages() {
		ours = append(ours, language.Make(string(l)))
	}
	// Where none suits, the matcher takes the first, and that is English.
	_, at, _ := language.NewMatcher(ours).Match(wanted...)
	return Languages()[at]
}

// known is the language itself, or English when we do not speak it.
func (l Language) known() Language {
	if _, ok := forms[l]; ok {
		return l
	}
	return English
}
