package expr

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseDocMistakes(t *testing.T) {
	for text, offset := range map[string]int{
		``: 0, ` `: 1, `{`: 1, `{"a"}`: 4, `{"a":}`: 5, `{"a":1,}`: 7, `[1,]`: 3, `[1 2]`: 3, `01`: 1, `1.`: 0, `-`: 0, `1e`: 0, `tru`: 0,
		`"a`: 0, "\"\n\"": 1, `"\x"`: 2, `"\u12"`: 0, `{} x`: 3, "\"\xff\"": 1, "\xEF\xBB\xBF{}": 0, `{1:2}`: 1, `[}`: 1, `{"a":1]`: 6, `NaN`: 0,
	} {
		_, err := ParseDoc([]byte(text))
		var e *SyntaxError
		if !errors.As(err, &e) || e.Offset != offset {
			t.Errorf("%q: got %v, want a mistake at %d", text, err, offset)
		}
	}
}

func TestRule11_DeepDocumentsAreRefused(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		if _, err := ParseDoc([]byte(strings.Repeat(open, 10_000))); err == nil {
			t.Errorf("10,000 times %s: accepted", open)
		}
	}
	const most = 256
	deep := strings.Repeat("[", most) + strings.Repeat("]", most)
	if _, err := ParseDoc([]byte(deep)); err != nil {
		t.Errorf("%d deep: %v", most, err)
	}
	if _, err := ParseDoc([]byte("[" + deep + "]")); err == nil {
		t.Errorf("%d deep: accepted", most+1)
	}
}

func TestLookup(t *testing.T) {
	d := doc(t, " {\"a\" : { \"b\" : [ 1 , {\"c\":\"x\\u00e9\"} ] , \"0\":\"zero\"},\"twice\":1,\"twice\":2.0, \"e\\u0073c\":3,\"z\":\"a\\\"}\"}\n")
	for path, want := range map[string]string{"a.b[0]": "1", "a.b.1.c": "xé", "a.0": "zero", "twice": "2.0", "esc": "3", "z": `a"}`, "a.b": `[1,{"c":"x\u00e9"}]`} {
		if v, ok := d.Lookup(path); !ok || v.Text() != want {
			t.Errorf("%s: got %q, %v; want %q", path, v.Text(), ok, want)
		}
	}
	for _, path := range []string{"b", "a.b.2", "a.b.c", "a.b[0].x", "twice.x", "", ".", "a..b", "a[", "a[x]", "a]"} {
		if v, ok := d.Lookup(path); ok {
			t.Errorf("%q: found %q", path, v.Text())
		}
	}
}

func TestC3_Select(t *testing.T) {
	const data = `{ "b": 1.50, "a": {"x": "1", "y": 2}, "rows": [{"sku":"A","quantity":1.0}, {"sku":"B"}], "big": 12345678901234567890, "e": [] }`
	for fields, want := range map[string]string{
		"a.x,b":                 `{"b":1.50,"a":{"x":"1"}}`,
		"a":                     `{"a":{"x": "1", "y": 2}}`,
		"rows[].quantity":       `{"rows":[{"quantity":1.0},{}]}`,
		"rows.sku,big":          `{"rows":[{"sku":"A"},{"sku":"B"}],"big":12345678901234567890}`,
		"nothing,a.nothing,b.c": `{}`,
		"":                      `{}`,
		"e[].x":                 `{"e":[]}`,
		"rows[].x":              `{}`,
	} {
		if got := string(Select(doc(t, data), strings.Split(fields, ","))); got != want {
			t.Errorf("%s: got %s, want %s", fields, got, want)
		}
	}
}

func FuzzDoc(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5e3,"x\u00e9\"",null,true,false,{}]}`, `[`, `{"a":{"a":1,"a":2}}`, "\"\xff\"", `-0.0`, strings.Repeat("[", 300)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseDoc(raw)
		if err != nil {
			if json.Valid(raw) && len(raw) < MaxDepth && !strings.Contains(err.Error(), "UTF-8") {
				t.Fatalf("%q is JSON, yet: %v", raw, err)
			}
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is not JSON, yet accepted", raw)
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return
		}
		for name, want := range members {
			if got, ok := d.Value().Field(name); !ok || string(got.raw) != string(want) {
				t.Fatalf("%q: member %q: got %q, want %q", raw, name, got.raw, want)
			}
		}
	})
}
