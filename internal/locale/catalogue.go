package locale

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

// files holds one file for each area and language: notice.cs.yaml. A new area needs no line of Go.
//
//go:embed messages/*.yaml
var files embed.FS

// embedded is read at the first message. That it can be read is tested, so a failure is a bug of ours.
var embedded = sync.OnceValue(func() *catalogue {
	c, err := load(files)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return c
})

// message is the text of one key by plural form. A text without forms has only "other".
type message map[string]string

// zero is no category of these languages: it is the text for exactly none, where a sentence says that better.
const zero = "zero"

func (m message) plural() bool { return len(m) > 1 }

type catalogue struct {
	messages  map[Language]map[string]message
	localizer map[Language]*i18n.Localizer
}

var (
	fileName = regexp.MustCompile(`^([a-z][a-z0-9_]*)\.([a-z]{2})\.yaml$`)
	keyName  = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`)
)

// load reads the folder messages. Errors name the file and the key.
func load(folder fs.FS) (*catalogue, error) {
	c := &catalogue{map[Language]map[string]message{}, map[Language]*i18n.Localizer{}}
	for _, l := range Languages() {
		c.messages[l] = map[string]message{}
	}
	names, err := fs.Glob(folder, "messages/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := c.read(folder, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	bundle := i18n.NewBundle(language.English)
	for _, l := range Languages() {
		tag := language.Make(string(l))
		if err := bundle.AddMessages(tag, forLibrary(c.messages[l])...); err != nil {
			return nil, fmt.Errorf("messages in %s: %w", l, err)
		}
		c.localizer[l] = i18n.NewLocalizer(bundle, string(l))
	}
	return c, nil
}

// read adds one file.
func (c *catalogue) read(folder fs.FS, name string) error {
	part := fileName.FindStringSubmatch(path.Base(name))
	if part == nil || Language(part[2]).known() != Language(part[2]) {
		return fmt.Errorf("a file of messages is called area.language.yaml, the language one of %v", Languages())
	}
	text, err := fs.ReadFile(folder, name)
	if err != nil {
		return err
	}
	var entries map[string]any
	if err := yaml.Unmarshal(text, &entries); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if !keyName.MatchString(key) || !strings.HasPrefix(key, part[1]+".") {
			return fmt.Errorf("%s: a key in this file is %s. and words of a-z, 0-9 and _, with dots between", key, part[1])
		}
		m, err := readMessage(entries[key])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		c.messages[Language(part[2])][key] = m
	}
	return nil
}

func readMessage(value any) (message, error) {
	if text, ok := value.(string); ok && text != "" {
		return message{"other": text}, nil
	}
	given, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("neither a text nor plural forms: put numbers and words such as yes in quotes")
	}
	m := message{}
	for form, value := range given {
		text, ok := value.(string)
		if !ok || text == "" {
			return nil, fmt.Errorf("%s: no text", form)
		}
		if !slices.Contains([]string{zero, "one", "few", "many", "other"}, form) {
			return nil, fmt.Errorf("%s: no plural form; they are zero, one, few, many, other", form)
		}
		m[form] = text
	}
	if len(m) < 2 || m["other"] == "" {
		return nil, fmt.Errorf("plural forms need other and one more")
	}
	return m, nil
}

// forLibrary gives the text for none a key of its own, since the library takes zero for a category.
func forLibrary(messages map[string]message) []*i18n.Message {
	var list []*i18n.Message
	for key, m := range messages {
		list = append(list, &i18n.Message{ID: key, One: m["one"], Few: m["few"], Many: m["many"], Other: m["other"]})
		if m[zero] != "" {
			list = append(list, &i18n.Message{ID: zeroKey(key), Other: m[zero]})
		}
	}
	return list
}

func zeroKey(key string) string { return key + " " + zero }

// Text is the message of a key. Values fill its placeholders {name}: names and values in turn, or one
// map[string]any. The value named count picks the plural form and is written as Number does it; a time.Duration is
// written as Duration does it; every other value stands as fmt.Sprint has it, ports and statuses without separators.
//
// Text never fails: a message that is missing speaks English, one that is missing there too shows its key, and a
// placeholder without a value shows its name. That none is missing is what the tests of this package see to.
func (l Language) Text(key string, values ...any) string {
	return embedded().text(l.known(), key, values)
}

func (c *catalogue) text(l Language, key string, values []any) string {
	m, ok := c.messages[l][key]
	if !ok {
		l = English
		if m, ok = c.messages[l][key]; !ok {
			return key
		}
	}
	shown, count := l.show(values)
	ask := &i18n.LocalizeConfig{MessageID: key, TemplateData: shown, TemplateParser: patterns{}}
	switch {
	case count == "0" && m[zero] != "":
		ask.MessageID = zeroKey(key)
	case m.plural() && countable.MatchString(count):
		ask.PluralCount = count
	}
	// Where a plural form is missing, the library says so and gives the text of "other".
	text, _ := c.localizer[l].Localize(ask)
	return text
}

// countable is what the plural rules can read, which is less than any number.
var countable = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,18})?$`)
