package receiver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// preset sets a source of a provider up as its preset has it, at the provider's name.
func (g *gate) preset(no int64, provider, secret string) settings.Source {
	g.t.Helper()
	return g.source(no, func(s *settings.Source) {
		s.Source = presetOf(g.t, g.Provider(provider))
		s.Name, s.Path = provider, provider
		s.Verify.Secrets, s.Verify.Settings = []hub.Secret{hub.NewSecret(secret)}, map[string]string{}
	})
}

// lines are the events after the first so many, one a line: type, key, time and data.
func (g *gate) lines(after int) string {
	g.t.Helper()
	var text strings.Builder
	for _, e := range g.events()[after:] {
		fmt.Fprintf(&text, "%s %s %s %s\n", e.Type, e.Key, e.Time.UTC().Format("2006-01-02T15:04:05.999"), e.Data)
	}
	return text.String()
}

// What comes in one request of the providers that put many things into it: each thing becomes an event with its own type,
// key, time and data, in their order. The same request again becomes nothing, and one bad part refuses the whole.
func TestM2_ManyThingsInOneRequest(t *testing.T) {
	eachStore(t, func(g *gate) {
		t := g.t
		g.Provider = shipped(t)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		mail := func(body string) http.Header {
			at := fmt.Sprint(g.clock.Now().Unix())
			sum := sha256.Sum256([]byte(at + body))
			sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return http.Header{"Content-Type": {"application/json"}, "X-Twilio-Email-Event-Webhook-Timestamp": {at},
				"X-Twilio-Email-Event-Webhook-Signature": {base64.StdEncoding.EncodeToString(sig)}}
		}
		shop := func(body string) http.Header {
			h := signed(body, secret)
			h["Shoptet-Webhook-Signature"] = h["Shop-Signature"]
			return h
		}
		company := "api/v2.0/companies(7c1f0c1e-0001-4000-8000-000000000001)/"
		orders, bills := company+"salesOrders(7c1f0c1e-0001-4000-8000-0000000000a1)", company+"salesInvoices(7c1f0c1e-0001-4000-8000-0000000000b2)"
		change := func(resource, kind, at string) string {
			return fmt.Sprintf(`{"subscriptionId":"s1","clientState":%q,"expirationDateTime":"2026-11-25T10:00:00Z","resource":%q,"changeType":%q,"lastModifiedDateTime":%q}`, secret, resource, kind, at)
		}
		paid, refunded := payment("AUTHORISATION", "P1", "", "2026/000311: ř", 129900), payment("REFUND", "P2", "P1", "2026/000312", 5000)
		const (
			invoice = `{"@evidence":"faktura-vydana","@in-version":"71","@operation":"update","@timestamp":"2026-11-22 10:00:01.5","id":"99","external-ids":[]}`
			order   = `{"@evidence":"objednavka-prijata","@in-version":"72","@operation":"create","@timestamp":"2026-07-01 10:00:02.0","id":"42","external-ids":["ext:shop:311"]}`
			later   = `{"@evidence":"objednavka-prijata","@in-version":"73","@operation":"update","@timestamp":"2026-07-01 10:00:02.0","id":"42","external-ids":["ext:shop:311"]}`
			sent    = `{"email":"jana@shop.example","timestamp":1795341600,"event":"delivered","sg_event_id":"e1","sg_message_id":"m1"}`
			opened  = `{"email":"jana@shop.example","timestamp":1795341601,"event":"open","sg_event_id":"e2","sg_message_id":"m1"}`
			bounced = `{"email":"petr@shop.example","timestamp":1795341602,"event":"bounce","reason":"550 č","sg_event_id":"e3","sg_message_id":"m2"}`
			mass    = `{"eshopId":222651,"event":"order:massUpdate","eventCreated":"2026-11-22T10:00:00+0100","eventInstance":%s}`
		)
		one := func(number string) string { return strings.Replace(mass, "%s", number, 1) }
		for i, c := range []struct {
			provider, secret, body, bad string
			sign                        func(body string) http.Header
			want                        []string
		}{
			{"abra-flexi", secret, `{"winstrom":{"@globalVersion":"73","changes":[` + invoice + `,` + order + `, ` + later + `],"next":"74"}}`, "",
				func(string) http.Header {
					return http.Header{"Content-Type": {"application/json"}, "X-Fb-Hook-Seckey": {secret}}
				},
				[]string{"faktura-vydana 99 2026-11-22T09:00:01.5 " + invoice, "objednavka-prijata 42 2026-07-01T08:00:02 " + order,
					"objednavka-prijata 42 2026-07-01T08:00:02 " + later}},
			{"business-central", secret,
				`{"value":[` + change(orders, "updated", "2026-11-22T10:00:00.467Z") + `,` + change(bills, "created", "2026-11-22T10:00:01Z") + `,` + change(orders, "updated", "2026-11-22T10:00:02Z") + `]}`,
				`{"value":[` + change(orders, "deleted", "2026-11-22T10:00:03Z") + `,` + strings.Replace(change(bills, "deleted", "2026-11-22T10:00:03Z"), secret, "another", 1) + `]}`,
				func(string) http.Header { return http.Header{"Content-Type": {"application/json"}} },
				[]string{"updated " + orders + " 2026-11-22T10:00:00.467 " + change(orders, "updated", "2026-11-22T10:00:00.467Z"),
					"created " + bills + " 2026-11-22T10:00:01 " + change(bills, "created", "2026-11-22T10:00:01Z"),
					"updated " + orders + " 2026-11-22T10:00:02 " + change(orders, "updated", "2026-11-22T10:00:02Z")}},
			{"adyen", hex.EncodeToString(adyenKey), `{"live":"false","notificationItems":[` + paid + `,` + refunded + `]}`,
				`{"live":"false","notificationItems":[` + payment("CAPTURE", "P3", "", "R", 1) + `,` + strings.Replace(payment("CAPTURE", "P4", "", "R", 1), `"value":1`, `"value":2`, 1) + `]}`,
				func(string) http.Header { return http.Header{"Content-Type": {"application/json"}} },
				[]string{"AUTHORISATION 2026/000311: ř 2026-11-22T09:00:00 " + paid, "REFUND 2026/000312 2026-11-22T09:00:00 " + refunded}},
			{"sendgrid", base64.StdEncoding.EncodeToString(public), "[" + sent + ",\n" + opened + "," + bounced + "]\r\n", "", mail,
				[]string{"delivered jana@shop.example 2026-11-22T10:00:00 " + sent, "open jana@shop.example 2026-11-22T10:00:01 " + opened,
					"bounce petr@shop.example 2026-11-22T10:00:02 " + bounced}},
			{"shoptet", secret, one(`"[\"2026000311\",\"2026000312\", \"2026000315\"]"`), "", shop,
				[]string{"order.bulk_updated 2026000311 2026-11-22T09:00:00 " + one(`"2026000311"`), "order.bulk_updated 2026000312 2026-11-22T09:00:00 " + one(`"2026000312"`),
					"order.bulk_updated 2026000315 2026-11-22T09:00:00 " + one(`"2026000315"`)}},
		} {
			s := g.preset(int64(i+1), c.provider, c.secret)
			before := len(g.events())
			ask := func(body string, header http.Header) answered {
				return g.send("POST", "/in/"+c.provider, header, strings.NewReader(body))
			}
			for range 2 {
				if got := ask(c.body, c.sign(c.body)); got.status != s.Respond.Status || got.body != s.Respond.Body {
					t.Errorf("%s: answered %d %q", c.provider, got.status, got.body)
				}
			}
			if got, want := g.lines(before), strings.Join(c.want, "\n")+"\n"; got != want {
				t.Errorf("%s:\n%swant\n%s", c.provider, got, want)
			}
			before = len(g.events())
			bad, header := c.bad, c.sign(c.bad)
			if bad == "" { // a signature, or a secret, for the whole
				bad, header = c.body, c.sign(c.body+" ")
				if key := header["X-Fb-Hook-Seckey"]; key != nil {
					key[0] += "x"
				}
			}
			if got := ask(bad, header); got.status != http.StatusUnauthorized || len(g.events()) != before {
				t.Errorf("%s, badly signed: answered %d, %d events more", c.provider, got.status, len(g.events())-before)
			}
		}
	})
}

var adyenKey = []byte("thirty-two bytes of nobody else.")

// payment is one item of a notification, signed by itself.
func payment(kind, number, of, reference string, cents int) string {
	m := hmac.New(sha256.New, adyenKey)
	fmt.Fprintf(m, "%s:%s:Joinery:%s:%d:CZK:%s:true", number, of, reference, cents, kind)
	item := struct {
		AdditionalData      map[string]string `json:"additionalData"`
		Amount              map[string]any    `json:"amount"`
		EventCode           string            `json:"eventCode"`
		EventDate           string            `json:"eventDate"`
		MerchantAccountCode string            `json:"merchantAccountCode"`
		MerchantReference   string            `json:"merchantReference"`
		OriginalReference   string            `json:"originalReference,omitempty"`
		PSPReference        string            `json:"pspReference"`
		Success             string            `json:"success"`
	}{
		map[string]string{"hmacSignature": base64.StdEncoding.EncodeToString(m.Sum(nil))},
		map[string]any{"value": cents, "currency": "CZK"}, kind, "2026-11-22T10:00:00+01:00", "Joinery", reference, of, number, "true",
	}
	text, err := json.Marshal(map[string]any{"NotificationRequestItem": item})
	if err != nil {
		panic(err)
	}
	return string(text)
}
