package store

import (
	"context"
	"fmt"
	"time"
)

// retainChunk is how many events one transaction looks at: about 20 ms of the writer's time.
const retainChunk = 200

// Retain deletes a chunk of what was received before a moment and is owed to nobody any more, and tells how many
// rows went; call it until it says 0. Call it from one goroutine.
func (s *Store) Retain(ctx context.Context, before time.Time) (int, error) {
	n, err := s.retainEvents(ctx, before)
	if err != nil || n > 0 {
		return n, err
	}
	err = s.Write(ctx, func(tx *Tx) error {
		for _, drop := range []struct {
			table  string
			before time.Time
		}{{"dedupe", tx.now.Add(-s.opt.DedupeWindow)}, {"ref", before}} {
			gone, err := tx.dropBucket(ctx, drop.table, drop.before)
			if err != nil {
				return err
			}
			n += gone
		}
		r, err := tx.ExecContext(ctx, `DELETE FROM idempotency WHERE at < $1`, millis(tx.now.Add(-day)))
		if err != nil {
			return fmt.Errorf("delete old Idempotency-Keys: %w", err)
		}
		gone, err := r.RowsAffected()
		if err != nil {
			return err
		}
		requests, err := tx.retainRequests(ctx, before)
		n += int(gone) + requests
		return err
	})
	return n, err
}

func (s *Store) retainEvents(ctx context.Context, before time.Time) (int, error) {
	deleted, looked := 0, 0
	err := s.Write(ctx, func(tx *Tx) error {
		deleted, looked = 0, 0
		const next = eventColumns + `
			WHERE no > $1 AND received_at < $2
			ORDER BY no
			LIMIT $3`
		rows, err := collect(ctx, tx, "old events", scanEvent, next, s.retained, millis(before), retainChunk)
		if err != nil {
			return err
		}
		looked = len(rows)
		for _, e := range rows {
			gone, err := tx.deleteEvent(ctx, e)
			if err != nil {
				return fmt.Errorf("delete event %s: %w", e.ID, err)
			}
			if gone {
				deleted++
			}
			s.retained = e.no
		}
		return nil
	})
	if err != nil {
		s.retained = 0
		return 0, err
	}
	if looked < retainChunk {
		// The end was reached: what was still owed is looked at again next time.
		s.retained = 0
		if deleted == 0 {
			return 0, nil
		}
	}
	return max(deleted, 1), nil
}

// deleteEvent removes an event with everything that belongs to it, unless somebody is still owed it.
func (tx *Tx) deleteEvent(ctx context.Context, e *eventRow) (bool, error) {
	last := e.seq + e.owed - 1
	// A number is open or done, nothing else, so the done ones tell whether any is open.
	const done = `
		SELECT (SELECT count(*) FROM delivery_done WHERE seq BETWEEN $1 AND $2),
			(SELECT count(*) FROM redelivery r WHERE r.event_id = $3 AND NOT EXISTS (SELECT 1 FROM delivery_done d WHERE d.seq = r.seq))`
	var finished, replaying int64
	if err := tx.QueryRowContext(ctx, done, e.seq, last, e.ID[:]).Scan(&finished, &replaying); err != nil {
		return false, err
	}
	if finished < e.owed || replaying > 0 {
		return false, nil
	}
	for _, statement := range []string{
		`DELETE FROM attempt WHERE seq BETWEEN $1 AND $2`,
		`DELETE FROM delivery_done WHERE seq BETWEEN $1 AND $2`,
	} {
		if _, err := tx.ExecContext(ctx, statement, e.seq, last); err != nil {
			return false, err
		}
	}
	for _, statement := range []string{
		`DELETE FROM attempt WHERE seq IN (SELECT seq FROM redelivery WHERE event_id = $1)`,
		`DELETE FROM delivery_done WHERE seq IN (SELECT seq FROM redelivery WHERE event_id = $1)`,
		`DELETE FROM redelivery WHERE event_id = $1`,
	} {
		if _, err := tx.ExecContext(ctx, statement, e.ID[:]); err != nil {
			return false, err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM event WHERE no = $1 AND id = $2`, e.no, e.ID[:])
	return true, err
}

// dropBucket deletes some rows of the oldest bucket that ended before a moment. A bucket ends where the next begins.
func (tx *Tx) dropBucket(ctx context.Context, table string, before time.Time) (int, error) {
	const ends = `
		SELECT coalesce((SELECT min(bucket) FROM %[1]s), 0),
			coalesce((SELECT min(bucket) FROM %[1]s WHERE bucket > (SELECT min(bucket) FROM %[1]s)), 0)`
	var bucket, end int64
	if err := tx.QueryRowContext(ctx, fmt.Sprintf(ends, table)).Scan(&bucket, &end); err != nil {
		return 0, fmt.Errorf("find an old bucket of %s: %w", table, err)
	}
	if end == 0 || end >= millis(before) {
		return 0, nil
	}
	second := map[string]string{"dedupe": "digest", "ref": "value"}[table]
	const some = `
		DELETE FROM %[1]s
		WHERE bucket = $1 AND %[2]s <= (
			SELECT max(%[2]s)
			FROM (SELECT %[2]s FROM %[1]s WHERE bucket = $1 ORDER BY %[3]s LIMIT 2000) AS first)`
	order := second
	if table == "ref" {
		order = "tenant_no, value"
	}
	r, err := tx.ExecContext(ctx, fmt.Sprintf(some, table, second, order), bucket)
	if err != nil {
		return 0, fmt.Errorf("delete an old bucket of %s: %w", table, err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}
