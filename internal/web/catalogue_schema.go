package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// schemaOf is a JSON Schema that a sample fits: what is there has its type, nothing is needed, and everything else is
// allowed too, since a catalogue that refuses real events is worse than none.
func schemaOf(sample []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(sample))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return "", err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("more than one JSON value")
	}
	root := shapeOf(value, 0)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	text, err := json.MarshalIndent(root, "", "  ")
	return string(text), err
}

// deepest is how far the shape of a sample is followed.
const deepest = 40

func shapeOf(value any, depth int) map[string]any {
	if depth > deepest {
		return map[string]any{}
	}
	switch value := value.(type) {
	case map[string]any:
		properties := map[string]any{}
		for name, one := range value {
			properties[name] = shapeOf(one, depth+1)
		}
		return map[string]any{"type": "object", "properties": properties}
	case []any:
		shape := map[string]any{"type": "array"}
		if len(value) > 0 {
			shape["items"] = shapeOf(value[0], depth+1)
		}
		return shape
	case string:
		return map[string]any{"type": []string{"string", "null"}}
	case json.Number:
		return map[string]any{"type": []string{"number", "null"}}
	case bool:
		return map[string]any{"type": []string{"boolean", "null"}}
	}
	return map[string]any{}
}
