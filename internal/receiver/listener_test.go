package receiver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/await"
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// house is the listeners with two doors behind them that say who they are.
type house struct {
	*Listeners
	t *testing.T
}

func newHouse(t *testing.T) *house {
	t.Parallel()
	says := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			from := originOf(req)
			body, _ := io.ReadAll(req.Body)
			fmt.Fprintf(w, "%s %s %s %s %d", name, from.listener, from.scheme, from.peer, len(body))
		})
	}
	h := &house{&Listeners{Handlers: map[string]http.Handler{"receiver": says("receiver"), "api": says("api")}, Log: slog.New(slog.DiscardHandler)}, t}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

func (h *house) listener(no int64, change func(*settings.Listener)) settings.Listener {
	l := settings.Listener{Object: hub.Object{No: no, ID: hub.NewID()}, Listener: hub.DefaultListener()}
	l.Name, l.Address = fmt.Sprintf("listener-%d", no), "127.0.0.1:0"
	if change != nil {
		change(&l)
	}
	h.Set(l)
	return l
}

func (h *house) address(l settings.Listener) string {
	h.t.Helper()
	s, known := h.State(l.ID)
	if !known || s.Address == "" {
		h.t.Fatalf("not open: %+v", s)
	}
	return s.Address
}

// makeCertificate writes one for localhost, whose serial number tells which it is.
func makeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	return certFile, keyFile
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// caller is a client that takes any certificate and tells its serial number.
func caller(keep bool) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: !keep, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test looks at the serial number
	}}
}

func get(c *http.Client, url string, header http.Header) (status int, body string, serial int64, err error) {
	req, err := http.NewRequestWithContext(context.Background(), "POST", url, strings.NewReader("hello"))
	if err != nil {
		return 0, "", 0, err
	}
	if header != nil {
		req.Header = header
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if resp.TLS != nil {
		serial = resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	return resp.StatusCode, string(text), serial, err
}

func TestM1_SeveralAddressesEachWithWhatItServes(t *testing.T) {
	h := newHouse(t)
	in := h.listener(1, func(l *settings.Listener) { l.PublicURL = "https://hooks.example/" })
	both := h.listener(2, func(l *settings.Listener) { l.Serves = []string{"receiver", "api"} })
	for _, c := range []struct {
		of     settings.Listener
		path   string
		status int
		want   string
	}{
		{in, "/in/shop", 200, "receiver listener-1 http 127.0.0.1 5"},
		{in, "/v1/events", 404, "nothing is served"},
		{both, "/in/shop", 200, "receiver listener-2 http 127.0.0.1 5"},
		{both, "/v1/events", 200, "api listener-2"},
	} {
		status, body, _, err := get(caller(false), "http://"+h.address(c.of)+c.path, nil)
		if err != nil || status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %q, %v", c.of.Name, c.path, status, body, err)
		}
	}
	if got := h.PublicURL("listener-1"); got != "https://hooks.example" {
		t.Errorf("public URL %q", got)
	}
	address := h.address(in)
	in.Active = false
	h.Set(in)
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("a listener that is off still listens")
	}
	in.Active, in.Address = true, address
	h.Set(in)
	if _, _, _, err := get(caller(false), "http://"+address+"/in/x", nil); err != nil {
		t.Error(err)
	}
	in.Deleted = true
	h.Set(in)
	if _, known := h.State(in.ID); known {
		t.Error("a deleted listener is still known")
	}
}

// An address in use is told, and taken as soon as it is free.
func TestM1_AnAddressInUse(t *testing.T) {
	h := newHouse(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := h.listener(1, func(l *settings.Listener) { l.Address = busy.Addr().String() })
	if s, _ := h.State(l.ID); s.Address != "" || !strings.Contains(s.Problem, "cannot listen on") {
		t.Errorf("state %+v", s)
	}
	_ = busy.Close()
	await.Until(h.t, "the address to be taken", func() bool { s, _ := h.State(l.ID); return s.Address != "" && s.Problem == "" })
}

// While requests come in, the certificate changes three times, once to nonsense. No request is lost.
func TestM1_ANewCertificateLosesNoRequest(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	certFile, keyFile := makeCertificate(t, dir, 1)
	l := h.listener(1, func(l *settings.Listener) { l.Certificate, l.Key = certFile, keyFile })
	url := "https://" + h.address(l) + "/in/shop"

	var wg sync.WaitGroup
	var done atomic.Int64
	stop := make(chan struct{})
	for i := range 4 {
		c := caller(i%2 == 0)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status, body, _, err := get(c, url, nil); err != nil || status != 200 || !strings.HasSuffix(body, " https 127.0.0.1 5") {
					t.Errorf("lost: %d %q %v", status, body, err)
					return
				}
				done.Add(1)
			}
		})
	}
	serial := func() int64 {
		_, _, n, err := get(caller(false), url, nil)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := serial(); n != 1 {
		t.Errorf("certificate %d", n)
	}
	makeCertificate(t, dir, 2)
	await.Until(h.t, "the second certificate", func() bool { return serial() == 2 })
	write(t, certFile, []byte("-----BEGIN CERTIFICATE-----\nnonsense"))
	await.Until(h.t, "the broken file to be told", func() bool {
		s, _ := h.State(l.ID)
		return strings.Contains(s.Problem, "certificate") && s.Address != "" && !s.Expires.IsZero()
	})
	if n := serial(); n != 2 {
		t.Errorf("certificate %d while the new file is broken, want the old one", n)
	}
	makeCertificate(t, dir, 3)
	await.Until(h.t, "the third certificate", func() bool { s, _ := h.State(l.ID); return serial() == 3 && s.Problem == "" })
	close(stop)
	wg.Wait()
	if done.Load() < 20 {
		t.Errorf("only %d requests meanwhile", done.Load())
	}
	// Plain HTTP where TLS is asked for is never served, also when there never was a good certificate.
	broken := h.listener(2, func(l *settings.Listener) { l.Certificate, l.Key = certFile, filepath.Join(dir, "none.key") })
	if s, _ := h.State(broken.ID); s.Address != "" || s.Problem == "" {
		t.Errorf("state %+v", s)
	}
	plain := h.listener(3, nil)
	h.address(plain)
	plain.Certificate, plain.Key = certFile, filepath.Join(dir, "none.key")
	h.Set(plain)
	if s, _ := h.State(plain.ID); s.Address != "" || s.Problem == "" {
		t.Errorf("plain HTTP goes on without the certificate that is asked for: %+v", s)
	}
}

func TestRule11_SlowCallersAreCutOff(t *testing.T) {
	h := newHouse(t)
	l := h.listener(1, nil)
	h.mu.Lock()
	server := h.all[1].server
	h.mu.Unlock()
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes > 1<<20 {
		t.Errorf("a listener without limits: %+v", server)
	}
	c, err := net.Dial("tcp", h.address(l))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write(append([]byte("POST /in/shop HTTP/1.1\r\nHost: x\r\nX-Long: "), bytes.Repeat([]byte("a"), 1<<20)...))
	answer, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 431") {
		t.Errorf("1 MB of header is answered %.40q", answer)
	}
}

// What a proxy says counts only when the connection comes from a trusted one.
func TestM1_TrustedProxies(t *testing.T) {
	h := newHouse(t)
	trusting := h.listener(1, func(l *settings.Listener) { l.TrustedProxies = []string{"127.0.0.1", "10.0.0.0/8"} })
	other := h.listener(2, func(l *settings.Listener) { l.TrustedProxies = []string{"192.0.2.0/24"} })
	for _, c := range []struct {
		of      settings.Listener
		forward []string
		proto   string
		want    string
	}{
		{trusting, nil, "", "http 127.0.0.1"},
		{trusting, []string{"203.0.113.9"}, "https", "https 203.0.113.9"},
		{trusting, []string{"1.1.1.1, 203.0.113.9, 10.1.2.3"}, "", "http 203.0.113.9"},
		{trusting, []string{"1.1.1.1", "203.0.113.9"}, "", "http 203.0.113.9"},
		{trusting, []string{"203.0.113.9, nonsense"}, "gopher", "http 127.0.0.1"},
		{trusting, []string{"[2001:db8::1]:443"}, "", "http 2001:db8::1"},
		{trusting, []string{"::ffff:203.0.113.9"}, "", "http 203.0.113.9"},
		{other, []string{"203.0.113.9"}, "https", "http 127.0.0.1"},
	} {
		header := http.Header{"X-Forwarded-For": c.forward}
		if c.proto != "" {
			header.Set("X-Forwarded-Proto", c.proto)
		}
		_, body, _, err := get(caller(false), "http://"+h.address(c.of)+"/in/shop", header)
		if err != nil || !strings.Contains(body, c.want+" ") {
			t.Errorf("%v: %q, want %s (%v)", c.forward, body, c.want, err)
		}
	}
	if within([]netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, netip.MustParseAddr("110.0.0.12")) {
		t.Error("a part of an address is taken for the whole")
	}
}

// Requests under way are finished when a listener moves to another address.
func TestM1_ALateRequestIsFinished(t *testing.T) {
	h := newHouse(t)
	entered, let := make(chan struct{}), make(chan struct{})
	h.Handlers["receiver"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-let
		_, _ = io.WriteString(w, "done")
	})
	l := h.listener(1, nil)
	old := h.address(l)
	got := make(chan string, 1)
	go func() {
		_, body, _, err := get(caller(false), "http://"+old+"/in/shop", nil)
		got <- fmt.Sprint(body, err)
	}()
	<-entered
	l.Active = false
	h.Set(l)
	close(let)
	if body := <-got; body != "done<nil>" {
		t.Errorf("the request under way ended as %q", body)
	}
}
