package browser

import (
	"strings"
	"testing"
)

// TestP8_WhatWasSentIsSentAgainChangedOrGivenUp is the journey of whoever tidies up: one event again, changed, to all;
// many by a replay; what waits is given up; and a webhook that is off gets nothing.
func TestP8_WhatWasSentIsSentAgainChangedOrGivenUp(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "sk"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
			address, taken := warehouse(t)
			h.api(t, "POST", "/v1/endpoints", `{"name":"Sklad - WMS","subscription":{"event_types":["order.created"]},"request":{"url":"`+address+`/#order.number#"}}`)
			publish := func(number string) {
				h.api(t, "POST", "/v1/events", `{"type":"order.created","data":{"order":{"number":"`+number+`","total":"1999.30"}}}`)
			}
			arrives := func(parts ...string) {
				t.Helper()
				if got := next(t, taken); !containsAll(got, parts) {
					t.Errorf("the warehouse got %q, want %q", got, parts)
				}
			}
			publish("2018000057")
			arrives("/2018000057")
			w := h.open(t, "en")
			w.first()
			w.turn(language)

			w.press(say("web.menu.deliveries"))
			w.reloadUntil(say("web.state.delivered"))
			w.press("2018000057")
			w.press(say("web_history.edit_again"))
			w.inspect("delivery-edit", language)
			w.fill(say("web_history.data"), `{"order": {"number": "2018000057", "total": "2100.00"`)
			w.press(say("web_history.send_edited"))
			w.see(say("web.error.refused"))
			w.glance("delivery-edit-refused-" + language)
			w.fill(say("web_history.data"), `{"order": {"number": "2018000057", "total": "2100.00"}}`)
			w.press(say("web_history.send_edited"))
			w.see(say("web_history.sent_edited", "name", "Sklad - WMS"))
			arrives("/2018000057", "2100.00")

			w.press(say("web.menu.events"))
			w.press("2018000057")
			w.press(say("web_history.replay_all"))
			w.see(say("web_history.owed_again", "count", 1))
			arrives("/2018000057")

			w.press(say("web.menu.deliveries"))
			w.reloadUntil("2018000057")
			w.press(say("web_history.replay"))
			w.inspect("replay-new", language)
			w.choose(say("web_history.target"), "Sklad - WMS")
			w.tick(say("web.state.delivered"))
			w.press(say("web_history.count"))
			asked, _, _ := strings.Cut(say("web_history.replay_ask", "count", 2, "name", "Sklad - WMS", "since", "§", "until", "§"), "§")
			w.see(strings.Join(strings.Fields(asked), " "))
			w.glance("replay-counted-" + language)
			w.press(say("web_history.replay_start"))
			arrives("/2018000057")
			arrives("/2018000057")
			w.reloadUntil(say("web_history.replay_state.finished"))
			w.see(say("web_history.replay_done", "done", "2", "all", "2"))

			w.press("Sklad - WMS")
			w.fill(say("web_webhook.why"), "stock-taking")
			w.press(say("web.action.pause"))
			w.see(say("web_webhook.paused", "name", "Sklad - WMS"))
			publish("2018000058")
			w.press(say("web.menu.deliveries"))
			w.reloadUntil("2018000058")
			w.press("2018000058")
			w.see(say("web.state.held"))
			w.press(say("web_history.cancel"))
			w.see(say("web_history.cancelled", "name", "Sklad - WMS"), say("web.state.cancelled"))
			w.press("Sklad - WMS")
			w.press(say("web.action.resume"))
			w.see(say("web_webhook.resumed", "name", "Sklad - WMS"))

			w.press(say("web_webhook.switch_off"))
			w.see(say("web_webhook.switched_off", "name", "Sklad - WMS"), say("web.state.off"))
			w.inspect("webhook-off", language)
			publish("2018000059")
			w.press(say("web_webhook.switch_on"))
			w.see(say("web_webhook.switched_on", "name", "Sklad - WMS"), say("web.state.active"))
			publish("2018000060")
			arrives("/2018000060") // neither what was cancelled nor what was skipped
		})
	}
}
