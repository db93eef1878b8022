package browser

import (
	"strings"
	"testing"
)

// TestN6_SomebodyPublishesAnEventByHand: whoever tries a set-up takes the sample, changes it, mistypes, mends it, and sees who
// has got it: the numbers as they were typed.
func TestN6_SomebodyPublishesAnEventByHand(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "cs"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
			address, taken := warehouse(t)
			h.api(t, "POST", "/v1/endpoints", `{"name":"Sklad - WMS","request":{"url":"`+address+`/in"}}`)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.press(say("web.menu.events"))
			w.press(say("web_history.publish"))
			w.see(say("web_history.publish_lead"), say("web_history.publish_own_type"))
			w.inspect("event-new-empty", language)
			w.choose(say("web_history.event_type"), map[string]string{"en": "New order", "cs": "Nová objednávka"}[language]+" (order.created)")
			w.press(say("web_history.publish_sample"))
			w.find("the sample", `(words) => document.querySelector("textarea[name=data]")?.value.includes(words[0])`+" ? document.body : null", "Žofie Černá")
			w.hidden(say("web_history.publish_own_type"))
			w.fill(say("web_history.data"), "{\n  \"order\": {\"number\": \"2018000099\",}\n}")
			w.press(say("web_history.publish_go"))
			w.see(say("web_history.no_json", "line", "2"))
			if typed := w.value(say("web_history.data")); !strings.Contains(typed, `"2018000099",}`) {
				t.Errorf("what was typed has become %q", typed)
			}
			w.glance("event-new-broken-" + language)
			w.fill(say("web_history.data"), `{"order": {"number": "2018000099", "total": 1234.50, "id": 12345678901234567890, "to": "Žďár ß þ 🎣"}}`)
			w.press(say("web_history.publish_go"))
			w.see(say("web_history.publish_done"), "2018000099", "Sklad - WMS", say("web.state.delivered"))
			w.see("1234.50", "12345678901234567890", "Žďár ß þ 🎣")
			if got := next(t, taken); !strings.Contains(got, `{"order": {"number": "2018000099", "total": 1234.50, "id": 12345678901234567890, "to": "Žďár ß þ 🎣"}}`) {
				t.Errorf("the warehouse got %q", got)
			}
		})
	}
}
