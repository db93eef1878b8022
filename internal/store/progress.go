package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"hacek/internal/hub"
)

const (
	keepProgress = `
		INSERT INTO progress (target_no, seq, state)
		VALUES ($1, $2, $3)
		ON CONFLICT (target_no, seq) DO UPDATE SET state = excluded.state`
	dropProgress = `DELETE FROM progress WHERE target_no = $1 AND seq = $2`
)

// Progress is what the steps of an open delivery have produced so far, nil when there is nothing.
func (s *Store) Progress(ctx context.Context, d hub.Delivery) ([]byte, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	var state []byte
	err := s.db.QueryRowContext(ctx, `SELECT state FROM progress WHERE target_no = $1 AND seq = $2`, d.Target, d.Seq).Scan(&state)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the progress of %s: %w", d.ID().Text(), err)
	}
	return state, nil
}

// KeepProgress keeps what the steps of an open delivery have produced, in the middle of an attempt.
func (tx *Tx) KeepProgress(ctx context.Context, d hub.Delivery, state []byte) error {
	if _, err := tx.ExecContext(ctx, keepProgress, d.Target, d.Seq, state); err != nil {
		return fmt.Errorf("keep the progress of %s: %w", d.ID().Text(), err)
	}
	return nil
}

// TidyProgress forgets the progress of deliveries that were cancelled while an attempt was under way.
func (s *Store) TidyProgress(ctx context.Context) error {
	const orphans = `
		DELETE FROM progress
		WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.target_no = progress.target_no AND d.seq = progress.seq)`
	return s.Write(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, orphans); err != nil {
			return fmt.Errorf("tidy the progress of pipelines: %w", err)
		}
		return nil
	})
}
