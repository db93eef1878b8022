package receiver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

const bodyScheme = `{"kind":"hmac","hash":"sha1","key":"raw","signed":["#body#"],"signature":[{"path":"header.Shop-Signature","encoding":"hex"}]}`

// provider makes one of its scheme and handshakes, written as in its YAML file.
func provider(name, scheme string, handshakes ...string) *packs.Provider {
	p := &packs.Provider{Name: name}
	if err := json.Unmarshal([]byte(scheme), &p.Scheme); err != nil {
		panic(err)
	}
	for _, text := range handshakes {
		var h packs.Handshake
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			panic(err)
		}
		p.Handshakes = append(p.Handshakes, h)
	}
	return p
}

const (
	challenge = `{"name":"challenge","method":"POST","paths":{"body.type":"url_verification"},"verified":true,"token":"body.challenge","answer":{"status":200,"content_type":"application/json","body":"{\"challenge\":\"#token#\"}"}}`
	verifyTo  = `{"name":"subscription","method":"GET","paths":{"query.hub.mode":"subscribe"},"match":{"query.hub.verify_token":"verify_token"},"token":"query.hub.challenge","answer":{"status":200,"content_type":"text/plain","body":"#token#"}}`
	reply     = `{"name":"validation","paths":{"body.event":"endpoint.url_validation"},"verified":true,"token":"body.payload.plainToken","hmac":{"hash":"sha256","encoding":"hex"},"answer":{"status":200,"content_type":"application/json","body":"{\"plainToken\":\"#token#\",\"encryptedToken\":\"#hmac#\"}"}}`
	graph     = `{"name":"validation","method":"POST","paths":{"query.validationToken":"*"},"token":"query.validationToken","plain":true,"answer":{"status":200,"content_type":"text/html","body":"#token#"}}`
	options   = `{"name":"permission","method":"OPTIONS","paths":{"header.WebHook-Request-Origin":"*"},"answer":{"status":200,"headers":{"WebHook-Allowed-Origin":"#header.WebHook-Request-Origin#","Allow":"POST"}}}`
	ping      = `{"name":"ping","method":"POST","paths":{"body.webhook_id":"*"},"exactly":true,"answer":{"status":200}}`
	probe     = `{"name":"probe","method":"GET","answer":{"status":200}}`
)

func TestM2_Handshakes(t *testing.T) {
	g := onSQLite(t)
	g.providers["many"] = provider("many", bodyScheme, challenge, verifyTo, reply, graph, options, ping, probe)
	s := g.source(1, func(s *settings.Source) {
		s.Verify.Scheme = "many"
		s.Verify.Secrets = []hub.Secret{hub.NewSecret("zoom-secret-token")}
		s.Verify.Settings = map[string]string{"verify_token": "my-verify-token"}
	})
	sign := func(body string) http.Header { return signed(body, "zoom-secret-token") }
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	slack, zoom := `{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV"}`, `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`
	for _, c := range []struct {
		name, method, query string
		header              http.Header
		body                string
		status              int
		want                string
	}{
		{"challenge", "POST", "", sign(slack), slack, 200, `{"challenge":"3eZbrw1aBm2rZgRNFdxV"}`},
		{"challenge, unsigned", "POST", "", nil, slack, 401, "the signature does not hold\n"},
		{"signed back", "POST", "", sign(zoom), zoom, 200, `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"d9e0d764a78494688ba3f2d5c0ed4ca311394b4834d959759213424d2df961e3"}`},
		{"signed back, unsigned", "POST", "", nil, zoom, 401, "the signature does not hold\n"},
		{"subscription", "GET", "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=my-verify-token", nil, "", 200, "1158201444"},
		{"subscription with another token", "GET", "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", nil, "", 403, "no\n"},
		{"plain text", "POST", "?validationToken=Validation%3A%20%3Cb%3E%20reachability", nil, "", 200, "Validation: <b> reachability"},
		{"permission", "OPTIONS", "", http.Header{"Webhook-Request-Origin": {"events.example"}}, "", 200, ""},
		{"ping", "POST", "", form, "webhook_id=142", 200, ""},
		{"ping with more in it", "POST", "", form, "webhook_id=142&order=1", 401, "the signature does not hold\n"},
		{"probe", "GET", "", nil, "", 200, ""},
	} {
		got := g.send(c.method, "/in/shop"+c.query, c.header, strings.NewReader(c.body))
		if got.status != c.status || got.body != c.want {
			t.Errorf("%s: answered %d %q, want %d %q", c.name, got.status, got.body, c.status, c.want)
		}
		if c.name == "plain text" && !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("free text is sent as %s", got.header.Get("Content-Type"))
		}
		if c.name == "permission" && got.header.Get("WebHook-Allowed-Origin") != "events.example" {
			t.Errorf("permission: %v", got.header)
		}
	}
	if n := len(g.events()); n != 0 {
		t.Errorf("%d events of handshakes", n)
	}
	shaken := 0
	for _, r := range g.requests(s, 11) {
		if r.Outcome == hub.RequestHandshake {
			shaken++
		}
	}
	if shaken != 7 {
		t.Errorf("%d are kept as handshakes, want 7", shaken)
	}
}

// Nothing that a provider would sign can be had signed: not by an unsigned question, not in pieces, not as free text.
func TestRule5_HandshakesSignNothingElse(t *testing.T) {
	g := onSQLite(t)
	unsigned := strings.Replace(reply, `"verified":true,`, "", 1)
	g.providers["open"] = provider("open", bodyScheme, unsigned)
	g.source(1, func(s *settings.Source) { s.Verify.Scheme = "open" })
	ask := func(token string) answered {
		body, _ := json.Marshal(map[string]any{"event": "endpoint.url_validation", "payload": map[string]string{"plainToken": token}})
		return g.send("POST", "/in/shop", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(string(body)))
	}
	g.want(ask("abc_-9"), 200, "encryptedToken")
	for _, token := range []string{"", `{"event":"order:create"}`, "v0:1700000000:{}", "a.b", "a b", "a\nb", strings.Repeat("a", 129), "ř", "abc=", "1+1"} {
		if got := ask(token); got.status != 403 || strings.Contains(got.body, "encrypted") {
			t.Errorf("token %q: answered %d %q", token, got.status, got.body)
		}
	}
	// A provider's file that would sign free text is not served at all.
	g.providers["oracle"] = provider("oracle", bodyScheme, strings.Replace(unsigned, `"token"`, `"plain":true,"token"`, 1))
	g.source(1, func(s *settings.Source) { s.Verify.Scheme = "oracle" })
	g.want(ask("abc"), 503, "")
	// Nor is anything signed where there is no secret.
	g.source(1, func(s *settings.Source) { s.Verify.Scheme, s.Verify.Secrets = "open", nil })
	g.want(ask("abc"), 403, "")
}

func TestM2_ARefusalAsTheProviderWantsIt(t *testing.T) {
	g := onSQLite(t)
	g.providers["xero"] = &packs.Provider{Name: "xero", Scheme: shopScheme(), Refusal: &packs.Answer{Status: 401}}
	g.source(1, func(s *settings.Source) { s.Verify.Scheme = "xero" })
	if got := g.send("POST", "/in/shop", signed("{}", "another"), strings.NewReader("{}")); got.status != 401 || got.body != "" {
		t.Errorf("answered %d %q, want an empty 401", got.status, got.body)
	}
}
