package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// PortalGuest is who comes in by a portal link: for which tenant, and as what.
type PortalGuest struct {
	Tenant   int64
	Role     hub.Role
	Name     string // for the change history; "" when the link names nobody
	Language string // "" is what the browser asks for
}

// PortalLink opens a tenant's portal once, until it expires.
type PortalLink struct {
	Digest [32]byte // of what the link holds
	PortalGuest
	ExpiresAt time.Time
	CreatedAt time.Time
}

// PortalSession is one browser that came in by a link.
type PortalSession struct {
	Digest [32]byte // of what the cookie holds
	PortalGuest
	SeenAt    time.Time // of the last request, to a few minutes
	CreatedAt time.Time
}

// mostPortalSessions of one tenant bounds what links leave behind; the longest unused give way.
const mostPortalSessions = 1000

// CountPortalLinks is how many links of a tenant may still be used.
func (tx *Tx) CountPortalLinks(ctx context.Context, tenant int64, now time.Time) (n int, err error) {
	const count = `
		SELECT count(*)
		FROM portal_link
		WHERE tenant_no = $1 AND expires_at > $2`
	if err = tx.QueryRowContext(ctx, count, tenant, millis(now)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count portal links: %w", err)
	}
	return n, nil
}

// InsertPortalLink stores a new link and forgets those that have expired.
func (tx *Tx) InsertPortalLink(ctx context.Context, l PortalLink) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM portal_link WHERE expires_at <= $1`, millis(l.CreatedAt)); err != nil {
		return fmt.Errorf("delete expired portal links: %w", err)
	}
	const insert = `
		INSERT INTO portal_link (digest, tenant_no, role, name, language, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
	_, err := tx.ExecContext(ctx, insert, l.Digest[:], l.Tenant, string(l.Role), l.Name, l.Language, millis(l.ExpiresAt), millis(l.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert portal link: %w", err)
	}
	return nil
}

// UsePortalLink spends a link of a tenant that has not expired. Of several callers at once, one gets it.
func (tx *Tx) UsePortalLink(ctx context.Context, tenant int64, digest [32]byte, now time.Time) (PortalGuest, error) {
	const use = `
		DELETE FROM portal_link
		WHERE digest = $1 AND tenant_no = $2 AND expires_at > $3
		RETURNING role, name, language`
	g := PortalGuest{Tenant: tenant}
	err := tx.QueryRowContext(ctx, use, digest[:], tenant, millis(now)).Scan(&g.Role, &g.Name, &g.Language)
	if errors.Is(err, sql.ErrNoRows) {
		return PortalGuest{}, hub.Errorf(hub.NotFound, "no such portal link")
	}
	if err != nil {
		return PortalGuest{}, fmt.Errorf("use portal link: %w", err)
	}
	return g, nil
}

// PortalSession finds a session of a tenant's portal.
func (s *Store) PortalSession(ctx context.Context, tenant int64, digest [32]byte) (PortalSession, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const find = `
		SELECT role, name, language, seen_at, created_at
		FROM portal_session
		WHERE digest = $1 AND tenant_no = $2`
	out := PortalSession{Digest: digest, PortalGuest: PortalGuest{Tenant: tenant}}
	var seen, created int64
	err := s.db.QueryRowContext(ctx, find, digest[:], tenant).Scan(&out.Role, &out.Name, &out.Language, &seen, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return PortalSession{}, hub.Errorf(hub.NotFound, "no such portal session")
	}
	if err != nil {
		return PortalSession{}, fmt.Errorf("read portal session: %w", err)
	}
	out.SeenAt, out.CreatedAt = fromMillis(seen), fromMillis(created)
	return out, nil
}

// InsertPortalSession stores a new session.
func (tx *Tx) InsertPortalSession(ctx context.Context, s PortalSession) error {
	const insert = `
		INSERT INTO portal_session (digest, tenant_no, role, name, language, seen_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
	_, err := tx.ExecContext(ctx, insert, s.Digest[:], s.Tenant, string(s.Role), s.Name, s.Language, millis(s.SeenAt), millis(s.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert portal session: %w", err)
	}
	const surplus = `
		DELETE FROM portal_session
		WHERE tenant_no = $1 AND digest NOT IN (
			SELECT digest
			FROM portal_session
			WHERE tenant_no = $1
			ORDER BY seen_at DESC
			LIMIT $2)`
	if _, err := tx.ExecContext(ctx, surplus, s.Tenant, mostPortalSessions); err != nil {
		return fmt.Errorf("delete the oldest portal sessions: %w", err)
	}
	return nil
}

// TouchPortalSession notes that a session was used, and its language.
func (tx *Tx) TouchPortalSession(ctx context.Context, digest [32]byte, language string, at time.Time) error {
	return tx.one(ctx, "no such portal session", `UPDATE portal_session SET seen_at = $1, language = $2 WHERE digest = $3`, millis(at), language, digest[:])
}

// DeletePortalSession ends one session; it is no error when it has ended already.
func (tx *Tx) DeletePortalSession(ctx context.Context, digest [32]byte) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM portal_session WHERE digest = $1`, digest[:]); err != nil {
		return fmt.Errorf("delete portal session: %w", err)
	}
	return nil
}

// EndPortalSessions ends every session of a tenant's portal and takes back the links that were not used yet. It says how
// many of each there were.
func (tx *Tx) EndPortalSessions(ctx context.Context, tenant int64) (sessions, links int64, err error) {
	gone := func(statement string) (n int64) {
		if err != nil {
			return 0
		}
		var result sql.Result
		if result, err = tx.ExecContext(ctx, statement, tenant); err == nil {
			n, err = result.RowsAffected()
		}
		return n
	}
	// Links first: one that is being used at this moment is a session when these are deleted.
	links = gone(`DELETE FROM portal_link WHERE tenant_no = $1`)
	sessions = gone(`DELETE FROM portal_session WHERE tenant_no = $1`)
	if err != nil {
		return 0, 0, fmt.Errorf("end portal sessions: %w", err)
	}
	return sessions, links, nil
}

// DeleteOldPortalSessions ends those that were not used since one moment, or began before another.
func (tx *Tx) DeleteOldPortalSessions(ctx context.Context, idle, began time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM portal_session WHERE seen_at <= $1 OR created_at <= $2`, millis(idle), millis(began)); err != nil {
		return fmt.Errorf("delete old portal sessions: %w", err)
	}
	return nil
}

// PortalSettings are a tenant's, as JSON; nil when nobody has set any.
func (s *Store) PortalSettings(ctx context.Context, tenant int64) ([]byte, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	var text []byte
	err := s.db.QueryRowContext(ctx, `SELECT settings FROM portal WHERE tenant_no = $1`, tenant).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the settings of a portal: %w", err)
	}
	return text, nil
}

// AllPortalSettings are those of every tenant that has some, by its number.
func (s *Store) AllPortalSettings(ctx context.Context) (map[int64][]byte, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	type row struct {
		tenant int64
		text   []byte
	}
	rows, err := collect(ctx, s.db, "the settings of portals", func(r rower) (one row, err error) {
		err = r.Scan(&one.tenant, &one.text)
		return one, err
	}, `SELECT tenant_no, settings FROM portal`)
	all := make(map[int64][]byte, len(rows))
	for _, r := range rows {
		all[r.tenant] = r.text
	}
	return all, err
}

// PutPortalSettings stores a tenant's.
func (tx *Tx) PutPortalSettings(ctx context.Context, tenant int64, settings []byte) error {
	const put = `
		INSERT INTO portal (tenant_no, settings)
		VALUES ($1, $2)
		ON CONFLICT (tenant_no) DO UPDATE SET settings = excluded.settings`
	if _, err := tx.ExecContext(ctx, put, tenant, string(settings)); err != nil {
		return fmt.Errorf("store the settings of a portal: %w", err)
	}
	return nil
}
