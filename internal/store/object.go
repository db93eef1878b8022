package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"hacek/internal/hub"
)

// ObjectRow is one thing that is set up and is no target: a source, a connection, a translation table, a listener.
type ObjectRow struct {
	hub.Object
	Kind    string
	Name    string
	Place   string            // unique among its kind in the whole installation; "" for none
	Config  []byte            // JSON, without secrets
	Secrets map[string]string // by JSON Pointer; sealed at rest
}

const objectColumns = `
	SELECT no, id, tenant_no, kind, name, place, config, secrets, version, created_at, updated_at
	FROM object`

func (s *Store) scanObject(row rower) (ObjectRow, error) {
	var o ObjectRow
	var place sql.NullString
	var secrets []byte
	var created, updated int64
	err := row.Scan(&o.No, &o.ID, &o.Tenant, &o.Kind, &o.Name, &place, &o.Config, &secrets, &o.Version, &created, &updated)
	if err != nil {
		return o, err
	}
	o.Place, o.CreatedAt, o.UpdatedAt = place.String, fromMillis(created), fromMillis(updated)
	if o.Secrets, err = s.sealer.openTexts(o.ID, secrets); err != nil {
		return o, fmt.Errorf("%s %q: %w", o.Kind, o.Name, err)
	}
	return o, nil
}

// Objects lists what there is of a kind, of all tenants, with secrets: the server starts with it.
func (s *Store) Objects(ctx context.Context, kind string) ([]ObjectRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return collect(ctx, s.db, kind+"s", s.scanObject, objectColumns+` WHERE kind = $1 ORDER BY no`, kind)
}

// ObjectPage lists a tenant's objects of a kind.
func (s *Store) ObjectPage(ctx context.Context, tenant int64, kind string, p Page) ([]ObjectRow, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	low, high, err := p.bounds(1, 1<<62)
	if err != nil {
		return nil, "", err
	}
	order := ` ORDER BY no DESC LIMIT $5`
	if p.Ascending {
		order = ` ORDER BY no LIMIT $5`
	}
	found, err := collect(ctx, s.db, kind+"s", s.scanObject, objectColumns+` WHERE tenant_no = $1 AND kind = $2 AND no BETWEEN $3 AND $4`+order,
		tenant, kind, low, high, p.limit()+1)
	if err != nil || len(found) <= p.limit() {
		return found, "", err
	}
	found = found[:p.limit()]
	return found, cursor(found[len(found)-1].No), nil
}

func (s *Store) object(ctx context.Context, kind, ref, where string, args ...any) (ObjectRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	o, err := s.scanObject(s.db.QueryRowContext(ctx, objectColumns+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return ObjectRow{}, hub.Errorf(hub.NotFound, "no %s %q", kind, ref)
	}
	if err != nil {
		return ObjectRow{}, fmt.Errorf("read %s %q: %w", kind, ref, err)
	}
	return o, nil
}

// ObjectByID finds one of a tenant's objects.
func (s *Store) ObjectByID(ctx context.Context, tenant int64, kind string, id hub.ID) (ObjectRow, error) {
	return s.object(ctx, kind, id.Text(""), ` WHERE tenant_no = $1 AND kind = $2 AND id = $3`, tenant, kind, id[:])
}

// ObjectByName finds one of a tenant's objects by its name.
func (s *Store) ObjectByName(ctx context.Context, tenant int64, kind, name string) (ObjectRow, error) {
	return s.object(ctx, kind, name, ` WHERE tenant_no = $1 AND kind = $2 AND name = $3`, tenant, kind, name)
}

// InsertObject stores a new object and gives it its number.
func (tx *Tx) InsertObject(ctx context.Context, o *ObjectRow) error {
	secrets, err := tx.s.sealer.sealTexts(o.Secrets, o.ID)
	if err != nil {
		return err
	}
	if o.Version == 0 {
		o.Version = 1
	}
	const insert = `
		INSERT INTO object (id, tenant_no, kind, name, place, config, secrets, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		RETURNING no`
	err = tx.QueryRowContext(ctx, insert, o.ID[:], o.Tenant, o.Kind, o.Name, nullText(o.Place), string(o.Config), secrets, o.Version,
		millis(o.CreatedAt), millis(o.UpdatedAt)).Scan(&o.No)
	if err != nil {
		return fmt.Errorf("insert %s: %w", o.Kind, o.taken(err))
	}
	return nil
}

// taken turns a broken UNIQUE into words.
func (o *ObjectRow) taken(err error) error {
	switch {
	case !isConflict(err):
		return err
	case o.Place != "":
		return hub.Errorf(hub.Conflict, "another %s has the name %q or the address %q", o.Kind, o.Name, o.Place).
			WithHint("Choose another name or another address.")
	}
	return hub.Errorf(hub.Conflict, "another %s has the name %q", o.Kind, o.Name).WithHint("Choose another name.")
}

// UpdateObject stores changed settings when nobody has changed them since version prev.
func (tx *Tx) UpdateObject(ctx context.Context, o *ObjectRow, prev int64) error {
	secrets, err := tx.s.sealer.sealTexts(o.Secrets, o.ID)
	if err != nil {
		return err
	}
	if o.Version <= prev {
		o.Version = prev + 1
	}
	const update = `
		UPDATE object
		SET name = $1, place = $2, config = $3, secrets = $4, version = $5, updated_at = $6
		WHERE no = $7 AND tenant_no = $8 AND version = $9`
	r, err := tx.ExecContext(ctx, update, o.Name, nullText(o.Place), string(o.Config), secrets, o.Version, millis(o.UpdatedAt), o.No, o.Tenant, prev)
	if err != nil {
		return fmt.Errorf("update %s: %w", o.Kind, o.taken(err))
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return err
		}
		return hub.Errorf(hub.PreconditionFailed, "the settings have changed meanwhile").WithHint("Read them again and repeat the change.")
	}
	return nil
}

// DeleteObject removes an object and, of a source, the requests that were kept for it.
func (tx *Tx) DeleteObject(ctx context.Context, o ObjectRow) error {
	if err := tx.one(ctx, "no such "+o.Kind, `DELETE FROM object WHERE no = $1 AND tenant_no = $2`, o.No, o.Tenant); err != nil {
		return err
	}
	for _, statement := range []string{`DELETE FROM request WHERE source_no = $1`, `DELETE FROM request_count WHERE source_no = $1`} {
		if _, err := tx.ExecContext(ctx, statement, o.No); err != nil {
			return fmt.Errorf("delete the requests of %s %q: %w", o.Kind, o.Name, err)
		}
	}
	return nil
}
