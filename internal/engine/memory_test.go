package engine_test

import (
	"context"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
)

// publishAll publishes n events in one call; key names the i-th one's key.
func (s *story) publishAll(n int, key func(i int) string) {
	s.t.Helper()
	inputs := make([]ingest.Input, n)
	for i := range inputs {
		k := key(i)
		inputs[i] = ingest.Input{Type: "order.updated", Key: &k, Data: []byte(`{"n":1}`)}
	}
	for _, p := range s.door.Publish(context.Background(), tenant, inputs...) {
		if p.Err != nil {
			s.t.Fatalf("publish: %v", p.Err)
		}
	}
}

// A slow pace and many retries: every look for what is due must not read yet another window of fresh ones.
func TestC6_RetriesDoNotFillTheMemory(t *testing.T) {
	eachWindow(t, 16, func(s *story) {
		r := s.receiver(400)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.Limits.Rate = hub.Rate{Count: 1, Per: time.Second}
			e.Retry.Intervals = nil
			for range 20 {
				e.Retry.Intervals = append(e.Retry.Intervals, hub.Duration(time.Second))
			}
		})
		s.pause(target)
		s.publishAll(300, func(int) string { return "" })
		s.resume(target, hub.Rate{})
		for range 20 {
			s.wait()
			if c := s.settle(); c.Entries > 3*16 {
				s.t.Fatalf("%d deliveries in memory, want at most %d", c.Entries, 3*16)
			}
			s.clock.Advance(time.Second)
		}
	})
}

// Each key is stuck behind a head that waits for its next try. Their heads stay in memory, but not without end, and
// their payloads not at all.
func TestC6_StuckKeysDoNotFillTheMemory(t *testing.T) {
	eachWindow(t, 16, func(s *story) {
		r := s.receiver(400)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = hub.OrderKey })
		s.pause(target)
		s.publishAll(400, n)
		s.resume(target, hub.Rate{})
		c := s.settle()
		if c.Entries > 6*16 || c.PayloadBytes > 300 {
			s.t.Fatalf("%d deliveries and %d bytes in memory, want at most %d and 300", c.Entries, c.PayloadBytes, 6*16)
		}
		r.answer(200)
		for left := 400; left > 0; s.clock.Advance(time.Minute) {
			s.settle()
			for len(s.outcomes) > 0 {
				if o := <-s.outcomes; o.Next.State == hub.Delivered {
					left--
				}
			}
		}
	})
}

func TestC6_DeletedWhileInFlightLeavesNothingInMemory(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		r.gate = make(chan struct{})
		target := s.endpoint(r.URL)
		id := s.publish("order.created", "A", n(1))
		r.wait(s.t)
		if err := s.settings.DeleteEndpoint(context.Background(), tenant, target.ID.Text(hub.EndpointPrefix), "", settings.By{Name: "Jana"}); err != nil {
			s.t.Fatal(err)
		}
		close(r.gate)
		if c := s.settle(); c.Entries != 0 || c.PayloadBytes != 0 {
			s.t.Fatalf("%+v is still counted, want nothing", c)
		}
		s.clock.Advance(48 * time.Hour)
		s.quiet()
		row, err := s.store.Delivery(context.Background(), tenant, hub.DeliveryID{Event: id, Target: target.No})
		if err != nil || row.State != hub.Cancelled {
			s.t.Fatalf("the delivery is %s (%v), want cancelled", row.State, err)
		}
	})
}
