package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/packs"
)

// shoptet is a shop's API with one order behind a token.
func shoptet(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/action/ApiOAuthServer/getAccessToken" && r.Header.Get("Authorization") == "Bearer planted-oauth":
			_, _ = io.WriteString(w, `{"access_token":"planted-access","expires_in":1800}`)
		case r.URL.Path == "/api/orders/2018000057" && r.Header.Get("Shoptet-Access-Token") == "planted-access":
			_, _ = w.Write(packs.Sample("shoptet-order-detail"))
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// orders are the values of the ready pipeline for orders.
func orders(shop string) string {
	return `{"source":"Shop","connection":"erp","shop":"` + shop + `","token":"planted-oauth","api":"` + shop + `/"}`
}

func TestM8_AReadyPipelineIsSetUpInOneGo(t *testing.T) {
	each(t, func(h *testHub) {
		shop := shoptet(t)
		db := h.erp()
		h.post("/v1/sources", `{"name":"Shop","preset":"shoptet","verify":{"secrets":["planted"]}}`).want(201)
		listed := h.get("/v1/presets?kind=pipeline&pack=shoptet&order=asc&limit=2").want(200).is("data.1.name", "order-statuses").is("data.1.variables.3.secret", "true")
		if listed.text("next_cursor") == "" || listed.text("data.1.title.cs") != "Stavy objednávek do ERP" || listed.count("data.1.database.postgres") != 1 {
			t.Errorf("got %s", listed.body)
		}
		listed = h.get("/v1/presets?kind=pipeline&pack=shoptet&order=asc&limit=2&cursor="+listed.text("next_cursor")).want(200).
			is("data.0.name", "orders").is("data.0.tables.0.entries.Stornována", "cancelled").is("data.0.variables.4.default", "https://api.myshoptet.com")
		for _, statement := range listed.at("data.0.database.sqlite").([]any) {
			text := strings.NewReplacer("TABLE orders", "TABLE shop_orders", "TABLE order_lines", "TABLE shop_lines").Replace(statement.(string))
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
		}

		const apply = "/v1/presets/shoptet/orders/apply"
		made := h.post(apply, `{"variables":`+orders(shop)+`,"name":"Objednávky"}`, "Idempotency-Key", "k").want(201).
			is("name", "Objednávky").is("state", "active").is("subscription.sources.0", "Shop").is("steps.0.limits.concurrency", "3")
		if strings.Contains(string(made.body), "planted") {
			t.Errorf("a secret is shown: %s", made.body)
		}
		h.post(apply, `{"variables":`+orders(shop)+`,"name":"Objednávky"}`, "Idempotency-Key", "k").want(201).is("id", made.text("id"))
		h.get("/v1/pipelines").want(200).is("data.0.id", made.text("id"))
		h.get("/v1/tables/shoptet-order-statuses").want(200).is("entries.Nevyřízená", "new")

		// The order is really read and its status translated; the ERP of this test has other columns, which it says.
		event := h.publish(`{"type":"order:create","key":"2018000057","data":{"event":"order:create"}}`)
		run := h.post("/v1/pipelines/"+made.text("id")+"/dry-run", `{"event":"`+event+`"}`).want(200).
			is("steps.0.result", "done").is("steps.1.output", `{"status":"new"}`).is("steps.2.result", "failed")
		if !strings.Contains(run.text("steps.2.error"), "no such column") || strings.Contains(string(run.body), "planted") {
			t.Errorf("got %s", run.body)
		}

		// A table that is there already is the caller's own, and stays as it is.
		h.call("PATCH", "/v1/tables/shoptet-order-statuses", `{"entries":{"Nevyřízená":"N"}}`).want(200)
		h.post(apply, `{"variables":`+orders(shop)+`}`).want(201).is("name", "Shoptet: orders into the ERP")
		h.get("/v1/tables/shoptet-order-statuses").want(200).is("entries.Nevyřízená", "N")
		if n := h.get("/v1/tables").count("data"); n != 2 {
			t.Errorf("there are %d tables, want the hub's own and the preset's", n)
		}
	})
}

func TestM8_WhatAPresetLacksIsPointedAt(t *testing.T) {
	each(t, func(h *testHub) {
		h.erp()
		h.post("/v1/sources", `{"name":"Shop","preset":"shoptet","verify":{"secrets":["planted"]}}`).want(201)
		const apply = "/v1/presets/shoptet/orders/apply"
		good := orders("https://shop.example")
		for _, c := range []struct {
			old, new string
			want     []string
		}{
			{`"token":"planted-oauth",`, ``, []string{"/variables/token", "is missing"}},
			{`"planted-oauth"`, `""`, []string{"/variables/token", "is empty"}},
			{`"api"`, `"appi"`, []string{"/variables/appi", `did you mean \"api\"`}},
			{`"shop":"https://shop.example"`, `"shop":"shop.example"`, []string{"/variables/shop"}},
			{`"source":"Shop"`, `"source":"Nobody"`, []string{"/variables/source", `there is no source`}},
			{`"connection":"erp"`, `"connection":"nobody"`, []string{"/variables/connection", "there is no connection"}},
		} {
			if !strings.Contains(good, c.old) {
				t.Fatalf("%s is not in %s", c.old, good)
			}
			r := h.post(apply, `{"variables":`+strings.Replace(good, c.old, c.new, 1)+`}`).problem(422, hub.Invalid, c.want...)
			if strings.Contains(string(r.body), "planted") {
				t.Errorf("a secret is shown: %s", r.body)
			}
		}
		h.post(apply, `{}`).problem(422, hub.Invalid, "/variables/source", "/variables/connection", "/variables/shop", "/variables/token")
		h.post(apply, `{"variables":{"source":1}}`).problem(422, hub.Invalid, "/variables/source")
		h.post(apply, `{"variables":`+good+`,"name":"`+strings.Repeat("n", 256)+`"}`).problem(422, hub.Invalid, "/name")
		h.post("/v1/presets/shoptet/order/apply", `{}`).problem(404, hub.NotFound, "shoptet/orders")
		h.post("/v1/presets/nobody/anything-else/apply", `{}`).problem(404, hub.NotFound)
		h.get("/v1/presets?kind=pipelines").problem(422, hub.Invalid, "kind")
		h.settings.MailReady = false
		h.post("/v1/presets/stripe/payments/apply", `{"variables":{"source":"Shop","connection":"erp"}}`).problem(422, hub.NotAvailable, "mail server")
		// A refusal leaves nothing behind, not even the translation table.
		if n, tables := h.get("/v1/pipelines").count("data"), h.get("/v1/tables").count("data"); n != 0 || tables != 1 {
			t.Errorf("%d pipelines and %d tables are there, want 0 and the hub's own 1", n, tables)
		}
	})
}

func TestP2_ATargetSystemFromTheGallery(t *testing.T) {
	each(t, func(h *testHub) {
		if n := h.get("/v1/presets?kind=target&pack=profacto").want(200).count("data"); n != 4 {
			t.Errorf("%d target systems of profacto, want 4", n)
		}
		body := `{"variables":{"url":"` + h.receiver.url + `/zeit"},"name":null}`
		made := h.post("/v1/presets/profacto/time-recording/apply", body, "Idempotency-Key", "k").want(201).
			is("name", "Zeiterfassung").is("preset", "profacto/time-recording").is("request.table", "Auftrag").is("request.url", h.receiver.url+"/zeit")
		if !strings.HasPrefix(made.text("signature.secret"), "whsec_") {
			t.Errorf("the made secret is not told: %s", made.body)
		}
		h.post("/v1/presets/profacto/time-recording/apply", body, "Idempotency-Key", "k").want(201).is("id", made.text("id")).is("signature.secret", hub.Masked)

		// The call has two parts: what happened in the address, the fields in the body.
		h.post("/v1/endpoints/"+made.text("id")+"/test", `{"event_type":"project.created","data":{"project":{"number":"2024-0187","name":"Küche","net_total":"18450.00"}}}`).want(200)
		h.receiver.mu.Lock()
		defer h.receiver.mu.Unlock()
		if len(h.receiver.got) != 1 || !strings.Contains(h.receiver.got[0], "POST /zeit?") || !strings.Contains(h.receiver.got[0], "event=project.created&name=Zeiterfassung&table=Auftrag") ||
			!strings.Contains(h.receiver.got[0], `"number":"2024-0187"`) || strings.Contains(h.receiver.got[0], "18450") {
			t.Errorf("got %q", h.receiver.got)
		}
	})
}

func TestM2_ASourceOfAProviderInOneGo(t *testing.T) {
	each(t, func(h *testHub) {
		h.get("/v1/presets?kind=source&pack=stripe").want(200).is("data.0.name", "source").is("data.0.variables.0.name", "secret").is("data.0.variables.0.secret", "true")
		h.post("/v1/presets/stripe/source/apply", `{}`).problem(422, hub.Invalid, "/variables/secret")
		made := h.post("/v1/presets/stripe/source/apply", `{"variables":{"secret":"whsec_planted"},"name":"Platby"}`).want(201).
			is("name", "Platby").is("preset", "stripe").is("verify.scheme", "stripe").is("event_type", "body.type")
		if strings.Contains(string(made.body), "planted") {
			t.Errorf("a secret is shown: %s", made.body)
		}
		// Whose secret the hub makes, it tells once.
		h.post("/v1/presets/github/source/apply", `{}`).want(201).is("preset", "github")
		h.post("/v1/presets/paypal/source/apply", `{"variables":{"webhook_id":"8PT597110X687430LKGECATA"}}`).want(201).is("verify.settings.webhook_id", "8PT597110X687430LKGECATA")
	})
}

// Setting up a preset needs the rights to make the same thing without it; and names in it are the caller's own.
func TestRule14_APresetGivesNoMoreRightsThanItsParts(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		theirs, ours := h.as(adminKey, "acme"), h.as(adminKey, "default")
		theirs.erp()
		theirs.post("/v1/sources", `{"name":"Shop","preset":"shoptet","verify":{"secrets":["planted"]}}`).want(201)
		ours.post("/v1/presets/shoptet/orders/apply", `{"variables":`+orders("https://shop.example")+`}`).problem(422, hub.Invalid, "/variables/source", "/variables/connection")

		narrow := theirs.as(theirs.post("/v1/keys", `{"name":"k","role":"editor","scopes":["endpoints:write","event-types:read"]}`).want(201).text("key"), "")
		narrow.get("/v1/presets").want(200)
		narrow.post("/v1/presets/shoptet/orders/apply", `{"variables":`+orders("https://shop.example")+`}`).problem(403, hub.Forbidden, "pipelines:write")
		narrow.post("/v1/presets/stripe/source/apply", `{"variables":{"secret":"whsec_1"}}`).problem(403, hub.Forbidden, "sources:write")
		narrow.post("/v1/presets/ellity/get/apply", `{"variables":{"url":"https://x.example"}}`).want(201)
		if n := theirs.get("/v1/pipelines").count("data") + theirs.get("/v1/tables").count("data"); n != 1 {
			t.Errorf("a refused preset left something behind: %d", n)
		}
	})
}

func TestP2_AnEndpointFromAPresetWithItsOwnSettings(t *testing.T) {
	each(t, func(h *testHub) {
		url := `"request":{"url":"` + h.receiver.url + `/x"}`
		made := h.post("/v1/endpoints", `{"preset":"onestock/state-changes","name":"OMS","success":{"status":["2xx"]},`+url+`}`).want(201).
			is("name", "OMS").is("preset", "onestock/state-changes").is("retry.intervals.5", "14m").is("success.status.0", "2xx").is("order.by", "all")
		h.post("/v1/endpoints", `{"preset":"onestock/state-changes","request":{}}`).problem(422, hub.Invalid, "/request/url")
		h.post("/v1/endpoints", `{"preset":"shoptet/orders",`+url+`}`).problem(422, hub.Invalid, "/preset", "not a target")
		h.post("/v1/endpoints/preview", `{"endpoint":{"preset":"profacto/crm","request":{}},"data":{}}`).problem(422, hub.Invalid, "/endpoint/request/url")

		// What was changed by hand stays when what was read is put back, or the preset is named again.
		id := made.text("id")
		h.call("PATCH", "/v1/endpoints/"+id, `{"order":{"by":"key"}}`).want(200).is("preset", "onestock/state-changes")
		h.call("PUT", "/v1/endpoints/"+id, string(h.get("/v1/endpoints/"+id).body)).want(200).is("order.by", "key").is("name", "OMS")
		h.call("PATCH", "/v1/endpoints/"+id, `{"preset":"onestock/state-changes"}`).want(200).is("order.by", "key")
		h.call("PATCH", "/v1/endpoints/"+id, `{"preset":"ellity/get",`+url+`}`).want(200).is("request.method", "GET").is("name", "Ellity: GET")
		h.call("PATCH", "/v1/endpoints/"+id, `{"preset":null}`).want(200).is("preset", "").is("request.method", "GET")
	})
}
