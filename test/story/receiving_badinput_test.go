package story

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const shopSecret = "planted-shop-secret-0123"

// kept is a request to /in as the hub shows it.
type kept struct {
	ID, Outcome, Reason string
	Status              int
	Verified            bool
	Events              []string
	Body                string
}

// shoptet signs a body as the shop does.
func shoptet(body string) http.Header {
	mac := hmac.New(sha1.New, []byte(shopSecret))
	mac.Write([]byte(body))
	return http.Header{"Content-Type": {"application/json"}, "Shoptet-Webhook-Signature": {hex.EncodeToString(mac.Sum(nil))}}
}

// stripe signs a body as of a moment.
func stripe(body string, at time.Time) http.Header {
	stamp := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(shopSecret))
	mac.Write([]byte(stamp + "." + body))
	return http.Header{"Content-Type": {"application/json"}, "Stripe-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}
}

func shopNotice(event, key, created string) string {
	return fmt.Sprintf(`{"eshopId":222651,"event":%q,"eventCreated":%q,"eventInstance":%q}`, event, created, key)
}

// arrives is a provider's request to /in/{path}.
func (s *session) arrives(path, body string, header http.Header) (status int, text string) {
	s.t.Helper()
	request, err := http.NewRequest("POST", "http://"+s.address+"/in/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatalf("a request of %d bytes to /in/%s was not answered: %v", len(body), path, err)
	}
	defer answer.Body.Close()
	read, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(read)
}

// rawly sends bytes as they are, closes its half, and answers the first line that comes back.
func (s *session) rawly(text string) string {
	s.t.Helper()
	return s.bytes(text, true)
}

// bytes sends bytes as they are. A caller who closes its half has gone away, as far as the hub can tell.
func (s *session) bytes(text string, leaves bool) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	if leaves {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	read, _ := io.ReadAll(io.LimitReader(c, 4096))
	line, _, _ := strings.Cut(string(read), "\r\n")
	return line
}

// read fills an answer of the API into a value.
func (s *session) read(path string, into any) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.call("GET", path, "")), into); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
}

// newest waits for so many requests of a source with an outcome, and answers the newest.
func (s *session) newest(source, outcome string, n int) kept {
	s.t.Helper()
	var list struct{ Data []kept }
	waitFor(s.t, fmt.Sprintf("request %d of %s that is %s", n, source, outcome), func() bool {
		list.Data = nil
		s.read("/v1/sources/"+source+"/requests?limit=250&outcome="+outcome, &list)
		return len(list.Data) >= n
	})
	return list.Data[0]
}

func (s *session) events(query string) int {
	s.t.Helper()
	var list struct{ Data []struct{ ID string } }
	s.read("/v1/events?limit=250&"+query, &list)
	return len(list.Data)
}

// receiving is a hub with a shop that may send to it.
func receiving(t *testing.T, flags ...string) *session {
	t.Helper()
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0", flags: flags}
	s.start()
	s.call("POST", "/v1/sources", `{"name":"Shop","path":"shop","preset":"shoptet","verify":{"secrets":["`+shopSecret+`"]}}`)
	return s
}

// Whatever stands where the signature belongs, it is a refusal with a reason: no event, no 500, and the next one that is
// rightly signed is taken.
func TestRule6_HostileSignatureHeadersAreRefused(t *testing.T) {
	s := receiving(t)
	body := shopNotice("order:create", "A-1", "2026-11-22T10:00:00+0100")
	right := shoptet(body).Get("Shoptet-Webhook-Signature")
	seen := 0
	for _, c := range []struct{ name, body, signature, says string }{
		{"wrong", body, strings.Repeat("ab", 20), "secret"},
		{"missing", body, "", "Shoptet-Webhook-Signature"},
		{"of another length", body, "ab", ""},
		{"not hexadecimal", body, strings.Repeat("zz", 20), ""},
		{"not ASCII", body, "příliš žluťoučký kůň\xff\xfe", ""},
		{"60 KB", body, strings.Repeat("a", 60_000), ""},
		{"a changed byte under the right signature", strings.Replace(body, "A-1", "A-2", 1), right, "changed on the way"},
		{"the right one with something behind it", body, right + "00", ""},
		{"a good one beside a bad one", body, right + ", " + strings.Repeat("ab", 20), ""},
	} {
		header := http.Header{"Content-Type": {"application/json"}}
		if c.signature != "" {
			header["Shoptet-Webhook-Signature"] = []string{c.signature}
		}
		status, text := s.arrives("shop", c.body, header)
		if status != 401 {
			t.Errorf("%s: answered %d %s, want 401", c.name, status, text)
			continue
		}
		seen++
		if k := s.newest("Shop", "quarantined", seen); k.Reason == "" || !strings.Contains(k.Reason, c.says) || k.Verified || len(k.Reason) > 1000 {
			t.Errorf("%s: kept as %+v, want a reason with %q", c.name, k, c.says)
		}
	}
	if line := s.rawly("POST /in/shop HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nShoptet-Webhook-Signature: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 2\r\n\r\n{}"); line != "" && !strings.Contains(line, " 431 ") {
		t.Errorf("a signature of 1 MB: %q, want 431 or a closed connection", line)
	}
	if n := s.events(""); n != 0 {
		t.Fatalf("%d events were made of requests that prove nothing", n)
	}
	if status, text := s.arrives("shop", body, shoptet(body)); status != 200 {
		t.Errorf("afterwards the right one is answered %d %s", status, text)
	}
}

func TestRule6_TimesFarOffAreRefusedBothWays(t *testing.T) {
	s := receiving(t)
	s.call("POST", "/v1/sources", `{"name":"Pay","path":"pay","preset":"stripe","verify":{"secrets":["`+shopSecret+`"]}}`)
	seen := 0
	for off, says := range map[time.Duration]string{-time.Hour: "60 minutes", 7*time.Minute + 30*time.Second: "7 minutes", -30 * 365 * 24 * time.Hour: "off", 200 * 365 * 24 * time.Hour: "off"} {
		body := `{"id":"evt_1","type":"charge.refunded","created":1}`
		if status, text := s.arrives("pay", body, stripe(body, time.Now().Add(off))); status/100 != 4 {
			t.Errorf("%s off: answered %d %s", off, status, text)
		}
		seen++
		if k := s.newest("Pay", "quarantined", seen); !strings.Contains(k.Reason, says) {
			t.Errorf("%s off: %q, want %q", off, k.Reason, says)
		}
	}
	body := `{"id":"evt_1","type":"charge.refunded","created":1}`
	if status, text := s.arrives("pay", body, stripe(body, time.Now().Add(-time.Minute))); status != 200 {
		t.Errorf("a minute old: answered %d %s", status, text)
	}
}

// A rightly signed body is never lost, whatever is in it: it becomes an event, or waits in quarantine with the reason and
// can be released.
func TestRule11_SignedBodiesOfEveryKindLoseNothing(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { signedBodies(t, receiving(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		server := os.Getenv("HACEK_TEST_POSTGRES")
		if server == "" {
			missing(t, "set HACEK_TEST_POSTGRES to receive on PostgreSQL too (make test does)")
		}
		database, drop, err := newDatabase(server)
		if err != nil {
			t.Fatal(err)
		}
		defer drop()
		s := receiving(t, "--database", database)
		signedBodies(t, s)
		s.hub.kill()
	})
}

func signedBodies(t *testing.T, s *session) {
	xml := func(body string) string { return "xml " + body }
	quarantined, accepted := 0, 0
	// Texts that a database may refuse: bytes that are no UTF-8 in the address and in a header, NUL where a further number is.
	s.call("PUT", "/v1/event-types/order:odd", `{"key":"code","refs":["number","list"],"sample":{"number":"1"}}`)
	odd := `{"event":"order:odd","number":"1\u00002","list":["a\u0000","b"],"code":"\u0000"}`
	line := s.bytes("POST /in/shop?a=\xff\xfe&\xc3=%00%ff HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Type: application/json\r\nX-Odd: \xff\r\nShoptet-Webhook-Signature: "+
		shoptet(odd).Get("Shoptet-Webhook-Signature")+fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(odd), odd), false)
	if !strings.Contains(line, " 200 ") {
		t.Errorf("odd texts are answered %q", line)
	}
	accepted++
	s.bytes("POST /in/shop?a=\xff HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nShoptet-Webhook-Signature: \xff\r\nContent-Length: 2\r\n\r\n{}", false)
	if k := s.newest("Shop", "quarantined", 1); k.Reason == "" {
		t.Errorf("an odd stranger is kept as %+v", k)
	}
	for _, c := range []struct {
		name, body, says string // says "": becomes an event
	}{
		{"an unknown event type", shopNotice("order:teleported", "U-1", "2026-11-22T10:00:01+0100"), ""},
		{"a byte order mark", "\ufeff" + shopNotice("order:create", "B-1", "2026-11-22T10:00:02+0100"), ""},
		{"NUL in a text", `{"eshopId":1,"event":"order:update","eventCreated":"2026-11-22T10:00:03+0100","eventInstance":"N\u0000-1"}`, ""},
		{"a list", `[1,2]`, ""},
		{"nothing but null", `null`, ""},
		{"another kind of event", `{"event":{"a":1},"eventInstance":[]}`, "empty"},
		{"cut short", `{"eshopId":222651,"event":"order:cre`, "JSON"},
		{"10,000 deep", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), "256"},
		{"invalid UTF-8", "{\"event\":\"order:\xff\xfe\"}", "UTF-8"},
		{"NUL bytes", "{\"event\":\"order\x00\"}", "JSON"},
		{"nothing", ``, ""},
		{"an XML bomb", xml(`<!DOCTYPE a [<!ENTITY b "` + strings.Repeat("x", 100) + `"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>`), "document type"},
		{"deep XML", xml(strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000)), "128"},
	} {
		header, body := shoptet(c.body), c.body
		if rest, found := strings.CutPrefix(c.body, "xml "); found {
			header, body = shoptet(rest), rest
			header.Set("Content-Type", "application/xml")
		}
		if status, text := s.arrives("shop", body, header); status != 200 {
			t.Errorf("%s: answered %d %s, want 200: it is rightly signed and kept", c.name, status, text)
			continue
		}
		var list struct{ Data []kept }
		s.read("/v1/sources/Shop/requests?limit=1", &list)
		k := list.Data[0]
		t.Logf("%s: %s %q", c.name, k.Outcome, k.Reason)
		switch {
		case c.says == "empty":
			if k.Outcome != "ignored" || k.Reason == "" {
				t.Errorf("%s: %+v", c.name, k)
			}
		case c.says == "":
			accepted++
			if k.Outcome != "accepted" || len(k.Events) != 1 {
				t.Errorf("%s: %+v, want one event", c.name, k)
			}
		default:
			quarantined++
			if k.Outcome != "quarantined" || !k.Verified || !strings.Contains(k.Reason, c.says) {
				t.Errorf("%s: %+v, want quarantine because of %q", c.name, k, c.says)
			}
			s.call("POST", "/v1/sources/Shop/requests/"+k.ID+"/release", `{"reason":"looked at"}`)
		}
	}
	if n := s.events(""); n != accepted+quarantined {
		t.Errorf("%d events, want %d: one of each request", n, accepted+quarantined)
	}
}

// What is larger than allowed, ends early or lies about its length is refused before it is read as anything.
func TestRule11_LengthsAreNotBelieved(t *testing.T) {
	s := receiving(t)
	s.call("PATCH", "/v1/sources/Shop", `{"max_body":"64KiB"}`)
	body := shopNotice("order:create", "A-1", "2026-11-22T10:00:00+0100")
	signature := "Shoptet-Webhook-Signature: " + shoptet(body).Get("Shoptet-Webhook-Signature") + "\r\n"
	head := "POST /in/shop HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Type: application/json\r\n" + signature
	big := `{"event":"` + strings.Repeat("x", 70<<10) + `"}`
	for _, c := range []struct{ name, text, want string }{
		{"truncated", head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body[:20]), " 400 "},
		{"longer than announced", head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 20, body), " 401 "},
		{"announced as 4 GB", head + "Content-Length: 4294967296\r\n\r\n" + body, " 413 "},
		{"a negative length", head + "Content-Length: -5\r\n\r\n" + body, " 400 "},
		{"two lengths", head + "Content-Length: 5\r\nContent-Length: 50\r\n\r\n" + body, " 400 "},
		{"in pieces, too large", head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(big), big), " 413 "},
		{"in pieces, cut off", head + "Transfer-Encoding: chunked\r\n\r\nffff\r\n" + body, " 400 "},
		{"in pieces of nonsense", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body, " 400 "},
	} {
		if line := s.rawly(c.text); !strings.Contains(line+" ", c.want) {
			t.Errorf("%s: answered %q, want%s", c.name, line, c.want)
		}
	}

	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = io.Copy(w, io.LimitReader(spaces{}, 200<<20))
	_ = w.Close()
	header := http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/json"}}
	if status, text := s.arrives("shop", bomb.String()[:60<<10], header); status != 413 {
		t.Errorf("a gzip bomb was answered %d %s", status, text)
	}
	if status, text := s.arrives("shop", "\x1f\x8b nonsense", header); status != 400 {
		t.Errorf("broken gzip was answered %d %s", status, text)
	}
	if n := s.events(""); n != 0 {
		t.Errorf("%d events were made of them", n)
	}
	if status, _ := s.arrives("shop", body, shoptet(body)); status != 200 || s.events("key=A-1") != 1 {
		t.Errorf("afterwards the whole one is answered %d", status)
	}
}

// spaces is white space without an end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
