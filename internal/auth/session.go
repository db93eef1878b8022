package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Idle is how long a session lives without being used.
const Idle = 12 * time.Hour

// touchEvery bounds the writing that reading pages causes.
const touchEvery = 5 * time.Minute

// SignIn takes an address and a password and starts a session. The token is what the cookie holds; it is seen only
// here. from is the caller's address, for the limit of failed tries.
//
// A wrong password, an unknown address, a user who has expired and one without a password all look the same, and take
// the same time.
func (a *Authenticator) SignIn(ctx context.Context, email, password, from string) (token hub.Secret, p Principal, err error) {
	email, now := Address(email), a.Now()
	if err := a.tries.take(email, from, now); err != nil {
		return hub.Secret{}, Principal{}, err
	}
	u, err := a.Store.UserByEmail(ctx, email)
	known := err == nil
	if err != nil && hub.CodeOf(err) != hub.NotFound {
		return hub.Secret{}, Principal{}, fmt.Errorf("sign in: %w", err)
	}
	kept := u.Password.Reveal()
	if !known || kept == "" {
		kept = nobody
	}
	right, err := a.matches(ctx, password, kept)
	if err != nil {
		return hub.Secret{}, Principal{}, err
	}
	if right && known {
		p, err = a.userPrincipal(ctx, u)
	}
	if !right || !known || hub.CodeOf(err) == hub.Unauthorized {
		return hub.Secret{}, Principal{}, hub.Errorf(hub.Unauthorized, "the address or the password is not right")
	}
	if err != nil {
		return hub.Secret{}, Principal{}, err
	}
	a.tries.forget(email, from)
	token, err = a.StartSession(ctx, u)
	return token, p, err
}

// StartSession starts a session for a user whose identity is known already.
func (a *Authenticator) StartSession(ctx context.Context, u store.UserRow) (hub.Secret, error) {
	token, now := rand.Text()+rand.Text(), a.Now()
	err := a.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteIdleSessions(ctx, now.Add(-Idle)); err != nil {
			return err
		}
		return tx.InsertSession(ctx, store.Session{Digest: sha256.Sum256([]byte(token)), User: u, SeenAt: now, CreatedAt: now})
	})
	if err != nil {
		return hub.Secret{}, fmt.Errorf("start a session: %w", err)
	}
	return hub.NewSecret(token), nil
}

// Session finds the caller behind a cookie. A session that is over, idle for too long or whose user has expired is
// Unauthorized.
func (a *Authenticator) Session(ctx context.Context, token string) (Principal, error) {
	if token == "" {
		return Principal{}, signedOut()
	}
	digest, now := sha256.Sum256([]byte(token)), a.Now()
	s, err := a.Store.Session(ctx, digest)
	if hub.CodeOf(err) == hub.NotFound || err == nil && !now.Before(s.SeenAt.Add(Idle)) {
		return Principal{}, signedOut()
	}
	if err != nil {
		return Principal{}, err
	}
	p, err := a.userPrincipal(ctx, s.User)
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(s.SeenAt) >= touchEvery {
		err := a.Store.Write(ctx, func(tx *store.Tx) error { return tx.TouchSession(ctx, digest, now) })
		if err != nil && hub.CodeOf(err) != hub.NotFound && hub.CodeOf(err) != hub.Unavailable {
			return Principal{}, fmt.Errorf("use a session: %w", err)
		}
	}
	return p, nil
}

// SignOut ends a session.
func (a *Authenticator) SignOut(ctx context.Context, token string) error {
	digest := sha256.Sum256([]byte(token))
	return a.Store.Write(ctx, func(tx *store.Tx) error { return tx.DeleteSession(ctx, digest) })
}

// SignOutOthers ends a user's other sessions, after the password has changed. An empty token spares none.
func (a *Authenticator) SignOutOthers(ctx context.Context, user int64, token string) error {
	digest := sha256.Sum256([]byte(token))
	return a.Store.Write(ctx, func(tx *store.Tx) error { return tx.DeleteSessions(ctx, user, &digest) })
}

// Address is how the e-mail address of a user is kept and compared.
func Address(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func signedOut() error {
	return hub.Errorf(hub.Unauthorized, "nobody is signed in").WithHint("Sign in.")
}
