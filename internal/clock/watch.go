package clock

import (
	"sync"
	"time"
)

// Watch tells whether the time of day can be trusted: it must go on as the steady clock does.
type Watch struct {
	clock Clock

	mu     sync.Mutex
	wall   time.Time     // agreed with
	steady time.Duration // this one
	since  time.Duration // of the steady clock: when they were first seen to disagree; zero: they agree
}

// Drift is how far the two may be apart; a time of day that is wrong for longer than believed is taken for right.
const (
	drift    = time.Minute
	believed = time.Hour
)

// NewWatch takes the time of day as it is now for right.
func NewWatch(c Clock) *Watch { return &Watch{clock: c, wall: c.Now(), steady: c.Steady()} }

// Jumped tells that the time of day was set, forward or back, by more than a minute since it was last right.
func (w *Watch) Jumped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	wall, steady := w.clock.Now(), w.clock.Steady()
	// Round takes the steady reading off, which Sub would go by.
	apart := wall.Round(0).Sub(w.wall.Round(0)) - (steady - w.steady)
	switch {
	case apart.Abs() <= drift:
		w.since = 0
		return false
	case w.since == 0:
		w.since = max(steady, 1)
	case steady-w.since >= believed:
		w.wall, w.steady, w.since = wall, steady, 0
		return false
	}
	return true
}
