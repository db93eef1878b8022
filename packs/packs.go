// Package packs holds what is known of other systems: their event types, fields, samples and presets,
// one YAML file for each system. It must not know the hub, its database or who reads the packs.
package packs

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"hacek/internal/hub"
)

// files is everything people edit here; a new folder with a pack.yaml needs no line of Go.
//
//go:embed */pack.yaml words.yaml texts.yaml samples/*.json
var files embed.FS

// Languages in which every title is written. English is the one that descriptions use too.
func Languages() []string { return []string{"en", "cs", "sk", "de", "it", "is"} }

// Format is the version of the YAML layout this program reads.
const Format = 1

// Pack is one system: what it reports, and how to talk to it.
type Pack struct {
	Name      string                       `json:"name"`
	Format    int                          `json:"format"`
	Title     map[string]string            `json:"title"`
	Vendor    string                       `json:"vendor"`
	Direction string                       `json:"direction"` // inbound, outbound or both, seen from the hub's owner
	Notes     []string                     `json:"notes,omitempty"`
	Groups    map[string]map[string]string `json:"groups"` // labels of the objects in Type.Group
	Types     []Type                       `json:"types"`
	Targets   []Preset                     `json:"targets,omitempty"`   // endpoints
	Sources   []Preset                     `json:"sources,omitempty"`   // beside those of the providers
	Pipelines []Preset                     `json:"pipelines,omitempty"` // ready pipelines
}

// Type is one kind of event.
type Type struct {
	Name        string            `json:"name"`        // order.created
	VendorName  string            `json:"vendor_name"` // the system's own word, order:create
	Title       map[string]string `json:"title"`
	Group       string            `json:"group"`
	Description string            `json:"description"`
	Fields      []Field           `json:"fields"`
	Key         string            `json:"key,omitempty"`  // path of the business number in the sample: order.code
	Refs        []string          `json:"refs,omitempty"` // paths of further searchable numbers
	Sample      json.RawMessage   `json:"sample"`
	Notice      json.RawMessage   `json:"notice,omitempty"` // what the system really sends, where Sample is the record behind it
	Schema      json.RawMessage   `json:"schema"`
	Detail      string            `json:"detail,omitempty"` // the call that reads the record behind a thin notice
	Notes       []string          `json:"notes,omitempty"`
	Beta        bool              `json:"beta,omitempty"`
	Table       string            `json:"table,omitempty"` // the system's table the event belongs to
}

// Field is one value in the data of an event.
type Field struct {
	Name        string            `json:"name"` // path in the data; [] stands behind a list: order.items[].code
	Type        string            `json:"type"` // one of the names in fieldTypes
	Title       map[string]string `json:"title"`
	Description string            `json:"description"`
	Example     any               `json:"example,omitempty"` // string, bool, nil or json.Number
}

// AsSent is the body as the system itself sends it.
func (t *Type) AsSent() json.RawMessage {
	if t.Notice != nil {
		return t.Notice
	}
	return t.Sample
}

// Type finds an event type by its name or by the vendor's own word; nil when the pack has neither.
func (p *Pack) Type(name string) *Type {
	i := slices.IndexFunc(p.Types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		i = slices.IndexFunc(p.Types, func(t Type) bool { return t.VendorName == name && name != "" })
	}
	if i < 0 {
		return nil
	}
	return &p.Types[i]
}

// All gives every pack, by name. They are read once and shared: nobody may change one.
func All() ([]*Pack, error) { return readPacks() }

var readPacks = sync.OnceValues(func() ([]*Pack, error) {
	var all []*Pack
	for _, name := range names(files) {
		p, err := read(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
})

// Open finds one pack. The error for an unknown name tells the nearest known one.
func Open(name string) (*Pack, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(p *Pack) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	return nil, unknownPack(name, names(files))
}

// unknownPack names the one that was meant: a name that holds a known one, such as eshop-shoptet, or the nearest.
func unknownPack(name string, known []string) error {
	meant := hub.Nearest(name, known)
	for _, k := range known {
		if strings.Contains(strings.ToLower(name), k) {
			meant = k
		}
	}
	if meant == "" {
		return fmt.Errorf("no pack %q; there are %s", name, strings.Join(known, ", "))
	}
	return fmt.Errorf("no pack %q, did you mean %q?", name, meant)
}

// Sample is a file of the samples folder by its name without .json, nil when there is none.
func Sample(name string) []byte {
	body, err := files.ReadFile("samples/" + name + ".json")
	if err != nil {
		return nil
	}
	return body
}

// names lists the packs in alphabetical order.
func names(fsys fs.FS) []string {
	found, err := fs.Glob(fsys, "*/pack.yaml")
	if err != nil {
		panic("BUG: " + err.Error()) // only a malformed pattern gets here
	}
	for i := range found {
		found[i] = path.Dir(found[i])
	}
	return found
}
