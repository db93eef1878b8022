package receiver

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// What is kept of requests that nobody has proved, for each source. Beyond it they are only counted.
const (
	RingRows  = 1000
	RingBytes = 50 << 20
	RingTime  = 7 * 24 * time.Hour
)

// A flood is thinned out before it reaches the database: a source may bring a ring's worth at once, and then so much a
// second. What waits in memory has a cap over all sources.
const (
	ringRate     = 20      // requests a second
	ringByteRate = 1 << 20 // bytes a second
	ringWaiting  = 64 << 20
	ringChunk    = 50 // requests of one transaction
	ringChunkMax = 2 << 20
	ringPause    = 60 * time.Millisecond // behind one transaction, at least
	ringWritten  = 6 << 20               // bytes a second: the log must not grow faster than a busy disk copies it back
)

// ring collects what is written outside the accepting commits: unverified requests, and the numbers of all. The zero
// ring is empty.
type ring struct {
	mu      sync.Mutex
	waiting []hub.InRequest
	bytes   int
	counts  map[int64]map[string]int64 // source -> outcome -> since the last write
	totals  map[string]uint64          // outcome -> since the start
	rooms   map[int64]*room
	wake    chan struct{}
}

// room is how much a source may still bring at this moment.
type room struct {
	at    time.Time
	rows  float64
	bytes float64
}

// fill adds what time has brought.
func (m *room) fill(now time.Time) {
	if past := now.Sub(m.at).Seconds(); past > 0 {
		m.rows = min(RingRows, m.rows+past*ringRate)
		m.bytes = min(RingBytes, m.bytes+past*ringByteRate)
		m.at = now
	}
}

func (m *room) takes(now time.Time, size int) bool {
	m.fill(now)
	if m.rows < 1 || m.bytes < float64(size) {
		return false
	}
	m.rows--
	m.bytes -= float64(size)
	return true
}

// sizeOf is about what a request takes in memory and on disk.
func sizeOf(in *hub.InRequest) int {
	size := 500 + len(in.Body) + len(in.Query)
	for _, h := range in.Headers {
		size += len(h.Name) + len(h.Value)
	}
	return size
}

// offer counts a request, and keeps it where there is room.
func (g *ring) offer(in hub.InRequest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.add(in.Source, in.Outcome, 1)
	if g.rooms == nil {
		g.rooms = map[int64]*room{}
	}
	m := g.rooms[in.Source]
	if m == nil {
		m = &room{at: in.At, rows: RingRows, bytes: RingBytes}
		g.rooms[in.Source] = m
	}
	size := sizeOf(&in)
	if g.bytes+size > ringWaiting || !m.takes(in.At, size) {
		return
	}
	g.waiting = append(g.waiting, in)
	g.bytes += size
}

// crowded tells that a source brings more than is kept.
func (g *ring) crowded(source int64, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.rooms[source]
	if m == nil {
		return false
	}
	m.fill(now)
	return m.rows < 1
}

func (g *ring) count(source int64, outcome string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.add(source, outcome, 1)
}

func (g *ring) add(source int64, outcome string, n int64) {
	if g.counts == nil {
		g.counts = map[int64]map[string]int64{}
	}
	if g.counts[source] == nil {
		g.counts[source] = map[string]int64{}
	}
	g.counts[source][outcome] += n
	if g.totals == nil {
		g.totals = map[string]uint64{}
	}
	g.totals[outcome] += uint64(n)
	select {
	case g.signal() <- struct{}{}:
	default:
	}
}

func (g *ring) signal() chan struct{} {
	if g.wake == nil {
		g.wake = make(chan struct{}, 1)
	}
	return g.wake
}

func (g *ring) woken() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.signal()
}

// next takes what one transaction writes; more tells that something is left.
func (g *ring) next() (list []hub.InRequest, size int, counts map[int64]map[string]int64, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < len(g.waiting) && n < ringChunk && size < ringChunkMax {
		size += sizeOf(&g.waiting[n])
		n++
	}
	list = append(list, g.waiting[:n]...)
	g.waiting = append(g.waiting[:0:0], g.waiting[n:]...)
	g.bytes -= size
	counts, g.counts = g.counts, nil
	return list, size, counts, len(g.waiting) > 0
}

// back returns numbers that could not be written; the requests of a failed transaction stay numbers only.
func (g *ring) back(counts map[int64]map[string]int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for source, numbers := range counts {
		for outcome, n := range numbers {
			g.add(source, outcome, n)
			g.totals[outcome] -= uint64(n) // they are no new ones
		}
	}
}

// Counts is how many requests ended how since the start, by outcome.
func (r *Receiver) Counts() map[string]uint64 {
	r.ring.mu.Lock()
	defer r.ring.mu.Unlock()
	return maps.Clone(r.ring.totals)
}

// Run writes quarantine and counters until ctx ends, and once more then.
func (r *Receiver) Run(ctx context.Context) error {
	woken := r.ring.woken()
	for {
		select {
		case <-ctx.Done():
			// What was refused is worth keeping while we are stopping, as far as it goes quickly.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			for more := true; more; {
				var err error
				if _, more, err = r.flush(last); err != nil {
					return err
				}
			}
			return nil
		case <-woken:
		}
		size, more, err := r.flush(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("quarantine not written", "err", err)
		}
		if more {
			select {
			case r.ring.wake <- struct{}{}:
			default:
			}
		}
		// One transaction at a time with a pause behind it: strangers must not keep the database from accepting.
		pause := time.NewTimer(max(ringPause, time.Duration(size)*time.Second/ringWritten))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// flush writes one transaction of what waits, so many bytes.
func (r *Receiver) flush(ctx context.Context) (size int, more bool, err error) {
	list, size, counts, more := r.ring.next()
	if len(list) == 0 && len(counts) == 0 {
		return 0, more, nil
	}
	now := r.Now()
	drops, err := r.overflow(ctx, list, now)
	if err == nil {
		err = r.Store.Write(ctx, func(tx *store.Tx) error {
			if len(list) > 0 {
				if err := tx.AddRequests(ctx, list); err != nil {
					return err
				}
			}
			for at, last := range drops {
				if err := tx.DropRing(ctx, at.source, at.outcome, last); err != nil {
					return err
				}
			}
			for source, numbers := range counts {
				if err := tx.CountRequests(ctx, source, now, numbers); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		r.rings = nil // what they hold now is not known
		r.ring.back(counts)
		return size, more, fmt.Errorf("write quarantine: %w", err)
	}
	return size, more, nil
}
