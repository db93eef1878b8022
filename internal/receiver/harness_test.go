package receiver_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/await"
	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/receiver"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
	"hacek/packs"
)

const (
	tenant = 1
	secret = "planted-61d1175f54c47dd67df14c17002a"
)

// gate is the receiver behind a real address, with a real store behind it. Nobody delivers.
type gate struct {
	*receiver.Receiver
	t         *testing.T
	ctx       context.Context
	clock     *clock.Hand
	store     *store.Store
	url       string
	providers map[string]*packs.Provider
	at        atomic.Int64 // Unix seconds; zero is what the clock says
}

func eachStore(t *testing.T, tell func(g *gate)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) { tell(newGate(t, st)) })
}

// onSQLite is for what says nothing about the database.
func onSQLite(t *testing.T) *gate {
	t.Parallel()
	st := storetest.SQLite(t)()
	storetest.Run(t, st)
	return newGate(t, st)
}

func newGate(t *testing.T, st *store.Store) *gate {
	log := slog.New(slog.DiscardHandler)
	g := &gate{t: t, ctx: t.Context(), store: st, clock: clock.NewHand(time.Now().Truncate(time.Second)), providers: map[string]*packs.Provider{}}
	now := func() time.Time {
		if at := g.at.Load(); at != 0 {
			return time.Unix(at, 0)
		}
		return g.clock.Now()
	}
	g.Receiver = &receiver.Receiver{
		Ingest: &ingest.Publisher{Store: st, Log: log, Now: now}, Store: st, Log: log, Now: now,
		Provider:  func(name string) *packs.Provider { return g.providers[name] },
		PublicURL: func(string) string { return "https://hooks.example" },
	}
	g.providers["shop"] = &packs.Provider{Name: "shop", Scheme: shopScheme(), Types: map[string]string{"order:create": "order.created"}}
	server := httptest.NewServer(g.Receiver)
	t.Cleanup(server.Close)
	g.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := g.Run(ctx); err != nil {
			t.Errorf("the receiver ended: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return g
}

func shopScheme() signature.Scheme {
	return signature.Scheme{
		Kind: "hmac", Hash: "sha1", Key: "raw", Signed: []string{"#body#"},
		Signature: []signature.Place{{Path: "header.Shop-Signature", Encoding: "hex"}},
	}
}

// source sets a source of the pretend shop up.
func (g *gate) source(no int64, change ...func(*settings.Source)) settings.Source {
	s := settings.Source{Object: hub.Object{No: no, ID: hub.NewID(), Tenant: tenant, Version: 1}, Source: hub.DefaultSource()}
	s.Name, s.Path = "shop", "shop"
	s.Verify = hub.Verify{Scheme: "shop", Secrets: []hub.Secret{hub.NewSecret(secret)}}
	s.EventType, s.Key = "body.event", "body.eventInstance"
	for _, c := range change {
		c(&s)
	}
	g.SetSource(s)
	return s
}

func signed(body, with string) http.Header {
	m := hmac.New(sha1.New, []byte(with))
	m.Write([]byte(body))
	return http.Header{"Content-Type": {"application/json"}, "Shop-Signature": {hex.EncodeToString(m.Sum(nil))}}
}

// answered is what the caller was told.
type answered struct {
	status int
	body   string
	header http.Header
}

func (g *gate) send(method, path string, header http.Header, body io.Reader) answered {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.ctx, method, g.url+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return answered{resp.StatusCode, string(text), resp.Header}
}

// post sends a rightly signed notice.
func (g *gate) post(body string) answered {
	g.t.Helper()
	return g.send("POST", "/in/shop", signed(body, secret), strings.NewReader(body))
}

func (g *gate) want(got answered, status int, body string) {
	g.t.Helper()
	if got.status != status || !strings.Contains(got.body, body) {
		g.t.Errorf("answered %d %q, want %d %q", got.status, got.body, status, body)
	}
}

// events lists what was published, oldest first.
func (g *gate) events() []*hub.Event {
	g.t.Helper()
	list, _, err := g.store.Events(g.ctx, store.EventFilter{Tenant: tenant}, store.Page{Limit: 200, Ascending: true})
	if err != nil {
		g.t.Fatal(err)
	}
	return list
}

// requests waits for so many kept requests of a source, and lists them oldest first, with bodies.
func (g *gate) requests(s settings.Source, n int) []hub.InRequest {
	g.t.Helper()
	var list []hub.InRequest
	await.Until(g.t, "requests to be kept", func() bool {
		var err error
		if list, _, err = g.store.Requests(g.ctx, store.RequestFilter{Tenant: tenant, Source: s.No}, store.Page{Limit: 250, Ascending: true}); err != nil {
			g.t.Fatal(err)
		}
		return len(list) >= n
	})
	if len(list) != n {
		g.t.Fatalf("%d requests are kept, want %d", len(list), n)
	}
	for i := range list {
		var err error
		if list[i], err = g.store.InRequest(g.ctx, tenant, s.No, list[i].ID); err != nil {
			g.t.Fatal(err)
		}
	}
	return list
}

func (g *gate) counts(s settings.Source) map[string]int64 {
	g.t.Helper()
	counts, err := g.store.RequestCounts(g.ctx, s.No, g.clock.Now().Add(-24*time.Hour))
	if err != nil {
		g.t.Fatal(err)
	}
	return counts
}

// wantRequest holds a kept request against outcome, status and a part of the reason.
func (g *gate) wantRequest(r hub.InRequest, outcome string, status int, reason string) {
	g.t.Helper()
	if r.Outcome != outcome || r.Status != status || !strings.Contains(r.Reason, reason) {
		g.t.Errorf("kept as %s, %d, %q; want %s, %d, %q", r.Outcome, r.Status, r.Reason, outcome, status, reason)
	}
}
