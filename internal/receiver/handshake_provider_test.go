package receiver_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// The handshakes that no vector holds, with the providers' own entries: each gets its exact answer and becomes no event; where
// the answer is made with the secret, a stranger gets none.
func TestM3_HandshakesThatNoVectorHolds(t *testing.T) {
	g := onSQLite(t)
	g.Provider = shipped(t)
	based := func(text string) string {
		return "sha256=" + base64.StdEncoding.EncodeToString(sum(sha256.New, secret, text))
	}
	const zen = `{"zen":"Keep it logically awesome.","hook_id":1}`
	const intent = `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4nd0mt3xt"}`
	for i, c := range []struct {
		provider, method, query, body string
		headers                       map[string]string
		status                        int
		want                          string
	}{
		{"okta", "GET", "", "", map[string]string{"X-Okta-Verification-Challenge": "Xvz-1_9"}, 200, `{"verification":"Xvz-1_9"}`},
		{"okta", "GET", "", "", map[string]string{"X-Okta-Verification-Challenge": `"<script>`}, 0, ""},
		{"x", "GET", "crc_token=abc123&nonce=n1", "", map[string]string{"x-twitter-webhooks-signature": based("crc_token=abc123&nonce=n1")}, 200, `{"response_token":"` + based("abc123") + `"}`},
		{"x", "GET", "crc_token=abc123&nonce=n1", "", map[string]string{"x-twitter-webhooks-signature": based("crc_token=other&nonce=n1")}, 0, ""},
		{"x", "GET", "crc_token=abc123&nonce=n1", "", nil, 0, ""},
		{"github", "POST", "", zen, map[string]string{"X-GitHub-Event": "ping", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sum(sha256.New, secret, zen))}, 200, "pong"},
		{"github", "POST", "", zen, map[string]string{"X-GitHub-Event": "ping", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sum(sha256.New, secret, "other"))}, 0, ""},
		{"github", "POST", "", zen, map[string]string{"X-GitHub-Event": "ping"}, 0, ""},
		{"inpost", "GET", "", "", map[string]string{"from": "their network"}, 200, ""},
		{"inpost", "GET", "", "", nil, 0, ""},
		{"xero", "POST", "", intent, map[string]string{"x-xero-signature": base64.StdEncoding.EncodeToString(sum(sha256.New, secret, intent))}, 200, ""},
		{"xero", "POST", "", intent, map[string]string{"x-xero-signature": base64.StdEncoding.EncodeToString(sum(sha256.New, secret, intent+" "))}, 0, ""},
		{"business-central", "POST", "validationToken=0b1c%3A%20d%2Be", "", nil, 200, "0b1c: d+e"},
		{"business-central", "POST", "validationToken=0b1c%0Ad", "", nil, 0, ""},
		{"meta", "GET", "hub.mode=subscribe&hub.challenge=abc123&hub.verify_token=tell", "", nil, 200, "abc123"},
		{"meta", "GET", "hub.mode=subscribe&hub.challenge=abc123&hub.verify_token=tells", "", nil, 0, ""},
		{"meta", "GET", "hub.mode=unsubscribe&hub.challenge=abc123&hub.verify_token=tell", "", nil, 0, ""},
	} {
		p := g.Provider(c.provider)
		source := g.source(int64(i+1), func(s *settings.Source) {
			s.Source = presetOf(t, p)
			s.Name, s.Path, s.Verify.Secrets = c.provider, "handshake", []hub.Secret{hub.NewSecret(secret)}
			s.Verify.Settings = map[string]string{"verify_token": "tell"}
		})
		req := httptest.NewRequest(c.method, "/in/handshake?"+c.query, strings.NewReader(c.body))
		for name, value := range c.headers {
			req.Header.Set(name, value)
		}
		if c.headers["from"] != "" {
			req.RemoteAddr = "91.216.25.7:4711"
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, req)
		text := w.Body.String()
		if c.status != 0 && (w.Code != c.status || text != c.want) {
			t.Errorf("%s: answered %d %q, want %d %q", c.provider, w.Code, text, c.status, c.want)
		}
		if c.status != 0 {
			g.wantRequest(g.requests(source, 1)[0], hub.RequestHandshake, c.status, "")
		}
		if c.status == 0 && (w.Code == http.StatusOK || strings.Contains(text, "abc123") || strings.Contains(text, base64.StdEncoding.EncodeToString(sum(sha256.New, secret, "abc123"))) || strings.Contains(text, "<script>") || text == "pong") {
			t.Errorf("%s: a stranger with %v was answered %d %q", c.provider, c.headers, w.Code, text)
		}
	}
	if came := g.events(); len(came) != 0 {
		t.Errorf("handshakes have become %d events", len(came))
	}
}

const orders = "arn:aws:sns:eu-central-1:295079676684:orders"

// amazon signs as Amazon does, with a certificate of its name.
type amazon struct {
	t    *testing.T
	key  *rsa.PrivateKey
	file []byte
}

func newAmazon(t *testing.T, now time.Time) *amazon {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &amazon{t, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// says is a signed message; the address that it gives for the confirmation leads elsewhere. change is made after signing.
func (a *amazon) says(kind, topic, token string, change map[string]string) string {
	a.t.Helper()
	fields := map[string]string{
		"Type": kind, "MessageId": "m-1", "TopicArn": topic, "Token": token, "Message": "You have chosen\nto subscribe", "Timestamp": "2026-11-22T10:00:00.000Z",
		"SubscribeURL": "http://169.254.169.254/latest/meta-data/?Action=ConfirmSubscription",
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text += name + "\n" + fields[name] + "\n"
	}
	digest := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, a.key, crypto.SHA256, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	fields["Signature"], fields["SignatureVersion"] = base64.StdEncoding.EncodeToString(sig), "2"
	fields["SigningCertURL"] = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + strings.Repeat("0a", 16) + ".pem"
	maps.Copy(fields, change)
	body, err := json.Marshal(fields)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(body)
}

// Amazon's subscription is confirmed by a call to Amazon and nobody else, at an address that the hub builds itself, for the topics
// that the source lists and no others. Where the call fails, Amazon is asked to come again.
func TestRule9_ASubscriptionIsConfirmedForListedTopicsOnly(t *testing.T) {
	g := onSQLite(t)
	g.Provider = shipped(t)
	sns := newAmazon(t, g.clock.Now())
	var fetched, called []string
	var away error
	g.Fetch = func(_ context.Context, _ int64, address string) ([]byte, error) {
		fetched = append(fetched, address)
		return sns.file, nil
	}
	g.Confirm = func(_ context.Context, _ int64, address string) error {
		called = append(called, address)
		return away
	}
	const other, subscription = "arn:aws:sns:eu-central-1:666:orders", "SubscriptionConfirmation"
	s := g.preset(1, "aws-sns", "")
	s.Verify.Secrets, s.Verify.Settings = nil, map[string]string{"topic_arns": "arn:aws:sns:eu-central-1:295079676684:stock, " + orders}
	g.SetSource(s)
	post := func(body string) answered {
		return g.send("POST", "/in/aws-sns", http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}, strings.NewReader(body))
	}
	for name, body := range map[string]string{
		"a topic that is not listed": sns.says(subscription, other, "2336", nil),
		"a beginning of one":         sns.says(subscription, strings.TrimSuffix(orders, "s"), "2336", nil),
		"no topic":                   sns.says(subscription, "", "2336", nil),
		"a listed topic, forged":     sns.says(subscription, other, "2336", map[string]string{"TopicArn": orders}),
		"another token":              sns.says(subscription, orders, "2336", map[string]string{"Token": "2337"}),
		"another kind":               sns.says("Notification", orders, "2336", map[string]string{"Type": subscription}),
		"unsigned":                   sns.says(subscription, orders, "2336", map[string]string{"Signature": ""}),
	} {
		if got := post(body); got.status != http.StatusUnauthorized || len(called) > 0 {
			t.Errorf("%s: answered %d %q, called %q", name, got.status, got.body, called)
		}
	}
	known := len(fetched)
	strangers := sns.says(subscription, orders, "2336", map[string]string{"SigningCertURL": "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-" + strings.Repeat("0a", 16) + ".pem"})
	if got := post(strangers); got.status != http.StatusUnauthorized || len(fetched) != known || len(called) > 0 {
		t.Errorf("a certificate of somebody else: answered %d, fetched %q, called %q", got.status, fetched[known:], called)
	}

	away = errors.New("timed out")
	g.want(post(sns.says(subscription, orders, "23 36&Action=DeleteTopic#č", nil)), http.StatusServiceUnavailable, "not confirmed")
	away = nil
	g.want(post(sns.says(subscription, orders, "23 36&Action=DeleteTopic#č", nil)), http.StatusOK, "")
	const want = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A295079676684%3Aorders&Token=23+36%26Action%3DDeleteTopic%23%C4%8D"
	if !slices.Equal(called, []string{want, want}) {
		t.Errorf("called %q, want %s twice", called, want)
	}
	g.want(post(sns.says("UnsubscribeConfirmation", orders, "2336", nil)), http.StatusOK, "")
	if len(called) != 2 || len(g.events()) != 0 {
		t.Errorf("called %q, %d events: an end is only taken note of", called[2:], len(g.events()))
	}
	kept := g.requests(s, 11)
	g.wantRequest(kept[8], hub.RequestQuarantined, http.StatusServiceUnavailable, "could not be confirmed: timed out")
	g.wantRequest(kept[9], hub.RequestHandshake, http.StatusOK, "subscription confirmation: confirmed")
	g.wantRequest(kept[10], hub.RequestHandshake, http.StatusOK, "unsubscribe confirmation")

	s.Verify.Settings = nil
	g.SetSource(s)
	if got := post(sns.says(subscription, orders, "2336", nil)); got.status == http.StatusOK || len(called) != 2 {
		t.Errorf("without a list: answered %d, called %q", got.status, called[2:])
	}
}
