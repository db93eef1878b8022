package packs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fieldTypes says which JSON types a field may have. Every value may also be null or absent: vendors
// leave out what they do not know, and a catalogue that refuses real events is worse than none.
// A decimal is text where the sender writes "1999.30", else a number; a datetime is not checked,
// because several systems write the offset without a colon.
func fieldTypes() map[string][]string {
	return map[string][]string{
		"string":   {"string", "null"},
		"secret":   {"string", "null"},
		"enum":     {"string", "null"}, // the values stand in the description: vendors add new ones
		"date":     {"string", "null"},
		"datetime": {"string", "null"},
		"integer":  {"integer", "null"},
		"decimal":  {"string", "number", "null"},
		"boolean":  {"boolean", "null"},
		"any":      nil,
	}
}

// schemaNode is a JSON Schema of the few words that fields need. Objects and lists carry no "type",
// so that another system's event of the same name, with a text where this one has an object, passes.
type schemaNode struct {
	Schema      string                 `json:"$schema,omitempty"`
	Title       string                 `json:"title,omitempty"`
	Description string                 `json:"description,omitempty"`
	Type        any                    `json:"type,omitempty"`
	Properties  map[string]*schemaNode `json:"properties,omitempty"`
	Items       *schemaNode            `json:"items,omitempty"`
}

// schema turns the fields of a type into a JSON Schema that allows everything it does not name.
func schema(t *Type) (json.RawMessage, error) {
	root := &schemaNode{Schema: "https://json-schema.org/draft/2020-12/schema", Title: t.Name, Type: "object"}
	for _, f := range t.Fields {
		types, known := fieldTypes()[f.Type]
		if !known {
			return nil, fmt.Errorf("field %s: no type %q, known are %s", f.Name, f.Type,
				strings.Join(slices.Sorted(maps.Keys(fieldTypes())), ", "))
		}
		leaf := root.at(f.Name)
		leaf.Description = f.Description
		if types != nil {
			leaf.Type = types
		}
	}
	return json.Marshal(root)
}

// at walks down a path and grows the branches it needs.
func (n *schemaNode) at(path string) *schemaNode {
	for word := range strings.SplitSeq(path, ".") {
		name, isList := strings.CutSuffix(word, "[]")
		if n.Properties == nil {
			n.Properties = map[string]*schemaNode{}
		}
		if n.Properties[name] == nil {
			n.Properties[name] = &schemaNode{}
		}
		n = n.Properties[name]
		if isList {
			if n.Items == nil {
				n.Items = &schemaNode{}
			}
			n = n.Items
		}
	}
	return n
}
