package auth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

const rightPassword = "correct horse battery"

func signingIn(t *testing.T) (*Authenticator, *clock.Hand) {
	t.Helper()
	s := storetest.SQLite(t)()
	storetest.Run(t, s)
	hand := clock.NewHand(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	a := &Authenticator{Store: s, Now: hand.Now}
	hash, err := a.HashPassword(t.Context(), rightPassword)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		tenant := store.Tenant{ID: hub.NewID(), UID: "default", Name: "Default"}
		if err := tx.InsertTenant(t.Context(), &tenant); err != nil {
			return err
		}
		jana := store.UserRow{Object: hub.Object{ID: hub.NewID(), Tenant: tenant.No}, User: hub.User{Name: "Jana", Email: "jana@example.com", Role: hub.Editor}, Password: hash}
		nobodyYet := jana
		nobodyYet.ID, nobodyYet.Email, nobodyYet.Password = hub.NewID(), "new@example.com", hub.Secret{}
		return errors.Join(tx.InsertUser(t.Context(), &jana), tx.InsertUser(t.Context(), &nobodyYet))
	})
	if err != nil {
		t.Fatal(err)
	}
	a.hashing.worked.Store(0)
	return a, hand
}

// The work is counted rather than the time: a clock would make the test lie on a busy machine.
func TestRule20_UnknownUsersCostTheSame(t *testing.T) {
	a, _ := signingIn(t)
	texts := map[string]bool{}
	for _, email := range []string{"jana@example.com", "nobody@example.com", "new@example.com", "", "not an address"} {
		before := a.hashing.worked.Load()
		_, _, err := a.SignIn(t.Context(), email, "wrong password", "192.0.2.1")
		if hub.CodeOf(err) != hub.Unauthorized {
			t.Errorf("%q: got %v", email, err)
		}
		texts[err.Error()] = true
		if n := a.hashing.worked.Load() - before; n != 1 {
			t.Errorf("%q cost %d hashes, want 1", email, n)
		}
	}
	if len(texts) != 1 {
		t.Errorf("the refusals differ: %v", texts)
	}
	if _, _, err := a.SignIn(t.Context(), "JANA@example.com ", rightPassword, "192.0.2.1"); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

func TestRule20_AtMostTwoPasswordsAreWorkedAtOnce(t *testing.T) {
	var h hashing
	var leaves []func()
	for range atOnce {
		leave, err := h.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // a turn that is free would be taken sooner or later
		if _, err := h.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("a third got a turn: %v", err)
		}
	}
	if atOnce != 2 {
		t.Errorf("%d are worked at once", atOnce)
	}
	leaves[0]()
	if leave, err := h.enter(t.Context()); err != nil {
		t.Errorf("nobody got the turn that was left: %v", err)
	} else {
		leave()
	}
}

func TestFailedSignInsRest(t *testing.T) {
	a, hand := signingIn(t)
	var all sync.WaitGroup
	for range failuresOfBoth {
		all.Go(func() { _, _, _ = a.SignIn(context.Background(), "jana@example.com", "wrong password", "192.0.2.1") })
	}
	all.Wait()
	before := a.hashing.worked.Load()
	_, _, err := a.SignIn(t.Context(), "jana@example.com", rightPassword, "192.0.2.1")
	if hub.CodeOf(err) != hub.TooMany || a.hashing.worked.Load() != before {
		t.Errorf("after %d failures: %v, %d hashes", failuresOfBoth, err, a.hashing.worked.Load()-before)
	}
	if _, _, err := a.SignIn(t.Context(), "jana@example.com", rightPassword, "192.0.2.2"); err != nil {
		t.Errorf("a stranger has locked her out: %v", err)
	}
	hand.Advance(pauseAfterFailures)
	if _, _, err := a.SignIn(t.Context(), "jana@example.com", rightPassword, "192.0.2.1"); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestNetworksThatOneAttackerHas(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ff::1": "2001:db8::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64", "pipe": "pipe",
	} {
		if got := networkOf(from); got != want {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
	}
}

func TestHashesThatAreNone(t *testing.T) {
	a, _ := signingIn(t)
	for _, kept := range []string{"", "x", nobody, "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=19456,t=2,p=1$!$!"} {
		for _, password := range []string{"", rightPassword} {
			if ok, err := a.matches(t.Context(), password, kept); ok || err != nil {
				t.Errorf("%q with %q: %v %v", password, kept, ok, err)
			}
		}
	}
	hash, err := a.HashPassword(t.Context(), rightPassword)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := a.matches(t.Context(), rightPassword, hash.Reveal()); !ok || err != nil {
		t.Errorf("got %v %v", ok, err)
	}
	if _, err := a.HashPassword(t.Context(), "short"); hub.CodeOf(err) != hub.Invalid {
		t.Errorf("a short one: %v", err)
	}
}

func TestTheFirstLinkIsUsedOnce(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var f FirstLink
	if f.Opens("", now) || f.Use("", now) {
		t.Error("a link that was never made opens")
	}
	old := f.New(now).Reveal()
	token := f.New(now).Reveal()
	if f.Opens(old, now) || !f.Opens(token, now) || f.Opens(token, now.Add(firstLinkLife)) {
		t.Error("the wrong link opens")
	}
	if !f.Use(token, now) || f.Use(token, now) || f.Opens(token, now) {
		t.Error("it can be used twice")
	}
}
