package settings_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
	"hacek/packs"
)

// gate is an office with the providers of these tests, and what it told the receiver.
type gate struct {
	*office
	told []settings.Source
}

var pretendProviders = map[string]*packs.Provider{
	"shop": {
		Name: "shop", Scheme: signature.Scheme{Kind: "hmac", Hash: "sha1", Signature: []signature.Place{{Path: "header.X-Sign"}}}, Secret: packs.SecretGuide{Made: "here"},
		Title:  map[string]string{"en": "Shop"},
		Source: json.RawMessage(`{"event_type":"body.event","key":"body.code","duplicate_of":{"fields":["body.event","body.code"]},"thin":true,"time_zone":"Europe/Prague"}`),
	},
	"bank": {
		Name: "bank", Secret: packs.SecretGuide{Made: "there", Where: map[string]string{"en": "it stands in the dashboard"}},
		Scheme: signature.Scheme{
			Kind: "hmac", Signature: []signature.Place{{Path: "header.X-Sign"}}, Requires: []string{"webhook_id"},
			Timestamp: &signature.Timestamp{Path: "header.X-Time", Tolerance: "5m"}, Signed: []string{"#timestamp#.#body#"},
			Versions: map[string]signature.Scheme{"v2": {Kind: "hmac", Signature: []signature.Place{{Path: "header.X-Sign2"}}}},
		},
		Handshakes: []packs.Handshake{{Match: map[string]string{"query.token": "verify_token"}}},
		Source:     json.RawMessage(`{"event_type":"header.X-Event","key":"body.id"}`),
	},
	"whsec": {Name: "whsec", Scheme: signature.Scheme{Kind: "hmac", Key: "base64", Signature: []signature.Place{{Path: "header.X-Sign"}}}, Secret: packs.SecretGuide{Made: "there"}},
	"post": {
		Name: "post", Scheme: signature.Scheme{Kind: "none"}, Secret: packs.SecretGuide{Made: "none"},
		Source: json.RawMessage(`{"allow_networks":["203.0.113.0/24"]}`),
	},
	"cloud": {Name: "cloud", Scheme: signature.Scheme{
		Kind: "rsa", Signature: []signature.Place{{Path: "header.X-Sign", Encoding: "base64"}},
		Fetched: &signature.Certificate{Path: "header.X-Cert", Hosts: []string{"certs.example"}, PathMatch: "/x"},
	}, Secret: packs.SecretGuide{Made: "none"}},
}

func newGate(t *testing.T, s *store.Store) *gate {
	g := &gate{office: newOffice(t, s)}
	g.Provider = func(name string) (*packs.Provider, error) {
		if p := pretendProviders[name]; p != nil {
			return p, nil
		}
		return nil, fmt.Errorf("no provider %q; did you mean shop?", name)
	}
	g.SourceChanged = func(src settings.Source) { g.told = append(g.told, src) }
	return g
}

func (g *gate) add(text string) settings.Source {
	g.t.Helper()
	src, err := g.CreateSource(g.ctx, g.tenant, json.RawMessage(text), jana)
	g.ok(err)
	return src
}

func (g *gate) change(src settings.Source, patch string) (settings.Source, error) {
	return g.PatchSource(g.ctx, g.tenant, src.ID.Text(hub.SourcePrefix), json.RawMessage(patch), "", jana)
}

func eachGate(t *testing.T, story func(g *gate)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) { story(newGate(t, s)) })
}

func TestM2_APresetFillsEverythingButTheSecret(t *testing.T) {
	eachGate(t, func(g *gate) {
		src := g.add(`{"preset":"shop","key":"body.number"}`)
		if src.Verify.Scheme != "shop" || src.EventType != "body.event" || src.Key != "body.number" || !src.Thin || src.TimeZone != "Europe/Prague" || src.Name != "Shop" {
			t.Errorf("got %+v", src.Source)
		}
		if !hub.Unguessable(src.Path) {
			t.Errorf("the path %q can be guessed", src.Path)
		}
		// The provider is to be told a secret, so the hub makes one, says it once, and keeps it.
		if len(src.Made.Reveal()) < 32 || src.Made != src.Verify.Secrets[0] {
			t.Errorf("made %q, kept %d secrets", src.Made.Reveal(), len(src.Verify.Secrets))
		}
		for _, ref := range []string{src.ID.Text(hub.SourcePrefix), "Shop", src.Path} {
			got, err := g.Source(g.ctx, g.tenant, ref)
			g.ok(err)
			if got.ID != src.ID || got.Verify.Secrets[0] != src.Made || !got.Made.IsZero() {
				t.Errorf("%s: got %+v", ref, got)
			}
		}
		if len(g.told) != 1 || g.told[0].Path != src.Path || g.told[0].Verify.Secrets[0] != src.Made {
			t.Errorf("the receiver was told %+v", g.told)
		}
		audit, _, err := g.Audit(g.ctx, g.tenant, store.Page{})
		g.ok(err)
		wantNo(t, told(audit)+asText(t, src.Source), src.Made.Reveal())

		if second := g.add(`{"preset":"shop"}`); second.Name != "Shop 2" {
			t.Errorf("the second is named %q", second.Name)
		}
		// Another preset brings its rules along; the same one again leaves alone what was changed by hand.
		src, err = g.change(src, `{"preset":"shop","description":"x"}`)
		g.ok(err)
		if src.Key != "body.number" {
			t.Errorf("the preset came again: key %q", src.Key)
		}
		src, err = g.change(src, `{"preset":"bank","key":"body.mine","verify":{"scheme":"bank","secrets":["s-1"],"settings":{"webhook_id":"w"}}}`)
		g.ok(err)
		if src.EventType != "header.X-Event" || src.Key != "body.mine" || src.Verify.Scheme != "bank" {
			t.Errorf("got %+v", src.Source)
		}
	})
}

func TestM1_APathIsKeptAndIsTheOnlyOneInTheInstallation(t *testing.T) {
	eachGate(t, func(g *gate) {
		src := g.add(`{"name":"A","path":"shoptet-main","preset":"shop"}`)
		put, created, err := g.ReplaceSource(g.ctx, g.tenant, "A", json.RawMessage(`{"preset":"shop"}`), src.ETag(), jana)
		g.ok(err)
		if created || put.Path != "shoptet-main" || put.Verify.Secrets[0] != src.Made || !put.Made.IsZero() || put.Version != src.Version {
			t.Errorf("got %+v", put)
		}
		other, _, err := g.CreateTenant(g.ctx, settings.Tenant{Name: "Other"}, jana)
		g.ok(err)
		_, err = g.CreateSource(g.ctx, other.No, json.RawMessage(`{"path":"shoptet-main","preset":"shop"}`), jana)
		g.refused(err, hub.Conflict, "")
		_, err = g.CreateSource(g.ctx, g.tenant, json.RawMessage(`{"name":"A","preset":"shop"}`), jana)
		g.refused(err, hub.Conflict, "")
		_, err = g.Source(g.ctx, other.No, "shoptet-main")
		g.refused(err, hub.NotFound, "")
		_, err = g.Source(g.ctx, other.No, src.ID.Text(hub.SourcePrefix))
		g.refused(err, hub.NotFound, "")
		g.refused(g.DeleteSource(g.ctx, other.No, "shoptet-main", "", jana), hub.NotFound, "")

		g.refused(g.DeleteSource(g.ctx, g.tenant, "A", `"9"`, jana), hub.PreconditionFailed, "")
		g.ok(g.DeleteSource(g.ctx, g.tenant, "A", "", jana))
		if last := g.told[len(g.told)-1]; !last.Deleted || last.Path != "shoptet-main" {
			t.Errorf("told %+v", last)
		}
		made, created, err := g.ReplaceSource(g.ctx, g.tenant, "B", json.RawMessage(`{"path":"shoptet-main","preset":"shop"}`), "", jana)
		g.ok(err)
		if !created || made.Name != "B" || made.Made.IsZero() {
			t.Errorf("got %+v", made)
		}
		all, err := g.AllSources(g.ctx)
		g.ok(err)
		if len(all) != 1 || all[0].Verify.Secrets[0] != made.Made {
			t.Errorf("got %+v", all)
		}
	})
}

func TestM2_ABadSourceIsExplained(t *testing.T) {
	eachGate(t, func(g *gate) {
		for text, pointer := range map[string]string{
			`{"preset":"shopp"}`: "/preset",
			`{}`:                 "/verify/scheme",
			`{"verify":{"scheme":"shopp","secrets":["x"]}}`:                                                  "/verify/scheme",
			`{"verify":{"scheme":"bank","settings":{"webhook_id":"w"}}}`:                                     "/verify/secrets",
			`{"verify":{"scheme":"bank","secrets":[""]}}`:                                                    "/verify/secrets/0",
			`{"verify":{"scheme":"bank","secrets":["x","x"]}}`:                                               "/verify/secrets/1",
			`{"verify":{"scheme":"bank","secrets":["x"]}}`:                                                   "/verify/settings/webhook_id",
			`{"verify":{"scheme":"bank","secrets":["x"],"settings":{"webhok":"w"}}}`:                         "/verify/settings/webhok",
			`{"verify":{"scheme":"bank","secrets":["x"],"settings":{"version":"v9"}}}`:                       "/verify/settings/version",
			`{"verify":{"scheme":"bank","secrets":["x"],"settings":{"webhook_id":"w","tolerance":"99h"}}}`:   "/verify/settings/tolerance",
			`{"verify":{"scheme":"whsec","secrets":["not base64!"]}}`:                                        "/verify/secrets/0",
			`{"verify":{"scheme":"hmac","secrets":["x"],"hmac":{"header":"X","signed":"#nonsense##body#"}}}`: "/verify/hmac",
			`{"verify":{"scheme":"cloud","secrets":["x"]}}`:                                                  "/verify/secrets",
			`{"verify":{"scheme":"hmac","secrets":["x"]}}`:                                                   "/verify/hmac",
			`{"verify":{"scheme":"hmac","hmac":{"header":"X-Sign"}}}`:                                        "/verify/secrets",
			`{"verify":{"scheme":"hmac","secrets":["x"],"hmac":{"header":"X Sign"}}}`:                        "/verify/hmac/header",
			`{"verify":{"scheme":"hmac","secrets":["x"],"hmac":{"header":"X","signed":"#header.X-T#"}}}`:     "/verify/hmac/signed",
			`{"preset":"shop","verify":{"hmac":{"header":"X"}}}`:                                             "/verify/hmac",
			`{"preset":"shop","path":"Velký"}`:                                                               "/path",
			`{"preset":"shop","path":".."}`:                                                                  "/path",
			`{"preset":"shop","name":"api"}`:                                                                 "/name",
			`{"preset":"shop","event_type":"boby.event"}`:                                                    "/event_type",
			`{"preset":"shop","event_type":"#data.event#"}`:                                                  "/event_type",
			`{"preset":"shop","key":"body..x"}`:                                                              "/key",
			`{"preset":"shop","split":"header.X"}`:                                                           "/split",
			`{"preset":"shop","duplicate_of":{"fields":["order.id"]}}`:                                       "/duplicate_of/fields/0",
			`{"preset":"shop","duplicate_of":{"window":"30d"}}`:                                              "/duplicate_of/window",
			`{"preset":"shop","accept":{"event_types":["a*b"]}}`:                                             "/accept/event_types/0",
			`{"preset":"shop","accept":{"condition":"data."}}`:                                               "/accept/condition",
			`{"preset":"shop","allow_networks":["10.0.0.1/8"]}`:                                              "/allow_networks/0",
			`{"preset":"shop","respond":{"status":302}}`:                                                     "/respond/status",
			`{"preset":"shop","respond":{"content_type":"text/html"}}`:                                       "/respond/content_type",
			`{"preset":"shop","respond":{"content_type":"image/svg+xml"}}`:                                   "/respond/content_type",
			`{"preset":"shop","respond":{"status":204,"body":"ok"}}`:                                         "/respond/body",
			`{"preset":"shop","max_body":"1GiB"}`:                                                            "/max_body",
			`{"preset":"shop","time_zone":"Europe/Praha"}`:                                                   "/time_zone",
			`{"preset":"shop","time_zone":"Local"}`:                                                          "/time_zone",
			`{"preset":"shop","listener":"none such"}`:                                                       "/listener",
			`{"preset":"shop","labels":{"":"x"}}`:                                                            "/labels/",
		} {
			_, err := g.CreateSource(g.ctx, g.tenant, json.RawMessage(text), jana)
			if hub.CodeOf(err) != hub.Invalid {
				t.Errorf("%s: got %v", text, err)
				continue
			}
			g.refused(err, hub.Invalid, pointer)
		}
		_, err := g.CreateSource(g.ctx, g.tenant, json.RawMessage(`{"preset":"shop","silent_after":"1h"}`), jana)
		g.refused(err, hub.NotAvailable, "/silent_after")
		if len(g.told) != 0 {
			t.Errorf("something refused was stored: %+v", g.told)
		}
	})
}

func TestRule6_NothingIsBelievedUnseen(t *testing.T) {
	eachGate(t, func(g *gate) {
		for _, text := range []string{
			`{"path":"erp","verify":{"scheme":"none"}}`,
			`{"path":"aaaaaaaaaaaaaaaaaaaaaaaaaa","verify":{"scheme":"none"}}`,
			`{"path":"erp","verify":{"scheme":"none"},"allow_networks":["0.0.0.0/0"]}`,
			`{"path":"erp","verify":{"scheme":"none"},"allow_networks":["0.0.0.0/1","128.0.0.0/1"]}`,
			`{"path":"erp","verify":{"scheme":"none"},"allow_networks":["::/0"]}`,
			`{"path":"erp","verify":{"scheme":"none","secrets":["x"]},"allow_networks":["10.0.0.0/8"]}`,
			`{"path":"erp","verify":{"scheme":"post"}}`,
			`{"path":"erp","preset":"post","allow_networks":[]}`,
			`{"path":"erp","preset":"post","allow_networks":["0.0.0.0/0"]}`,
			`{"path":"erp","verify":{"secrets":["x"]},"allow_networks":["10.0.0.0/8"]}`,
		} {
			_, err := g.CreateSource(g.ctx, g.tenant, json.RawMessage(text), jana)
			g.refused(err, hub.Invalid, "")
		}
		g.add(`{"name":"inside","path":"erp","verify":{"scheme":"none"},"allow_networks":["10.0.0.0/8"]}`)
		g.add(`{"name":"post","path":"post","preset":"post"}`)
		src := g.add(`{"name":"random","verify":{"scheme":"none"}}`)
		_, err := g.change(src, `{"path":"easy"}`)
		g.refused(err, hub.Invalid, "/verify/scheme")
	})
}

func TestRule3_ASecretStaysOnlyWhereAndForWhatItWasGiven(t *testing.T) {
	eachGate(t, func(g *gate) {
		src := g.add(`{"name":"Bank","verify":{"scheme":"bank","secrets":["planted-one"],"settings":{"webhook_id":"w"}}}`)
		if !src.Made.IsZero() {
			t.Error("a secret that was given is told back")
		}
		src, err := g.change(src, `{"verify":{"secrets":["***","planted-two"]}}`)
		g.ok(err)
		if src.Verify.Secrets[0].Reveal() != "planted-one" || src.Verify.Secrets[1].Reveal() != "planted-two" {
			t.Errorf("got %q, %q", src.Verify.Secrets[0].Reveal(), src.Verify.Secrets[1].Reveal())
		}
		_, err = g.change(src, `{"verify":{"secrets":["***","***","***"]}}`)
		g.refused(err, hub.SecretRequired, "/verify/secrets/2")
		for _, patch := range []string{
			`{"verify":{"scheme":"shop","settings":null}}`,
			`{"preset":"shop","verify":{"settings":null}}`,
			`{"verify":{"settings":{"version":"v2"}}}`,
			`{"verify":{"scheme":"hmac","settings":null,"hmac":{"header":"X-Sign"}}}`,
		} {
			_, err = g.change(src, patch)
			g.refused(err, hub.SecretRequired, "/verify/secrets/0")
			_, err = g.DraftSource(g.ctx, g.tenant, "Bank", json.RawMessage(patch))
			g.refused(err, hub.SecretRequired, "/verify/secrets/0")
		}
		_, err = g.CreateSource(g.ctx, g.tenant, json.RawMessage(`{"name":"C","verify":{"scheme":"bank","secrets":["***"],"settings":{"webhook_id":"w"}}}`), jana)
		g.refused(err, hub.SecretRequired, "/verify/secrets/0")
		form := g.add(`{"name":"H","verify":{"scheme":"hmac","secrets":["planted-three"],"hmac":{"header":"X-Sign"}}}`)
		_, err = g.change(form, `{"verify":{"hmac":{"signed":"#body##header.X-T#"}}}`)
		g.refused(err, hub.SecretRequired, "/verify/secrets/0")

		audit, _, err := g.Audit(g.ctx, g.tenant, store.Page{})
		g.ok(err)
		wantNo(t, told(audit)+asText(t, src.Source), "planted-")
		rows, err := g.Store.Objects(g.ctx, "source")
		g.ok(err)
		for _, row := range rows {
			if strings.Contains(string(row.Config), "planted-") {
				t.Errorf("a secret lies open: %s", row.Config)
			}
		}
	})
}

func TestM4_ADraftIsStoredNowhere(t *testing.T) {
	eachGate(t, func(g *gate) {
		src := g.add(`{"name":"A","preset":"shop"}`)
		draft, err := g.DraftSource(g.ctx, g.tenant, "A", json.RawMessage(`{"duplicate_of":{"fields":["body"]}}`))
		g.ok(err)
		if draft.No != src.No || draft.DuplicateOf.Fields[0] != "body" || draft.Verify.Secrets[0] != src.Made {
			t.Errorf("got %+v", draft)
		}
		_, err = g.DraftNewSource(g.ctx, g.tenant, json.RawMessage(`{"preset":"shop","name":"B"}`))
		g.ok(err)
		_, err = g.DraftNewSource(g.ctx, g.tenant, json.RawMessage(`{"preset":"none such"}`))
		g.refused(err, hub.Invalid, "/preset")
		got, err := g.Source(g.ctx, g.tenant, "A")
		g.ok(err)
		list, _, err := g.Sources(g.ctx, g.tenant, store.Page{})
		g.ok(err)
		if got.Version != src.Version || len(list) != 1 || len(g.told) != 1 {
			t.Errorf("a draft was stored: %+v", list)
		}
	})
}

// Every provider that comes with the hub is set up by its name, a secret and the settings it asks for.
func TestM2_EveryProviderIsSetUpByItsName(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		all, err := o.AllProviders()
		o.ok(err)
		if len(all) < 30 {
			t.Fatalf("only %d providers", len(all))
		}
		for _, p := range all {
			set := map[string]any{"preset": p.Name, "name": p.Name}
			verify := map[string]any{}
			if p.Secret.Made == "there" {
				verify["secrets"] = []string{secretOf(t, p)}
			}
			_, needed := settings.ProviderSettings(p)
			given := map[string]string{}
			for _, name := range needed {
				given[name] = "arn:aws:sns:eu-central-1:123456789012:orders"
			}
			verify["settings"] = given
			set["verify"] = verify
			src, err := o.CreateSource(o.ctx, o.tenant, json.RawMessage(asText(t, set)), jana)
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
				continue
			}
			if src.Preset != p.Name || src.Verify.Scheme == "" {
				t.Errorf("%s: got %+v", p.Name, src.Source)
			}
			// What was read can be put back.
			raw := asText(t, src.Source)
			put, _, err := o.ReplaceSource(o.ctx, o.tenant, p.Name, json.RawMessage(raw), src.ETag(), jana)
			if err != nil || put.Version != src.Version {
				t.Errorf("%s put back: version %d, %v", p.Name, put.Version, err)
			}
		}
		_, err = o.CreateSource(o.ctx, o.tenant, json.RawMessage(`{"preset":"stripee","verify":{"secrets":["x"]}}`), jana)
		o.refused(err, hub.Invalid, "/preset")
		if !strings.Contains(err.Error()+asText(t, err), "stripe") {
			t.Errorf("the nearest provider is not named: %v", err)
		}
	})
}

// secretOf is a secret in the form that a provider's scheme reads.
func secretOf(t *testing.T, p *packs.Provider) string {
	t.Helper()
	switch p.Scheme.Key {
	case "hex":
		return strings.Repeat("ab", 32)
	case "whsec":
		return signature.NewSecret()
	case "base64":
		return "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	}
	switch p.Scheme.Kind {
	case "rsa", "ecdsa", "ed25519":
		return publicKey(t, p.Scheme.Kind, p.Scheme.Key)
	case "standard-webhooks":
		return signature.NewSecret()
	}
	return "a secret of the provider 1234"
}

func publicKey(t *testing.T, kind, form string) string {
	t.Helper()
	var public any
	var err error
	switch kind {
	case "rsa":
		var key *rsa.PrivateKey
		key, err = rsa.GenerateKey(rand.Reader, 2048)
		if err == nil {
			public = &key.PublicKey
		}
	case "ecdsa":
		var key *ecdsa.PrivateKey
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err == nil {
			public = &key.PublicKey
		}
	case "ed25519":
		public, _, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if form == "base64-der" {
		return base64.StdEncoding.EncodeToString(raw)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}))
}
