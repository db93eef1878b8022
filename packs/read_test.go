package packs

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// at finds a value by its path; nil where the path ends early.
func at(t *testing.T, body []byte, path string) any {
	t.Helper()
	value := decodeJSON(t, body)
	for word := range strings.SplitSeq(path, ".") {
		object, is := value.(map[string]any)
		if !is {
			return nil
		}
		value = object[word]
	}
	return value
}

func decodeJSON(t *testing.T, body []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return value
}

func compile(t *testing.T, typ *Type) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource(typ.Name, decodeJSON(t, typ.Schema)); err != nil {
		t.Fatalf("schema of %s: %v", typ.Name, err)
	}
	s, err := c.Compile(typ.Name)
	if err != nil {
		t.Fatalf("schema of %s: %v", typ.Name, err)
	}
	return s
}

// Two packs may have the same type with other fields. A hub that has both must not refuse one of them,
// so a sample fits the schema of every pack that has its type.
func TestSamplesFitTheSchemasOfTheirType(t *testing.T) {
	schemas := map[string][]*jsonschema.Schema{}
	for _, p := range everyPack(t) {
		for i := range p.Types {
			schemas[p.Types[i].Name] = append(schemas[p.Types[i].Name], compile(t, &p.Types[i]))
		}
	}
	for _, p := range everyPack(t) {
		for _, typ := range p.Types {
			for _, body := range []json.RawMessage{typ.Sample, typ.AsSent()} {
				for _, s := range schemas[typ.Name] {
					if err := s.Validate(decodeJSON(t, body)); err != nil {
						t.Errorf("%s %s: %v\n%s", p.Name, typ.Name, err, body)
					}
				}
			}
		}
	}
}

func TestSchemaAllowsWhatItDoesNotNameAndRefusesWhatDoesNotFit(t *testing.T) {
	s := compile(t, typeOf(t, "shoptet", "order.created"))
	for _, c := range []struct {
		body string
		fits bool
	}{
		{`{}`, true},
		{`{"order":{"code":"2018000057","colour":"green"},"more":[1]}`, true},
		{`{"order":{"code":null,"paid":null}}`, true},
		{`{"order":{"price":{"withVat":1999.30}}}`, true},
		{`{"order":"2018000057"}`, true},
		{`{"order":{"code":2018000057}}`, false},
		{`{"order":{"paid":"yes"}}`, false},
		{`{"order":{"items":[{"amount":"1"},{"amount":true}]}}`, false},
		{`[]`, false},
	} {
		if err := s.Validate(decodeJSON(t, []byte(c.body))); (err == nil) != c.fits {
			t.Errorf("%s: fits is %v, want %v (%v)", c.body, err == nil, c.fits, err)
		}
	}
}

func TestKeysAndRefsAreInTheSample(t *testing.T) {
	for _, p := range everyPack(t) {
		for _, typ := range p.Types {
			if typ.Key != "" {
				if key, is := at(t, typ.Sample, typ.Key).(string); !is || key == "" {
					t.Errorf("%s %s: the key %s is no text in the sample", p.Name, typ.Name, typ.Key)
				}
			}
			for _, ref := range typ.Refs {
				parent, last, _ := cutLast(ref)
				if object, is := at(t, typ.Sample, parent).(map[string]any); !is {
					t.Errorf("%s %s: the ref %s is not in the sample", p.Name, typ.Name, ref)
				} else if _, there := object[last]; !there {
					t.Errorf("%s %s: the ref %s is not in the sample", p.Name, typ.Name, ref)
				}
			}
		}
	}
}

func cutLast(path string) (parent, last string, found bool) {
	i := strings.LastIndex(path, ".")
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

func TestOpenTellsTheNearestPack(t *testing.T) {
	for given, nearest := range map[string]string{"shopet": "shoptet", "eshop-shoptet": "shoptet", "profakto": "profacto", "Hacek": "hacek", "ERP-Profacto": "profacto"} {
		_, err := Open(given)
		if err == nil || !strings.Contains(err.Error(), `"`+nearest+`"`) {
			t.Errorf("Open(%q): got %v, want a hint at %s", given, err, nearest)
		}
	}
}

func TestSamplesCarryNothingButTheBody(t *testing.T) {
	for _, name := range []string{"shoptet-order-detail", "ellity-message-body", "onestock-site-webhook-config", "cargoson-booking-request"} {
		body := Sample(name)
		if body == nil {
			t.Errorf("sample %s is missing", name)
			continue
		}
		if at(t, body, "_source") != nil {
			t.Errorf("sample %s would send _source", name)
		}
	}
	if Sample("../packs") != nil || Sample("nothing") != nil {
		t.Error("there is no such sample")
	}
}

func TestJSONKeepsNumbersAndOrder(t *testing.T) {
	for _, c := range []struct{ yaml, want, broken string }{
		{yaml: `{z: 1.50, a: 12345678901234567890, m: "1.50"}`, want: `{"z":1.50,"a":12345678901234567890,"m":"1.50"}`},
		{yaml: `{day: 2026-03-01, none: null, yes: true, empty: []}`, want: `{"day":"2026-03-01","none":null,"yes":true,"empty":[]}`},
		{yaml: `{name: "Kůň & syn <1>"}`, want: `{"name":"Kůň & syn <1>"}`},
		{yaml: "a: &x {n: 1}\nb: *x", want: `{"a":{"n":1},"b":{"n":1}}`},
		{yaml: `{n: 0x1F}`, broken: "line 1: 0x1F is not a number in JSON"},
		{yaml: "{n: 1,\n n: 2}", broken: "line 2: n stands there twice"},
	} {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(c.yaml), &doc); err != nil {
			t.Fatal(err)
		}
		got, err := toJSON(doc.Content[0])
		if c.broken != "" {
			if err == nil || !strings.Contains(err.Error(), c.broken) {
				t.Errorf("%s: got %v, want %q", c.yaml, err, c.broken)
			}
		} else if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s (%v), want %s", c.yaml, got, err, c.want)
		}
	}
}

func TestExamplesKeepTheirText(t *testing.T) {
	for _, f := range typeOf(t, "shoptet", "order.created").Fields {
		if f.Name == "order.status.id" && f.Example != json.Number("-1") {
			t.Errorf("example of %s: got %#v, want the number -1", f.Name, f.Example)
		}
	}
}

func TestAMistakeIsToldWithItsPlace(t *testing.T) {
	const good = `{name: mine, format: 1, types: [{name: a.b, title: {en: A}, group: a, sample: {},
fields: [{name: x, type: string}]}], groups: {a: {en: A}}, field_titles: {x: {en: X}}}`
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{"name: mine", "name: yours", "pack mine: the file says name: yours"},
		{"format: 1", "format: 2", "pack mine: format 2 is unknown"},
		{"sample: {}", "sampel: {}", "mine/pack.yaml: yaml: unmarshal errors:\n  line 1: field sampel not found"},
		{"sample: {}", "refs: []", "pack mine: type a.b: it has no sample"},
		{"type: string", "type: text", `pack mine: type a.b: field x: no type "text"`},
		{"x: {en: X}", "y: {en: X}", "pack mine: type a.b: field x: no title"},
		{"{a: {en: A}}", "{b: {en: A}}", `pack mine: type a.b: group "a" has no label`},
		{"types: [", "types: [{name: a.b, group: a, sample: {}}, ", "pack mine: type a.b stands there twice"},
	} {
		fsys := fstest.MapFS{
			"words.yaml":     {},
			"mine/pack.yaml": {Data: []byte(strings.Replace(good, c.old, c.new, 1))},
		}
		_, err := read(fsys, "mine")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s -> %s: got %v, want %q", c.old, c.new, err, c.want)
		}
	}
}
