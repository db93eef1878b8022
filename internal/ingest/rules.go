package ingest

import (
	"encoding/json"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/schema"
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
	schema *schema.Schema
	broken error
}

// SetEventTypes replaces the declared event types.
func (p *Publisher) SetEventTypes(rules []EventRule) {
	types := make(map[string]*rule, len(rules))
	for _, r := range rules {
		c := &rule{EventRule: r}
		if len(r.Schema) > 0 {
			var wrong hub.Problems
			c.schema = schema.Compile(&wrong, "/schema", r.Schema)
			c.broken = wrong.Err()
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
	var wrong hub.Problems
	if err := r.schema.Check(&wrong, "/data", doc.Raw()); err != nil {
		return hub.Errorf(hub.NotJSON, "data: %v", err)
	}
	if len(wrong) == 0 {
		return nil
	}
	broken := hub.Errorf(hub.SchemaViolated, "the data do not fit the schema of %s: %s %s", r.Name, wrong[0].Pointer, wrong[0].Detail).
		WithHint("GET /v1/event-types/%s shows the schema and a sample", r.Name)
	broken.Fields = wrong
	return broken
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
