package packs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// Preset is an endpoint, a source or a pipeline that needs only a handful of values to be set up.
type Preset struct {
	Name        string              `json:"name"`
	Title       map[string]string   `json:"title"`
	Description string              `json:"description"`
	Variables   []Variable          `json:"variables"`
	Settings    json.RawMessage     `json:"settings"`           // as the API takes them, with {{variable}} in texts
	Tables      []Table             `json:"tables,omitempty"`   // translation tables that a pipeline needs
	Database    map[string][]string `json:"database,omitempty"` // driver -> statements that make the tables a pipeline writes
}

// Variable is one value that a preset asks for.
type Variable struct {
	Name    string            `json:"name"`
	Title   map[string]string `json:"title"`
	Kind    string            `json:"kind"` // one of the words below
	Example string            `json:"example,omitempty"`
	Default string            `json:"default,omitempty"` // when it is not given; "" is needed
}

// Kinds of variables.
const (
	VariableText       = "text"
	VariableURL        = "url"
	VariableSecret     = "secret"
	VariableSource     = "source"     // the name of a source
	VariableConnection = "connection" // the name of a connection
)

// Table is a translation table: their words -> ours. A word that is not in it stops the pipeline and asks.
type Table struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Entries     map[string]string `json:"entries"`
}

var placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// Fill puts values in the place of variables; what stands in a value is not read again. The error is a *hub.Error that
// points at each value below /variables which is unknown, missing or no plain text.
func (p *Preset) Fill(values map[string]string) (json.RawMessage, error) {
	var wrong hub.Problems
	known := map[string]string{}
	for _, v := range p.Variables {
		at := "/variables/" + v.Name
		value, given := values[v.Name]
		switch value = strings.TrimSpace(value); {
		case value == "" && v.Default != "":
			value = v.Default
		case value == "" && given:
			wrong.Add(at, "is empty")
		case value == "":
			wrong.Add(at, "is missing: %s", v.Title["en"])
		}
		if v.Kind == VariableURL {
			value = strings.TrimSuffix(value, "/")
		}
		hub.CheckText(&wrong, at, value, hub.MaxURLLen)
		known[v.Name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, asked := known[name]; asked {
			continue
		}
		near := ""
		if meant := hub.Nearest(name, slices.Sorted(maps.Keys(known))); meant != "" {
			near = fmt.Sprintf("; did you mean %q?", meant)
		}
		wrong.Add("/variables/"+hub.EscapePointer(name), "is no variable of this preset%s", near)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	// A pair of braces can stand in a text only, so the whole JSON is read as it is: numbers and the order of keys stay.
	return placeholder.ReplaceAllFunc(p.Settings, func(found []byte) []byte {
		var b bytes.Buffer
		writeString(&b, known[string(found[2:len(found)-2])])
		return b.Bytes()[1 : b.Len()-1]
	}), nil
}

// VariableAt is the variable that a text of the settings is made of, by its JSON Pointer; "" when there is none.
func (p *Preset) VariableAt(pointer string) string {
	var value any
	if err := json.Unmarshal(p.Settings, &value); err != nil {
		return ""
	}
	for word := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch v := value.(type) {
		case map[string]any:
			value = v[strings.NewReplacer("~1", "/", "~0", "~").Replace(word)]
		case []any:
			if i, err := strconv.Atoi(word); err == nil && i >= 0 && i < len(v) {
				value = v[i]
			}
		}
	}
	text, _ := value.(string)
	if found := placeholder.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// check holds the variables against the settings: each one that is used is described, and none is asked for in vain.
func (p *Preset) check() error {
	used := map[string]bool{}
	for _, found := range placeholder.FindAllSubmatch(p.Settings, -1) {
		used[string(found[1])] = true
	}
	for _, v := range p.Variables {
		if !used[v.Name] {
			return fmt.Errorf("the variable %s is used nowhere in the settings", v.Name)
		}
		delete(used, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		return fmt.Errorf("{{%s}} is not in its variables", name)
	}
	return nil
}
