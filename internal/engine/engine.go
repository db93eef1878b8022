// Package engine is everything that happens without a caller: it works what is owed to the targets - in order,
// at their pace, apart from each other - and keeps the store within its bounds.
// It must not know how events are made, nor how settings are changed; it is told of both.
package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/pipeline"
	"hacek/internal/sender"
	"hacek/internal/store"
)

// Bounds of what is kept in memory and in flight, for the whole node.
const (
	maxEntries  = 50_000   // deliveries in memory
	maxPayload  = 64 << 20 // bytes of payload they hold
	maxWindow   = 1_000    // deliveries of one target
	minWindow   = 16       // so that a thousand targets still move
	maxParked   = 4        // windows of lane heads that wait for their next try; more, and nothing new is read
	maxFlights  = 4_096    // attempts at the same time
	maxBacklog  = 20_000   // outcomes not yet durable; more, and no new attempt starts
	stopGrace   = 20 * time.Second
	stuckRetry  = 250 * time.Millisecond
	refusedRest = time.Minute      // of a target, after the database refused to keep one of its outcomes
	orphansEach = time.Hour        // deleted targets are looked through for what came to them at the last moment
	askedEach   = 10 * time.Second // of a target, what its receiver asked to have later is looked for again
	refillQuery = 4                // reads at the same time
)

// Engine works the deliveries. Set the exported fields, then Run. Offer, Recorded and SetTarget may be called at
// any time, from any goroutine; they never block.
type Engine struct {
	Store  *store.Store
	Sender *sender.Sender
	// Pipelines runs the steps of targets that are pipelines.
	Pipelines *pipeline.Runner
	Clock     clock.Clock
	Log       *slog.Logger
	// Attempted sees every attempt after it was made, to write the delivery log. May be nil.
	Attempted func(t *hub.Target, call sender.Call, a *hub.Attempt)
	// Outcome sees every outcome once it is durable, for the live stream. It must not block. May be nil.
	Outcome func(t *hub.Target, o *store.Outcome)
	// Notice is told when a target begins to fail, is disabled or works again. May be nil.
	Notice func(ctx context.Context, n hub.Notice)
	// Retain is how long finished events are kept; zero keeps them for good.
	Retain time.Duration
	// Window is how many deliveries of one target are kept in memory; zero: 1,000.
	Window int

	inbox inbox

	// Only the Run goroutine touches what follows.
	targets  map[int64]*target
	dirty    []*target // targets to look at before the loop sleeps
	wakes    wakeHeap
	entries  int
	parked   int // of these: lane heads that wait for their next try
	payload  int
	flights  int
	reads    int
	stopping bool
	readers  []want // reads that wait for their turn
	counts   Counts
	flying   context.Context // of the attempts; outlives Run's ctx by stopGrace
	writes   sync.WaitGroup  // of target states
	crew     crew
	watch    *clock.Watch
}

// Counts is what the engine has done since it started.
type Counts struct {
	Attempts, Delivered, Failed, Retried uint64
	Flights, Entries, PayloadBytes       int
	Reads                                int // of deliveries, under way or queued
}

// inbox is how other goroutines reach the loop: they append, and wake it.
type inbox struct {
	mu       sync.Mutex
	fresh    []store.Fresh
	landed   []*flight
	recorded []*store.Outcome
	loaded   []*load
	calls    []func() // settings, questions
	wake     chan struct{}
	once     sync.Once
}

func (in *inbox) signal() chan struct{} {
	in.once.Do(func() { in.wake = make(chan struct{}, 1) })
	return in.wake
}

func (in *inbox) put(add func()) {
	in.mu.Lock()
	add()
	in.mu.Unlock()
	select {
	case in.signal() <- struct{}{}:
	default:
	}
}

// Offer takes deliveries that were just committed, in order of their commit.
func (e *Engine) Offer(fresh []store.Fresh) {
	e.inbox.put(func() { e.inbox.fresh = append(e.inbox.fresh, fresh...) })
}

// Recorded takes outcomes that are now durable.
func (e *Engine) Recorded(outcomes []*store.Outcome) {
	e.inbox.put(func() { e.inbox.recorded = append(e.inbox.recorded, outcomes...) })
}

// Refused takes outcomes that the database will never take.
func (e *Engine) Refused(outcomes []*store.Outcome) {
	e.call(func() {
		for _, o := range outcomes {
			e.refused(o, e.Clock.Now())
		}
	})
}

// SetTarget makes a target's newest settings and state count from the next attempt on.
func (e *Engine) SetTarget(t hub.Target) { e.call(func() { e.setTarget(t) }) }

// Touched makes the engine read a target's deliveries again, after a person retried or cancelled one.
func (e *Engine) Touched(no int64) {
	e.call(func() {
		if t := e.targets[no]; t != nil {
			e.reread(t)
		}
	})
}

// Sending tells which of a target's deliveries are in flight at this moment, by sequence number. It answers
// nothing when the engine does not run or ctx ends.
func (e *Engine) Sending(ctx context.Context, no int64) map[int64]bool {
	answer := make(chan map[int64]bool, 1)
	e.call(func() {
		flying := map[int64]bool{}
		if t := e.targets[no]; t != nil {
			for seq, n := range t.known {
				if n.flying {
					flying[seq] = true
				}
			}
		}
		answer <- flying
	})
	select {
	case flying := <-answer:
		return flying
	case <-ctx.Done():
		return nil
	}
}

// Counts answers what was done so far.
func (e *Engine) Counts(ctx context.Context) Counts {
	answer := make(chan Counts, 1)
	e.call(func() {
		c := e.counts
		c.Flights, c.Entries, c.PayloadBytes = e.flights, e.entries, e.payload
		c.Reads = e.reads + len(e.readers)
		answer <- c
	})
	select {
	case c := <-answer:
		return c
	case <-ctx.Done():
		return Counts{}
	}
}

func (e *Engine) call(f func()) { e.inbox.put(func() { e.inbox.calls = append(e.inbox.calls, f) }) }

// Run works until ctx ends, then starts nothing new, waits for what is in flight - at most 20 s, then it is cut
// off and stays owed - and returns.
func (e *Engine) Run(ctx context.Context) error {
	flying, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	e.flying = flying
	e.crew.jobs = make(chan func())
	defer e.crew.dismiss()
	e.inbox.mu.Lock()
	if e.targets == nil {
		e.targets = map[int64]*target{}
	}
	e.inbox.mu.Unlock()

	e.watch = clock.NewWatch(e.Clock)
	background, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { e.retain(background) })
	others.Go(func() { e.cancelOrphans(background) })
	defer e.writes.Wait()
	defer others.Wait()
	defer stop()

	done := ctx.Done()
	var grace <-chan time.Time
	for {
		e.drain()
		if e.stopping && e.flights == 0 && e.reads == 0 {
			return nil
		}
		var alarm <-chan time.Time
		forget := func() {}
		if at, ok := e.nextWake(); ok {
			alarm, forget = e.Clock.At(at)
		}
		select {
		case <-e.inbox.signal():
		case <-alarm:
		case <-done:
			e.stopping, done = true, nil
			if e.flights > 0 {
				e.Log.Info("engine stopping", "in_flight", e.flights) // says what the stop waits for
			}
			grace = time.After(stopGrace)
		case <-grace:
			cut()
		}
		forget()
	}
}

// drain takes everything out of the inbox and does what follows from it.
func (e *Engine) drain() {
	in := &e.inbox
	in.mu.Lock()
	fresh, landed, recorded, loaded, calls := in.fresh, in.landed, in.recorded, in.loaded, in.calls
	in.fresh, in.landed, in.recorded, in.loaded, in.calls = nil, nil, nil, nil, nil
	in.mu.Unlock()

	now := e.Clock.Now()
	for _, call := range calls {
		call()
	}
	for _, o := range recorded {
		e.recorded(o)
	}
	for _, f := range landed {
		e.landed(f, now)
	}
	for _, l := range loaded {
		e.loaded(l)
	}
	for i := range fresh {
		e.offered(&fresh[i])
	}
	e.wakeDue(now)
	e.pumpDirty(now)
	e.startReads()
}

// pumpDirty starts what may start, one delivery per target and round, so that none waits for another's backlog.
func (e *Engine) pumpDirty(now time.Time) {
	round := e.dirty
	e.dirty = nil
	for _, t := range round {
		t.dirty = false
	}
	if e.stopping {
		return
	}
	if e.Store.Stuck() || e.Store.Backlog() > maxBacklog {
		for _, t := range round {
			e.wakeAt(t, now.Add(stuckRetry))
		}
		return
	}
	for len(round) > 0 {
		again := round[:0]
		for _, t := range round {
			if e.flights >= maxFlights {
				e.touch(t) // looked at again when a flight has landed
				continue
			}
			if e.startOne(t, now) {
				again = append(again, t)
				continue
			}
			e.maybeRefill(t)
		}
		round = again
	}
}

// touch has a target looked at before the loop sleeps.
func (e *Engine) touch(t *target) {
	if !t.dirty {
		t.dirty = true
		e.dirty = append(e.dirty, t)
	}
}

// jitter is the random share of a retry interval.
func jitter() float64 { return rand.Float64() }
