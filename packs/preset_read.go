package packs

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

// presetFile is a preset as people write it.
type presetFile struct {
	Name        string              `yaml:"name"`
	Title       titles              `yaml:"title"`
	Description string              `yaml:"description"`
	Variables   []string            `yaml:"variables"`
	Settings    yaml.Node           `yaml:"settings"`
	Tables      []string            `yaml:"tables"`
	Database    []databaseTableFile `yaml:"database"`
}

type variableFile struct {
	Title   titles `yaml:"title"`
	Kind    string `yaml:"kind"`
	Example string `yaml:"example"`
	Default string `yaml:"default"`
}

type tableFile struct {
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Entries     map[string]string `yaml:"entries"`
}

// SourceName is the name of the preset that a provider's source has; no other preset may bear it.
const SourceName = "source"

// presets reads one of the lists of a pack. Names of presets differ in the whole pack, because they stand in addresses.
func presets(list []presetFile, file *packFile, words *wordsFile, taken map[string]bool) ([]Preset, error) {
	var all []Preset
	for i := range list {
		written := &list[i]
		p, err := buildPreset(written, file, words)
		if err == nil && taken[p.Name] {
			err = errors.New("the name stands there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("preset %s: %w", written.Name, err)
		}
		taken[p.Name] = true
		all = append(all, p)
	}
	return all, nil
}

func buildPreset(written *presetFile, file *packFile, words *wordsFile) (Preset, error) {
	p := Preset{Name: written.Name, Title: written.Title, Description: written.Description, Variables: []Variable{}}
	if written.Settings.IsZero() {
		return p, errors.New("it has no settings")
	}
	var err error
	if p.Settings, err = toJSON(&written.Settings); err != nil {
		return p, fmt.Errorf("settings: %w", err)
	}
	for _, name := range written.Variables {
		v, known := file.Variables[name]
		if !known {
			v, known = words.Variables[name]
		}
		if !known {
			return p, fmt.Errorf("the variable %s is described neither in variables nor in words.yaml", name)
		}
		if v.Kind == "" {
			v.Kind = VariableText
		}
		if !slices.Contains([]string{VariableText, VariableURL, VariableSecret, VariableSource, VariableConnection}, v.Kind) {
			return p, fmt.Errorf("the variable %s has the unknown kind %q", name, v.Kind)
		}
		p.Variables = append(p.Variables, Variable{Name: name, Title: v.Title, Kind: v.Kind, Example: v.Example, Default: v.Default})
	}
	for _, name := range written.Tables {
		i := slices.IndexFunc(file.Tables, func(t tableFile) bool { return t.Name == name })
		if i < 0 {
			return p, fmt.Errorf("the pack has no table %s", name)
		}
		p.Tables = append(p.Tables, Table(file.Tables[i]))
	}
	if p.Database, err = database(written.Database); err != nil {
		return p, fmt.Errorf("database: %w", err)
	}
	return p, p.check()
}

// readWords reads words.yaml once.
var readWords = sync.OnceValues(func() (words wordsFile, err error) {
	err = decode(files, "words.yaml", &words)
	return words, err
})

// ProviderPreset is the preset of a provider's source: its secret, where the provider makes it, and the settings that its
// scheme cannot do without.
func ProviderPreset(provider *Provider, needed []string) (Preset, error) {
	words, err := readWords()
	if err != nil {
		return Preset{}, err
	}
	verify := map[string]any{"scheme": provider.Name}
	p := Preset{Name: SourceName, Title: map[string]string{}, Description: provider.Secret.Where["en"], Variables: []Variable{}}
	for _, language := range Languages() {
		if p.Title[language] = provider.Title[language]; p.Title[language] == "" {
			p.Title[language] = provider.Title["en"]
		}
	}
	if provider.Secret.Made == "there" {
		v := words.Variables["secret"]
		verify["secrets"] = []string{"{{secret}}"}
		p.Variables = append(p.Variables, Variable{Name: "secret", Title: v.Title, Kind: v.Kind})
	}
	settings := map[string]string{}
	for _, name := range needed {
		settings[name] = "{{" + name + "}}"
		title := map[string]string{}
		for _, language := range Languages() {
			title[language] = name
		}
		p.Variables = append(p.Variables, Variable{Name: name, Title: title, Kind: VariableText})
	}
	if len(settings) > 0 {
		verify["settings"] = settings
	}
	p.Settings, err = plainJSON(map[string]any{"preset": provider.Name, "verify": verify})
	return p, err
}
