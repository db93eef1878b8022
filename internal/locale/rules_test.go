package locale

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// The messages keep to the rules of a good catalogue in six languages; testdata/same.txt lists what may read as in
// English, a line "key language" each.
func TestMessagesKeepTheRules(t *testing.T) {
	for _, problem := range problems(embedded(), allowed(t)) {
		t.Error(problem)
	}
}

func allowed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/same.txt")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "#")
	})
}

// problems is everything wrong with a catalogue, one line each.
func problems(c *catalogue, same []string) (list []string) {
	say := func(l Language, key, format string, values ...any) {
		list = append(list, fmt.Sprintf("%s in %s: ", key, l)+fmt.Sprintf(format, values...))
	}
	var used []string
	for _, l := range Languages() {
		for key, m := range c.messages[l] {
			english, ok := c.messages[English][key]
			if !ok {
				say(l, key, "there is no English message")
				continue
			}
			for form, text := range m {
				for _, problem := range wording(l, text) {
					say(l, key, "%s in %q", problem, text)
				}
				if got, want := placeholders(text, form), placeholders(english["other"], form); !slices.Equal(got, want) {
					say(l, key, "has the placeholders %v, English has %v (%s)", got, want, form)
				}
			}
			if got, want := slices.Sorted(maps.Keys(m)), wantForms(l, english); !slices.Equal(got, want) {
				say(l, key, "has the forms %v, want %v", got, want)
			}
			if l != English && m["other"] == english["other"] {
				if line := key + " " + string(l); slices.Contains(same, line) {
					used = append(used, line)
				} else {
					say(l, key, "reads as in English: %q", m["other"])
				}
			}
		}
		for key := range c.messages[English] {
			if _, ok := c.messages[l][key]; !ok {
				say(l, key, "is missing")
			}
		}
	}
	for _, line := range same {
		if !slices.Contains(used, line) {
			list = append(list, line+": the list of equal texts names it, but it is none")
		}
	}
	slices.Sort(list)
	return list
}

// wantForms is every plural category of the language (CLDR), and zero where English has it.
func wantForms(l Language, english message) []string {
	if !english.plural() {
		return []string{"other"}
	}
	want := map[Language][]string{Czech: {"few", "many", "one", "other"}, Slovak: {"few", "many", "one", "other"}, Italian: {"many", "one", "other"}}[l]
	if want == nil {
		want = []string{"one", "other"}
	}
	if english[zero] != "" {
		want = append(slices.Clone(want), zero)
	}
	return want
}

// placeholders of a text, each once. A text for none or one may do without the number.
func placeholders(text, form string) []string {
	list := placeholder.FindAllString(text, -1)
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(name string) bool {
		return name == "{count}" && (form == zero || form == "one")
	})
}

// never are words that mean something else here, or that we do not say.
var never = map[Language]*regexp.Regexp{
	English:   regexp.MustCompile(`(?i)\b(please|oops|successfully|invalid|payload)\b`),
	Czech:     regexp.MustCompile(`(?i)(notifikac|endpoint|payload|retry|prosím|úspěšně|neplatn)`),
	Slovak:    regexp.MustCompile(`(?i)(notifikáci|endpoint|payload|retry|prosím|úspešne|neplatn|smazať|(^|[^o])užívateľ|znovu|ihned)`),
	German:    regexp.MustCompile(`(?i)(lieferung|bestellung|nutzlast|\bbitte\b|erfolgreich|ungültig)`),
	Italian:   regexp.MustCompile(`(?i)(consegn|per favore|con successo|non valid)`),
	Icelandic: regexp.MustCompile(`(?i)(^|[^u])sending(u|ar|in|inn|um|a)?(\s|[.,;:]|$)|vinsamleg|ógild`),
}

// quotes of each language, opening and closing.
var quotes = map[Language]string{English: "“”", Czech: "„“", Slovak: "„“", German: "„“", Italian: "«»", Icelandic: "„“"}

// durationAtEnd would print two full stops where units end in one.
var durationAtEnd = regexp.MustCompile(`\{duration\}\.`)

// torn is a number that a line break could part from its unit.
var torn = regexp.MustCompile(`\d (KiB|MiB|minut|minút|Minuten|mínútur|dní|Tagen?|giorni|daga|dagar|znaků|znakov|Zeichen|caratteri|stafir)(\P{L}|$)`)

// wording is what is wrong with one text whatever it says.
func wording(l Language, text string) (list []string) {
	if word := never[l].FindString(text); word != "" {
		list = append(list, "the word "+strings.TrimSpace(word))
	}
	mark := []rune(quotes[l])
	for _, r := range text {
		switch {
		case strings.ContainsRune("\"'‘‚«»„“”‹›", r) && !slices.Contains(mark, r):
			list = append(list, fmt.Sprintf("the mark %c, the language has %s", r, quotes[l]))
		case r == '’' && l != English && l != Italian:
			list = append(list, "an apostrophe")
		case r == '!':
			list = append(list, "an exclamation mark")
		}
	}
	if strings.Count(text, string(mark[0])) != strings.Count(text, string(mark[1])) {
		list = append(list, "a quotation mark without the other")
	}
	if (l == German || l == Icelandic) && durationAtEnd.MatchString(text) {
		list = append(list, "a full stop after {duration}, whose units end in one")
	}
	if l != English && torn.MatchString(text) {
		list = append(list, "a number that a line break could part from its unit")
	}
	if strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
		list = append(list, "a space too many")
	}
	if !norm.NFC.IsNormalString(text) || strings.Contains(text, "Hacek") || strings.Contains(text, "HÁČEK") {
		list = append(list, "letters without their marks")
	}
	return list
}

func TestTheRulesFindWhatIsWrong(t *testing.T) {
	// One sound message for all, to be spoilt in one place at a time.
	sound := map[Language]string{English: "Send", Czech: "Odeslat", Slovak: "Odoslať", German: "Senden", Italian: "Invia", Icelandic: "Senda"}
	counted := map[Language]string{
		English: "{one: '{count} row of {name}', other: '{count} rows of {name}', zero: 'no row of {name}'}",
		Czech:   "{one: '{count} řádek {name}', few: '{count} řádky {name}', many: '{count} řádku {name}', other: '{count} řádků {name}', zero: 'nic {name}'}",
		Slovak:  "{one: '{count} riadok {name}', few: '{count} riadky {name}', many: '{count} riadka {name}', other: '{count} riadkov {name}', zero: 'nič {name}'}",
		German:  "{one: '{count} Zeile {name}', other: '{count} Zeilen {name}', zero: 'nichts {name}'}",
		Italian: "{one: '{count} riga {name}', many: '{count} di righe {name}', other: '{count} righe {name}', zero: 'nulla {name}'}", Icelandic: "{one: '{count} lína {name}', other: '{count} línur {name}', zero: 'ekkert {name}'}",
	}
	build := func(t *testing.T, l Language, plain, plural string) *catalogue {
		texts := map[Language]string{}
		for _, each := range Languages() {
			a, n := "test.a: "+sound[each], "test.n: "+counted[each]
			if each == l {
				a, n = plain, plural
			}
			texts[each] = a + "\n" + n + "\n"
		}
		return small(t, texts)
	}
	if list := problems(build(t, "", "", ""), nil); list != nil {
		t.Fatalf("the sound catalogue is not: %q", list)
	}
	n := counted[Czech]
	for _, c := range []struct {
		l           Language
		plain, many string
		same, want  string
	}{
		{Czech, "", "test.n: " + n, "", "test.a in cs: is missing"},
		{Czech, "test.a: Odeslat\ntest.b: Navíc", "test.n: " + n, "", "test.b in cs: there is no English"},
		{Czech, "test.a: Send", "test.n: " + n, "", "test.a in cs: reads as in English"},
		{Czech, "test.a: Odeslat", "test.n: " + n, "test.a cs", "test.a cs: the list"},
		{Czech, "test.a: Odeslat {name}", "test.n: " + n, "", "test.a in cs: has the placeholders [{name}], English has []"},
		{Czech, "test.a: Odeslat", "test.n: " + strings.Replace(n, "řádků {name}", "řádků {nane}", 1), "", "test.n in cs: has the placeholders"},
		{Czech, "test.a: Odeslat", "test.n: " + strings.Replace(n, "{count} řádky", "řádky", 1), "", "(few)"},
		{Czech, "test.a: Odeslat", "test.n: " + strings.Replace(n, "few: '{count} řádky {name}', ", "", 1), "", "test.n in cs: has the forms [many one other zero]"},
		{Czech, "test.a: Odeslat", "test.n: " + strings.Replace(n, ", zero: 'nic {name}'", "", 1), "", "test.n in cs: has the forms"},
		{Italian, "test.a: Invia", "test.n: " + strings.Replace(counted[Italian], "many: '{count} di righe {name}', ", "", 1), "", "test.n in it: has the forms"},
		{Czech, "test.a: Odeslat notifikaci", "test.n: " + n, "", "the word notifikac"},
		{German, "test.a: Lieferungen", "test.n: " + counted[German], "", "the word Lieferung"},
		{Icelandic, "test.a: Senda sendingu", "test.n: " + counted[Icelandic], "", "sendingu"},
		{Czech, "test.a: Odeslat ‹x", "test.n: " + n, "", "the mark ‹"},
		{Czech, "test.a: Odeslat „x", "test.n: " + n, "", "without the other"},
		{Italian, "test.a: \"L'invio\"", "test.n: " + counted[Italian], "", "the mark '"},
		{Czech, "test.a: Odesl’t", "test.n: " + n, "", "an apostrophe"},
		{Czech, "test.a: Odeslat!", "test.n: " + n, "", "an exclamation mark"},
		{Czech, "test.a: 'Odeslat '", "test.n: " + n, "", "a space too many"},
		{Czech, "test.a: 7 dní", "test.n: " + n, "", "from its unit"},
		{Czech, "test.a: Hacek", "test.n: " + n, "", "letters without their marks"},
		{Czech, "test.a: \"Ha\\u0301c\\u030cek\"", "test.n: " + n, "", "letters without their marks"},
	} {
		var same []string
		if c.same != "" {
			same = []string{c.same}
		}
		list := problems(build(t, c.l, c.plain, c.many), same)
		if len(list) != 1 || !strings.Contains(list[0], c.want) {
			t.Errorf("%s %q %q:\n got %q\nwant one with %q", c.l, c.plain, c.many, list, c.want)
		}
	}
	if list := problems(build(t, Czech, "test.a: Send", "test.n: "+n), []string{"test.a cs"}); list != nil {
		t.Errorf("an equal text that is on the list: %q", list)
	}
	if list := wording(German, "Es dauerte {duration}."); len(list) != 1 {
		t.Errorf("two full stops: %q", list)
	}
}
