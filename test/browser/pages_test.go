package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
)

// signIn signs the administrator in where nobody is.
func (w *window) signIn(mail string) {
	w.Helper()
	w.visit("/")
	w.fill("E-mail", mail)
	w.fill("Password", janaPassword)
	w.press("Sign in")
	w.see("Today")
}

// TestEveryPageIsLookedAt opens each page of the console and inspects it. A new page is in the list of routes, so it
// is looked at too, and fails when this hub has nothing that it could show.
func TestEveryPageIsLookedAt(t *testing.T) {
	t.Parallel()
	o, first := makeWorld(t)
	// These are looked at below, or where somebody is not signed in.
	elsewhere := map[string]bool{"/login": true, "/first/{token}": true, "/s/{token}": true, "/stream": true}
	var paths []string
	jana := o.as(t, janaMail)
	for _, p := range consolePages(t) {
		if p.method != "GET" || elsewhere[p.path] {
			continue
		}
		status, text := jana.send("GET", o.at(t, p.path))
		if status != 200 {
			t.Errorf("%s is answered %d", p.path, status)
		} else if strings.HasPrefix(text, "<!doctype html>") { // else it is a file
			paths = append(paths, p.path)
		}
	}
	name := func(path string) string {
		return "page" + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.TrimSuffix(path, "/"))
	}
	walk := func(w *window, paths []string) {
		for _, path := range paths {
			w.visit(o.at(w.T, path))
			w.inspect(name(path), "en")
		}
	}
	t.Run("first half", func(t *testing.T) {
		t.Parallel()
		w := o.open(t, "en")
		w.signIn(janaMail)
		walk(w, paths[:len(paths)/2])
	})
	t.Run("second half", func(t *testing.T) {
		t.Parallel()
		w := o.open(t, "en")
		w.signIn(janaMail)
		walk(w, paths[len(paths)/2:])
	})
	w := first
	w.visit("/search?q=2018000057")
	w.press("Share")
	w.press("Make a link")
	w.see("The link is ready")
	link := w.ask(`document.querySelector("#share-link").value`)
	w.inspect("share-made", "en")
	w.visit("/deliveries")
	w.with(clicked, "a delivery", `() => document.querySelector("input[name=id]")`)
	w.press("Send them again")
	w.see("sent once more, with the same event id")
	w.inspect("bulk", "en")
	w.visit("/webhooks/ep_nobody")
	w.see("There is nothing here")
	w.inspect("error-404", "en")
	w.visit("about:blank") // so that no page asks for news without a session
	w.do(command(network.ClearBrowserCookies, cdp.Empty{}))
	w.visit(link)
	w.see("2018000057")
	w.inspect("shared", "en")
	w.visit("/s/nobody")
	w.inspect("error-shared", "en")
	w.visit("/webhooks")
	w.see("Sign in")
	w.inspect("login", "en")
	w.signIn("viewer@example.com")
	w.visit("/webhooks/new")
	w.see("This is not allowed for you")
	w.inspect("error-403", "en")
	w.visit("/")
	w.inspect("viewer-today", "en")
}
