package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/hub"
)

// One commit takes at most this much, so that nobody waits long behind a crowd.
const (
	commitRows  = 512
	commitBytes = 4 << 20
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

// call is one caller of Accept; it may be spread over several commits.
type call struct {
	accepts []*Accept
	taken   int
	state   atomic.Int32 // waiting, taken, given up
	left    atomic.Int32
	done    chan struct{}
}

const (
	waiting = iota
	taken
	givenUp
)

// write is one caller of Write.
type write struct {
	fn    func(*Tx) error
	state atomic.Int32
	err   error
	done  chan struct{}
}

// queue is where callers leave what they want committed; Run alone takes from it.
type queue struct {
	mu       sync.Mutex
	outcomes []*Outcome
	calls    []*call
	writes   []*write
	closed   bool
	wake     chan struct{} // holds one token when something waits
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Accept returns after the commit; each element's Result says what became of it. The error is for ctx only: then
// nothing is known, and the elements must not be read.
func (s *Store) Accept(ctx context.Context, accepts ...*Accept) error {
	if len(accepts) == 0 {
		return nil
	}
	c := &call{accepts: accepts, done: make(chan struct{})}
	c.left.Store(int32(len(accepts)))
	s.queue.mu.Lock()
	if s.queue.closed {
		s.queue.mu.Unlock()
		refuse(accepts, stopping())
		return nil
	}
	s.queue.calls = append(s.queue.calls, c)
	s.queue.mu.Unlock()
	s.queue.signal()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		c.state.CompareAndSwap(waiting, givenUp)
		return ctx.Err()
	}
}

// Record queues an outcome; it never blocks and nothing is lost while the process lives.
func (s *Store) Record(o *Outcome) {
	if o.Attempt != nil {
		o.evidence = EncodeAttempt(o.Attempt)
	}
	s.backlog.Add(1)
	s.queue.mu.Lock()
	s.queue.outcomes = append(s.queue.outcomes, o)
	s.queue.mu.Unlock()
	s.queue.signal()
}

// Write runs fn in a transaction of its own; an error of fn or of SQL rolls it back.
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error {
	w := &write{fn: fn, done: make(chan struct{})}
	s.queue.mu.Lock()
	if s.queue.closed {
		s.queue.mu.Unlock()
		return stopping()
	}
	s.queue.writes = append(s.queue.writes, w)
	s.queue.mu.Unlock()
	s.queue.signal()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		// Given up before it began: nothing happens. Begun: the caller learns how it ended.
		if w.state.CompareAndSwap(waiting, givenUp) {
			return ctx.Err()
		}
		<-w.done
		return w.err
	}
}

func stopping() *hub.Error {
	e := hub.Errorf(hub.Unavailable, "the hub is stopping").WithHint("Send it again in a few seconds.")
	e.RetryAfter = retryAfter
	return e
}

func refuse(accepts []*Accept, err error) {
	for _, a := range accepts {
		a.Result = Accepted{Err: err}
	}
}

// Run commits until ctx ends and everything queued is durable.
func (s *Store) Run(ctx context.Context) error {
	defer s.close()
	stop := s.background()
	defer stop()
	work := context.WithoutCancel(ctx)
	pause := firstPause
	var lost []*batch // batches whose COMMIT got no answer
	for {
		if s.dead.Load() != nil {
			s.bury()
			return fmt.Errorf("nothing can be written any more: %w", s.dead.Load())
		}
		if len(lost) > 0 {
			lost = s.readAgain(work, lost)
		}
		if err := s.hot.between(); err != nil && classify(err) == fatal {
			s.die(err)
			continue
		}
		b, owners, writes := s.take()
		if b.size() == 0 && len(writes) == 0 {
			if ctx.Err() != nil && s.shut() {
				return nil
			}
			if len(lost) > 0 {
				s.rest(ctx, pause)
				continue
			}
			select {
			case <-s.queue.wake:
			case <-ctx.Done():
			}
			continue
		}
		failed := s.commitAll(work, b, &lost)
		s.answer(b, owners)
		if len(failed) > 0 {
			s.giveBack(failed)
			s.stuck.Store(true)
			if ctx.Err() != nil {
				// Stopping with a database that takes nothing: what was sent will be sent again, which is allowed.
				s.shut()
				return fmt.Errorf("%d outcomes could not be recorded before the stop", s.Backlog())
			}
			s.rest(ctx, pause)
			pause = min(2*pause, longestPause)
		} else if len(b.outcomes) > 0 {
			pause = firstPause
			s.stuck.Store(false)
		}
		s.runWrites(work, writes)
	}
}

// rest waits a little, in which nothing but new work or the end of ctx matters.
func (s *Store) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// shut ends the queue when nothing waits in it.
func (s *Store) shut() bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if len(s.queue.calls)+len(s.queue.writes) > 0 {
		return false
	}
	s.queue.closed = true
	return true
}

// take draws the next batch, what was sent first, then what is new; and the writes that come after it.
func (s *Store) take() (*batch, []*call, []*write) {
	b := &batch{}
	bytes := 0
	q := &s.queue
	q.mu.Lock()
	n := 0
	for n < len(q.outcomes) && n < commitRows && bytes < commitBytes {
		bytes += len(q.outcomes[n].evidence) + 200
		n++
	}
	b.outcomes = q.outcomes[:n:n]
	q.outcomes = q.outcomes[n:]
	if len(q.outcomes) == 0 {
		q.outcomes = nil
	}
	var owners []*call
	rows := 0
	for len(q.calls) > 0 && rows < commitRows && bytes < commitBytes {
		c := q.calls[0]
		if c.taken == 0 && !c.state.CompareAndSwap(waiting, taken) {
			q.calls = q.calls[1:]
			continue
		}
		for c.taken < len(c.accepts) && rows < commitRows && bytes < commitBytes {
			a := c.accepts[c.taken]
			size := 1 + len(a.Owed)
			if rows > 0 && rows+size > commitRows {
				rows = commitRows // an event is never split, so it begins the next commit
				break
			}
			rows += size
			bytes += len(a.Event.Data) + 300
			b.accepts = append(b.accepts, a)
			owners = append(owners, c)
			c.taken++
		}
		if c.taken == len(c.accepts) {
			q.calls = q.calls[1:]
		}
	}
	if len(q.calls) == 0 {
		q.calls = nil
	}
	writes := q.writes
	q.writes = nil
	q.mu.Unlock()
	return b, owners, writes
}

// answer wakes the callers whose last element is settled.
func (s *Store) answer(b *batch, owners []*call) {
	for _, c := range owners {
		if c.left.Add(-1) == 0 {
			close(c.done)
		}
	}
	if len(b.fresh) > 0 && s.opt.Committed != nil {
		s.opt.Committed(b.fresh)
	}
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
	err := s.hot.commit(ctx, b)
	if err == nil {
		s.backlog.Add(-int64(len(b.outcomes)))
		if len(b.outcomes) > 0 && s.opt.Recorded != nil {
			s.opt.Recorded(b.outcomes)
		}
		return nil
	}
	b.fresh = nil
	switch classify(err) {
	case guilty:
		if b.size() > 1 {
			x, y := b.halves()
			failed := s.commitAll(ctx, x, lost)
			failed = append(failed, s.commitAll(ctx, y, lost)...)
			b.fresh = append(x.fresh, y.fresh...)
			return failed
		}
		s.log.Error("row refused by the database", "err", err)
		for _, a := range b.accepts {
			a.Result = Accepted{Err: refusal(a, err)}
		}
		// An outcome the database refuses cannot be kept for ever: it would hold up all others. The delivery stays
		// owed and is sent again.
		s.backlog.Add(-int64(len(b.outcomes)))
		return nil
	case fatal:
		s.die(err)
	case unknown:
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

// giveBack puts outcomes that could not be written in front again.
func (s *Store) giveBack(outcomes []*Outcome) {
	s.queue.mu.Lock()
	s.queue.outcomes = append(outcomes[:len(outcomes):len(outcomes)], s.queue.outcomes...)
	s.queue.mu.Unlock()
	s.queue.signal()
}

// readAgain settles batches whose COMMIT was not answered: what is stored is offered, and the callers, who were
// told 503, find it as a duplicate when they send again.
func (s *Store) readAgain(ctx context.Context, lost []*batch) []*batch {
	for i, b := range lost {
		stored, err := s.hot.found(ctx, b)
		if err != nil {
			return lost[i:]
		}
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

// bury answers everybody who still waits for a store that has died.
func (s *Store) bury() {
	q := &s.queue
	q.mu.Lock()
	q.closed = true
	calls, writes := q.calls, q.writes
	q.calls, q.writes = nil, nil
	q.mu.Unlock()
	why := s.dead.Load()
	for _, c := range calls {
		refuse(c.accepts[c.taken:], why)
		close(c.done)
	}
	for _, w := range writes {
		w.err = why
		close(w.done)
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
