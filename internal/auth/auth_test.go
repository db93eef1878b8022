package auth_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"hacek/internal/auth"
	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// gate is an authenticator on a real store with the tenant `default` and one customer.
type gate struct {
	*auth.Authenticator
	t              *testing.T
	clock          *clock.Hand
	first, another store.Tenant
}

const adminKey = "an-administrators-key-from-the-environment"

func newGate(t *testing.T, s *store.Store) *gate {
	t.Helper()
	g := &gate{t: t, clock: clock.NewHand(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	g.Authenticator = &auth.Authenticator{Store: s, AdminKey: hub.NewSecret(adminKey), Now: g.clock.Now}
	g.first = store.Tenant{ID: hub.NewID(), UID: "default", Name: "Default"}
	g.write(func(tx *store.Tx) error { return tx.InsertTenant(t.Context(), &g.first) })
	return g
}

func (g *gate) write(fn func(tx *store.Tx) error) {
	g.t.Helper()
	if err := g.Store.Write(g.t.Context(), fn); err != nil {
		g.t.Fatal(err)
	}
	g.Forget()
}

func (g *gate) addCustomer() {
	g.another = store.Tenant{ID: hub.NewID(), UID: "customer", Name: "Customer"}
	g.write(func(tx *store.Tx) error { return tx.InsertTenant(g.t.Context(), &g.another) })
}

func (g *gate) key(tenant store.Tenant, text string, change func(k *store.APIKey)) store.APIKey {
	k := store.APIKey{ID: hub.NewID(), Tenant: tenant.No, Name: "shop", Role: "editor", Digest: sha256.Sum256([]byte(text)), CreatedAt: g.clock.Now()}
	if change != nil {
		change(&k)
	}
	g.write(func(tx *store.Tx) error { return tx.InsertAPIKey(g.t.Context(), k) })
	return k
}

func (g *gate) comes(text string) auth.Principal {
	g.t.Helper()
	p, err := g.Key(g.t.Context(), text)
	if err != nil {
		g.t.Fatal(err)
	}
	return p
}

func (g *gate) refused(err error, code hub.Code) {
	g.t.Helper()
	var e *hub.Error
	if !errors.As(err, &e) || e.Code != code {
		g.t.Fatalf("got %v, want %s", err, code)
	}
}

func TestAKeyIsItsTenantRoleAndScopes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := newGate(t, s)
		g.addCustomer()
		k := g.key(g.another, "hk_1", func(k *store.APIKey) { k.Role, k.Scopes = "operator", []string{"events:write"} })
		p := g.comes("hk_1")
		if p.Tenant != g.another.No || p.TenantID != g.another.ID || p.KeyID != k.ID || p.Name != "shop" || p.Installation {
			t.Errorf("got %+v", p)
		}
		if p.Require(hub.Operator) != nil || p.Require(hub.Viewer) != nil || p.Scope("events:write") != nil {
			t.Error("refused what it may")
		}
		g.refused(p.Require(hub.Editor), hub.Forbidden)
		g.refused(p.Scope("events:read"), hub.Forbidden)
		_, err := g.Key(t.Context(), "hk_2")
		g.refused(err, hub.Unauthorized)
		_, err = g.Key(t.Context(), "")
		g.refused(err, hub.Unauthorized)
	})
}

func TestAKeyEndsWithItsTimeItsDeletionOrItsTenant(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := newGate(t, s)
		g.addCustomer()
		g.key(g.first, "hk_short", func(k *store.APIKey) { k.ExpiresAt = g.clock.Now().Add(10 * time.Second) })
		gone := g.key(g.first, "hk_gone", nil)
		g.key(g.another, "hk_customer", nil)
		g.comes("hk_short")
		g.comes("hk_gone")
		g.comes("hk_customer")
		g.clock.Advance(10 * time.Second)
		_, err := g.Key(t.Context(), "hk_short")
		g.refused(err, hub.Unauthorized)
		g.write(func(tx *store.Tx) error { return tx.DeleteAPIKey(t.Context(), g.first.No, gone.ID) })
		_, err = g.Key(t.Context(), "hk_gone")
		g.refused(err, hub.Unauthorized)
		g.write(func(tx *store.Tx) error { return tx.DeleteTenant(t.Context(), g.another.No, g.clock.Now()) })
		_, err = g.Key(t.Context(), "hk_customer")
		g.refused(err, hub.Unauthorized)
	})
}

func TestADeletionOnAnotherNodeIsNoticed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := newGate(t, s)
		k := g.key(g.first, "hk_1", nil)
		g.comes("hk_1")
		err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.DeleteAPIKey(t.Context(), g.first.No, k.ID) })
		if err != nil {
			t.Fatal(err)
		}
		g.clock.Advance(30 * time.Second) // nobody told us
		_, err = g.Key(t.Context(), "hk_1")
		g.refused(err, hub.Unauthorized)
	})
}

func TestRule14_OnlyTheInstallationsAdministratorActsForOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := newGate(t, s)
		g.key(g.first, "hk_chief", func(k *store.APIKey) { k.Role = "administrator" })
		for _, text := range []string{adminKey, "hk_chief"} {
			p, err := g.ForTenant(t.Context(), g.comes(text), "")
			if err != nil || p.Tenant != g.first.No {
				t.Errorf("%s: got %+v %v: the only tenant needs no name", text, p, err)
			}
		}
		g.addCustomer()
		g.key(g.another, "hk_theirs", func(k *store.APIKey) { k.Role = "administrator" })
		for _, text := range []string{adminKey, "hk_chief"} {
			_, err := g.ForTenant(t.Context(), g.comes(text), "")
			g.refused(err, hub.Invalid)
			for _, ref := range []string{"customer", g.another.ID.Text(hub.TenantPrefix)} {
				p, err := g.ForTenant(t.Context(), g.comes(text), ref)
				if err != nil || p.Tenant != g.another.No || p.TenantID != g.another.ID {
					t.Errorf("%s as %s: got %+v %v", text, ref, p, err)
				}
			}
			_, err = g.ForTenant(t.Context(), g.comes(text), "nobody")
			g.refused(err, hub.NotFound)
		}
		theirs := g.comes("hk_theirs")
		for _, ref := range []string{"default", g.first.ID.Text(hub.TenantPrefix), "nobody"} {
			_, err := g.ForTenant(t.Context(), theirs, ref)
			g.refused(err, hub.NotFound)
		}
		for _, ref := range []string{"", "customer"} {
			p, err := g.ForTenant(t.Context(), theirs, ref)
			if err != nil || p.Tenant != g.another.No {
				t.Errorf("as %q: got %+v %v", ref, p, err)
			}
		}
	})
}

func TestRule6_AnAbsentAdministratorsKeyMatchesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := newGate(t, s)
		g.AdminKey = hub.Secret{}
		for _, text := range []string{"", adminKey, "***"} {
			_, err := g.Key(t.Context(), text)
			g.refused(err, hub.Unauthorized)
		}
	})
}
