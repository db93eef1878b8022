package packs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"hacek/internal/hub"
	"hacek/internal/sender"
)

// target is a preset's endpoint with its variables filled.
func target(t *testing.T, pack, name string) hub.Endpoint {
	t.Helper()
	p := presetNamed(t, open(t, pack).Targets, name)
	raw, err := p.Fill(map[string]string{"url": "https://receiver.example.com/hook"})
	if err != nil {
		t.Fatal(err)
	}
	e := hub.DefaultEndpoint()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	e.Complete()
	return e
}

func TestP2_TheGalleryOfTargetSystems(t *testing.T) {
	seen := 0
	for _, pack := range everyPack(t) {
		for _, p := range pack.Targets {
			seen++
			e := target(t, pack.Name, p.Name)
			if err := e.Validate(); err != nil {
				t.Errorf("%s %s: %v", pack.Name, p.Name, err)
			}
			if _, err := sender.Compile(e, 1); err != nil {
				t.Errorf("%s %s: %v", pack.Name, p.Name, err)
			}
			for _, word := range e.Subscription.EventTypes {
				if pack.Type(word) == nil {
					t.Errorf("%s %s: the pack has no type %s", pack.Name, p.Name, word)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d presets of target systems were seen", seen)
	}
	for _, name := range []string{"two-part-call", "time-recording", "crm", "mobile-fitters"} {
		e := target(t, "profacto", name)
		if e.Request.Verb() != "POST" || e.Request.Query["event"] != "#event.type#" || e.Request.Query["condition"] != "#endpoint.condition#" || !e.Request.HasBody() {
			t.Errorf("profacto %s calls in two parts: got %+v", name, e.Request)
		}
	}
}

func TestO4_RetriesAsInTheVendorsTemplate(t *testing.T) {
	e := target(t, "onestock", "state-changes")
	var waits []any
	for _, d := range e.Retry.Intervals {
		waits = append(waits, json.Number(fmt.Sprint(int(d.D().Seconds()))))
	}
	sample := at(t, Sample("onestock-site-webhook-config"), "retry_intervals")
	list, _ := sample.([]any)
	if len(list) != 6 || len(waits) != len(list) {
		t.Fatalf("got %v, want %v", waits, list)
	}
	for i := range list {
		if list[i] != waits[i] {
			t.Errorf("wait %d: got %v s, want %v s", i+1, waits[i], list[i])
		}
	}
	if e.Success.Status[0] != "202" || e.Notify.AfterFailures != 3 || e.Order.By != hub.OrderAll || e.Request.Timeout.D() != 15*time.Second {
		t.Errorf("got %+v", e)
	}
}

func TestE4_WithoutABodyGETWithOnePOST(t *testing.T) {
	get, post := target(t, "ellity", "get").Request, target(t, "ellity", "post").Request
	if get.Verb() != "GET" || get.HasBody() || get.Query["email"] != "#customer.email#" {
		t.Errorf("got %+v", get)
	}
	if post.Verb() != "POST" || post.Body == nil || !strings.Contains(*post.Body, `"eshop":"#account.eshopId#"`) {
		t.Errorf("got %+v", post)
	}
}

func TestFillPutsEachValueInItsPlaceOnce(t *testing.T) {
	title := map[string]string{"en": "A value"}
	p := &Preset{Name: "p", Settings: json.RawMessage(`{"z":1.50,"a":["{{x}}/{{y}}"],"{{x}}":"{{u}}"}`),
		Variables: []Variable{{Name: "x", Title: title}, {Name: "y", Title: title, Default: "d"}, {Name: "u", Title: title, Kind: VariableURL}}}
	for _, c := range []struct {
		values         map[string]string
		want, pointers string
	}{
		{map[string]string{"x": `"}{{y}}`, "u": "https://a.example/"}, `{"z":1.50,"a":["\"}{{y}}/d"],"\"}{{y}}":"https://a.example"}`, ""},
		{map[string]string{"x": "1", "y": "ž<", "u": "u"}, `{"z":1.50,"a":["1/ž<"],"1":"u"}`, ""},
		{map[string]string{}, "", "/variables/x /variables/u"},
		{map[string]string{"x": " ", "u": "u"}, "", "/variables/x"},
		{map[string]string{"x": "1", "u": "u", "yy": "planted"}, "", "/variables/yy"},
		{map[string]string{"x": "\x00", "u": "u"}, "", "/variables/x"},
	} {
		got, err := p.Fill(c.values)
		var wrong *hub.Error
		var pointers []string
		if errors.As(err, &wrong) {
			for _, f := range wrong.Fields {
				pointers = append(pointers, f.Pointer)
				if strings.Contains(f.Detail, "planted") {
					t.Errorf("a value is repeated: %s", f.Detail)
				}
			}
		}
		if string(got) != c.want || strings.Join(pointers, " ") != c.pointers {
			t.Errorf("%v: got %s, %v; want %s, %s", c.values, got, pointers, c.want, c.pointers)
		}
	}
	for pointer, want := range map[string]string{"/a/0": "x", "/{{x}}": "u", "/z": "", "/b/c": "", "/a/7": ""} {
		if got := p.VariableAt(pointer); got != want {
			t.Errorf("%s: got %q, want %q", pointer, got, want)
		}
	}
}

func TestAMistakeInAPresetIsToldWithItsPlace(t *testing.T) {
	const good = `{name: mine, format: 1, variables: {x: {title: {en: X}}}, tables: [{name: states, entries: {a: b}}],
pipelines: [{name: p, variables: [x], tables: [states], settings: {name: "{{x}}"}, database: [{table: t, key: [k], columns: {k: name}}]}]}`
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{`"{{x}}"`, `"{{y}}"`, "pack mine: preset p: the variable x is used nowhere"},
		{`"{{x}}"`, `"{{x}}{{y}}"`, "pack mine: preset p: {{y}} is not in its variables"},
		{"variables: [x]", "variables: [z]", "pack mine: preset p: the variable z is described neither"},
		{"x: {title", "x: {kind: number, title", `the variable x has the unknown kind "number"`},
		{"tables: [states]", "tables: [status]", "pack mine: preset p: the pack has no table status"},
		{"name: p,", "name: source,", "pack mine: preset source: the name stands there twice"},
		{"k: name", "k: nmae", `database: table t: column k: no kind "nmae"`},
		{"key: [k]", "key: [l]", "database: table t: the key l is no column"},
		{"settings", "setings", "field setings not found"},
	} {
		fsys := fstest.MapFS{"words.yaml": {}, "mine/pack.yaml": {Data: []byte(strings.Replace(good, c.old, c.new, 1))}}
		_, err := read(fsys, "mine")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s -> %s: got %v, want %q", c.old, c.new, err, c.want)
		}
	}
}
