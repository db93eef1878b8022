package api_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// everything sets each setting of an endpoint that works.
const everything = `{"name":"Sklad - WMS","uid":"wms-1","active":true,
 "subscription":{"event_types":["order.*"],"sources":["api"],"channels":[],"condition":"num(data.total) > 100.0"},
 "request":{"method":"PUT","url":"URL/in/#order.id#?mail=#customer.email#","query":{"hook":"#endpoint.name#"},"headers":{"X-Shop":"#account.eshopId#"},
   "payload":"standard","body":null,"content_type":"application/json","charset":"utf-8","fields":["order.id"],"table":"orders","attributes":{"mandant":"01"},
   "missing":"empty","timeout":"15s","compress":false},
 "auth":{"type":"bearer","token":"planted-bearer-token"},
 "signature":{"schemes":["standard-webhooks","hmac"],"secret":"whsec_cGxhbnRlZC1zaWduaW5nLXNlY3JldC00Mg==",
   "hmac":[{"header":"X-Sign","algorithm":"sha256","encoding":"hex","prefix":"sha256=","signed":"#body#","secret":"planted-hmac-secret-0123456789"}]},
 "retry":{"intervals":["5s","5m","30m"],"jitter":0.1},
 "success":{"status":["2xx"],"condition":"response.json.ok == true","final":[{"status":["404"],"condition":"response.body == 'x'"}]},
 "order":{"by":"key","stuck":{"set_aside_after":3}},
 "limits":{"rate":"5/s","concurrency":4},
 "notify":{"failing":["it@shop.example"],"disabled":[],"recovered":[],"after_failures":3,"language":"cs"},"disable_after":"5d","description":"Warehouse","labels":{"team":"a"}}`

const signingSecret = "whsec_cGxhbnRlZC1zaWduaW5nLXNlY3JldC00Mg=="

func (h *testHub) everything() string { return strings.ReplaceAll(everything, "URL", h.receiver.url) }

func TestC1_AnEndpointFromCreationToRemoval(t *testing.T) {
	each(t, func(h *testHub) {
		made := h.post("/v1/endpoints", h.everything()).want(201).is("signature.secret", signingSecret).is("state", "active").is("waiting", "0")
		id := made.text("id")
		tag := made.header.Get("ETag")
		if tag == "" {
			t.Error("no ETag")
		}
		for _, ref := range []string{id, "wms-1", url.PathEscape("Sklad - WMS")} {
			h.get("/v1/endpoints/"+ref).want(200).is("id", id).is("signature.secret", hub.Masked).is("auth.token", hub.Masked).is("request.timeout", "15s")
		}
		h.get("/v1/endpoints?limit=1").want(200).is("data.0.id", id)
		h.get("/v1/endpoints/"+id+"/secret").want(200).is("secret", signingSecret)

		// What was read can be put back: read-only members are ignored, *** keeps secrets.
		read := h.get("/v1/endpoints/" + id).want(200)
		h.call("PUT", "/v1/endpoints/"+id, string(read.body), "If-Match", tag).want(200)
		h.get("/v1/endpoints/"+id+"/secret").want(200).is("secret", signingSecret)
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"new","labels":null,"limits":{"rate":null}}`).want(200).is("description", "new").is("limits.rate", "").is("limits.concurrency", "4")
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"newer"}`, "Content-Type", "application/merge-patch+json").want(200)
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"late"}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.call("DELETE", "/v1/endpoints/"+id, "", "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.call("DELETE", "/v1/endpoints/"+id, "").want(204)
		h.get("/v1/endpoints/"+id).problem(404, hub.NotFound)

		h.call("PUT", "/v1/endpoints/fresh-uid", `{"request":{"url":"`+h.receiver.url+`"}}`).want(201).is("uid", "fresh-uid")
	})
}

func TestO3_PauseHoldsAndResumeGoesOn(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint(`,"name":"A"`)
		h.post("/v1/endpoints/"+id+"/pause", `{"why":"stocktaking"}`).want(200).is("state", "paused").is("state_reason.why", "stocktaking")
		event := h.publish(`{"type":"a","data":1}`)
		h.get("/v1/deliveries?event="+event+"&state=held").want(200).is("data.0.state", "held")
		if n := h.get("/v1/deliveries?event=" + event + "&state=pending,failed").want(200).count("data"); n != 0 {
			t.Errorf("a held delivery was shown as pending")
		}
		h.get("/v1/events/"+event+"/fates").want(200).is("data.0.outcome", "held")
		h.get("/v1/endpoints/"+id).want(200).is("waiting", "1")
		h.post("/v1/endpoints/"+id+"/resume", `{"rate":"5/s"}`).want(200).is("state", "active")
		h.post("/v1/endpoints/"+id+"/resume", `{"rate":"fast"}`).problem(422, hub.Invalid, "/rate")
		h.get("/v1/endpoints/"+id+"/stats?since=2020-01-01T00:00:00Z").want(200).is("waiting", "1")
	})
}

func TestC4_TestAndPreview(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.post("/v1/endpoints", strings.Replace(h.everything(), `"headers":{"X-Shop":"#account.eshopId#"}`, `"headers":{}`, 1)).want(201).text("id")
		data := `{"order":{"id":"2018/57"},"customer":{"email":"a@b.cz"},"total":"250.00"}`
		h.post("/v1/endpoints/"+id+"/test", `{"event_type":null,"event":null,"data":`+data+`}`).want(200).is("result", "succeeded").is("response.status", "200")
		if len(h.receiver.got) != 1 || !strings.HasPrefix(h.receiver.got[0], "PUT /in/2018%2F57?") {
			t.Errorf("the receiver got %q", h.receiver.got)
		}
		h.post("/v1/endpoints/"+id+"/preview", `{"event_type":"order.created","key":"2018000057","data":`+data+`}`).want(200).is("method", "PUT").is("matched", "true")
		event := h.publish(`{"type":"order.created","data":` + data + `}`)
		h.post("/v1/endpoints/"+id+"/preview", `{"event":"`+event+`"}`).want(200).is("matched", "true")
		h.post("/v1/endpoints/"+id+"/preview", `{"event_type":"order.created","data":{"total":"1"}}`).want(200)
		h.post("/v1/endpoints/preview", `{"endpoint":{"request":{"url":"https://x.example/#a#"},"subscription":{"condition":"data.a == '2'"}},"event_type":null,"event":null,"key":null,"data":{"a":"1"}}`).want(200).
			is("url", "https://x.example/1").is("matched", "false")
		h.post("/v1/endpoints/preview", `{"endpoint":{"request":{"url":"https://#a#/"}},"data":{"a":"1"}}`).problem(422, hub.Invalid, "/endpoint/request/url")
		for _, secret := range []string{"planted-bearer-token", "planted-hmac-secret"} {
			for _, r := range []reply{h.get("/v1/endpoints/" + id), h.post("/v1/endpoints/"+id+"/preview", `{"data":`+data+`}`), h.get("/v1/audit")} {
				if strings.Contains(string(r.body), secret) {
					t.Errorf("%s shows %s", r.call, secret)
				}
			}
		}
	})
}

// The hub's own attempts are counted; what a person tries neither adds a failure nor forgives one.
func TestC4_ATestLeavesTheFailuresInARowAlone(t *testing.T) {
	each(t, func(h *testHub) {
		for name, success := range map[string]string{"succeeded": `["2xx"]`, "refused": `["409"]`} {
			id := h.endpoint(`,"name":"` + name + `","subscription":{"event_types":["` + name + `"]},"success":{"status":` + success + `}`)
			h.get("/v1/endpoints/"+id).want(200).is("failures_in_a_row", "0")
			for range 2 {
				h.deliver(h.publish(`{"type":"`+name+`","data":1}`), hub.Refused, 500)
			}
			h.get("/v1/endpoints/"+id).want(200).is("failures_in_a_row", "2")
			h.post("/v1/endpoints/"+id+"/test", `{"data":1}`).want(200).is("result", name)
			h.get("/v1/endpoints/"+id).want(200).is("failures_in_a_row", "2")
			h.deliver(h.publish(`{"type":"`+name+`","data":1}`), hub.Succeeded, 200)
			h.get("/v1/endpoints/"+id).want(200).is("failures_in_a_row", "0")
		}
	})
}

// Settings that are not saved are really called, by whoever may save them, and change nothing here.
func TestC4_UnsavedSettingsAreTested(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.post("/v1/endpoints", `{"name":"Stock","request":{"url":"`+h.receiver.url+`/in"},"auth":{"type":"bearer","token":"planted-token"}}`).want(201).text("id")
		before := h.get("/v1/endpoints/" + id).want(200).body
		try := func(endpoint, of string) reply {
			return h.post("/v1/endpoints/test", `{"endpoint":`+endpoint+`,"of":`+of+`,"event_type":null,"event":null,"key":null,"data":{"a":"1"}}`)
		}
		try(`{"request":{"url":"`+h.receiver.url+`/new/#a#"}}`, "null").want(200).is("result", "succeeded").is("response.status", "200")
		try(`{"request":{"url":"`+h.receiver.url+`/new"},"success":{"status":["409"]}}`, "null").want(200).is("result", "refused")
		kept := try(`{"request":{"url":"`+h.receiver.url+`/kept"},"auth":{"type":"bearer","token":"***"}}`, `"`+id+`"`).want(200).is("result", "succeeded")
		if got := h.receiver.got; len(got) != 3 || !strings.HasPrefix(got[0], "POST /new/1 ") || !strings.HasPrefix(got[2], "POST /kept ") || strings.Contains(string(kept.body), "planted") {
			t.Errorf("the receiver got %q; answered %s", got, kept.body)
		}
		h.post("/v1/endpoints/preview", `{"endpoint":{"request":{"url":"`+h.receiver.url+`/kept"},"auth":{"type":"bearer","token":"***"}},"of":"`+id+`","data":{}}`).want(200)
		try(`{"request":{"url":"https://evil.example/in"},"auth":{"type":"bearer","token":"***"}}`, `"`+id+`"`).problem(422, hub.SecretRequired, "/endpoint/auth/token")
		try(`{"request":{"url":"`+h.receiver.url+`"},"auth":{"type":"bearer","token":"***"}}`, "null").problem(422, hub.SecretRequired, "/endpoint/auth/token")
		try(`{"request":{"url":"https://#a#/"}}`, "null").problem(422, hub.Invalid, "/endpoint/request/url")
		if len(h.receiver.got) != 3 {
			t.Errorf("a refused test was sent: %q", h.receiver.got[3:])
		}
		if after := h.get("/v1/endpoints/" + id).want(200).body; string(after) != string(before) {
			t.Errorf("a test changed the endpoint from %s to %s", before, after)
		}
		operator := h.as(h.post("/v1/keys", `{"name":"o","role":"operator"}`).want(201).text("key"), "")
		operator.post("/v1/endpoints/test", `{"endpoint":{"request":{"url":"`+h.receiver.url+`"}}}`).problem(403, hub.Forbidden)
	})
}

func TestTheSigningSecretIsRotated(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint("")
		before := h.get("/v1/endpoints/" + id + "/secret").want(200).text("secret")
		after := h.post("/v1/endpoints/"+id+"/rotate-secret", `{"secret":null,"overlap":"1h"}`).want(200).text("signature.secret")
		if after == before || !strings.HasPrefix(after, "whsec_") {
			t.Errorf("secret went from %s to %s", before, after)
		}
		h.post("/v1/endpoints/"+id+"/rotate-secret", `{"secret":"`+signingSecret+`"}`).want(200).is("signature.secret", signingSecret)
		h.post("/v1/endpoints/"+id+"/rotate-secret", `{"secret":"whsec_c2hvcnQ="}`).want(422)
	})
}

func TestE3_AVariableThatNoSampleHasIsWarnedOfAtSave(t *testing.T) {
	each(t, func(h *testHub) {
		h.call("PUT", "/v1/event-types/credit.changed", `{"sample":{"customer":{"id":"C-1"},"credit":1234.50}}`).want(201)
		h.call("PUT", "/v1/event-types/tier.changed", `{"sample":{"customer":{"id":"C-1","email":"a@b.cz"},"tier":"gold"}}`).want(201)
		h.call("PUT", "/v1/event-types/without.sample", `{}`).want(201)

		// The e-mail address is in one of the two: a sample need not show everything.
		slip := `{"name":"Slip","subscription":{"event_types":["credit.changed","tier.changed","without.sample"]},
			"request":{"url":"https://x.example/#customer.idd#?mail=#customer.email#","headers":{"X-Tier":"#teir#"},"fields":["customer.nmae"]}}`
		made := h.post("/v1/endpoints", slip).want(201).
			is("warnings", `["/request/url the sample has no customer.idd","/request/headers/X-Tier the sample has no teir","/request/fields/0 the sample has no customer.nmae"]`)
		id := made.text("id")
		h.get("/v1/endpoints/"+id).want(200).is("warnings", "")
		h.call("PATCH", "/v1/endpoints/"+id, `{"subscription":{"event_types":["tier.changed"]},"request":{"url":"https://x.example/#customer.id#","headers":null}}`).want(200).
			is("warnings", `["/request/fields/0 the sample has no customer.nmae"]`)
		h.call("PUT", "/v1/endpoints/"+id, `{"name":"Slip","request":{"url":"https://x.example/#customer.id#"}}`).want(200).is("warnings", "")
		// Nobody knows what these events hold.
		h.post("/v1/endpoints", `{"name":"Unknown","subscription":{"event_types":["without.sample","new.*"]},"request":{"url":"https://x.example/#a#"}}`).want(201).is("warnings", "")
	})
}

func TestWrongSettingsAreNamed(t *testing.T) {
	each(t, func(h *testHub) {
		at := func(member string) string { return `{"request":{"url":"https://x.example/"},` + member + `}` }
		for _, c := range []struct {
			body string
			code hub.Code
			want []string
		}{
			{`{}`, hub.Invalid, []string{"/request"}},
			{`{"request":{}}`, hub.Invalid, []string{"/request/url"}},
			{`{"request":{"url":7},"naem":"x","retry":{"jiter":1}}`, hub.Invalid, []string{"/request/url", "/naem", `did you mean \"name\"`, "/retry/jiter"}},
			{`{"request":{"url":"ftp://x.example/"}}`, hub.Invalid, []string{"/request/url"}},
			{`{"request":{"url":"https://user:pw@x.example/"}}`, hub.Invalid, []string{"/request/url"}},
			{`{"request":{"url":"https://#shop#.example/"}}`, hub.Invalid, []string{"/request/url"}},
			{`{"request":{"url":"not a url"}}`, hub.Invalid, []string{"/request/url"}},
			{at(`"subscription":{"condition":"data.total >"}`), hub.Invalid, []string{"/subscription/condition"}},
			{at(`"retry":{"intervals":["0s"]}`), hub.Invalid, []string{"/retry/intervals/0"}},
			{at(`"retry":{"intervals":["365d"]}`), hub.Invalid, []string{"/retry/intervals/0"}},
			{at(`"retry":{"intervals":["soon"]}`), hub.Invalid, []string{"soon"}},
			{at(`"retry":{"jitter":2}`), hub.Invalid, []string{"/retry/jitter"}},
			{at(`"limits":{"rate":"5/x"}`), hub.Invalid, []string{"5/x"}},
			{at(`"limits":{"concurrency":0}`), hub.Invalid, []string{"/limits/concurrency"}},
			{at(`"signature":{"secret":"short"}`), hub.Invalid, []string{"/signature/secret"}},
			{at(`"signature":{"schemes":["md5"]}`), hub.Invalid, []string{"/signature/schemes/0"}},
			{at(`"order":{"by":"size"}`), hub.Invalid, []string{"/order/by"}},
			{at(`"order":{"by":"key","stuck":"never"}`), hub.Invalid, []string{"/order/stuck"}},
			{at(`"subscription":{"event_types":["*.created"]}`), hub.Invalid, []string{"/subscription/event_types/0"}},
			{at(`"preset":"profacto/cmr"`), hub.Invalid, []string{"/preset", "no preset"}},
			{at(`"coalesce":{"window":"1m"}`), hub.NotAvailable, []string{"/coalesce"}},
			{at(`"batch":{"size":10}`), hub.NotAvailable, []string{"/batch"}},
			{at(`"window":{"days":[1]}`), hub.NotAvailable, []string{"/window"}},
			{at(`"expires_after":"1h"`), hub.NotAvailable, []string{"/expires_after"}},
			{at(`"notify":{"failing":["jana"]}`), hub.Invalid, []string{"/notify/failing/0"}},
			{`{"request":{"url":"https://x.example/","headers":{"Host":"y"}}}`, hub.Invalid, []string{"/request/headers/Host"}},
			{`{"request":{"url":"https://x.example/","headers":{"X":"a\r\nb"}}}`, hub.Invalid, []string{"/request/headers/X"}},
		} {
			h.post("/v1/endpoints", c.body).problem(422, c.code, c.want...)
		}
		if n := h.get("/v1/endpoints").want(200).count("data"); n != 0 {
			t.Errorf("%d refused endpoints were stored", n)
		}
	})
}

// Every way to show who we are is taken, and none of its secrets is shown again.
// identity is a certificate and its private key in PEM form, as JSON texts.
func identity(t *testing.T) (certificate, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	made, err := x509.CreateCertificate(rand.Reader, form, form, public, private)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		quoted, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		return string(quoted)
	}
	return text("CERTIFICATE", made), text("PRIVATE KEY", hidden)
}

func TestE7_EveryKindOfAuthIsTakenAndMasked(t *testing.T) {
	each(t, func(h *testHub) {
		certificate, key := identity(t)
		for i, given := range []string{
			`{"type":"none"}`,
			`{"type":"client_certificate","certificate":` + certificate + `,"key":` + key + `,"ca":` + certificate + `}`,
			`{"type":"bearer","token":"planted-7-secret","ca":` + certificate + `}`,
			`{"type":"basic","username":"u","password":"planted-0-secret","header":"Proxy-Login"}`,
			`{"type":"api_key","in":"query","name":"key","value":"planted-1-secret"}`,
			`{"type":"oauth2","token_url":"https://id.example/token","client_id":"c","client_secret":"planted-2-secret","scopes":["a"]}`,
			`{"type":"exchange","request":{"method":"POST","url":"https://id.example/x","headers":{"X-K":"planted-3-secret"},"body":"planted-4-secret","content_type":"text/plain"},"token_path":"a.t","expires_path":"a.e","header":"X-Token: #token#"}`,
		} {
			r := h.post("/v1/endpoints", fmt.Sprintf(`{"name":"a%d","request":{"url":"https://x.example/"},"auth":%s}`, i, given))
			if r.status != 201 {
				t.Errorf("%s: %s", given, r.body)
				continue
			}
			shown := string(h.get("/v1/endpoints/"+r.text("id")).body) + string(r.body)
			if strings.Contains(shown, "planted") || strings.Contains(shown, "PRIVATE KEY") {
				t.Errorf("%s is shown", given)
			}
		}
		// A certificate that is none is refused without being shown.
		r := h.post("/v1/endpoints", `{"request":{"url":"https://x.example/"},"auth":{"type":"client_certificate","certificate":"c","key":"planted-5-secret","ca":"x"}}`).want(422)
		if strings.Contains(string(r.body), "planted") {
			t.Errorf("the key is shown: %s", r.body)
		}
		r = h.post("/v1/endpoints", `{"request":{"url":"https://x.example/"},"signature":{"schemes":["ed25519"],"private_key":"planted-6-secret"}}`).want(422)
		if strings.Contains(string(r.body), "planted") {
			t.Errorf("the key is shown: %s", r.body)
		}
	})
}

// A key of one's own signs, and only its public half is told.
func TestE7_AnEd25519KeyOfOnesOwnIsKept(t *testing.T) {
	each(t, func(h *testHub) {
		seed := []byte("planted-ed25519-seed-4722-abcdef")
		public := "whpk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
		private := "whsk_" + base64.StdEncoding.EncodeToString(seed)
		made := h.post("/v1/endpoints", `{"request":{"url":"`+h.receiver.url+`"},"signature":{"schemes":["ed25519"],"private_key":"`+private+`"}}`).want(201).
			is("signature.public_key", public)
		h.get("/v1/endpoints/"+made.text("id")).want(200).is("signature.public_key", public).is("signature.private_key", hub.Masked)
	})
}

func TestABacklogGoesNowhereElseUnasked(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint("")
		h.publish(`{"type":"a","data":1}`)
		moved := `{"request":{"url":"https://elsewhere.example/"}}`
		h.call("PATCH", "/v1/endpoints/"+id, moved).want(409)
		h.call("PATCH", "/v1/endpoints/"+id+"?confirm=backlog", moved).want(200)
		h.call("PUT", "/v1/endpoints/"+id+"?confirm=backlog", `{"request":{"url":"https://third.example/"}}`).want(200)
	})
}

func TestReplayOfASpan(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint(`,"name":"A"`)
		other := h.endpoint(`,"name":"B","subscription":{"event_types":["none"]}`)
		event := h.publish(`{"type":"a","data":1}`)
		h.deliver(event, hub.Refused, 500)
		span := `"since":"2020-01-01T00:00:00Z","until":"2100-01-01T00:00:00Z","outcomes":["failed"],"event_types":["a"]`
		h.post("/v1/endpoints/"+id+"/replay", `{`+span+`,"dry_run":true}`).want(202).is("total", "1").is("state", "counted").is("id", "")
		r := h.post("/v1/endpoints/"+id+"/replay", `{`+span+`,"rate":"5/s","to":"`+other+`"}`).want(202)
		h.get("/v1/replays/"+r.text("id")).want(200).is("total", "1")
		h.post("/v1/endpoints/"+id+"/replay", `{}`).problem(422, hub.Invalid, "/since")
		h.post("/v1/endpoints/"+id+"/replay", `{"since":"2026-01-01T00:00:00Z","until":"2020-01-01T00:00:00Z"}`).problem(422, hub.Invalid, "/until")
		h.get("/v1/replays/rpl_nobody").problem(404, hub.NotFound)
	})
}

func TestN5_AnAnswerIsJudgedByTheRuleOfItsEndpoint(t *testing.T) {
	each(t, func(h *testHub) { // whose receiver answers 200 {"ok":true}
		judged := func(success string) reply {
			return h.post("/v1/endpoints/test", `{"endpoint":{"request":{"url":"`+h.receiver.url+`"},"success":`+success+`},"data":{}}`).want(200).is("response.status", "200")
		}
		judged(`{"condition":"response.json.ok"}`).is("result", "succeeded")
		judged(`{"condition":"response.json.ok == false"}`).is("result", "refused")
		judged(`{"status":["409"]}`).is("result", "refused").is("error", "answered 200 OK")
		judged(`{"status":["200"],"condition":"!response.body.contains('true')"}`).is("result", "refused")
		h.post("/v1/endpoints", `{"request":{"url":"`+h.receiver.url+`"},"success":{"condition":"response.jsn("}}`).problem(422, hub.Invalid, "/success/condition")
	})
}

func TestN11_AConditionIsCheckedOnTheLastEvents(t *testing.T) {
	each(t, func(h *testHub) {
		h.publish(`{"type":"a","key":"K1","data":{"total":"80"}}`)
		h.publish(`{"type":"a","data":{"total":"120"}}`)
		h.post("/v1/conditions/check", `{"condition":"num(data.total) > 100.0","event_type":"a"}`).want(200).is("matched", "1").is("of", "2").is("failed", "0")
		h.post("/v1/conditions/check", `{"condition":"nonsense("}`).problem(422, hub.Invalid, "/condition")
	})
}

func TestReadOnlyMembersAreIgnored(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint(`,"id":"ep_mine","created_at":"garbage","waiting":"many","signature":{"public_key":7}`)
		if id == "ep_mine" {
			t.Error("the caller chose the id")
		}
		h.call("PATCH", "/v1/endpoints/"+id, `{"id":7,"state":"paused","failures_in_a_row":-1,"description":"x"}`).want(200).is("state", "active").is("description", "x")
		h.call("PATCH", "/v1/tenants/default", `{"id":7,"name":"N"}`).want(200).is("name", "N")
	})
}

func TestDefaultsAreShown(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint("")
		r := h.get("/v1/endpoints/" + id).want(200)
		for path, want := range map[string]string{
			"active": "true", "request.payload": "standard", "request.timeout": "15s", "request.missing": "empty", "auth.type": "none",
			"signature.schemes": `["standard-webhooks"]`, "retry.intervals.0": "5s", "success.status": `["2xx"]`, "order.by": "none",
			"order.stuck": "wait", "limits.concurrency": "8", "disable_after": "5d", "subscription.event_types": "[]",
		} {
			r.is(path, want)
		}
		if !json.Valid(r.body) {
			t.Errorf("not JSON: %s", r.body)
		}
		for _, unset := range []string{`"method":null`, `"table":null`, `"channels":[],"condition":null}`, `"success":{"status":["2xx"],"final":[],"condition":null}`} {
			if !strings.Contains(string(r.body), unset) {
				t.Errorf("%s is not in %s", unset, r.body)
			}
		}
		h.call("PUT", "/v1/endpoints/"+id, string(r.body)).want(200) // null means: the default
	})
}

// A change is durable before its warnings are made: that these cannot be made is no reason to say that it failed.
func TestASavedChangeIsAnsweredWithoutItsWarnings(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint("")
		err := h.store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`ALTER TABLE event_type RENAME TO event_type_away`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"the new one"}`).want(200).is("description", "the new one")
		h.get("/v1/endpoints/"+id).want(200).is("description", "the new one")
	})
}
