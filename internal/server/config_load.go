package server

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"

	"hacek/internal/hub"
)

// Layers are where settings come from; a later one wins over an earlier one.
type Layers struct {
	File        string            // YAML; "" for none
	Environment []string          // NAME=value, as os.Environ gives them
	Flags       map[string]string // only those that were set, by key
}

// notSettings are variables of the same family that other commands and tests read.
var notSettings = [...]string{"HACEK_URL", "HACEK_CONFIG", "HACEK_TEST_"}

// Load reads every layer. What it does not know it refuses: a setting that is accepted works.
func Load(l Layers) (Config, error) {
	options := map[string]Setting{}
	defaults := map[string]any{}
	for _, o := range Settings() {
		options[o.Key] = o
		defaults[o.Key] = o.Default
	}
	known := slices.Sorted(maps.Keys(options))

	layers := []layer{{"default", defaults}}
	if l.File != "" {
		values, err := readFile(l.File)
		if err != nil {
			return Config{}, err
		}
		layers = append(layers, layer{"file " + l.File, values})
	}
	layers = append(layers, layer{"environment", fromEnvironment(l.Environment)}, layer{"flags", fromFlags(l.Flags)})

	merged := koanf.New(".")
	origin := map[string]layer{}
	for _, in := range layers {
		for key := range in.values {
			if _, ok := options[key]; !ok {
				return Config{}, unknown(in, key, known)
			}
			origin[key] = in
		}
		if err := merged.Load(in, nil); err != nil {
			return Config{}, fmt.Errorf("configuration, %s: %w", in.name, err)
		}
	}
	var c Config
	for _, key := range known {
		text, err := asText(merged.Get(key))
		if err == nil {
			err = options[key].set(&c, text)
		}
		if err != nil {
			return Config{}, hub.Errorf(hub.Invalid, "configuration: %s (%s) %v", origin[key].call(options[key]), origin[key].name, err)
		}
	}
	return c, nil
}

// layer is one source of settings in the form koanf loads.
type layer struct {
	name   string
	values map[string]any
}

// Read gives koanf the values.
func (l layer) Read() (map[string]any, error) { return l.values, nil }

// ReadBytes is the other half of koanf's contract; a layer is parsed already.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.New("BUG: a layer has no bytes") }

// call is the name under which the setting was given.
func (l layer) call(o Setting) string {
	switch l.name {
	case "environment":
		return o.Variable()
	case "flags":
		return "--" + o.Flag()
	}
	return o.Key
}

// later are settings that scripts may know already, of parts that are not built yet.
var later = [...]string{"direct_url"}

func unknown(in layer, key string, known []string) error {
	o := Setting{Key: key}
	if slices.Contains(later[:], key) {
		return hub.Errorf(hub.NotAvailable, "configuration: %s (%s) belongs to a part that is not built yet", in.call(o), in.name).
			WithHint("leave it out; a setting that is accepted works")
	}
	e := hub.Errorf(hub.Invalid, "configuration: unknown setting %s (%s)", in.call(o), in.name)
	if near := hub.Nearest(key, known); near != "" {
		return e.WithHint("did you mean %s?", in.call(Setting{Key: near}))
	}
	return e.WithHint("known settings: %s", strings.Join(known, ", "))
}

func readFile(name string) (map[string]any, error) {
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hub.Errorf(hub.NotFound, "configuration file %s does not exist", name)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, hub.Errorf(hub.Invalid, "configuration file %s: %v", name, err).WithHint("it is YAML: one setting a line, such as `listen: 127.0.0.1:8080`")
	}
	return values, nil
}

func fromEnvironment(environment []string) map[string]any {
	values := map[string]any{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		key, ours := strings.CutPrefix(name, "HACEK_")
		other := slices.ContainsFunc(notSettings[:], func(p string) bool {
			return name == p || strings.HasSuffix(p, "_") && strings.HasPrefix(name, p)
		})
		if ours && !other && value != "" {
			values[strings.ToLower(key)] = value
		}
	}
	return values
}

func fromFlags(flags map[string]string) map[string]any {
	values := map[string]any{}
	for key, value := range flags {
		values[key] = value
	}
	return values
}

// asText brings what YAML made of a value back to the text a person wrote.
func asText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int, bool:
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			part, err := asText(item)
			if err != nil {
				return "", err
			}
			parts[i] = part
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("is neither a text, a number nor a list")
}
