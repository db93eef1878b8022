package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

func TestO2_O4_RetriesAtTheIntervalsUntilDelivered(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 503, 200)
		s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.Retry.Intervals = []hub.Duration{hub.Duration(30 * time.Second), hub.Duration(time.Minute)}
		})
		s.publish("order.created", "A", n(1))
		s.wantResults(hub.Refused)
		s.clock.Advance(29 * time.Second)
		s.quiet()
		s.clock.Advance(time.Second)
		s.wantResults(hub.Refused)
		s.clock.Advance(time.Minute)
		o := s.wait()
		if o.Next.State != hub.Delivered || o.Next.Tries != 3 {
			t := s.t
			t.Fatalf("got %+v, want delivered at the third try", o.Next)
		}
		calls := r.calls()
		if len(calls) != 3 || calls[0].id != calls[2].id {
			s.t.Fatalf("receiver got %+v, want the same webhook-id three times", calls)
		}
	})
}

// What failed together does not come back together.
func TestO4_JitterSpreadsTheRetries(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		const targets = 20
		for i := range targets {
			s.endpoint(r.URL, func(e *hub.Endpoint) {
				e.Name = fmt.Sprint("target ", i)
				e.Retry = hub.Retry{Jitter: 0.1, Intervals: []hub.Duration{hub.Duration(100 * time.Second)}}
			})
		}
		s.publish("order.created", "A", n(1))
		different := map[time.Time]bool{}
		for range targets {
			due := s.wait().Next.DueAt
			if wait := due.Sub(s.clock.Now()); wait < 90*time.Second || wait > 110*time.Second {
				s.t.Errorf("the second try is due in %s, want 100 s plus or minus a tenth", wait)
			}
			different[due] = true
		}
		if len(different) < targets/2 {
			s.t.Errorf("%d failures are tried again at %d moments", targets, len(different))
		}
	})
}

func TestO4_UsedUpTriesFail(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Retry.Intervals = []hub.Duration{hub.Duration(time.Second)} })
		s.publish("order.created", "A", n(1))
		s.wait()
		s.clock.Advance(time.Second)
		if o := s.wait(); o.Next.State != hub.Failed {
			s.t.Fatalf("got %+v, want failed", o.Next)
		}
		s.clock.Advance(48 * time.Hour)
		s.quiet()
	})
}

func TestO4_RetryAfterInBothForms(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(429, 503, 200)
		r.header.Set("Retry-After", "120")
		s.endpoint(r.URL)
		s.publish("order.created", "A", n(1))
		s.wait()
		s.clock.Advance(119 * time.Second)
		s.quiet()
		r.mu.Lock()
		r.header.Set("Retry-After", s.clock.Now().Add(time.Second+20*time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		r.mu.Unlock()
		s.clock.Advance(time.Second)
		s.wait()
		s.clock.Advance(20*time.Minute - time.Second)
		s.quiet()
		s.clock.Advance(2 * time.Second)
		s.wantResults(hub.Succeeded)
	})
}

func TestO4_GoneDisablesAndHoldsTheOthers(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(410)
		target := s.endpoint(r.URL)
		s.publish("order.created", "A", n(1))
		if o := s.wait(); o.Next.State != hub.Failed {
			s.t.Fatalf("got %+v, want failed", o.Next)
		}
		s.publish("order.created", "B", n(2))
		s.clock.Advance(48 * time.Hour)
		s.quiet()
		s.waitState(target, hub.Disabled)
		waiting, _, err := s.store.Waiting(context.Background(), target.No)
		if err != nil || waiting != 1 {
			s.t.Fatalf("%d wait (%v), want 1: held, not failed", waiting, err)
		}
		r.mu.Lock()
		r.answers = []int{200}
		r.mu.Unlock()
		s.resume(target, hub.Rate{})
		s.wantResults(hub.Succeeded)
	})
}

func TestO2_DisabledAfterDaysIsProbedHourlyAndRecovers(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.DisableAfter = hub.Duration(time.Hour)
			e.Limits.Concurrency = 1
			e.Retry.Intervals = []hub.Duration{hub.Duration(61 * time.Minute)}
		})
		s.publish("order.created", "A", n(1))
		s.wait()
		s.publish("order.created", "B", n(2))
		s.wait()
		s.clock.Advance(61 * time.Minute)
		s.wait()
		s.waitState(target, hub.Disabled)
		s.publish("order.created", "C", n(3))
		s.clock.Advance(59 * time.Minute)
		s.quiet()
		r.mu.Lock()
		r.answers = []int{200}
		r.mu.Unlock()
		s.clock.Advance(2 * time.Minute)
		s.wantResults(hub.Succeeded)
		s.waitState(target, hub.Active)
		s.clock.Advance(2 * time.Hour)
		s.wantResults(hub.Succeeded)
	})
}

// What is tried again says why: at the event, and among the deliveries.
func TestO2_WhatIsTriedAgainSaysWhatHappened(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 404, 200)
		s.endpoint(r.URL)
		id := s.publish("order.created", "A", n(1))
		want := func(outcome, reason string) {
			s.t.Helper()
			fates, err := s.door.Fates(context.Background(), tenant, id)
			if err != nil || len(fates) != 1 || fates[0].Outcome != outcome || !strings.Contains(fates[0].Reason, reason) {
				s.t.Fatalf("fates %+v (%v), want %s: %s", fates, err, outcome, reason)
			}
		}
		s.wantResults(hub.Refused)
		want("pending", "500")
		s.clock.Advance(10 * time.Second)
		s.wantResults(hub.Refused)
		want("pending", "404")
		s.clock.Advance(10 * time.Minute)
		s.wantResults(hub.Succeeded)
		want("delivered", "200")
	})
}

func TestO2_RedirectIsAFailure(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(302, 200)
		r.header.Set("Location", "http://169.254.169.254/latest/meta-data")
		s.endpoint(r.URL)
		s.publish("order.created", "A", n(1))
		s.wantResults(hub.Redirected)
		s.clock.Advance(10 * time.Second)
		s.wantResults(hub.Succeeded)
	})
}

func TestO2_BreakerSendsOneProbeAtATime(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Concurrency = 4 })
		for i := range 20 {
			s.publish("order.created", "A", n(i))
		}
		// The fifth opens it; three more may be under way then.
		if tried := len(s.calm()); tried < hub.BreakerFailures || tried > hub.BreakerFailures+3 {
			s.t.Fatalf("%d were tried before the breaker was open", tried)
		}
		for _, wait := range []time.Duration{1, 2, 4, 8} {
			s.clock.Advance(wait * time.Second)
			s.wantResults(hub.Refused)
			s.quiet()
		}
		r.mu.Lock()
		r.answers = []int{200}
		r.mu.Unlock()
		s.clock.Advance(16 * time.Second)
		s.wantResults(hub.Succeeded) // closes it; those that were probed twice wait for their second interval
		s.clock.Advance(10 * time.Minute)
		for range 19 {
			s.wantResults(hub.Succeeded)
		}
	})
}

func TestO2_RestartReadsWhatIsOwed(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Concurrency = 100 })
		for i := range 10 {
			s.publish("order.created", "A", n(i))
		}
		for range 5 {
			s.wait()
		}
		s.restart()
		r.mu.Lock()
		r.answers = []int{200}
		r.mu.Unlock()
		s.clock.Advance(48 * time.Hour)
		delivered := map[hub.ID]bool{}
		for len(delivered) < 10 {
			if o := s.wait(); o.Next.State == hub.Delivered {
				delivered[o.Delivery.Event] = true
			}
			s.clock.Advance(6 * time.Minute)
		}
	})
}

// Reads of what is due and commits of outcomes cross all the time; a read that began before a commit must not bring
// back what the commit has finished.
func TestO2_NothingTwiceWhileReadsAndOutcomesCross(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver()
		for i := range 1500 {
			r.answers = append(r.answers, []int{500, 200, 200}[i%3])
		}
		r.answers = append(r.answers, 200)
		s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.Limits.Concurrency = 32
			e.Retry = hub.Retry{Jitter: 0.5}
			for range 20 {
				e.Retry.Intervals = append(e.Retry.Intervals, hub.Duration(200*time.Millisecond))
			}
		})
		const events = 120
		for i := range events {
			s.publish("order.created", "A", n(i))
		}
		delivered := map[hub.ID]int{}
		for len(delivered) < events {
			select {
			case o := <-s.outcomes:
				if o.Next.State == hub.Delivered {
					delivered[o.Delivery.Event]++
				}
			case <-time.After(time.Millisecond): // all wait for their next try
			}
			s.clock.Advance(time.Millisecond)
		}
		succeeded := map[string]int{}
		for _, c := range r.calls() {
			if c.status == 200 {
				succeeded[c.id]++
			}
		}
		for id, times := range succeeded {
			if times > 1 {
				s.t.Errorf("%s was delivered %d times", id, times)
			}
		}
	})
}

// A clock that was days ahead wrote due times that nothing explains; the right clock brings them forward.
func TestO2_ClockThatWasWrongIsMended(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 200)
		target := s.endpoint(r.URL)
		s.clock.Advance(30 * 24 * time.Hour)
		s.publish("order.created", "A", n(1))
		s.wantResults(hub.Refused)
		s.clock.Advance(-30 * 24 * time.Hour)
		s.restart()
		for deadline := time.Now().Add(10 * time.Second); ; {
			due, found, err := s.store.NextDue(context.Background(), target.No, hub.Release{}, s.clock.Now())
			if err != nil || !found || time.Now().After(deadline) {
				s.t.Fatalf("due %s (%v, %v), want it within two days", due, found, err)
			}
			if !due.After(s.clock.Now().Add(2 * hub.LongestWait)) {
				break
			}
		}
		s.clock.Advance(2 * hub.LongestWait)
		s.wantResults(hub.Succeeded)
	})
}

func TestO2_DeletedWhileTheHubWasDown(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		target := s.endpoint(r.URL)
		s.pause(target)
		id := s.publish("order.created", "A", n(1))
		err := s.store.Write(context.Background(), func(tx *store.Tx) error { return tx.DeleteTarget(context.Background(), target, 99) })
		if err != nil {
			s.t.Fatal(err)
		}
		s.restart()
		d := hub.DeliveryID{Event: id, Target: target.No}
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			row, err := s.store.Delivery(context.Background(), tenant, d)
			if err != nil {
				s.t.Fatal(err)
			}
			if row.State == hub.Cancelled {
				return
			}
		}
		s.t.Fatal("what the deleted endpoint was owed is still open")
	})
}
