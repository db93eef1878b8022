package sender

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/hub"
)

const planted = "Pl4nted-S3cret/+ž\"x"

// nowhere fails when a planted secret stands in any output, in any form.
func nowhere(t *testing.T, log fmt.Stringer, secret string, outputs ...any) {
	t.Helper()
	text := log.String()
	for _, o := range outputs {
		switch o := o.(type) {
		case *hub.Attempt:
			text += string(appendRecord(nil, &Record{Attempt: o})) + string(o.Request.Body) + string(o.Response.Body) + fmt.Sprintf("%+v", *o)
		default:
			text += fmt.Sprintf("%+v", o)
		}
	}
	for _, form := range forms(secret) {
		if strings.Contains(text, form) {
			t.Errorf("the secret is shown as %q in %s", form, text)
		}
	}
}

func TestE7_EveryKindOfAuthenticationMasked(t *testing.T) {
	// The receiver echoes everything it was sent, in its answer and in a header.
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("X-Api-Key")+r.Header.Get("X-Login"))
		w.Header().Set("Set-Cookie", "session=abcdefgh")
		w.WriteHeader(403)
		fmt.Fprintf(w, "%s %v", r.RequestURI, r.Header)
	}
	q, _ := json.Marshal(planted)
	quoted := string(q)
	basic := "Basic " + forms("jana:" + planted)[4]
	for _, c := range []struct {
		auth, request string
		header, value string
		query         string
	}{
		{auth: `{"type":"bearer","token":` + quoted + `}`, header: "Authorization", value: "Bearer " + planted},
		{auth: `{"type":"basic","username":"jana","password":` + quoted + `}`, header: "Authorization", value: basic},
		{auth: `{"type":"basic","username":"jana","password":` + quoted + `,"header":"X-Login"}`, header: "X-Login", value: basic},
		{auth: `{"type":"api_key","in":"header","name":"X-Api-Key","value":` + quoted + `}`, header: "X-Api-Key", value: planted},
		{auth: `{"type":"api_key","in":"query","name":"k","value":` + quoted + `}`, query: "k"},
		{auth: `{"type":"none"}`, request: `,"headers":{"X-Api-Key":` + quoted + `}`, header: "X-Api-Key", value: planted},
		{auth: `{"type":"none"}`, request: `,"query":{"apikey":` + quoted + `}`, query: "apikey"},
	} {
		r := newReceiver(t, echo)
		s, log := newSender(t)
		settings := fmt.Sprintf(`{"request":{"url":"%s/in?a=1"%s},"auth":%s}`, r.URL, c.request, c.auth)
		a := send(t, s, compile(t, settings), newCall(order))
		wantResult(t, a, hub.Refused)
		got := r.last(t)
		if c.header != "" && got.Header.Get(c.header) != c.value {
			t.Errorf("%s: got %q, want %q", c.auth, got.Header.Get(c.header), c.value)
		}
		if u, _ := url.Parse(got.URI); c.query != "" && u.Query().Get(c.query) != planted {
			t.Errorf("%s: got %s", c.auth, got.URI)
		}
		shown, err := s.Preview(compile(t, settings), newCall(order))
		nowhere(t, log, planted, a, shown, err)
		if strings.Contains(a.Response.Headers.Get("Set-Cookie"), "abcdefgh") {
			t.Error("a cookie is shown")
		}
		if !strings.Contains(a.Request.URL+fmt.Sprint(a.Request.Headers), "***") {
			t.Errorf("%s: nothing says that something was left out", c.auth)
		}
	}
}

func TestE7_ASecretInsideTheDataIsMaskedToo(t *testing.T) {
	r := newReceiver(t)
	s, log := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"bearer","token":"planted-geheim"}}`, r.URL))
	a := send(t, s, c, newCall(`{"a":"planted-geheim"}`))
	nowhere(t, log, "planted-geheim", a)
	if a.Request.DataLen != 0 {
		t.Error("the evidence would be put together from the data, secret included")
	}
	if !strings.Contains(string(r.last(t).Body), "planted-geheim") {
		t.Error("what is sent was changed too")
	}
}

func TestE7_AKeyTypedIntoTheAddressIsMasked(t *testing.T) {
	r := newReceiver(t, answers(500, ""))
	s, log := newSender(t)
	a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s/in?key=Abcdef-123456&order=#event.key#"}}`, r.URL)), newCall(order))
	nowhere(t, log, "Abcdef-123456", a)
	if !strings.HasSuffix(a.Request.URL, "/in?key=***&order=2018000057") {
		t.Errorf("got %s", a.Request.URL)
	}
	a = send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s/in?key=#event.key#"}}`, r.URL)), newCall(order))
	if !strings.HasSuffix(a.Request.URL, "/in?key=2018000057") {
		t.Errorf("the order's number is taken for a secret: %s", a.Request.URL)
	}
}

func TestRule4_NothingOfOursCanBeSetAndNoHeaderInjected(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s/a/#data.p#/b","headers":{"X-A":"#data.h#"}}}`, r.URL))
	for _, data := range []string{`{"h":"a\r\nX-B: 1","p":"x"}`, `{"h":"a\u0000","p":"x"}`, `{"h":"\u007f","p":"x"}`, `{"h":"a","p":".."}`, `{"h":"a","p":"."}`} {
		wantResult(t, send(t, s, c, newCall(data)), hub.RenderFailed)
	}
	if r.count() != 0 {
		t.Error("a broken request went out")
	}
	wantResult(t, send(t, s, c, newCall(`{"h":"ok","p":"a/../b"}`)), hub.Succeeded)
	if got := r.last(t); got.URI != "/a/a%2F..%2Fb/b" {
		t.Errorf("got %s", got.URI)
	}
	// One pass: a value that looks like a variable stays what it is.
	wantResult(t, send(t, s, c, newCall(`{"h":"#event.id#","p":"x"}`)), hub.Succeeded)
	if got := r.last(t).Header.Get("X-A"); got != "#event.id#" {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"Host", "content-length", "Transfer-Encoding", "Connection", "Webhook-Signature", "webhook-anything", "HACEK-hops", "Content-Type"} {
		if _, err := Compile(endpoint(t, fmt.Sprintf(`{"request":{"url":"%s","headers":{"%s":"1"}}}`, r.URL, name)), 1); err == nil {
			t.Errorf("%s can be set", name)
		}
	}
}

// tokenServer hands out tokens and remembers how it was asked.
type tokenServer struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string
	expires string
	refuse  bool
	inBody  bool // wants the secret in the body, as some do
}

func newTokenServer(t *testing.T) *tokenServer {
	s := &tokenServer{expires: "3600"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // what cannot be read is not there, and the answer says so
	user, password, _ := r.BasicAuth()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inBody && user != "" {
		w.WriteHeader(401)
		return
	}
	s.asked = append(s.asked, fmt.Sprintf("%s:%s %s", user, password, r.PostForm.Encode()))
	if s.refuse {
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"error":"invalid_client","echo":"%s"}`, password)
		return
	}
	fmt.Fprintf(w, `{"access_token":"token-number-%d","expires_in":%s}`, len(s.asked), s.expires)
}

func (s *tokenServer) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.asked) }

func TestE7_OAuth2TokensAreFetchedOnceAndRenewedOn401(t *testing.T) {
	tokens := newTokenServer(t)
	var mu sync.Mutex
	good := "Bearer token-number-1"
	var seen []string
	r := newReceiver(t, func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, q.Header.Get("Authorization"))
		if q.Header.Get("Authorization") != good {
			w.WriteHeader(401)
		}
	})
	s, log := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"oauth2","token_url":"%s/token","client_id":"id 1","client_secret":"tajné-heslo-1","scopes":["b","a"]}}`, r.URL, tokens.URL))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { wantResult(t, s.Send(context.Background(), c, newCall(order)), hub.Succeeded) })
	}
	wait.Wait()
	if tokens.count() != 1 {
		t.Fatalf("8 calls fetched %d tokens", tokens.count())
	}
	if want := "id+1:tajn%C3%A9-heslo-1 grant_type=client_credentials&scope=b+a"; tokens.asked[0] != want {
		t.Errorf("asked %q, want %q", tokens.asked[0], want)
	}
	mu.Lock()
	good = "Bearer token-number-2" // the first one is withdrawn
	mu.Unlock()
	a := send(t, s, c, newCall(order))
	wantResult(t, a, hub.Succeeded)
	nowhere(t, log, "token-number-2", a)
	mu.Lock()
	good = "nothing"
	mu.Unlock()
	wantResult(t, send(t, s, c, newCall(order)), hub.Refused)
	if tokens.count() != 3 {
		t.Errorf("a receiver that refuses every token made us fetch %d, want 3", tokens.count())
	}
}

func TestE7_OAuth2SecretInTheBodyWhereTheServerWantsIt(t *testing.T) {
	tokens := newTokenServer(t)
	tokens.inBody = true
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"oauth2","token_url":"%s","client_id":"id","client_secret":"heslo"}}`, r.URL, tokens.URL))
	wantResult(t, send(t, s, c, newCall(order)), hub.Succeeded)
	if got := tokens.asked[0]; got != ": client_id=id&client_secret=heslo&grant_type=client_credentials" {
		t.Errorf("asked %q", got)
	}
}

func TestRule2_TokensOfTwoIdentitiesAreKeptApart(t *testing.T) {
	tokens := newTokenServer(t)
	r := newReceiver(t)
	s, _ := newSender(t)
	type caller struct {
		tenant                     int64
		address, id, secret, scope string
	}
	base := caller{1, "/token", "id", "one", "a"}
	with := func(change func(c *caller)) caller { c := base; change(&c); return c }
	for i, c := range []struct {
		caller
		want string
	}{
		{base, "1"},
		{with(func(c *caller) { c.tenant = 2 }), "2"},
		{with(func(c *caller) { c.secret = "two" }), "3"},
		{with(func(c *caller) { c.scope = "b" }), "4"},
		{with(func(c *caller) { c.id = "another" }), "5"},
		{with(func(c *caller) { c.address = "/token/of/another" }), "6"},
		{base, "1"},
		{with(func(c *caller) { c.tenant = 2 }), "2"},
	} {
		compiled, err := Compile(endpoint(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"oauth2","token_url":"%s","client_id":"%s","client_secret":"%s","scopes":["%s"]}}`,
			r.URL, tokens.URL+c.address, c.id, c.secret, c.scope)), c.tenant)
		if err != nil {
			t.Fatal(err)
		}
		wantResult(t, send(t, s, compiled, newCall(order)), hub.Succeeded)
		if got := r.last(t).Header.Get("Authorization"); got != "Bearer token-number-"+c.want {
			t.Errorf("%d: got %s, want token %s", i, got, c.want)
		}
	}
}

func TestRule2_ConnectionsOfTwoTenantsAreKeptApart(t *testing.T) {
	port, connections := listen(t, "127.0.0.1:0")
	s, _ := newSender(t)
	for i := range 6 {
		c, err := Compile(endpoint(t, fmt.Sprintf(`{"request":{"url":"http://127.0.0.1:%s/"}}`, port)), int64(i%2))
		if err != nil {
			t.Fatal(err)
		}
		wantResult(t, send(t, s, c, newCall(order)), hub.Succeeded)
	}
	if n := connections(); n != 2 {
		t.Errorf("two tenants used %d connections, want 2", n)
	}
}

func TestE7_ATokenThatCannotBeHad(t *testing.T) {
	tokens := newTokenServer(t)
	tokens.refuse = true
	r := newReceiver(t)
	s, log := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"oauth2","token_url":"%s","client_id":"id","client_secret":"planted-tajne"}}`, r.URL, tokens.URL))
	a := send(t, s, c, newCall(order))
	wantResult(t, a, hub.AuthFailed)
	if r.count() != 0 || !strings.Contains(a.Error, "400") || a.Hint == "" {
		t.Errorf("%d calls, %q %q", r.count(), a.Error, a.Hint)
	}
	nowhere(t, log, "planted-tajne", a)
	c = compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"oauth2","token_url":"http://10.0.0.1/","client_id":"id","client_secret":"planted-tajne"}}`, r.URL))
	wantResult(t, send(t, s, c, newCall(order)), hub.Blocked)
}

func TestE7_ExchangeOfCredentialsForAToken(t *testing.T) {
	login := newReceiver(t, answers(200, `{"data":{"token":"the-exchanged-token","until":"2100-01-01T00:00:00Z"}}`))
	r := newReceiver(t)
	s, log := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"exchange","request":{"url":"%s/login","headers":{"X-App":"aplikace-tajna"},"body":"{\"pass\":\"heslo-heslo\"}"},
		"token_path":"data.token","expires_path":"data.until","header":"X-Session: t=#token#;"}}`, r.URL, login.URL))
	var last *hub.Attempt
	for range 3 {
		last = send(t, s, c, newCall(order))
		wantResult(t, last, hub.Succeeded)
	}
	if got := r.last(t).Header.Get("X-Session"); got != "t=the-exchanged-token;" {
		t.Errorf("got %q", got)
	}
	asked := login.last(t)
	if login.count() != 1 || asked.Method != "POST" || string(asked.Body) != `{"pass":"heslo-heslo"}` || asked.Header.Get("X-App") != "aplikace-tajna" || asked.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d logins, %+v", login.count(), asked)
	}
	nowhere(t, log, "the-exchanged-token", last)
}

func TestTokenLifeInEveryForm(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"3600": time.Hour, "3600.0": time.Hour, "1772600827": time.Minute, "1772600827000": time.Minute, "2026-03-04T05:07:07Z": time.Minute,
	} {
		if text == "1772600827" || text == "1772600827000" {
			want = time.Unix(1772600827, 0).Sub(now)
		}
		if got, ok := lifeOf(text, now); !ok || got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if _, ok := lifeOf("soon", now); ok {
		t.Error("soon is no time")
	}
}

// certificate makes a throw-away certificate; signed by itself when there is no parent.
func certificate(t *testing.T, template *x509.Certificate, parent *tls.Certificate) (tls.Certificate, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	signer, by := any(key), template
	if parent != nil {
		signer, by = parent.PrivateKey, parent.Leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, _ := x509.MarshalPKCS8PrivateKey(key)
	certPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	keyPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey}))
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	return pair, certPEM, keyPEM
}

// authority is a CA with a certificate for 127.0.0.1.
func authority(t *testing.T) (ca tls.Certificate, caPEM string, server tls.Certificate) {
	ca, caPEM, _ = certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Zkušební CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	server, _, _ = certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "wms"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, &ca)
	return ca, caPEM, server
}

func secureReceiver(t *testing.T, config *tls.Config, http2 bool) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(r)
	r.TLS = config
	r.EnableHTTP2 = http2
	r.Config.ErrorLog = quiet()
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func TestE7_ClientCertificate(t *testing.T) {
	ca, caPEM, server := authority(t)
	_, certPEM, keyPEM := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "hub"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, &ca)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(caPEM))
	for _, http2 := range []bool{false, true} {
		r := secureReceiver(t, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}, http2)
		s, log := newSender(t)
		settings := map[string]any{"request": map[string]any{"url": r.URL}, "auth": map[string]any{"type": "client_certificate", "certificate": certPEM, "key": keyPEM, "ca": caPEM}}
		raw, _ := json.Marshal(settings)
		for range 3 {
			a := send(t, s, compile(t, string(raw)), newCall(order))
			wantResult(t, a, hub.Succeeded)
			if a.Peer.TLSVersion != "TLS 1.3" || a.Peer.Issuer != "Zkušební CA" || a.Peer.Expires.IsZero() {
				t.Errorf("peer %+v", a.Peer)
			}
			nowhere(t, log, keyPEM, a)
		}
		settings["auth"] = map[string]any{"type": "none", "ca": caPEM}
		raw, _ = json.Marshal(settings)
		a := send(t, s, compile(t, string(raw)), newCall(order))
		// With TLS 1.3 the refusal comes after the handshake, and may get lost when the server hangs up.
		if a.Result != hub.TLSFailed && a.Result != hub.NoConnection || !strings.Contains(a.Hint, "client certificate") {
			t.Errorf("got %s %q %q", a.Result, a.Error, a.Hint)
		}
		if r.count() != 3 {
			t.Errorf("the receiver got %d calls, want 3", r.count())
		}
	}
}

func TestTLSFailuresNameTheCertificate(t *testing.T) {
	ca, caPEM, good := authority(t)
	expired, _, _ := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "old.wms"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}, &ca)
	other, _, _ := certificate(t, &x509.Certificate{DNSNames: []string{"other.example"}}, &ca)
	for _, c := range []struct {
		name   string
		server tls.Certificate
		ca     string
		says   []string
	}{
		{"unknown authority", good, "", []string{"wms", "Zkušební CA", "not trusted"}},
		{"expired", expired, caPEM, []string{"old.wms", "expired on 2026-01-02 03:04 UTC"}},
		{"another name", other, caPEM, []string{"other.example"}},
	} {
		r := secureReceiver(t, &tls.Config{Certificates: []tls.Certificate{c.server}}, false)
		s, _ := newSender(t)
		raw, _ := json.Marshal(map[string]any{"request": map[string]any{"url": r.URL}, "auth": map[string]any{"type": "none", "ca": c.ca}})
		a := send(t, s, compile(t, string(raw)), newCall(order))
		wantResult(t, a, hub.TLSFailed)
		for _, want := range c.says {
			if !strings.Contains(a.Error, want) {
				t.Errorf("%s: %q does not say %q", c.name, a.Error, want)
			}
		}
		if a.Hint == "" {
			t.Errorf("%s: no hint", c.name)
		}
	}
	plain := newReceiver(t)
	s, _ := newSender(t)
	a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"https://%s"}}`, strings.TrimPrefix(plain.URL, "http://"))), newCall(order))
	wantResult(t, a, hub.TLSFailed)
	if !strings.Contains(a.Hint, "http://") {
		t.Errorf("got %q %q", a.Error, a.Hint)
	}
}

// A token's address that refuses may repeat what it was given, whole or a part of it: nothing of that is evidence.
func TestRule18_ARefusedTokenRequestShowsNoCredentials(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("jana:planted-basic-1"))
	for name, c := range map[string]struct{ auth, repeated string }{
		"client":        {`{"type":"oauth2","token_url":"URL","client_id":"jana","client_secret":"planted-client-1"}`, "planted-client-1"},
		"client, basic": {`{"type":"oauth2","token_url":"URL","client_id":"j ana","client_secret":"planted-client-2"}`, base64.StdEncoding.EncodeToString([]byte("j+ana:planted-client-2"))},
		"header":        {`{"type":"exchange","token_path":"t","request":{"url":"URL","headers":{"X-Key":"Bearer planted-header-1"}}}`, "planted-header-1"},
		"basic":         {`{"type":"exchange","token_path":"t","request":{"url":"URL","headers":{"Authorization":"` + basic + `"}}}`, "planted-basic-1"},
		"JSON":          {`{"type":"exchange","token_path":"t","request":{"url":"URL","body":"{\"login\":[{\"user\":\"jana\",\"password\":\"planted-body-1\"}]}"}}`, "planted-body-1"},
		"form":          {`{"type":"exchange","token_path":"t","request":{"url":"URL","body":"user=jana&api_key=planted-body-2"}}`, "planted-body-2"},
	} {
		login := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Given", c.repeated)
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "not good: "+c.repeated)
		})
		s, log := newSender(t)
		a := send(t, s, compile(t, `{"request":{"url":"http://127.0.0.1:1"},"auth":`+strings.Replace(c.auth, "URL", login.URL, 1)+`}`), newCall(order))
		wantResult(t, a, hub.AuthFailed)
		nowhere(t, log, c.repeated, a)
		if text := string(a.Response.Body); text != "not good: ***" {
			t.Errorf("%s: the evidence is %q", name, text)
		}
	}
}
