package packs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// readTexts reads texts.yaml once: the sentences of presets and providers by their English text.
var readTexts = sync.OnceValues(func() (map[string]titles, error) {
	var list []titles
	if err := decode(files, "texts.yaml", &list); err != nil {
		return nil, err
	}
	all := map[string]titles{}
	for _, one := range list {
		if all[one["en"]] != nil {
			return nil, fmt.Errorf("texts.yaml: %q stands there twice", one["en"])
		}
		all[one["en"]] = one
	}
	return all, nil
})

// In is the preset for somebody who reads a language: its description, those of its tables, and the names of the steps
// that it sets up. A text without a translation stays.
func (p Preset) In(language string) (Preset, error) {
	say, err := speaker(language)
	if err != nil || language == "en" {
		return p, err
	}
	p.Description = say(p.Description)
	p.Tables = slices.Clone(p.Tables)
	for i := range p.Tables {
		p.Tables[i].Description = say(p.Tables[i].Description)
	}
	for _, english := range slices.Sorted(maps.Keys(p.stepNames())) {
		// The rest of the JSON stays byte by byte: numbers and the order of keys have a meaning.
		p.Settings = bytes.ReplaceAll(p.Settings, named(english), named(say(english)))
	}
	return p, nil
}

// NotesIn are the provider's notes for somebody who reads a language.
func (p *Provider) NotesIn(language string) ([]string, error) {
	say, err := speaker(language)
	if err != nil {
		return nil, err
	}
	notes := make([]string, len(p.Notes))
	for i, english := range p.Notes {
		notes[i] = say(english)
	}
	return notes, nil
}

// speaker says English sentences in a language.
func speaker(language string) (say func(english string) string, err error) {
	all, err := readTexts()
	if err != nil {
		return nil, err
	}
	return func(english string) string {
		if text := all[english][language]; text != "" {
			return text
		}
		return english
	}, nil
}

func named(name string) []byte {
	b := bytes.NewBufferString(`"name":`)
	writeString(b, name)
	return b.Bytes()
}

// stepNames are the names of a pipeline's steps.
func (p *Preset) stepNames() map[string]bool {
	var shape struct{ Steps []struct{ Name string } }
	all := map[string]bool{}
	if json.Unmarshal(p.Settings, &shape) != nil {
		return all // of another shape: it has no steps
	}
	for _, step := range shape.Steps {
		if step.Name != "" {
			all[step.Name] = true
		}
	}
	return all
}
