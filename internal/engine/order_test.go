package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store/storetest"
)

func TestO3_N4_PauseHoldsAndResumeKeepsOrderAndPace(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Concurrency = 1 })
		s.pause(target)
		want := ""
		for i := range 10 {
			key := fmt.Sprintf("K%02d", i)
			s.publish("order.created", key, n(i))
			want += key + " "
		}
		s.clock.Advance(time.Hour)
		s.quiet()
		s.resume(target, hub.Rate{Count: 5, Per: time.Second})
		s.publish("order.created", "new", n(99))
		for i := range 10 {
			s.wait()
			if i == 9 {
				break // the drain is over: what came later follows at once
			}
			if len(r.calls()) != i+1 {
				s.t.Fatalf("%d arrived at once, want %d", len(r.calls()), i+1)
			}
			s.quiet()
			s.clock.Advance(200 * time.Millisecond)
		}
		s.wait()
		if got := keys(r.calls()); got != want+"new " {
			s.t.Fatalf("arrived in the order %s, want %snew", got, want)
		}
	})
}

func TestE1_P6_OffSkipsWithTheReason(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Active = false })
		id := s.publish("order.created", "A", n(1))
		s.quiet()
		fates, err := s.door.Fates(context.Background(), tenant, id)
		if err != nil || len(fates) != 1 || fates[0].Outcome != hub.OutcomeSkipped || fates[0].Reason != "switched off by Jana" {
			s.t.Fatalf("fates %+v (%v), want skipped, switched off by Jana", fates, err)
		}
		s.activate(target)
		s.quiet()
		if _, err := s.door.Replay(context.Background(), tenant, id, &target.ID); err != nil {
			s.t.Fatal(err)
		}
		s.wantResults(hub.Succeeded)
	})
}

func TestO3_N3_OrderPerKey(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 200)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = hub.OrderKey; e.Limits.Concurrency = 1 })
		for i := range 3 {
			s.publish("order.updated", "A", n(i))
		}
		s.publish("order.updated", "B", n(9))
		s.wantResults(hub.Refused, hub.Succeeded) // A0 fails, B overtakes
		s.quiet()
		s.clock.Advance(10 * time.Second)
		s.wantResults(hub.Succeeded, hub.Succeeded, hub.Succeeded)
		if got := keys(r.calls()); got != "A B A A A " {
			s.t.Fatalf("arrived %s, want A B A A A", got)
		}
		s.wantOrder(r, "A")
	})
}

func TestO3_OrderOfAWholeWebhook(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 200)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = hub.OrderAll })
		for i := range 50 {
			s.publish("order.updated", fmt.Sprint(i), n(i))
		}
		s.wantResults(hub.Refused)
		s.quiet()
		s.clock.Advance(10 * time.Second)
		want := "0 "
		for i := range 50 {
			s.wantResults(hub.Succeeded)
			want += fmt.Sprint(i) + " "
		}
		if got := keys(r.calls()); got != want {
			s.t.Fatalf("arrived %s\nwant    %s", got, want)
		}
	})
}

func TestO3_N3_StuckHeadIsSetAside(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500, 500, 200)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order = hub.Order{By: hub.OrderKey, Stuck: hub.Stuck{SetAsideAfter: 2}} })
		s.publish("order.updated", "A", n(1))
		s.publish("order.updated", "A", n(2))
		s.wantResults(hub.Refused)
		s.clock.Advance(10 * time.Second)
		if o := s.wait(); o.Next.State != hub.Failed {
			s.t.Fatalf("got %+v, want failed: set aside", o.Next)
		}
		s.wantResults(hub.Succeeded)
	})
}

// Many deliveries of one key and as many of others, through a lane that keeps a few in memory.
func TestO3_LongLanesKeepTheirOrder(t *testing.T) {
	eachWindow(t, 16, func(s *story) {
		r := s.receiver(200)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = hub.OrderKey })
		s.pause(target)
		for i := range 80 {
			s.publish("order.updated", "A", n(i))
			s.publish("order.updated", fmt.Sprint("other", i), n(i))
		}
		s.resume(target, hub.Rate{})
		for range 80 {
			s.publish("order.updated", "A", n(0))
		}
		for range 240 {
			s.wantResults(hub.Succeeded)
		}
		s.wantOrder(r, "A")
	})
}

func TestO3_RateHoldsInEverySlidingWindow(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		s.endpoint(r.URL, func(e *hub.Endpoint) { e.Limits.Rate = hub.Rate{Count: 3, Per: time.Second} })
		for i := range 9 {
			s.publish("order.created", "A", n(i))
		}
		for round := range 3 {
			s.wantResults(hub.Succeeded, hub.Succeeded, hub.Succeeded)
			s.quiet()
			s.clock.Advance(999 * time.Millisecond)
			s.quiet()
			s.clock.Advance(time.Millisecond)
			_ = round
		}
	})
}

func TestC6_OneSlowTargetDelaysNobody(t *testing.T) {
	eachStore(t, func(s *story) {
		slow, fast := s.receiver(200), s.receiver(200)
		slow.gate = make(chan struct{})
		s.endpoint(slow.URL)
		s.endpoint(fast.URL)
		for i := range 60 {
			s.publish("order.created", "A", n(i))
		}
		for range 60 {
			fast.wait(s.t)
		}
		close(slow.gate)
		for range 120 {
			s.wantResults(hub.Succeeded)
		}
	})
}

// More than a window holds: the rest stays on disk and is read in its turn, nothing twice, nothing lost.
func TestO2_BacklogLargerThanMemory(t *testing.T) {
	eachWindow(t, 16, func(s *story) {
		r := s.receiver(200)
		r.gate = make(chan struct{})
		s.endpoint(r.URL)
		ids := map[string]bool{}
		for i := range 150 {
			ids[s.publish("order.created", "A", n(i)).Text(hub.EventPrefix)] = true
		}
		close(r.gate)
		for range 150 {
			s.wantResults(hub.Succeeded)
		}
		s.quiet()
		for _, c := range r.calls() {
			if !ids[c.id] {
				s.t.Fatalf("%s arrived twice, or was never published", c.id)
			}
			delete(ids, c.id)
		}
	})
}

// Again and again the plan is thrown away while a read for it is under way: nothing is lost, doubled or overtaken.
func TestO2_O3_ReadsCrossWithRereads(t *testing.T) {
	for _, by := range []string{hub.OrderNone, hub.OrderKey, hub.OrderAll} {
		t.Run(by, func(t *testing.T) {
			eachWindow(t, 4, func(s *story) {
				const events = 80
				r := s.receiver(200)
				target := s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = by })
				s.pause(target)
				s.publishAll(events, func(i int) string { return []string{"A", "B", "C"}[i%3] })
				s.resume(target, hub.Rate{})
				for done := 0; done < events; {
					s.engine.Touched(target.No)
					select {
					case <-s.outcomes:
						done++
					case <-time.After(20 * time.Millisecond):
					}
					if done == events/2 {
						s.publishAll(1, func(int) string { return "D" })
						s.wait()
						done++
					}
				}
				s.wait() // the one more
				s.settle()
				s.quiet()
				seen := map[string]bool{}
				for _, c := range r.calls() {
					if seen[c.id] {
						s.t.Fatalf("%s arrived twice", c.id)
					}
					seen[c.id] = true
				}
				for _, key := range []string{"A", "B", "C"} {
					if by != hub.OrderNone {
						s.wantOrder(r, key)
					}
				}
			})
		})
	}
}

// Events of one key are accepted while the lane, whose memory is short, is read again and again: a read that began
// before a commit must not be taken for the end of the lane.
func TestO3_LaneIsReadWhileMoreIsAccepted(t *testing.T) {
	for _, by := range []string{hub.OrderKey, hub.OrderAll} {
		t.Run(by, func(t *testing.T) {
			eachWindow(t, 16, func(s *story) {
				const events = 10 + 150
				r := s.receiver(200)
				s.endpoint(r.URL, func(e *hub.Endpoint) { e.Order.By = by })
				var publisher sync.WaitGroup
				publisher.Go(func() {
					s.publishAll(10, func(int) string { return "A" })
					for range 150 {
						s.publish("order.updated", "A", n(1))
					}
				})
				for range events {
					s.wantResults(hub.Succeeded)
				}
				publisher.Wait()
				s.settle()
				s.quiet()
			})
		})
	}
}

// Held is a state of the target, so what waits is not touched: however much it is, a pause and a resume each write
// the target and its revision, and nothing else.
func TestO3_PauseAndResumeWriteThreeRowsAtMost(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		r.gate = make(chan struct{}) // no answer, so no outcome is written meanwhile
		defer close(r.gate)
		target := s.endpoint(r.URL)
		s.pause(target)
		for i := range 500 {
			s.publish("order.created", "A", n(i))
		}
		resumed := storetest.Changed(s.t, s.store, func() { s.resume(target, hub.Rate{}) })
		paused := storetest.Changed(s.t, s.store, func() { s.pause(target) })
		if resumed < 1 || resumed > 3 || paused < 1 || paused > 3 {
			s.t.Fatalf("resume wrote %d rows and pause %d, want 1 to 3 each", resumed, paused)
		}
	})
}
