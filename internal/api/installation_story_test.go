package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

func TestO1_EventTypesAreDeclaredAndDiscovered(t *testing.T) {
	each(t, func(h *testHub) {
		made := h.call("PUT", "/v1/event-types/order.created", `{"id":"ignored","name":"order.created","title":{"en":"New order","cs":"Nová objednávka"},"group":"order",
			"schema":{"type":"object"},"sample":{"code": 1.50},"key":"code","refs":["parcel"],"deprecated":false,"visible_in_portal":true,"created_at":"2020-01-01T00:00:00Z"}`).want(201)
		h.get("/v1/event-types/order.created").want(200).is("title.cs", "Nová objednávka").is("sample.code", "1.50")
		tag := made.header.Get("ETag")
		h.call("PATCH", "/v1/event-types/order.created", `{"group":"shop"}`, "If-Match", tag).want(200).is("group", "shop")
		h.call("PUT", "/v1/event-types/order.created", `{"name":"order.created"}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.call("PUT", "/v1/event-types/order.created", `{"name":"other"}`).problem(422, hub.Invalid, "/name")
		h.call("PUT", "/v1/event-types/order.created", `{"schema":{"type":7}}`).problem(422, hub.Invalid, "/schema")
		h.call("PUT", "/v1/event-types/b", `{}`).want(201)
		h.get("/v1/event-types?limit=1").want(200).is("data.0.name", "b")
		next := h.get("/v1/event-types?limit=1").text("next_cursor")
		h.get("/v1/event-types?limit=1&cursor="+next+"&order=asc").want(200).is("data.0.name", "order.created").is("next_cursor", "")
		h.get("/v1/event-types?group=shop").want(200).is("data.0.name", "order.created")
		h.call("DELETE", "/v1/event-types/order.created", "").want(204)
		h.get("/v1/event-types/order.created").problem(404, hub.NotFound)
	})
}

func TestE6_EveryVariableIsOfferedWithASampleValue(t *testing.T) {
	each(t, func(h *testHub) {
		h.call("PUT", "/v1/event-types/order.created", `{"key":"order.code","sample":{"order":{"code":"2018000057","total": 1234.50,
			"unit price":1,"a.b":1,"note":null,"items":[{"sku":"A-1"},{"sku":"B-2"}]},"source":{"name":"shop"},"event":"order:create"}}`).want(201)
		samples := func(h *testHub, name string) map[string]any {
			r := h.get("/v1/event-types/" + name).want(200)
			all := map[string]any{}
			list, _ := r.at("variables").([]any)
			for _, v := range list {
				m := v.(map[string]any)
				all[m["name"].(string)] = m["sample"]
			}
			return all
		}
		got := samples(h, "order.created")
		for name, want := range map[string]any{
			"order.code": "2018000057", "order.total": "1234.50", "order.note": "", "order.items[0].sku": "A-1",
			"order.items": `[{"sku":"A-1"},{"sku":"B-2"}]`, "data.source.name": "shop", "event": "order:create",
			"event.key": "2018000057", "event.type": "order.created", "event.source": "api", "endpoint.name": nil,
		} {
			if v, there := got[name]; !there || v != want {
				t.Errorf("%s: got %v (there: %v), want %v", name, v, there, want)
			}
		}
		for name := range got {
			if strings.ContainsAny(name, " ") || name == "order.a.b" {
				t.Errorf("%q is no placeholder", name)
			}
		}
		// Each one renders to its sample.
		id := h.endpoint("")
		for name, want := range got {
			if text, ok := want.(string); ok && name != "event.id" && name != "event.time" {
				h.call("PATCH", "/v1/endpoints/"+id, `{"request":{"method":"POST","content_type":"text/plain","body":"#`+name+`#"}}`).want(200)
				h.post("/v1/endpoints/"+id+"/preview", `{"event_type":"order.created"}`).want(200).is("body", text)
			}
		}

		// Without a sample, the newest event serves; but not for a key that may read no events.
		h.publish(`{"type":"seen","key":"old","data":{"n":1}}`)
		h.publish(`{"type":"seen","key":"new","data":{"n":2.50,"long":"` + strings.Repeat("ř", 500) + `"}}`)
		h.call("PUT", "/v1/event-types/seen", `{}`)
		if got := samples(h, "seen"); got["n"] != "2.50" || got["event.key"] != "new" || len(got["long"].(string)) > 210 {
			t.Errorf("from the newest event: %v", got)
		}
		blind := h.post("/v1/keys", `{"name":"blind","role":"viewer","scopes":["event-types:read"]}`).want(201).text("key")
		if got := samples(h.as(blind, ""), "seen"); got["n"] != nil || got["event.type"] != "seen" {
			t.Errorf("a key without events:read was shown %v", got)
		}
		h.get("/v1/event-types?limit=1").want(200).is("data.0.variables", "")
		if r := h.get("/v1/event-types/order.created"); r.at("variables") != nil {
			h.call("PUT", "/v1/event-types/order.created", string(r.body)).want(200) // read-only: ignored
		}
		h.get("/v1/event-types/nothing").problem(404, hub.NotFound)
	})
}

func TestAPackIsInstalled(t *testing.T) {
	each(t, func(h *testHub) {
		name := h.get("/v1/packs").want(200).text("data.0.name")
		r := h.post("/v1/packs/"+name+"/install", "").want(200)
		if r.count("installed") == 0 {
			t.Fatalf("nothing was installed: %s", r.body)
		}
		h.get("/v1/event-types/" + r.text("installed.0")).want(200)
		h.post("/v1/packs/nothing/install", "").problem(404, hub.NotFound)
	})
}

func TestRule1_ATenantsCallsAreNarrowed(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201).is("allow_private", "")
		acme := h.as(adminKey, "acme")
		called := func(result string) {
			t.Helper()
			acme.post("/v1/endpoints/test", `{"endpoint":{"request":{"url":"`+h.receiver.url+`"}}}`).want(200).is("result", result)
		}
		called("succeeded")
		for _, narrow := range []struct{ networks, result string }{
			{`["10.0.0.0/8"]`, "blocked"}, {`["10.0.0.0/8","127.0.0.1"]`, "succeeded"}, {`[]`, "blocked"}, {`null`, "succeeded"},
		} {
			h.call("PATCH", "/v1/tenants/acme", `{"allow_private":`+narrow.networks+`}`).want(200)
			called(narrow.result)
		}
		h.call("PATCH", "/v1/tenants/acme", `{"allow_private":["10.0.0.1/8"]}`).problem(422, hub.Invalid).is("errors.0.pointer", "/allow_private/0")

		// It holds after a start too, and for nobody else.
		h.call("PATCH", "/v1/tenants/acme", `{"allow_private":[]}`).want(200).is("allow_private", "[]")
		h.settings.Sender.Narrow(nil)
		called("succeeded")
		if err := h.settings.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		called("blocked")
		h.as(adminKey, "default").post("/v1/endpoints/test", `{"endpoint":{"request":{"url":"`+h.receiver.url+`"}}}`).want(200).is("result", "succeeded")
	})
}

func TestTenantsAndTheirKeys(t *testing.T) {
	each(t, func(h *testHub) {
		h.get("/v1/endpoints").want(200)
		made := h.post("/v1/tenants", `{"uid":"acme","name":"Acme","metadata":{"plan":"a"}}`).want(201)
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(200).is("id", made.text("id"))
		h.get("/v1/tenants?limit=1&order=asc").want(200).is("data.0.uid", "default")
		next := h.get("/v1/tenants?limit=1&order=asc").text("next_cursor")
		h.get("/v1/tenants?limit=1&order=asc&cursor="+next).want(200).is("data.0.uid", "acme")
		h.call("PATCH", "/v1/tenants/acme", `{"name":"Acme s.r.o."}`, "Content-Type", "application/merge-patch+json").want(200).is("name", "Acme s.r.o.")
		h.get("/v1/tenants/acme").want(200).is("metadata.plan", "a")

		// Once there are two tenants, an administrator must say which one is meant.
		h.get("/v1/endpoints").want(422)
		acme := h.as(adminKey, "acme")
		key := acme.post("/v1/keys", `{"name":"shop","role":"editor","scopes":["endpoints:write","endpoints:read"],"expires_at":"2100-01-01T00:00:00Z"}`).want(201)
		acme.get("/v1/keys?limit=1&order=desc").want(200).is("data.0.name", "shop").is("data.0.key", "")
		h.post("/v1/tenants/acme/endpoints", `{"name":"X","request":{"url":"https://x.example/"}}`).want(201)

		shop := h.as(key.text("key"), "")
		shop.get("/v1/endpoints").want(200).is("data.0.name", "X")
		shop.get("/v1/events").problem(403, hub.Forbidden)
		shop.get("/v1/tenants").problem(403, hub.Forbidden)
		shop.get("/v1/keys").problem(403, hub.Forbidden)
		acme.call("DELETE", "/v1/keys/"+key.text("id"), "").want(204)
		shop.get("/v1/endpoints").problem(401, hub.Unauthorized)

		h.call("DELETE", "/v1/tenants/acme", "").want(409)
		acme.call("DELETE", "/v1/endpoints/X", "").want(204)
		h.call("DELETE", "/v1/tenants/acme", "").want(204)
		h.get("/v1/tenants/acme").problem(404, hub.NotFound)
	})
}

func TestAKeyMakesNoneThatMayMore(t *testing.T) {
	each(t, func(h *testHub) {
		narrow := h.post("/v1/keys", `{"name":"n","role":"administrator","scopes":["keys:write"]}`).want(201).text("key")
		h.as(narrow, "default").post("/v1/keys", `{"name":"wide","role":"administrator"}`).problem(403, hub.Forbidden, "/scopes")
		h.as(narrow, "default").post("/v1/keys", `{"name":"wide","role":"viewer","scopes":["keys:write","events:read"]}`).problem(403, hub.Forbidden, "/scopes/1")
		h.as(narrow, "default").post("/v1/keys", `{"name":"same","role":"administrator","scopes":["keys:write"]}`).want(201)
	})
}

func TestTheAuditNamesWhoChangedWhat(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint(`,"name":"A"`)
		h.call("PATCH", "/v1/endpoints/"+id, `{"name":"B"}`).want(200)
		r := h.get("/v1/audit?limit=1&order=desc").want(200).is("data.0.object", id).is("data.0.kind", "endpoint")
		if r.text("data.0.by") == "" || r.text("data.0.before") == r.text("data.0.after") {
			t.Errorf("got %s", r.body)
		}
		h.get("/v1/audit?limit=1&cursor="+r.text("next_cursor")).want(200).is("data.0.object", id)
	})
}

func TestWithoutItsDatabaseTheHubIsNotReady(t *testing.T) {
	each(t, func(h *testHub) {
		h.stopStore()
		nobody := h.as("", "")
		nobody.get("/readyz").problem(503, hub.Unavailable)
		nobody.get("/healthz").want(200)
	})
}

func TestOperation(t *testing.T) {
	each(t, func(h *testHub) {
		nobody := h.as("", "")
		nobody.get("/healthz").want(200)
		nobody.get("/readyz").want(200)
		var doc struct{ Paths map[string]any }
		if err := json.Unmarshal(nobody.get("/openapi.json").want(200).body, &doc); err != nil || doc.Paths["/v1/events"] == nil {
			t.Errorf("the document is no document: %v", err)
		}
		nobody.get("/metrics").problem(401, hub.Unauthorized)
		if body := h.get("/metrics").want(200).body; !strings.Contains(string(body), "hacek_api_requests_total") {
			t.Errorf("no figures: %s", body)
		}
		h.get("/v1/watches").problem(404, hub.NotFound, "/openapi.json")
		r := h.call("DELETE", "/v1/events", "").want(405)
		if allow := r.header.Get("Allow"); allow != "GET, POST" {
			t.Errorf("Allow: %q", allow)
		}
		h.get("/v1/events?tpye=a").problem(422, hub.Invalid, `did you mean \"type\"`)
		h.get("/v1/events?type=a&type=b").problem(422, hub.Invalid, "commas")
		h.get("/v1/events?limit=251").problem(422, hub.Invalid, "250")
		h.get("/v1/events?order=up").problem(422, hub.Invalid, "order")
		h.get("/v1/events?since=monday").problem(422, hub.Invalid, "since")
	})
}

// watch opens the stream and hands out its messages; it returns once the hub has answered.
func (h *testHub) watch(after string) <-chan string {
	h.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", h.url+"/v1/stream", nil)
	if err != nil {
		h.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+h.key)
	if h.tenant != "" {
		request.Header.Set("Hacek-Tenant", h.tenant)
	}
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	response, err := h.client.Do(request)
	if err != nil || response.StatusCode != 200 {
		h.Fatalf("stream: %v %v", response, err)
	}
	messages := make(chan string, 100)
	h.Cleanup(cancel)
	go func() {
		defer close(messages)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		message := ""
		for lines.Scan() {
			if lines.Text() != "" {
				message += lines.Text() + "\n"
				continue
			}
			if !strings.HasPrefix(message, ":") {
				messages <- message
			}
			message = ""
		}
	}()
	return messages
}

func wantMessage(t *testing.T, messages <-chan string, texts ...string) {
	t.Helper()
	select {
	case m := <-messages:
		for _, text := range texts {
			if !strings.Contains(m, text) {
				t.Errorf("%q is not in %s", text, m)
			}
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no message; wanted %q", texts)
	}
}

func TestRule17_TheStreamShowsOneTenantOnly(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		acme, home := h.as(adminKey, "acme"), h.as(adminKey, "default")
		ours, theirs := home.watch(""), acme.watch("")
		foreign := acme.publish(`{"type":"a","data":"foreign"}`)
		wantMessage(t, theirs, foreign)
		event := home.publish("{\"type\":\"a\",\"data\":{\n\"a\": 1.50}}")
		wantMessage(t, ours, "id: "+event, "event: event", "1.50")
		home.post("/v1/events/batch", `[{"type":"b","data":"batched"}]`).want(202)
		wantMessage(t, ours, "batched")
		acme.endpoint("")
		outcome := acme.publish(`{"type":"c","data":1}`)
		wantMessage(t, theirs, "event: event", outcome)
		acme.deliver(outcome, hub.Refused, 500)
		wantMessage(t, theirs, "event: delivery", outcome)
		home.endpoint("")
		told := home.publish(`{"type":"c","data":1}`)
		wantMessage(t, ours, "event: event", told)
		home.deliver(told, hub.Refused, 500)
		wantMessage(t, ours, "event: delivery", told, `"state":"failed"`)

		missed := home.watch(event)
		wantMessage(t, missed, "batched")
		wantMessage(t, missed, told)
	})
}

// A key that is withdrawn ends its streams, and no others.
func TestRule17_AStreamEndsWithItsKey(t *testing.T) {
	each(t, func(h *testHub) {
		h.stream.CheckEvery = 20 * time.Millisecond
		key := h.post("/v1/keys", `{"name":"watcher","role":"viewer"}`).want(201)
		watching, admin := h.as(key.text("key"), "").watch(""), h.as(adminKey, "default").watch("")
		event := h.publish(`{"type":"a","data":1}`)
		wantMessage(t, watching, event)
		wantMessage(t, admin, event)
		h.call("DELETE", "/v1/keys/"+key.text("id"), "").want(204)
		select {
		case m, open := <-watching:
			if open {
				t.Errorf("the stream of a key that is withdrawn shows %s", m)
			}
		case <-time.After(10 * time.Second):
			t.Error("the stream of a key that is withdrawn goes on")
		}
		event = h.publish(`{"type":"b","data":2}`)
		wantMessage(t, admin, event)
	})
}
