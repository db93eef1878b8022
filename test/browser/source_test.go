package browser

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// theirs is a call as Shoptet makes it, signed with a secret; header pairs follow the body.
func (h *testHub) theirs(t *testing.T, path, secret, body string, header ...string) int {
	t.Helper()
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	request, err := http.NewRequestWithContext(t.Context(), "POST", h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Shoptet-Webhook-Signature", hex.EncodeToString(mac.Sum(nil)))
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

const (
	shoptetSecret = "4d1a7c3e9b5f8062"
	shoptetNotice = `{"eshopId":222651,"event":"order:create","eventCreated":"2026-03-03T14:05:06+0100","eventInstance":"2018000057"}`
)

// TestE8_AnAdministratorConnectsTheShop is the journey of the ERP's administrator: choose the shop, paste its secret,
// copy the address, and see the first order arrive.
func TestE8_AnAdministratorConnectsTheShop(t *testing.T) {
	t.Parallel()
	for language, says := range map[string]struct {
		sources, add, find, secret, goOn, url, waiting, held, arrived, order string
	}{
		"cs": {"Zdroje", "Přidat zdroj", "Systém", "Tajný klíč", "Pokračovat", "Adresa pro webhook", "Čeká se na první požadavek", "Podpis nesouhlasí", "Funguje to: první událost je tu", "Nová objednávka"},
		"it": {"Origini", "Aggiungi origine", "Sistema", "Chiave segreta", "Continua", "Indirizzo per il webhook", "In attesa della prima richiesta", "La firma non corrisponde", "Funziona: il primo evento è arrivato", "Nuovo ordine"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := startHub(t)
			h.api(t, "POST", "/v1/packs/shoptet/install", `{}`)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.press(says.sources)
			w.press(says.add)
			w.fill(says.find, "shoptet")
			w.press("Shoptet")
			w.see(says.goOn)
			w.inspect("source-start", language)
			w.fill(says.secret, shoptetSecret)
			w.press(says.goOn)
			w.see(says.waiting)
			w.took(6)
			w.inspect("source-connect", language)
			address := w.value(says.url)
			_, path, found := strings.Cut(address, "/in/")
			if !found {
				t.Fatalf("the address is %q", address)
			}
			path = "/in/" + path

			if status := h.theirs(t, path, "another secret", shoptetNotice); status != http.StatusUnauthorized {
				t.Fatalf("a wrong secret was answered %d", status)
			}
			w.see(says.held, says.waiting)
			if status := h.theirs(t, path, shoptetSecret, shoptetNotice); status != http.StatusOK {
				t.Fatalf("the shop was answered %d", status)
			}
			w.see(says.arrived, "2018000057", says.order)
			w.inspect("source-arrived", language)
		})
	}
}

// userID is the id of the only user.
func (h *testHub) userID(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(h.api(t, "GET", "/v1/users", ""), `"id":"`)
	id, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("there is no user")
	}
	return id
}

// value is what stands in the field with a label.
func (w *window) value(label string) string {
	w.Helper()
	w.find("a field", `(words, shown, text) => [...document.querySelectorAll("label")].filter(shown).find((e) => text(e) === words[0])?.control`, label)
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("[data-found]").value`))
	if err != nil {
		w.Fatal(err)
	}
	return value
}

// TestEverythingThatComesInIsShown walks through the pages of sources, databases and the catalogue, and looks at each.
func TestEverythingThatComesInIsShown(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	w := h.open(t, "en")
	w.first()
	w.press("Sources")
	w.see("No source yet")
	w.press("Quarantine")
	w.see("Nothing is in quarantine")
	w.press("Catalogue")
	w.press("Packs")
	w.see("E-shop: Shoptet", "None is installed.")
	w.press("Install: E-shop: Shoptet")
	w.see("111 event types have been written.")
	w.inspect("catalogue-packs", "en")
	w.press("Systems that send")
	w.see("Stripe")
	w.inspect("catalogue-providers", "en")
	w.press("Event types")
	w.fill("Event type", "order.created")
	w.press("Find")
	w.find("the short list", `() => document.querySelectorAll("main tbody tr").length < 9 ? document.body : null`)
	w.press("New order")
	w.see("order.code")
	w.inspect("catalogue-type", "en")
	w.press("Catalogue")
	w.press("Add an event type")
	w.fill("Short name", "warranty.claimed")
	w.fill("Title: English", "Warranty claimed")
	w.fill("Sample", `{"claim":{"code":"R-17"}}`)
	w.press("Make the schema from the sample")
	w.find("the schema", `(words) => document.querySelector("textarea[name=schema]")?.value.includes('"claim"') ? document.body : null`)
	w.inspect("catalogue-form", "en")
	w.fill("Number", "claim.code")
	w.press("Save")
	w.see("“warranty.claimed” is saved.", "R-17", "made here")

	h.api(t, "POST", "/v1/sources", `{"name":"Kůň & syn","path":"shoptet-main","preset":"shoptet","verify":{"secrets":["`+shoptetSecret+`"]}}`)
	h.theirs(t, "/in/shoptet-main", shoptetSecret, shoptetNotice)
	h.theirs(t, "/in/shoptet-main", shoptetSecret, shoptetNotice)
	h.theirs(t, "/in/shoptet-main", "another one", shoptetNotice)
	w.press("Sources")
	w.press("Kůň & syn")
	w.see("Accepted", "In quarantine")
	w.inspect("source", "en")
	w.press("Edit")
	w.press("Preview with the last requests")
	w.see("The last 2 requests would become one event.", "One would be a repeat.")
	w.tick("Expert view")
	w.see("What counts as the same event")
	w.inspect("source-edit", "en")
	w.press("Sources")
	w.press("Quarantine")
	w.see("The signature does not match")
	w.inspect("quarantine", "en")
	w.press("See all and release")
	w.see("Release the chosen ones")
	w.inspect("requests", "en")
	w.press("Sources")
	w.press("Quarantine")
	w.with(pressed, "the only request", `() => document.querySelector("main tbody a")`)
	w.see("The sender is not proven.")
	w.inspect("request", "en")
	w.fill("Reason", "confirmed by phone")
	w.press("Release")
	w.see("The request is released.", "Released", "2018000057")

	w.press("Connections")
	w.see("No connection yet")
	w.press("Add a connection")
	w.fill("Name", "erp")
	w.fill("Server", "127.0.0.1")
	w.fill("Port", "1")
	w.press("Save")
	w.see("This is needed.")
	w.fill("Database", "erp")
	w.fill("User", "hub")
	w.fill("Password", "a p@ss/word")
	w.inspect("connection-form", "en")
}

// TestN11_ARuleIsTriedOnRealRequestsFirst: whoever narrows what a source accepts sees what that would have done to the last
// week's requests, and decides then.
func TestN11_ARuleIsTriedOnRealRequestsFirst(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			h.api(t, "POST", "/v1/sources", `{"name":"Kůň & syn","path":"shoptet-main","preset":"shoptet","verify":{"secrets":["`+shoptetSecret+`"]}}`)
			h.theirs(t, "/in/shoptet-main", shoptetSecret, shoptetNotice)
			h.theirs(t, "/in/shoptet-main", shoptetSecret, strings.Replace(shoptetNotice, "order:create", "order:update", 1))
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.press(say("web.menu.sources"))
			w.press("Kůň & syn")
			w.press(say("web.action.edit"))
			w.fill(say("web_source.accept_types"), "order:create")
			w.press(say("web.action.save"))
			w.see(say("web_source.week_events", "count", 1, "before", "2", "all", "2"), say("web_source.week_gone"))
			if kept := h.api(t, "GET", "/v1/sources", ""); strings.Contains(kept, `"event_types":["order:create"]`) {
				t.Errorf("it is saved already: %s", kept)
			}
			w.glance("source-week-" + language)
			w.press(say("web_source.week_save"))
			w.see(say("web_source.saved", "name", "Kůň & syn"), "order:create")
		})
	}
}
