// Package schema holds data against a JSON Schema (2020-12): that of an event type, and that of a pipeline's step.
// A schema is whole in itself: nothing is ever loaded from anywhere. It must not know who asks.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"hacek/internal/hub"
)

// MaxSize is how many bytes a schema may have.
const MaxSize = 256 << 10

// Draft is the only one that is understood.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// mostWrong is how many broken rules are told: a list of a million wrong values is wrong for one reason.
const mostWrong = 100

// mostAlternatives is how many of the alternatives that all failed are named.
const mostAlternatives = 5

// Schema is compiled and may be used by many at once.
type Schema struct{ compiled *jsonschema.Schema }

// Compile reads a schema. What is wrong with it is added below a pointer, and the answer is nil.
func Compile(p *hub.Problems, pointer string, raw []byte) *Schema {
	if len(raw) > MaxSize {
		p.Add(pointer, "is %d bytes long; at most %d are allowed", len(raw), MaxSize)
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		p.Add(pointer, "is not JSON")
		return nil
	}
	if o, ok := doc.(map[string]any); ok {
		if draft, given := o["$schema"]; given && draft != Draft && draft != Draft+"#" {
			p.Add(pointer+"/$schema", "is another draft; %s is the one that is understood", Draft)
			return nil
		}
	}
	const place = "urn:schema"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nothingElse{})
	err = c.AddResource(place, doc)
	if err == nil {
		var compiled *jsonschema.Schema
		if compiled, err = c.Compile(place); err == nil {
			return &Schema{compiled}
		}
	}
	// Where the schema's own rules are broken it is pointed into, else at it as a whole.
	before := len(*p)
	if broken := new(jsonschema.SchemaValidationError); errors.As(err, &broken) {
		addAll(p, pointer, broken.Err)
	}
	if len(*p) == before {
		p.Add(pointer, "cannot be used: %s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "jsonschema "), place, ""))
	}
	return nil
}

type nothingElse struct{}

func (nothingElse) Load(address string) (any, error) {
	return nil, fmt.Errorf("%s is another document, which is never loaded", address)
}

// Check adds every rule that data break, with the place of the value that breaks it, below a pointer. The error is
// for data that are no JSON.
func (s *Schema) Check(p *hub.Problems, pointer string, raw []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err == nil {
		addAll(p, pointer, s.compiled.Validate(value))
	}
	return err
}

func addAll(p *hub.Problems, pointer string, err error) {
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return
	}
	var walk func(v *jsonschema.ValidationError)
	before := len(*p)
	walk = func(v *jsonschema.ValidationError) {
		if len(*p)-before >= mostWrong {
			return
		}
		at := pointer
		for _, name := range v.InstanceLocation {
			at += "/" + hub.EscapePointer(name)
		}
		one, oneOf := v.ErrorKind.(*kind.OneOf)
		_, anyOf := v.ErrorKind.(*kind.AnyOf)
		switch {
		case oneOf && len(one.Subschemas) > 1:
			p.Add(at, "fits more than one of the alternatives, and must fit exactly one")
		case oneOf || anyOf: // every one failed: that is one problem, not one for each
			p.Add(at, "fits none of the alternatives: %s", strings.Join(leaves(v), ", or "))
		case len(v.Causes) == 0:
			Explain(p, at, v.ErrorKind)
		default:
			for _, cause := range v.Causes {
				walk(cause)
			}
		}
	}
	walk(top)
	slices.SortStableFunc(*p, func(a, b hub.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
}

// leaves says of every broken rule below one what is wrong.
func leaves(v *jsonschema.ValidationError) (list []string) {
	var below hub.Problems
	if len(v.Causes) == 0 {
		Explain(&below, "", v.ErrorKind)
	}
	for _, one := range below {
		list = append(list, strings.TrimSpace(one.Pointer+" "+one.Detail))
	}
	for _, cause := range v.Causes {
		for _, text := range leaves(cause) {
			if len(list) < mostAlternatives && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	return list
}
