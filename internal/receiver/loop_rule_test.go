package receiver_test

import (
	"fmt"
	"strings"
	"testing"

	"hacek/internal/hub"
)

// Two hubs that call each other's sources come to an end: an event that has passed too many waits for a person.
func TestRule19_ALoopThroughSourcesEnds(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	for i, c := range []struct {
		header  string
		outcome string
		hops    int
	}{
		{"", hub.RequestAccepted, 0}, {"3", hub.RequestAccepted, 3}, {"10", hub.RequestAccepted, 10}, {"many", hub.RequestAccepted, 0},
		{"-5", hub.RequestAccepted, 0}, {"11", hub.RequestQuarantined, 0}, {"99999", hub.RequestQuarantined, 0},
	} {
		body := fmt.Sprintf(`{"event":"order:create","eventInstance":"%d"}`, i)
		header := signed(body, secret)
		if c.header != "" {
			header.Set("Hacek-Hops", c.header)
		}
		g.want(g.send("POST", "/in/shop", header, strings.NewReader(body)), 200, "")
		kept := g.requests(s, i+1)[i]
		reason := ""
		if c.outcome == hub.RequestQuarantined {
			reason = "is a loop"
		}
		g.wantRequest(kept, c.outcome, 200, reason)
		if len(kept.Events) > 0 {
			if e, err := g.store.Event(g.ctx, tenant, kept.Events[0]); err != nil || e.Hops != c.hops {
				t.Errorf("%q: the event %+v has passed %d hubs, %v; want %d", c.header, e, e.Hops, err, c.hops)
			}
		}
	}
	if n := len(g.events()); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
}
