package ingest_test

import (
	"fmt"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// Conditions that are dear together use up what one event may cost. Those that are left fail visibly, whoever asks nothing is
// not concerned, and the next event begins anew.
func TestRule11_ConditionsOfOneEventAreBoundedInSum(t *testing.T) {
	eachStore(t, func(s *story) {
		const dear = `[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4].all(d, a + b + c + d < 99))))`
		s.endpoint("plain", subscribed(hub.Subscription{EventTypes: []string{"order.*"}}))
		const many = 12
		for i := range many {
			s.endpoint(fmt.Sprint("dear ", i), subscribed(hub.Subscription{EventTypes: []string{"order.*"}, Condition: dear}))
		}
		for range 2 {
			p := s.publish(ingest.Input{})
			fates, err := s.Fates(s.ctx, tenant, p.Event.ID)
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, f := range fates {
				switch {
				case f.Outcome == "failed" && strings.Contains(f.Reason, "the conditions on this event took more than 50 ms"):
					failed++
				case f.Outcome != "pending":
					t.Errorf("fate at %s: %s, %q", f.Target.Name, f.Outcome, f.Reason)
				}
				if f.Target.Name == "plain" && f.Outcome != "pending" {
					t.Errorf("whoever asks nothing: %s, %q", f.Outcome, f.Reason)
				}
			}
			if p.Deliveries != many+1 || len(fates) != many+1 || failed < 1 || failed > many-3 {
				t.Errorf("%d deliveries, %d fates, %d failed", p.Deliveries, len(fates), failed)
			}
		}
	})
}
