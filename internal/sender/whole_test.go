package sender

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// A record is taken whole or not at all, however its length is told.
func TestRule1_WholeAnswerUpToItsCap(t *testing.T) {
	s, _ := newSender(t)
	for _, c := range []struct {
		name   string
		size   int
		length bool
		result hub.Result
	}{
		{"small", 10, true, hub.Succeeded},
		{"beyond evidence", AnswerKept + 1, true, hub.Succeeded},
		{"beyond evidence in chunks", AnswerKept + 1, false, hub.Succeeded},
		{"beyond what others read", AnswerRead + 1, false, hub.Succeeded},
		{"largest", WholeAnswer - 100, true, hub.Succeeded},
		{"largest in chunks", WholeAnswer - 50_000, false, hub.Succeeded},
		{"too large", WholeAnswer + 1, true, hub.Refused},
		{"too large in chunks", 50 << 20, false, hub.Refused},
	} {
		body := `{"x":"` + strings.Repeat("y", c.size-8) + `"}`
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.length {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			} else {
				w.(http.Flusher).Flush()
			}
			io.WriteString(w, body)
		})
		condition := ""
		if c.size < 4<<20 { // judging costs reading, and an evaluation may read 16 MiB
			condition = "has(response.json.x)"
		}
		a, whole := s.Fetch(context.Background(), compile(t, fmt.Sprintf(`{"request":{"url":"%s","payload":"none","method":"GET"},"success":{"condition":"%s"}}`, r.URL, condition)), newCall(order))
		if c.result == hub.Succeeded {
			wantResult(t, a, c.result)
			if string(whole.Body) != body {
				t.Errorf("%s: got %d bytes, want %d", c.name, len(whole.Body), len(body))
			}
		} else if a.Result != c.result || !strings.Contains(a.Error, "8 MiB") || whole.Body != nil {
			t.Errorf("%s: got %q %s, %d bytes", c.name, a.Result, a.Error, len(whole.Body))
		}
		if len(a.Response.Body) > AnswerKept || a.Response.Truncated != (c.size > AnswerKept) {
			t.Errorf("%s: %d bytes of evidence, truncated %v", c.name, len(a.Response.Body), a.Response.Truncated)
		}
	}
}

// The same over net/http, which speaks HTTP/2.
func TestRule1_WholeAnswerOverTLS(t *testing.T) {
	body := `{"x":"` + strings.Repeat("y", 2<<20) + `"}`
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
	r.EnableHTTP2 = true
	r.StartTLS()
	defer r.Close()
	s, _ := newSender(t)
	s.Roots = r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	a, whole := s.Fetch(context.Background(), compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL)), newCall(order))
	wantResult(t, a, hub.Succeeded)
	if string(whole.Body) != body || len(a.Response.Body) != AnswerKept {
		t.Errorf("got %d bytes, evidence %d", len(whole.Body), len(a.Response.Body))
	}
}

// What an answer hands on is as it came; what is shown is masked.
func TestE7_WholeAnswerIsNotEvidence(t *testing.T) {
	r := newReceiver(t, answers(200, `{"echo":"planted-geheim"}`))
	s, log := newSender(t)
	a, whole := s.Fetch(context.Background(), compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":{"type":"bearer","token":"planted-geheim"}}`, r.URL)), newCall(order))
	if string(whole.Body) != `{"echo":"planted-geheim"}` {
		t.Errorf("got %s", whole.Body)
	}
	nowhere(t, log, "planted-geheim", a)
}

// A pipeline's step sees its own roots; a call that asks carries no ids of a delivery; a repeat bears its key.
func TestM7_CallOfAStep(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s/#row.n#","attributes":{"a":"1"},"body":"#attributes.a##row.n#","content_type":"text/plain"},"signature":{"schemes":[]}}`, r.URL))
	call := newCall(order)
	call.Scope = expr.NewScope()
	doc, err := expr.ParseDoc([]byte(`{"n":7}`))
	if err != nil {
		t.Fatal(err)
	}
	call.Scope.SetDoc("row", doc)
	call.IdempotencyKey = "dlv_1-2"
	wantResult(t, send(t, s, c, call), hub.Succeeded)
	got := r.last(t)
	if got.URI != "/7" || string(got.Body) != "17" || got.Header.Get("Idempotency-Key") != "dlv_1-2" || got.Header.Get("Webhook-Id") == "" {
		t.Errorf("got %+v", got)
	}
	if _, found := call.Scope.Lookup("attributes.a"); found {
		t.Error("a call changed its caller's scope")
	}
	call.Plain = true
	wantResult(t, send(t, s, c, call), hub.Succeeded)
	for name := range r.last(t).Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "webhook-") || strings.HasPrefix(lower, "hacek-") {
			t.Errorf("a plain call carries %s", name)
		}
	}
	for _, own := range []string{`"headers":{"idempotency-key":"own"}`, `"headers":{"IDEMPOTENCY-KEY":"own"}`} {
		c = compile(t, fmt.Sprintf(`{"request":{"url":"%s",%s}}`, r.URL, own))
		wantResult(t, send(t, s, c, call), hub.Succeeded)
		if keys := r.last(t).Header["Idempotency-Key"]; len(keys) != 1 || keys[0] != "own" {
			t.Errorf("%s: keys %v", own, keys)
		}
	}
}

// Who asks for what: rule 2 keeps everything apart that is not the same.
func TestRule2_IdentityOfACall(t *testing.T) {
	s, _ := newSender(t)
	const base = `{"request":{"url":"https://a.example/#order.code#","headers":{"X-A":"1"}},"auth":{"type":"bearer","token":"planted-1"},"signature":{"schemes":[]}}`
	call := newCall(order)
	call.Plain = true
	identity := func(settings string, tenant int64, call Call) [32]byte {
		t.Helper()
		c, err := Compile(endpoint(t, settings), tenant)
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Identity(c, call)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	same := newCall(order)
	same.Plain, same.AttemptID, same.DeliveryID, same.Event.ID = true, "att_9", "dlv_9", call.Event.ID
	seen := map[[32]byte]string{identity(base, 1, call): "base"}
	if seen[identity(base, 1, same)] != "base" {
		t.Error("another delivery of the same event asks for something else")
	}
	other := newCall(strings.Replace(order, "2018000057", "2018000058", 1))
	other.Plain, other.Event.ID = true, call.Event.ID
	exchange := `{"type":"exchange","request":{"url":"https://a.example/token","headers":{"Authorization":"Bearer %s"},"body":"%s"},"token_path":"t"}`
	ca, caPEM, _ := authority(t)
	_, certPEM, keyPEM := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "hub"}}, &ca)
	quoted := func(text string) string { raw, _ := json.Marshal(text); return string(raw) }
	ours := func(auth string) string {
		return strings.Replace(base, `{"type":"bearer","token":"planted-1"}`, auth, 1)
	}
	for name, id := range map[string][32]byte{
		"tenant":      identity(base, 2, call),
		"record":      identity(base, 1, other),
		"secret":      identity(strings.Replace(base, "planted-1", "planted-2", 1), 1, call),
		"header":      identity(strings.Replace(base, `"X-A":"1"`, `"X-A":"2"`, 1), 1, call),
		"host":        identity(strings.Replace(base, "a.example", "b.example", 1), 1, call),
		"token 1":     identity(ours(fmt.Sprintf(exchange, "one", "")), 1, call),
		"token 2":     identity(ours(fmt.Sprintf(exchange, "two", "")), 1, call),
		"login":       identity(ours(fmt.Sprintf(exchange, "two", "pw")), 1, call),
		"nobody":      identity(ours(`{"type":"none"}`), 1, call),
		"certificate": identity(ours(`{"type":"client_certificate","certificate":`+quoted(certPEM)+`,"key":`+quoted(keyPEM)+`}`), 1, call),
		"authority":   identity(ours(`{"type":"none","ca":`+quoted(caPEM)+`}`), 1, call),
	} {
		if old, twice := seen[id]; twice {
			t.Errorf("%s is the same as %s", name, old)
		}
		seen[id] = name
	}
}

func TestViewOfAnAnswer(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":1.50}`: `{"a":1.50}`, "\xEF\xBB\xBF[1]": "[1]", "<a><b>1</b></a>": `{"a":{"b":"1"}}`, "": "null", " \n": "null",
		"OK \"x\"": `"OK \"x\""`, "\xff": "\"\uFFFD\"", "<!DOCTYPE html><html></html>": `"<!DOCTYPE html><html></html>"`,
	} {
		doc, ok := View([]byte(body))
		if string(doc.Raw()) != want || ok != (want[0] == '{' || want[0] == '[') {
			t.Errorf("%q: got %s, %v; want %s", body, doc.Raw(), ok, want)
		}
	}
}
