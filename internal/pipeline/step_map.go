package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// mapping makes an object field by field, with translation tables.
type mapping struct {
	object *object
	tables map[string]string
}

func (c *compiler) mapping(s *hub.Step) action {
	for _, field := range slices.Sorted(maps.Keys(s.Tables)) {
		at := c.at + "/tables/" + hub.EscapePointer(field)
		if _, known := s.Fields[field]; !known {
			c.problems.Add(at, "there is no such field; add it to fields")
		}
		if s.Tables[field] == "" {
			c.problems.Add(at, "is empty: name the translation table")
		}
	}
	return &mapping{c.object("/fields", s.Fields, ""), s.Tables}
}

func (m *mapping) do(ctx context.Context, w *work, _ *step) outcome {
	w.input(w.used(m.object.paths))
	doc, err := m.object.make(w.scope)
	if err != nil {
		return failed(notRendered("fields", err))
	}
	if len(m.tables) > 0 {
		var f *failure
		if doc, f = m.translate(ctx, w, doc); f != nil {
			return failed(f)
		}
	}
	w.output(string(doc.Raw()))
	return outcome{output: doc}
}

// translate replaces their words by ours. A word that no table knows stops the run, unless the table has a default:
// a guess would end up in somebody's books.
func (m *mapping) translate(ctx context.Context, w *work, doc expr.Doc) (expr.Doc, *failure) {
	known := map[string]hub.TranslationTable{}
	var b bytes.Buffer
	b.WriteByte('{')
	for name, value := range doc.Value().Members() {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		var field string
		if err := json.Unmarshal(name, &field); err != nil {
			return doc, broken("", "BUG: a field's name is not JSON: %v", err)
		}
		table, translated := m.tables[field]
		if !translated || value.Kind() == expr.Null {
			b.Write(value.AppendJSON(nil))
			continue
		}
		entries, loaded := known[table]
		if !loaded {
			var err error
			if entries, err = w.load(ctx, table); err != nil {
				f := broken(hintOf(err), "table %s: %v", table, err)
				f.blame = true
				return doc, f
			}
			known[table] = entries
		}
		word := value.Text()
		ours, found := entries.Entries[word]
		switch {
		case found:
		case entries.Default != nil:
			ours = *entries.Default
		default:
			return doc, broken("add the word to the table, or give the table a default; then retry the delivery, or wait for its next try",
				"the translation table %q has no word %q (field %s)", table, word, field)
		}
		b.WriteString(quoted(ours))
	}
	b.WriteByte('}')
	out, err := expr.ParseDoc(b.Bytes())
	if err != nil {
		return doc, broken("", "BUG: a translated object is not JSON: %v", err)
	}
	return out, nil
}

func (w *work) load(ctx context.Context, table string) (hub.TranslationTable, error) {
	if w.Table == nil {
		return hub.TranslationTable{}, hub.Errorf(hub.NotFound, "there are no translation tables here")
	}
	return w.Table(ctx, w.compiled.tenant, table)
}
