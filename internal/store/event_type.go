package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// EventType is one entry of the catalogue; it belongs to the installation.
type EventType struct {
	Name            string
	Title           map[string]string
	Group           string
	Schema          []byte // JSON, nil when none
	Sample          []byte
	Key             string
	Refs            []string
	Deprecated      bool
	VisibleInPortal bool
	Discovered      bool // seen, never declared
	Pack            string
	Version         int64
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

const typeColumns = `
	SELECT name, title, grp, schema, sample, key_path, refs, deprecated, visible_in_portal, discovered, pack, version,
		created_at, updated_at
	FROM event_type`

func scanType(row rower) (EventType, error) {
	var t EventType
	var title, refs []byte
	var deprecated, visible, discovered, created, updated int64
	err := row.Scan(&t.Name, &title, &t.Group, &t.Schema, &t.Sample, &t.Key, &refs, &deprecated, &visible, &discovered,
		&t.Pack, &t.Version, &created, &updated)
	if err != nil {
		return t, err
	}
	t.Deprecated, t.VisibleInPortal, t.Discovered = deprecated != 0, visible != 0, discovered != 0
	t.CreatedAt, t.UpdatedAt = fromMillis(created), fromMillis(updated)
	return t, errors.Join(json.Unmarshal(title, &t.Title), json.Unmarshal(refs, &t.Refs))
}

// EventTypes lists the catalogue by name.
func (s *Store) EventTypes(ctx context.Context) ([]EventType, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return collect(ctx, s.db, "event types", scanType, typeColumns+` ORDER BY name`)
}

// EventType finds one by name.
func (s *Store) EventType(ctx context.Context, name string) (EventType, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	t, err := scanType(s.db.QueryRowContext(ctx, typeColumns+` WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return EventType{}, hub.Errorf(hub.NotFound, "no event type %q", name)
	}
	if err != nil {
		return EventType{}, fmt.Errorf("read event type %q: %w", name, err)
	}
	return t, nil
}

// PutEventType stores an event type, new or changed, with the version it bears.
func (tx *Tx) PutEventType(ctx context.Context, t *EventType) error {
	title, refs := []byte("{}"), []byte("[]")
	var err error
	if len(t.Title) > 0 {
		if title, err = json.Marshal(t.Title); err != nil {
			return err
		}
	}
	if len(t.Refs) > 0 {
		if refs, err = json.Marshal(t.Refs); err != nil {
			return err
		}
	}
	const upsert = `
		INSERT INTO event_type (name, title, grp, schema, sample, key_path, refs, deprecated, visible_in_portal, discovered,
			pack, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (name) DO UPDATE SET title = excluded.title, grp = excluded.grp, schema = excluded.schema,
			sample = excluded.sample, key_path = excluded.key_path, refs = excluded.refs, deprecated = excluded.deprecated,
			visible_in_portal = excluded.visible_in_portal, discovered = excluded.discovered, pack = excluded.pack,
			version = excluded.version, updated_at = excluded.updated_at`
	_, err = tx.ExecContext(ctx, upsert, t.Name, string(title), t.Group, nullJSON(t.Schema), nullJSON(t.Sample), t.Key, string(refs),
		flag(t.Deprecated), flag(t.VisibleInPortal), flag(t.Discovered), t.Pack, t.Version, millis(t.CreatedAt), millis(t.UpdatedAt))
	if err != nil {
		return fmt.Errorf("store event type %q: %w", t.Name, err)
	}
	return nil
}

// DeleteEventType takes a type out of the catalogue; its events stay.
func (tx *Tx) DeleteEventType(ctx context.Context, name string) error {
	return tx.one(ctx, fmt.Sprintf("no event type %q", name), `DELETE FROM event_type WHERE name = $1`, name)
}

// Discover lists types that were seen and that nobody has declared; known ones stay as they are.
func (s *Store) Discover(ctx context.Context, names ...string) error {
	return s.Write(ctx, func(tx *Tx) error {
		const insert = `
			INSERT INTO event_type (name, discovered, version, created_at, updated_at)
			VALUES ($1, 1, 1, $2, $3)
			ON CONFLICT (name) DO NOTHING`
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, insert, name, millis(tx.now), millis(tx.now)); err != nil {
				return fmt.Errorf("discover event type %q: %w", name, err)
			}
		}
		return nil
	})
}
