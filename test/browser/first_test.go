package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	janaMail     = "jana@example.com"
	janaPassword = "kůň úpěl ďábelské ódy"
)

// first makes the first administrator through the page that the start's link opens.
func (w *window) first() {
	w.Helper()
	w.visit(w.hub.firstLink)
	w.fill("Name and surname", "Jana Dvořáková")
	w.fill("E-mail", janaMail)
	w.fill("Password", janaPassword)
	w.press("Create and sign in")
	w.see("You are the administrator now.", "What do you want to do first?")
}

// api calls the hub as a program does.
func (h *testHub) api(t *testing.T, method, path, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+h.key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, text, err)
	}
	return string(text)
}

func TestFromTheFirstStartToToday(t *testing.T) {
	h := startHub(t)
	w := h.open(t, "en")
	w.visit("/")
	w.see("Sign in", "First start?")
	w.inspect("login", "en")
	w.visit(h.firstLink)
	w.see("Create the first administrator")
	w.inspect("first", "en")
	w.first()
	w.inspect("start", "en")
	w.press("Just look around")
	w.press("Today")
	w.see("Nothing is connected yet", "Nobody receives yet", "Nobody sends yet")
	w.inspect("today-empty", "en")

	w.press("Jana Dvořáková")
	w.press("Čeština")
	w.see("Zatím není nic propojeno", "Dnes")
	w.press("Jana Dvořáková")
	w.press("Odhlásit se")
	w.see("Sign in") // signed out, the browser decides again
	w.visit(h.firstLink)
	w.see("This link has been used or is too old.")

	cs := h.open(t, "cs")
	cs.visit("/webhooks")
	cs.see("Přihlášení")
	cs.fill("E-mailová adresa", janaMail)
	cs.fill("Heslo", "wrong password")
	cs.press("Přihlásit se")
	cs.see("E-mail nebo heslo nesouhlasí")
	cs.fill("Heslo", janaPassword)
	cs.press("Přihlásit se")
	cs.see("Webhooky", "Zatím žádný webhook")
	cs.press("Dnes")
	cs.see("Zatím není nic propojeno")
}

func TestAWebhookIsPausedAndResumed(t *testing.T) {
	h := startHub(t)
	answer := make(chan int, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case status := <-answer:
			w.WriteHeader(status)
		default:
		}
	}))
	defer receiver.Close()
	h.api(t, "POST", "/v1/endpoints", `{"name":"Sklad - WMS","subscription":{"event_types":["order.*"]},"request":{"url":"`+receiver.URL+`/in"}}`)
	h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000057","data":{"total":"1999.30"}}`)

	w := h.open(t, "en")
	w.first()
	w.press("Today")
	w.see("Everything flows", "Sklad - WMS", "Answered 200", "Nothing waits in the hub.")
	w.inspect("today", "en")
	w.press("Webhooks")
	w.see("order.*")
	w.inspect("webhooks", "en")
	w.press("Sklad - WMS")
	w.see("2018000057", "Delivered", "Settings in use")
	w.inspect("webhook", "en")
	w.fill("Reason", "stock-taking until four")
	w.press("Pause")
	w.see("“Sklad - WMS” is paused.", "stock-taking until four", "Paused by Jana Dvořáková")
	h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000058","data":{}}`)
	w.press("Today")
	w.see("One target is paused", "One delivery waits")
	w.inspect("today-paused", "en")
	w.press("Sklad - WMS")
	w.see("2018000058", "Held", "5 per second")
	w.inspect("webhook-paused", "en")
	w.press("Resume")
	w.see("“Sklad - WMS” goes on.", "Active")
	w.press("Today")
	w.see("Everything flows", "Nothing waits in the hub.")
	// The page hears of what happens by itself.
	h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000059","data":{}}`)
	w.find("the third delivery", `(words) => [...document.querySelectorAll("dl.figures dd")].find((e) => e.textContent.trim() === "3")`)
	w.press("Jana Dvořáková")
	w.press("My profile")
	w.see("All other browsers are signed out.")
	w.inspect("profile", "en")
}
