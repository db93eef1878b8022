package settings

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"hacek/internal/hub"
)

// Limits of what an event type declares, in bytes.
const (
	maxSchema = 256 << 10
	maxSample = 256 << 10
)

const draft2020 = "https://json-schema.org/draft/2020-12/schema"

// nothingElse refuses to load schemas from anywhere: a schema is whole in itself.
type nothingElse struct{}

func (nothingElse) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is another document, which is never loaded", url)
}

// checkSchema judges a JSON Schema and, when there is one, the sample against it.
func checkSchema(p *hub.Problems, raw, sample []byte) {
	if len(raw) > maxSchema {
		p.Add("/schema", "is %d bytes long; at most %d are allowed", len(raw), maxSchema)
		return
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		p.Add("/schema", "is not JSON")
		return
	}
	if o, ok := doc.(map[string]any); ok {
		if draft, given := o["$schema"]; given && draft != draft2020 && draft != draft2020+"#" {
			p.Add("/schema/$schema", "is another draft; %s is the one that is understood", draft2020)
			return
		}
	}
	schema, err := compileSchema(doc)
	if err != nil {
		schemaProblem(p, err)
		return
	}
	if len(sample) == 0 {
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(sample))
	if err != nil {
		p.Add("/sample", "is not JSON")
		return
	}
	violations(p, "/sample", schema.Validate(value))
}

func compileSchema(doc any) (*jsonschema.Schema, error) {
	const place = "urn:event-type"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nothingElse{})
	if err := c.AddResource(place, doc); err != nil {
		return nil, err
	}
	return c.Compile(place)
}

// schemaProblem points into the schema where its own rules are broken, else at the schema as a whole.
func schemaProblem(p *hub.Problems, err error) {
	var broken *jsonschema.SchemaValidationError
	if errors.As(err, &broken) {
		before := len(*p)
		violations(p, "/schema", broken.Err)
		if len(*p) > before {
			return
		}
	}
	text := strings.TrimPrefix(err.Error(), "jsonschema ")
	p.Add("/schema", "cannot be used: %s", strings.ReplaceAll(text, "urn:event-type", ""))
}

// violations adds every broken rule with the place of the value that breaks it.
func violations(p *hub.Problems, pointer string, err error) {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return
	}
	english := message.NewPrinter(language.English)
	var walk func(v *jsonschema.ValidationError)
	walk = func(v *jsonschema.ValidationError) {
		if len(v.Causes) == 0 {
			at := pointer
			for _, name := range v.InstanceLocation {
				at += "/" + hub.EscapePointer(name)
			}
			p.Add(at, "%s", v.ErrorKind.LocalizedString(english))
			return
		}
		// Of several alternatives every one failed: that is one problem, not one for each.
		switch v.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf:
			at := pointer
			for _, name := range v.InstanceLocation {
				at += "/" + hub.EscapePointer(name)
			}
			p.Add(at, "fits none of the alternatives: %s", strings.Join(leaves(v, english), ", or "))
			return
		}
		for _, cause := range v.Causes {
			walk(cause)
		}
	}
	walk(v)
	slices.SortStableFunc(*p, func(a, b hub.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
}

// maxAlternatives is how many of the alternatives that all failed are named.
const maxAlternatives = 5

// leaves says of every broken rule below one what it wants.
func leaves(v *jsonschema.ValidationError, english *message.Printer) (list []string) {
	if len(v.Causes) == 0 {
		return []string{v.ErrorKind.LocalizedString(english)}
	}
	for _, cause := range v.Causes {
		for _, text := range leaves(cause, english) {
			if len(list) < maxAlternatives && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	return list
}
