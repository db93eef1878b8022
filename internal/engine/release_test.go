package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store/storetest"
)

// patient waits two hours between any two tries, and sends one at a time.
func patient(e *hub.Endpoint) {
	e.Retry.Intervals = nil
	for range 9 {
		e.Retry.Intervals = append(e.Retry.Intervals, hub.Duration(2*time.Hour))
	}
	e.Limits.Concurrency = 1
}

// failing publishes events whose first try fails, with the keys K0, K1 ...
func (s *story) failing(count int) (ids []hub.ID) {
	s.t.Helper()
	for i := range count {
		ids = append(ids, s.publish("order.created", fmt.Sprint("K", i), n(i)))
		if o := s.wait(); o.Next.State != hub.Pending || o.Next.Tries != 1 {
			s.t.Fatalf("event %d: got %+v, want it to wait for its second try", i, o.Next)
		}
	}
	return ids
}

// next is when an event's delivery is said to be tried next.
func (s *story) next(t hub.Target, event hub.ID) time.Time {
	s.t.Helper()
	row, err := s.store.Delivery(context.Background(), tenant, hub.DeliveryID{Event: event, Target: t.No})
	if err != nil {
		s.t.Fatal(err)
	}
	return row.DueAt
}

func (s *story) wantKeys(r *receiver, after int, want string) {
	s.t.Helper()
	if got := keys(r.calls()[after:]); got != want {
		s.t.Fatalf("arrived %s\nwant    %s", got, want)
	}
}

var aSecond = hub.Rate{Count: 1, Per: time.Second}

func TestO3_ResumeSendsWhatWaitedForALaterTryToo(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(404)
		target := s.endpoint(r.URL, patient)
		ids := s.failing(3)
		planned := s.clock.Now().Add(2 * time.Hour)
		s.pause(target)
		s.publish("order.created", "held", n(4))
		s.clock.Advance(time.Minute)
		s.quiet()
		if got := s.next(target, ids[2]); !got.Equal(planned) {
			s.t.Fatalf("before: next try %s, want %s", got, planned)
		}
		r.answer(200)
		s.resume(target, aSecond)
		s.publish("order.created", "new", n(5))
		s.wantResults(hub.Succeeded)
		if got := s.next(target, ids[2]); !got.Equal(s.clock.Now()) {
			s.t.Fatalf("after: next try %s, want %s, the moment of the resume", got, s.clock.Now())
		}
		for range 3 {
			s.quiet()
			s.clock.Advance(time.Second)
			s.wantResults(hub.Succeeded)
		}
		s.wantResults(hub.Succeeded)
		s.wantKeys(r, 3, "K0 K1 K2 held new ")
	})
}

func TestO3_ResumeIsOneTryAndAFailureIsPlannedAnew(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(404)
		target := s.endpoint(r.URL, patient)
		ids := s.failing(3)
		s.pause(target)
		s.resume(target, hub.Rate{}) // in the same millisecond
		for range 3 {
			if o := s.wait(); o.Next.Tries != 2 || !o.Next.DueAt.Equal(s.clock.Now().Add(2*time.Hour)) {
				s.t.Fatalf("got %+v, want a second try and two hours to the third", o.Next)
			}
		}
		s.calm()
		s.restart()
		s.clock.Advance(2*time.Hour - time.Second)
		s.calm()
		s.quiet()
		if got, want := s.next(target, ids[0]), s.clock.Now().Add(time.Second); !got.Equal(want) {
			s.t.Fatalf("next try %s, want %s", got, want)
		}
		r.answer(200)
		s.clock.Advance(time.Second)
		s.wantResults(hub.Succeeded, hub.Succeeded, hub.Succeeded)
	})
}

func TestO3_ResumeEndsABackoffAndAnEmptyOneChangesNothing(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, patient)
		written := storetest.Changed(s.t, s.store, func() { s.resume(target, hub.Rate{}) })
		if written != 0 {
			s.t.Fatalf("a resume with nothing to do wrote %d rows", written)
		}
		s.failing(5)
		s.quiet()
		s.resume(target, hub.Rate{}) // it is active, and backs off
		for range 5 {
			s.wantResults(hub.Refused)
		}
		s.quiet()
		r.answer(200)
		s.resume(target, hub.Rate{}) // nothing came meanwhile
		for range 5 {
			s.wantResults(hub.Succeeded)
		}
		s.wantKeys(r, 5, "K0 K1 K2 K3 K4 K0 K1 K2 K3 K4 ")
	})
}

func TestO3_ResumeBringsForwardWithoutWritingRows(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(404)
		target := s.endpoint(r.URL, patient)
		s.failing(60)
		s.pause(target)
		s.calm()
		r.mu.Lock()
		r.gate = make(chan struct{}) // no answer, so no outcome is written meanwhile
		r.mu.Unlock()
		defer close(r.gate)
		written := storetest.Changed(s.t, s.store, func() { s.resume(target, hub.Rate{}) })
		if written < 1 || written > 3 {
			s.t.Fatalf("resume wrote %d rows, want 1 to 3", written)
		}
		for range 61 {
			r.wait(s.t) // those before, and the first of the resume
		}
	})
}

func TestO2_ARecoveredTargetGetsWhatWaitedForItAtAGrowingPace(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(404)
		target := s.endpoint(r.URL, patient)
		own := s.failing(1)[0] // this one fails of its own
		r.answer(500)
		ids := s.failing(5)
		s.quiet()
		r.answer(200)
		s.clock.Advance(time.Second)
		s.publish("order.created", "probe", n(9))
		s.wantResults(hub.Succeeded, hub.Succeeded)
		back := s.clock.Now()
		if got := s.next(target, ids[4]); !got.Equal(back) {
			s.t.Fatalf("next try %s, want %s", got, back)
		}
		s.publish("order.created", "new", n(10)) // it need not wait for them
		s.wantResults(hub.Succeeded)
		s.quiet()
		s.restart() // in the middle; the first start after it is not held back
		for left := 4; left > 0; left-- {
			s.wantResults(hub.Succeeded)
			s.calm()
			s.clock.Advance(199 * time.Millisecond)
			s.calm()
			s.quiet()
			s.clock.Advance(time.Millisecond)
		}
		s.wantKeys(r, 6, "probe K0 new K1 K2 K3 K4 ")
		if got, want := s.next(target, own), back.Add(2*time.Hour-time.Second); !got.Equal(want) {
			s.t.Fatalf("what failed of its own: next try %s, want %s", got, want)
		}
	})
}
