package browser

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"hacek/internal/await"
)

// hostile is what somebody may write who wants more than to be read: a script, what leaves an attribute or an element,
// what turns the text of a line round or hides in it, what ends a line without saying so.
const hostile = "\"'><script>hacked=1</script><img src=x onerror=hacked=1></textarea></title>\u202etxt.exe\u2066\u200b\u2028#{{1}}"

func asJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// plantHostility gives each thing of a world a hostile name, and lets a stranger send hostile data.
func (o *world) plantHostility(t *testing.T) {
	t.Helper()
	text := func(value any) string { return asJSON(t, value) }
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
		"name": hostile, "description": hostile, "request": map[string]any{
			"url": hostileReceiver(t) + "/in?code=#code#", "headers": map[string]any{"X-Shop": strings.ReplaceAll(hostile, "\u2028", "")},
		},
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
	o.theirs(t, `/in/shop?a="><script>hacked=1</script>`+"\u202e\u2028&"+url.QueryEscape(hostile), "another secret",
		text(map[string]any{"event": hostile, "eventInstance": hostile, "eventCreated": hostile})+hostile, "X-Theirs", "theirs"+hostile)
	o.ids["{request}"] = o.first(t, o.at(t, "/v1/tenants/default/sources/{source}/requests"), "hacked")
}

// first waits until what the hub says at a path has a word in it, and is the id of the first there.
func (o *world) first(t *testing.T, path, word string) string {
	t.Helper()
	var list string
	await.Until(t, word+" in "+path, func() bool {
		list = o.api(t, "GET", path, "")
		return strings.Contains(list, word)
	})
	return field(t, list, "id")
}

// hostileReceiver takes what it is sent, and says so in a hostile way.
func hostileReceiver(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Said", "header"+hostile)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "answer"+hostile+"\x00\x1b[31m"+strings.Repeat("ž", 400_000))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// plantInPortal gives a tenant's customer a hostile webhook that got something, and is the link that opens their portal and its
// pages.
func (o *world) plantInPortal(t *testing.T) (link string, paths []string) {
	t.Helper()
	const tenant = "ellity"
	plant := func(path string, fields map[string]any) string {
		t.Helper()
		return o.api(t, "POST", "/v1/tenants/"+tenant+path, asJSON(t, fields))
	}
	theirs := &world{o.testHub, maps.Clone(o.ids)}
	theirs.ids["{endpoint}"] = field(t, plant("/endpoints", map[string]any{
		"name": hostile, "request": map[string]any{"url": hostileReceiver(t)}, "subscription": map[string]any{"event_types": []string{"order.hostile"}},
	}), "id")
	made := plant("/events", map[string]any{"type": "order.hostile", "key": "78" + hostile, "data": map[string]any{"code": hostile}})
	theirs.ids["{delivery}"] = o.first(t, "/v1/tenants/"+tenant+"/deliveries?state=delivered&event="+field(t, made, "id"), "dlv_")
	link = field(t, plant("/portal-link", map[string]any{"name": hostile}), "url")
	root, _, _ := strings.Cut(link, "#")
	for _, p := range portalPages(t) {
		if p.method == "GET" && p.least != "" && p.path != "/stream" {
			paths = append(paths, root+theirs.at(t, p.path))
		}
	}
	return link, paths
}

// TestHostileTextIsOnlyText: what somebody else wrote is shown on every page of the list, and does nothing there.
func TestHostileTextIsOnlyText(t *testing.T) {
	t.Parallel()
	o, w := makeWorld(t)
	o.plantHostility(t)
	o.ids["{delivery}"] = o.first(t, "/v1/tenants/default/deliveries?state=delivered&event="+o.ids["{event}"], "dlv_")
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
	_, shared := jana.send("POST", "/share", "event", o.ids["{event}"], "days", "1", "to", "/")
	_, token, found := strings.Cut(shared, "/s/")
	if token, _, _ = strings.Cut(token, `"`); !found {
		t.Fatalf("no link to a timeline in %.500s", shared)
	}
	link, theirs := o.plantInPortal(t)
	paths = append(append(paths, "/s/"+token), theirs...)
	w.do(look("light", 360))
	w.visit(link)
	w.see("Add a webhook")
	// What is typed anew must be what it was; anything else a page says is made visible.
	const said = `(document.title + [...document.querySelectorAll("body *:not(textarea)")].flatMap((e) =>
		[e.ariaLabel, e.title, e.placeholder, ...[...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.data)]).join(" "))`
	// The frame has a hostile name in it; these are seen nowhere else.
	evidence := map[string][]string{
		o.at(t, "/deliveries/{delivery}"):               {"answer\"'>", "header\"'>", "/in?code=%22%27%3E"},
		o.at(t, "/sources/{source}/requests/{request}"): {"theirs\"'>", "/in/shop?a=\">"},
		o.at(t, "/s/"+token):                            {"77\"'>"},
		theirs[len(theirs)-1]:                           {"78\"'>", "answer\"'>"},
	}
	shown := 0
	for _, path := range paths {
		w.visit(path)
		for _, text := range evidence[path] {
			if w.ask(said+".includes("+strconv.Quote(text)+")") != "true" {
				t.Errorf("%s does not show %s", path, text)
			}
		}
		if w.ask(said+`.includes("hacked=1")`) == "true" {
			shown++
		}
		for name, script := range map[string]string{
			"ran a script":            `typeof hacked !== "undefined"`,
			"has a foreign element":   `!!document.querySelector("img[src], main script")`,
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
	if shown < 55 {
		t.Errorf("only %d of %d pages show what was planted", shown, len(paths))
	}
	w.visit("/") // so that what the last page did is heard
}
