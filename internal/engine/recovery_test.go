package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

func TestO4_RetryAfterIsKeptByARecoveryAndNotByAPerson(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, patient)
		r.header.Set("Retry-After", "3600")
		asked := s.failing(2)
		at := s.clock.Now().Add(time.Hour)
		r.mu.Lock()
		r.header.Del("Retry-After")
		r.mu.Unlock()
		s.clock.Advance(time.Minute)
		for i := range 3 {
			s.publish("order.created", fmt.Sprint("L", i), n(i))
			s.wantResults(hub.Refused)
		}
		r.answer(200)
		s.clock.Advance(time.Second)
		s.publish("order.created", "probe", n(9))
		s.wantResults(hub.Succeeded)
		for range 3 {
			s.wantResults(hub.Succeeded)
			s.quiet()
			s.clock.Advance(200 * time.Millisecond)
		}
		s.calm()
		s.quiet()
		s.wantKeys(r, 5, "probe L0 L1 L2 ")
		if got := s.next(target, asked[1]); !got.Equal(at) {
			s.t.Fatalf("next try %s, want %s, the moment that the receiver named", got, at)
		}
		s.restart()
		s.calm()
		s.clock.Advance(at.Add(-time.Second).Sub(s.clock.Now()))
		s.calm()
		s.quiet()
		s.clock.Advance(time.Second)
		s.wantResults(hub.Succeeded, hub.Succeeded)
		s.wantKeys(r, 9, "K0 K1 ")
		r.answer(500)
		r.mu.Lock()
		r.header.Set("Retry-After", "3600")
		r.mu.Unlock()
		s.failing(1)
		r.answer(200)
		s.resume(target, hub.Rate{})
		s.wantResults(hub.Succeeded)
	})
}

func TestO3_OrderHoldsWhenATargetRecoversOrIsResumed(t *testing.T) {
	for _, by := range []string{hub.OrderKey, hub.OrderAll} {
		t.Run(by, func(t *testing.T) {
			eachWindow(t, 4, func(s *story) {
				r := s.receiver(500)
				target := s.endpoint(r.URL, patient, func(e *hub.Endpoint) { e.Order.By = by; e.Limits.Concurrency = 4 })
				s.publishAll(60, func(i int) string { return []string{"A", "B", "C", "D", "E", "F"}[i%6] })
				s.calm()
				if by == hub.OrderAll { // one lane: its head alone was tried
					s.quiet()
				}
				r.answer(200)
				before := len(r.calls())
				s.clock.Advance(2 * time.Second)
				s.publish("order.created", "probe", n(9))
				if by == hub.OrderAll {
					s.resume(target, hub.Rate{})
				}
				for done := 0; done < 61; {
					done += len(s.calm())
					s.clock.Advance(time.Second)
					if s.clock.Now().Minute() > 30 {
						s.t.Fatalf("%d of 61 were delivered within half an hour", done)
					}
				}
				for _, key := range []string{"A", "B", "C", "D", "E", "F"} {
					last, count := "", 0
					for _, c := range r.calls()[before:] {
						if c.key != key {
							continue
						}
						if count++; c.id <= last {
							s.t.Fatalf("%s arrived after %s", c.id, last)
						}
						last = c.id
					}
					if count != 10 {
						s.t.Fatalf("%d of key %s arrived, want each of 10 once", count, key)
					}
				}
			})
		})
	}
}

// A receiver that comes and goes must not use up the tries of what waits for it.
func TestO2_RecoveriesInQuickSuccessionCountOnce(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, patient)
		s.failing(5)
		for round := range 3 {
			r.answer(200)
			s.clock.Advance(time.Second)
			s.publish("order.created", "probe", n(round))
			s.wantResults(hub.Succeeded)
			if round == 0 {
				s.wantResults(hub.Succeeded) // K0, brought forward; the others are held to their pace
			}
			r.answer(500)
			s.clock.Advance(200 * time.Millisecond)
			if round == 0 {
				s.wantResults(hub.Refused) // K1
			}
			for range 6 {
				s.publish("order.created", "more", n(round))
			}
			s.calm()
		}
		row := s.rows(target)
		for _, d := range row {
			if d.Tries > 2 {
				s.t.Errorf("%s was tried %d times within some seconds", d.ID().Text(), d.Tries)
			}
		}
		s.clock.Advance(hub.RecoveryGap)
		r.answer(200)
		s.publish("order.created", "probe", n(9))
		for range 2 * 60 {
			s.calm()
			s.clock.Advance(time.Second)
		}
		if left := len(s.rows(target)); left != 0 {
			s.t.Errorf("%d still wait two minutes after the recovery", left)
		}
	})
}

func (s *story) rows(t hub.Target) []hub.Delivery {
	s.t.Helper()
	rows, err := s.store.InOrder(context.Background(), t.No, 0, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// More waits than memory holds, the hub is restarted within the drain, and some fail again: each is tried once.
func TestO2_ABacklogThatIsBroughtForwardIsTriedOnceAcrossARestart(t *testing.T) {
	eachWindow(t, 8, func(s *story) {
		const waiting = 60
		r := s.receiver(404)
		target := s.endpoint(r.URL, patient)
		s.failing(waiting)
		s.pause(target)
		s.calm()
		s.resume(target, hub.Rate{Count: 10, Per: time.Second})
		again := 0
		for i := range 30 {
			if i == 10 {
				r.answer(200)
			}
			s.wait()
			again++
			s.calm()
			if i == 15 {
				s.restart()
				again += len(s.calm())
			}
			s.clock.Advance(100 * time.Millisecond)
		}
		for range 100 {
			again += len(s.calm())
			s.clock.Advance(100 * time.Millisecond)
		}
		if again != waiting {
			s.t.Errorf("%d tries after the resume, want one for each of %d", again, waiting)
		}
		for _, d := range s.rows(target) {
			if d.Tries != 2 {
				s.t.Errorf("%s was tried %d times, want twice", d.ID().Text(), d.Tries)
			}
		}
		s.wantKeys(r, waiting, func() (want string) {
			for i := range waiting {
				want += fmt.Sprint("K", i, " ")
			}
			return want
		}())
	})
}

// What fails while a person presses Resume is planned by the answer, not lost between two plans.
func TestO3_AnAnswerThatCrossesAResumeLosesNothing(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(404)
		target := s.endpoint(r.URL, patient)
		r.mu.Lock()
		r.gate = make(chan struct{})
		r.mu.Unlock()
		s.publish("order.created", "A", n(1))
		r.wait(s.t)
		s.pause(target)
		s.resume(target, hub.Rate{})
		r.mu.Lock()
		gate := r.gate
		r.gate = nil
		r.mu.Unlock()
		close(gate)
		if o := s.wait(); o.Next.Tries != 1 || !o.Next.DueAt.Equal(s.clock.Now().Add(2*time.Hour)) {
			s.t.Fatalf("got %+v", o.Next)
		}
		s.quiet()
		r.answer(200)
		if _, err := s.settings.PatchEndpoint(context.Background(), tenant, target.ID.Text(hub.EndpointPrefix), []byte(`{"active":false}`), "", settings.By{Name: "Jana"}); err != nil {
			s.t.Fatal(err)
		}
		s.activate(target) // switching on is a resume too
		s.wantResults(hub.Succeeded)
	})
}
