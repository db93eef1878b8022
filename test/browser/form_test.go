package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
)

func (h *testHub) endpoint(t *testing.T, name string) {
	t.Helper()
	address, _ := warehouse(t)
	h.api(t, "POST", "/v1/endpoints", `{"name":"`+name+`","request":{"url":"`+address+`/in"}}`)
}

// editWebhook goes to the form of a webhook.
func (w *window) editWebhook(say func(string, ...any) string, name string) {
	w.Helper()
	w.press(say("web.menu.webhooks"))
	w.press(name)
	w.press(say("web_webhook.edit_test"))
}

func TestAnEndedSessionReturnsToTheForm(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "it"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			h.endpoint(t, "Sklad - WMS")
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.editWebhook(say, "Sklad - WMS")
			w.fill(say("web.column.name"), "Sklad <b>Brno</b>")
			w.fill("URL", "http://127.0.0.1:9/renamed")
			w.see("POST", "/renamed") // the preview has come: nothing is asked for any more when the session ends
			w.do(command(network.ClearBrowserCookies, cdp.Empty{}))
			w.press(say("web.action.save"))
			w.see(say("web_login.session_over"))
			w.inspect("login-session-over", language)
			w.fill(say("web_login.email"), janaMail)
			w.fill(say("web_login.password"), janaPassword)
			w.press(say("web_login.sign_in"))
			w.see(say("web_login.resume_title"))
			w.glance("resume-" + language)
			w.press(say("web_login.resume_go"))
			w.see(say("web_webhook.saved", "name", "Sklad <b>Brno</b>"))
		})
	}
}

func TestTwoPeopleEditTheSame(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	h.endpoint(t, "Sklad - WMS")
	jana := h.open(t, "en")
	jana.first()
	h.api(t, "POST", "/v1/users", `{"name":"Óskar","email":"oskar@example.com","role":"editor","password":"`+janaPassword+`"}`)
	oskar := h.open(t, "en")
	oskar.signIn("oskar@example.com")
	jana.editWebhook(words("en"), "Sklad - WMS")
	oskar.editWebhook(words("en"), "Sklad - WMS")
	jana.fill("Name", "Sklad Brno")
	jana.press("Save")
	jana.see("“Sklad Brno” is saved.")
	oskar.fill("Name", "Sklad Ostrava")
	oskar.press("Save")
	oskar.see("Somebody has changed this meanwhile", "Sklad Brno")
	if typed := oskar.value("Name"); typed != "Sklad Ostrava" {
		t.Errorf("what was typed has become %q", typed)
	}
	oskar.inspect("webhook-form-changed", "en")
	oskar.fill("Name", "Sklad Ostrava")
	oskar.press("Save")
	oskar.see("“Sklad Ostrava” is saved.")
}

// TestC4_AWebhookIsTestedBeforeItIsSaved: the test is sent from the page and its result stands beside the form, which
// stays as it was typed, secrets too.
func TestC4_AWebhookIsTestedBeforeItIsSaved(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
			address, taken := warehouse(t)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.press(say("web.menu.webhooks"))
			w.press(say("web_webhooks.add"))
			w.press(say("web_webhook.gallery_own"))
			w.tick(say("web_webhook.view_expert"))
			w.fill(say("web.column.name"), "Sklad - WMS")
			w.choose(say("web_webhook.auth"), say("web_webhook.auth.bearer"))
			w.fill(say("web_webhook.token"), "typed-once")
			w.fill(say("web_webhook.success_condition"), `response.json.queue == "other"`)
			w.fill("URL", "nowhere")
			w.press(say("web_webhook.try"))
			w.see(say("web_webhook.not_sent"))
			w.keepFor("refused")
			w.fill("URL", address+"/in")
			w.press(say("web_webhook.try"))
			w.see(say("web_webhook.not_worked"), "202", say("web_webhook.saw"), "response.json.queue", "HK-1", say("web_webhook.test_unsaved"))
			if got := next(t, taken); !strings.HasPrefix(got, "POST /in ") {
				t.Errorf("the warehouse got %q", got)
			}
			if typed := w.value(say("web_webhook.token")); typed != "typed-once" {
				t.Errorf("the token has become %q", typed)
			}
			w.fill(say("web_webhook.success_condition"), `response.json.queue == "HK-1"`)
			w.press(say("web_webhook.try"))
			w.see(say("web_webhook.worked"))
			if stored := h.api(t, "GET", "/v1/endpoints", ""); strings.Contains(stored, "Sklad") {
				t.Errorf("a test saved: %s", stored)
			}
			w.glance("webhook-form-tried-" + language)
		})
	}
}

// TestWhatIsTypedDuringAnAnswerIsNotLost: the preview is asked for, and before it comes somebody types on.
func TestWhatIsTypedDuringAnAnswerIsNotLost(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
	h.endpoint(t, "Sklad - WMS")
	h.api(t, "POST", "/v1/events", `{"type":"order.created","data":{"order":{"number":"N1","total":"50.00"}}}`)
	h.api(t, "POST", "/v1/events", `{"type":"order.created","data":{"order":{"number":"N2","total":"150.00"}}}`)
	w := h.open(t, "en")
	w.first()
	w.editWebhook(words("en"), "Sklad - WMS")
	w.do(command(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{{Latency: 600, DownloadThroughput: -1, UploadThroughput: -1}}}))
	w.enter("Field of condition 1", "order.total")
	w.pick("Comparison of condition 1", "is greater than")
	w.find("the question", `() => document.querySelector(".htmx-request")`)
	w.enter("Value of condition 1", "100")
	w.see("1 of the last 2 events matches")
}
