package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// EventRule is what a declared event type asks of its events.
type EventRule struct {
	Name   string
	Schema json.RawMessage // JSON Schema 2020-12, nil for none
	Key    string          // path of the business number when the publisher gives none
	Refs   []string        // paths of further searchable numbers
}

type rule struct {
	EventRule
	schema *jsonschema.Schema
	broken error
}

// SetEventTypes replaces the declared event types.
func (p *Publisher) SetEventTypes(rules []EventRule) {
	types := make(map[string]*rule, len(rules))
	for _, r := range rules {
		c := &rule{EventRule: r}
		if len(r.Schema) > 0 {
			c.schema, c.broken = CompileSchema(r.Schema)
		}
		types[r.Name] = c
	}
	p.types.Store(&types)
}

// rule finds a declared type; an unknown one is reported once as discovered.
func (p *Publisher) rule(name string) *rule {
	if types := p.types.Load(); types != nil {
		if r := (*types)[name]; r != nil {
			return r
		}
	}
	if p.Discovered == nil {
		return nil
	}
	if _, known := p.seen.Load(name); known {
		return nil
	}
	if _, known := p.seen.LoadOrStore(name, true); !known {
		p.Discovered(name)
	}
	return nil
}

// apply takes key and refs from the data and holds the data against the schema.
func (r *rule) apply(e *hub.Event, key *string, doc expr.Doc) error {
	if key != nil {
		e.Key = *key
	}
	if r == nil {
		return nil
	}
	if key == nil && r.Key != "" {
		e.Key = number(doc, r.Key)
	}
	for _, path := range r.Refs {
		if ref := number(doc, path); ref != "" && ref != e.Key {
			e.Refs = append(e.Refs, ref)
		}
	}
	if r.broken != nil {
		return hub.Errorf(hub.SchemaViolated, "the schema of %s cannot be used: %v", r.Name, r.broken)
	}
	if r.schema == nil {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc.Raw()))
	if err != nil {
		return hub.Errorf(hub.NotJSON, "data: %v", err)
	}
	return schemaError(r.Name, r.schema.Validate(value))
}

// number reads a business number; what no database or index could carry is no number.
func number(doc expr.Doc, path string) string {
	v, ok := doc.Lookup(path)
	if !ok {
		return ""
	}
	text := v.Text()
	if len(text) > hub.MaxKeyLen || strings.ContainsRune(text, 0) {
		return ""
	}
	return text
}

// CompileSchema reads a JSON Schema (2020-12 unless it says otherwise). It loads nothing from anywhere.
func CompileSchema(raw json.RawMessage) (*jsonschema.Schema, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource("schema.json", value); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

// schemaError lists every violation with its pointer.
func schemaError(name string, err error) error {
	if err == nil {
		return nil
	}
	var violation *jsonschema.ValidationError
	if !errors.As(err, &violation) {
		return hub.Errorf(hub.SchemaViolated, "the data do not fit the schema of %s: %v", name, err)
	}
	var wrong hub.Problems
	leaves(violation, &wrong)
	e := hub.Errorf(hub.SchemaViolated, "the data do not fit the schema of %s: %s %s", name, wrong[0].Pointer, wrong[0].Detail).
		WithHint("GET /v1/event-types/%s shows the schema and a sample", name)
	e.Fields = wrong
	return e
}

func leaves(v *jsonschema.ValidationError, wrong *hub.Problems) {
	for _, cause := range v.Causes {
		leaves(cause, wrong)
	}
	if len(v.Causes) > 0 {
		return
	}
	pointer := "/data"
	for _, token := range v.InstanceLocation {
		pointer += "/" + hub.EscapePointer(token)
	}
	wrong.Add(pointer, "%s", v.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
}
