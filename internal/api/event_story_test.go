package api_test

import (
	"fmt"
	"strings"
	"testing"

	"hacek/internal/hub"
)

func TestN1_N6_AnEventIsAcceptedListedAndRead(t *testing.T) {
	each(t, func(h *testHub) {
		first := h.endpoint(`,"name":"Sklad","subscription":{"event_types":["order.*"],"condition":"num(data.total) > 100.0"}`)
		h.endpoint(`,"name":"CRM","subscription":{"event_types":["customer.*"]}`)
		data := `{"total": 1234.50, "id":12345678901234567890, "city":"Děčín ß þ 🎣 ` + "\u2028" + `"}`
		accepted := h.post("/v1/events", `{"type":"order.created","key":"2018000057","id":"a1","time":"2026-01-02T03:04:05Z","channels":["b2b"],"metadata":{"from":"test"},"data":`+data+`}`).want(202).
			is("type", "order.created").is("key", "2018000057").is("deliveries", "1").is("time", "2026-01-02T03:04:05.000Z").is("duplicate", "")
		id := accepted.text("id")

		read := h.get("/v1/events/"+id).want(200).is("caller_id", "a1").is("source", "api").is("channels", `["b2b"]`).is("metadata", `{"from":"test"}`)
		if !strings.Contains(string(read.body), data) {
			t.Errorf("the data were changed: %s", read.body)
		}
		h.get("/v1/events?type=order.created,x&key=2018000057&source=api&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&q=2018&order=asc&limit=1").want(200).is("data.0.id", id)
		if n := h.get("/v1/events?type=other").want(200).count("data"); n != 0 {
			t.Errorf("a filter on another type found %d events", n)
		}

		if second := h.endpoint(`,"name":"Second"`); second == first {
			t.Error("two endpoints have one id")
		}
		h.wantFates(id, map[string]string{"Sklad": "pending", "CRM": "skipped: event type: order.created is not subscribed", "Second": "skipped: the endpoint was created after the event"})
	})
}

func TestN1_EveryTargetSaysWhatBecameOfAnEventAndWhy(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint(`,"name":"Sklad","subscription":{"event_types":["order.*"]}`)
		h.endpoint(`,"name":"CRM","subscription":{"event_types":["customer.*"]}`)
		h.endpoint(`,"name":"Large","subscription":{"event_types":["order.*"],"condition":"num(data.total) > 2000.0"}`)
		h.endpoint(`,"name":"Broken","subscription":{"event_types":["order.*"],"condition":"data.missing.deep == 1"}`)
		h.endpoint(`,"name":"Off","active":false`)
		h.endpoint(`,"name":"Paused","subscription":{"event_types":["order.*"]}`)
		h.post("/v1/endpoints/Paused/pause", `{"why":"stock-taking"}`).want(200)
		h.post("/v1/pipelines", `{"name":"ERP","subscription":{"event_types":["order.*"]},"steps":[{"type":"wait","for":"1s"}]}`).want(201)
		h.wantFates(h.publish(`{"type":"order.created","data":{"total":"80.00"}}`), map[string]string{
			"Sklad": "pending", "CRM": "skipped: event type: order.created is not subscribed", "Large": "skipped: condition: total 80.00 is not > 2000",
			"Broken": "failed: condition_error: the event has no field missing", "Off": "skipped: switched off by administrator",
			"Paused": "held: the endpoint is paused by administrator: stock-taking", "ERP": "pending",
		})
		theirs := h.publish(`{"type":"customer.changed","data":{}}`)
		h.deliver(theirs, hub.Succeeded, 202)
		h.wantFates(theirs, map[string]string{"CRM": "delivered: answered 202"})
	})
}

// wantFates looks at the fates of an event by the names of the targets; what is not named may be any.
func (h *testHub) wantFates(event string, want map[string]string) {
	h.Helper()
	fates := h.get("/v1/events/" + event + "/fates").want(200)
	for i := range fates.count("data") {
		at := fmt.Sprintf("data.%d.", i)
		got := fates.text(at + "outcome")
		if reason := fates.text(at + "reason"); reason != "" {
			got += ": " + reason
		}
		if strings.HasPrefix(got, "skipped") && fates.text(at+"delivery") != "" {
			h.Errorf("%s was skipped and has a delivery", fates.text(at+"target.name"))
		}
		name := fates.text(at + "target.name")
		if text, named := want[name]; named && text != got {
			h.Errorf("the fate at %s is %q, want %q", name, got, text)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		h.Errorf("no fate at %v: %s", want, fates.body)
	}
}

func TestTheSameIDAgain(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint("")
		body := `{"type":"a","id":"x1","data":{"n":1.50}}`
		first := h.post("/v1/events", body).want(202)
		h.post("/v1/events", body).want(200).is("id", first.text("id")).is("duplicate", "true")
		h.post("/v1/events", `{"type":"a","id":"x1","data":{"n":1.5}}`).problem(409, hub.IDReused)
		h.as(adminKey, "").post("/v1/events", body, "hacek-hops", "3").want(200)
		h.post("/v1/events", `{"type":"a","data":1}`, "hacek-hops", "11").problem(422, hub.Invalid, "loop")
		h.post("/v1/events", `{"type":"a","data":1}`, "hacek-hops", "many").problem(422, hub.Invalid)
	})
}

func TestPagesMeetWithoutGapOrRepeat(t *testing.T) {
	each(t, func(h *testHub) {
		want := map[string]bool{}
		for i := range 7 {
			want[h.publish(fmt.Sprintf(`{"type":"a","data":%d}`, i))] = true
		}
		for _, order := range []string{"asc", "desc"} {
			seen, cursor := map[string]bool{}, ""
			for page := 0; page == 0 || cursor != ""; page++ {
				path := "/v1/events?limit=3&order=" + order
				if cursor != "" {
					path += "&cursor=" + cursor
				}
				r := h.get(path).want(200)
				for i := range r.count("data") {
					id := r.text(fmt.Sprintf("data.%d.id", i))
					if seen[id] {
						t.Errorf("%s came twice", id)
					}
					seen[id] = true
				}
				if cursor = r.text("next_cursor"); page > 5 {
					t.Fatal("the pages do not end")
				}
			}
			if len(seen) != len(want) {
				t.Errorf("%s: got %d events, want %d", order, len(seen), len(want))
			}
		}
		h.get("/v1/events?cursor=nonsense").problem(422, hub.Invalid, "cursor")
	})
}

func TestABatchStandsLineByLine(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint("")
		array := h.post("/v1/events/batch", `[{"type":"a","data":1,"id":"1"},{"type":"a"},{"type":"a","data":1,"id":"1"},{"type":"a","data":2,"id":"1"}]`).want(202).is("accepted", "2")
		array.is("results.1.error.errors.0.pointer", "/data").is("results.2.duplicate", "true").is("results.3.error.code", "id_reused")
		if array.text("results.0.id") != array.text("results.2.id") {
			t.Errorf("the same id in one batch made two events: %s", array.body)
		}
		lines := h.post("/v1/events/batch", "{\"type\":\"a\",\"data\":1.50}\n\nnot json\n{\"type\":\"b\",\"data\":\"ř\"}\n", "Content-Type", "application/x-ndjson").want(202).is("accepted", "2")
		lines.is("results.1.error.code", "not_json").is("results.2.type", "b")
		h.post("/v1/events/batch", `[{"specversion":"1.0","id":"1","source":"/s","type":"c","subject":"K"}]`, "Content-Type", "application/cloudevents-batch+json").want(202).is("results.0.key", "K")

		// A type in which nobody could name it afterwards is no type.
		h.post("/v1/events", `{"type":"order.\ncreated","data":1}`).problem(422, hub.Invalid, "/type", "line break")
		h.post("/v1/events/batch", `[]`).problem(422, hub.Invalid)
		h.post("/v1/events/batch", `{"type":"a","data":1}`).problem(422, hub.Invalid, "array")
		h.post("/v1/events/batch", `[`+strings.Repeat(`{},`, 1000)+`{}]`).problem(413, hub.TooLarge)
		h.post("/v1/events/batch", `[1,]`).problem(400, hub.NotJSON, "byte")
		h.post("/v1/events/batch", `x`, "Content-Type", "text/csv").problem(415, hub.UnsupportedType)
		h.post("/v1/events/batch", strings.Repeat(" ", 17<<20)).problem(413, hub.TooLarge)
	})
}

func TestCloudEventsBothWays(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint("")
		structured := h.post("/v1/events", `{"specversion":"1.0","id":"7","source":"/shop","type":"order.created","subject":"2018","data":{"total":1.50},"traceparent":"00-ab"}`,
			"Content-Type", "application/cloudevents+json; charset=utf-8").want(202).is("key", "2018")
		h.get("/v1/events/"+structured.text("id")).want(200).is("source", "/shop").is("metadata", `{"traceparent":"00-ab"}`).is("data.total", "1.50")
		// The same source and id, now in headers, is the same event.
		h.post("/v1/events", `{"total":1.50}`, "ce-specversion", "1.0", "ce-id", "7", "ce-source", "/shop", "ce-type", "order.created", "ce-subject", "2018").want(200).is("id", structured.text("id"))
		// Another source may use the same id.
		h.post("/v1/events", `{"total":1.50}`, "ce-specversion", "1.0", "ce-id", "7", "ce-source", "/other", "ce-type", "order.created").want(202)
		h.post("/v1/events", `{"total":1.50}`, "ce-specversion", "1.0", "ce-id", "8%", "ce-source", "/other", "ce-type", "x").problem(422, hub.Invalid, "/id")
		h.post("/v1/events", `[]`, "Content-Type", "application/cloudevents-batch+json").problem(415, hub.UnsupportedType, "/v1/events/batch")
	})
}

func TestReplayOfOneEvent(t *testing.T) {
	each(t, func(h *testHub) {
		a := h.endpoint(`,"name":"A","subscription":{"event_types":["order.*"]}`)
		b := h.endpoint(`,"name":"B","subscription":{"event_types":["customer.*"]}`)
		event := h.publish(`{"type":"order.created","data":{}}`)
		h.deliver(event, hub.Succeeded, 200)
		h.post("/v1/events/"+event+"/replay", "").want(202).is("deliveries", "1")
		h.post("/v1/events/"+event+"/replay", `{"target":"`+b+`"}`).want(202).is("deliveries", "1")
		h.post("/v1/events/"+event+"/replay", `{"target":"A"}`).want(202)
		if n := h.get("/v1/deliveries?event=" + event + "&target=" + a).want(200).count("data"); n != 3 {
			t.Errorf("got %d deliveries to A, want the first and two replays", n)
		}
		h.post("/v1/events/"+event+"/replay", `{"target":"ep_nobody"}`).problem(404, hub.NotFound)
	})
}

func TestASchemaIsHeldAgainstEveryEvent(t *testing.T) {
	each(t, func(h *testHub) {
		h.call("PUT", "/v1/event-types/order.created", `{"schema":{"type":"object","required":["code"],"properties":{"total":{"type":"number"}}},"key":"code","refs":["parcel"]}`).want(201)
		h.post("/v1/events", `{"type":"order.created","data":{"total":"x"}}`).problem(422, hub.SchemaViolated, "/data/total", "/data")
		id := h.post("/v1/events", `{"type":"order.created","data":{"code":"2018","parcel":"P77"}}`).want(202).is("key", "2018").text("id")
		h.get("/v1/search?q=P77").want(200).is("data.0.id", id)
		h.get("/v1/search?q=201&limit=1").want(200).is("data.0.kind", "event")
		h.get("/v1/search").problem(422, hub.Invalid)
	})
}
