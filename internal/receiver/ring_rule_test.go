package receiver_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"hacek/internal/await"
	"hacek/internal/hub"
	"hacek/internal/receiver"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/internal/store"
	"hacek/packs"
)

// Few large requests are as bad as many small ones: over days, the newest 50 MiB of a source stay.
func TestRule10_LargeBodiesOfStrangersHaveACap(t *testing.T) {
	g := onSQLite(t)
	const size = 4 << 20
	s := g.source(1, func(s *settings.Source) { s.MaxBody = size })
	body := bytes.Repeat([]byte("x"), size)
	sent := 0
	for range 2 {
		for range 10 {
			w := &nobody{header: http.Header{}}
			req, _ := http.NewRequestWithContext(context.Background(), "POST", "/in/shop", bytes.NewReader(body))
			if g.ServeHTTP(w, req); w.status != 401 {
				t.Fatalf("a stranger is answered %d", w.status)
			}
			sent++
			await.Until(g.t, "it to be counted", func() bool { return g.counts(s)["quarantined"] == int64(sent) })
		}
		g.clock.Advance(time.Hour) // room for a ring's worth again
	}
	list, _, err := g.store.Requests(g.ctx, store.RequestFilter{Tenant: tenant, Source: s.No}, store.Page{Limit: 250})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, r := range list {
		sum += r.Size
	}
	if sum > receiver.RingBytes || sum < receiver.RingBytes-2*size {
		t.Errorf("%d requests of %d are kept, %d MiB, want at most 50 MiB and nearly so many", len(list), sent, sum>>20)
	}
}

// Whoever fetches a certificate, what is larger than 64 KiB is none.
func TestRule9_ALargeCertificateIsRefused(t *testing.T) {
	g := onSQLite(t)
	g.providers["cert"] = &packs.Provider{Name: "cert", Scheme: signature.Scheme{
		Kind: "rsa", Hash: "sha256", Signed: []string{"#body#"}, Signature: []signature.Place{{Path: "header.Sig", Encoding: "base64"}},
		Fetched: &signature.Certificate{Path: "header.Cert", Hosts: []string{"api.example"}, PathMatch: `/certs/[a-z0-9]+`},
	}}
	g.Fetch = func(context.Context, int64, string) ([]byte, error) { return make([]byte, 64<<10+1), nil }
	s := g.source(1, func(s *settings.Source) { s.Verify = hub.Verify{Scheme: "cert"} })
	g.want(g.send("POST", "/in/shop", http.Header{"Cert": {"https://api.example/certs/a"}, "Sig": {"AAAA"}}, strings.NewReader("{}")), 503, "")
	if reason := g.requests(s, 1)[0].Reason; !strings.Contains(reason, "64 KiB") {
		t.Errorf("the reason is %q", reason)
	}
}

// A condition is bounded for one part, and for all parts of a request together; what cannot be judged in time waits for a
// person, neither let through nor dropped.
func TestRule11_JudgingARequestHasAnEnd(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1, func(s *settings.Source) {
		s.Split, s.MaxBody = "body.items", 4<<20
		s.Accept.Condition = "data.l.exists(x, data.l.exists(y, x + y < 0.0))"
	})
	item := `{"l":[` + strings.Repeat("1,", 60) + `1]}`
	g.want(g.post(`{"items":[`+strings.Repeat(item+",", 9_999)+item+`]}`), 200, "")
	g.wantRequest(g.requests(s, 1)[0], hub.RequestQuarantined, 200, "more than 500 ms")
}
