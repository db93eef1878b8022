package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// search types into the box that is on every page.
func (w *window) search(text string) {
	w.Helper()
	w.with(func(box chromedp.CSS) step { return chromedp.Steps(written(text)(box), chromedp.SendKeys(box, "\r")) },
		"the search box", `() => document.querySelector("input[type=search]")`)
}

// shopAndWarehouse is a hub that takes orders from a shop, asks it for the details, and tells the warehouse. got has
// what the warehouse received.
func shopAndWarehouse(t *testing.T) (h *testHub, got chan string) {
	t.Helper()
	h, got = startHub(t), make(chan string, 100)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		fmt.Fprintf(w, `{"data":{"order":{"code":%q,"email":"zofie.cerna@example.cz","country":"CZ","price":{"withVat":"1999.30"}}}}`, code)
	}))
	t.Cleanup(shop.Close)
	warehouse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Webhook-Id")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted":true}`)
	}))
	t.Cleanup(warehouse.Close)
	h.api(t, "POST", "/v1/packs/shoptet/install", `{}`)
	h.api(t, "POST", "/v1/sources", `{"name":"Shoptet","path":"shop","preset":"shoptet","verify":{"secrets":["`+shoptetSecret+`"]}}`)
	h.api(t, "POST", "/v1/pipelines", `{"name":"Shoptet → Money","subscription":{"sources":["Shoptet"]},"steps":[
		{"type":"fetch","as":"order","request":{"url":"`+shop.URL+`/api/orders/#event.key#"}},
		{"type":"publish","event":{"type":"order.imported","key":"#event.key#","data":"#order.data.order#"}}]}`)
	h.api(t, "POST", "/v1/endpoints", `{"name":"Sklad – WMS","subscription":{"event_types":["order.imported"]},"request":{"url":"`+warehouse.URL+`/in"}}`)
	h.api(t, "POST", "/v1/endpoints", `{"name":"Húsgögn ehf.","subscription":{"event_types":["order.imported"],"condition":"data.country == \"IS\""},"request":{"url":"`+warehouse.URL+`/is"}}`)
	return h, got
}

// TestP8_N1_N2_DidTheWarehouseGetTheOrder is the journey of the office: one number in one box answers it, one press sends
// the order again.
func TestP8_N1_N2_DidTheWarehouseGetTheOrder(t *testing.T) {
	t.Parallel()
	for language, says := range map[string]struct {
		arrived, verified, fetched, sent, skipped, why, evidence, again, flash, nothing, check, events, deliveries, live string
	}{
		"en": {"Received from Shoptet", "Verified", "Detail fetched", "Sent to Sklad – WMS", "Not meant for", `Condition: country "CZ" is not "IS"`, "What arrived", "Send again: Sklad – WMS", "“Sklad – WMS” gets it again.", "Nothing found for “2018000999”", "What to check", "Events", "Deliveries", "Follow live"},
		"de": {"Empfangen von Shoptet", "Geprüft", "Details abgerufen", "Gesendet an Sklad – WMS", "nicht bestimmt", `Bedingung: country "CZ" ist nicht "IS"`, "Was angekommen ist", "Erneut senden: Sklad – WMS", "„Sklad – WMS“ erhält es erneut.", "Nichts gefunden zu „2018000999“", "Was zu prüfen ist", "Ereignisse", "Zustellungen", "Laufend mitlesen"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h, got := shopAndWarehouse(t)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			if status := h.theirs(t, "/in/shop", shoptetSecret, shoptetNotice); status != 200 {
				t.Fatalf("the shop was answered %d", status)
			}
			first := next(t, got)
			w.search("2018000057")
			w.see("2018000057")
			w.reloadUntil(says.fetched) // the warehouse may know before the pipeline is done
			w.reloadUntil(says.sent)
			w.see("2018000057", says.arrived, says.verified, says.fetched, says.sent, says.skipped, says.why, "202", "Shoptet → Money", "Húsgögn ehf.")
			w.took(1)
			w.inspect("timeline", language)
			w.press(says.evidence)
			w.see("eventInstance")
			w.keepFor("evidence")
			w.press(says.again)
			w.see(says.flash)
			w.took(2)
			if second := next(t, got); second != first {
				t.Errorf("sent again with the id %q, first with %q", second, first)
			}

			w.search("2018000999")
			w.see(says.nothing, says.check, "Shoptet", "2018000057")
			w.inspect("never-arrived", language)
			w.press(says.events)
			w.inspect("events", language)
			w.press(says.deliveries)
			w.inspect("deliveries", language)
			w.press(says.live)
			h.api(t, "POST", "/v1/events", `{"type":"order.imported","key":"77","data":{"country":"CZ"}}`)
			w.see("77") // the list renews itself
			w.press("77")
			w.see(`"accepted": true`)
			w.inspect("delivery", language)
		})
	}
}
