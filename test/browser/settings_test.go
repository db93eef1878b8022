package browser

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
)

func TestTheSettingsOfTheHub(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	w := h.open(t, "en")
	w.first()
	w.press("Just look around")
	w.inspect("start-look", "en")
	w.press("Make the sample shop")
	w.see("The sample events have arrived")
	w.inspect("start-done", "en")

	w.press("Settings")
	w.see("People and roles", "Change history")
	w.inspect("settings", "en")
	w.press("People and roles")
	w.inspect("users", "en")
	w.press("Invite a helper for a day")
	w.fill("Name and surname", "Óskar Jónsson")
	w.fill("E-mail", "oskar@example.com")
	w.press("Give access")
	w.see("“Óskar Jónsson” may sign in now.", "Password for oskar@example.com")
	w.inspect("user", "en")

	w.press("Settings")
	w.press("API keys")
	w.see("No keys yet")
	w.press("New key")
	w.inspect("key-new", "en")
	w.fill("Name", "ERP")
	w.press("Make the key")
	w.see("The key “ERP” is valid now.")
	w.inspect("keys", "en")

	w.press("Settings")
	w.press("Tenants")
	w.inspect("tenants", "en")
	w.press("New tenant")
	w.fill("Name", "Ellity")
	w.press("Save")
	w.see("“Ellity” is saved.")
	w.press("Ellity")
	w.inspect("tenant", "en")

	w.press("Settings")
	w.press("Mail")
	w.see("No mail server is set")
	w.inspect("mail", "en")

	h.api(t, "POST", "/v1/tenants/default/endpoints", `{"name":"Sklad - WMS","request":{"url":"http://127.0.0.1:9/in"}}`)
	h.api(t, "PATCH", "/v1/tenants/default/endpoints/Sklad%20-%20WMS", `{"description":"moved"}`)
	w.press("Settings")
	w.press("Change history")
	w.see("Sklad - WMS", "Óskar Jónsson", "ERP")
	w.inspect("audit", "en")
	w.press("Undo this change of “Sklad - WMS”")
	w.see("“Sklad - WMS” is as it was before that change.")
}

// TestTimesAreInTheZoneOfTheBrowserUntilAnotherIsChosen: the first start takes the browser's zone. Browsers and people go on
// using names that the zones had long ago.
func TestTimesAreInTheZoneOfTheBrowserUntilAnotherIsChosen(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	w := h.open(t, "en")
	w.do(command(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Katmandu"}))
	w.first()
	h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000057","time":"2026-01-15T20:30:00Z","data":{}}`)
	w.press("Events")
	w.press("2018000057")
	w.see("16 Jan 2026, 02:15")
	w.press("Jana Dvořáková")
	w.press("My profile")
	if zone := w.value("Time zone"); zone != "Asia/Katmandu" && zone != "Asia/Kathmandu" {
		t.Errorf("the zone is %q", zone)
	}
	w.fill("Time zone", "Mars/Olympus")
	w.press("Save")
	w.see("Something here does not fit")
	w.glance("profile-refused")
	w.fill("Time zone", "US/Pacific")
	w.press("Save")
	w.see("Your profile is saved.")
	w.press("Events")
	w.press("2018000057")
	w.see("15 Jan 2026, 12:30")
}

// TestEveryPageShowsTimesInTheReadersZone reads each moment that a page marks as one.
func TestEveryPageShowsTimesInTheReadersZone(t *testing.T) {
	t.Parallel()
	o, _ := makeWorld(t)
	zone, err := time.LoadLocation("Australia/Eucla") // whole hours away it is from nobody
	if err != nil {
		t.Fatal(err)
	}
	o.api(t, "PATCH", "/v1/tenants/default/users/"+o.ids["{user}"], `{"role":"administrator","time_zone":"Australia/Eucla"}`)
	reader, moments := o.as(t, "editor@example.com"), regexp.MustCompile(`<time datetime="([^"]*)">([^<]*)</time>`)
	seen := map[string]bool{}
	for _, p := range consolePages(t) {
		if p.method != "GET" || strings.Contains(p.path, "{token}") || p.path == "/stream" {
			continue
		}
		status, text := reader.send("GET", o.at(t, p.path))
		if status != http.StatusOK {
			continue
		}
		for _, m := range moments.FindAllStringSubmatch(text, -1) {
			at, err := time.Parse(time.RFC3339, m[1])
			if err != nil {
				t.Fatal(err)
			}
			seen[p.path] = true
			if !strings.Contains(m[2], at.In(zone).Format("15:04")) {
				t.Errorf("%s shows %s as %q", p.path, m[1], m[2])
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("only these pages show a moment: %v", seen)
	}
}
