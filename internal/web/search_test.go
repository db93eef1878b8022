package web_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// happens accepts one event and finds what it is owed.
func (h *house) happens(in ingest.Input) (*hub.Event, []store.DeliveryRow) {
	h.Helper()
	out := h.ingest.Publish(h.Context(), h.tenant.No, in)[0]
	if out.Err != nil {
		h.Fatal(out.Err)
	}
	rows, err := h.store.DeliveriesOf(h.Context(), h.tenant.No, out.Event.ID)
	if err != nil {
		h.Fatal(err)
	}
	return out.Event, rows
}

// only narrows an endpoint to event types.
func (h *house) only(t hub.Target, types string) {
	h.Helper()
	_, err := h.settings.PatchEndpoint(h.Context(), h.tenant.No, t.ID.Text(hub.EndpointPrefix), []byte(`{"subscription":{"event_types":["`+types+`"]}}`), "", settings.By{Name: "test"})
	if err != nil {
		h.Fatal(err)
	}
}

func number(text string) *string { return &text }

func order(key string) ingest.Input {
	return ingest.Input{Type: "order.created", Key: number(key), Data: []byte(`{"total":1999.30,"name":"<b>Žofie</b>` + "\u202e" + `"}`), Refs: []string{"Z" + key}}
}

func TestP8_N1_N2_DidTheWarehouseGetTheOrder(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	h.endpoint(h.tenant, "WMS")
	h.only(h.endpoint(h.tenant, "CRM"), "customer.*")
	_, rows := h.happens(order("2018000057"))
	h.happens(order("2018000058"))
	h.attempt(rows[0], hub.Attempt{
		Result: hub.Refused, Status: 503, Final: true, Error: "answered 503", Took: 80 * time.Millisecond,
		Request:  hub.SentRequest{Method: "POST", URL: "https://wms.example/in", Headers: []hub.Header{{Name: "X-Shop", Value: "1"}}, Body: []byte(`{"a":1}`)},
		Response: hub.Answer{Status: 503, Body: []byte("<script>alert(1)</script>")}, Timing: hub.Timing{Connect: 10 * time.Millisecond, FirstByte: 60 * time.Millisecond, Total: 80 * time.Millisecond},
	})
	b := h.as("operator@example.com")
	page := b.get("/search?q=2018000057").want(http.StatusOK).has(
		"<h1>2018000057</h1>", "0 of 1 delivered", "Did not get to WMS", "Send again: WMS", "1999.30", "&lt;b&gt;Žofie&lt;/b&gt;�", "Received through the API",
		"CRM", "Event type: order.created is not subscribed", "&lt;script&gt;alert", "Connecting 10", "Z2018000057", "Final by rule")
	page.hasNot("<script>alert", "<b>Žofie", "\u202e", "2018000058")
	// One press sends it again, and comes back to the same page.
	again := "/deliveries/" + rows[0].ID().Text() + "/again"
	if !strings.Contains(page.text, `action="`+again+`"`) {
		t.Fatal("no way to send it again")
	}
	answer := b.post(again, "to", "/search?q=2018000057").want(http.StatusSeeOther)
	if to := answer.header.Get("Location"); to != "/search?q=2018000057" {
		t.Errorf("sent back to %q", to)
	}
	b.get("/search?q=2018000057").want(http.StatusOK).has("“WMS” gets it again.", "Not yet at WMS", "Retry now: WMS", "Pending")
	// The other ways that lead to it.
	b.get("/search?q=Z2018000057").want(http.StatusOK).has("<h1>Z2018000057</h1>", "2018000057")
	b.get("/search?q=20180000").want(http.StatusOK).has("Several results begin with", "2018000057", "2018000058")
	b.get("/search?q=Z2018000058").want(http.StatusOK).has("order.created")
	b.get("/search?q=wm").want(http.StatusOK).has("With this name", "WMS")
	b.get("/search?q=" + rows[0].Event.Text(hub.EventPrefix)).want(http.StatusOK).has("<h1>2018000057</h1>")
	b.get("/search?q=" + rows[0].ID().Text()).want(http.StatusSeeOther)
	b.get("/search").want(http.StatusOK).has("What are you looking for?")
	// Signs that nobody sees come along with what is pasted.
	clean := b.get("/search?q=" + url.QueryEscape("\u202e\x002018000057\u200e ")).want(http.StatusSeeOther).header.Get("Location")
	b.get(clean).want(http.StatusOK).has("<h1>2018000057</h1>")
	long := b.get("/search?q=" + strings.Repeat("%3Cx%E2%82%AC", 400)).want(http.StatusSeeOther).header.Get("Location")
	b.get(long).want(http.StatusOK).has("Nothing found", "&lt;x€")
}

func TestN2_SearchSaysWhyANumberNeverArrived(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, nil)
	src, err := h.settings.CreateSource(t.Context(), h.tenant.No, []byte(`{"name":"Eshop","verify":{"scheme":"none"}}`), settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	b := h.as("viewer@example.com")
	h.happens(order("2018000057"))
	b.get("/search?q=2018000099").want(http.StatusOK).has("Nothing found for “2018000099”", "Very near", "2018000057", "Eshop", "Never heard of", "What to check", "The oldest event kept")
	kept := hub.InRequest{
		ID: hub.NewID(), Tenant: h.tenant.No, Source: src.No, At: h.clock.Now(), Outcome: hub.RequestQuarantined, Reason: "the secret is another one", Method: "POST", Status: 401,
		Body: []byte(`{"eventInstance":"2018000099"}`), Headers: []hub.Header{},
	}
	if err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.AddRequests(t.Context(), []hub.InRequest{kept}) }); err != nil {
		t.Fatal(err)
	}
	b.get("/search?q=2018000099").want(http.StatusOK).has("Requests that hold it", "the secret is another one", kept.ID.Text(hub.RequestPrefix), "Heard of lately")
	h.clock.Advance(25 * time.Hour)
	if err := h.store.Canary(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = h.as("viewer@example.com")
	b.get("/search?q=2018000099").want(http.StatusOK).has("Silent for more than a day")
}

func TestEventsAndDeliveriesAreListedAndFiltered(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	wms, crm := h.endpoint(h.tenant, "WMS"), h.endpoint(h.tenant, "CRM")
	e, rows := h.happens(order("2018000057"))
	h.happens(order("2018000058"))
	for _, d := range rows {
		if d.Target == wms.No {
			h.attempt(d, hub.Attempt{Result: hub.Succeeded, Status: 202})
		}
	}
	if _, err := h.settings.Pause(t.Context(), h.tenant.No, "CRM", settings.By{Name: "Óskar"}, "x"); err != nil {
		t.Fatal(err)
	}
	b := h.as("operator@example.com")
	b.get("/events").want(http.StatusOK).has("2018000057", "2018000058", "a program (API)", "Follow live")
	b.get("/events?key=2018000057").want(http.StatusOK).has(">2018000057<").hasNot(">2018000058<")
	b.get("/events?type=customer.*&since=2031-01-01T00:00").want(http.StatusOK).has("Nothing matches", "Clear the filter")
	b.get("/events?since=tomorrow").want(http.StatusOK).has("“tomorrow” is not a time")
	b.get("/events?follow=1").want(http.StatusOK).has(`hx-trigger="sse:changed delay:1s"`, "Stop following")
	b.get("/events/"+e.ID.Text(hub.EventPrefix)).want(http.StatusOK).has("1999.30", "Answered 202", "The endpoint is paused by Óskar: x", "Send to all that want it")
	rowsOf := func(query string) int {
		return strings.Count(b.get("/deliveries"+query).want(http.StatusOK).text, `name="id"`)
	}
	for query, want := range map[string]int{
		"": 4, "?state=delivered": 1, "?state=held": 2, "?state=pending": 1, "?state=pending,held": 3, "?state=failed": 0, "?state=held&state=delivered": 3,
		"?target=" + crm.ID.Text(hub.EndpointPrefix): 2, "?target=" + wms.ID.Text(hub.EndpointPrefix) + "&state=held": 0, "?key=2018000057": 2, "?since=2031-01-01T00:00": 0,
	} {
		if got := rowsOf(query); got != want {
			t.Errorf("/deliveries%s lists %d, want %d", query, got, want)
		}
	}
	b.get("/deliveries?follow=1").want(http.StatusOK).hasNot(`name="id"`).has(`hx-select="#list"`)
}

func TestSeveralAreSentAgainAfterTheyWereCounted(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	h.endpoint(h.tenant, "WMS")
	var fields []string
	for _, key := range []string{"A1", "A2", "A3"} {
		_, rows := h.happens(order(key))
		h.attempt(rows[0], hub.Attempt{Result: hub.Refused, Status: 400, Final: true, Error: "answered 400"})
		fields = append(fields, "id", rows[0].ID().Text())
	}
	b := h.as("operator@example.com")
	fields = append(fields, "to", "/deliveries?state=failed")
	b.post("/deliveries/bulk", append(fields, "do", "again")...).want(http.StatusOK).has("Send 3 deliveries again?", "WMS")
	if got := len(h.open()); got != 0 {
		t.Fatalf("%d go out before anybody was asked", got)
	}
	b.post("/deliveries/bulk", append(fields, "do", "again", "sure", "1")...).want(http.StatusSeeOther)
	b.get("/deliveries").want(http.StatusOK).has("3 deliveries go out again.")
	open := h.open()
	if len(open) != 3 {
		t.Fatalf("%d deliveries go out, want 3", len(open))
	}
	chosen := []string{"to", "//evil.example/", "id", open[0].ID().Text(), "id", fields[1]}
	b.post("/deliveries/bulk", append(chosen, "do", "cancel")...).want(http.StatusOK).has("Cancel 2 deliveries?")
	if to := b.post("/deliveries/bulk", append(chosen, "do", "cancel", "sure", "1")...).want(http.StatusSeeOther).header.Get("Location"); to != "/deliveries" {
		t.Errorf("sent on to %q", to)
	}
	b.get("/deliveries").has("Done: 1. Left as they were, because they had ended meanwhile: 1.")
	b.post("/deliveries/bulk", "do", "again").want(http.StatusSeeOther)
	b.post("/deliveries/bulk", append(fields, "do", "explode")...).want(http.StatusUnprocessableEntity)
}

// open are the deliveries that wait.
func (h *house) open() []store.DeliveryRow {
	h.Helper()
	rows, _, err := h.store.Deliveries(h.Context(), store.DeliveryFilter{Tenant: h.tenant.No, States: []hub.DeliveryState{hub.Pending}}, store.Page{})
	if err != nil {
		h.Fatal(err)
	}
	return rows
}

func TestAReplayIsCountedFirst(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	wms := h.endpoint(h.tenant, "WMS").ID.Text(hub.EndpointPrefix)
	for _, key := range []string{"A1", "A2"} {
		_, rows := h.happens(order(key))
		h.attempt(rows[0], hub.Attempt{Result: hub.Refused, Status: 400, Final: true, Error: "answered 400"})
	}
	h.clock.Advance(time.Second)
	b := h.as("operator@example.com")
	b.get("/replay?target="+wms).want(http.StatusOK).has(`value="`+wms+`" selected`, "Count first").hasNot(`value="start"`)
	since := h.clock.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04")
	form := []string{"target", wms, "since", since, "outcome", "failed", "rate", "5/s", "types", "order.*"}
	b.post("/replay", append(form, "do", "count")...).want(http.StatusOK).has("2 deliveries would go to “WMS”", `value="start"`, `value="order.*"`)
	if got := len(h.open()); got != 0 {
		t.Fatalf("counting owed %d", got)
	}
	to := b.post("/replay", append(form, "do", "start")...).want(http.StatusSeeOther).header.Get("Location")
	b.get(to).want(http.StatusOK).has("Replay to “WMS”", "Running", "0 of 2 handed over", `hx-trigger="every 1s"`)
	b.post("/replay", "since", "yesterday", "do", "count").want(422).has("Choose whose deliveries are meant", "“yesterday” is not a time", `value="yesterday"`)
	b.post("/replay", "target", "ep_none", "do", "count").want(http.StatusNotFound)
}

func TestAnEventIsChangedAndSentAgainWithItsName(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	h.user(h.tenant, hub.Operator, nil)
	h.endpoint(h.tenant, "WMS")
	h.endpoint(h.tenant, "CRM")
	_, rows := h.happens(order("2018000057"))
	path := "/deliveries/" + rows[0].ID().Text() + "/edit"
	h.as("operator@example.com").get(path).want(http.StatusForbidden)
	b := h.as("editor@example.com")
	b.get(path).want(http.StatusOK).has("1999.30", "Edit and send again")
	b.post(path, "data", "{\n \"total\": 80.00,\n oops}").want(422).has("look at line 3", "oops}", `aria-invalid="true"`)
	to := b.post(path, "data", `{"total":80.00}`).want(http.StatusSeeOther).header.Get("Location")
	b.get(to).want(http.StatusOK).has("Changed by a person and sent again", "80.00", "It is recorded with your name.")
	changed, _, err := h.store.Events(t.Context(), store.EventFilter{Tenant: h.tenant.No}, store.Page{Limit: 1})
	if err != nil || string(changed[0].Data) != `{"total":80.00}` || changed[0].OnlyTarget != rows[0].Target || changed[0].Parent != rows[0].Event {
		t.Fatalf("%+v %v", changed[0], err)
	}
	audit, _, err := h.settings.Audit(t.Context(), h.tenant.No, store.Page{Limit: 1})
	if err != nil || audit[0].Who != "The editor" || audit[0].Action != "resent" {
		t.Fatalf("%+v %v", audit, err)
	}
}

func TestRule17_ASharedTimelineShowsNoDataAndEnds(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	h.endpoint(h.tenant, "WMS")
	_, rows := h.happens(order("2018000057"))
	h.attempt(rows[0], hub.Attempt{Result: hub.Refused, Status: 400, Final: true, Error: "secret words of the receiver"})
	b := h.as("operator@example.com")
	made := b.post("/share", "value", "2018000057", "days", "1", "to", "/search?q=2018000057").want(http.StatusOK)
	_, rest, _ := strings.Cut(made.text, "/s/")
	token, _, _ := strings.Cut(rest, `"`)
	h.user(h.tenant, hub.Administrator, nil)
	h.as("administrator@example.com").get("/settings/audit?kind=event").has("Shared by link", ">2018000057</a>")
	if len(token) < 26 {
		t.Fatalf("the link %q has less than 128 bits", token)
	}
	stranger := h.browser()
	page := stranger.get("/s/"+token).want(http.StatusOK).has("2018000057", "Failed", "Did not get to WMS")
	page.hasNot("1999.30", "/again", "/deliveries/", "/events/", "<button", "secret words")
	if got := page.header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy is %q", got)
	}
	stranger.get("/s/" + token[:25] + "x").want(http.StatusNotFound)
	stranger.get("/search?q=2018000057").want(http.StatusSeeOther)
	b.post("/share", "value", "no such number", "days", "1").want(http.StatusNotFound)
	b.post("/share", "value", "2018000057", "days", "3650").want(422)
	h.clock.Advance(25 * time.Hour)
	stranger.get("/s/" + token).want(http.StatusNotFound).has("its time is over").hasNot("2018000057")
}

func TestRule14_ForeignHistoryIsNotThere(t *testing.T) {
	h := newHouse(t)
	uid := "customer"
	other, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h.user(other, hub.Administrator, nil)
	wms := h.endpoint(h.tenant, "Our WMS")
	e, rows := h.happens(order("2018000057"))
	h.attempt(rows[0], hub.Attempt{Result: hub.Refused, Status: 400, Final: true, Error: "answered 400"})
	b := h.as("administrator@example.com")
	event, delivery := "/events/"+e.ID.Text(hub.EventPrefix), "/deliveries/"+rows[0].ID().Text()
	for _, q := range []string{"2018000057", e.ID.Text(hub.EventPrefix), "Our WMS", wms.ID.Text(hub.EndpointPrefix)} {
		b.get("/search?q=" + url.QueryEscape(q)).want(http.StatusOK).has("Nothing found")
	}
	for _, path := range []string{event, delivery, delivery + "/edit", "/deliveries?target=" + wms.ID.Text(hub.EndpointPrefix)} {
		b.get(path).want(http.StatusNotFound).hasNot("Our WMS", "1999.30")
	}
	for _, path := range []string{"/events", "/deliveries"} {
		b.get(path).want(http.StatusOK).hasNot("2018000057", "Our WMS")
	}
	b.post(event + "/replay").want(http.StatusNotFound)
	b.post(delivery + "/again").want(http.StatusNotFound)
	b.post(delivery + "/cancel").want(http.StatusNotFound)
	b.post(delivery+"/edit", "data", "{}").want(http.StatusNotFound)
	b.post("/deliveries/bulk", "id", rows[0].ID().Text(), "do", "again").want(http.StatusNotFound)
	b.post("/deliveries/bulk", "id", rows[0].ID().Text(), "do", "again", "sure", "1")
	b.post("/replay", "target", wms.ID.Text(hub.EndpointPrefix), "do", "start").want(http.StatusNotFound)
	b.post("/share", "value", "2018000057", "days", "1").want(http.StatusNotFound)
	b.post("/share", "event", e.ID.Text(hub.EventPrefix), "days", "1").want(http.StatusNotFound)
	if got := len(h.open()); got != 0 {
		t.Errorf("a stranger made %d deliveries", got)
	}
}

func TestAPageIsToldWhatHappenedBeforeItsStreamWasOpen(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, nil)
	wms := h.endpoint(h.tenant, "WMS")
	b := h.as("viewer@example.com")
	path := func() string {
		_, rest, _ := strings.Cut(b.get("/events").want(http.StatusOK).text, `sse-connect="`)
		path, _, _ := strings.Cut(rest, `"`)
		return path
	}
	hello := func(path string) string {
		ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer stop()
		request, err := http.NewRequestWithContext(ctx, "GET", h.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := b.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body) // until the time is over
		return string(text)
	}
	if h.console.Live == nil || path() == "" {
		t.Skip("built without scripts: pages do not renew themselves")
	}
	before := path()
	if text := hello(before); strings.Contains(text, "changed") {
		t.Errorf("nothing has happened, and the page is told %q", text)
	}
	e, rows := h.happens(order("1"))
	h.console.Live.Accepted([]store.Fresh{{Event: e, Delivery: rows[0].Delivery}})
	if text := hello(before); !strings.Contains(text, "event: changed") {
		t.Errorf("the page missed what happened to %s: %q", wms.Name, text)
	}
	if text := hello(path()); strings.Contains(text, "changed") {
		t.Errorf("the page knows it already, and is told %q", text)
	}
}
