package settings_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestATenantIsMadeOnceAndDeletedEmpty(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		uid := "customer-2"
		a, created, err := o.CreateTenant(o.ctx, settings.Tenant{UID: &uid, Metadata: json.RawMessage(`{"plan":"big"}`)}, jana)
		o.ok(err)
		b, again, err := o.CreateTenant(o.ctx, settings.Tenant{UID: &uid, Name: "Other"}, jana)
		o.ok(err)
		if !created || again || a.ID != b.ID || b.Name != "customer-2" {
			t.Errorf("got %v %v %+v %+v", created, again, a, b)
		}
		got, err := o.PatchTenant(o.ctx, uid, json.RawMessage(`{"name":"Two","metadata":{"plan":"small"}}`), "", jana)
		o.ok(err)
		if got.Name != "Two" || string(got.Metadata) != `{"plan":"small"}` || *got.UID != uid {
			t.Errorf("got %+v", got)
		}
		_, err = o.CreateEndpoint(o.ctx, a.No, o.endpoint(plain), jana)
		o.ok(err)
		o.refused(o.DeleteTenant(o.ctx, uid, "", jana), hub.Conflict, "")
		o.ok(o.DeleteEndpoint(o.ctx, a.No, "wms.example", "", jana))
		o.ok(o.DeleteTenant(o.ctx, a.ID.Text(hub.TenantPrefix), "", jana))
		_, err = o.Tenant(o.ctx, uid)
		o.refused(err, hub.NotFound, "")
		o.refused(o.DeleteTenant(o.ctx, "default", "", jana), hub.Conflict, "")
		all, err := o.Tenants(o.ctx)
		o.ok(err)
		if len(all) != 1 || o.keys == 0 {
			t.Errorf("got %+v, told %d times", all, o.keys)
		}
		for _, bad := range []string{"a/b", "tnt_x", ".."} {
			_, _, err := o.CreateTenant(o.ctx, settings.Tenant{UID: &bad}, jana)
			o.refused(err, hub.Invalid, "/uid")
		}
	})
}

// What is committed bounds the calls also when the database fails in the very next moment.
func TestRule1_ATenantIsNarrowedThoughNothingCanBeReadAfterTheCommit(t *testing.T) {
	t.Parallel()
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		s := open()
		stop := storetest.Run(t, s)
		o := newOffice(t, s)
		o.Sender.SetPolicy(loopback())
		judge := func() error { return o.Sender.Guard(o.tenant).Judge(netip.MustParseAddr("127.0.0.1")) }
		o.ok(judge())
		o.KeysChanged = stop
		_, err := o.PatchTenant(o.ctx, "default", json.RawMessage(`{"allow_private":["10.0.0.0/8"]}`), "", jana)
		o.ok(err)
		if _, err := o.Tenants(o.ctx); err == nil {
			t.Fatal("the database is still there")
		}
		if judge() == nil {
			t.Error("calls go where the tenant may not call any more")
		}
	})
}

func TestAKeyIsSeenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		k, secret, err := o.CreateKey(o.ctx, o.tenant, settings.Key{Name: "shop", Role: hub.Operator, Scopes: []string{"events:write"}}, jana)
		o.ok(err)
		text := secret.Reveal()
		if !strings.HasPrefix(text, "hk_") || len(text) != len("hk_")+52 || !strings.HasPrefix(text, strings.TrimSuffix(k.Shown, "...")) {
			t.Errorf("got %q, shown as %q", text, k.Shown)
		}
		all, err := o.Keys(o.ctx, o.tenant)
		o.ok(err)
		if len(all) != 1 || all[0].Name != "shop" || all[0].Scopes[0] != "events:write" {
			t.Errorf("got %+v", all)
		}
		wantNo(t, asText(t, all), text)
		if kept, err := s.APIKeyByDigest(o.ctx, sha256.Sum256([]byte(text))); err != nil || kept.ID != k.ID {
			t.Errorf("kept is not a digest of the key: %+v, %v", kept, err)
		}
		other, _, err := o.CreateTenant(o.ctx, settings.Tenant{Name: "Two"}, jana)
		o.ok(err)
		ref := k.ID.Text(hub.KeyPrefix)
		o.refused(o.DeleteKey(o.ctx, other.No, ref, jana), hub.NotFound, "")
		o.ok(o.DeleteKey(o.ctx, o.tenant, ref, jana))
		o.refused(o.DeleteKey(o.ctx, o.tenant, ref, jana), hub.NotFound, "")
		past := o.clock.Now().Add(-time.Hour)
		for pointer, bad := range map[string]settings.Key{
			"/name":       {Name: " "},
			"/role":       {Name: "a", Role: "king"},
			"/scopes/0":   {Name: "a", Scopes: []string{"everything"}},
			"/expires_at": {Name: "a", ExpiresAt: &past},
		} {
			_, _, err := o.CreateKey(o.ctx, o.tenant, bad, jana)
			o.refused(err, hub.Invalid, pointer)
		}
	})
}
