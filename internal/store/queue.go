package store

import (
	"context"
	"sync"
	"sync/atomic"

	"hacek/internal/hub"
)

// One commit takes at most this much, so that nobody waits long behind a crowd.
const (
	commitRows  = 512
	commitBytes = 4 << 20
)

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

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.outcomes) + len(q.calls)
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
	if ctx.Done() == nil {
		<-c.done
		return nil
	}
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

// finished ends the queue when nothing waits in it.
func (s *Store) finished() bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if len(s.queue.outcomes)+len(s.queue.calls)+len(s.queue.writes) > 0 {
		return false
	}
	s.queue.closed = true
	return true
}

// take draws the next batch, what was sent first, then what is new; and the writes that come after it. held leaves
// the outcomes where they are.
func (s *Store) take(held bool) (*batch, []*call, []*write) {
	b := &batch{}
	bytes := 0
	q := &s.queue
	q.mu.Lock()
	n := 0
	for !held && n < len(q.outcomes) && n < commitRows && bytes < commitBytes {
		bytes += len(q.outcomes[n].evidence) + len(q.outcomes[n].Progress) + 200
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
			bytes += a.size()
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

// size is about what an accept adds to the log.
func (a *Accept) size() int {
	n := 300
	if a.Event != nil {
		n += len(a.Event.Data)
	}
	if a.Request != nil {
		n += len(a.Request.Body) + 300
	}
	return n
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

// giveBack puts outcomes that could not be written in front again.
func (s *Store) giveBack(outcomes []*Outcome) {
	s.queue.mu.Lock()
	s.queue.outcomes = append(outcomes[:len(outcomes):len(outcomes)], s.queue.outcomes...)
	s.queue.mu.Unlock()
	s.queue.signal()
}

// abandon ends the queue and gives everybody who still waits the reason.
func (s *Store) abandon(why error) {
	q := &s.queue
	q.mu.Lock()
	q.closed = true
	calls, writes := q.calls, q.writes
	q.calls, q.writes = nil, nil
	q.mu.Unlock()
	for _, c := range calls {
		refuse(c.accepts[c.taken:], why)
		close(c.done)
	}
	for _, w := range writes {
		w.err = why
		close(w.done)
	}
}
