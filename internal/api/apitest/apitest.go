// Package apitest holds every answer of the API against its OpenAPI document, lets no planted secret pass, and remembers
// what tests have never called or set. It must not know how the API works inside: it stands between a client and the wire.
package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"hacek/internal/api"
	"hacek/internal/marked"
)

// Recorder knows the document and what was called.
type Recorder struct {
	operations []*operation

	mu         sync.Mutex
	called     map[string]bool
	set        map[string]bool // request properties, by the place of their schema; query parameters by operation
	violations []string
}

type operation struct {
	id, method string
	path       []string
	query      []string
	request    *jsonschema.Schema
	responses  map[string]map[string]*jsonschema.Schema // by status, by content type; a nil schema takes anything
}

// New reads the document.
func New() (*Recorder, error) {
	text, err := api.Document()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	r := &Recorder{called: map[string]bool{}, set: map[string]bool{}}
	b := &reader{doc: doc.(map[string]any), compiler: compiler}
	for path, item := range object(b.doc["paths"]) {
		for method, value := range object(item) {
			if method == "parameters" {
				continue
			}
			op, err := b.operation(path, method, object(item), object(value))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			r.operations = append(r.operations, op)
		}
	}
	// A path without parameters wins over one with.
	slices.SortFunc(r.operations, func(a, b *operation) int {
		return strings.Compare(strings.Join(b.path, "/"), strings.Join(a.path, "/"))
	})
	slices.SortStableFunc(r.operations, func(a, b *operation) int { return a.parameters() - b.parameters() })
	return r, nil
}

func (op *operation) parameters() (n int) {
	for _, segment := range op.path {
		if strings.HasPrefix(segment, "{") {
			n++
		}
	}
	return n
}

// reader builds operations out of the document.
type reader struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

func (b *reader) operation(path, method string, item, value map[string]any) (*operation, error) {
	op := &operation{
		id: fmt.Sprint(value["operationId"]), method: strings.ToUpper(method), path: strings.Split(path, "/"),
		responses: map[string]map[string]*jsonschema.Schema{},
	}
	shared, _ := item["parameters"].([]any)
	own, _ := value["parameters"].([]any)
	for _, p := range slices.Concat(shared, own) {
		parameter, _ := b.follow(object(p), "")
		if parameter["in"] == "query" {
			op.query = append(op.query, fmt.Sprint(parameter["name"]))
		}
	}
	at := "/paths/" + escape(path) + "/" + method
	if body := object(value["requestBody"]); body != nil {
		var err error
		if op.request, err = b.compiler.Compile("openapi.json#" + at + "/requestBody/content/application~1json/schema"); err != nil {
			return nil, err
		}
	}
	for status, response := range object(value["responses"]) {
		response, place := b.follow(object(response), at+"/responses/"+status)
		op.responses[status] = map[string]*jsonschema.Schema{}
		for media := range object(response["content"]) {
			schema, err := b.compiler.Compile("openapi.json#" + place + "/content/" + escape(media) + "/schema")
			if err != nil {
				return nil, err
			}
			op.responses[status][media] = schema
		}
	}
	return op, nil
}

// follow resolves a reference within the document.
func (b *reader) follow(value map[string]any, place string) (map[string]any, string) {
	ref, ok := value["$ref"].(string)
	if !ok {
		return value, place
	}
	place = strings.TrimPrefix(ref, "#")
	at := b.doc
	for _, name := range strings.Split(place, "/")[1:] {
		at = object(at[name])
	}
	return at, place
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
}

// Transport checks what passes through it on the way to next.
func (r *Recorder) Transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		var sent []byte
		if request.Body != nil {
			var err error
			if sent, err = io.ReadAll(request.Body); err != nil {
				return nil, err
			}
			request.Body = io.NopCloser(bytes.NewReader(sent))
		}
		op := r.find(request.Method, request.URL.Path)
		response, err := next.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		if response.StatusCode/100 == 2 {
			r.note(op, request, sent)
		}
		media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
		if media == "text/event-stream" {
			return response, nil
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		wrong := r.judge(op, response.StatusCode, media, body)
		if shown := marked.In(body); shown != "" && (op == nil || !slices.Contains(givesSecrets, op.id)) {
			wrong = "it shows a planted secret: " + shown
		}
		if wrong != "" {
			r.mu.Lock()
			r.violations = append(r.violations, fmt.Sprintf("%s %s answered %d: %s\n\t%.600s", request.Method, request.URL.Path, response.StatusCode, wrong, body))
			r.mu.Unlock()
		}
		return response, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// givesSecrets are the operations that answer with a signing secret, also one that was given to them. Keys, portal links and
// secrets of sources are told only when the hub has made them, and then they bear no mark.
var givesSecrets = []string{"createEndpoint", "putEndpoint", "rotateEndpointSecret", "getEndpointSecret"}

// find is the operation at a path, also below a tenant's prefix; nil when there is none.
func (r *Recorder) find(method, path string) *operation {
	segments := strings.Split(path, "/")
	if op := r.match(method, segments); op != nil {
		return op
	}
	if len(segments) > 4 && segments[1] == "v1" && segments[2] == "tenants" {
		return r.match(method, append([]string{"", "v1"}, segments[4:]...))
	}
	return nil
}

func (r *Recorder) match(method string, segments []string) *operation {
	for _, op := range r.operations {
		if op.method != method || len(op.path) != len(segments) {
			continue
		}
		same := true
		for i, segment := range op.path {
			same = same && (strings.HasPrefix(segment, "{") && segments[i] != "" || segment == segments[i])
		}
		if same {
			return op
		}
	}
	return nil
}

// note keeps what a call has used. Only one that was granted shows that a property or an operation is there.
func (r *Recorder) note(op *operation, request *http.Request, sent []byte) {
	if op == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.called[op.id] = true
	for name := range request.URL.Query() {
		r.set[op.id+" ?"+name] = true
	}
	var value any
	if json.Unmarshal(sent, &value) == nil {
		visit(op.request, value, func(s *jsonschema.Schema) { r.set[s.Location] = true })
	}
}

// visit calls seen for the schema of every property that a value sets.
func visit(s *jsonschema.Schema, value any, seen func(*jsonschema.Schema)) {
	for _, part := range parts(s) {
		switch value := value.(type) {
		case map[string]any:
			for name, property := range part.Properties {
				if member, given := value[name]; given {
					seen(property)
					visit(property, member, seen)
				}
			}
		case []any:
			for _, item := range value {
				visit(part.Items2020, item, seen)
			}
		}
	}
}

// parts is a schema with everything it refers to or is composed of.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	if s == nil {
		return nil
	}
	all := append([]*jsonschema.Schema{s}, parts(s.Ref)...)
	for _, other := range slices.Concat(s.AllOf, s.AnyOf) {
		all = append(all, parts(other)...)
	}
	return all
}

// judge holds an answer against the document.
func (r *Recorder) judge(op *operation, status int, media string, body []byte) string {
	if op == nil {
		// Nothing is served there: that must be a problem, in the form all problems have.
		if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			return "this is not in the document"
		}
		op = r.match(http.MethodGet, []string{"", "readyz"})
	}
	forms, known := op.responses[strconv.Itoa(status)]
	if !known {
		if status < 400 {
			return "the document does not know this status"
		}
		forms = op.responses["default"]
	}
	if len(forms) == 0 {
		if len(body) > 0 {
			return "there should be no body"
		}
		return ""
	}
	schema, known := forms[media]
	if !known {
		return "the document does not know the content type " + media
	}
	if !strings.HasSuffix(media, "json") {
		return ""
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return "the body is not JSON: " + err.Error()
	}
	if err := schema.Validate(value); err != nil {
		return err.Error()
	}
	return ""
}

// Violations lists every answer that broke the contract.
func (r *Recorder) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

// Missing lists what nobody has called or set with success: operations, query parameters, and properties of requests.
func (r *Recorder) Missing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := map[string]bool{}
	for _, op := range r.operations {
		if !r.called[op.id] {
			missing["operation "+op.id+" was never called"] = true
		}
		for _, name := range op.query {
			if !r.set[op.id+" ?"+name] {
				missing["query parameter "+name+" of "+op.id+" was never given"] = true
			}
		}
		reach(op.request, map[string]bool{}, func(s *jsonschema.Schema) {
			if !r.set[s.Location] {
				missing["property "+s.Location[strings.Index(s.Location, "#"):]+" was never set"] = true
			}
		})
	}
	var all []string
	for text := range missing {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// reach calls seen for every property that a request may set.
func reach(s *jsonschema.Schema, visited map[string]bool, seen func(*jsonschema.Schema)) {
	for _, part := range parts(s) {
		if visited[part.Location] {
			continue
		}
		visited[part.Location] = true
		for _, property := range part.Properties {
			if !property.ReadOnly {
				seen(property)
				reach(property, visited, seen)
			}
		}
		reach(part.Items2020, visited, seen)
	}
}
