package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"hacek/internal/hub"
)

// object reads JSON that must be an object, numbers as their text.
func object(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o map[string]any
	if err := dec.Decode(&o); err != nil || o == nil {
		return nil, hub.Errorf(hub.Invalid, "the body must be a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, hub.Errorf(hub.Invalid, "the body must be one JSON object and nothing after it")
	}
	return o, nil
}

// merge is RFC 7396: null removes, objects merge, everything else replaces.
func merge(into, patch map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(into, name)
		case map[string]any:
			inner, _ := into[name].(map[string]any)
			into[name] = merge(inner, value)
		default:
			into[name] = value
		}
	}
	return into
}

// decode reads an object into a struct and points at what does not fit. It never repeats a value: it may be secret.
func decode(o map[string]any, into any) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err = dec.Decode(into)
	if err == nil {
		return nil
	}
	var p hub.Problems
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		p.Add("/"+strings.ReplaceAll(wrongType.Field, ".", "/"), "must not be a JSON %s", firstWord(wrongType.Value))
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		p.Add("/"+hub.EscapePointer(name), "is not a known field")
	default:
		p.Add("", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return p.Err()
}

// firstWord cuts "number 12" to "number".
func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

// given reports a member that a patch names with a value, at a path of names.
func given(o map[string]any, path ...string) (value any, named bool) {
	var at any = o
	for _, name := range path {
		inner, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, named = inner[name]; !named {
			return nil, false
		}
	}
	return at, true
}
