package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"hacek/internal/hub"
)

// validate holds the event's data against a JSON Schema (2020-12).
type validate struct{ schema *jsonschema.Schema }

const (
	draft2020 = "https://json-schema.org/draft/2020-12/schema"
	maxSchema = 256 << 10
	maxWrong  = 20 // violations that are told
)

// nothingElse refuses to load schemas from anywhere: a schema is whole in itself.
type nothingElse struct{}

func (nothingElse) Load(address string) (any, error) {
	return nil, fmt.Errorf("%s is another document, which is never loaded", address)
}

func (c *compiler) validate(s *hub.Step) action {
	if len(s.Schema) == 0 {
		return nil
	}
	if len(s.Schema) > maxSchema {
		c.problems.Add(c.at+"/schema", "is %d bytes long; at most %d are allowed", len(s.Schema), maxSchema)
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.Schema))
	if err != nil {
		c.problems.Add(c.at+"/schema", "is not JSON")
		return nil
	}
	if o, ok := doc.(map[string]any); ok {
		if draft, given := o["$schema"]; given && draft != draft2020 && draft != draft2020+"#" {
			c.problems.Add(c.at+"/schema/$schema", "is another draft; %s is the one that is understood", draft2020)
			return nil
		}
	}
	const place = "urn:schema"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(nothingElse{})
	if err := compiler.AddResource(place, doc); err != nil {
		c.problems.Add(c.at+"/schema", "cannot be used: %v", err)
		return nil
	}
	schema, err := compiler.Compile(place)
	if err != nil {
		c.problems.Add(c.at+"/schema", "cannot be used: %s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "jsonschema "), place, ""))
		return nil
	}
	return &validate{schema}
}

func (v *validate) do(_ context.Context, w *work, _ *step) outcome {
	data, _ := w.scope.Lookup("data")
	raw := data.Doc().Raw()
	w.input(string(raw))
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return failed(hopeless("", "the data cannot be read: %v", err))
	}
	if err := v.schema.Validate(value); err != nil {
		wrong := violations(err)
		w.output(strings.Join(wrong, "\n"))
		return failed(hopeless("the sender must send it right; or the schema asks for too much", "the data do not fit the schema: %s", strings.Join(wrong, "; ")))
	}
	return outcome{}
}

// violations lists every broken rule with the place of the value that breaks it.
func violations(err error) (wrong []string) {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []string{err.Error()}
	}
	english := message.NewPrinter(language.English)
	var walk func(v *jsonschema.ValidationError)
	walk = func(v *jsonschema.ValidationError) {
		alternatives := false // of several every one failed: that is one problem, not one for each
		switch v.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf:
			alternatives = true
		}
		if len(v.Causes) > 0 && !alternatives {
			for _, cause := range v.Causes {
				walk(cause)
			}
			return
		}
		at := ""
		for _, name := range v.InstanceLocation {
			at += "/" + hub.EscapePointer(name)
		}
		if len(wrong) < maxWrong {
			wrong = append(wrong, strings.TrimSpace(at+" "+v.ErrorKind.LocalizedString(english)))
		}
	}
	walk(v)
	return wrong
}
