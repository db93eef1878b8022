package locale

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for header, want := range map[string]Language{
		"":                               English,
		"cs":                             Czech,
		"cs-CZ,cs;q=0.9,en;q=0.8":        Czech,
		"sk-SK, cs;q=0.9":                Slovak,
		"de-AT":                          German,
		"en-US,en;q=0.5":                 English,
		"it-CH;q=0.4, is;q=0.8":          Icelandic,
		"ja, fi;q=0.5":                   English,
		"ja, it;q=0.3":                   Italian,
		"*":                              English,
		"de;q=0, it":                     Italian,
		"not a header \x00;;;":           English,
		strings.Repeat("cs-", 100_000):   English,
		"cs," + strings.Repeat("x", 9e5): Czech,
	} {
		if got := Match(header); got != want {
			t.Errorf("Match(%.40q) = %s, want %s", header, got, want)
		}
	}
}

func TestIn(t *testing.T) {
	for code, want := range map[string]Language{
		"cs": Czech, "CS": Czech, "de-AT": German, "it_IT": Italian, "": English, "fr": English, "český": English,
	} {
		if got := In(code); got != want {
			t.Errorf("In(%q) = %s, want %s", code, got, want)
		}
	}
}
