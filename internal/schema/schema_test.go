package schema_test

import (
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/schema"
)

func TestWhatIsWrongWithDataIsToldWithItsPlace(t *testing.T) {
	s := compile(t, `{"type":"object","required":["number"],"properties":{
		"number":{"type":"string"},
		"a/b":{"type":"array","items":{"type":"integer"}},
		"paid":{"anyOf":[{"type":"boolean"},{"type":"string","pattern":"^[0-9]+$"}]},
		"who":{"oneOf":[{"type":"string"},{"minLength":2}]}}}`)
	for data, want := range map[string]string{
		`{"number":"1","a/b":[1,20000000000000000000],"paid":true,"who":"x"}`: "",
		`{}`:                         "/data/number is missing",
		`{"number":1}`:               "/data/number is of type number, but must be of type string",
		`{"number":"1","a/b":["x"]}`: "/data/a~1b/0 is of type string, but must be of type integer",
		`{"number":"1","paid":"x"}`:  "/data/paid fits none of the alternatives: is of type string, but must be of type boolean, or does not have the form ^[0-9]+$",
		`{"number":"1","who":"xy"}`:  "/data/who fits more than one of the alternatives, and must fit exactly one",
	} {
		var p hub.Problems
		if err := s.Check(&p, "/data", []byte(data)); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		if got := lines(p); got != want {
			t.Errorf("%s:\n got %s\nwant %s", data, got, want)
		}
	}
	var many hub.Problems
	if err := s.Check(&many, "", []byte(`{"number":"1","a/b":[`+strings.Repeat(`"x",`, 5_000)+`1]}`)); err != nil || len(many) != 100 {
		t.Errorf("5,000 wrong values are told %d times, %v", len(many), err)
	}
	if err := s.Check(new(hub.Problems), "", []byte(`{`)); err == nil {
		t.Error("half a document is taken")
	}
}

func TestWhatIsWrongWithASchemaIsToldWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{`: "/schema is not JSON",
		`{"$schema":"http://json-schema.org/draft-07/schema#"}`: "/schema/$schema is another draft; " + schema.Draft + " is the one that is understood",
		`{"type":"text"}`:                               "/schema/type fits none of the alternatives: ",
		`{"$ref":"https://example.com/other"}`:          "/schema cannot be used: ",
		`{"$ref":"file:///etc/passwd"}`:                 "which is never loaded",
		`"` + strings.Repeat("x", schema.MaxSize) + `"`: "at most 262144 are allowed",
	} {
		var p hub.Problems
		if s := schema.Compile(&p, "/schema", []byte(text)); s != nil || !strings.Contains(lines(p), want) {
			t.Errorf("%.60s:\n got %s\nwant %s", text, lines(p), want)
		}
	}
}

func compile(t *testing.T, text string) *schema.Schema {
	t.Helper()
	var p hub.Problems
	s := schema.Compile(&p, "", []byte(text))
	if s == nil {
		t.Fatal(p.Err())
	}
	return s
}

func lines(p hub.Problems) string {
	var all []string
	for _, w := range p {
		all = append(all, w.Pointer+" "+w.Detail)
	}
	return strings.Join(all, "; ")
}
