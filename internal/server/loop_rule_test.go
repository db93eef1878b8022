package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hacek/internal/client"
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

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := errors.New("a delivery failed")
	begin := func() error {
		return caller.Do(ctx, "POST", "/v1/events", []byte(`{"type":"ping","data":{"n":1}}`), nil)
	}
	err := caller.Stream(ctx, "", begin, func(m client.Message) error {
		if m.Event == "delivery" && strings.Contains(m.Data, `"state":"failed"`) {
			return ended
		}
		return nil
	})
	if !errors.Is(err, ended) {
		t.Fatalf("the pipeline goes on feeding itself: %v", err)
	}
	var failed, events struct {
		Data []struct {
			State, Reason string
			ParentID      *string `json:"parent_id"`
		}
	}
	if call("GET", "/v1/deliveries?state=failed", "", &failed); len(failed.Data) != 1 {
		t.Fatalf("%d deliveries failed, want 1", len(failed.Data))
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
