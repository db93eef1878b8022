package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

func (s *story) patch(t hub.Target, change string) {
	s.t.Helper()
	if _, err := s.settings.PatchEndpoint(context.Background(), tenant, t.ID.Text(hub.EndpointPrefix), json.RawMessage(change), "", settings.By{Name: "Jana"}); err != nil {
		s.t.Fatalf("patch %s: %v", change, err)
	}
}

func (s *story) id(e hub.ID, t hub.Target) hub.DeliveryID {
	return hub.DeliveryID{Event: e, Target: t.No}
}

// An event without a key waits for nobody, but it waits for its own next try.
func TestO3_O4_WithoutAKeyTheIntervalsHoldToo(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(400, 200)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = hub.OrderKey })
		s.publish("order.updated", "", n(1))
		s.wantResults(hub.Refused)
		s.settle()
		s.clock.Advance(4 * time.Second)
		s.quiet()
		s.publish("order.updated", "", n(2))
		s.wantResults(hub.Succeeded)
		s.clock.Advance(time.Second)
		s.wantResults(hub.Succeeded)
	})
}

func TestO3_LowerRateCountsTheStartsBeforeIt(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Rate = hub.Rate{Count: 5, Per: time.Second} })
		for i := range 8 {
			s.publish("order.created", "A", n(i))
		}
		s.wantResults(hub.Succeeded, hub.Succeeded, hub.Succeeded, hub.Succeeded, hub.Succeeded)
		s.patch(target, `{"limits":{"rate":"2/s"}}`)
		s.settle()
		s.quiet()
		s.clock.Advance(time.Second)
		s.wantResults(hub.Succeeded, hub.Succeeded)
		s.settle()
		s.quiet()
		s.clock.Advance(time.Second)
		s.wantResults(hub.Succeeded)
	})
}

// Settings that were read before the hub disabled the endpoint arrive after it: they do not switch it on again.
func TestO4_StaleSettingsDoNotWakeADisabledTarget(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(410)
		target := s.endpoint(r.URL)
		s.publish("order.created", "A", n(1))
		s.wait()
		s.waitState(target, hub.Disabled)
		s.engine.SetTarget(target)
		s.publish("order.created", "B", n(2))
		s.settle()
		s.quiet()
		s.resume(target, hub.Rate{}) // at the very same moment of the clock
		s.wait()
	})
}

// A probe of a disabled endpoint that is answered 410 costs that delivery; the next ones are not probed with.
func TestO4_GoneDuringAProbeEndsTheProbes(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.DisableAfter = hub.Duration(time.Hour); e.Limits.Concurrency = 1 })
		s.publish("order.created", "A", n(1))
		s.wait()
		s.clock.Advance(61 * time.Minute)
		s.wait()
		s.waitState(target, hub.Disabled)
		r.answer(410)
		s.publish("order.created", "B", n(2))
		s.publish("order.created", "C", n(3))
		s.settle()
		s.clock.Advance(61 * time.Minute)
		if o := s.wait(); o.Attempt.Status != 410 {
			s.t.Fatalf("answered %d, want 410", o.Attempt.Status)
		}
		for range 3 {
			s.settle()
			s.clock.Advance(61 * time.Minute)
		}
		s.settle()
		s.quiet()
	})
}

func TestP6_CancelledWhileInFlightIsNotTriedAgain(t *testing.T) {
	for _, by := range []string{hub.OrderNone, hub.OrderKey, hub.OrderAll} {
		t.Run(by, func(t *testing.T) {
			eachStore(t, func(s *story) {
				r := s.receiver(500, 200)
				r.gate = make(chan struct{})
				target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = by; e.Limits.Concurrency = 1 })
				id := s.publish("order.created", "A", n(1))
				s.publish("order.created", "A", n(2))
				r.wait(s.t)
				if err := s.door.Cancel(context.Background(), tenant, s.id(id, target), "Jana"); err != nil {
					s.t.Fatal(err)
				}
				close(r.gate)
				s.wantResults(hub.Refused, hub.Succeeded)
				s.clock.Advance(48 * time.Hour)
				s.settle()
				s.quiet()
				row, err := s.store.Delivery(context.Background(), tenant, s.id(id, target))
				if err != nil || row.State != hub.Cancelled {
					s.t.Fatalf("it is %s (%v), want cancelled", row.State, err)
				}
			})
		})
	}
}

func TestP6_RetryNowOfWhatWaitsAndOfWhatIsHeld(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 500, 200)
		target := s.endpoint(r.URL)
		ctx := context.Background()
		id := s.publish("order.created", "A", n(1))
		s.wait()
		retry := func() {
			s.t.Helper()
			if _, err := s.door.Retry(ctx, tenant, s.id(id, target)); err != nil {
				s.t.Fatal(err)
			}
		}
		retry()
		s.wantResults(hub.Refused) // now, not in five seconds
		s.pause(target)
		retry()
		s.settle()
		s.quiet() // held all the same
		s.resume(target, hub.Rate{})
		s.wantResults(hub.Succeeded)
	})
}

// The order is switched on with a backlog, while attempts are in flight: from then on one after the other.
func TestO3_OrderSwitchedOnWithABacklog(t *testing.T) {
	eachWindow(t, 16, func(s *story) {
		r := s.receiver(200)
		r.gate = make(chan struct{})
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Concurrency = 4 })
		for i := range 60 {
			s.publish("order.created", "A", n(i))
		}
		for range 4 {
			r.wait(s.t)
		}
		s.patch(target, `{"order":{"by":"all"}}`)
		close(r.gate)
		for range 60 {
			s.wantResults(hub.Succeeded)
		}
		s.settle()
		s.quiet()
		seen := map[string]bool{}
		last := ""
		for i, c := range r.calls() {
			if seen[c.id] {
				s.t.Fatalf("%s arrived twice", c.id)
			}
			seen[c.id] = true
			if i >= 4 && c.id < last {
				s.t.Fatalf("call %d: %s arrived after %s", i, c.id, last)
			}
			if i >= 4 {
				last = c.id
			}
		}
	})
}
