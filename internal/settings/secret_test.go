package settings_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestRule3_StarsKeepASecretOnlyWhileItsAddressStays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		for name, c := range map[string]struct{ made, kept, moved, pointer string }{
			"bearer": {
				`{"request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"planted"}}`,
				`{"request":{"url":"https://WMS.example:443/other?x=1"},"auth":{"token":"***"}}`,
				`{"request":{"url":"https://evil.example/in"}}`, "/auth/token",
			},
			"basic, another scheme": {
				`{"request":{"url":"https://wms.example/in"},"auth":{"type":"basic","username":"a","password":"planted"}}`,
				`{"auth":{"username":"b"}}`,
				`{"request":{"url":"http://wms.example/in"}}`, "/auth/password",
			},
			"api key, another port": {
				`{"request":{"url":"https://wms.example/in"},"auth":{"type":"api_key","in":"query","name":"key","value":"planted"}}`,
				`{"auth":{"name":"k"}}`,
				`{"request":{"url":"https://wms.example:8443/in"}}`, "/auth/value",
			},
			"oauth2, token url": {
				`{"request":{"url":"https://wms.example/in"},"auth":{"type":"oauth2","token_url":"https://id.example/t","client_id":"a","client_secret":"planted"}}`,
				`{"auth":{"token_url":"https://id.example/token"}}`,
				`{"auth":{"token_url":"https://evil.example/t"}}`, "/auth/client_secret",
			},
			"oauth2, its token would go elsewhere": {
				`{"request":{"url":"https://wms.example/in"},"auth":{"type":"oauth2","token_url":"https://id.example/t","client_id":"a","client_secret":"planted"}}`,
				`{"auth":{"client_id":"b"}}`,
				`{"request":{"url":"https://evil.example/in"}}`, "/auth/client_secret",
			},
			"exchange": {
				`{"request":{"url":"https://wms.example/in"},"auth":{"type":"exchange","token_path":"token","header":"Authorization: Bearer #token#","request":{"method":"POST","url":"https://id.example/login","headers":{"X-Key":"planted"},"body":"planted"}}}`,
				`{"auth":{"request":{"url":"https://id.example/v2/login"}}}`,
				`{"auth":{"request":{"url":"https://evil.example/login"}}}`, "/auth/request/headers/X-Key",
			},
		} {
			made := o.create(c.made)
			kept := o.patch(made, c.kept)
			found := false
			for _, secret := range kept.Endpoint.Secrets() {
				found = found || secret.Reveal() == "planted"
			}
			if !found {
				t.Errorf("%s: the secret was not kept", name)
			}
			_, err := o.tryPatch(made, c.moved)
			o.refused(err, hub.SecretRequired, c.pointer)
			wantNo(t, asText(t, err), "planted")
			// The same by PUT, and in the preview of unsaved settings.
			e := o.read(made).Endpoint
			e.Request.URL = "https://evil.example/in"
			put := o.endpoint(asText(t, e))
			_, _, err = o.ReplaceEndpoint(o.ctx, o.tenant, id(made), put, "", jana)
			o.refused(err, hub.SecretRequired, "")
			put = o.endpoint(asText(t, e))
			_, err = o.Preview(o.ctx, o.tenant, id(made), &put, settings.TryInput{})
			o.refused(err, hub.SecretRequired, "")
			if got := o.read(made); got.Endpoint.Request.URL == "https://evil.example/in" {
				t.Errorf("%s: was saved", name)
			}
		}
	})
}

func TestRule3_StarsMeanNothingWhereNothingIsStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		const stars = `{"request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"***"}}`
		_, err := o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(stars), jana)
		o.refused(err, hub.SecretRequired, "/auth/token")
		// Another endpoint's secret, or another field's, is not taken either.
		o.create(`{"request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"planted"}}`)
		made := o.create(`{"request":{"url":"https://wms.example/in"},"auth":{"type":"basic","username":"a","password":"planted"}}`)
		_, err = o.tryPatch(made, `{"auth":{"type":"bearer","token":"***"}}`)
		o.refused(err, hub.SecretRequired, "/auth/token")
		e := o.endpoint(stars)
		_, err = o.Preview(o.ctx, o.tenant, "", &e, settings.TryInput{})
		o.refused(err, hub.SecretRequired, "/auth/token")
	})
}

func TestE7_AnotherKindOfAuthStartsFromNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"planted"}}`)
		got := o.patch(made, `{"auth":{"type":"basic","username":"a","password":"b"}}`)
		if !got.Endpoint.Auth.Token.IsZero() || o.read(made).Endpoint.Auth.Password.Reveal() != "b" {
			t.Errorf("got %+v", got.Endpoint.Auth)
		}
	})
}

func TestTheSigningSecretIsShownAndAudited(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		got, err := o.Secret(o.ctx, o.tenant, id(made), jana)
		o.ok(err)
		if got != made.Endpoint.Signature.Secret.Reveal() {
			t.Errorf("got %q", got)
		}
		audit, _, err := o.Audit(o.ctx, o.tenant, store.Page{Limit: 10})
		o.ok(err)
		if len(audit) != 3 || audit[0].Action != "secret read" || audit[0].Who != "Jana" || audit[0].Object != id(made) {
			t.Errorf("got %s", told(audit))
		}
		wantNo(t, told(audit), got)
		unsigned := o.create(`{"request":{"url":"https://wms.example/in"},"signature":{"schemes":[]}}`)
		_, err = o.Secret(o.ctx, o.tenant, id(unsigned), jana)
		o.refused(err, hub.NotFound, "")
	})
}

func TestARotatedSecretSignsUntilItExpires(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		old := made.Endpoint.Signature.Secret
		got, err := o.RotateSecret(o.ctx, o.tenant, id(made), "", 24*time.Hour, jana)
		o.ok(err)
		sig := o.read(made).Endpoint.Signature
		if sig.Secret == old || sig.Secret != got.Endpoint.Signature.Secret || len(sig.Previous) != 1 || sig.Previous[0].Secret != old {
			t.Errorf("got %+v", sig)
		}
		// What the hub keeps is not taken from a caller.
		o.patch(made, `{"name":"x","signature":{"previous":[],"public_key":"whpk_x"}}`)
		if sig := o.read(made).Endpoint.Signature; len(sig.Previous) != 1 || sig.PublicKey != "" {
			t.Errorf("got %+v", sig)
		}
		o.clock.Advance(25 * time.Hour)
		o.patch(made, `{"name":"y"}`)
		if sig := o.read(made).Endpoint.Signature; len(sig.Previous) != 0 {
			t.Errorf("got %+v: expired", sig)
		}
		_, err = o.RotateSecret(o.ctx, o.tenant, id(made), "whsec_c2hvcnQ=", time.Hour, jana)
		o.refused(err, hub.Invalid, "/secret")
		wantNo(t, err.Error(), "c2hvcnQ")
		_, err = o.RotateSecret(o.ctx, o.tenant, id(made), "", 365*24*time.Hour, jana)
		o.refused(err, hub.Invalid, "/overlap")
	})
}

func TestE7_AnEd25519KeyIsMadeAndItsPublicHalfShown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"request":{"url":"https://wms.example/in"},"signature":{"schemes":["ed25519"]}}`)
		sig := o.read(made).Endpoint.Signature
		if sig.PrivateKey.IsZero() || len(sig.PublicKey) < 40 || !sig.Secret.IsZero() {
			t.Errorf("got %+v", sig)
		}
	})
}

// receiver answers like a warehouse and counts.
func receiver(t *testing.T, status int) (*httptest.Server, *int) {
	calls := new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*calls++
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server, calls
}

func TestRule18_SecretsAreInNoRevision(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"planted-1"}}`)
		o.patch(made, `{"auth":{"token":"planted-2"}}`)
		_, err := o.RotateSecret(o.ctx, o.tenant, id(made), "", time.Hour, jana)
		o.ok(err)
		_, key, err := o.CreateKey(context.WithoutCancel(o.ctx), o.tenant, settings.Key{Name: "shop"}, jana)
		o.ok(err)
		audit, _, err := o.Audit(o.ctx, o.tenant, store.Page{Limit: 100})
		o.ok(err)
		if len(audit) < 4 {
			t.Fatalf("got %d revisions", len(audit))
		}
		wantNo(t, told(audit), "planted-1", "planted-2", made.Endpoint.Signature.Secret.Reveal(), key.Reveal())
	})
}
