package hub

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// The whole state machine as a table: what one attempt makes of a delivery.
func TestO4_AfterAnAttempt(t *testing.T) {
	retry := Retry{Intervals: []Duration{Duration(30 * time.Second), Duration(time.Minute)}, Jitter: 0}
	refused := func(status int) Attempt { return Attempt{Result: Refused, Status: status, Error: "answered"} }
	cases := []struct {
		name    string
		tries   int
		attempt Attempt
		stuck   Stuck
		state   DeliveryState
		wait    time.Duration
		counted int
	}{
		{"a success is delivered", 0, Attempt{Result: Succeeded, Status: 202}, Stuck{}, Delivered, 0, 1},
		{"a failure waits the first interval", 0, refused(500), Stuck{}, Pending, 30 * time.Second, 1},
		{"a second failure the second", 1, refused(500), Stuck{}, Pending, time.Minute, 2},
		{"the last failure is final", 2, refused(500), Stuck{}, Failed, 0, 3},
		{"410 is final at once", 0, refused(410), Stuck{}, Failed, 0, 1},
		{"a rule makes it final", 0, Attempt{Result: Refused, Status: 422, Final: true}, Stuck{}, Failed, 0, 1},
		{"Retry-After that is longer wins", 0, Attempt{Result: Refused, Status: 503, RetryAfter: 5 * time.Minute}, Stuck{}, Pending, 5 * time.Minute, 1},
		{"Retry-After that is shorter does not", 1, Attempt{Result: Refused, Status: 503, RetryAfter: time.Second}, Stuck{}, Pending, time.Minute, 2},
		{"nobody makes us wait a year", 0, Attempt{Result: Refused, Status: 429, RetryAfter: 365 * 24 * time.Hour}, Stuck{}, Pending, LongestWait, 1},
		{"an interrupted attempt counts as none", 1, Attempt{Result: Interrupted}, Stuck{}, Pending, 0, 1},
		{"a stuck head is set aside", 1, refused(500), Stuck{SetAsideAfter: 2}, Failed, 0, 2},
		{"but not before its tries", 0, refused(500), Stuck{SetAsideAfter: 2}, Pending, 30 * time.Second, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			next := Delivery{Tries: c.tries}.After(&c.attempt, retry, c.stuck, noon, 0.5)
			if next.State != c.state || next.Tries != c.counted {
				t.Fatalf("got %s after %d tries, want %s after %d (%+v)", next.State, next.Tries, c.state, c.counted, next)
			}
			if next.State == Pending && next.DueAt.Sub(noon) != c.wait {
				t.Fatalf("waits %s, want %s", next.DueAt.Sub(noon), c.wait)
			}
			if next.State == Failed && next.Reason == "" {
				t.Fatal("a failure without a reason")
			}
		})
	}
}

func TestO4_JitterStaysWithinItsShare(t *testing.T) {
	retry := Retry{Intervals: []Duration{Duration(100 * time.Second)}, Jitter: 0.1}
	for jitter, want := range map[float64]time.Duration{0: 90 * time.Second, 0.5: 100 * time.Second, 1: 110 * time.Second} {
		if got := retry.Wait(1, jitter); got != want {
			t.Errorf("Wait(1, %v) = %s, want %s", jitter, got, want)
		}
	}
}

// Five hard failures open the breaker; only failed probes make it wait longer; a success closes it.
func TestO2_BreakerOpensDoublesAndCloses(t *testing.T) {
	down := Attempt{Result: NoConnection}
	var h Health
	for range BreakerFailures - 1 {
		h = h.After(&down, false, noon)
	}
	if h.Open() {
		t.Fatalf("open after %d failures", h.Failures)
	}
	h = h.After(&down, false, noon)
	if got := h.BackoffUntil.Sub(noon); got != time.Second {
		t.Fatalf("backs off %s, want 1s", got)
	}
	if again := h.After(&down, false, noon); again.BackoffUntil != h.BackoffUntil {
		t.Fatal("an attempt that was under way made the backoff longer")
	}
	for _, want := range []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		h = h.After(&down, true, noon)
		if got := h.BackoffUntil.Sub(noon); got != want*time.Second {
			t.Fatalf("after probe %d backs off %s, want %ds", h.Probes, got, want)
		}
	}
	if h.FailingSince != noon {
		t.Fatalf("failing since %s, want %s", h.FailingSince, noon)
	}
	if h = h.After(&Attempt{Result: Succeeded}, true, noon); h != (Health{}) {
		t.Fatalf("a success left %+v", h)
	}
}

func TestO2_RetryAfterSlowsTheWholeTarget(t *testing.T) {
	h := Health{}.After(&Attempt{Result: Refused, Status: 429, RetryAfter: time.Minute}, false, noon)
	if got := h.BackoffUntil.Sub(noon); got != time.Minute {
		t.Fatalf("target backs off %s, want 1m", got)
	}
	h = Health{}.After(&Attempt{Result: Refused, Status: 400, RetryAfter: time.Minute}, false, noon)
	if h.Open() {
		t.Fatal("a 400 closed the whole target")
	}
}

func TestO4_ShouldDisable(t *testing.T) {
	day := 24 * time.Hour
	cases := []struct {
		name    string
		failing time.Time
		resumed time.Time
		attempt Attempt
		want    bool
	}{
		{"410", time.Time{}, time.Time{}, Attempt{Result: Refused, Status: 410}, true},
		{"410 that the success rule takes", time.Time{}, time.Time{}, Attempt{Result: Succeeded, Status: 410}, false},
		{"five days without success", noon.Add(-5 * day), time.Time{}, Attempt{Result: TimedOut}, true},
		{"four days", noon.Add(-4 * day), time.Time{}, Attempt{Result: TimedOut}, false},
		{"nine days, resumed four days ago", noon.Add(-9 * day), noon.Add(-4 * day), Attempt{Result: TimedOut}, false},
		{"five days, resumed before", noon.Add(-5 * day), noon.Add(-6 * day), Attempt{Result: TimedOut}, true},
	}
	for _, c := range cases {
		if why, got := (Health{FailingSince: c.failing}).ShouldDisable(&c.attempt, 5*day, c.resumed, noon); got != c.want || got && why == "" {
			t.Errorf("%s: got %v (%q), want %v", c.name, got, why, c.want)
		}
	}
}
