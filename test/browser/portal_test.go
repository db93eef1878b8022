package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// customer makes a tenant with colours of its own, and what it can be told of.
func (h *testHub) customer(t *testing.T, frames string) {
	t.Helper()
	h.api(t, "POST", "/v1/tenants", `{"uid":"shop","name":"Shop & Co","portal":{"colours":{"accent":"#7a1fa2","paper":"#ffffff"},"frame_ancestors":[`+frames+`]}}`)
	h.api(t, "PUT", "/v1/event-types/order.created", orderCreated)
	h.api(t, "PUT", "/v1/event-types/risk.scored", `{"title":{"en":"Risk"},"visible_in_portal":false}`)
}

func (h *testHub) portalLink(t *testing.T, language string) string {
	t.Helper()
	var link struct{ URL string }
	if err := json.Unmarshal([]byte(h.api(t, "POST", "/v1/tenants/shop/portal-link", `{"name":"Jana","language":"`+language+`"}`)), &link); err != nil {
		t.Fatal(err)
	}
	return link.URL
}

// A vendor's customer opens the link, makes a webhook with its test on one page, and sees its delivery.
func TestP8_ACustomerLooksAfterTheirWebhooks(t *testing.T) {
	for language, says := range map[string]struct{ add, other, name, order, test, worked, save, active, deliveries, delivered, again, try, leave, left, gone string }{
		"cs": {"Přidat webhook", "Jakýkoli jiný systém", "Název", "Nová objednávka", "Uložit a odeslat zkoušku", "V pořádku", "Uložit", "Aktivní", "Doručení", "Doručeno", "Odeslat znovu", "1. pokus", "Odejít", "Odešli jste", "Tento odkaz už nefunguje"},
		"de": {"Webhook anlegen", "Jedes andere System", "Name", "Neuer Auftrag", "Speichern und Test senden", "Geklappt", "Speichern", "Aktiv", "Zustellungen", "Zugestellt", "Erneut senden", "1. Versuch", "Verlassen", "Sie haben das Portal verlassen", "Dieser Link gilt nicht mehr"},
	} {
		t.Run(language, func(t *testing.T) {
			h := startHub(t)
			h.customer(t, "")
			address, taken := warehouse(t)
			w := h.open(t, "en") // the link says the language
			link := h.portalLink(t, language)
			w.visit(link)
			w.see("Shop & Co", says.add)
			w.inspect("portal-empty", language)
			w.press(says.add)
			w.press(says.other)
			w.fill(says.name, "Sklad - WMS")
			w.tick(says.order)
			w.fill("URL", address+"/in/#order.number#")
			w.see("/in/2018000057") // the preview follows what is typed
			w.press(says.test)
			w.see(says.worked, "202")
			w.took(6)
			if got := <-taken; !strings.HasPrefix(got, "POST /in/2018000057 ") {
				t.Errorf("the warehouse got %q", got)
			}
			w.do(chromedp.Reload())
			w.see(says.worked, "202")
			w.inspect("portal-tested", language) // in another language, too, it is this page
			w.see(says.worked, "202", "HK-1")
			w.press(says.save)
			w.see("Sklad - WMS", says.active)
			w.inspect("portal-webhook", language)
			h.api(t, "POST", "/v1/tenants/shop/events", `{"type":"order.created","key":"2018000058","data":{"order":{"number":"2018000058"}}}`)
			if got := <-taken; !strings.HasPrefix(got, "POST /in/2018000058 ") {
				t.Errorf("a reload sent the test again: %q", got)
			}
			w.press(says.deliveries)
			w.reloadUntil(says.delivered)
			w.inspect("portal-deliveries", language)
			w.press("2018000058")
			w.see(says.again, "HK-1")
			w.inspect("portal-delivery", language)
			root, _, _ := strings.Cut(link, "#")
			w.visit(root) // whoever is inside is not asked for a code
			w.see("Sklad - WMS", "UTC")
			link = h.portalLink(t, language)
			w.visit(link) // and a link that they open is used all the same
			w.see("Sklad - WMS")
			w.press(says.leave)
			w.see(says.left)
			w.inspect("portal-left", language)
			w.visit("/login") // so that the next address is another page, not another place on this one
			w.visit(link)
			w.see(says.gone)
		})
	}
}

// A session ends while somebody types. A new link in the same place brings back what was typed, and so does a code.
func TestE8_APortalSessionThatEndsKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			w, staff := h.open(t, language), h.open(t, "en")
			w.holds = true
			staff.first()
			h.customer(t, "")
			endAll := func() {
				staff.press("Settings")
				staff.press("Tenants")
				staff.press("Shop & Co")
				staff.press("Sessions in the portal")
				staff.inspect("tenant-portal-sessions", "en")
				staff.press("Tenants")
				staff.press("Shop & Co")
				staff.press("Sessions in the portal")
				staff.press("End all sessions")
				staff.see("All sessions in the portal of “Shop & Co” are ended.")
			}
			typed := func() {
				w.press(say("web_webhooks.add"))
				w.press(say("web_webhook.gallery_own"))
				w.fill(say("web.column.name"), "Sklad <b>Brno</b>")
				w.tick(map[string]string{"en": "New order", "de": "Neuer Auftrag"}[language])
				w.fill("URL", "http://127.0.0.1:1/in/#order.number#")
				w.see("/in/2018000057")
			}
			w.visit(h.portalLink(t, language))
			typed()
			endAll()
			w.press(say("web_webhook.try")) // what a script asks is told there that the session is over, and the page follows
			w.see(say("web_portal.over_kept"))
			w.glance("portal-over-" + language)
			w.visit(h.portalLink(t, language)) // the application opens a new link in the same place
			w.see(say("web_login.resume_title"))
			w.glance("portal-resume-" + language)
			w.press(say("web_login.resume_go"))
			w.see(say("web_webhook.test_unsaved")) // it was the test that was pressed
			if name := w.value(say("web.column.name")); name != "Sklad <b>Brno</b>" {
				t.Errorf("the name has become %q", name)
			}
			endAll()
			w.press(say("web.action.save"))
			w.see(say("web_portal.over_kept"))
			link := h.portalLink(t, language)
			w.fill(say("web_portal.code"), link[strings.IndexByte(link, '#')+1:])
			w.press(say("web_portal.enter"))
			w.see(say("web_login.resume_title"))
			w.press(say("web_login.resume_go"))
			w.see(say("web_webhook.created", "name", "Sklad <b>Brno</b>"))
			w.mu.Lock()
			defer w.mu.Unlock()
			// htmx says on the console that it was answered 401.
			w.wrongs = slices.DeleteFunc(w.wrongs, func(wrong string) bool { return strings.Contains(wrong, "Response Status Error Code 401") })
		})
	}
}

// reloadUntil looks again until a text is there: the page is not followed.
func (w *window) reloadUntil(text string) {
	w.Helper()
	w.arrive()
	for deadline := time.Now().Add(patience); !strings.Contains(w.text(), text); w.rest() {
		if time.Now().After(deadline) {
			w.Fatalf("%q never came:\n%s", text, w.text())
		}
		w.do(chromedp.Reload())
	}
}

// The portal works inside a page of another site: its cookie comes back, and its pages lead to each other.
func TestRule17_ThePortalWorksInAFrameOfAnotherSite(t *testing.T) {
	h := startHub(t)
	link := ""
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,"><h1>The application</h1><iframe id="hooks" title="Webhooks" width="1000" height="700" src="%s"></iframe>`, link)
	}))
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = app.Listener.Close()
	app.Listener = listener
	app.Start()
	t.Cleanup(app.Close)
	h.customer(t, `"`+app.URL+`"`)
	link = h.portalLink(t, "cs")
	w := h.open(t, "cs")
	w.embeds = app.URL
	w.visit(app.URL + "/")
	w.see("The application")
	w.seeInFrame(h.url, `document.body.innerText`, "Přidat webhook")
	w.keepFor("embedded")
	w.seeInFrame(h.url, `document.querySelector('a[href$="/deliveries"]').click() ?? "pressed"`, "pressed")
	w.seeInFrame(h.url, `document.location.pathname + document.body.innerText`, "/deliveries", "Doručení")
	w.seeInFrame(h.url, `document.cookie + "none"`, "none") // no script reads the session
	w.mu.Lock()
	defer w.mu.Unlock()
	// The stream of the page that was left broke off, and htmx says so where a frame goes on to another page.
	w.wrongs = slices.DeleteFunc(w.wrongs, func(wrong string) bool { return strings.Contains(wrong, "[object Event]") })
}

// seeInFrame evaluates a script in the frame of an origin until what it gives holds the texts.
func (w *window) seeInFrame(origin, script string, texts ...string) {
	w.Helper()
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); w.rest() {
		if got = w.inFrame(origin, script); containsAll(got, texts) {
			return
		}
	}
	w.keepFor("failed")
	w.Fatalf("in the frame of %s, %q is not in %q", origin, texts, got+w.inFrame("", "1"))
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// inFrame evaluates a script in the frame of an origin, "" while there is none or it is just loading.
func (w *window) inFrame(origin, script string) (text string) {
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	_ = chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		for _, child := range tree.FrameTree.ChildFrames {
			if !strings.HasPrefix(child.Frame.URL, origin+"/") {
				continue
			}
			world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: child.Frame.ID})
			if err != nil {
				return err
			}
			got, err := cdp.Call(ctx, t, runtime.Evaluate, runtime.EvaluateParams{Expression: script, ContextID: world.ExecutionContextID})
			if err != nil || got.Result == nil {
				return err
			}
			return json.Unmarshal([]byte(got.Result.Value), &text)
		}
		return nil
	}))
	return text
}
