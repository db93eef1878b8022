package server

import (
	"strings"
	"testing"
	"time"
)

// A pipeline that publishes what it takes itself comes to an end: each event knows where it comes from and how many there
// were before it, and the last step says why it goes no further.
func TestRule19_APipelineThatFeedsItselfEnds(t *testing.T) {
	s := start(t, config(t))
	caller := s.client(s.key)
	call := func(method, path, body string, into any) {
		t.Helper()
		if err := caller.Do(t.Context(), method, path, []byte(body), into); err != nil {
			t.Fatal(err)
		}
	}
	call("POST", "/v1/pipelines", `{"name":"Echo","subscription":{"event_types":["ping"]},"steps":[{"type":"publish","event":{"type":"ping"}}]}`, nil)
	call("POST", "/v1/events", `{"type":"ping","data":{"n":1}}`, nil)

	var failed, events struct {
		Data []struct {
			State, Reason string
			ParentID      *string `json:"parent_id"`
		}
	}
	for until := time.Now().Add(20 * time.Second); len(failed.Data) == 0; time.Sleep(10 * time.Millisecond) {
		if call("GET", "/v1/deliveries?state=failed", "", &failed); time.Now().After(until) {
			t.Fatal("the pipeline goes on feeding itself")
		}
	}
	if call("GET", "/v1/events?limit=250", "", &events); len(events.Data) != 11 {
		t.Errorf("%d events, want the first and ten that came of it", len(events.Data))
	}
	orphans := 0
	for _, e := range events.Data {
		if e.ParentID == nil {
			orphans++
		}
	}
	if orphans != 1 || !strings.Contains(failed.Data[0].Reason, "is a loop") {
		t.Errorf("%d events without a parent, want 1; it failed with %q", orphans, failed.Data[0].Reason)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}
