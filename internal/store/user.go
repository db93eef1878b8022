package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"hacek/internal/hub"
)

// UserRow is a person of the console as they are kept. Password is its hash, never itself; it is absent while they
// cannot sign in.
type UserRow struct {
	hub.Object
	hub.User
	Password hub.Secret
}

const userColumns = `
	SELECT no, id, tenant_no, name, email, role, language, zone, theme, password, expires_at, version, created_at, updated_at
	FROM person`

func scanUser(row rower) (UserRow, error) {
	var u UserRow
	var expires sql.NullInt64
	var password string
	var created, updated int64
	err := row.Scan(&u.No, &u.ID, &u.Tenant, &u.Name, &u.Email, &u.Role, &u.Language, &u.TimeZone, &u.Theme, &password,
		&expires, &u.Version, &created, &updated)
	u.CreatedAt, u.UpdatedAt, u.Password = fromMillis(created), fromMillis(updated), hub.NewSecret(password)
	if expires.Valid {
		at := fromMillis(expires.Int64)
		u.ExpiresAt = &at
	}
	return u, err
}

func (s *Store) user(ctx context.Context, what, where string, args ...any) (UserRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	u, err := scanUser(s.db.QueryRowContext(ctx, userColumns+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return UserRow{}, hub.Errorf(hub.NotFound, "no user %q", what)
	}
	if err != nil {
		return UserRow{}, fmt.Errorf("read user %q: %w", what, err)
	}
	return u, nil
}

// UserByEmail finds who signs in with an address, in lower case, whoever's user it is.
func (s *Store) UserByEmail(ctx context.Context, email string) (UserRow, error) {
	return s.user(ctx, email, ` WHERE email = $1`, email)
}

// User finds one of a tenant's users.
func (s *Store) User(ctx context.Context, tenant int64, id hub.ID) (UserRow, error) {
	return s.user(ctx, id.Text(hub.UserPrefix), ` WHERE tenant_no = $1 AND id = $2`, tenant, id[:])
}

// Users lists a tenant's users, oldest first.
func (s *Store) Users(ctx context.Context, tenant int64) ([]UserRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return collect(ctx, s.db, "users", scanUser, userColumns+` WHERE tenant_no = $1 ORDER BY no`, tenant)
}

// InsertUser stores a new user and gives them their number.
func (tx *Tx) InsertUser(ctx context.Context, u *UserRow) error {
	const insert = `
		INSERT INTO person (id, tenant_no, name, email, role, language, zone, theme, password, expires_at, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		RETURNING no`
	u.Version = 1
	err := tx.QueryRowContext(ctx, insert, u.ID[:], u.Tenant, u.Name, u.Email, string(u.Role), u.Language, u.TimeZone, u.Theme, u.Password.Reveal(),
		u.expires(), u.Version, millis(u.CreatedAt), millis(u.UpdatedAt)).Scan(&u.No)
	if isConflict(err) {
		return hub.Errorf(hub.Conflict, "somebody signs in with that address already")
	}
	if err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	return nil
}

// UpdateUser stores a user whom nobody has changed since version prev.
func (tx *Tx) UpdateUser(ctx context.Context, u *UserRow, prev int64) error {
	const update = `
		UPDATE person
		SET name = $1, email = $2, role = $3, language = $4, zone = $5, theme = $6, password = $7, expires_at = $8, version = $9, updated_at = $10
		WHERE no = $11 AND tenant_no = $12 AND version = $13`
	u.Version = prev + 1
	err := tx.one(ctx, "the user has changed meanwhile", update, u.Name, u.Email, string(u.Role), u.Language, u.TimeZone, u.Theme, u.Password.Reveal(),
		u.expires(), u.Version, millis(u.UpdatedAt), u.No, u.Tenant, prev)
	switch {
	case isConflict(err):
		return hub.Errorf(hub.Conflict, "somebody signs in with that address already")
	case hub.CodeOf(err) == hub.NotFound:
		return hub.Errorf(hub.PreconditionFailed, "the user has changed meanwhile").WithHint("Read it again and repeat the change.")
	}
	return err
}

// DeleteUser removes a user and signs them out.
func (tx *Tx) DeleteUser(ctx context.Context, u UserRow) error {
	if err := tx.DeleteSessions(ctx, u.No, nil); err != nil {
		return err
	}
	return tx.one(ctx, "no user "+u.ID.Text(hub.UserPrefix), `DELETE FROM person WHERE no = $1 AND tenant_no = $2`, u.No, u.Tenant)
}

func (u *UserRow) expires() sql.NullInt64 {
	if u.ExpiresAt == nil {
		return sql.NullInt64{}
	}
	return nullMillis(*u.ExpiresAt)
}
