package browser

import (
	"net/http"
	"strings"
	"testing"
)

// TestE8_TheGuidedStartEndsWithARealEvent goes each way of the guided start, in two languages each.
func TestE8_TheGuidedStartEndsWithARealEvent(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name, title string
		languages   [2]string
		go_         func(*window, func(string, ...any) string)
	}{
		{"receive", "web_login.start_receive", [2]string{"cs", "it"}, func(w *window, say func(string, ...any) string) {
			w.press(say("web_start.source_go"))
			w.theirOrder(w.newSource(say))
			w.see(say("web_source.arrived"))
			w.start(say, "web_login.start_receive")
		}},
		{"send", "web_login.start_send", [2]string{"de", "sk"}, func(w *window, say func(string, ...any) string) {
			address, taken := warehouse(w.T)
			w.press(say("web_start.endpoint_go"))
			w.newWebhook(say, address+"/in")
			w.start(say, "web_login.start_send")
			w.see(say("web_start.accepted_text"))
			w.inspect("start-send", w.ask("document.documentElement.lang"))
			w.press(say("web_start.accepted_go"))
			if got := next(w.T, taken); !strings.Contains(got, "POST /in ") {
				w.Errorf("the warehouse got %q", got)
			}
		}},
		{"both", "web_login.start_both", [2]string{"is", "cs"}, func(w *window, say func(string, ...any) string) {
			address, taken := warehouse(w.T)
			w.press(say("web_start.source_go"))
			source := w.newSource(say)
			w.start(say, "web_login.start_both")
			w.press(say("web_start.endpoint_go"))
			w.newWebhook(say, address+"/in")
			w.start(say, "web_login.start_both")
			w.theirOrder(source)
			if got := next(w.T, taken); !strings.Contains(got, "2018000057") {
				w.Errorf("the warehouse got %q", got)
			}
		}},
		{"look", "web_login.start_look", [2]string{"is", "sk"}, func(w *window, say func(string, ...any) string) {
			w.press(say("web_start.sample_go"))
			w.see(say("web_start.sample_done"))
			w.press(say("web_start.see_event"))
			w.see(say("web_history.facts"))
			w.start(say, "web_login.start_receive") // the sample is a source like any other
		}},
	} {
		for _, language := range way.languages {
			t.Run(way.name+" "+language, func(t *testing.T) {
				t.Parallel()
				say := words(language)
				w := startHub(t).open(t, "en")
				w.first()
				w.turn(language)
				w.start(say, way.title)
				way.go_(w, say)
				w.see(say("web_start.done")) // it turns green by itself
				w.press(say("web_start.see_event"))
				w.see(say("web_history.facts"), say("web_history.data"))
			})
		}
	}
}

// start goes to one way of the guided start, the first time or again.
func (w *window) start(say func(string, ...any) string, title string) {
	w.Helper()
	w.press(say("web.menu.today"))
	w.press(say("web_today.connect"))
	w.press(say(title))
}

// newSource goes through the wizard, and is the path that the shop calls.
func (w *window) newSource(say func(string, ...any) string) string {
	w.Helper()
	w.press("Shoptet")
	w.fill(say("web_source.secret"), shoptetSecret)
	w.press(say("web_source.go_on"))
	w.see(say("web_source.waiting"))
	_, path, found := strings.Cut(w.value(say("web_source.url")), "/in/")
	if !found {
		w.Fatal("the wizard shows no address")
	}
	return "/in/" + path
}

// theirOrder is a new order in the shop.
func (w *window) theirOrder(path string) {
	w.Helper()
	if status := w.hub.theirs(w.T, path, shoptetSecret, shoptetNotice); status != http.StatusOK {
		w.Fatalf("the shop was answered %d", status)
	}
}

func (w *window) newWebhook(say func(string, ...any) string, address string) {
	w.Helper()
	w.press(say("web_webhook.gallery_own"))
	w.fill(say("web.column.name"), "Sklad - WMS")
	w.fill("URL", address)
	w.press(say("web.action.save"))
	w.see("Sklad - WMS", say("web.state.active"))
}

// TestLookingAroundShowsAHubAtWork: what the sample shop sends is delivered, fails, waits and is ignored, and goes again.
func TestLookingAroundShowsAHubAtWork(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say := words(language)
			w := startHub(t).open(t, "en")
			w.first()
			w.turn(language)
			w.start(say, "web_login.start_look")
			w.press(say("web_start.sample_go"))
			w.see(say("web_start.sample_done"), say("web_start.sample_remove_text"))
			w.inspect("start-look", language)
			w.press(say("web_start.sample_seen_go"))
			w.see(say("web.state.delivered"), say("web.state.failed"), say("web.state.held"), say("web_start.sample_invoices"))
			w.inspect("deliveries-sample", language)
			w.press(say("web.menu.today"))
			w.see(say("web_start.sample_warehouse"), say("web_start.sample_why"))
			w.inspect("today-sample", language)
			w.press(say("web.menu.sources"))
			w.press(say("web_start.sample_name"))
			w.see(say("web_start.sample_about"))
			w.start(say, "web_login.start_look")
			w.press(say("web_start.sample_remove"))
			w.see(say("web_start.sample_removed"), say("web_start.sample_go"))
		})
	}
}
