package locale

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// sentenceFiles holds one file for each area and language: receiving.cs.yaml. Its keys are the English sentences.
//
//go:embed sentences/*.yaml
var sentenceFiles embed.FS

// embeddedSentences are read at the first sentence that is asked for; as with messages, a failure is a bug of ours.
var embeddedSentences = sync.OnceValue(func() map[Language]*sentences {
	all, err := loadSentences(sentenceFiles)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return all
})

// sentences of one language.
type sentences struct {
	texts  map[string]message // as the files have them, by their English
	exact  map[string]*saying // those without placeholders
	byWord map[string][]*saying
	open   []*saying // those whose first word is not known beforehand

	// conditions are the reasons of conditions: so short, such as "{1} is {2}", that they would fit much of what others
	// said. They are looked up only where a text speaks of a condition.
	conditions *sentences
}

// conditionArea is the file of these.
const conditionArea = "condition"

func newSentences() *sentences {
	return &sentences{texts: map[string]message{}, exact: map[string]*saying{}, byWord: map[string][]*saying{}}
}

var numberedPlace = regexp.MustCompile(`\{([1-9])\}`)

// loadSentences reads the folder sentences. Errors name the file and the sentence.
func loadSentences(folder fs.FS) (map[Language]*sentences, error) {
	all := map[Language]*sentences{}
	for _, l := range Languages() {
		all[l] = newSentences()
		all[l].conditions = newSentences()
	}
	names, err := fs.Glob(folder, "sentences/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		part := fileName.FindStringSubmatch(path.Base(name))
		if part == nil || Language(part[2]).known() != Language(part[2]) {
			return nil, fmt.Errorf("%s: a file of sentences is called area.language.yaml, the language one of %v", name, Languages())
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		var entries map[string]any
		if err := yaml.Unmarshal(text, &entries); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		into := all[Language(part[2])]
		if part[1] == conditionArea {
			into = into.conditions
		}
		for english, value := range entries {
			m, err := readMessage(value)
			if err == nil && into.texts[english] != nil {
				err = fmt.Errorf("stands in another file already")
			}
			if err == nil {
				err = into.add(english, m)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", name, english, err)
			}
		}
	}
	return all, nil
}

// add takes one sentence in. Its placeholders are {1}, {2} and so on in this order, with text between them.
func (s *sentences) add(english string, m message) error {
	s.texts[english] = m
	one := &saying{message: m, pieces: numberedPlace.Split(english, -1)}
	for i, found := range numberedPlace.FindAllString(english, -1) {
		if found != fmt.Sprintf("{%d}", i+1) {
			return fmt.Errorf("the placeholders of the English sentence are {1}, {2} and so on, in this order")
		}
		if between := one.pieces[i+1]; between == "" && i+2 < len(one.pieces) {
			return fmt.Errorf("between two placeholders there must be some text")
		}
	}
	for _, piece := range one.pieces {
		one.letters += len(piece)
	}
	word, _, whole := strings.Cut(one.pieces[0], " ")
	switch {
	case len(one.pieces) == 1:
		s.exact[english] = one
	case whole:
		s.byWord[word] = append(s.byWord[word], one)
	default:
		s.open = append(s.open, one)
	}
	return nil
}
