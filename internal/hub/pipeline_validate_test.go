package hub

import (
	"encoding/json"
	"testing"
)

func TestM7_AStepsCallHasTheDefaultsOfItsKind(t *testing.T) {
	p := DefaultPipeline()
	const text = `{"name":"a","retry":null,"steps":[
	 {"type":"fetch","request":{"url":"https://x.example/"}},
	 {"type":"fetch","request":{"url":"https://x.example/","method":"post"},"auth":{}},
	 {"type":"fetch","request":{"url":"https://x.example/","body":"{}","timeout":"2s"}},
	 {"type":"request","request":{"url":"https://x.example/"},"success":{}},
	 {"type":"confirm","request":{"url":"https://x.example/"}},
	 {"type":"validate","schema":null}]}`
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	p.Complete()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ verb, payload, timeout string }{
		{"GET", PayloadNone, "15s"}, {"POST", PayloadNone, "15s"}, {"POST", PayloadTemplate, "2s"}, {"POST", PayloadStandard, "15s"}, {"GET", PayloadNone, "15s"},
	} {
		if r := p.Steps[i].Request; r.Verb() != want.verb || r.Payload != want.payload || r.Timeout.String() != want.timeout || r.Missing != "empty" || r.Headers == nil {
			t.Errorf("step %d: got %s %+v, want %+v", i, r.Verb(), r, want)
		}
	}
	if p.Steps[1].Auth.Type != AuthNone || len(p.Steps[3].Success.Status) != 1 || p.Steps[5].Schema != nil || len(p.Retry.Intervals) != 9 {
		t.Errorf("got %+v", p)
	}
}
