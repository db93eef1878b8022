package pipeline

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"hacek/internal/hub"
	"hacek/internal/sender"
)

// Bounds of what is remembered of fetches.
const (
	shareFor   = 5 * time.Minute
	shareBytes = 64 << 20
	shareCount = 10_000
	clockGrain = time.Millisecond // of the times that events bear
)

// shared lets one fetch serve every run that may take its answer. A run may, when the fetch began after the run's
// event was received: then the answer shows what the event told of.
type shared struct {
	mu      sync.Mutex
	flights map[[sha256.Size]byte]*flight
	order   []*flight // finished ones that are kept, oldest first
	bytes   int
}

// flight is one fetch, under way or finished.
type flight struct {
	key   [sha256.Size]byte
	began time.Time // zero while it waits for its turn; guarded by the lock of shared
	done  chan struct{}

	// set before done is closed
	attempt *hub.Attempt // nil when it had to be put off
	whole   sender.Whole
	out     outcome // when it had to be put off
	err     error   // its run was stopped: somebody else must fetch
}

// get returns a flight that may serve an event received at after: one that is there, or a new one that fly makes. Fly
// calls start when the request is about to go out.
func (s *shared) get(ctx context.Context, key [sha256.Size]byte, after time.Time, now func() time.Time, fly func(f *flight, start func())) (f *flight, own bool, err error) {
	for {
		f, own = s.join(key, after, now())
		if own {
			s.fly(f, now, fly)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if f.err == nil || own {
			return f, own, f.err
		}
	}
}

func (s *shared) join(key [sha256.Size]byte, after, now time.Time) (f *flight, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	if f := s.flights[key]; f != nil && (f.began.IsZero() || !f.began.Before(after.Add(clockGrain))) {
		return f, false
	}
	if s.flights == nil {
		s.flights = map[[sha256.Size]byte]*flight{}
	}
	f = &flight{key: key, done: make(chan struct{})}
	s.flights[key] = f
	return f, true
}

// fly makes the fetch and keeps its answer for a while, if it is one.
func (s *shared) fly(f *flight, now func() time.Time, fly func(f *flight, start func())) {
	finished := false
	defer func() {
		if !finished { // it panicked: nobody may wait for ever
			f.err = context.Canceled
		}
		s.mu.Lock()
		if finished && f.err == nil && f.attempt != nil && f.attempt.Result == hub.Succeeded {
			s.order = append(s.order, f)
			s.bytes += len(f.whole.Body)
			s.forget(now())
		} else if s.flights[f.key] == f {
			delete(s.flights, f.key)
		}
		s.mu.Unlock()
		close(f.done)
	}()
	fly(f, func() {
		s.mu.Lock()
		f.began = now()
		s.mu.Unlock()
	})
	finished = true
}

// forget drops what is old, and the oldest of what is too much. The lock is held.
func (s *shared) forget(now time.Time) {
	n := 0
	for _, f := range s.order {
		if now.Sub(f.began) < shareFor && s.bytes <= shareBytes && len(s.order)-n <= shareCount {
			break
		}
		if s.flights[f.key] == f {
			delete(s.flights, f.key)
		}
		s.bytes -= len(f.whole.Body)
		n++
	}
	clear(s.order[:n])
	s.order = s.order[n:]
}

// versions remembers which version of a record the last fetch brought.
type versions struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]seenVersion
}

type seenVersion struct {
	version string
	began   time.Time
}

// stale tells whether a fetch for an event received at after brought only what an earlier one, begun before that,
// had brought already. What is not stale is remembered.
func (v *versions) stale(key [sha256.Size]byte, version string, began, after time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	old, known := v.seen[key]
	if known && old.version == version && old.began.Before(after) {
		return true
	}
	v.set(key, version, began)
	return false
}

// accept takes a version as it is, though it did not change.
func (v *versions) accept(key [sha256.Size]byte, version string, began time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.set(key, version, began)
}

func (v *versions) set(key [sha256.Size]byte, version string, began time.Time) {
	if v.seen == nil || len(v.seen) >= maxTable {
		v.seen = map[[sha256.Size]byte]seenVersion{}
	}
	v.seen[key] = seenVersion{version, began}
}
