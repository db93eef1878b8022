package packs

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"hacek/internal/hub"
)

// providerFiles is everything people edit for providers; a new file needs no line of Go.
//
//go:embed providers/*.yaml
var providerFiles embed.FS

// Providers gives every provider, by name. They are read once and shared: nobody may change one.
func Providers() ([]*Provider, error) { return readProviders() }

var readProviders = sync.OnceValues(func() ([]*Provider, error) {
	var all []*Provider
	for _, name := range providerNames() {
		p, err := readProvider(name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
})

// OpenProvider finds one. The error for an unknown name tells the nearest known one.
func OpenProvider(name string) (*Provider, error) {
	all, err := Providers()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(p *Provider) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	known := providerNames()
	if meant := hub.Nearest(name, known); meant != "" {
		return nil, fmt.Errorf("no provider %q, did you mean %q?", name, meant)
	}
	return nil, fmt.Errorf("no provider %q; there are %s", name, strings.Join(known, ", "))
}

func providerNames() []string {
	entries, err := providerFiles.ReadDir("providers")
	if err != nil {
		panic("BUG: " + err.Error()) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return names
}

func readProvider(name string) (*Provider, error) {
	text, err := providerFiles.ReadFile("providers/" + name + ".yaml")
	if err != nil {
		return nil, err
	}
	p, err := parseProvider(text)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	if p.Name != name {
		return nil, fmt.Errorf("provider %s: the file says name: %s, which must be the file's name", name, p.Name)
	}
	return p, nil
}

// providerFile is a file as people write it. Unknown keys are refused, so that a typing error shows.
type providerFile struct {
	Provider
	TypesOf string `json:"types_of"` // a pack whose own words and types count, too
}

func parseProvider(text []byte) (*Provider, error) {
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, err
	}
	if len(node.Content) != 1 {
		return nil, fmt.Errorf("the file is empty")
	}
	asJSON, err := toJSON(node.Content[0])
	if err != nil {
		return nil, err
	}
	var file providerFile
	d := json.NewDecoder(bytes.NewReader(asJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	p := &file.Provider
	if _, err := p.Scheme.Compile(); err != nil {
		return nil, fmt.Errorf("scheme: %w", err)
	}
	if file.TypesOf == "" {
		return p, nil
	}
	pack, err := Open(file.TypesOf)
	if err != nil {
		return nil, fmt.Errorf("types_of: %w", err)
	}
	if p.Types == nil {
		p.Types = map[string]string{}
	}
	for _, t := range pack.Types {
		if _, own := p.Types[t.VendorName]; !own && t.VendorName != "" {
			p.Types[t.VendorName] = t.Name
		}
	}
	return p, nil
}
