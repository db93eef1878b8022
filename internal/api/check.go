package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/schema"
)

// checkQuery refuses parameters nobody reads: a mistyped filter would otherwise show everything.
func (op *operation) checkQuery(given url.Values) error {
	var wrong hub.Problems
	for name, values := range given {
		switch {
		case !slices.Contains(op.query, name):
			wrong.Add("", "unknown query parameter %q%s", hub.Shorten(name, 60), didYouMean(name, op.query))
		case len(values) > 1:
			wrong.Add("", "the query parameter %q is given %d times; write several values with commas", name, len(values))
		case !plainText(values[0]):
			wrong.Add("", "the query parameter %q is not plain UTF-8 text", name)
		}
	}
	for _, name := range op.required {
		if given.Get(name) == "" {
			wrong.Add("", "the query parameter %q is missing", name)
		}
	}
	return wrong.Err()
}

// checkBody judges the body by the operation's schema, and strips what is read-only.
func (op *operation) checkBody(c *call) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		c.body = nil
		if op.bodyRequired {
			return hub.Errorf(hub.NotJSON, "the body is empty; a JSON object is needed here").WithHint("see %s in /openapi.json", op.id)
		}
		return nil
	}
	if !op.hasBody {
		// A body where none is read may only be an empty object, so that nobody believes it was heard.
		if text := bytes.TrimSpace(c.body); string(text) != "{}" {
			return hub.Errorf(hub.Invalid, "this operation takes no body")
		}
		return nil
	}
	if err := op.checkMedia(c.r.Header.Get("Content-Type")); err != nil {
		return err
	}
	doc, err := parse(c.body)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc.Raw()))
	if err != nil {
		return hub.Errorf(hub.NotJSON, "the body is not JSON: %v", err)
	}
	strip(op.schema, value)
	c.value = value
	return violations(op.schema, value, op.merge).Err()
}

// parse reads a whole JSON body; the error tells the place.
func parse(body []byte) (expr.Doc, error) {
	doc, err := expr.ParseDoc(body)
	if err != nil {
		var syntax *expr.SyntaxError
		if errors.As(err, &syntax) {
			return doc, hub.Errorf(hub.NotJSON, "the body is not JSON: %s, at byte %d", syntax.Detail, syntax.Offset)
		}
		return doc, hub.Errorf(hub.NotJSON, "the body is not JSON: %v", err)
	}
	return doc, nil
}

// checkMedia takes the content types of the document, and none at all; charsets other than UTF-8 are refused.
func (op *operation) checkMedia(header string) error {
	if header == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(header)
	if err != nil || !slices.Contains(op.media, media) {
		return hub.Errorf(hub.UnsupportedType, "the content type %q is not taken here", hub.Shorten(header, 100)).
			WithHint("send %s", strings.Join(op.media, " or "))
	}
	return checkCharset(parameters)
}

func checkCharset(parameters map[string]string) error {
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return hub.Errorf(hub.UnsupportedType, "JSON is UTF-8; the charset %q is not taken", hub.Shorten(charset, 40)).WithHint("send the text as UTF-8")
	}
	return nil
}

// stripped is the body without its read-only members, for services that would refuse them.
func (c *call) stripped() (json.RawMessage, error) { return json.Marshal(c.value) }

// strip takes read-only members out, so that what was read can be put back.
func strip(s *jsonschema.Schema, value any) {
	members, ok := value.(map[string]any)
	if !ok {
		items, _ := value.([]any)
		for _, item := range items {
			for _, part := range parts(s) {
				if part.Items2020 != nil {
					strip(part.Items2020, item)
				}
			}
		}
		return
	}
	for _, part := range parts(s) {
		for name, property := range part.Properties {
			member, given := members[name]
			if !given {
				continue
			}
			if property.ReadOnly {
				delete(members, name)
				continue
			}
			strip(property, member)
		}
	}
}

// parts is a schema with everything it refers to or is composed of.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	if s == nil {
		return nil
	}
	all := []*jsonschema.Schema{s}
	all = append(all, parts(s.Ref)...)
	for _, other := range s.AllOf {
		all = append(all, parts(other)...)
	}
	return all
}

// violations lists everything a value does that its schema does not allow. In a merge patch null removes a member,
// whatever its type.
func violations(s *jsonschema.Schema, value any, merge bool) hub.Problems {
	err := s.Validate(value)
	var found *jsonschema.ValidationError
	if !errors.As(err, &found) {
		return nil
	}
	var wrong hub.Problems
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) > 0 {
			for _, cause := range e.Causes {
				walk(cause)
			}
			return
		}
		at := instancePointer(e.InstanceLocation)
		switch k := e.ErrorKind.(type) {
		case *kind.AdditionalProperties:
			slices.Sort(k.Properties)
			for _, name := range k.Properties {
				wrong.Add(at+"/"+hub.EscapePointer(name), "unknown field %q%s", hub.Shorten(name, 60), didYouMean(name, known(s, e.InstanceLocation)))
			}
		case *kind.Type:
			if merge && k.Got == "null" {
				return
			}
			schema.Explain(&wrong, at, k)
		case *kind.Enum:
			if merge && k.Got == nil {
				return
			}
			schema.Explain(&wrong, at, k)
		case *kind.Format:
			wrong.Add(at, "%v", k.Err)
		default:
			schema.Explain(&wrong, at, e.ErrorKind)
		}
	}
	walk(found)
	slices.SortStableFunc(wrong, func(a, b hub.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return wrong
}

// known lists the members an object may have at a place of the body.
func known(s *jsonschema.Schema, location []string) []string {
	here := parts(s)
	for _, step := range location {
		var next []*jsonschema.Schema
		for _, part := range here {
			if property := part.Properties[step]; property != nil {
				next = append(next, parts(property)...)
			}
			if part.Items2020 != nil {
				next = append(next, parts(part.Items2020)...)
			}
		}
		here = next
	}
	var names []string
	for _, part := range here {
		for name := range part.Properties {
			names = append(names, name)
		}
	}
	return names
}

func instancePointer(location []string) string {
	var b strings.Builder
	for _, step := range location {
		b.WriteString("/" + hub.EscapePointer(step))
	}
	return b.String()
}

func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an"
	}
	return "a"
}

func plainText(text string) bool {
	var wrong hub.Problems
	hub.CheckText(&wrong, "", text, 4096)
	return len(wrong) == 0
}
