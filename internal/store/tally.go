package store

import (
	"context"
	"fmt"
	"time"
)

// TallyOutcome is what an attempt was for the statistics.
type TallyOutcome string

// A delivered and a failed one are done; a retried one failed and waits for its next try.
const (
	TallyDelivered TallyOutcome = "delivered"
	TallyFailed    TallyOutcome = "failed"
	TallyRetried   TallyOutcome = "retried"
)

// HourCount is how many attempts of a target ended so in one hour.
type HourCount struct {
	Target  int64
	Hour    time.Time // its beginning
	Outcome TallyOutcome
	N       int64
}

// LastResult is how a target's newest attempt ended.
type LastResult struct {
	Target  int64
	At      time.Time
	Outcome TallyOutcome
	Result  string // hub.Result
	Status  int
	Took    time.Duration
	Tries   int
	DueAt   time.Time // of the next try, when retried
	Reason  string
}

// KeepTally adds to the counts and replaces the last results. Both are statistics: what a crash loses of them is
// found in the deliveries.
func (tx *Tx) KeepTally(ctx context.Context, counts []HourCount, last []LastResult) error {
	const add = `
		INSERT INTO hour_count (target_no, hour, outcome, n)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (target_no, hour, outcome) DO UPDATE SET n = hour_count.n + excluded.n`
	for _, c := range counts {
		if _, err := tx.ExecContext(ctx, add, c.Target, millis(c.Hour), string(c.Outcome), c.N); err != nil {
			return fmt.Errorf("count attempts: %w", err)
		}
	}
	const replace = `
		INSERT INTO last_result (target_no, at, outcome, result, status, took, tries, due_at, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (target_no) DO UPDATE SET at = excluded.at, outcome = excluded.outcome, result = excluded.result,
			status = excluded.status, took = excluded.took, tries = excluded.tries, due_at = excluded.due_at, reason = excluded.reason
		WHERE excluded.at >= last_result.at`
	for _, r := range last {
		_, err := tx.ExecContext(ctx, replace, r.Target, millis(r.At), string(r.Outcome), r.Result, r.Status, int64(r.Took), r.Tries,
			nullMillis(r.DueAt), plainText(r.Reason))
		if err != nil {
			return fmt.Errorf("keep a last result: %w", err)
		}
	}
	return nil
}

// TrimTally forgets the counts of hours before a moment.
func (tx *Tx) TrimTally(ctx context.Context, before time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM hour_count WHERE hour < $1`, millis(before)); err != nil {
		return fmt.Errorf("trim counts: %w", err)
	}
	return nil
}

// HourCounts lists what a tenant's targets counted since a moment: at most three rows for a target and hour, however
// much was delivered.
func (s *Store) HourCounts(ctx context.Context, tenant int64, since time.Time) ([]HourCount, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const counts = `
		SELECT c.target_no, c.hour, c.outcome, c.n
		FROM target t
		JOIN hour_count c ON c.target_no = t.no AND c.hour >= $2
		WHERE t.tenant_no = $1 AND t.deleted_rev IS NULL`
	return collect(ctx, s.db, "counts", func(row rower) (c HourCount, err error) {
		var hour int64
		err = row.Scan(&c.Target, &hour, &c.Outcome, &c.N)
		c.Hour = fromMillis(hour)
		return c, err
	}, counts, tenant, millis(since.Truncate(time.Hour)))
}

// LastResults lists how the newest attempts of a tenant's targets ended.
func (s *Store) LastResults(ctx context.Context, tenant int64) ([]LastResult, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const results = `
		SELECT r.target_no, r.at, r.outcome, r.result, r.status, r.took, r.tries, coalesce(r.due_at, 0), r.reason, coalesce(t.resumed_at, 0)
		FROM target t
		JOIN last_result r ON r.target_no = t.no
		WHERE t.tenant_no = $1 AND t.deleted_rev IS NULL`
	return collect(ctx, s.db, "last results", func(row rower) (r LastResult, err error) {
		var at, took, due, resumed int64
		err = row.Scan(&r.Target, &at, &r.Outcome, &r.Result, &r.Status, &took, &r.Tries, &due, &r.Reason, &resumed)
		if at <= resumed && resumed < due {
			due = resumed // a person brought it forward since
		}
		r.At, r.Took, r.DueAt = fromMillis(at), time.Duration(took), fromMillis(due)
		return r, err
	}, results, tenant)
}

// WaitingOf is what each of a tenant's targets is owed; targets that are owed nothing are left out.
func (s *Store) WaitingOf(ctx context.Context, tenant int64) (map[int64]int64, error) {
	targets, err := s.targetNos(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := map[int64]int64{}
	for _, no := range targets {
		n, counted := s.owed.of(no)
		if !counted {
			return s.countWaiting(ctx, tenant)
		}
		if n > 0 {
			out[no] = n
		}
	}
	return out, nil
}

// countWaiting counts the rows, while the count that every commit keeps up is under way.
func (s *Store) countWaiting(ctx context.Context, tenant int64) (map[int64]int64, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const counts = `
		SELECT d.target_no, count(*)
		FROM target t
		JOIN delivery d ON d.target_no = t.no
		WHERE t.tenant_no = $1
		GROUP BY d.target_no`
	rows, err := collect(ctx, s.db, "what waits", scanCount, counts, tenant)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]int64, len(rows))
	for _, c := range rows {
		out[c.target] = c.n
	}
	return out, nil
}
