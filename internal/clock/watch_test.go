package clock_test

import (
	"testing"
	"time"

	"hacek/internal/clock"
)

func TestTheTimeOfDayMustGoOnAsTheSteadyClockDoes(t *testing.T) {
	hand := clock.NewHand(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	watch := clock.NewWatch(hand)
	want := func(what string, jumped bool) {
		t.Helper()
		if got := watch.Jumped(); got != jumped {
			t.Errorf("%s: jumped %v, want %v", what, got, jumped)
		}
	}
	hand.Advance(400 * 24 * time.Hour)
	want("a year has passed", false)
	hand.Jump(59 * time.Second)
	want("set by less than a minute", false)
	hand.Jump(2 * time.Second)
	want("and once more", true)
	hand.Jump(-61 * time.Second)
	want("set right again", false)

	hand.Jump(-48 * time.Hour)
	want("set back", true)
	hand.Advance(59 * time.Minute)
	want("an hour has not passed", true)
	hand.Advance(time.Minute)
	want("nobody has set it right for an hour", false)
	hand.Jump(48 * time.Hour)
	want("set right too late", true)
}

func TestTheSystemsClockAgreesWithItself(t *testing.T) {
	watch := clock.NewWatch(clock.System{})
	if watch.Jumped() {
		t.Error("the clock has jumped within this test")
	}
}
