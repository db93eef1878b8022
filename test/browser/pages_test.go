package browser

import (
	"database/sql"
	"path/filepath"
	"slices"
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
	walk := func(w *window, paths []string) {
		w.walks = true
		for _, path := range paths {
			w.visit(o.at(w.T, path))
			w.inspect(pageName("page", path), "en")
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

// TestEveryPageOfThePortalIsLookedAt does the same for the list of what a tenant's customer can reach.
func TestEveryPageOfThePortalIsLookedAt(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	h.customer(t, "")
	address, taken := warehouse(t)
	o := &world{h, map[string]string{}}
	o.ids["{endpoint}"] = field(t, h.api(t, "POST", "/v1/tenants/shop/endpoints", `{"name":"Sklad - WMS","subscription":{"event_types":["order.created"]},"request":{"url":"`+address+`/in"}}`), "id")
	h.api(t, "POST", "/v1/tenants/shop/events", `{"type":"order.created","key":"2018000057","data":{"order":{"number":"2018000057"}}}`)
	next(t, taken)
	o.ids["{delivery}"] = field(t, h.api(t, "GET", "/v1/tenants/shop/deliveries", ""), "id")
	preset := h.api(t, "GET", "/v1/presets?kind=target", "")
	o.ids["{pack}"], o.ids["{preset}"] = field(t, preset, "pack"), field(t, preset, "name")
	w := h.open(t, "en")
	w.visit(h.portalLink(t, "en"))
	w.see("Shop & Co")
	root := w.ask(`location.pathname.replace(/\/webhooks$/, "")`)
	files := map[string]bool{"/stream": true, "/theme.css": true, "/logo": true, "/": true} // and the way in, for somebody outside
	w.walks = true
	for _, p := range portalPages(t) {
		if p.method != "GET" || files[p.path] {
			continue
		}
		w.visit(root + o.at(t, p.path))
		w.find("a page of the portal", `() => document.body.innerText.includes("Shop & Co") && document.title.includes("·") ? document.body : null`)
		w.inspect(pageName("portal", p.path), "en")
	}
	w.walks = false
	w.press("Webhooks")
	w.press("Sklad - WMS")
	w.press("Secret")
	w.press("Show secret")
	w.see("Change secret")
	w.holds = true // a portal speaks as its link says
	w.glance("portal-secret-shown")
	w.holds = false
	w.visit(root + "/webhooks/ep_nobody")
	w.see("There is nothing here")
	w.inspect("portal-error-404", "en")
}

// pageName is what the pictures of a page are called.
func pageName(place, path string) string {
	return place + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.TrimSuffix(path, "/"))
}

// TestAMistakeOfOursIsAPageToo: a table is gone, and whoever asks for it is told that it is not their fault.
func TestAMistakeOfOursIsAPageToo(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "is"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			db, err := sql.Open("sqlite", filepath.Join(h.data, "hacek.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), `ALTER TABLE object RENAME TO gone`); err != nil {
				t.Fatal(err)
			}
			w.press(say("web.menu.sources"))
			w.see(say("web.error.ours"), say("web.error.ours_hint"))
			w.hidden("object")
			w.inspect("error-500", language)
			w.press(say("web.error.back"))
			w.mu.Lock()
			defer w.mu.Unlock()
			w.wrongs = slices.DeleteFunc(w.wrongs, func(wrong string) bool { return strings.Contains(wrong, "status of 500") })
		})
	}
}
