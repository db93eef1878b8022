package receiver

import (
	"slices"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Before the database sees any of it, a flood is thinned out: by number and by bytes of one source, and over all.
func TestRule10_AFloodWaitsInBoundedMemory(t *testing.T) {
	now := time.Now()
	offer := func(g *ring, source int64, at time.Time, n, size int) {
		for range n {
			g.offer(hub.InRequest{Source: source, At: at, Outcome: hub.RequestQuarantined, Body: make([]byte, size)})
		}
	}
	var g ring
	offer(&g, 1, now, 5000, 10)
	if len(g.waiting) != RingRows || g.counts[1][hub.RequestQuarantined] != 5000 {
		t.Errorf("%d wait of %d", len(g.waiting), g.counts[1][hub.RequestQuarantined])
	}
	if !g.crowded(1, now) || g.crowded(2, now) {
		t.Error("who floods is not known")
	}
	offer(&g, 1, now.Add(10*time.Second), 5000, 10)
	if n := len(g.waiting) - RingRows; n != 10*ringRate {
		t.Errorf("%d more after 10 s, want %d", n, 10*ringRate)
	}
	offer(&g, 2, now, 5, 10)
	if n := len(g.waiting) - RingRows - 10*ringRate; n != 5 {
		t.Errorf("%d of another source, want 5", n)
	}
	var large ring
	for source := range int64(10) {
		offer(&large, source, now, 100, 1<<20)
	}
	if large.bytes > ringWaiting || len(large.waiting) < 50 {
		t.Errorf("%d MiB wait", large.bytes>>20)
	}
	before := large.bytes
	list, _, _, more := large.next()
	if len(list) == 0 || len(list) > 20 || !more || large.bytes >= before {
		t.Errorf("one transaction writes %d MiB-sized requests", len(list))
	}
}

// A ring keeps the newest: so many, so much, and none from before a week.
func TestRule10_ARingHasBounds(t *testing.T) {
	now := time.Now()
	ring := func(n, size int, at time.Time) *bounds {
		b := &bounds{size: n * size}
		for range n {
			b.rows = append(b.rows, store.RingRow{ID: hub.NewID(), At: at, Size: size})
		}
		return b
	}
	for what, c := range map[string]struct {
		ring *bounds
		want int
	}{
		"all fit":      {ring(RingRows, 1000, now), RingRows},
		"too many":     {ring(RingRows+7, 1000, now), RingRows},
		"too much":     {ring(100, 1<<20, now), RingBytes >> 20},
		"all too old":  {ring(20, 1000, now.Add(-RingTime-time.Second)), 0},
		"one too much": {ring(1, RingBytes+1, now), 0},
	} {
		all := slices.Clone(c.ring.rows)
		c.ring.rows[0], c.ring.rows[len(all)-1] = c.ring.rows[len(all)-1], c.ring.rows[0] // two came at once
		last, over := c.ring.trim(now.Add(-RingTime))
		gone := len(all) - c.want
		if len(c.ring.rows) != c.want || over != (gone > 0) || over && last != all[gone-1].ID {
			t.Errorf("%s: %d are left, want %d; up to %v", what, len(c.ring.rows), c.want, last)
		}
		if c.want > 0 && c.ring.rows[c.want-1].ID != all[len(all)-1].ID {
			t.Errorf("%s: the newest is not the last", what)
		}
	}
}
