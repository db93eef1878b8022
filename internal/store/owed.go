package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// moved is how many deliveries of each target became owed (or, below zero, done) by one commit.
type moved map[int64]int64

func (m *moved) add(target, n int64) {
	if *m == nil {
		*m = moved{}
	}
	(*m)[target] += n
}

// owed counts what every target is owed. Counting a million rows takes as long as reading them, so they are counted
// once, at the start, and every commit adds what it changed.
type owed struct {
	mu    sync.Mutex
	ready bool
	n     moved

	// On PostgreSQL they are counted again: after a commit of unknown outcome, and now and then, for what somebody else
	// may have written.
	since   moved // what commits changed since the count under way began; nil: none is under way
	counted time.Time
	doubted time.Time
}

const (
	countEvery = 10 * time.Minute
	countLook  = 5 * time.Second
	countLimit = 20 * time.Second // of one count; what the committer waits for is its first moment
	countAfter = 30 * time.Second // a commit of unknown outcome has ended by then, one way or the other
)

func (o *owed) move(by moved) {
	if len(by) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for target, n := range by {
		o.n.add(target, n)
		if o.since != nil {
			o.since.add(target, n)
		}
	}
}

// doubt has everything counted again: nobody knows what a commit has changed.
func (o *owed) doubt(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready, o.since, o.doubted = false, nil, now
}

// of answers false until the count is complete.
func (o *owed) of(target int64) (int64, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n[target], o.ready
}

// begin takes the snapshot of what is there before the first commit, and returns what counts it. It is for SQLite,
// where nobody else writes and no commit is of unknown outcome.
func (o *owed) begin(ctx context.Context, s *Store) (count func()) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		var any int
		err = tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM delivery LIMIT 1)`).Scan(&any) // the first read takes it
	}
	if err != nil {
		s.log.Error("what is owed is counted each time it is asked for", "err", err)
		return func() {}
	}
	return func() {
		defer func() { _ = tx.Rollback() }()
		counts, err := collect(ctx, tx, "what is owed", scanCount, `SELECT target_no, count(*) FROM delivery GROUP BY target_no`)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("what is owed is counted each time it is asked for", "err", err)
			}
			return
		}
		before := moved{}
		for _, c := range counts {
			before[c.target] = c.n
		}
		o.move(before)
		o.mu.Lock()
		o.ready = true
		o.mu.Unlock()
	}
}

// counting counts on PostgreSQL until the function it returns is called.
func (s *Store) counting() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		beside(ctx, countLook, countLook, func() bool {
			if err := s.owed.again(ctx, s); err != nil && ctx.Err() == nil {
				s.log.Error("what is owed is counted each time it is asked for", "err", err)
			}
			return false
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

// again counts what is there at a moment between two commits, beside the work, and adds what commits change meanwhile.
func (o *owed) again(ctx context.Context, s *Store) error {
	now := s.now()
	o.mu.Lock()
	due := !o.ready || now.Sub(o.counted) >= countEvery
	due = due && (o.doubted.IsZero() || now.Sub(o.doubted) >= countAfter)
	o.mu.Unlock()
	if !due {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	var tx *sql.Tx
	defer func() {
		if tx != nil {
			_ = tx.Rollback()
		}
	}()
	err := s.Write(ctx, func(*Tx) error { // the committer waits for it
		var err error
		if tx, err = s.snapshot(ctx); err != nil {
			return err
		}
		var one int
		if err := tx.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil { // the first statement takes the snapshot
			return err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.since = moved{}
		return nil
	})
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.doubted = now // and is not tried again at once
		return fmt.Errorf("count what is owed: %w", err)
	}
	counts, err := collect(ctx, tx, "what is owed", scanCount, `SELECT target_no, count(*) FROM delivery GROUP BY target_no`)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || o.since == nil { // doubted meanwhile
		o.since = nil
		return err
	}
	for _, c := range counts {
		o.since.add(c.target, c.n)
	}
	o.n, o.since, o.ready, o.counted = o.since, nil, true, now
	return nil
}

type targetCount struct{ target, n int64 }

func scanCount(row rower) (c targetCount, err error) {
	err = row.Scan(&c.target, &c.n)
	return c, err
}

// Waiting is how many deliveries a target is owed and since when it has been owed the oldest.
func (s *Store) Waiting(ctx context.Context, target int64) (n int64, oldest time.Time, err error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	n, counted := s.owed.of(target)
	if !counted {
		if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM delivery WHERE target_no = $1`, target).Scan(&n); err != nil {
			return 0, time.Time{}, fmt.Errorf("count what waits: %w", err)
		}
	}
	first, found, err := s.Probe(ctx, target)
	if err != nil || !found {
		return 0, time.Time{}, err
	}
	var received int64
	err = s.db.QueryRowContext(ctx, `SELECT received_at FROM event WHERE no = $1 AND id = $2`, eventNo(first.Event), first.Event[:]).Scan(&received)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("age of what waits: %w", err)
	}
	return max(n, 1), fromMillis(received), nil
}
