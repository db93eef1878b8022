package engine_test

import (
	"context"
	"fmt"
	"testing"

	"hacek/internal/hub"
)

func TestO2_NeverMoreAtOnceThanTheEndpointAllows(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver()
		r.gate = make(chan struct{})
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Concurrency = 3 })
		for i := range 10 {
			s.publish("order.created", fmt.Sprint(i), n(i))
		}
		for range 3 {
			r.wait(s.t)
		}
		for left := 10; left > 3; left-- {
			if c := s.engine.Counts(context.Background()); c.Flights != 3 {
				s.t.Fatalf("%d are under way with %d left, want 3", c.Flights, left)
			}
			r.gate <- struct{}{} // one is answered, so one more begins
			s.wantResults(hub.Succeeded)
			r.wait(s.t)
		}
		close(r.gate)
		s.wantResults(hub.Succeeded, hub.Succeeded, hub.Succeeded)
		s.quiet()
	})
}
