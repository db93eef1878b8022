package hub

import (
	"testing"
	"time"
)

func TestO2_O3_WhatIsBroughtForwardAndUntilWhen(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	minute := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	away := Attempt{Result: NoConnection}
	own := Attempt{Result: Refused, Status: 404}
	told := Attempt{Result: Waiting}
	recovered := func(r Release) Release { r.Recoveries++; r.RecoveredAt = minute(10); return r }
	resumed := func(r Release) Release { r.Resumes++; r.ResumedAt = minute(20); return r }
	same := func(r Release) Release { return r }
	both := func(r Release) Release { return resumed(recovered(r)) }
	for _, c := range []struct {
		name   string
		failed Attempt
		asked  time.Time
		since  func(Release) Release
		want   time.Time
	}{
		{"nothing since", away, time.Time{}, same, minute(60)},
		{"recovered", away, time.Time{}, recovered, minute(10)},
		{"recovered, the receiver named a moment before", away, minute(5), recovered, minute(10)},
		{"recovered, the receiver named a moment after", away, minute(30), recovered, minute(30)},
		{"resumed, the receiver named a moment after", away, minute(30), resumed, minute(20)},
		{"recovered, but it failed of its own", own, time.Time{}, recovered, minute(60)},
		{"resumed, it failed of its own", own, time.Time{}, resumed, minute(20)},
		{"resumed, a step waits", told, time.Time{}, both, minute(60)},
		{"first recovered, then resumed", away, time.Time{}, both, minute(20)},
	} {
		for _, before := range []Release{{}, {Resumes: 7, Recoveries: 3}, {Resumes: 1, Recoveries: 1 << 20}} {
			d := Delivery{Tries: 1, DueAt: minute(60), Plan: before.Plan(&c.failed), AskedUntil: c.asked}
			after := c.since(before)
			if got := after.Due(d); !got.Equal(c.want) {
				t.Errorf("%s, after %+v: due %s, want %s", c.name, before, got, c.want)
			}
			if again := d.Planned(Next{Tries: 2, DueAt: minute(90), Plan: after.Plan(&c.failed)}); after.Frees(again) {
				t.Errorf("%s: what failed again is free again at once", c.name)
			}
		}
	}
	r := resumed(Release{})
	if d := (Delivery{Tries: 1, DueAt: minute(1)}); !r.Due(d).Equal(minute(1)) {
		t.Errorf("what was due before is due at %s, want its own moment", r.Due(d))
	}
	if r.Frees(Delivery{DueAt: noon}) {
		t.Error("what was never tried is among what was brought forward")
	}
}

func TestO2_ThePaceAfterARecoveryGrows(t *testing.T) {
	back := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after time.Duration
		want  time.Duration
	}{{-time.Hour, 0}, {0, 200 * time.Millisecond}, {9 * time.Second, 200 * time.Millisecond}, {10 * time.Second, 100 * time.Millisecond},
		{59 * time.Second, time.Second / 160}, {time.Minute, 0}} {
		r := Release{Recoveries: 1, RecoveredAt: back}
		if got := r.Pace(back.Add(c.after)); got != c.want {
			t.Errorf("%s after: every %s, want %s", c.after, got, c.want)
		}
		if r.ResumedAt = back; r.Pace(back.Add(c.after)) != 0 {
			t.Errorf("%s after, and a person has resumed it: it is held back", c.after)
		}
	}
	if (Release{}).Pace(back) != 0 {
		t.Error("a target that never recovered is held back")
	}
}

func TestO2_TheBreakerIsRememberedUntilASuccess(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	h := Health{}
	for range BreakerFailures {
		if h.Tripped {
			t.Fatal("tripped before the breaker opened")
		}
		h = h.After(&Attempt{Result: NoConnection}, false, now)
	}
	if h = h.After(&Attempt{Result: Refused, Status: 404}, true, now); !h.Tripped || h.Open() {
		t.Errorf("it answers, but has taken nothing yet: %+v", h)
	}
	if h = h.After(&Attempt{Result: Succeeded}, false, now); h != (Health{}) {
		t.Errorf("after a success: %+v", h)
	}
}
