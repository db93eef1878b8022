package api_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"hacek/internal/api"
	"hacek/internal/await"
	"hacek/internal/hub"
	receiving "hacek/internal/receiver"
	"hacek/internal/signature"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
	"hacek/packs"
)

// gate is a hub with a receiver behind the same address, and two providers.
type gate struct {
	*testHub
	door  *receiving.Receiver
	plain *http.Client // what comes in is not part of the API's document
}

var pretendProviders = map[string]*packs.Provider{
	"shop": {
		Name: "shop", Title: map[string]string{"en": "Shop"}, Page: "https://shop.example/docs", Waits: "4s",
		Scheme:  signature.Scheme{Kind: "hmac", Hash: "sha1", Signature: []signature.Place{{Path: "header.X-Sign"}}},
		Secret:  packs.SecretGuide{Made: "here", Where: map[string]string{"en": "Settings, Webhooks."}},
		Source:  json.RawMessage(`{"event_type":"body.event","key":"body.code","duplicate_of":{"fields":["body.event","body.code"]},"time_zone":"Europe/Prague"}`),
		Samples: map[string]packs.Request{"order:create": {Body: json.RawMessage(`{"event":"order:create","code":"S-1"}`)}},
	},
	"bank": {
		Name: "bank", Secret: packs.SecretGuide{Made: "there"},
		Scheme: signature.Scheme{
			Kind: "token", Signature: []signature.Place{{Path: "header.X-Token", Encoding: "plain"}}, Requires: []string{"webhook_id"},
			Match: map[string]string{"header.X-Webhook": "webhook_id"},
		},
	},
}

func eachGate(t *testing.T, story func(g *gate)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) { story(newGate(t, s)) })
}

func newGate(t *testing.T, s *store.Store) *gate {
	t.Helper()
	h := newHub(t, s, &api.Stream{})
	g := &gate{testHub: h, plain: &http.Client{Timeout: 20 * time.Second}}
	provider := func(name string) *packs.Provider { return pretendProviders[name] }
	public := func(listener string) string { return "https://hooks.example" }
	g.door = &receiving.Receiver{Ingest: h.ingest, Store: s, Log: h.settings.Log, Now: time.Now, Provider: provider, PublicURL: public}
	h.settings.SourceChanged = g.door.SetSource
	h.settings.Provider = func(name string) (*packs.Provider, error) {
		if p := provider(name); p != nil {
			return p, nil
		}
		return nil, fmt.Errorf("no provider %q", name)
	}
	h.settings.Providers = func() ([]*packs.Provider, error) {
		return []*packs.Provider{pretendProviders["shop"], pretendProviders["bank"]}, nil
	}
	doors := http.NewServeMux()
	doors.Handle("/in/", g.door)
	doors.Handle("/", api.New(api.Options{
		Auth: h.auth, Settings: h.settings, Ingest: h.ingest, Store: s, Log: h.settings.Log, Stream: h.stream, PublicURL: public,
		Release: g.door.Release, Trigger: g.door.Trigger, PreviewSource: g.door.Preview,
	}))
	server := httptest.NewServer(doors)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.door.Run(ctx) }()
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the receiver ended: %v", err)
		}
	})
	h.url = server.URL
	return g
}

// arrives sends a request as the shop would, and returns its status.
func (g *gate) arrives(path, secret, body string) int {
	g.Helper()
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	return g.arrivesWith(path, body, "X-Sign", hex.EncodeToString(mac.Sum(nil)))
}

func (g *gate) arrivesWith(path, body string, header ...string) int {
	g.Helper()
	request, err := http.NewRequestWithContext(context.Background(), "POST", g.url+"/in/"+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := g.plain.Do(request)
	if err != nil {
		g.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// eventually asks until the answer has so many in data: what is not verified is written a moment later.
func (g *gate) eventually(path string, n int) reply {
	g.Helper()
	var r reply
	await.Until(g, fmt.Sprintf("%d at %s", n, path), func() bool {
		r = g.get(path).want(200)
		return r.count("data") == n
	})
	return r
}

const everySetting = `{"name":"Sklad","path":"sklad-1","preset":null,"active":true,
 "verify":{"scheme":"hmac","secrets":["planted-hmac-secret"],"settings":{},
   "hmac":{"header":"X-Hook-Sign","algorithm":"sha512","encoding":"base64","prefix":"v1=","signed":"#header.X-Time#.#body#"}},
 "allow_networks":["127.0.0.0/8","::1"],"listener":null,"accept":{"event_types":["order:*"],"condition":"data.total != '0'"},
 "event_type":"#header.X-Event#.#body.action#","key":"body.order.code","time":"body.changed",
 "duplicate_of":{"fields":["body.id","body"],"window":"36h"},"thin":false,"split":"body.items",
 "respond":{"status":202,"body":"ok","content_type":"text/plain"},"max_body":"512KiB","time_zone":"Europe/Prague",
 "silent_after":null,"description":"Warehouse","labels":{"team":"a"}}`

func TestM2_ASourceFromCreationToRemoval(t *testing.T) {
	eachGate(t, func(g *gate) {
		made := g.post("/v1/sources", everySetting).want(201).is("url", "https://hooks.example/in/sklad-1").is("verify.secrets.0", hub.Masked).is("max_body", "512KiB")
		id, tag := made.text("id"), made.header.Get("ETag")
		for _, ref := range []string{id, "Sklad", "sklad-1"} {
			g.get("/v1/sources/"+ref).want(200).is("id", id).is("duplicate_of.window", "36h").is("verify.hmac.algorithm", "sha512").is("last_request", "")
		}
		g.get("/v1/sources?limit=1&order=asc").want(200).is("data.0.id", id)

		// What was read can be put back: nothing changes, not even the version.
		read := g.get("/v1/sources/sklad-1").want(200)
		if again := g.call("PUT", "/v1/sources/"+id, string(read.body), "If-Match", tag).want(200); again.header.Get("ETag") != tag {
			t.Errorf("the version changed: %s", again.body)
		}
		g.call("PATCH", "/v1/sources/"+id, `{"split":null,"max_body":2048,"accept":{"condition":null}}`, "Content-Type", "application/merge-patch+json").want(200).
			is("split", "").is("max_body", "2KiB").is("accept.event_types.0", "order:*")
		g.call("PATCH", "/v1/sources/"+id, `{"description":"late"}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		g.call("PATCH", "/v1/sources/"+id, `{"silent_after":"1h"}`).problem(422, hub.NotAvailable, "/silent_after")
		g.call("PATCH", "/v1/sources/"+id, `{"max_body":"a lot"}`).problem(422, hub.Invalid, "/max_body")
		g.call("PATCH", "/v1/sources/"+id, `{"verfy":{}}`).problem(422, hub.Invalid, "verify")
		g.call("DELETE", "/v1/sources/"+id, "", "If-Match", tag).problem(412, hub.PreconditionFailed)
		g.call("DELETE", "/v1/sources/"+id, "").want(204)
		g.get("/v1/sources/"+id).problem(404, hub.NotFound)
		if status := g.arrivesWith("sklad-1", `{}`); status != 404 {
			t.Errorf("the address of a removed source answered %d", status)
		}
		g.call("PUT", "/v1/sources/"+url.PathEscape("Nový"), `{"preset":"shop"}`).want(201).is("name", "Nový").is("verify.scheme", "shop")
		g.post("/v1/sources", `{"preset":"shop","name":"Second"}`).want(201)
		first := g.get("/v1/sources?limit=1").want(200).is("data.0.name", "Second")
		g.get("/v1/sources?limit=1&cursor="+first.text("next_cursor")).want(200).is("data.0.name", "Nový")
	})
}

func TestM2_ProvidersSayWhatTheirSourcesNeed(t *testing.T) {
	eachGate(t, func(g *gate) {
		g.get("/v1/providers?limit=1&order=asc").want(200).is("data.0.name", "bank")
		next := g.get("/v1/providers?limit=1&order=asc").text("next_cursor")
		g.get("/v1/providers?limit=1&order=asc&cursor="+next).want(200).is("data.0.name", "shop")
		g.get("/v1/providers/bank").want(200).is("needed.0", "webhook_id").is("secret.made", "there").is("preset", "{}")
		g.get("/v1/providers/shop").want(200).is("preset.event_type", "body.event").is("event_types.0", "order:create").is("title.en", "Shop")
		g.get("/v1/providers/none").problem(404, hub.NotFound)
		g.post("/v1/sources", `{"preset":"bank","verify":{"secrets":["planted"]}}`).problem(422, hub.Invalid, "/verify/settings/webhook_id")
		g.post("/v1/sources", `{"preset":"bank","verify":{"secrets":["planted"],"settings":{"webhook_id":"w-1"}}}`).want(201).is("verify.settings.webhook_id", "w-1")
	})
}

func TestM1_ARequestComesInAndIsSeen(t *testing.T) {
	eachGate(t, func(g *gate) {
		made := g.post("/v1/sources", `{"name":"Shop","preset":"shop"}`, "Idempotency-Key", "k").want(201)
		secret, path := made.text("verify.secrets.0"), made.text("path")
		if len(secret) < 32 || len(path) != 26 {
			t.Fatalf("made the secret %q and the path %q", secret, path)
		}
		// The secret is told once.
		g.post("/v1/sources", `{"name":"Shop","preset":"shop"}`, "Idempotency-Key", "k").want(201).is("id", made.text("id")).is("verify.secrets.0", hub.Masked)
		g.get("/v1/sources/Shop").want(200).is("verify.secrets.0", hub.Masked)

		if status := g.arrives(path, secret, `{"event":"order:create","code":"2018000057","at":"x"}`); status != 200 {
			t.Fatalf("answered %d", status)
		}
		event := g.get("/v1/events?key=2018000057").want(200).is("data.0.source", "Shop").text("data.0.id")
		list := g.get("/v1/sources/Shop/requests?outcome=accepted&limit=5&order=desc&since=2020-01-01T00:00:00Z&until=2120-01-01T00:00:00Z").want(200).
			is("data.0.events.0", event).is("data.0.verified", "true").is("data.0.status", "200")
		request := list.text("data.0.id")
		whole := g.get("/v1/sources/Shop/requests/" + request).want(200)
		if whole.text("body") != `{"event":"order:create","code":"2018000057","at":"x"}` || whole.at("headers.X-Sign") == nil {
			t.Errorf("got %s", whole.body)
		}
		g.get("/v1/sources/Shop").want(200).is("last_request.id", request).is("last_request.outcome", "accepted")

		// The same again is the same event; anything else is kept with its reason.
		if status := g.arrives(path, secret, `{"event":"order:create","code":"2018000057","at":"y"}`); status != 200 {
			t.Errorf("a repeat was answered %d", status)
		}
		g.eventually("/v1/sources/Shop/requests?outcome=duplicate", 1)
		g.call("PATCH", "/v1/sources/Shop", `{"accept":{"event_types":["order:*"]}}`).want(200)
		if status := g.arrives(path, secret, `{"event":"stock:change","code":"1"}`); status != 200 {
			t.Errorf("an ignored one was answered %d", status)
		}
		ignored := g.eventually("/v1/sources/Shop/requests?outcome=ignored,handshake", 1)
		if ignored.text("data.0.reason") == "" {
			t.Errorf("no reason: %s", ignored.body)
		}
		g.get("/v1/sources/Shop/requests?outcome=lost").problem(422, hub.Invalid, "outcome")
		first := g.get("/v1/sources/Shop/requests?limit=1").want(200)
		g.get("/v1/sources/Shop/requests?limit=1&cursor="+first.text("next_cursor")).want(200).is("data.0.outcome", "duplicate")
	})
}

func TestM4_N11_APreviewSaysWhatWouldBecomeOfWhatCameIn(t *testing.T) {
	eachGate(t, func(g *gate) {
		made := g.post("/v1/sources", `{"name":"Shop","preset":"shop","duplicate_of":{"fields":[]}}`).want(201)
		secret, path := made.text("verify.secrets.0"), made.text("path")
		for _, body := range []string{`{"event":"a","code":"1"}`, `{"event":"a","code":"1"}`, `{"event":"a","code":"2"}`, `{"event":"b","code":"2"}`} {
			if status := g.arrives(path, secret, body); status != 200 {
				t.Fatalf("answered %d", status)
			}
		}
		g.post("/v1/sources/Shop/preview", "").want(200).is("requests", "4").is("events", "4")
		tried := g.post("/v1/sources/Shop/preview", `{"source":{"duplicate_of":{"fields":["body.event","body.code"]},"accept":{"event_types":["a"]}},"last":100}`).want(200).
			is("requests", "4").is("events", "2").is("repeats", "1").is("ignored", "1")
		if tried.text("each.1.events.0.repeat_of") != tried.text("each.0.request") {
			t.Errorf("got %s", tried.body)
		}
		g.post("/v1/sources/Shop/preview", `{"last":2}`).want(200).is("requests", "2")
		g.post("/v1/sources/preview", `{"of":"Shop","last":null,"source":{"name":"New","preset":"shop","duplicate_of":{"fields":["body.event"]}}}`).want(200).
			is("events", "2").is("repeats", "2")
		g.post("/v1/sources/preview", `{"of":"Shop","source":{"preset":"shopp"}}`).problem(422, hub.Invalid, "/source/preset")
		g.post("/v1/sources/preview", `{"of":"none","source":{"preset":"shop"}}`).problem(404, hub.NotFound)
		if n := g.get("/v1/sources").count("data"); n != 1 {
			t.Errorf("a preview stored something: %d sources", n)
		}
		g.get("/v1/sources/Shop").want(200).is("duplicate_of.fields", "[]")
	})
}

// What the console shows as one timeline, a program reads along the ids.
func TestN2_ANumberLeadsFromTheRequestToTheAnswer(t *testing.T) {
	eachGate(t, func(g *gate) {
		wms := g.endpoint(`,"name":"WMS"`)
		path := g.post("/v1/sources", `{"name":"Shop","preset":"shop","verify":{"secrets":["planted-shop-secret"]}}`).want(201).text("path")
		if status := g.arrives(path, "planted-shop-secret", `{"event":"order:create","code":"2018000057"}`); status != 200 {
			t.Fatalf("the shop was answered %d", status)
		}
		found := g.get("/v1/search?q=2018000057").want(200).is("data.0.kind", "event")
		event := found.text("data.0.id")
		g.get("/v1/events/"+event).want(200).is("key", "2018000057").is("source", "Shop").is("type", "order:create")
		request := g.eventually("/v1/sources/Shop/requests?outcome=accepted", 1).is("data.0.events.0", event).is("data.0.verified", "true").text("data.0.id")
		g.get("/v1/sources/Shop/requests/"+request).want(200).is("body", `{"event":"order:create","code":"2018000057"}`)
		delivery := g.deliver(event, hub.Succeeded, 202)
		g.get("/v1/events/"+event+"/fates").want(200).is("data.0.target.id", wms).is("data.0.outcome", "delivered").is("data.0.delivery", delivery)
		g.get("/v1/deliveries/"+delivery).want(200).is("attempts.0.response.status", "202").is("attempts.0.result", "succeeded")
	})
}

func TestRule13_AReleaseTakesAnEditorAndAReason(t *testing.T) {
	eachGate(t, func(g *gate) {
		path := g.post("/v1/sources", `{"name":"Shop","preset":"shop"}`).want(201).text("path")
		if status := g.arrives(path, "another secret", `{"event":"order:create","code":"Q-1"}`); status != 401 {
			t.Fatalf("a wrong signature was answered %d", status)
		}
		list := g.eventually("/v1/sources/Shop/requests?outcome=quarantined", 1).is("data.0.verified", "false").is("data.0.status", "401")
		if !strings.Contains(list.text("data.0.reason"), "secret") {
			t.Errorf("the reason does not help: %s", list.body)
		}
		at := "/v1/sources/Shop/requests/" + list.text("data.0.id")
		operator := g.as(g.post("/v1/keys", `{"name":"o","role":"operator"}`).want(201).text("key"), "")
		operator.get(at).want(200)
		operator.post(at+"/release", `{"reason":"I know them"}`).problem(403, hub.Forbidden)
		g.post(at+"/release", `{"reason":"  "}`).problem(422, hub.Invalid, "/reason")
		g.post(at+"/release", `{}`).problem(422, hub.Invalid, "/reason")
		if n := g.get("/v1/events").count("data"); n != 0 {
			t.Fatalf("%d events before the release", n)
		}
		editor := g.as(g.post("/v1/keys", `{"name":"Eva","role":"editor"}`).want(201).text("key"), "")
		event := editor.post(at+"/release", `{"reason":"they told us the secret was changed"}`).want(200).text("events.0")
		g.get("/v1/events/"+event).want(200).is("key", "Q-1")
		g.get(at).want(200).is("outcome", "released").is("verified", "false")
		g.post(at+"/release", `{"reason":"again"}`).problem(409, hub.Conflict)
		audit := string(g.get("/v1/audit").want(200).body)
		for _, text := range []string{"released", "Eva", "they told us the secret was changed", event} {
			if !strings.Contains(audit, text) {
				t.Errorf("%q is not in the audit: %s", text, audit)
			}
		}
	})
}

func TestM3_ATriggerGoesTheWholeWay(t *testing.T) {
	eachGate(t, func(g *gate) {
		g.post("/v1/sources", `{"name":"Shop","preset":"shop"}`).want(201)
		r := g.post("/v1/sources/Shop/trigger", `{"event_type":"order:create"}`).want(200).is("outcome", "accepted").is("verified", "true")
		g.get("/v1/events/"+r.text("events.0")).want(200).is("key", "S-1").is("source", "Shop")
		g.post("/v1/sources/Shop/trigger", `{"event_type":"none such"}`).problem(404, hub.NotFound)
		g.post("/v1/sources/none/trigger", "").problem(404, hub.NotFound)
	})
}

func TestRule3_WhatARequestProvesItselfWithIsNotShown(t *testing.T) {
	eachGate(t, func(g *gate) {
		g.post("/v1/sources", `{"name":"Bank","path":"bank","preset":"bank","event_type":"body.t","verify":{"secrets":["planted-token"],"settings":{"webhook_id":"w"}}}`).want(201)
		if status := g.arrivesWith("bank?t=planted-token", `{"t":"a","echo":"planted-token"}`, "X-Token", "planted-token", "X-Webhook", "w", "Authorization", "Bearer planted-other"); status != 200 {
			t.Fatalf("answered %d", status)
		}
		id := g.eventually("/v1/sources/Bank/requests", 1).text("data.0.id")
		whole := g.get("/v1/sources/Bank/requests/"+id).want(200).is("headers.X-Token.0", hub.Masked)
		list := g.get("/v1/sources/Bank/requests").want(200)
		if all := string(whole.body) + string(list.body); strings.Contains(all, "planted-") {
			t.Errorf("a secret is shown: %s", all)
		}
	})
}

func TestRule14_AnotherTenantsSourcesAreNotFound(t *testing.T) {
	eachGate(t, func(g *gate) {
		g.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		theirs, ours := g.as(adminKey, "acme"), g.as(adminKey, "default")
		made := theirs.post("/v1/sources", `{"name":"Theirs","path":"theirs","preset":"shop"}`).want(201)
		g.arrives("theirs", made.text("verify.secrets.0"), `{"event":"a","code":"1"}`)
		g.arrives("theirs", "wrong", `{"event":"a","code":"2"}`)
		request := theirs.get("/v1/sources/theirs/requests?outcome=accepted").want(200).text("data.0.id")
		ours.post("/v1/sources", `{"name":"Ours","path":"ours","preset":"shop"}`).want(201)
		ours.post("/v1/sources", `{"name":"Mine","path":"theirs","preset":"shop"}`).problem(409, hub.Conflict)

		tried := 0
		for _, op := range operations(t) {
			if !strings.Contains(op.path, "{source}") {
				continue
			}
			body := map[string]string{"putSource": `{"preset":"shop"}`, "patchSource": `{"name":"stolen"}`, "releaseRequest": `{"reason":"x"}`}[op.id]
			refs := []string{made.text("id"), "Theirs", "theirs"}
			if op.id == "putSource" {
				refs = refs[:1] // at a name of one's own it creates
			}
			for _, ref := range refs {
				tried++
				path := strings.NewReplacer("{source}", ref, "{request}", request).Replace(op.path)
				if r := ours.call(op.method, path, body); r.status != 404 {
					t.Errorf("%s %s was answered %d: %s", op.id, ref, r.status, r.body)
				}
			}
		}
		if tried < 20 {
			t.Errorf("only %d calls were tried", tried)
		}
		// A foreign request below one's own source, and a foreign source inside a body.
		ours.get("/v1/sources/ours/requests/"+request).problem(404, hub.NotFound)
		ours.post("/v1/sources/ours/requests/"+request+"/release", `{"reason":"x"}`).problem(404, hub.NotFound)
		ours.post("/v1/sources/preview", `{"of":"theirs","source":{"preset":"shop"}}`).problem(404, hub.NotFound)
		for _, path := range []string{"/v1/sources", "/v1/audit?limit=250"} {
			if r := ours.get(path).want(200); strings.Contains(string(r.body), "Theirs") || strings.Contains(string(r.body), made.text("id")) {
				t.Errorf("%s shows what belongs to another tenant: %s", path, r.body)
			}
		}
		theirs.get("/v1/sources/theirs").want(200).is("name", "Theirs")
		viewer := g.as(theirs.post("/v1/keys", `{"name":"v","role":"editor","scopes":["sources:read"]}`).want(201).text("key"), "")
		viewer.get("/v1/sources").want(200)
		viewer.get("/v1/sources/theirs/requests").problem(403, hub.Forbidden)
		viewer.call("PATCH", "/v1/sources/theirs", `{"description":"x"}`).problem(403, hub.Forbidden)
	})
}
