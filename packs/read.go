package packs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"
)

// titles is a text in every language.
type titles = map[string]string

// packFile is pack.yaml as people write it. Unknown keys are refused, so that a typing error shows.
type packFile struct {
	Name        string                  `yaml:"name"`
	Format      int                     `yaml:"format"`
	Title       titles                  `yaml:"title"`
	Vendor      string                  `yaml:"vendor"`
	Direction   string                  `yaml:"direction"`
	Notes       []string                `yaml:"notes"`
	Groups      map[string]titles       `yaml:"groups"`
	FieldTitles map[string]titles       `yaml:"field_titles"`
	Types       []typeFile              `yaml:"types"`
	Targets     []presetFile            `yaml:"targets"`
	Sources     []presetFile            `yaml:"sources"`
	Pipelines   []presetFile            `yaml:"pipelines"`
	Tables      []tableFile             `yaml:"tables"`
	Variables   map[string]variableFile `yaml:"variables"`
}

type typeFile struct {
	Name        string      `yaml:"name"`
	VendorName  string      `yaml:"vendor_name"`
	Title       titles      `yaml:"title"`
	Group       string      `yaml:"group"`
	Description string      `yaml:"description"`
	Fields      []fieldFile `yaml:"fields"`
	Key         string      `yaml:"key"`
	Refs        []string    `yaml:"refs"`
	Sample      yaml.Node   `yaml:"sample"`
	Notice      yaml.Node   `yaml:"notice"`
	Detail      string      `yaml:"detail"`
	Notes       []string    `yaml:"notes"`
	Beta        bool        `yaml:"beta"`
	Table       string      `yaml:"table"`
}

type fieldFile struct {
	Name        string    `yaml:"name"`
	Type        string    `yaml:"type"`
	Title       titles    `yaml:"title"`
	Description string    `yaml:"description"`
	Example     yaml.Node `yaml:"example"`
}

// wordsFile is words.yaml: what several packs say in the same words.
type wordsFile struct {
	Groups    map[string]titles       `yaml:"groups"`
	Fields    map[string]titles       `yaml:"fields"`
	Variables map[string]variableFile `yaml:"variables"`
}

func read(fsys fs.FS, name string) (*Pack, error) {
	var words wordsFile
	if err := decode(fsys, "words.yaml", &words); err != nil {
		return nil, err
	}
	var file packFile
	if err := decode(fsys, name+"/pack.yaml", &file); err != nil {
		return nil, err
	}
	if file.Name != name {
		return nil, fmt.Errorf("pack %s: the file says name: %s, which must be the folder's name", name, file.Name)
	}
	p, err := build(&file, &words)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", name, err)
	}
	return p, nil
}

func decode(fsys fs.FS, name string, into any) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func build(file *packFile, words *wordsFile) (*Pack, error) {
	if file.Format != Format {
		return nil, fmt.Errorf("format %d is unknown, this program reads %d", file.Format, Format)
	}
	p := &Pack{
		Name: file.Name, Format: file.Format, Title: file.Title, Vendor: file.Vendor,
		Direction: file.Direction, Notes: file.Notes, Groups: map[string]titles{},
	}
	for i := range file.Types {
		written := &file.Types[i]
		if p.Type(written.Name) != nil {
			return nil, fmt.Errorf("type %s stands there twice", written.Name)
		}
		t, err := buildType(written, file, words)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", written.Name, err)
		}
		label := firstOf(t.Group, file.Groups, words.Groups)
		if label == nil {
			return nil, fmt.Errorf("type %s: group %q has no label", t.Name, t.Group)
		}
		p.Groups[t.Group] = label
		p.Types = append(p.Types, t)
	}
	taken := map[string]bool{SourceName: true}
	for _, list := range []struct {
		written []presetFile
		into    *[]Preset
	}{{file.Targets, &p.Targets}, {file.Sources, &p.Sources}, {file.Pipelines, &p.Pipelines}} {
		var err error
		if *list.into, err = presets(list.written, file, words, taken); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func buildType(written *typeFile, file *packFile, words *wordsFile) (Type, error) {
	t := Type{
		Name: written.Name, VendorName: written.VendorName, Title: written.Title, Group: written.Group,
		Description: written.Description, Key: written.Key, Refs: written.Refs, Detail: written.Detail,
		Notes: written.Notes, Beta: written.Beta, Table: written.Table,
	}
	if written.Sample.IsZero() {
		return t, errors.New("it has no sample; {} is one")
	}
	var err error
	if t.Sample, err = toJSON(&written.Sample); err != nil {
		return t, fmt.Errorf("sample: %w", err)
	}
	if !written.Notice.IsZero() {
		if t.Notice, err = toJSON(&written.Notice); err != nil {
			return t, fmt.Errorf("notice: %w", err)
		}
	}
	for _, f := range written.Fields {
		field, err := buildField(&f, file, words)
		if err != nil {
			return t, fmt.Errorf("field %s: %w", f.Name, err)
		}
		t.Fields = append(t.Fields, field)
	}
	t.Schema, err = schema(&t)
	return t, err
}

// buildField finds the title: the field's own, else the one of its whole path, else the one of its
// last word; a pack's words go before those that all packs share.
func buildField(written *fieldFile, file *packFile, words *wordsFile) (Field, error) {
	f := Field{Name: written.Name, Type: written.Type, Title: written.Title, Description: written.Description}
	last := f.Name[strings.LastIndex(f.Name, ".")+1:]
	for _, name := range []string{f.Name, strings.TrimSuffix(last, "[]")} {
		if f.Title == nil {
			f.Title = firstOf(name, file.FieldTitles, words.Fields)
		}
	}
	if f.Title == nil {
		return f, errors.New("no title, neither in field_titles nor in words.yaml")
	}
	if written.Example.IsZero() {
		return f, nil
	}
	text, err := toJSON(&written.Example)
	if err != nil {
		return f, fmt.Errorf("example: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&f.Example)
	return f, err
}

func firstOf(name string, lists ...map[string]titles) titles {
	for _, list := range lists {
		if found := list[name]; found != nil {
			return found
		}
	}
	return nil
}
