package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"hacek/internal/hub"
)

// A commit lets others run first until the queue has stood still for so many rounds, and not for ever.
const (
	gatherStill  = 4
	gatherRounds = 32
)

// After a commit of outcomes that failed, the next try waits, longer each time.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// retryAfter is what callers are told while the database is away or the disk is full.
const retryAfter = 5 * time.Second

// hot is the connection that writes the batches; each database has its own.
type hot interface {
	// commit makes one batch durable in one transaction, or nothing of it. Its error is one of the kinds below.
	commit(ctx context.Context, b *batch) error
	// found tells, after a commit of unknown outcome, which of the events are stored.
	found(ctx context.Context, b *batch) ([]*Accept, error)
	// between is called between batches, for upkeep; an error means that durability is lost.
	between() error
	close() error
}

// failure says what a failed commit means for those who waited for it.
type failure int

const (
	guilty  failure = iota // somebody's rows: halve until it is found
	full                   // no space: callers 503, outcomes kept
	away                   // connection lost before COMMIT was sent: the same
	unknown                // connection lost at COMMIT: read again before offering
	fatal                  // durability is lost
)

type commitError struct {
	kind failure
	err  error
}

func (e *commitError) Error() string { return e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// batch is what one commit makes durable.
type batch struct {
	outcomes []*Outcome
	accepts  []*Accept

	fresh []Fresh // filled by commit
	moved moved   // the same
}

func (b *batch) size() int { return len(b.outcomes) + len(b.accepts) }

// halves splits a batch in two that keep its order.
func (b *batch) halves() (*batch, *batch) {
	if len(b.outcomes) > 0 && len(b.accepts) > 0 {
		return &batch{outcomes: b.outcomes}, &batch{accepts: b.accepts}
	}
	o, a := len(b.outcomes)/2, len(b.accepts)/2
	return &batch{outcomes: b.outcomes[:o], accepts: b.accepts[:a]},
		&batch{outcomes: b.outcomes[o:], accepts: b.accepts[a:]}
}

// run is the work of Run as Close sees it.
type run struct {
	mu     sync.Mutex
	closed bool
	end    func()        // nil before it has begun
	over   chan struct{} // closed when it has ended
}

// begin refuses what was closed before it began.
func (r *run) begin(end func()) (over func(), open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	r.end, r.over = end, make(chan struct{})
	return func() { close(r.over) }, true
}

func (r *run) close() {
	r.mu.Lock()
	r.closed = true
	end := r.end
	r.mu.Unlock()
	if end != nil {
		end()
		<-r.over
	}
}

// Run commits until ctx ends, or Close is called, and everything queued is durable.
func (s *Store) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	ended, open := s.run.begin(end)
	if !open {
		return stopping()
	}
	defer ended()
	defer s.close()
	stop := s.background()
	defer stop()
	var upkeep sync.WaitGroup
	defer upkeep.Wait()
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	upkeep.Go(func() { s.summing(running) })
	upkeep.Go(func() { s.merging(running) })
	upkeep.Go(func() { s.adding(running) })
	upkeep.Go(func() { s.mending(running) })
	work := context.WithoutCancel(ctx)
	pause := firstPause
	var over <-chan time.Time // outcomes that could not be written wait for it; everybody else goes on
	hold := func() {
		over, pause = time.After(pause), min(2*pause, longestPause)
	}
	var lost []*batch // batches whose COMMIT got no answer
	for {
		if err := s.hot.between(); err != nil && classify(err) == fatal {
			s.die(err)
		}
		if dead := s.dead.Load(); dead != nil {
			s.abandon(dead)
			return fmt.Errorf("nothing can be written any more: %w", dead)
		}
		select {
		case <-over:
			over = nil
		default:
		}
		if len(lost) > 0 && over == nil {
			if lost = s.readAgain(work, lost); len(lost) > 0 {
				hold()
			}
		}
		ending := ctx.Err() != nil
		s.gather()
		b, owners, writes := s.take(over != nil)
		if b.size() == 0 && len(writes) == 0 {
			if ending && s.finished() {
				return nil
			}
			if s.rest(ctx, ending, over) {
				over = nil
			}
			continue
		}
		failed := s.commitAll(work, b, &lost)
		s.answer(b, owners)
		s.runWrites(work, writes)
		switch {
		case len(failed) > 0:
			s.giveBack(failed)
			s.stuck.Store(true)
			if ctx.Err() != nil {
				// Stopping beside a database that takes nothing: what was sent is sent again later, which is allowed.
				s.abandon(stopping())
				return fmt.Errorf("%d outcomes could not be recorded before the stop", s.Backlog())
			}
			hold()
		case len(b.outcomes) > 0:
			pause = firstPause
			s.stuck.Store(false)
		}
	}
}

// beside does something until ctx ends, again after a pause while there is more to do, and otherwise every so often.
func beside(ctx context.Context, pause, every time.Duration, do func() (more bool)) {
	for next := time.Duration(0); rest(ctx, next) == nil; {
		next = every
		if do() {
			next = pause
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// gather lets whoever is ready to run queue what they have, as long as the queue grows: a commit costs the same for
// one as for many. Nobody waits for a timer; with nothing else to run it returns at once.
func (s *Store) gather() {
	n, still := s.queue.length(), 0
	for rounds := 0; n > 0 && still < gatherStill && rounds < gatherRounds; rounds++ {
		runtime.Gosched()
		now := s.queue.length()
		if now == n {
			still++
			continue
		}
		n, still = now, 0
	}
}

// rest waits for work, for the end of a pause, which it reports, or for the end of ctx. ending tells that the caller
// knew of that end before it looked for work: then what is left waits for the pause.
func (s *Store) rest(ctx context.Context, ending bool, over <-chan time.Time) bool {
	done := ctx.Done()
	if ending {
		done = nil
	}
	select {
	case <-s.queue.wake:
	case <-over:
		return true
	case <-done:
	}
	return false
}

// commitAll commits a batch, halving it where somebody's rows are refused, and returns the outcomes that must be
// tried again.
func (s *Store) commitAll(ctx context.Context, b *batch, lost *[]*batch) []*Outcome {
	if b.size() == 0 {
		return nil
	}
	if why := s.noSpace(); why != nil && len(b.accepts) > 0 {
		refuse(b.accepts, why)
		b.accepts = nil
		if b.size() == 0 {
			return nil
		}
	}
	if s.dead.Load() != nil {
		refuse(b.accepts, s.dead.Load())
		return b.outcomes
	}
	if err := s.unsum(ctx, b); err != nil {
		s.log.Error("spans of events were not taken back", "err", err)
		refuse(b.accepts, err)
		if b.accepts = nil; b.size() == 0 {
			return nil
		}
	}
	err := s.hot.commit(ctx, b)
	if err == nil {
		s.owed.move(b.moved)
		s.successes.note(b.outcomes)
		if len(b.outcomes) > 0 && s.opt.Recorded != nil {
			s.opt.Recorded(b.outcomes)
		}
		s.backlog.Add(-int64(len(b.outcomes)))
		return nil
	}
	b.fresh, b.moved = nil, nil
	switch classify(err) {
	case guilty:
		if b.size() > 1 {
			x, y := b.halves()
			failed := s.commitAll(ctx, x, lost)
			failed = append(failed, s.commitAll(ctx, y, lost)...)
			b.fresh = append(x.fresh, y.fresh...)
			return failed
		}
		if len(b.accepts) == 0 || !isConflict(err) { // somebody else was first: whoever asked is told
			s.log.Error("row refused by the database", "err", err)
		}
		for _, a := range b.accepts {
			a.Result = Accepted{Err: refusal(a, err)}
		}
		// An outcome the database refuses cannot be kept for ever: it would hold up all others. The delivery stays
		// owed and is sent again.
		s.backlog.Add(-int64(len(b.outcomes)))
		if len(b.outcomes) > 0 && s.opt.Refused != nil {
			s.opt.Refused(b.outcomes)
		}
		return nil
	case fatal:
		s.die(err)
	case unknown:
		s.owed.doubt(s.now())
		if len(b.accepts) > 0 {
			*lost = append(*lost, &batch{accepts: b.accepts})
		}
	}
	s.log.Error("commit failed", "err", err, "outcomes", len(b.outcomes), "events", len(b.accepts))
	refuse(b.accepts, unavailable(classify(err)))
	return b.outcomes
}

// refusal tells a caller why the database would not take its rows.
func refusal(a *Accept, err error) error {
	var known *hub.Error
	switch {
	case errors.As(err, &known):
		return known
	case isConflict(err) && a.Idempotency != nil:
		return keyTaken()
	case isConflict(err) && a.Event != nil && !a.Replay: // its number was given before the clock was set back
		return unavailable(away)
	case isConflict(err):
		return hub.Errorf(hub.Conflict, "the same delivery was made by somebody else at the same moment").WithHint("Look at it, and repeat the request if it is still needed.")
	}
	return hub.Errorf(hub.Invalid, "the database refuses this event").WithHint("Check it for characters that no text can hold.")
}

func unavailable(kind failure) *hub.Error {
	e := hub.Errorf(hub.Unavailable, "the hub's database is away").WithHint("Nothing was accepted, or it is not known to be; send it again with the same id.")
	switch kind {
	case full:
		e = hub.Errorf(hub.Unavailable, "the hub's disk is full").WithHint("Free some space; nothing was accepted.")
	case fatal:
		e = hub.Errorf(hub.Unavailable, "the hub cannot write to its disk and is stopping").WithHint("Send it again with the same id in a few seconds.")
	}
	e.RetryAfter = retryAfter
	return e
}

// readAgain settles batches whose COMMIT was not answered: what is stored is offered, and the callers, who were
// told 503, find it as a duplicate when they send again.
func (s *Store) readAgain(ctx context.Context, lost []*batch) []*batch {
	for i, b := range lost {
		stored, err := s.hot.found(ctx, b)
		if err != nil {
			return lost[i:]
		}
		s.owed.doubt(s.now())
		fresh := freshOf(stored)
		if len(fresh) > 0 && s.opt.Committed != nil {
			s.opt.Committed(fresh)
		}
		s.log.Info("commits of unknown outcome read again", "asked", len(b.accepts), "stored", len(stored))
	}
	return nil
}

// die marks the store as no longer durable.
func (s *Store) die(err error) {
	if s.dead.CompareAndSwap(nil, unavailable(fatal)) {
		s.log.Error("durability lost", "err", err)
		if s.opt.Fatal != nil {
			s.opt.Fatal(fmt.Errorf("durability lost: %w", err))
		}
	}
}

// freshOf lists what a commit of unknown outcome has made after all.
func freshOf(stored []*Accept) []Fresh {
	var fresh []Fresh
	for _, a := range stored {
		for _, d := range a.owed {
			fresh = append(fresh, Fresh{Delivery: d, Event: a.Event})
		}
	}
	return fresh
}
