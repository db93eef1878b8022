package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

func TestO2_AJumpOfTheClockDisablesNobody(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.DisableAfter = hub.Duration(24 * time.Hour)
			e.Retry.Intervals = []hub.Duration{hub.Duration(50 * time.Minute), hub.Duration(50 * time.Minute), hub.Duration(50 * time.Minute), hub.Duration(24 * time.Hour)}
		})
		s.publish("order.created", "A", n(1))
		s.wantResults(hub.Refused)
		s.clock.Jump(30 * 24 * time.Hour) // all that waits is due at once
		s.wantResults(hub.Refused)
		s.clock.Advance(56 * time.Minute)
		s.wantResults(hub.Refused)
		s.quiet()
		s.waitState(target, hub.Active)

		// Nobody has set it right for an hour, so this is the time.
		s.clock.Advance(56 * time.Minute)
		s.wantResults(hub.Refused)
		s.waitState(target, hub.Disabled)
	})
}

// lines hands on what is logged, line by line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func (l lines) wait(t *testing.T, part string) {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, part) {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody logged %q within 20 s", part)
		}
	}
}

func TestO2_AJumpOfTheClockDeletesNothing(t *testing.T) {
	eachStore(t, func(s *story) {
		said := make(lines, 1000)
		s.retain, s.log = 24*time.Hour, said
		s.restart()
		r := s.receiver(200)
		s.endpoint(r.URL)
		event := s.publish("order.created", "A", n(1))
		s.wantResults(hub.Succeeded)

		s.clock.Jump(30 * 24 * time.Hour)
		said.wait(t, "nothing deleted: the clock has jumped")
		if _, err := s.store.Event(context.Background(), tenant, event); err != nil {
			t.Fatalf("after the jump: %v", err)
		}
		s.clock.Jump(-30 * 24 * time.Hour)
		s.clock.Advance(25 * time.Hour)
		for deadline := time.Now().Add(20 * time.Second); ; {
			if _, err := s.store.Event(context.Background(), tenant, event); hub.CodeOf(err) == hub.NotFound {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the event is still there a day later")
			}
			s.clock.Advance(time.Minute)
		}
	})
}
