package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// Replay is past events that a target gets again, and how far it has come.
type Replay struct {
	ID        hub.ID
	Tenant    int64
	Target    int64
	To        int64 // the target that gets them
	Filter    []byte
	State     string
	Total     int64
	Done      int64
	Position  []byte // where to go on
	By        string
	CreatedAt time.Time
	UpdatedAt time.Time
}

const replayColumns = `
	SELECT id, tenant_no, target_no, to_no, filter, state, total, done, position, who, created_at, updated_at
	FROM replay`

func scanReplay(row rower) (Replay, error) {
	var r Replay
	var created, updated int64
	err := row.Scan(&r.ID, &r.Tenant, &r.Target, &r.To, &r.Filter, &r.State, &r.Total, &r.Done, &r.Position, &r.By, &created, &updated)
	r.CreatedAt, r.UpdatedAt = fromMillis(created), fromMillis(updated)
	return r, err
}

// Replay finds one of a tenant's replays.
func (s *Store) Replay(ctx context.Context, tenant int64, id hub.ID) (Replay, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	r, err := scanReplay(s.db.QueryRowContext(ctx, replayColumns+` WHERE tenant_no = $1 AND id = $2`, tenant, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return Replay{}, hub.Errorf(hub.NotFound, "no replay %s", id.Text(hub.ReplayPrefix))
	}
	if err != nil {
		return Replay{}, fmt.Errorf("read replay: %w", err)
	}
	return r, nil
}

// ReplaysIn lists the replays of all tenants that are in a state, oldest first.
func (s *Store) ReplaysIn(ctx context.Context, state string) ([]Replay, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return collect(ctx, s.db, "replays", scanReplay, replayColumns+` WHERE state = $1 ORDER BY id`, state)
}

// InsertReplay stores a new replay.
func (tx *Tx) InsertReplay(ctx context.Context, r Replay) error {
	const insert = `
		INSERT INTO replay (id, tenant_no, target_no, to_no, filter, state, total, done, position, who, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	_, err := tx.ExecContext(ctx, insert, r.ID[:], r.Tenant, r.Target, r.To, jsonOr(r.Filter, "{}"), r.State, r.Total, r.Done, r.Position,
		r.By, millis(r.CreatedAt), millis(r.UpdatedAt))
	if err != nil {
		return fmt.Errorf("insert replay: %w", conflictOr(err))
	}
	return nil
}

// UpdateReplay stores a replay's state and progress.
func (tx *Tx) UpdateReplay(ctx context.Context, r Replay) error {
	const update = `
		UPDATE replay
		SET state = $1, total = $2, done = $3, position = $4, updated_at = $5
		WHERE id = $6 AND tenant_no = $7`
	return tx.one(ctx, "no replay "+r.ID.Text(hub.ReplayPrefix), update, r.State, r.Total, r.Done, r.Position, millis(r.UpdatedAt), r.ID[:], r.Tenant)
}
