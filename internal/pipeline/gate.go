package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"hacek/internal/hub"
)

// gate holds calls to the limits of every step that passes it: where steps differ, the strictest holds for all of them.
type gate struct {
	mu      sync.Mutex
	members map[member]limits
	limit   int // at once; 0 is no limit
	running int
	queue   []chan struct{}
	rates   []hub.Rate  // by which starts were planned
	starts  []time.Time // planned ones too, in order
}

// limits are what a step asked for when it passed last.
type limits struct {
	concurrency int
	rate        hub.Rate
	at          time.Time
}

// limitsLast is how long the limits of a step hold that passes no more: perhaps it was changed, or is gone. Those of a rare
// rate hold for its period.
const limitsLast = 10 * time.Minute

func (l *limits) hold(now time.Time) bool { return now.Sub(l.at) < max(limitsLast, l.rate.Per) }

// gate finds a gate, made when it is not there, and tells it of the limits of a step that is about to pass.
func (r *Runner) gate(k gateKey, m member, l limits) *gate {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.gates[k]
	if g == nil {
		for old, g := range r.gates {
			if g.idle(l.at) {
				delete(r.gates, old)
			}
		}
		if r.gates == nil {
			r.gates = map[gateKey]*gate{}
		}
		g = &gate{}
		r.gates[k] = g
	}
	g.join(m, l)
	return g
}

// idle tells whether nobody has anything to do with a gate any more.
func (g *gate) idle(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.members {
		if l.hold(now) {
			return false
		}
	}
	return g.running == 0
}

// join sets the limits of one step and finds out what holds for all.
func (g *gate) join(m member, l limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil {
		g.members = map[member]limits{}
	}
	g.members[m] = l
	g.limit = 0
	var rates []hub.Rate
	for m, its := range g.members {
		if !its.hold(l.at) {
			delete(g.members, m)
			continue
		}
		if its.concurrency > 0 && (g.limit == 0 || its.concurrency < g.limit) {
			g.limit = its.concurrency
		}
		if !its.rate.IsZero() && !slices.Contains(rates, its.rate) {
			rates = append(rates, its.rate)
		}
	}
	slices.SortFunc(rates, func(a, b hub.Rate) int {
		if a.Per != b.Per {
			return int(a.Per - b.Per)
		}
		return a.Count - b.Count
	})
	if !slices.Equal(rates, g.rates) { // turns that other rates had planned hold nobody up
		g.rates = rates
		if planned := slices.IndexFunc(g.starts, func(at time.Time) bool { return at.After(l.at) }); planned >= 0 {
			g.starts = g.starts[:planned]
		}
	}
	g.admit()
}

// plan gives the caller its turn under the rates: now, or later, and then by which rate. The turn is the caller's for good.
func (g *gate) plan(now time.Time) (turn time.Time, by hub.Rate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	turn = now
	if len(g.rates) == 0 {
		g.starts = nil
		return turn, by
	}
	// Only starts of the longest window, and the last of the largest count, can still hold anybody up.
	var most int
	var longest time.Duration
	for _, r := range g.rates {
		most, longest = max(most, r.Count), max(longest, r.Per)
	}
	old := 0
	for old < len(g.starts)-most && g.starts[old].Before(now.Add(-longest)) {
		old++
	}
	g.starts = slices.Delete(g.starts, 0, old)
	for _, r := range g.rates {
		if n := len(g.starts); n >= r.Count {
			if free := g.starts[n-r.Count].Add(r.Per); free.After(turn) {
				turn, by = free, r
			}
		}
	}
	g.starts = append(g.starts, turn)
	return turn, by
}

// enter waits until fewer than the limit are inside. Leave must be called.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	turn := make(chan struct{})
	g.mu.Lock()
	g.queue = append(g.queue, turn)
	g.admit()
	g.mu.Unlock()
	select {
	case <-turn: // also when the run is stopped at the same moment: the call itself sees that
		return g.leave, nil
	default:
	}
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

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.admit()
}

// admit lets in whom there is a place for, in the order they came. The lock is held.
func (g *gate) admit() {
	for len(g.queue) > 0 && (g.limit == 0 || g.running < g.limit) {
		g.running++
		close(g.queue[0])
		g.queue = slices.Delete(g.queue, 0, 1)
	}
}

// pass waits for a step's turn. When it is further away than a run should wait for, the run is to come back: wait
// says when, and n holds the turn.
func (w *work) pass(ctx context.Context, s *step, n note) (leave func(), out outcome, err error) {
	key, limited := w.compiled.gateOf(s)
	if !limited || w.dry {
		return func() {}, outcome{}, nil
	}
	now := w.now()
	its := limits{at: now}
	if l := s.settings.Limits; l != nil {
		its.concurrency, its.rate = l.Concurrency, l.Rate
	}
	g := w.Runner.gate(key, member{w.compiled.name, s.n}, its)
	turn, by := time.UnixMilli(n.Until), its.rate
	if n.Until == 0 {
		turn, by = g.plan(now)
	}
	if wait := turn.Sub(now); wait > longestStay {
		n.Until = turn.UnixMilli() + 1
		why := "the rate of these calls is used up for now"
		if !by.IsZero() {
			why += ": " + by.String()
		}
		return nil, outcome{wait: wait + time.Millisecond, why: why, note: n}, nil
	} else if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, outcome{}, ctx.Err()
		}
	}
	leave, err = g.enter(ctx)
	return leave, outcome{}, err
}

// longestStay is how long a run waits for its turn without giving its place to another.
const longestStay = time.Second
