package packs

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// toJSON writes a YAML value as JSON. Keys stay in their order and numbers keep their text (1.50 stays
// 1.50), which decoding into Go values and encoding again would lose.
func toJSON(n *yaml.Node) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := writeJSON(&b, n); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return writeJSON(b, n.Alias)
	case yaml.SequenceNode:
		return writeList(b, n)
	case yaml.MappingNode:
		return writeObject(b, n)
	case yaml.ScalarNode:
		return writeScalar(b, n)
	}
	return fmt.Errorf("line %d: no value", n.Line)
}

func writeList(b *bytes.Buffer, n *yaml.Node) error {
	b.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeJSON(b, item); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func writeObject(b *bytes.Buffer, n *yaml.Node) error {
	seen := map[string]bool{}
	b.WriteByte('{')
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return fmt.Errorf("line %d: a key in JSON is plain text", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: %s stands there twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			b.WriteByte(',')
		}
		writeString(b, key.Value)
		b.WriteByte(':')
		if err := writeJSON(b, n.Content[i+1]); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeScalar(b *bytes.Buffer, n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		var yes bool
		if err := n.Decode(&yes); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		fmt.Fprint(b, yes)
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) { // 0x1F, 1_000, .5 are numbers in YAML only
			return fmt.Errorf("line %d: %s is not a number in JSON, quote it to make it text", n.Line, n.Value)
		}
		b.WriteString(n.Value)
	default: // text, and dates, which JSON knows as text only
		writeString(b, n.Value)
	}
	return nil
}

// writeString leaves <, > and & alone: the samples are read by people.
func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("BUG: " + err.Error()) // a Go string always encodes
	}
	b.Truncate(b.Len() - 1) // Encode ends with a line feed
}

// plainJSON writes a Go value, < > and & as they are.
func plainJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
