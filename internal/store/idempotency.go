package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Idempotent finds the answer kept under an Idempotency-Key since a moment; nil when there is none.
func (s *Store) Idempotent(ctx context.Context, scope [32]byte, notBefore time.Time) (*Idempotency, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const find = `
		SELECT body, status, answer
		FROM idempotency
		WHERE scope = $1 AND at >= $2`
	i := Idempotency{Scope: scope}
	var body []byte
	err := s.db.QueryRowContext(ctx, find, scope[:], millis(notBefore)).Scan(&body, &i.Status, &i.Answer)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read an Idempotency-Key: %w", err)
	}
	copy(i.Body[:], body)
	return &i, nil
}

// Keys are kept for a day; an older one gives way to a new request.
const keepIdempotency = `
	INSERT INTO idempotency (scope, body, status, answer, at)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (scope) DO UPDATE SET body = excluded.body, status = excluded.status, answer = excluded.answer, at = excluded.at
	WHERE idempotency.at < excluded.at - 86400000`

// KeepIdempotency stores an answer in the commit of its effect.
func (tx *Tx) KeepIdempotency(ctx context.Context, i *Idempotency) error {
	answer := i.Answer
	if answer == nil {
		answer = []byte{}
	}
	r, err := tx.ExecContext(ctx, keepIdempotency, i.Scope[:], i.Body[:], i.Status, answer, millis(tx.now))
	if err != nil {
		return fmt.Errorf("keep an Idempotency-Key: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, keyTaken())
	}
	return nil
}
