package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/hub"
)

const order = `{"order":{"id":12345678901234567890,"code":"2018000057","total":1234.50,"note":"řekl \"ahoj\"\na šel"},"customer":{"email":"a+b@example.cz","name":"Žluťoučký & syn"},"lines":[{"sku":"A 1","quantity":2},{"sku":"B/2","quantity":1}]}`

// received is one request as a receiver saw it.
type received struct {
	Method, URI string
	Header      http.Header
	Body        []byte
}

// receiver is a real web server that remembers what it got.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	got     []received
	answers []http.HandlerFunc
}

func newReceiver(t *testing.T, answers ...http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	n := len(r.got)
	r.got = append(r.got, received{q.Method, q.RequestURI, q.Header.Clone(), body})
	var answer http.HandlerFunc
	if len(r.answers) > 0 {
		answer = r.answers[min(n, len(r.answers)-1)]
	}
	r.mu.Unlock()
	if answer != nil {
		answer(w, q)
	}
}

func (r *receiver) last(t *testing.T) received {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		t.Fatal("the receiver got nothing")
	}
	return r.got[len(r.got)-1]
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func loopback() Policy {
	return Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

func newSender(t *testing.T) (*Sender, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s := &Sender{Log: slog.New(slog.NewTextHandler(&log, nil)), Policy: loopback()}
	t.Cleanup(s.Close)
	return s, &log
}

// endpoint is the default endpoint with changes written as the API takes them.
func endpoint(t *testing.T, settings string) hub.Endpoint {
	t.Helper()
	e := hub.DefaultEndpoint()
	d := json.NewDecoder(strings.NewReader(settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%v in %s", err, settings)
	}
	return e
}

func compile(t *testing.T, settings string) *Compiled {
	t.Helper()
	c, err := Compile(endpoint(t, settings), 1)
	if err != nil {
		t.Fatalf("%v in %s", err, settings)
	}
	return c
}

func newCall(data string) Call {
	id := hub.NewID()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return Call{
		Event:  &hub.Event{ID: id, Tenant: 1, Type: "order.created", Source: "Shoptet", Key: "2018000057", Time: at, ReceivedAt: at, Data: []byte(data)},
		Number: 1, DeliveryID: "dlv_1", AttemptID: "att_1", SettingsVersion: 7,
	}
}

func send(t *testing.T, s *Sender, c *Compiled, call Call) *hub.Attempt {
	t.Helper()
	a := s.Send(context.Background(), c, call)
	if strings.Contains(a.Error, "BUG") {
		t.Fatal(a.Error)
	}
	return a
}

func wantResult(t *testing.T, a *hub.Attempt, want hub.Result) {
	t.Helper()
	if a.Result != want {
		t.Fatalf("result %q (status %d, %s; %s), want %q", a.Result, a.Status, a.Error, a.Hint, want)
	}
	if want != hub.Succeeded && a.Error == "" {
		t.Errorf("%s without words", want)
	}
}
