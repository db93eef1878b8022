package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// Tenant is a row of its own world: nothing of one is seen by another.
type Tenant struct {
	No        int64
	ID        hub.ID
	UID       string // "" when none
	Name      string
	Metadata  []byte // a JSON object
	Private   []byte // a JSON array of networks; nil when its calls are not narrowed
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

const tenantColumns = `
	SELECT no, id, uid, name, metadata, allow_private, version, created_at, updated_at
	FROM tenant
	WHERE deleted_at IS NULL`

func scanTenant(row rower) (Tenant, error) {
	var t Tenant
	var uid sql.NullString
	var created, updated int64
	err := row.Scan(&t.No, &t.ID, &uid, &t.Name, &t.Metadata, &t.Private, &t.Version, &created, &updated)
	t.UID, t.CreatedAt, t.UpdatedAt = uid.String, fromMillis(created), fromMillis(updated)
	return t, err
}

func (s *Store) tenant(ctx context.Context, name, where string, arg any) (Tenant, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	t, err := scanTenant(s.db.QueryRowContext(ctx, tenantColumns+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return Tenant{}, hub.Errorf(hub.NotFound, "no tenant %q", name)
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("read tenant %q: %w", name, err)
	}
	return t, nil
}

// TenantByNo finds a tenant by the number its rows bear.
func (s *Store) TenantByNo(ctx context.Context, no int64) (Tenant, error) {
	return s.tenant(ctx, fmt.Sprint(no), ` AND no = $1`, no)
}

// TenantByUID finds a tenant by its owner's name for it.
func (s *Store) TenantByUID(ctx context.Context, uid string) (Tenant, error) {
	return s.tenant(ctx, uid, ` AND uid = $1`, uid)
}

// TenantByRef finds a tenant by id or uid, as they stand in a URL.
func (s *Store) TenantByRef(ctx context.Context, ref string) (Tenant, error) {
	if id, err := hub.ParseID(hub.TenantPrefix, ref); err == nil {
		return s.tenant(ctx, ref, ` AND id = $1`, id[:])
	}
	return s.TenantByUID(ctx, ref)
}

// Tenants lists all, oldest first.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return collect(ctx, s.db, "tenants", scanTenant, tenantColumns+` ORDER BY no`)
}

// CountTenants is their number.
func (s *Store) CountTenants(ctx context.Context) (n int, err error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM tenant WHERE deleted_at IS NULL`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count tenants: %w", err)
	}
	return n, nil
}

// InsertTenant stores a new tenant and gives it its number.
func (tx *Tx) InsertTenant(ctx context.Context, t *Tenant) error {
	const insert = `
		INSERT INTO tenant (id, uid, name, metadata, allow_private, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		RETURNING no`
	t.Version = 1
	err := tx.QueryRowContext(ctx, insert, t.ID[:], nullText(t.UID), t.Name, jsonOr(t.Metadata, "{}"), nullText(string(t.Private)), t.Version,
		millis(t.CreatedAt), millis(t.UpdatedAt)).Scan(&t.No)
	if isConflict(err) {
		return hub.Errorf(hub.Conflict, "a tenant with uid %q exists", t.UID)
	}
	if err != nil {
		return fmt.Errorf("insert tenant: %w", err)
	}
	return nil
}

// UpdateTenant stores uid, name, metadata and networks of a tenant that nobody has changed since version prev.
func (tx *Tx) UpdateTenant(ctx context.Context, t *Tenant, prev int64) error {
	const update = `
		UPDATE tenant
		SET uid = $1, name = $2, metadata = $3, allow_private = $4, version = $5, updated_at = $6
		WHERE no = $7 AND version = $8 AND deleted_at IS NULL`
	t.Version = prev + 1
	err := tx.one(ctx, fmt.Sprintf("no tenant %q", t.Name), update, nullText(t.UID), t.Name, jsonOr(t.Metadata, "{}"),
		nullText(string(t.Private)), t.Version, millis(t.UpdatedAt), t.No, prev)
	if hub.CodeOf(err) == hub.NotFound {
		return hub.Errorf(hub.PreconditionFailed, "the tenant has changed meanwhile").WithHint("Read it again and repeat the change.")
	}
	return err
}

// DeleteTenant marks a tenant as gone and frees its uid; its keys, its users and its portal end with it.
func (tx *Tx) DeleteTenant(ctx context.Context, no int64, at time.Time) error {
	for _, statement := range []string{
		`DELETE FROM api_key WHERE tenant_no = $1`,
		`DELETE FROM session WHERE person_no IN (SELECT no FROM person WHERE tenant_no = $1)`,
		`DELETE FROM person WHERE tenant_no = $1`,
		`DELETE FROM portal_link WHERE tenant_no = $1`,
		`DELETE FROM portal_session WHERE tenant_no = $1`,
		`DELETE FROM portal WHERE tenant_no = $1`,
	} {
		if _, err := tx.ExecContext(ctx, statement, no); err != nil {
			return fmt.Errorf("delete tenant's keys and users: %w", err)
		}
	}
	const mark = `
		UPDATE tenant
		SET deleted_at = $1, uid = NULL
		WHERE no = $2 AND deleted_at IS NULL`
	return tx.one(ctx, "no such tenant", mark, millis(at), no)
}
