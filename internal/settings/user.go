package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/locale"
	"hacek/internal/store"
)

const kindUser = "user"

// User is a person who signs in to the console, as they are shown: without the password.
type User struct {
	hub.Object `json:"-"`
	hub.User
	MaySignIn bool `json:"may_sign_in"` // has a password
}

func fromUserRow(r store.UserRow) User {
	return User{Object: r.Object, User: r.User, MaySignIn: !r.Password.IsZero()}
}

// longestEmail is that of RFC 5321, in bytes.
const longestEmail = 254

func checkUser(u *hub.User, now time.Time) error {
	u.Email = strings.ToLower(strings.TrimSpace(u.Email))
	u.Name = strings.TrimSpace(u.Name)
	if u.Role == "" {
		u.Role = hub.Viewer
	}
	var p hub.Problems
	hub.CheckText(&p, "/name", u.Name, hub.MaxNameLen)
	if u.Name == "" {
		p.Add("/name", "is missing; the change history shows it")
	}
	if a, err := mail.ParseAddress(u.Email); err != nil || a.Address != u.Email || len(u.Email) > longestEmail {
		p.Add("/email", "is no e-mail address")
	}
	if !u.Role.Known() {
		p.Add("/role", "%q is none of viewer, operator, editor, administrator", u.Role)
	}
	if u.Language != "" && !slices.Contains(locale.Languages(), locale.Language(u.Language)) {
		p.Add("/language", "%q is none of en, cs, sk, de, it, is", u.Language)
	}
	if !KnownZone(u.TimeZone) {
		p.Add("/time_zone", "%q is no time zone such as Europe/Prague", u.TimeZone)
	}
	if !slices.Contains(hub.Themes(), u.Theme) {
		p.Add("/theme", "%q is none of light, dark, or empty for the system's", u.Theme)
	}
	if u.ExpiresAt != nil && !u.ExpiresAt.After(now) {
		p.Add("/expires_at", "lies in the past")
	}
	return p.Err()
}

// KnownZone tells whether a name is a time zone such as Europe/Prague; "" is UTC. The machine's own tells a reader nothing.
func KnownZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && !strings.EqualFold(name, "local")
}

// Users lists a tenant's users, oldest first.
func (s *Service) Users(ctx context.Context, tenant int64) ([]User, error) {
	rows, err := s.Store.Users(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all := make([]User, len(rows))
	for i, row := range rows {
		all[i] = fromUserRow(row)
	}
	return all, nil
}

// User finds one by id or e-mail address.
func (s *Service) User(ctx context.Context, tenant int64, ref string) (User, error) {
	row, err := s.userRow(ctx, tenant, ref)
	return fromUserRow(row), err
}

func (s *Service) userRow(ctx context.Context, tenant int64, ref string) (store.UserRow, error) {
	if id, err := hub.ParseID(hub.UserPrefix, ref); err == nil {
		row, err := s.Store.User(ctx, tenant, id)
		if hub.CodeOf(err) == hub.NotFound {
			return row, hub.Errorf(hub.NotFound, "no user %q", ref)
		}
		return row, err
	}
	row, err := s.Store.UserByEmail(ctx, strings.ToLower(ref))
	if err == nil && row.Tenant != tenant || hub.CodeOf(err) == hub.NotFound {
		return store.UserRow{}, hub.Errorf(hub.NotFound, "no user %q", ref)
	}
	return row, err
}

// CreateUser stores a user. password is its hash; an absent one means that they cannot sign in yet.
func (s *Service) CreateUser(ctx context.Context, tenant int64, u hub.User, password hub.Secret, by By) (User, error) {
	now := s.now()
	if err := checkUser(&u, now); err != nil {
		return User{}, err
	}
	row := store.UserRow{Object: hub.Object{ID: hub.NewID(), Tenant: tenant, CreatedAt: now, UpdatedAt: now}, User: u, Password: password}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.InsertUser(ctx, &row); err != nil {
			return err
		}
		after := fromUserRow(row)
		return revise(ctx, tx, userRevision(row, now, "created", by), nil, &after)
	})
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	return fromUserRow(row), nil
}

func userRevision(row store.UserRow, at time.Time, action string, by By) store.Revision {
	return store.Revision{Tenant: row.Tenant, At: at, Who: by.Name, Action: action, Kind: kindUser, Object: row.ID.Text(hub.UserPrefix)}
}

// PatchUser merges a JSON object into a user (RFC 7396). password replaces the hash unless it is absent.
func (s *Service) PatchUser(ctx context.Context, tenant int64, ref string, patch json.RawMessage, password hub.Secret, ifMatch string, by By) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.userRow(ctx, tenant, ref)
	if err != nil {
		return User{}, err
	}
	if !matches(prev.Version, ifMatch) {
		return User{}, changedMeanwhile("the user has changed meanwhile: it is at %s now", etag(prev.Version))
	}
	next := prev
	if next.User, err = patchedUser(prev.User, patch); err != nil {
		return User{}, err
	}
	now := s.now()
	judgedAt := now
	if sameTime(next.ExpiresAt, prev.ExpiresAt) {
		judgedAt = time.Time{} // whoever has expired may still be renamed
	}
	if err := checkUser(&next.User, judgedAt); err != nil {
		return User{}, err
	}
	if err := s.keepsAdministrator(ctx, prev, &next); err != nil {
		return User{}, err
	}
	action := "changed"
	if !password.IsZero() {
		next.Password, action = password, "changed with password"
	}
	next.UpdatedAt = now
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateUser(ctx, &next, prev.Version); err != nil {
			return err
		}
		before, after := fromUserRow(prev), fromUserRow(next)
		return revise(ctx, tx, userRevision(next, now, action, by), &before, &after)
	})
	if err != nil {
		return User{}, fmt.Errorf("change user %s: %w", ref, err)
	}
	return fromUserRow(next), nil
}

func patchedUser(prev hub.User, patch json.RawMessage) (next hub.User, err error) {
	changes, err := object(patch)
	if err != nil {
		return next, err
	}
	raw, err := asJSON(prev)
	if err != nil {
		return next, err
	}
	base, err := object(raw)
	if err != nil {
		return next, err
	}
	return next, decode(merge(base, changes), &next)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// DeleteUser removes a user; their sessions end at once.
func (s *Service) DeleteUser(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.userRow(ctx, tenant, ref)
	if err != nil {
		return err
	}
	if !matches(prev.Version, ifMatch) {
		return changedMeanwhile("the user has changed meanwhile: it is at %s now", etag(prev.Version))
	}
	if err := s.keepsAdministrator(ctx, prev, nil); err != nil {
		return err
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteUser(ctx, prev); err != nil {
			return err
		}
		before := fromUserRow(prev)
		return revise(ctx, tx, userRevision(prev, s.now(), "deleted", by), &before, nil)
	})
	if err != nil {
		return fmt.Errorf("delete user %s: %w", ref, err)
	}
	return nil
}

// keepsAdministrator refuses a change that would leave the tenant without anybody who may change users. next is nil
// when the user goes.
func (s *Service) keepsAdministrator(ctx context.Context, prev store.UserRow, next *store.UserRow) error {
	if !administers(prev) || next != nil && administers(*next) {
		return nil
	}
	all, err := s.Store.Users(ctx, prev.Tenant)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(u store.UserRow) bool { return u.No != prev.No && administers(u) }) {
		return nil
	}
	return hub.Errorf(hub.Conflict, "%s is the last administrator", prev.Name).WithHint("Make somebody else an administrator first.")
}

// administers tells whether a user may change users for good: a helper's day ends.
func administers(u store.UserRow) bool {
	return u.Role == hub.Administrator && u.ExpiresAt == nil && !u.Password.IsZero()
}

// UserETag names a version of a user.
func (s *Service) UserETag(u User) string { return etag(u.Version) }
