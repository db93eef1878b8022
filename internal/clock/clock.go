// Package clock is the time of day as an argument: the system's, or one that a test holds in hand.
// It must not know what anybody waits for.
package clock

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Clock tells the time and wakes who waits for a moment.
type Clock interface {
	Now() time.Time
	// At returns a channel that receives once the moment has come, and a function that gives the wait up.
	At(moment time.Time) (<-chan time.Time, func())
	// Steady is what has passed since a moment that never changes: it goes on when the time of day is set.
	Steady() time.Duration
}

// System is the machine's clock.
type System struct{}

// Now is time.Now.
func (System) Now() time.Time { return time.Now() }

// At uses a timer.
func (System) At(moment time.Time) (<-chan time.Time, func()) {
	t := time.NewTimer(time.Until(moment))
	return t.C, func() { t.Stop() }
}

// Steady is the kernel's monotonic clock.
func (System) Steady() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for clocks only that do not exist
	return time.Duration(now.Nano())
}

// Hand is a clock that moves only when it is told to.
type Hand struct {
	mu     sync.Mutex
	now    time.Time
	steady time.Duration
	waits  map[chan time.Time]time.Time
}

// NewHand starts at a moment.
func NewHand(start time.Time) *Hand { return &Hand{now: start, waits: map[chan time.Time]time.Time{}} }

// Now is the moment the hand points at.
func (h *Hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Steady is how far the hand was moved, jumps left out.
func (h *Hand) Steady() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.steady
}

// At waits until Advance has passed the moment.
func (h *Hand) At(moment time.Time) (<-chan time.Time, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan time.Time, 1)
	if !moment.After(h.now) {
		c <- h.now
		return c, func() {}
	}
	h.waits[c] = moment
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waits, c)
	}
}

// Advance moves the hand, backwards too, and wakes whoever's moment has come.
func (h *Hand) Advance(d time.Duration) { h.move(d, d) }

// Jump sets the time of day, as a person does or a machine that was asleep: nothing has passed.
func (h *Hand) Jump(d time.Duration) { h.move(d, 0) }

func (h *Hand) move(d, steady time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
	h.steady += steady
	for c, moment := range h.waits {
		if !moment.After(h.now) {
			delete(h.waits, c)
			c <- h.now
		}
	}
}
