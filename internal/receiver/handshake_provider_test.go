package receiver_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// The handshakes that no vector holds, with the providers' own entries: each gets its exact answer and becomes no event; where
// the answer is made with the secret, a stranger gets none.
func TestM3_HandshakesOfOktaXAndGitHub(t *testing.T) {
	g := onSQLite(t)
	g.Provider = shipped(t)
	sum := func(text string) []byte {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	based := func(text string) string { return "sha256=" + base64.StdEncoding.EncodeToString(sum(text)) }
	const zen = `{"zen":"Keep it logically awesome.","hook_id":1}`
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
		{"github", "POST", "", zen, map[string]string{"X-GitHub-Event": "ping", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sum(zen))}, 200, "pong"},
		{"github", "POST", "", zen, map[string]string{"X-GitHub-Event": "ping", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sum("other"))}, 0, ""},
		{"github", "POST", "", zen, map[string]string{"X-GitHub-Event": "ping"}, 0, ""},
	} {
		p := g.Provider(c.provider)
		g.source(int64(i+1), func(s *settings.Source) {
			s.Source = presetOf(t, p)
			s.Name, s.Path, s.Verify.Secrets = c.provider, "handshake", []hub.Secret{hub.NewSecret(secret)}
		})
		req := httptest.NewRequest(c.method, "/in/handshake?"+c.query, strings.NewReader(c.body))
		for name, value := range c.headers {
			req.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, req)
		text := w.Body.String()
		if c.status != 0 && (w.Code != c.status || text != c.want) {
			t.Errorf("%s: answered %d %q, want %d %q", c.provider, w.Code, text, c.status, c.want)
		}
		if c.status == 0 && (w.Code == http.StatusOK || strings.Contains(text, "abc123") || strings.Contains(text, base64.StdEncoding.EncodeToString(sum("abc123"))) || strings.Contains(text, "<script>") || text == "pong") {
			t.Errorf("%s: a stranger with %v was answered %d %q", c.provider, c.headers, w.Code, text)
		}
	}
	if came := g.events(); len(came) != 0 {
		t.Errorf("handshakes have become %d events", len(came))
	}
}
