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

// APIKey is a key as it is kept: its digest, never itself.
type APIKey struct {
	ID        hub.ID
	Tenant    int64
	Name      string
	Role      string
	Scopes    []string
	Digest    [32]byte
	Shown     string    // the first letters, by which people tell keys apart
	ExpiresAt time.Time // zero: never
	CreatedAt time.Time
}

const keyColumns = `
	SELECT id, tenant_no, name, role, scopes, digest, shown, expires_at, created_at
	FROM api_key`

func scanKey(row rower) (APIKey, error) {
	var k APIKey
	var scopes, digest []byte
	var expires sql.NullInt64
	var created int64
	if err := row.Scan(&k.ID, &k.Tenant, &k.Name, &k.Role, &scopes, &digest, &k.Shown, &expires, &created); err != nil {
		return k, err
	}
	copy(k.Digest[:], digest)
	k.ExpiresAt, k.CreatedAt = fromMillis(expires.Int64), fromMillis(created)
	return k, json.Unmarshal(scopes, &k.Scopes)
}

// APIKeyByDigest finds the key a caller has shown, whoever's it is.
func (s *Store) APIKeyByDigest(ctx context.Context, digest [32]byte) (APIKey, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	k, err := scanKey(s.db.QueryRowContext(ctx, keyColumns+` WHERE digest = $1`, digest[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return APIKey{}, hub.Errorf(hub.NotFound, "no such key")
	}
	if err != nil {
		return APIKey{}, fmt.Errorf("read key: %w", err)
	}
	return k, nil
}

// APIKeys lists a tenant's keys, oldest first.
func (s *Store) APIKeys(ctx context.Context, tenant int64) ([]APIKey, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return collect(ctx, s.db, "keys", scanKey, keyColumns+` WHERE tenant_no = $1 ORDER BY id`, tenant)
}

// APIKey finds one of a tenant's keys.
func (s *Store) APIKey(ctx context.Context, tenant int64, id hub.ID) (APIKey, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	k, err := scanKey(s.db.QueryRowContext(ctx, keyColumns+` WHERE tenant_no = $1 AND id = $2`, tenant, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return APIKey{}, hub.Errorf(hub.NotFound, "no key %s", id.Text(hub.KeyPrefix))
	}
	if err != nil {
		return APIKey{}, fmt.Errorf("read key: %w", err)
	}
	return k, nil
}

// InsertAPIKey stores a new key.
func (tx *Tx) InsertAPIKey(ctx context.Context, k APIKey) error {
	if k.Scopes == nil {
		k.Scopes = []string{}
	}
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return err
	}
	const insert = `
		INSERT INTO api_key (id, tenant_no, name, role, scopes, digest, shown, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	_, err = tx.ExecContext(ctx, insert, k.ID[:], k.Tenant, k.Name, k.Role, string(scopes), k.Digest[:], k.Shown, nullMillis(k.ExpiresAt), millis(k.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert key: %w", conflictOr(err))
	}
	return nil
}

// DeleteAPIKey removes a key; it is refused from the next request on.
func (tx *Tx) DeleteAPIKey(ctx context.Context, tenant int64, id hub.ID) error {
	return tx.one(ctx, "no key "+id.Text(hub.KeyPrefix), `DELETE FROM api_key WHERE tenant_no = $1 AND id = $2`, tenant, id[:])
}
