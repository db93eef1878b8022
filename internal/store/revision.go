package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// Revision is one change: who changed what, when, from what to what.
type Revision struct {
	No     int64
	Tenant int64
	At     time.Time
	Who    string
	Action string
	Kind   string
	Object string
	Before []byte // JSON without secrets; nil when there was nothing
	After  []byte
}

// AddRevision writes a change down and returns its number.
func (tx *Tx) AddRevision(ctx context.Context, r Revision) (int64, error) {
	const insert = `
		INSERT INTO revision (tenant_no, at, who, action, kind, object, before, after)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		RETURNING no`
	var no int64
	err := tx.QueryRowContext(ctx, insert, r.Tenant, millis(r.At), r.Who, r.Action, r.Kind, r.Object, nullJSON(r.Before), nullJSON(r.After)).Scan(&no)
	if err != nil {
		return 0, fmt.Errorf("add revision: %w", err)
	}
	return no, nil
}

// RevisionFilter narrows the audit list.
type RevisionFilter struct {
	Tenant int64
	Object string
	Kind   string
	Who    string
	Since  time.Time
	Until  time.Time
}

const revisionColumns = `
	SELECT no, tenant_no, at, who, action, kind, object, before, after
	FROM revision`

func scanRevision(row rower) (Revision, error) {
	var r Revision
	var at int64
	err := row.Scan(&r.No, &r.Tenant, &at, &r.Who, &r.Action, &r.Kind, &r.Object, &r.Before, &r.After)
	r.At = fromMillis(at)
	return r, err
}

// Revisions lists changes.
func (s *Store) Revisions(ctx context.Context, f RevisionFilter, p Page) ([]Revision, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	low, high, err := p.bounds(1, 1<<62)
	if err != nil {
		return nil, "", err
	}
	var a args
	text := revisionColumns + ` WHERE tenant_no = ` + a.add(f.Tenant) + ` AND no BETWEEN ` + a.add(low) + ` AND ` + a.add(high)
	if f.Object != "" {
		text += ` AND object = ` + a.add(f.Object)
	}
	if f.Kind != "" {
		text += ` AND kind = ` + a.add(f.Kind)
	}
	if f.Who != "" {
		text += ` AND who = ` + a.add(f.Who)
	}
	if !f.Since.IsZero() {
		text += ` AND at >= ` + a.add(millis(f.Since))
	}
	if !f.Until.IsZero() {
		text += ` AND at < ` + a.add(millis(f.Until))
	}
	text += ` ORDER BY no`
	if !p.Ascending {
		text += ` DESC`
	}
	found, err := collect(ctx, s.db, "revisions", scanRevision, text+` LIMIT `+a.add(p.limit()+1), a...)
	if err != nil || len(found) <= p.limit() {
		return found, "", err
	}
	found = found[:p.limit()]
	return found, cursor(found[len(found)-1].No), nil
}

// Revision finds one of a tenant's changes.
func (s *Store) Revision(ctx context.Context, tenant, no int64) (Revision, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	r, err := scanRevision(s.db.QueryRowContext(ctx, revisionColumns+` WHERE tenant_no = $1 AND no = $2`, tenant, no))
	if errors.Is(err, sql.ErrNoRows) {
		return Revision{}, hub.Errorf(hub.NotFound, "no revision %d", no)
	}
	if err != nil {
		return Revision{}, fmt.Errorf("read revision %d: %w", no, err)
	}
	return r, nil
}

// NewestRevision is the number of the newest revision of all tenants; zero when nothing was ever set.
func (s *Store) NewestRevision(ctx context.Context) (no int64, err error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	err = s.db.QueryRowContext(ctx, `SELECT coalesce(max(no), 0) FROM revision`).Scan(&no)
	if err != nil {
		return 0, fmt.Errorf("read the newest revision: %w", err)
	}
	return no, nil
}
