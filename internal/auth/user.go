package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"sync"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// userPrincipal is a signed-in user as a caller; Unauthorized when they have expired or their tenant is gone.
func (a *Authenticator) userPrincipal(ctx context.Context, u store.UserRow) (Principal, error) {
	if u.ExpiresAt != nil && !a.Now().Before(*u.ExpiresAt) {
		return Principal{}, signedOut()
	}
	t, err := a.Store.TenantByNo(ctx, u.Tenant)
	if hub.CodeOf(err) == hub.NotFound {
		return Principal{}, signedOut()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read the tenant of a user: %w", err)
	}
	p := Principal{Tenant: t.No, TenantID: t.ID, Role: u.Role, Name: u.Name, User: &u}
	p.Installation = p.Role == hub.Administrator && t.UID == defaultTenant
	return p, nil
}

// PasswordIsRight asks a signed-in user for the password once more. It counts like a sign-in.
func (a *Authenticator) PasswordIsRight(ctx context.Context, u store.UserRow, password, from string) (bool, error) {
	if err := a.tries.take(u.Email, from, a.Now()); err != nil {
		return false, err
	}
	right, err := a.matches(ctx, password, u.Password.Reveal())
	if right {
		a.tries.forget(u.Email, from)
	}
	return right, err
}

// HasAdministrator tells whether anybody could sign in who may do everything.
func (a *Authenticator) HasAdministrator(ctx context.Context) (bool, error) {
	t, err := a.Store.TenantByUID(ctx, defaultTenant)
	if err != nil {
		return false, fmt.Errorf("look for an administrator: %w", err)
	}
	users, err := a.Store.Users(ctx, t.No)
	if err != nil {
		return false, fmt.Errorf("look for an administrator: %w", err)
	}
	for _, u := range users {
		if u.Role == hub.Administrator && !u.Password.IsZero() && u.ExpiresAt == nil {
			return true, nil
		}
	}
	return false, nil
}

// firstLinkLife is how long the link of a start may be used; the next start prints another.
const firstLinkLife = time.Hour

// FirstLink is the link of one start that makes the first administrator. It lives in memory: a restart ends it.
type FirstLink struct {
	mu     sync.Mutex
	digest [sha256.Size]byte
	until  time.Time
}

// New makes the link's token; an earlier one ends.
func (f *FirstLink) New(now time.Time) hub.Secret {
	token := rand.Text()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.digest, f.until = sha256.Sum256([]byte(token)), now.Add(firstLinkLife)
	return hub.NewSecret(token)
}

// Opens tells whether a token is the link's, and the link still good.
func (f *FirstLink) Opens(token string, now time.Time) bool {
	digest := sha256.Sum256([]byte(token))
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Before(f.until) && subtle.ConstantTimeCompare(digest[:], f.digest[:]) == 1
}

// Use spends the link; only one of several callers at once gets true.
func (f *FirstLink) Use(token string, now time.Time) bool {
	if !f.Opens(token, now) {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	used := f.until.IsZero()
	f.until = time.Time{}
	return !used
}
