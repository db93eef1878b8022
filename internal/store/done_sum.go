package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// A span of deliveries ends behind so many that are finished, and before so many that are open: whatever happens to
// these, no span takes long to add up again.
const (
	spanDone = 4_096
	spanOpen = 8_192
)

// mostStale bounds how many spans MendSums adds up again at once.
const mostStale = 64

const (
	sumEvery  = 5 * time.Second
	mendEvery = 30 * time.Second
)

// adding adds up finished deliveries until ctx ends.
func (s *Store) adding(ctx context.Context) {
	s.figure(ctx, sumEvery, func() (bool, error) { return s.SumDeliveries(ctx, s.now().Add(-spanLag)) })
}

// mending adds up again what has changed since, until ctx ends.
func (s *Store) mending(ctx context.Context) {
	s.figure(ctx, mendEvery, func() (bool, error) { return s.MendSums(ctx) })
}

func (s *Store) figure(ctx context.Context, every time.Duration, do func() (more bool, err error)) {
	beside(ctx, spanPause, every, func() bool {
		more, err := do()
		if err != nil && ctx.Err() == nil {
			s.log.Warn("finished deliveries not added up, so figures take longer", "err", err)
		}
		return more && err == nil
	})
}

// targetSum is one row of done_sum, without its span.
type targetSum struct {
	target int64
	stateSum
}

func scanTargetSum(row rower) (x targetSum, err error) {
	err = row.Scan(&x.target, &x.state, &x.n, &x.retried, &x.took, &x.last)
	return x, err
}

// SumDeliveries adds up the next span of deliveries, when it ends before a moment, and tells whether there may be more.
// The moment must leave time for commits that are under way.
func (s *Store) SumDeliveries(ctx context.Context, before time.Time) (more bool, err error) {
	s.adds.Lock()
	defer s.adds.Unlock()
	read, cancel := s.read(ctx)
	defer cancel()
	tx, err := s.snapshot(read)
	if err != nil {
		return false, fmt.Errorf("sum up deliveries: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var top int64
	if err := tx.QueryRowContext(read, `SELECT coalesce(max(last), 0) FROM done_span`).Scan(&top); err != nil {
		return false, fmt.Errorf("sum up deliveries: %w", err)
	}
	const end = `
		SELECT seq, at
		FROM delivery_done
		WHERE seq > $1
		ORDER BY seq
		LIMIT 1
		OFFSET $2`
	x := seqRange{first: top + 1}
	var at int64
	err = tx.QueryRowContext(read, end, top, spanDone-1).Scan(&x.last, &at)
	if errors.Is(err, sql.ErrNoRows) || err == nil && at >= millis(before) {
		_ = tx.Rollback()
		return false, s.tidySums(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("sum up deliveries: %w", err)
	}
	sums, err := openSums(read, tx, &x)
	if err != nil {
		return false, err
	}
	done, err := doneSums(read, tx, x)
	if err != nil {
		return false, err
	}
	_ = tx.Rollback()
	return true, s.keepSums(ctx, []seqRange{x}, [][]targetSum{append(sums, done...)})
}

// openSums counts what is open in a span, which it shortens until that is little enough.
func openSums(ctx context.Context, db querier, x *seqRange) ([]targetSum, error) {
	// A backlog behind the limit is not counted to its end.
	const open = `
		SELECT no, n
		FROM (
			SELECT t.no, (
				SELECT count(*)
				FROM (SELECT 1 FROM delivery AS d WHERE d.target_no = t.no AND d.seq BETWEEN $1 AND $2 LIMIT $3) AS few
			) AS n
			FROM target AS t
		) AS counts
		WHERE n > 0`
	for {
		counts, err := collect(ctx, db, "what is open", scanCount, open, x.first, x.last, spanOpen+1)
		if err != nil {
			return nil, err
		}
		total := int64(0)
		sums := make([]targetSum, len(counts))
		for i, c := range counts {
			total += c.n
			sums[i] = targetSum{c.target, stateSum{state: hub.Pending, n: c.n}}
		}
		if total <= spanOpen || x.first == x.last {
			return sums, nil
		}
		x.last = x.first + (x.last-x.first)/2
	}
}

func doneSums(ctx context.Context, db querier, x seqRange) ([]targetSum, error) {
	const sums = `
		SELECT target_no, state, count(*), sum(CASE WHEN tries > 1 THEN 1 ELSE 0 END), CAST(sum(took) AS bigint), max(at)
		FROM delivery_done
		WHERE seq BETWEEN $1 AND $2
		GROUP BY target_no, state`
	return collect(ctx, db, "deliveries", scanTargetSum, sums, x.first, x.last)
}

// keepSums writes what spans add up to, in place of what was written of them before.
func (s *Store) keepSums(ctx context.Context, spans []seqRange, sums [][]targetSum) error {
	const addSpan = `
		INSERT INTO done_span (last, first)
		VALUES ($1, $2)
		ON CONFLICT (last) DO NOTHING`
	const addSum = `
		INSERT INTO done_sum (target_no, last, state, first, n, retried, took, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	return s.Write(ctx, func(tx *Tx) error {
		for i, x := range spans {
			if _, err := tx.ExecContext(ctx, addSpan, x.last, x.first); err != nil {
				return fmt.Errorf("sum up deliveries: %w", err)
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM done_sum WHERE last = $1`, x.last); err != nil {
				return fmt.Errorf("sum up deliveries: %w", err)
			}
			for _, t := range sums[i] {
				if _, err := tx.ExecContext(ctx, addSum, t.target, x.last, string(t.state), x.first, t.n, t.retried, t.took, t.last); err != nil {
					return fmt.Errorf("sum up deliveries: %w", err)
				}
			}
		}
		return nil
	})
}

// MendSums adds up again spans in which something has ended since they were added up. Until then Stats reads their
// deliveries, so it only costs time when this comes late.
func (s *Store) MendSums(ctx context.Context) (more bool, err error) {
	s.adds.Lock()
	defer s.adds.Unlock()
	read, cancel := s.read(ctx)
	defer cancel()
	tx, err := s.snapshot(read)
	if err != nil {
		return false, fmt.Errorf("mend the sums of deliveries: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	const outdated = `
		SELECT DISTINCT s.first, s.last
		FROM done_sum AS s
		WHERE s.state = 'pending'
			AND s.n <> (SELECT count(*) FROM delivery AS d WHERE d.target_no = s.target_no AND d.seq BETWEEN s.first AND s.last)
		ORDER BY s.last
		LIMIT $1`
	stale, err := collect(read, tx, "sums", scanSeqRange, outdated, mostStale)
	if err != nil || len(stale) == 0 {
		return false, err
	}
	var sums [][]targetSum
	for _, x := range stale {
		whole := x
		open, err := openSums(read, tx, &x)
		if err == nil && x != whole {
			err = fmt.Errorf("the deliveries %d to %d have become more", whole.first, whole.last)
		}
		if err != nil {
			return false, err
		}
		done, err := doneSums(read, tx, x)
		if err != nil {
			return false, err
		}
		sums = append(sums, append(open, done...))
	}
	_ = tx.Rollback()
	return len(stale) == mostStale, s.keepSums(ctx, stale, sums)
}

// tidySums forgets some of the spans whose deliveries are all gone.
func (s *Store) tidySums(ctx context.Context) error {
	read, cancel := s.read(ctx)
	defer cancel()
	const gone = `
		SELECT max(last)
		FROM (
			SELECT last
			FROM done_span
			WHERE last < (SELECT min(seq) FROM delivery_done)
				AND last < coalesce((SELECT min(last) FROM done_sum WHERE state = 'pending'), last + 1)
			ORDER BY last
			LIMIT 64
		) AS oldest`
	var last sql.NullInt64
	if err := s.db.QueryRowContext(read, gone).Scan(&last); err != nil {
		return fmt.Errorf("find old sums of deliveries: %w", err)
	}
	if !last.Valid {
		return nil
	}
	return s.Write(ctx, func(tx *Tx) error {
		for _, drop := range []string{`DELETE FROM done_sum WHERE last <= $1`, `DELETE FROM done_span WHERE last <= $1`} {
			if _, err := tx.ExecContext(ctx, drop, last.Int64); err != nil {
				return fmt.Errorf("delete old sums of deliveries: %w", err)
			}
		}
		return nil
	})
}
