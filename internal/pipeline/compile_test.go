package pipeline

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"hacek/internal/hub"
)

// Every mistake is told at save, each with its place.
func TestM7_MistakesAreFoundAtSave(t *testing.T) {
	for _, c := range []struct{ steps, pointer, words string }{
		{`[]`, "/steps", "at least one"},
		{`[{"type":"fetsch"}]`, "/steps/0/type", "did you mean fetch"},
		{`[{"type":""}]`, "/steps/0/type", "none of"},
		{`[{"type":"wait","for":"1s","to":["a@b.cz"]}]`, "/steps/0/to", "does not belong to a step of type wait"},
		{`[{"type":"wait"}]`, "/steps/0/for", "is missing"},
		{`[{"type":"wait","for":"8d"}]`, "/steps/0/for", "at most 7d"},
		{`[{"type":"fetch","as":"o"}]`, "/steps/0/request", "is missing"},
		{`[{"type":"fetch","request":{"url":"https://a.example"}}]`, "/steps/0/as", "is missing"},
		{`[{"type":"fetch","as":"data","request":{"url":"https://a.example"}}]`, "/steps/0/as", "meaning of its own"},
		{`[{"type":"fetch","as":"a b","request":{"url":"https://a.example"}}]`, "/steps/0/as", "no name"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"}},{"type":"map","as":"o","fields":{"a":"1"}}]`, "/steps/1/as", "step 1"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://#host#/x"}}]`, "/steps/0/request/url", "host"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example/#row.n#"}},{"type":"map","as":"row","fields":{"n":"1"}}]`, "/steps/0/request/url", "step 2, which comes later"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example/#o.n#"}}]`, "/steps/0/request/url", "this very step"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"},"auth":{"type":"bearer"}}]`, "/steps/0/auth/token", "is missing"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"},"auth":{"type":"bearer","token":"x","name":"y"}}]`, "/steps/0/auth/name", "does not belong"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"},"success":{"status":["20"]}}]`, "/steps/0/success/status/0", "20"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"},"limits":{"concurrency":-1}}]`, "/steps/0/limits/concurrency", "-1"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"},"again":{}}]`, "/steps/0/again", "is empty"},
		{`[{"type":"fetch","as":"o","request":{"url":"https://a.example"},"again":{"status":["4"]}}]`, "/steps/0/again/status/0", "404"},
		{`[{"type":"request","request":{"url":"https://a.example","headers":{"Host":"x"},"body":"{"}}]`, "/steps/0/request/headers/Host", "only the hub"},
		{`[{"type":"request","request":{"url":"https://a.example","body":"{"}}]`, "/steps/0/request/body", ""},
		{`[{"type":"map","as":"m","fields":{"a":"#each x#"}}]`, "/steps/0/fields/a", ""},
		{`[{"type":"map","as":"m","fields":{"a":"#x#"},"tables":{"b":"t"}}]`, "/steps/0/tables/b", "no such field"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"columns":{"number":"#x..y#","b":"#each#"}}]`, "/steps/0/key/0", "not among the columns"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"columns":{"a":"#row.x#"}},{"type":"map","as":"row","fields":{"x":"1"}}]`, "/steps/0/columns/a", "comes later"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"newer":"c","columns":{"a":"1"}}]`, "/steps/0/newer", "not among"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"columns":{"a":"1"},"children":[{"table":"","parent":{},"each":"","columns":{}}]}]`, "/steps/0/children/0/each", "is missing"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"columns":{"a":"1"},"children":[{"table":"c","parent":{"p":"a"},"each":"x y","key":["n"],"columns":{"n":"1"}}]}]`, "/steps/0/children/0/each", "not a path"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"columns":{"a":"1"},"children":[{"table":"c","parent":{"p":"a"},"each":"later.x","key":["n"],"columns":{"n":"#later.y#"}}]},{"type":"map","as":"later","fields":{"x":"1"}}]`, "/steps/0/children/0/columns/n", "comes later"},
		{`[{"type":"upsert","connection":"erp","table":"t","key":["a"],"columns":{"a":"1"},"children":[{"table":"c","parent":{"p":"a"},"each":"x","columns":{"n":"1"}}]}]`, "/steps/0/children/0/key", "merged"},
		{`[{"type":"confirm","request":{"url":"https://a.example"},"until":"response.","for":"1m"}]`, "/steps/0/until", ""},
		{`[{"type":"confirm","request":{"url":"https://a.example"},"until":"true","for":"1m","every":"1ms"}]`, "/steps/0/every", "100ms"},
		{`[{"type":"mail","to":["jana"],"subject":"x"}]`, "/steps/0/to/0", "jana@example.cz"},
		{`[{"type":"mail","to":["a@b.cz"],"subject":"x\ny"}]`, "/steps/0/subject", "control"},
		{`[{"type":"mail","to":["a@b.cz"],"subject":"x","language":"cs; x"}]`, "/steps/0/language", "no language"},
		{`[{"type":"mail","to":["a@b.cz"],"subject":"x","domains":["a b"]}]`, "/steps/0/domains/0", "no"},
		{`[{"type":"publish","event":{"type":"hacek.x"}}]`, "/steps/0/event/type", "hub's own"},
		{`[{"type":"publish","event":{"type":""}}]`, "/steps/0/event/type", "is missing"},
		{`[{"type":"publish","event":{"type":"a","data":{"x":"#later.x#"}}},{"type":"map","as":"later","fields":{"x":"1"}}]`, "/steps/0/event/data", "comes later"},
		{`[{"type":"validate","schema":{"type":7}}]`, "/steps/0/schema/type", "fits none of the alternatives"},
		{`[{"type":"validate","schema":{"$ref":"https://a.example/s.json"}}]`, "/steps/0/schema", "never loaded"},
		{`[{"type":"validate","schema":{"$schema":"http://json-schema.org/draft-07/schema#"}}]`, "/steps/0/schema/$schema", "2020-12"},
		{`[` + strings.Repeat(`{"type":"wait","for":"1s"},`, 50) + `{"type":"wait","for":"1s"}]`, "/steps", "at most 50"},
	} {
		_, err := Compile(settings(t, c.steps), 1)
		e, ok := err.(*hub.Error)
		if !ok {
			t.Errorf("%s: got %v, want a problem at %s", c.steps, err, c.pointer)
			continue
		}
		found := false
		for _, f := range e.Fields {
			found = found || f.Pointer == c.pointer && strings.Contains(f.Detail, c.words)
		}
		if !found {
			t.Errorf("%s: got %+v, want %s at %s", c.steps, e.Fields, c.words, c.pointer)
		}
	}
}

// The success rule of the pipeline stands for every step without one, and its mistake is told once.
func TestM7_PipelineRuleIsToldOnce(t *testing.T) {
	p := settings(t, `[{"type":"fetch","as":"a","request":{"url":"https://a.example"}},{"type":"fetch","as":"b","request":{"url":"https://a.example"}}]`)
	p.Success.Condition = "response."
	_, err := Compile(p, 1)
	if e, ok := err.(*hub.Error); !ok || len(e.Fields) != 1 || e.Fields[0].Pointer != "/success/condition" {
		t.Errorf("got %+v", err)
	}
}

// Every field of a step belongs to some type, and every type is tried.
func TestEveryFieldHasAType(t *testing.T) {
	known := map[string]bool{}
	for _, fields := range stepFields {
		for _, name := range fields {
			known[strings.TrimPrefix(name, "!")] = true
		}
	}
	var missing []string
	for name := range given(&hub.Step{}) {
		if !known[name] {
			missing = append(missing, name)
		}
	}
	sort.Strings(missing)
	if len(missing) > 0 {
		t.Errorf("belong to no type: %s", fmt.Sprint(missing))
	}
}
