package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
)

// Names of the store's own facts.
const (
	factNumbers = "delivery numbers" // the first number not given yet, as far as a restart knows
	factCanary  = "canary"
)

// Fact reads one small fact of the installation; false when nobody has stated it.
func (s *Store) Fact(ctx context.Context, name string) (string, bool, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	var value string
	err := s.db.QueryRowContext(ctx, `SELECT value FROM fact WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read fact %q: %w", name, err)
	}
	return value, true, nil
}

// SetFact states a fact.
func (tx *Tx) SetFact(ctx context.Context, name, value string) error {
	const upsert = `
		INSERT INTO fact (name, value)
		VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	if _, err := tx.ExecContext(ctx, upsert, name, value); err != nil {
		return fmt.Errorf("state fact %q: %w", name, err)
	}
	return nil
}

// Canary commits a row, so that who asks whether the hub is ready learns whether it can write.
func (s *Store) Canary(ctx context.Context) error {
	if why := s.noSpace(); why != nil {
		return why
	}
	return s.Write(ctx, func(tx *Tx) error {
		return tx.SetFact(ctx, factCanary, strconv.FormatInt(tx.now.UnixMilli(), 10))
	})
}
