package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/sender"
)

// started is a hub inside the test's process.
type started struct {
	t    *testing.T
	base string
	key  string // the first key, "" when none was made
	stop func() error
}

func start(t *testing.T, c Config) *started {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	s := &started{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, c, Options{
			Log: slog.New(slog.DiscardHandler), Version: "test",
			FirstKey:  func(key string) { s.key = key },
			Listening: func(at net.Addr) { listening <- at },
			Fatal:     func(err error) { t.Errorf("fatal: %v", err) },
		})
	}()
	select {
	case at := <-listening:
		s.base = "http://" + at.String()
	case err := <-ended:
		t.Fatal(err)
	}
	s.stop = func() error { cancel(); return <-ended }
	return s
}

func config(t *testing.T) Config {
	t.Helper()
	c, err := Load(Layers{Flags: map[string]string{"data": filepath.Join(t.TempDir(), "data")}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *started) client(key string) *client.Client {
	// Connections of its own, so that none is left over when the hub has stopped.
	transport := &http.Transport{}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &client.Client{Base: s.base, Key: hub.NewSecret(key), HTTP: &http.Client{Transport: transport}}
}

func TestFirstStartMakesOneKeyAndStopLeavesNothingBehind(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	c := config(t)
	s := start(t, c)
	if !strings.HasPrefix(s.key, "hk_") {
		t.Fatalf("the first start made the key %q", s.key)
	}
	first := s.key
	caller := s.client(first)
	if err := caller.Do(t.Context(), "POST", "/v1/events", []byte(`{"type":"order.created","data":{}}`), nil); err != nil {
		t.Fatal(err)
	}
	watching, cut := make(chan bool), make(chan error, 1)
	go func() {
		cut <- caller.Stream(t.Context(), "", func() error { close(watching); return nil }, func(client.Message) error { return nil })
	}()
	<-watching
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a watcher kept the hub from stopping for %s", took)
	}
	if err := <-cut; hub.CodeOf(err) != client.Unreachable {
		t.Errorf("the watcher's stream ended with %v", err)
	}

	s = start(t, c)
	if s.key != "" {
		t.Error("the second start made another key")
	}
	var list struct{ Data []struct{ Type string } }
	if err := s.client(first).Do(t.Context(), "GET", "/v1/events", nil, &list); err != nil || len(list.Data) != 1 {
		t.Errorf("after the restart: %v, %v", list, err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestRule11_RequestsAreCappedBeforeTheyAreRead(t *testing.T) {
	c := config(t)
	c.MaxData = 1 << 10
	s := start(t, c)
	caller := s.client(s.key)
	event := func(n int) []byte {
		return []byte(`{"type":"order.created","data":"` + strings.Repeat("x", n-2) + `"}`)
	}
	if err := caller.Do(t.Context(), "POST", "/v1/events", event(1<<10), nil); err != nil {
		t.Errorf("data of the largest size: %v", err)
	}
	for _, n := range []int{1<<10 + 1, 4 << 20} {
		if err := caller.Do(t.Context(), "POST", "/v1/events", event(n), nil); hub.CodeOf(err) != hub.TooLarge {
			t.Errorf("%d bytes of data: %v", n, err)
		}
	}
	request, err := http.NewRequest("GET", s.base+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Large", strings.Repeat("x", 2*maxHeader))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d bytes of headers: %s", 2*maxHeader, answer.Status)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// Everything that is set up counts again after a restart, before the first event: endpoint, condition, event type.
func TestRestartKnowsEverythingThatIsSetUp(t *testing.T) {
	got := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer receiver.Close()
	c := config(t)
	c.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s := start(t, c)
	key := s.key
	caller := s.client(key)
	for path, body := range map[string]string{
		"/v1/endpoints":             `{"name":"Sklad","request":{"url":"` + receiver.URL + `"},"subscription":{"condition":"data.order.code != \"2\""}}`,
		"/v1/packs/shoptet/install": ``,
	} {
		if err := caller.Do(t.Context(), "POST", path, []byte(body), nil); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	caller = s.client(key)
	var answer struct {
		Key        string
		Deliveries int
	}
	for code, deliveries := range map[string]int{"1": 1, "2": 0} {
		if err := caller.Do(t.Context(), "POST", "/v1/events", []byte(`{"type":"order.created","data":{"order":{"code":"`+code+`"}}}`), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Key != code || answer.Deliveries != deliveries {
			t.Errorf("order %s: key %q and %d deliveries, want %d", code, answer.Key, answer.Deliveries, deliveries)
		}
	}
	select {
	case body := <-got:
		if !strings.Contains(body, `"key":"1"`) {
			t.Errorf("got %s", body)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing was delivered")
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// A start without the key that sealed the secrets fails, and leaves no new key where the right one belongs.
func TestRule18_ALostKeyIsNotReplaced(t *testing.T) {
	c := config(t)
	s := start(t, c)
	err := s.client(s.key).Do(t.Context(), "POST", "/v1/endpoints", []byte(`{"name":"Sklad","request":{"url":"https://wms.example/in"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	aside := c.KeyFile() + ".aside"
	if err := os.Rename(c.KeyFile(), aside); err != nil {
		t.Fatal(err)
	}
	c.Listen = "127.0.0.1:0"
	err = Run(t.Context(), c, Options{Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
	if err == nil {
		t.Fatal("the hub started without the key to its secrets")
	}
	if _, err := os.Stat(c.KeyFile()); !os.IsNotExist(err) {
		t.Fatalf("a new key was left behind (%v)", err)
	}
	if err := os.Rename(aside, c.KeyFile()); err != nil {
		t.Fatal(err)
	}
	if err := start(t, c).stop(); err != nil {
		t.Fatal(err)
	}
}

// A port that is open for a shop opens no login page, and the other way round.
func TestRule12_AListenerServesItsOwnRoomsOnly(t *testing.T) {
	s := start(t, config(t))
	admin := s.client(s.key)
	status := func(address, path string) int {
		t.Helper()
		answer, err := admin.HTTP.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	var tenant struct{ ID string }
	if err := admin.Do(t.Context(), "GET", "/v1/tenants/default", nil, &tenant); err != nil {
		t.Fatal(err)
	}
	portal := "/portal/" + tenant.ID
	paths := []string{"/in/nobody", "/v1/events", "/login", portal, "/static/hacek.css"}
	for room, want := range map[string][5]int{
		"receiver": {404, 404, 404, 404, 404},
		"api":      {404, 401, 404, 404, 404},
		"console":  {404, 404, 200, 200, 200},
		"portal":   {404, 404, 404, 200, 200},
	} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		_ = free.Close()
		body := `{"name":"` + room + `","address":"` + address + `","serves":["` + room + `"]}`
		if err := admin.Do(t.Context(), "POST", "/v1/listeners", []byte(body), nil); err != nil {
			t.Fatal(err)
		}
		for i, path := range paths {
			if got := status(address, path); got != want[i] {
				t.Errorf("the listener that serves %s answers %s with %d, want %d", room, path, got, want[i])
			}
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// Each listener has its own public address, and that of the one a request came in by is what the provider has signed.
func TestM4_TheSignedAddressIsTheListeners(t *testing.T) {
	s := start(t, config(t))
	admin := s.client(s.key)
	const secret = "planted-hmac-secret"
	at := map[string]string{}
	for name, public := range map[string]string{"shops": "https://shops.example.cz", "banks": "https://banks.example.cz:8443/hooks"} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[name] = "http://" + free.Addr().String()
		_ = free.Close()
		body := `{"name":"` + name + `","address":"` + free.Addr().String() + `","serves":["receiver"],"public_url":"` + public + `"}`
		if err := admin.Do(t.Context(), "POST", "/v1/listeners", []byte(body), nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"shop": "https://shops.example.cz/in/shop", "any": s.base + "/in/any"} {
		pinned := ""
		if name == "shop" {
			pinned = `"listener":"shops",`
		}
		var source struct{ URL string }
		if err := admin.Do(t.Context(), "POST", "/v1/sources", []byte(`{"name":"`+name+`","path":"`+name+`",`+pinned+`"event_type":"body.type",
			"verify":{"scheme":"hmac","secrets":["`+secret+`"],"hmac":{"header":"X-Signed","signed":"#url##body#"}}}`), nil); err != nil {
			t.Fatal(err)
		}
		if err := admin.Do(t.Context(), "GET", "/v1/sources/"+name, nil, &source); err != nil || source.URL != want {
			t.Errorf("the source %s is at %s, want %s (%v)", name, source.URL, want, err)
		}
	}
	for i, c := range []struct {
		to, signed string
		want       int
	}{
		{at["shops"] + "/in/shop", "https://shops.example.cz/in/shop", 200},
		{at["shops"] + "/in/shop?a=1", "https://shops.example.cz/in/shop?a=1", 200},
		{at["shops"] + "/in/shop", "https://banks.example.cz:8443/hooks/in/shop", 401},
		{at["shops"] + "/in/shop", s.base + "/in/shop", 401},
		{at["banks"] + "/in/shop", "https://banks.example.cz:8443/hooks/in/shop", 404},
		{at["banks"] + "/in/shop", "https://shops.example.cz/in/shop", 404},
		{at["banks"] + "/in/any", "https://banks.example.cz:8443/hooks/in/any", 200},
		{at["banks"] + "/in/any", "https://shops.example.cz/in/any", 401},
		{s.base + "/in/any", s.base + "/in/any", 200},
	} {
		body := `{"type":"order.created","n":` + strconv.Itoa(i) + `}`
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(c.signed + body))
		request, err := http.NewRequestWithContext(t.Context(), "POST", c.to, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Signed", hex.EncodeToString(mac.Sum(nil)))
		answer, err := admin.HTTP.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s signed over %s is answered %d, want %d", c.to, c.signed, answer.StatusCode, c.want)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// What a listener is doing stands beside how it is set up.
func TestAListenerTellsItsState(t *testing.T) {
	s := start(t, config(t))
	admin := s.client(s.key)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	type state struct {
		Listening               bool
		Address, Since, Problem *string
	}
	read := func(name string) *state {
		t.Helper()
		var l struct{ State *state }
		if err := admin.Do(t.Context(), "GET", "/v1/listeners/"+name, nil, &l); err != nil {
			t.Fatal(err)
		}
		if l.State == nil {
			t.Fatalf("nothing is known of the listener %s", name)
		}
		return l.State
	}
	for name, address := range map[string]string{"open": free.Addr().String(), "refused": taken.Addr().String()} {
		body := `{"name":"` + name + `","address":"` + address + `","serves":["receiver"]}`
		if err := admin.Do(t.Context(), "POST", "/v1/listeners", []byte(body), nil); err != nil {
			t.Fatal(err)
		}
	}
	if is := read("open"); !is.Listening || is.Address == nil || is.Since == nil || is.Problem != nil {
		t.Errorf("an open listener is %+v", is)
	}
	if is := read("refused"); is.Listening || is.Problem == nil || !strings.Contains(*is.Problem, "in use") {
		t.Errorf("one whose address is taken is %+v", is)
	}
	if err := admin.Do(t.Context(), "PATCH", "/v1/listeners/open", []byte(`{"active":false}`), nil); err != nil {
		t.Fatal(err)
	}
	if is := read("open"); is.Listening || is.Address != nil || is.Problem != nil {
		t.Errorf("one that is switched off is %+v", is)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// What the receiver fetches - a certificate, a confirmation - goes through the guarded dialer, follows nothing and has
// an end.
func TestRule9_WhatIsFetchedIsGuarded(t *testing.T) {
	const endless = 256 << 20
	var written atomic.Int64
	ended := make(chan struct{})
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/cert", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, maxCertificate+1))
		case "/endless":
			defer close(ended)
			for part := make([]byte, 1<<20); written.Load() < endless; written.Add(int64(len(part))) {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		default:
			_, _ = io.WriteString(w, "a certificate")
		}
	}))
	defer peer.Close()
	h := &house{sender: &sender.Sender{Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}}
	defer h.sender.Close()
	if text, err := h.fetch(t.Context(), 1, peer.URL+"/cert"); err != nil || string(text) != "a certificate" {
		t.Errorf("got %q, %v", text, err)
	}
	for path, why := range map[string]string{"/moved": "302", "/large": "larger"} {
		if _, err := h.fetch(t.Context(), 1, peer.URL+path); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %s", path, err, why)
		}
	}
	if _, err := h.fetch(t.Context(), 1, peer.URL+"/endless"); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("an answer without an end: %v", err)
	}
	if <-ended; written.Load() >= endless {
		t.Error("an answer without an end was read to its end")
	}
	closed := &house{sender: &sender.Sender{}}
	defer closed.sender.Close()
	if _, err := closed.fetch(t.Context(), 1, peer.URL+"/cert"); err == nil {
		t.Error("a private address was fetched from without leave")
	}
	if err := closed.confirm(t.Context(), 1, peer.URL+"/cert"); err == nil {
		t.Error("a private address was called to confirm without leave")
	}
}
