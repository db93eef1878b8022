package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// How long a session of the portal lives: unused, and at most.
const (
	PortalIdle = 2 * time.Hour
	PortalLife = 12 * time.Hour
)

// EnterPortal spends the secret of a portal link and starts a session. The token is what the cookie holds; it is seen
// only here. from is the caller's address, for the limit of failed tries. A wrong, a used and an expired secret, and
// one of another tenant, look the same.
func (a *Authenticator) EnterPortal(ctx context.Context, t store.Tenant, secret, from string) (token hub.Secret, p Principal, err error) {
	now := a.Now()
	tried := portalLimits(from)
	if err := a.tries.takeAll(tried, now); err != nil {
		return hub.Secret{}, Principal{}, err
	}
	session := store.PortalSession{SeenAt: now, CreatedAt: now}
	text := rand.Text() + rand.Text()
	session.Digest = sha256.Sum256([]byte(text))
	err = a.Store.Write(ctx, func(tx *store.Tx) error {
		guest, err := tx.UsePortalLink(ctx, t.No, sha256.Sum256([]byte(secret)), now)
		if err != nil {
			return err
		}
		session.PortalGuest = guest
		if err := tx.DeleteOldPortalSessions(ctx, now.Add(-PortalIdle), now.Add(-PortalLife)); err != nil {
			return err
		}
		if err := tx.InsertPortalSession(ctx, session); err != nil {
			return err
		}
		_, err = tx.AddRevision(ctx, store.Revision{
			Tenant: t.No, At: now, Who: guestName(guest), Action: "portal entered", Kind: "tenant", Object: t.ID.Text(hub.TenantPrefix),
		})
		return err
	})
	if hub.CodeOf(err) == hub.NotFound {
		return hub.Secret{}, Principal{}, hub.Errorf(hub.Unauthorized, "the link is not good, or not any more").WithHint("Ask for a new link where you found this one.")
	}
	if err != nil {
		return hub.Secret{}, Principal{}, fmt.Errorf("enter the portal: %w", err)
	}
	a.tries.giveBack(tried)
	return hub.NewSecret(text), guestPrincipal(t, session.PortalGuest), nil
}

// Portal finds the caller behind the cookie of a tenant's portal. A session that is over, or idle for too long, is
// Unauthorized.
func (a *Authenticator) Portal(ctx context.Context, t store.Tenant, token string) (Principal, error) {
	if token == "" {
		return Principal{}, signedOut()
	}
	digest, now := sha256.Sum256([]byte(token)), a.Now()
	s, err := a.Store.PortalSession(ctx, t.No, digest)
	if hub.CodeOf(err) == hub.NotFound || err == nil && (!now.Before(s.SeenAt.Add(PortalIdle)) || !now.Before(s.CreatedAt.Add(PortalLife))) {
		return Principal{}, signedOut()
	}
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(s.SeenAt) >= touchEvery {
		err := a.Store.Write(ctx, func(tx *store.Tx) error { return tx.TouchPortalSession(ctx, digest, s.Language, now) })
		if err != nil && hub.CodeOf(err) != hub.NotFound && hub.CodeOf(err) != hub.Unavailable {
			return Principal{}, fmt.Errorf("use a portal session: %w", err)
		}
	}
	return guestPrincipal(t, s.PortalGuest), nil
}

// SpeakInPortal sets the language of a session.
func (a *Authenticator) SpeakInPortal(ctx context.Context, token, language string) error {
	return a.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.TouchPortalSession(ctx, sha256.Sum256([]byte(token)), language, a.Now())
	})
}

// LeavePortal ends a session.
func (a *Authenticator) LeavePortal(ctx context.Context, token string) error {
	return a.Store.Write(ctx, func(tx *store.Tx) error { return tx.DeletePortalSession(ctx, sha256.Sum256([]byte(token))) })
}

func guestPrincipal(t store.Tenant, g store.PortalGuest) Principal {
	return Principal{Tenant: t.No, TenantID: t.ID, Role: g.Role, Name: guestName(g), Portal: &g}
}

// guestName keeps the word of a link apart from the names of users.
func guestName(g store.PortalGuest) string {
	if g.Name == "" {
		return "portal"
	}
	return g.Name + " (portal)"
}
