package web_test

import (
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
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

// Those that can be published are; the others come back alone, each with its reason.
func TestSeveralEventsArePublishedAtOnce(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	h.eventType(`{"name":"order.created","key":"number","schema":{"type":"object","required":["number"]}}`)
	b := h.as("operator@example.com")
	const path = "/events/new/several"
	numbers := func() (all []string) {
		events, _, err := h.store.Events(t.Context(), store.EventFilter{Tenant: h.tenant.No}, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			all = append(all, e.Key)
		}
		return all
	}
	b.get("/events/new").want(200).has("Several events at once", `enctype="multipart/form-data"`)
	b.post(path, "several", " \n").want(422).has("Paste the events, or choose a file", `href="#f-several"`)
	b.post(path, "several", `[{"type":`).want(422).has(`href="#f-several"`, `[{&#34;type&#34;:`)
	b.post(path, "several", "[]").want(422).has("the batch holds no event")
	b.post(path, "several", `[{"type":"order.created","data":{"number":"A1"}},`+"\n"+`{"type":"order.created","data":{"number":"A2"},"channels":["shop-cz"]}]`).want(http.StatusSeeOther)
	b.post(path, "several", "{\r\n\"type\":\"order.created\",\r\n\"data\":{\"number\":\"A3\"}}").want(http.StatusSeeOther) // one over several lines
	if got := numbers(); !slices.Equal(got, []string{"A3", "A2", "A1"}) {
		t.Fatalf("there are %v", got)
	}
	mixed := strings.Join([]string{`{"type":"order.created","data":{"number":"B1"},"id":"once"}`, "", `{"type":"order.created","data":{"<i>":1}}`, `not <b>json`,
		`{"type":"order.created","daat":{"number":"B2"}}`, `{"type":"order.created","data":{"number":"B3"}}`}, "\r\n")
	left := b.post(path, "several", mixed).want(422).has("2 events are published. 3 were refused.", "Event 1: /data/number is missing", "Event 2: ", "Event 3: ", "did you mean", "not &lt;b&gt;json").hasNot("<b>json", "<i>", ">{&#34;type&#34;:&#34;order.created&#34;,&#34;data&#34;:{&#34;number&#34;:&#34;B1")
	mended := formOf(t, left.text, path)
	if got := strings.Split(mended.Get("several"), "\r\n"); len(got) != 3 || got[1] != "not <b>json" {
		t.Fatalf("left are %q", got)
	}
	if got := numbers(); !slices.Equal(got[:2], []string{"B3", "B1"}) || len(got) != 5 {
		t.Errorf("there are %v", got)
	}

	// A file is taken in place of what was pasted; the same id again is no second event.
	var body strings.Builder
	w := multipart.NewWriter(&body)
	_ = w.WriteField("several", "no event at all")
	file, err := w.CreateFormFile("file", "events.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(file, `{"type":"order.created","data":{"number":"B1"},"id":"once"}`+"\n"+`{"type":"order.created","data":{"number":"C1"}}`+"\n")
	_ = w.Close()
	request, err := http.NewRequestWithContext(t.Context(), "POST", h.server.URL+path, strings.NewReader(body.String()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", w.FormDataContentType())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	answer, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got := numbers(); answer.StatusCode != http.StatusSeeOther || len(got) != 6 || got[0] != "C1" {
		t.Errorf("answered %d, there are %v", answer.StatusCode, got)
	}
	b.get("/events").want(200).has("2 events are published.")
	log, _, err := h.settings.Audit(t.Context(), h.tenant.No, store.Page{})
	if err != nil || len(slices.DeleteFunc(log, func(c store.Revision) bool { return c.Action != "published" || c.Who != "The operator" })) != 6 {
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
