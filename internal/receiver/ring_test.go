package receiver

import (
	"testing"
	"time"

	"hacek/internal/hub"
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
	list, _, more := large.next()
	if len(list) == 0 || len(list) > 20 || !more || large.bytes >= before {
		t.Errorf("one transaction writes %d MiB-sized requests", len(list))
	}
}
