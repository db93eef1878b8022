package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"hacek/internal/hub"
)

// gateKey names a step of a pipeline, whatever version of its settings: a change must not let twice as many in.
type gateKey struct {
	tenant   int64
	pipeline string
	step     int
}

// gate holds a step's calls to its limits, over all runs of the pipeline.
type gate struct {
	mu      sync.Mutex
	running int
	queue   []chan struct{}
	rate    hub.Rate    // by which starts were planned
	starts  []time.Time // planned ones too, in order
}

func (r *Runner) gate(k gateKey) *gate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gates == nil {
		r.gates = map[gateKey]*gate{}
	}
	g := r.gates[k]
	if g == nil {
		g = &gate{}
		r.gates[k] = g
	}
	return g
}

// plan gives the caller its turn under the rate: now, or later. The turn is the caller's for good.
func (g *gate) plan(rate hub.Rate, now time.Time) time.Time {
	if rate.IsZero() {
		return now
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rate != rate { // turns that another rate had planned hold nobody up
		g.rate = rate
		planned := slices.IndexFunc(g.starts, func(at time.Time) bool { return at.After(now) })
		if planned >= 0 {
			g.starts = g.starts[:planned]
		}
	}
	// Only the last Count starts, and those of this window, can still hold anybody up.
	old := 0
	for old < len(g.starts)-rate.Count && g.starts[old].Before(now.Add(-rate.Per)) {
		old++
	}
	g.starts = slices.Delete(g.starts, 0, old)
	turn := now
	if n := len(g.starts); n >= rate.Count {
		if free := g.starts[n-rate.Count].Add(rate.Per); free.After(turn) {
			turn = free
		}
	}
	g.starts = append(g.starts, turn)
	return turn
}

// enter waits until fewer than limit are inside; 0 is no limit. Leave must be called.
func (g *gate) enter(ctx context.Context, limit int) (leave func(), err error) {
	g.mu.Lock()
	if limit == 0 || g.running < limit {
		g.running++
		g.mu.Unlock()
		return g.leave, nil
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return g.leave, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	if i := slices.Index(g.queue, turn); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
		g.mu.Unlock()
	} else {
		g.mu.Unlock()
		g.leave() // it was our turn at the same moment
	}
	return nil, ctx.Err()
}

// leave hands the place to the next in the queue.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) > 0 {
		close(g.queue[0])
		g.queue = slices.Delete(g.queue, 0, 1)
		return
	}
	g.running--
}

// pass waits for a step's turn. When it is further away than a run should wait for, the run is to come back: wait
// says when, and n holds the turn.
func (w *work) pass(ctx context.Context, s *step, n note) (leave func(), out outcome, err error) {
	l := s.settings.Limits
	if l == nil || w.dry {
		return func() {}, outcome{}, nil
	}
	g := w.Runner.gate(gateKey{w.compiled.tenant, w.compiled.name, s.n})
	now := w.now()
	turn := time.UnixMilli(n.Until)
	if n.Until == 0 {
		turn = g.plan(l.Rate, now)
	}
	if wait := turn.Sub(now); wait > longestStay {
		n.Until = turn.UnixMilli() + 1
		return nil, outcome{wait: wait + time.Millisecond, why: "its rate of " + l.Rate.String() + " is used up for now", note: n}, nil
	} else if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, outcome{}, ctx.Err()
		}
	}
	leave, err = g.enter(ctx, l.Concurrency)
	return leave, outcome{}, err
}

// longestStay is how long a run waits for its turn without giving its place to another.
const longestStay = time.Second
