package browser

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	janaMail     = "jana@example.com"
	janaPassword = "planted kůň úpěl ďábelské ódy"
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
	// The start keeps the language of the page; here everybody reads what the browser asks for, until they choose.
	w.hub.api(w.T, "PATCH", "/v1/users/"+w.hub.userID(w.T), `{"language":""}`)
}

// turn has the browser ask for a language from now on, and opens Today in it.
func (w *window) turn(language string) {
	w.Helper()
	w.do(speak(language))
	w.press("Today")
	w.find("the language", `(words) => document.documentElement.lang === words[0] ? document.body : null`, language)
	w.steps = 0
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
	t.Parallel()
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
