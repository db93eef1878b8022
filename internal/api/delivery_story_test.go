package api_test

import (
	"strings"
	"testing"

	"hacek/internal/hub"
)

func TestADeliveryWithItsAttempts(t *testing.T) {
	each(t, func(h *testHub) {
		endpoint := h.endpoint(`,"name":"A"`)
		event := h.publish(`{"type":"a","key":"K7","data":{"a":1}}`)
		id := h.get("/v1/deliveries?key=K7&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&order=asc&limit=5").want(200).
			is("data.0.state", "pending").is("data.0.event.id", event).is("data.0.target.id", endpoint).text("data.0.id")
		h.deliver(event, hub.Refused, 500)
		read := h.get("/v1/deliveries/"+id).want(200).is("state", "failed").is("tries", "1")
		read.is("attempts.0.result", "refused").is("attempts.0.response.status", "500").is("attempts.0.timing.total", "12").
			is("attempts.0.peer.address", "127.0.0.1:9").is("attempts.0.response.body_base64", "xZkA").is("attempts.0.request.body", `{"a":1}`)
		read.is("attempts.0.timing.dns", "1.5").is("attempts.0.timing.connect", "2").is("attempts.0.timing.tls", "3").
			is("attempts.0.timing.first_byte", "4").is("attempts.0.peer.tls.version", "TLS 1.3").
			is("attempts.0.peer.tls.issuer", "CN=Test CA").is("attempts.0.peer.tls.expires", "2027-01-02T03:04:05.000Z")
		h.get("/v1/deliveries?state=failed&target=A").want(200).is("data.0.id", id)
		h.get("/v1/deliveries?state=delivered").want(200).is("data", "[]")
		h.get("/v1/deliveries?state=lost").problem(422, hub.Invalid, "lost")
		h.get("/v1/deliveries/dlv_nobody").problem(404, hub.NotFound)

		again := h.post("/v1/deliveries/"+id+"/retry", "").want(202).is("state", "pending").text("id")
		if again == id {
			t.Error("a failed delivery that is tried again must be a new one")
		}
		h.post("/v1/deliveries/"+again+"/retry", "{}").want(202).is("id", again)
		h.post("/v1/deliveries/"+again+"/cancel", "").want(200).is("state", "cancelled")
		h.post("/v1/deliveries/"+again+"/cancel", "").want(409)
		h.post("/v1/deliveries/"+again+"/cancel", `{"why":"?"}`).problem(422, hub.Invalid)
	})
}

func TestResendMakesANewEventForOneTarget(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint(`,"name":"A"`)
		h.endpoint(`,"name":"B"`)
		event := h.publish(`{"type":"a","key":"K7","data":{"total":"1,5"}}`)
		id := h.get("/v1/deliveries?event=" + event + "&target=A").want(200).text("data.0.id")
		sent := h.post("/v1/deliveries/"+id+"/resend", `{"data":{"total": 1.50}}`).want(202).is("deliveries", "1")
		h.get("/v1/events/"+sent.text("id")).want(200).is("parent_id", event).is("data.total", "1.50").is("key", "K7")
		h.get("/v1/deliveries?event="+sent.text("id")).want(200).is("data.0.target.name", "A").is("next_cursor", "")
		h.get("/v1/audit").want(200).is("data.0.action", "resent").is("data.0.object", id)
		h.post("/v1/deliveries/"+id+"/resend", `{}`).problem(422, hub.Invalid, "/data")
	})
}

// What waits behind another says which one, and what becomes of that one: at an endpoint that keeps an order and at a
// pipeline, which keeps one by itself.
func TestM11_O3_WhatWaitsInOrderSaysForWhat(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint(`,"name":"A","order":{"by":"key","stuck":{"set_aside_after":3}}`)
		h.post("/v1/pipelines", `{"name":"B","steps":[{"type":"wait","for":"1s"}]}`).want(201)
		h.endpoint(`,"name":"C"`)
		one, two := h.publish(`{"type":"a","key":"K7","data":1}`), h.publish(`{"type":"a","key":"K7","data":2}`)
		other := h.publish(`{"type":"a","key":"K8","data":3}`)
		of := func(event, target string) reply {
			return h.get("/v1/deliveries?event=" + event + "&target=" + target).want(200)
		}
		for target, rest := range map[string]string{"A": " and is set aside after 3 tries", "B": ""} {
			first := of(one, target).is("data.0.reason", "").text("data.0.id")
			reason := "waits for " + first + ", which comes before it" + rest
			second := of(two, target).is("data.0.state", "pending").is("data.0.reason", reason).text("data.0.id")
			h.get("/v1/deliveries/"+second).want(200).is("reason", reason)
			of(other, target).is("data.0.reason", "")
			if fates := string(h.get("/v1/events/" + two + "/fates").want(200).body); !strings.Contains(fates, reason) {
				t.Errorf("%s: the fates are %s", target, fates)
			}
		}
		of(two, "C").is("data.0.reason", "")
	})
}
