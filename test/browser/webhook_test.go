package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tick presses a box, a switch or a choice by its words.
func (w *window) tick(label string) {
	w.Helper()
	w.with(clicked, "a box", `(words, shown, text) =>
		[...document.querySelectorAll("label")].filter(shown).find((e) => text(e) === words[0] || text(e).startsWith(words[0] + " "))`, label)
}

// enter and pick are fill and choose for fields whose name only a screen reader says.
func (w *window) enter(name, value string) {
	w.Helper()
	w.with(written(value), "a field", `(words, shown) => [...document.querySelectorAll("input")].filter(shown).find((e) => e.ariaLabel === words[0])`, name)
}

func (w *window) pick(name, option string) {
	w.Helper()
	w.steps++
	w.find("a choice", `(words, shown) => {
		const field = [...document.querySelectorAll("select")].filter(shown).find((e) => e.ariaLabel === words[0]);
		const option = [...(field?.options ?? [])].find((o) => o.text === words[1]);
		if (!option) return null;
		field.value = option.value;
		field.dispatchEvent(new Event("change", { bubbles: true }));
		return field;
	}`, name, option)
}

// insert puts a variable into the field with a label by the menu below it, which shows what it is in a real event.
func (w *window) insert(label, variable, sample string) {
	w.Helper()
	const menu = `(words, shown, text) => {
		const label = [...document.querySelectorAll("label")].filter(shown).find((e) => text(e) === words[0]);
		const all = [...(label?.closest(".field:has(.insert)")?.querySelectorAll("summary, button") ?? [])].filter(shown);
		return all.find((e) => text(e).includes(words[1]) && text(e).includes(words[2]));
	}`
	w.with(clicked, "a menu", menu, label, "Insert variable", "")
	w.with(clicked, "a variable", menu, label, variable, sample)
}

// warehouse is a system that takes orders.
func warehouse(t *testing.T) (address string, taken chan string) {
	taken = make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		taken <- r.Method + " " + r.URL.Path + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"queue":"HK-1"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, taken
}

const orderCreated = `{"title":{"en":"New order","cs":"Nová objednávka","de":"Neuer Auftrag"},"group":"order","key":"order.number",
	"sample":{"order":{"number":"2018000057","total":"1999.30","customer":{"name":"Žofie Černá"}}}}`

// TestN5_AVariableIsInsertedAndTheAnswerJudged: the menu puts a variable where the cursor is, and the editor offers it after
// a #; for the form, the preview and the keyboard the editor is the field it stands over. A rule about the answer makes a
// failure of what the receiver calls a success.
func TestN5_AVariableIsInsertedAndTheAnswerJudged(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
	address, taken := warehouse(t)
	w := h.open(t, "en")
	w.first()
	w.press("Webhooks")
	w.press("Add a webhook")
	w.press("Any other system")
	w.fill("Name", "Sklad - WMS")
	w.tick("New order")
	w.fill("URL", address+"/in/")
	w.insert("URL", "#order.number#", "2018000057")
	if url := w.value("URL"); url != address+"/in/#order.number#" {
		t.Errorf("the URL has become %q", url)
	}
	w.see("/in/2018000057") // the preview has taken notice
	w.tick("My own")
	w.fill("Body", `{"who": ""}`)
	w.do(chromedp.KeyEvent(kb.ArrowLeft + kb.ArrowLeft))
	w.insert("Body", "#order.customer.name#", "Žofie Černá")
	w.see(`"who": "Žofie Černá"`)
	w.fill("Body", `{"total": #order.total#, "who": "Dear ", "note": }`)
	w.see("This is not JSON; look at line 1.")
	w.find("the place", `() => document.querySelector("[role=textbox][aria-invalid=true] .cm-fault")?.innerText === "}" ? document.body : null`)
	w.find("colours", `() => document.querySelector(".editor .tok-propertyName") && document.querySelector(".cm-tag")?.innerText === "#order.total#" ? document.body : null`)
	w.glance("webhook-form-editor")
	w.do(chromedp.KeyEvent(strings.Repeat(kb.ArrowLeft, len(`", "note": }`)) + "#cust"))
	const offer = `(words, shown, text) => [...document.querySelectorAll("[role=option]")].filter(shown).find((e) => text(e).includes(words[0]) && text(e).includes(words[1]))`
	w.find("an offer", offer, "#order.customer.name#", "Žofie Černá")
	w.audit("what the editor offers", "", `{runOnly: `+rules)
	w.do(look("dark", 1280))
	w.audit("what the editor offers, dark", "", `{runOnly: ["color-contrast"]`)
	w.do(look("light", 1280))
	w.with(clicked, "an offer", offer, "#order.customer.name#", "Žofie Černá")
	w.do(chromedp.KeyEvent(kb.End + kb.ArrowLeft + `"1/2"`)) // "/" is no way to the search box here
	w.see(`"who": "Dear Žofie Černá", "note": "1/2"`)
	if w.do(chromedp.KeyEvent(kb.Tab)); w.ask(`document.activeElement.closest(".editor, [name=q]")`) != "null" {
		t.Error("Tab does not lead out of the editor")
	}
	w.tick("Expert")
	w.fill("Headers", "X-Total: ")
	w.insert("Headers", "#order.total#", "1999.30")
	w.see("x-total: 1999.30")
	w.press("Save and test")
	w.see("Worked")
	if got := next(t, taken); got != `POST /in/2018000057 {"total": "1999.30", "who": "Dear Žofie Černá", "note": "1/2"}` {
		t.Errorf("the warehouse got %q", got)
	}
	w.fill("And only if the answer", `resp`)
	w.with(clicked, "an offer", offer, "response.json", "")
	w.do(chromedp.KeyEvent(`.queue == "HK-2"`))
	w.press("Save and test")
	w.see("that is not delivered", `the success condition says no: response.json.queue "HK-1" is not "HK-2"`)
	next(t, taken)
	w.fill("And only if the answer", `response.json.queue == "HK-1"`)
	w.fill("Success rule", "409, 202")
	w.press("Save and test")
	w.see(`By the success rule (409, 202; response.json.queue == "HK-1") that is delivered.`)
}

// The whole journey is one page: name, events, address, test.
func TestP8_AWebhookWithItsTestIsOnePage(t *testing.T) {
	t.Parallel()
	for language, says := range map[string]struct{ add, other, name, order, test, worked, rule, answer, save, active string }{
		"cs": {"Přidat webhook", "Jakýkoli jiný systém", "Název", "Nová objednávka", "Uložit a odeslat zkoušku", "V pořádku", "je to doručeno", "Odpověď", "Uložit", "Aktivní"},
		"de": {"Webhook anlegen", "Jedes andere System", "Name", "Neuer Auftrag", "Speichern und Test senden", "Geklappt", "gilt das als zugestellt", "Antwort", "Speichern", "Aktiv"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := startHub(t)
			h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
			address, taken := warehouse(t)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			w.press(map[string]string{"cs": "Webhooky", "de": "Webhooks"}[language])
			w.press(says.add)
			w.press(says.other)
			w.fill(says.name, "Sklad - WMS")
			w.tick(says.order)
			w.fill("URL", address+"/in/#order.number#")
			w.see("/in/2018000057") // the preview follows what is typed
			w.press(says.test)
			w.see(says.worked, "202", says.rule, says.answer, "HK-1")
			w.took(7)
			w.inspect("webhook-tested", language)
			if got := next(t, taken); !strings.HasPrefix(got, "POST /in/2018000057 ") || !strings.Contains(got, "Žofie Černá") {
				t.Errorf("the warehouse got %q", got)
			}
			w.press(says.save)
			w.see("Sklad - WMS", says.active)
			h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000058","data":{"order":{"number":"2018000058"}}}`)
			// The page of the test was reloaded meanwhile, which sends nothing.
			if got := next(t, taken); !strings.HasPrefix(got, "POST /in/2018000058 ") {
				t.Errorf("the warehouse got %q", got)
			}
		})
	}
}

func TestP8_N11_AConditionIsBuiltAndSeenOnRealEvents(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
	address, _ := warehouse(t)
	h.api(t, "POST", "/v1/endpoints", `{"name":"Sklad - WMS","subscription":{"event_types":["order.created"]},"request":{"url":"`+address+`/in"}}`)
	for _, total := range []string{"50.00", "150.00", "1999.30"} {
		h.api(t, "POST", "/v1/events", `{"type":"order.created","data":{"order":{"number":"N`+total+`","total":"`+total+`"}}}`)
	}
	w := h.open(t, "en")
	w.first()
	w.press("Webhooks")
	w.press("Add a webhook")
	w.inspect("gallery", "en")
	w.press("Webhooks")
	w.press("Sklad - WMS")
	w.press("Edit and test")
	w.see("What will be sent", "Which events")
	w.inspect("webhook-form-simple", "en")
	w.enter("Field of condition 1", "order.total")
	w.pick("Comparison of condition 1", "is greater than")
	w.enter("Value of condition 1", "100")
	w.see("2 of the last 3 events match")
	w.press("Save")
	w.see("Of 3 events of the last 7 days, 2 would be sent; it was 3.", "Nothing is saved yet.")
	w.inspect("webhook-form-week", "en")
	w.press("Save the condition")
	w.see("is saved.", "num(data.order.total) > 100.0")

	w.press("Edit and test")
	w.tick("Expert")
	w.see("Retry intervals", "Notices")
	w.tick("My own")
	w.fill("Body", `{"number": "`)
	w.press("Insert variable")
	w.choose("Authentication", "Token (Bearer)")
	w.fill("Token", "abcdef")
	w.fill("Retry intervals", "soon")
	w.press("Save and test")
	w.see("Something here does not fit", "is not a length of time")
	w.inspect("webhook-form-expert", "en")
	w.press("Webhooks")
	w.press("Sklad - WMS")
	w.press("Secret")
	w.press("Show secret")
	w.see("Copy", "Change secret", "The receiver checks signatures with it.")
	w.inspect("webhook-secret", "en")
	w.press("Sklad - WMS")
	w.press("Delete")
	w.see("Nothing is waiting for it.")
	w.inspect("webhook-delete", "en")
}

// partOf begins a script that looks within a part of a form, found by its heading.
const partOf = `(words, shown, text, typing) => {
	const part = [...document.querySelectorAll("fieldset")].filter(shown).find((e) => e.querySelector("legend")?.textContent.trim() === words[0]);`

// fillIn fills a field of a part that has a heading of its own, where other parts have fields of the same name.
func (w *window) fillIn(part, label, value string) {
	w.Helper()
	w.with(written(value), "a field", partOf+`
		return typing([...(part?.querySelectorAll("label") ?? [])].find((e) => text(e) === words[1]));
	}`, part, label)
}

// TestAWebhookSignsForTwoReaders: one receiver checks two signatures while it changes from one to the other, and the older
// one goes later.
func TestAWebhookSignsForTwoReaders(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	came := make(chan http.Header, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r.Header }))
	t.Cleanup(receiver.Close)
	w := h.open(t, "en")
	w.first()
	w.visit("/webhooks/new/own")
	w.tick("Expert")
	w.fill("Name", "Sklad - WMS")
	w.fill("Your own id", "erp-7")
	w.fill("Labels", "team=stock")
	w.fill("Channels", "shop-cz")
	w.fill("URL", receiver.URL+"/in")
	w.tick("Standard Webhooks (HMAC-SHA256)")
	w.tick("HMAC in a header of its own")
	w.press("Add an HMAC")
	w.see("HMAC 2")
	w.glance("webhook-form-signatures")
	for i, name := range []string{"X-Old", "X-New"} {
		part := "HMAC " + strconv.Itoa(i+1)
		w.fillIn(part, "Header of the signature", name)
		w.fillIn(part, "Secret of the HMAC", name+"-a-long-enough-secret")
	}
	w.press("Save")
	w.see("Sklad - WMS", "erp-7", "team=stock", "shop-cz")
	publish := func(channel string) {
		h.api(t, "POST", "/v1/events", `{"type":"order.created","channels":["`+channel+`"],"data":{}}`)
	}
	publish("shop-de")
	publish("shop-cz")
	if got := next(t, came); got.Get("X-Old") == "" || got.Get("X-New") == "" || got.Get("X-Old") == got.Get("X-New") {
		t.Errorf("signed is %v", got)
	}
	w.press("Edit and test")
	w.tick("Expert")
	w.press("Remove HMAC 1")
	w.find("one signature", `() => document.body.innerText.includes("HMAC 2") ? null : document.body`)
	w.press("Save")
	w.see("is saved.")
	publish("shop-cz")
	if got := next(t, came); got.Get("X-Old") != "" || got.Get("X-New") == "" {
		t.Errorf("signed is %v", got)
	}
	if len(came) > 0 {
		t.Error("an event of another channel was sent")
	}
	w.visit("/webhooks/" + field(t, h.api(t, "GET", "/v1/endpoints/erp-7", ""), "id") + "/edit?view=expert")
	w.inspect("webhook-form-all", "en")
}
