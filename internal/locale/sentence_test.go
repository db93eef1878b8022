package locale

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// Sentences keep to the rules of messages; testdata/same_sentences.txt lists what may read as in English, a language, a
// space and the sentence each.
func TestSentencesKeepTheRules(t *testing.T) {
	text, err := os.ReadFile("testdata/same_sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	same := map[string]bool{} // whether it was needed
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			same[line] = false
		}
	}
	for _, l := range Languages()[1:] {
		all := embeddedSentences()[l]
		for english, m := range all.texts {
			for _, problem := range sentenceProblems(l, english, m, same) {
				t.Errorf("%s: %q: %s", l, english, problem)
			}
			if own := len(numberedPlace.ReplaceAllString(english, "")); strings.HasPrefix(english, "{1}") && own < len(" days") {
				t.Errorf("%s: %q would fit what people write", l, english)
			}
		}
		for english, m := range all.conditions.texts {
			for _, problem := range sentenceProblems(l, english, m, same) {
				t.Errorf("%s: %q: %s", l, english, problem)
			}
		}
	}
	for line, needed := range same {
		if !needed {
			t.Errorf("%s: the list of equal sentences names it, but it is none", line)
		}
	}
}

func sentenceProblems(l Language, english string, m message, same map[string]bool) (list []string) {
	want := numberedPlace.FindAllString(english, -1)
	for _, form := range slices.Sorted(maps.Keys(m)) {
		text := m[form]
		got := numberedPlace.FindAllString(text, -1)
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			list = append(list, fmt.Sprintf("has the placeholders %v, English has %v (%s)", got, want, form))
		}
		if text == english {
			if line := string(l) + " " + english; hasKey(same, line) {
				same[line] = true
			} else {
				list = append(list, "reads as in English")
			}
		}
		list = append(list, wording(l, prose(text, english))...)
	}
	if m.plural() {
		if got, want := slices.Sorted(maps.Keys(m)), wantForms(l, message{"one": "x", "other": "x"}); !slices.Equal(got, want) {
			list = append(list, fmt.Sprintf("has the forms %v, want %v", got, want))
		}
	}
	return list
}

func hasKey(m map[string]bool, key string) bool { _, ok := m[key]; return ok }

// prose is a text without what stands in the English sentence letter by letter: names of fields, samples of code, marks
// that belong to them.
func prose(text, english string) string {
	var words []string
	for _, word := range strings.Split(text, " ") {
		code := strings.Trim(word, ":;,()")
		if strings.ContainsAny(code, `"'=!#`) || strings.Contains(code, "payload") && strings.Contains(english, code) {
			continue
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestSentence(t *testing.T) {
	for _, c := range []struct {
		l             Language
		english, want string
	}{
		{Czech, "answered 500", "odpověď 500"},
		{Slovak, "answered 500", "odpoveď 500"},
		{German, "answered 500", "Antwort 500"},
		{Italian, "answered 500", "risposta 500"},
		{Icelandic, "answered 500", "svar 500"},
		{English, "answered 500", "answered 500"},
		{"", "answered 500", "answered 500"},
		// Sentences in sentences, and plural forms.
		{Czech, "all 8 tries used up: answered 500", "všechny pokusy vyčerpány (8 pokusů): odpověď 500"},
		{Czech, "set aside after 3 tries: answered 500", "odloženo, 3 pokusy: odpověď 500"},
		{Czech, "set aside after 1 try: answered 500", "odloženo, 1 pokus: odpověď 500"},
		{German, "final by rule: answered 422", "endgültig nach Regel: Antwort 422"},
		{German, "the endpoint is paused by Anna", "der Endpunkt wurde von Anna angehalten"},
		{Czech, `condition: count 3 is not > 20, and status "new" is not "paid"`, `podmínka: count 3 není > 20 a status "new" není "paid"`},
		// A place before what is wrong there, a list, and how many more there are.
		{German, "/url: is missing (and 2 more)", "/url: fehlt (und 2 weitere)"},
		{Czech, "is missing; scheme hmac needs it", "chybí; schéma hmac to potřebuje"},
		{Czech, "Content-Type is set by the hub and cannot be changed", "Content-Type nastavuje Háček a nelze změnit"},
		{Czech, `step 2 (upsert, "rows"): the translation table "Status" has no word "a is missing" (field s)`,
			`krok 2 (upsert, "rows"): převodní tabulka "Status" nemá slovo "a is missing" (pole s)`},
		{German, "is 25h0m0s; from 100ms to 24h are allowed", "ist 25h0m0s; erlaubt ist 100ms bis 24h"},
		// What others said stays, also when it is as short as the reason of a condition.
		{Czech, "the database says: relation x is not unique", "databáze hlásí: relation x is not unique"},
		{Czech, "Kontostand nicht gedeckt", "Kontostand nicht gedeckt"},
		{Czech, "", ""},
	} {
		if got := c.l.Sentence(c.english); got != c.want {
			t.Errorf("%s %q:\n got %q\nwant %q", c.l, c.english, got, c.want)
		}
	}
}

func TestSentenceOfHostileTextIsFast(t *testing.T) {
	began := time.Now()
	for _, text := range []string{
		strings.Repeat("answered ", 10<<20/9),
		strings.Repeat("; ", longestSentence/2),
		strings.Repeat(": ", longestSentence/2),
		"condition: " + strings.Repeat("a is not b, and ", longestSentence/20),
		strings.Repeat("the name ", longestSentence/10),
		strings.Repeat("set aside after ", longestSentence/20) + ": ",
		strings.Repeat("x is none of ", longestSentence/20),
	} {
		Czech.Sentence(text)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestSentenceFilesThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"language":    {"sentences/web.fr.yaml", "a b: c d\n", "area.language.yaml"},
		"no text":     {"sentences/web.cs.yaml", "a b: 1\n", "neither a text"},
		"order":       {"sentences/web.cs.yaml", "a {2} b {1}: c\n", "in this order"},
		"neighbours":  {"sentences/web.cs.yaml", "'a {1}{2}': c\n", "some text"},
		"no YAML":     {"sentences/web.cs.yaml", "\t", "web.cs.yaml"},
		"plural form": {"sentences/web.cs.yaml", "'a {1}': {one: b}\n", "plural forms need other"},
	} {
		_, err := loadSentences(fstest.MapFS{c.file: {Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// What a person wrote stands in the hub's sentences in quotation marks, and is never taken for one of them.
func TestAQuotationStaysAsItIs(t *testing.T) {
	for _, l := range Languages()[1:] {
		for _, quoted := range []string{`"header X is missing"`, `"a redirect to nowhere; at most 5 \"days\""`} {
			if got := l.Sentence(quoted); got != quoted {
				t.Errorf("%s: %s has become %s", l, quoted, got)
			}
			if got := l.Sentence("released by Jana: " + quoted + ". Before: there is no header X"); !strings.Contains(got, quoted) || strings.Contains(got, "released by") {
				t.Errorf("%s: %s", l, got)
			}
		}
	}
}
