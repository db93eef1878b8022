package locale

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// small is a catalogue for one test: the text of test.en.yaml and so on.
func small(t *testing.T, texts map[Language]string) *catalogue {
	t.Helper()
	folder := fstest.MapFS{}
	for l, text := range texts {
		folder["messages/test."+string(l)+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPluralFormsFollowTheLanguage(t *testing.T) {
	all := "test.n: {one: one, few: few, many: many, other: other}"
	c := small(t, map[Language]string{
		English: "test.n: {one: one, other: other}", Icelandic: "test.n: {one: one, other: other}",
		German: "test.n: {one: one, other: other}", Italian: "test.n: {one: one, many: many, other: other}", Czech: all, Slovak: all,
	})
	for l, forms := range map[Language]map[string]string{
		English:   {"one": "1", "other": "0 2 11 1.5"},
		Czech:     {"one": "1", "few": "2 3 4", "many": "1.5", "other": "0 5 11 22 100"},
		Slovak:    {"one": "1", "few": "2 3 4", "many": "1.5", "other": "0 5 11 22 100"},
		German:    {"one": "1", "other": "0 2 1.5"},
		Italian:   {"one": "1", "many": "1000000 -2000000", "other": "0 2 100 1000001"},
		Icelandic: {"one": "1 21 31 101", "other": "0 2 11 111"},
	} {
		for want, counts := range forms {
			for _, count := range strings.Fields(counts) {
				if got := c.text(l, "test.n", []any{"count", count}); got != want {
					t.Errorf("%s: %s takes the form %q, want %q", l, count, got, want)
				}
			}
		}
	}
}

func TestTextFillsInValues(t *testing.T) {
	c := small(t, map[Language]string{English: `
test.plain: '{"a": {{x}} {} {A} {name} {name}'
test.n: {zero: none, one: "{count} delivery to {name}", other: "{count} deliveries to {name}"}
test.long: "{duration}, port {port}"
`})
	for _, want := range []struct {
		key    string
		values []any
		text   string
	}{
		{"test.plain", []any{"name", "{x} <b>"}, `{"a": {{x}} {} {A} {x} <b> {x} <b>`},
		{"test.plain", nil, `{"a": {{x}} {} {A} {name} {name}`},
		{"test.n", []any{"count", 1, "name", "A"}, "1 delivery to A"},
		{"test.n", []any{"count", int64(1_234_567), "name", "A"}, "1,234,567 deliveries to A"},
		{"test.n", []any{map[string]any{"count": uint8(2), "name": "B"}}, "2 deliveries to B"},
		{"test.n", []any{"count", 0}, "none"},
		{"test.n", []any{"count", "many"}, "many deliveries to {name}"},
		{"test.n", []any{"count", strings.Repeat("9", 50), "name", "A"}, "99" + strings.Repeat(",999", 16) + " deliveries to A"},
		{"test.n", []any{"name"}, "{count} deliveries to {name}"},
		{"test.n", []any{1, 2, "count"}, "{count} deliveries to {name}"},
		{"test.n", []any{"count", nil, "name", (*time.Location)(nil)}, "<nil> deliveries to UTC"},
		{"test.long", []any{"duration", 90 * time.Second, "port", 8443}, "1 min 30 s, port 8443"},
		{"test.absent", []any{"count", 1}, "test.absent"},
		{"", nil, ""},
	} {
		got := strings.ReplaceAll(c.text(English, want.key, want.values), nbsp, " ")
		if got != want.text {
			t.Errorf("%s %v:\n got %q\nwant %q", want.key, want.values, got, want.text)
		}
	}
}

func TestWhatIsMissingSpeaksEnglish(t *testing.T) {
	c := small(t, map[Language]string{English: "test.a: {one: an hour, other: '{count} hours'}\ntest.b: so", Czech: "test.b: tak"})
	if got := c.text(Czech, "test.a", []any{"count", 2000}); got != "2,000 hours" {
		t.Errorf("got %q, want the English text with English numbers", got)
	}
	if got := c.text(Czech, "test.b", nil); got != "tak" {
		t.Errorf("got %q", got)
	}
	if got := Language("xx").Text("notice.lasted", "duration", time.Minute); visible(got) != "It lasted 1_min." {
		t.Errorf("a language we do not speak says %q", got)
	}
}

func TestTextForManyReadersAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for _, l := range slices.Repeat(Languages(), 4) {
		all.Go(func() {
			want := l.Text("notice.failures", "count", 3)
			for range 50 {
				if got := l.Text("notice.failures", "count", 3); got != want {
					t.Errorf("%s: %q, then %q", l, want, got)
				}
			}
		})
	}
	all.Wait()
}

func TestFilesThatCannotBeRead(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"test.fr.yaml", "test.a: x", "area.language.yaml"},
		{"test.yaml", "test.a: x", "area.language.yaml"},
		{"test.en.yaml", "other.a: x", "other.a: a key in this file is test."},
		{"test.en.yaml", "test.Big: x", "test.Big"},
		{"test.en.yaml", "test.a: x\ntest.a: y", "already defined"},
		{"test.en.yaml", "test.a: yes?\ntest.b: true", "test.b: neither a text"},
		{"test.en.yaml", "test.a: ''", "test.a"},
		{"test.en.yaml", "test.a: {one: x}", "need other"},
		{"test.en.yaml", "test.a: {other: x}", "one more"},
		{"test.en.yaml", "test.a: {two: x, other: y}", "two: no plural form"},
		{"test.en.yaml", "test.a: {one: 1, other: y}", "one: no text"},
		{"test.en.yaml", "- x", "cannot unmarshal"},
	} {
		_, err := load(fstest.MapFS{"messages/" + c.file: {Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s %q: %v; want %q in it", c.file, c.text, err, c.want)
		}
	}
}

func TestEveryLanguageHasAFormOfItsOwn(t *testing.T) {
	got := slices.Sorted(maps.Keys(forms))
	want := slices.Sorted(slices.Values(Languages()))
	if !slices.Equal(got, want) {
		t.Errorf("forms for %v, languages %v", got, want)
	}
}
