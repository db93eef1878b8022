package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestP8_OperationsPauseRepairAndResume is the journey of whoever is called at night: which target, since when, why, how
// many wait; pause, repair, go on at a pace that the other side bears.
func TestP8_OperationsPauseRepairAndResume(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "is"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			came := make(chan time.Time, 100)
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/in" {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				came <- time.Now()
			}))
			defer receiver.Close()
			h.api(t, "POST", "/v1/endpoints", `{"name":"Sklad - WMS","subscription":{"event_types":["order.*"]},"request":{"url":"`+receiver.URL+`/in"},"retry":{"intervals":["1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s","1s"]}}`)
			h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000057","data":{"total":"1999.30"}}`)
			next(t, came)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.see(say("web_today.calm"), "Sklad - WMS", say("web.result.answered", "status", "200"))
			w.inspect("today-flows", language)
			w.press(say("web.menu.webhooks"))
			w.see("order.*")
			w.inspect("webhooks", language)

			// The warehouse moves, and answers nothing at the old path.
			h.api(t, "PATCH", "/v1/endpoints/Sklad%20-%20WMS", `{"request":{"url":"`+receiver.URL+`/old"}}`)
			for _, number := range []string{"2018000058", "2018000059", "2018000060", "2018000061"} {
				h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"`+number+`","data":{}}`)
			}
			w.steps = 0
			w.press(say("web.menu.today"))
			w.see("Sklad - WMS", say("web.result.answered", "status", "503"))
			w.find("what waits", `() => [...document.querySelectorAll("main td, main dd")].find((e) => e.textContent.trim() === "4")`)
			w.inspect("today-failing", language)
			w.press("Sklad - WMS")
			w.see("2018000058")
			w.fill(say("web_webhook.why"), "stock-taking until four")
			w.press(say("web.action.pause"))
			w.see(say("web_webhook.paused", "name", "Sklad - WMS"), "stock-taking until four", "Jana Dvořáková")
			w.took(4)
			w.press(say("web.menu.today"))
			w.see("stock-taking until four")
			w.inspect("today-paused", language)
			w.press("Sklad - WMS")
			w.steps = 0
			w.press(say("web_webhook.edit_test"))
			w.fill("URL", receiver.URL+"/in")
			w.press(say("web.action.save"))
			w.see(say("web_webhook.saved", "name", "Sklad - WMS"))

			pace, _, _ := strings.Cut(say("web_webhook.pace", "count", "5", "duration", "§", "time", "§"), "§")
			w.find("when it would be done", `(words) => [...document.querySelectorAll("label")].find((e) => e.innerText.trim().startsWith(words[0]) && /\d\d:\d\d/.test(e.innerText))`, pace)
			w.inspect("webhook-paused", language)
			w.with(clicked, "the pace", `(words) => [...document.querySelectorAll("label")].find((e) => e.innerText.trim().startsWith(words[0]))`, pace)
			w.press(say("web.action.resume"))
			w.took(5)
			w.see(say("web_webhook.resumed", "name", "Sklad - WMS"), say("web.state.active"))
			first := next(t, came)
			last := first
			for range 3 {
				last = next(t, came)
			}
			if took := last.Sub(first); took < 400*time.Millisecond {
				t.Errorf("four deliveries at 5/s went out within %v", took)
			}
			w.press(say("web.menu.today"))
			w.see(say("web_today.calm"), say("web_today.lead", "count", "0"))
			// The page hears of what happens by itself.
			h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000062","data":{}}`)
			w.find("the sixth delivery", `() => [...document.querySelectorAll("dl.figures dd")].find((e) => e.textContent.trim() === "6")`)
		})
	}
}

// next is what comes out of a channel before patience ends.
func next[T any](t *testing.T, from <-chan T) (one T) {
	t.Helper()
	select {
	case one = <-from:
	case <-time.After(2 * patience):
		t.Fatal("nothing came")
	}
	return one
}

// TestP8_AnEngineerCallsTheAPI is the journey of a vendor's engineer: a tenant, a key, one call that may be repeated,
// and the event in the console, once.
func TestP8_AnEngineerCallsTheAPI(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "sk"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.press(say("web.menu.settings"))
			w.press(say("web_settings.tenants"))
			w.press(say("web_settings.tenant_new"))
			w.fill(say("web.column.name"), "Ellity")
			w.press(say("web.action.save"))
			w.see(say("web_settings.saved", "name", "Ellity"))
			w.press(say("web.menu.settings"))
			w.press(say("web_settings.keys"))
			w.press(say("web_settings.key_new"))
			w.fill(say("web.column.name"), "ERP")
			w.choose(say("web_settings.role"), say("web_settings.role.editor"))
			w.press(say("web_settings.key_go"))
			w.see(say("web_settings.key_made", "name", "ERP"))
			w.took(11)
			key := w.value(say("web_settings.key_shown", "name", "ERP"))
			call := func() (int, string) {
				request, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/v1/events", strings.NewReader(`{"type":"order.created","key":"2018000057","data":{"total":"1999.30"}}`))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer "+key)
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Idempotency-Key", "order-2018000057-created")
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				text, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				return answer.StatusCode, string(text)
			}
			status, made := call()
			if again, same := call(); status/100 != 2 || again/100 != 2 || field(t, made, "id") != field(t, same, "id") {
				t.Fatalf("the calls were answered %d %s and %d %s", status, made, again, same)
			}
			w.press(say("web.menu.events"))
			w.see("2018000057", "order.created")
			if rows := w.ask(`document.querySelectorAll("#list tbody tr").length`); rows != "1" {
				t.Errorf("%s events are on the list, want one", rows)
			}
			w.press("2018000057")
			w.see("1999.30", say("web_history.source_api"), field(t, made, "id"))
			w.took(2)
		})
	}
}

// TestP8_AnOfficerFindsAPerson is the journey of whoever answers for data protection: what is here of a person, and how
// long it stays. An officer only looks.
func TestP8_AnOfficerFindsAPerson(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"de", "is"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			h.api(t, "PUT", "/v1/event-types/order.created", strings.Replace(orderCreated, `"key":"order.number"`, `"key":"order.number","refs":["order.customer.name"]`, 1))
			h.api(t, "POST", "/v1/events", `{"type":"order.created","data":{"order":{"number":"2018000057","total":"1999.30","customer":{"name":"Žofie Černá"}}}}`)
			h.api(t, "POST", "/v1/events", `{"type":"order.created","data":{"order":{"number":"2018000058","total":"10.00","customer":{"name":"Óskar Jónsson"}}}}`)
			h.api(t, "POST", "/v1/users", `{"name":"Úna Officer","email":"una@example.com","role":"viewer","password":"`+janaPassword+`"}`)
			w := h.open(t, language)
			w.visit("/")
			w.fill(say("web_login.email"), "una@example.com")
			w.fill(say("web_login.password"), janaPassword)
			w.press(say("web_login.sign_in"))
			w.steps = 0
			w.search("Žofie Černá")
			w.see("2018000057")
			w.hidden("2018000058")
			w.press(say("web.menu.settings"))
			w.see(say("web_settings.kept"), say("web_settings.kept_forever"))
			w.took(2)
		})
	}
}
