package browser

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// hostile is what somebody may write who wants more than to be read: a script, what leaves an attribute or an element,
// what turns the text of a line round or hides in it, what ends a line without saying so.
const hostile = "\"'><script>hacked=1</script><img src=x onerror=hacked=1></textarea></title>\u202etxt.exe\u2066\u200b\u2028#{{1}}"

// plantHostility gives each thing of a world a hostile name, and lets a stranger send hostile data.
func (o *world) plantHostility(t *testing.T) {
	t.Helper()
	text := func(value any) string {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	plant := func(method, path string, fields map[string]any) string {
		t.Helper()
		return o.api(t, method, "/v1/tenants/default"+o.at(t, path), text(fields))
	}
	data := map[string]any{
		"code": hostile, "nul": "a\x00b\x1b[31m", "close": `]]></pre></textarea>` + hostile, hostile: 1,
		"country": strings.Repeat("x", 3000), "long": strings.Repeat("ž", 400_000),
	}
	o.api(t, "PUT", "/v1/event-types/order.hostile", text(map[string]any{
		"title": map[string]any{"en": hostile}, "group": "order", "key": "code", "sample": map[string]any{"code": hostile, hostile: 1},
	}))
	o.ids["{type}"] = "order.hostile"
	named := map[string]any{"name": hostile, "description": hostile}
	plant("PATCH", "/endpoints/{endpoint}", map[string]any{
		"name": hostile, "description": hostile, "request": map[string]any{"headers": map[string]any{"X-Shop": strings.ReplaceAll(hostile, "\u2028", "")}},
		"subscription": map[string]any{"event_types": []string{"order.imported", "order.hostile"}, "condition": `data.country != "</script><script>hacked=1</script>"`},
	})
	plant("PATCH", "/pipelines/{pipeline}", named)
	plant("PATCH", "/sources/{source}", named)
	short := strings.ReplaceAll(hostile, "/", "") // these names may stand in an address of the API
	plant("PATCH", "/connections/{connection}", map[string]any{"name": short, "description": hostile})
	plant("PATCH", "/tables/{table}", map[string]any{"name": short, "description": hostile, "entries": map[string]any{hostile: hostile}})
	o.api(t, "PATCH", o.at(t, "/v1/listeners/{listener}"), text(map[string]any{"name": short}))
	o.ids["{key}"] = field(t, plant("POST", "/keys", map[string]any{"name": hostile, "role": "viewer"}), "id")
	for _, user := range []string{"{user}", "{jana}"} {
		plant("PATCH", "/users/"+user, map[string]any{"name": hostile})
	}
	o.api(t, "PATCH", o.at(t, "/v1/tenants/{tenant}"), text(map[string]any{"name": hostile}))
	made := plant("POST", "/events", map[string]any{"type": "order.hostile", "key": "77" + hostile, "data": data})
	o.ids["{event}"] = field(t, made, "id")
	o.theirs(t, "/in/shop", "another secret", text(map[string]any{"event": hostile, "eventInstance": hostile, "eventCreated": hostile})+hostile)
	o.ids["{request}"] = field(t, o.api(t, "GET", o.at(t, "/v1/tenants/default/sources/{source}/requests"), ""), "id")
}

// TestHostileTextIsOnlyText: what somebody else wrote is shown on every page of the list, and does nothing there.
func TestHostileTextIsOnlyText(t *testing.T) {
	t.Parallel()
	o, w := makeWorld(t)
	o.plantHostility(t)
	delivered := ""
	for deadline := time.Now().Add(patience); !strings.Contains(delivered, `"id"`) && time.Now().Before(deadline); w.rest() {
		delivered = o.api(t, "GET", "/v1/tenants/default/deliveries?state=delivered&event="+o.ids["{event}"], "")
	}
	o.ids["{delivery}"] = field(t, delivered, "id")
	jana := o.as(t, janaMail)
	jana.send("POST", o.at(t, "/webhooks/{endpoint}/pause"), "why", hostile)
	asked := url.QueryEscape(hostile)
	paths := []string{"/search?q=77", "/search?q=" + asked, "/events?type=" + asked + "&since=" + asked, "/deliveries?key=" + asked}
	for _, p := range consolePages(t) {
		if p.method == "GET" && !strings.Contains(p.path, "{token}") && p.path != "/stream" && p.path != "/login" {
			if status, text := jana.send("GET", o.at(t, p.path)); status != http.StatusOK {
				t.Errorf("%s is answered %d", p.path, status)
			} else if strings.HasPrefix(text, "<!doctype html>") {
				paths = append(paths, o.at(t, p.path))
			}
		}
	}
	w.do(look("light", 360))
	// What is typed anew must be what it was; anything else a page says is made visible.
	const said = `(document.title + [...document.querySelectorAll("body *:not(textarea)")].flatMap((e) =>
		[e.ariaLabel, e.title, e.placeholder, ...[...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.data)]).join(" "))`
	shown := 0
	for _, path := range paths {
		w.visit(path)
		if w.ask(said+`.includes("hacked=1")`) == "true" {
			shown++
		}
		for name, script := range map[string]string{
			"ran a script":            `typeof hacked !== "undefined"`,
			"has a foreign element":   `!!document.querySelector("img, main script")`,
			"has what turns the text": `/[\u202a-\u202e\u2066-\u2069\u200b\u2028]/.test(` + said + `)`,
			"has a control character": `/[\0-\x08\x0b-\x1f]/.test(` + said + `)`,
			"is too large":            `document.documentElement.outerHTML.length > 1500000`,
		} {
			if w.ask(script) != "false" {
				t.Errorf("%s %s", path, name)
			}
		}
		w.fits(path)
	}
	if shown < 40 {
		t.Errorf("only %d of %d pages show what was planted", shown, len(paths))
	}
	w.visit("/") // so that what the last page did is heard
}
