package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"hacek/internal/hub"
)

// successes remembers when each target last took a delivery: to find it, a thousand rows are read, and a list of
// endpoints asks for all of them.
type successes struct {
	mu    sync.Mutex
	at    map[int64]time.Time // zero: none is known
	since time.Time
}

// note takes over what a commit has made durable.
func (l *successes) note(outcomes []*Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range outcomes {
		if o.Next.State == hub.Delivered {
			l.later(o.Delivery.Target, o.At)
		}
	}
}

func (l *successes) later(target int64, at time.Time) time.Time {
	if l.at == nil {
		l.at = map[int64]time.Time{}
	}
	if known, ok := l.at[target]; ok && !at.After(known) {
		return known
	}
	l.at[target] = at
	return at
}

func (l *successes) of(target int64) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := l.at[target]
	return at, known
}

// forget begins anew when what is remembered is older than a span.
func (l *successes) forget(now time.Time, span time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= span {
		l.at, l.since = nil, now
	}
}

// LastSuccess is when a target last took a delivery; zero when never. On PostgreSQL what another node delivered is
// seen within ten minutes.
func (s *Store) LastSuccess(ctx context.Context, target int64) (time.Time, error) {
	if s.pg {
		s.successes.forget(s.now(), countEvery)
	}
	if at, known := s.successes.of(target); known {
		return at, nil
	}
	at, err := s.readLastSuccess(ctx, target)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last success: %w", err)
	}
	s.successes.mu.Lock()
	defer s.successes.mu.Unlock()
	return s.successes.later(target, at), nil
}

func (s *Store) readLastSuccess(ctx context.Context, target int64) (time.Time, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const newest = `
		SELECT max(block)
		FROM done_block
		WHERE target_no = $1 AND state = 'delivered'`
	var block sql.NullInt64
	if err := s.db.QueryRowContext(ctx, newest, target).Scan(&block); err != nil || !block.Valid {
		return time.Time{}, err
	}
	bits := s.blockBits()
	const last = `
		SELECT max(at)
		FROM delivery_done
		WHERE seq BETWEEN $1 AND $2 AND target_no = $3 AND state = 'delivered'`
	var at sql.NullInt64
	if err := s.db.QueryRowContext(ctx, last, block.Int64<<bits, (block.Int64+1)<<bits-1, target).Scan(&at); err != nil || !at.Valid {
		return time.Time{}, err
	}
	return fromMillis(at.Int64), nil
}
