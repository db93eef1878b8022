package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Authenticator knows keys, users and sessions. It remembers the keys it has seen, so that the hot path costs one hash
// and one look-up.
type Authenticator struct {
	Store    *store.Store
	AdminKey hub.Secret // the installation's own key; empty matches nothing
	Now      func() time.Time

	mu    sync.RWMutex
	seen  map[[sha256.Size]byte]known
	round int // raised by Forget, so that an answer read before it is not remembered after it
	count int // tenants, 0 = not counted yet

	hashing hashing
	tries   tries
}

// known is a key that was found, and until when it may be believed.
type known struct {
	principal Principal
	expires   time.Time // zero = never
	fresh     time.Time // after this it is read again: another node may have deleted it
}

const (
	believed  = 30 * time.Second
	mostKnown = 10_000
)

// Key finds the caller behind the text of a bearer header.
func (a *Authenticator) Key(ctx context.Context, bearer string) (Principal, error) {
	if bearer == "" {
		return Principal{}, hub.Errorf(hub.Unauthorized, "no API key").WithHint("Send it as Authorization: Bearer KEY.")
	}
	// Keys are compared by their hash, so that the time it takes tells nothing about them.
	digest := sha256.Sum256([]byte(bearer))
	now := a.Now()
	a.mu.RLock()
	k, ok := a.seen[digest]
	round := a.round
	a.mu.RUnlock()
	if !ok || !now.Before(k.fresh) {
		var err error
		if k, err = a.find(ctx, bearer, digest); err != nil {
			return Principal{}, err
		}
		k.fresh = now.Add(believed)
		a.remember(digest, k, round)
	}
	if !k.expires.IsZero() && !now.Before(k.expires) {
		return Principal{}, hub.Errorf(hub.Unauthorized, "the API key %q has expired", k.principal.Name).WithHint("Ask an administrator for a new one.")
	}
	return k.principal, nil
}

func (a *Authenticator) remember(digest [sha256.Size]byte, k known, round int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if round != a.round {
		return
	}
	if a.seen == nil || len(a.seen) >= mostKnown {
		a.seen = map[[sha256.Size]byte]known{}
	}
	a.seen[digest] = k
}

// Forget makes every key be read again, after keys or tenants changed.
func (a *Authenticator) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen, a.count = nil, 0
	a.round++
}

func (a *Authenticator) find(ctx context.Context, bearer string, digest [sha256.Size]byte) (known, error) {
	if !a.AdminKey.IsZero() && sha256.Sum256([]byte(a.AdminKey.Reveal())) == digest {
		t, err := a.Store.TenantByUID(ctx, defaultTenant)
		if err != nil {
			return known{}, fmt.Errorf("read tenant %s: %w", defaultTenant, err)
		}
		return known{principal: Principal{
			Tenant: t.No, TenantID: t.ID, Role: hub.Administrator, Name: "administrator", Installation: true,
		}}, nil
	}
	key, err := a.Store.APIKeyByDigest(ctx, digest)
	if hub.CodeOf(err) == hub.NotFound {
		return known{}, unknownKey()
	}
	if err != nil {
		return known{}, fmt.Errorf("read an API key: %w", err)
	}
	t, err := a.Store.TenantByNo(ctx, key.Tenant)
	if hub.CodeOf(err) == hub.NotFound {
		return known{}, unknownKey() // its tenant was deleted
	}
	if err != nil {
		return known{}, fmt.Errorf("read the tenant of an API key: %w", err)
	}
	p := Principal{Tenant: t.No, TenantID: t.ID, Role: Role(key.Role), Scopes: key.Scopes, Name: key.Name, KeyID: key.ID}
	// An administrator of the tenant that was there first is the administrator of the installation; one of a
	// customer's tenant is not.
	p.Installation = p.Role == hub.Administrator && t.UID == defaultTenant
	return known{principal: p, expires: key.ExpiresAt}, nil
}

func unknownKey() error {
	return hub.Errorf(hub.Unauthorized, "unknown API key").WithHint("Check that the whole key was copied and that nobody deleted it.")
}
