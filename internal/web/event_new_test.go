package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// eventType puts a kind of event into the catalogue; whoever takes events holds them to it.
func (h *house) eventType(text string) {
	h.Helper()
	var kind settings.EventType
	if err := json.Unmarshal([]byte(text), &kind); err != nil {
		h.Fatal(err)
	}
	h.settings.TypesChanged = func(all []settings.EventType) {
		var rules []ingest.EventRule
		for _, t := range all {
			rules = append(rules, ingest.EventRule{Name: t.Name, Schema: t.Schema, Key: t.Key, Refs: t.Refs})
		}
		h.ingest.SetEventTypes(rules)
	}
	if _, _, err := h.settings.PutEventType(h.Context(), kind, "", settings.By{Name: "test"}); err != nil {
		h.Fatal(err)
	}
}

func TestAnEventIsPublishedByHand(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	h.user(h.tenant, hub.Viewer, nil)
	target := h.endpoint(h.tenant, "WMS")
	h.eventType(`{"name":"order.created","title":{"en":"New order"},"key":"order.number","sample":{"order":{"number":"2018000057","total":1.10}},
		"schema":{"type":"object","required":["order"]}}`)
	h.publish("shop.opened", "9", `{"door":"north"}`)
	b := h.as("operator@example.com")
	h.as("viewer@example.com").get("/events/new").want(http.StatusForbidden)
	b.get("/events").want(200).has(`href="/events/new"`)
	b.get("/catalogue/types/order.created").want(200).has(`href="/events/new?type=order.created"`)
	b.get("/events/new?type=shop.opened").want(200).has("&#34;door&#34;: &#34;north&#34;") // no sample: the newest one

	form := formOf(t, b.get("/events/new").want(200).has("New order (order.created)").text, "/events/new")
	form.Set("do", "send")
	b.do("POST", "/events/new", form).want(422).has("Choose the event type", `href="#f-type"`)
	form.Set("type", "order.created")
	form.Set("do", "look")
	form = formOf(t, b.do("POST", "/events/new", form).want(200).has("&#34;total&#34;: 1.10").text, "/events/new")
	if form.Get("type") != "order.created" {
		t.Errorf("the form has become %v", form)
	}

	form.Set("data", "{\r\n  \"order\": {\"number\": \"č<7\",, \"total\": 1}\r\n}")
	form.Set("metadata", "no object")
	form.Set("do", "send")
	b.do("POST", "/events/new", form).want(422).
		has("look at line 2", `{&#34;number&#34;: &#34;č&lt;7&#34;,<mark>,</mark> &#34;total&#34;: 1}`, "A JSON object is needed here", "no object", "č&lt;7&#34;,,")
	form.Set("metadata", `{"customer":4711}`)
	form.Set("data", `{"other": 1}`)
	b.do("POST", "/events/new", form).want(422).has("order", `href="#f-data"`)
	form.Set("data", `{"order": {"number": "2018000058"}}`)
	form.Set("channels", "shop-cz, shop-sk")
	form.Set("id", "once")
	form.Set("time", "2026-01-02T03:04")
	sent := b.do("POST", "/events/new", form).want(http.StatusSeeOther).header.Get("Location")
	b.get(sent).want(200).has("The event is published", "New order 2018000058", "WMS", "shop-cz, shop-sk", "4711", "once")
	if again := b.do("POST", "/events/new", form).want(http.StatusSeeOther).header.Get("Location"); again != sent {
		t.Errorf("the same again made %s beside %s", again, sent)
	}
	b.get(sent).want(200).has("was there already")
	owed, _, err := h.store.Deliveries(t.Context(), store.DeliveryFilter{Tenant: h.tenant.No, Targets: []int64{target.No}}, store.Page{})
	if err != nil || len(owed) != 2 || owed[0].EventKey != "2018000058" {
		t.Errorf("owed are %+v %v", owed, err)
	}
	log, _, err := h.settings.Audit(t.Context(), h.tenant.No, store.Page{})
	if err != nil || len(log) == 0 || log[0].Action != "published" || log[0].Who != "The operator" || !strings.HasSuffix(sent, log[0].Object) {
		t.Errorf("the audit says %+v %v", log, err)
	}
}

func TestThePlaceWhereJSONEndsIsShown(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	b := h.as("operator@example.com")
	for data, want := range map[string]string{
		"":                            `<mark> </mark></pre>`,
		"{\n  \"a\": 1":               `<span class="muted" aria-hidden="true">2 </span>  &#34;a&#34;: 1<mark> </mark></pre>`,
		"[1]\n]":                      `2 </span><mark>]</mark></pre>`,
		"{\"a\": žluťoučký}":          `{&#34;a&#34;: <mark>ž</mark>luťoučký}</pre>`,
		strings.Repeat("1", 70) + "x": `>1 </span>…` + strings.Repeat("1", 60) + `<mark>x</mark></pre>`,
	} {
		b.do("POST", "/events/new", url.Values{"own_type": {"a.b"}, "data": {data}}).want(422).has(want)
	}
}
