package receiver_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/packs"
)

// logged is a log that a test reads.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// goneAway is a request whose sender has hung up as soon as its body was read.
func (g *gate) goneAway(header http.Header, body string) *http.Request {
	ctx, hangUp := context.WithCancel(g.ctx)
	req := httptest.NewRequestWithContext(ctx, "POST", "/in/shop", &readThen{strings.NewReader(body), hangUp})
	req.Header = header
	return req
}

type readThen struct {
	io.Reader
	then func()
}

func (r *readThen) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		r.then()
	}
	return n, err
}

// Whatever a request becomes, it becomes so although its sender does not wait for the answer; and that is no error of ours.
func TestASenderWhoHangsUpIsNoError(t *testing.T) {
	eachStore(t, func(g *gate) {
		log := &logged{}
		g.Log = slog.New(slog.NewTextHandler(log, nil))
		s := g.source(1, func(s *settings.Source) {
			s.Accept.EventTypes = []string{"order.*", "order:*"}
			s.Thin = true
			s.DuplicateOf.Fields = []string{"body.eventInstance"}
		})
		const order, stock, broken = `{"event":"order:create","eventInstance":"1"}`, `{"event":"stock:update","eventInstance":"2"}`, `{"event":`
		for _, body := range []string{order, order, stock, broken} { // new, a repeat, ignored, unreadable
			w := httptest.NewRecorder()
			g.ServeHTTP(w, g.goneAway(signed(body, secret), body))
			if w.Code != 200 {
				t.Errorf("%s: answered %d %s", body, w.Code, w.Body)
			}
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, g.goneAway(http.Header{}, order))
		if w.Code != 401 {
			t.Errorf("unsigned: answered %d %s", w.Code, w.Body)
		}
		if text := log.String(); text != "" {
			t.Errorf("the log says %s", text)
		}
		if n := len(g.events()); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		kept := map[string]int{}
		for _, r := range g.requests(s, 5) {
			kept[r.Outcome]++
		}
		if kept[hub.RequestIgnored] != 1 || kept[hub.RequestQuarantined] != 2 {
			t.Errorf("kept %v", kept)
		}
	})
}

// A certificate is fetched for everybody: whoever names it and hangs up does not keep it from the next one.
func TestRule9_HangingUpEndsNoFetch(t *testing.T) {
	g := onSQLite(t)
	g.providers["cert"] = &packs.Provider{Name: "cert", Scheme: signature.Scheme{
		Kind: "rsa", Hash: "sha256", Signed: []string{"#body#"}, Signature: []signature.Place{{Path: "header.Sig", Encoding: "base64"}},
		Fetched: &signature.Certificate{Path: "header.Cert", Hosts: []string{"api.example"}, PathMatch: `/certs/[a-z0-9]+`},
	}}
	fetched := 0
	g.Fetch = func(ctx context.Context, _ int64, _ string) ([]byte, error) {
		fetched++
		return []byte("no certificate, but an answer"), ctx.Err()
	}
	g.source(1, func(s *settings.Source) { s.Verify = hub.Verify{Scheme: "cert"} })
	header := http.Header{"Cert": {"https://api.example/certs/a"}, "Sig": {"AAAA"}}
	g.ServeHTTP(httptest.NewRecorder(), g.goneAway(header, "{}"))
	g.want(g.send("POST", "/in/shop", header, strings.NewReader("{}")), 401, "") // not 503: there is a file to judge by
	if fetched != 1 {
		t.Errorf("fetched %d times", fetched)
	}
}
