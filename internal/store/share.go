package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// Share lets whoever has a link see one timeline, without evidence, until it expires.
type Share struct {
	Digest    [32]byte // of what the link holds
	Tenant    int64
	Value     string // the number the timeline is of; "" when it is of one event
	Event     hub.ID
	By        string
	ExpiresAt time.Time
	CreatedAt time.Time
}

// Share finds what a link shows.
func (s *Store) Share(ctx context.Context, digest [32]byte) (Share, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const find = `
		SELECT tenant_no, value, event_id, who, expires_at, created_at
		FROM share
		WHERE digest = $1`
	out := Share{Digest: digest}
	var expires, created int64
	err := s.db.QueryRowContext(ctx, find, digest[:]).Scan(&out.Tenant, &out.Value, &out.Event, &out.By, &expires, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Share{}, hub.Errorf(hub.NotFound, "no such link")
	}
	if err != nil {
		return Share{}, fmt.Errorf("read a share link: %w", err)
	}
	out.ExpiresAt, out.CreatedAt = fromMillis(expires), fromMillis(created)
	return out, nil
}

// InsertShare stores a new link and forgets those that have expired.
func (tx *Tx) InsertShare(ctx context.Context, s Share) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM share WHERE expires_at < $1`, millis(s.CreatedAt)); err != nil {
		return fmt.Errorf("delete expired share links: %w", err)
	}
	const insert = `
		INSERT INTO share (digest, tenant_no, value, event_id, who, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
	var event []byte
	if !s.Event.IsZero() {
		event = s.Event[:]
	}
	if _, err := tx.ExecContext(ctx, insert, s.Digest[:], s.Tenant, s.Value, event, s.By, millis(s.ExpiresAt), millis(s.CreatedAt)); err != nil {
		return fmt.Errorf("insert share link: %w", err)
	}
	return nil
}
