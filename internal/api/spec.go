package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"hacek/internal/hub"
)

// specFiles is the contract, written by hand: a file for each noun, and shared.yaml.
//
//go:embed spec/*.yaml
var specFiles embed.FS

// readSpec reads it once: nothing of it changes while the program runs.
var readSpec = sync.OnceValues(loadSpec)

// spec is the OpenAPI document, merged and compiled.
type spec struct {
	document   []byte // JSON, as served
	operations map[string]*operation
	schemas    *jsonschema.Compiler
}

// operation is what the document says about one call.
type operation struct {
	id           string
	method, path string
	query        []string // parameters that may be given
	required     []string // query parameters that must
	hasBody      bool
	bodyRequired bool
	media        []string           // content types of the request
	schema       *jsonschema.Schema // of a JSON body
	merge        bool               // the body is a merge patch: null removes
}

// ownReader tells that the operation takes more than plain JSON and reads its body by itself.
func (op *operation) ownReader() bool { return op.id == "createEvent" || op.id == "createEvents" }

// Document is the OpenAPI document as it is served.
func Document() ([]byte, error) {
	s, err := readSpec()
	if err != nil {
		return nil, err
	}
	return s.document, nil
}

func loadSpec() (*spec, error) {
	doc, err := mergeSpec()
	if err != nil {
		return nil, err
	}
	s := &spec{operations: map[string]*operation{}, schemas: jsonschema.NewCompiler()}
	if s.document, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	// What the schemas are compiled from is what is served, to the last number.
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.document))
	if err != nil {
		return nil, err
	}
	s.schemas.AssertFormat()
	for _, f := range formats {
		s.schemas.RegisterFormat(&f)
	}
	if err := s.schemas.AddResource("openapi.json", plain); err != nil {
		return nil, err
	}
	for path, item := range object(doc["paths"]) {
		for method, value := range object(item) {
			if method == "parameters" {
				continue
			}
			op, err := s.readOperation(doc, method, path, object(value))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			s.operations[op.id] = op
		}
	}
	return s, nil
}

// formats are texts with a form of their own: judged here, so that a wrong one is told with its place.
var formats = []jsonschema.Format{
	{Name: "date-time", Validate: ofText(func(text string) error {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return fmt.Errorf("is not a time such as 2026-01-31T12:00:00Z")
		}
		return nil
	})},
	{Name: "duration-with-unit", Validate: ofText(func(text string) error { _, err := hub.ParseDuration(text); return err })},
	{Name: "rate", Validate: ofText(func(text string) error { _, err := hub.ParseRate(text); return err })},
}

// ofText leaves what is no text to the schema's type.
func ofText(check func(string) error) func(any) error {
	return func(value any) error {
		text, ok := value.(string)
		if !ok {
			return nil
		}
		return check(text)
	}
}

// mergeSpec puts the files together and adds what every operation shares.
func mergeSpec() (map[string]any, error) {
	doc := map[string]any{"paths": map[string]any{}, "components": map[string]any{}}
	names, err := fs.Glob(specFiles, "spec/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := specFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var part map[string]any
		if err := yaml.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for key, value := range part {
			switch key {
			case "paths":
				maps.Copy(object(doc["paths"]), object(value))
			case "components":
				for kind, entries := range object(value) {
					all := object(doc["components"])
					if all[kind] == nil {
						all[kind] = map[string]any{}
					}
					maps.Copy(object(all[kind]), object(entries))
				}
			default:
				doc[key] = value
			}
		}
	}
	for path, item := range object(doc["paths"]) {
		for method, value := range object(item) {
			if method != "parameters" {
				share(path, method, object(value))
			}
		}
	}
	return doc, nil
}

// share adds to an operation what all of its kind have.
func share(path, method string, op map[string]any) {
	object(op["responses"])["default"] = reference("responses/Problem")
	if !strings.HasPrefix(path, "/v1/") {
		return
	}
	parameters, _ := op["parameters"].([]any)
	if !strings.HasPrefix(path, "/v1/tenants") {
		parameters = append(parameters, reference("parameters/Tenant"))
	}
	if method == "post" {
		parameters = append(parameters, reference("parameters/IdempotencyKey"))
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
}

func reference(name string) map[string]any { return map[string]any{"$ref": "#/components/" + name} }

func (s *spec) readOperation(doc map[string]any, method, path string, value map[string]any) (*operation, error) {
	op := &operation{id: fmt.Sprint(value["operationId"]), method: strings.ToUpper(method), path: path}
	item := object(object(doc["paths"])[path])
	own, _ := value["parameters"].([]any)
	shared, _ := item["parameters"].([]any)
	for _, p := range slices.Concat(shared, own) {
		parameter := object(p)
		if ref, ok := parameter["$ref"].(string); ok {
			parameter = object(object(object(doc["components"])["parameters"])[ref[strings.LastIndex(ref, "/")+1:]])
			if parameter == nil {
				return nil, fmt.Errorf("%s does not exist", ref)
			}
		}
		if parameter["in"] == "query" {
			op.query = append(op.query, parameter["name"].(string))
			if parameter["required"] == true {
				op.required = append(op.required, parameter["name"].(string))
			}
		}
	}
	body := object(value["requestBody"])
	if body == nil {
		return op, nil
	}
	op.hasBody = true
	op.bodyRequired = body["required"] == true
	for media := range object(body["content"]) {
		op.media = append(op.media, media)
		op.merge = op.merge || media == "application/merge-patch+json"
	}
	slices.Sort(op.media)
	var err error
	op.schema, err = s.schemas.Compile("openapi.json#" + pointer("paths", path, method, "requestBody", "content", "application/json", "schema"))
	return op, err
}

// object is a YAML mapping, or nil.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// pointer writes a JSON Pointer, percent-encoded where a URL fragment needs it.
func pointer(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name))
	}
	return b.String()
}
