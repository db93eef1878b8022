package store

import (
	"context"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// cancelChunk is how many deliveries one transaction ends: about 20 ms of the writer's time.
const cancelChunk = 500

// RetryNow makes an open delivery due at once.
func (tx *Tx) RetryNow(ctx context.Context, tenant int64, id hub.DeliveryID, now time.Time) error {
	d, _, err := tx.s.delivery(ctx, tx, tenant, id)
	if err != nil {
		return err
	}
	if d.State != hub.Pending {
		return hub.Errorf(hub.Conflict, "the delivery is %s already", d.State)
	}
	const update = `
		UPDATE delivery
		SET due_at = $1, asked_until = 0
		WHERE target_no = $2 AND seq = $3`
	return tx.one(ctx, noDelivery(id).Error(), update, millis(now), d.Target, d.Seq)
}

// Cancel ends an open delivery.
func (tx *Tx) Cancel(ctx context.Context, tenant int64, id hub.DeliveryID, reason string, now time.Time) error {
	d, _, err := tx.s.delivery(ctx, tx, tenant, id)
	if err != nil {
		return err
	}
	if d.State != hub.Pending {
		return hub.Errorf(hub.Conflict, "the delivery is %s already", d.State)
	}
	return tx.end(ctx, d.Delivery, hub.Cancelled, reason, now)
}

// end moves one delivery from what is owed to what is done.
func (tx *Tx) end(ctx context.Context, d hub.Delivery, state hub.DeliveryState, reason string, now time.Time) error {
	const take = `
		DELETE FROM delivery
		WHERE target_no = $1 AND seq = $2`
	if err := tx.one(ctx, noDelivery(d.ID()).Error(), take, d.Target, d.Seq); err != nil {
		return err
	}
	tx.moved.add(d.Target, -1)
	if _, err := tx.ExecContext(ctx, dropProgress, d.Target, d.Seq); err != nil {
		return fmt.Errorf("end delivery %s: %w", d.ID().Text(), err)
	}
	const done = `
		INSERT INTO delivery_done (seq, target_no, event_id, gen, state, reason, at, tries, status, took, settings_version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0)`
	if _, err := tx.ExecContext(ctx, done, d.Seq, d.Target, d.Event[:], d.Gen, string(state), reason, millis(now), d.Tries); err != nil {
		return fmt.Errorf("end delivery %s: %w", d.ID().Text(), err)
	}
	const block = `
		INSERT INTO done_block (target_no, state, block)
		VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`
	if _, err := tx.ExecContext(ctx, block, d.Target, string(state), d.Seq>>tx.s.blockBits()); err != nil {
		return fmt.Errorf("end delivery %s: %w", d.ID().Text(), err)
	}
	return nil
}

// CancelOpen ends everything a deleted target is still owed, in chunks, so that nobody waits long for the writer.
func (s *Store) CancelOpen(ctx context.Context, target int64) error {
	for {
		n := 0
		err := s.Write(ctx, func(tx *Tx) error {
			open, err := collect(ctx, tx, "open deliveries", scanOpen, openColumns+` WHERE target_no = $1 ORDER BY seq LIMIT $2`, target, cancelChunk)
			if err != nil {
				return err
			}
			for _, d := range open {
				if err := tx.end(ctx, d, hub.Cancelled, "the target was deleted", tx.now); err != nil {
					return err
				}
			}
			n = len(open)
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// Orphans lists deleted targets that are still owed something: the hub ended before it was cancelled.
func (s *Store) Orphans(ctx context.Context) ([]int64, error) {
	const orphans = `
		SELECT no
		FROM target
		WHERE deleted_rev IS NOT NULL AND EXISTS (SELECT 1 FROM delivery WHERE target_no = no)`
	return collect(ctx, s.db, "deleted targets", scanNo, orphans)
}

func scanNo(row rower) (no int64, err error) {
	err = row.Scan(&no)
	return no, err
}

// PullIn brings retries that are due later than latest forward to it: no setting explains them, so the clock was
// wrong when they were written.
func (s *Store) PullIn(ctx context.Context, target int64, latest time.Time) error {
	const late = `
		SELECT count(*)
		FROM delivery
		WHERE target_no = $1 AND tries > 0 AND due_at > $2`
	read, cancel := s.read(ctx)
	defer cancel()
	var n int64
	if err := s.db.QueryRowContext(read, late, target, millis(latest)).Scan(&n); err != nil || n == 0 {
		return err
	}
	const pull = `
		UPDATE delivery
		SET due_at = $2, asked_until = CASE WHEN asked_until > $2 THEN $2 ELSE asked_until END
		WHERE target_no = $1 AND tries > 0 AND due_at > $2`
	return s.Write(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, pull, target, millis(latest))
		return err
	})
}
