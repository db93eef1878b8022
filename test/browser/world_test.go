package browser

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hacek/internal/locale"
)

// words gives the texts of one language, as they stand on the pages; a story told in two languages looks for them.
func words(language string) func(key string, values ...any) string {
	return locale.In(language).Text
}

// served is one line of what the console serves.
type served struct{ method, path, least string }

// consolePages reads the lists of routes; nothing else says what the console serves.
func consolePages(t *testing.T) []served {
	t.Helper()
	pages := listed(t, false)
	if len(pages) < 120 {
		t.Fatalf("only %d routes are in the lists", len(pages))
	}
	return pages
}

// portalPages reads the list of the portal, whose paths stand below its root.
func portalPages(t *testing.T) []served {
	t.Helper()
	pages := listed(t, true)
	if len(pages) < 20 {
		t.Fatalf("only %d routes are in the list", len(pages))
	}
	return pages
}

func listed(t *testing.T, portal bool) (pages []served) {
	t.Helper()
	files, err := filepath.Glob("../../internal/web/*route*.go")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`\{"(GET|POST)", "(/[^"]*)", ("[^"]*"|\w+), \(\*visit\)`)
	for _, file := range files {
		if strings.Contains(filepath.Base(file), "portal") != portal {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			pages = append(pages, served{m[1], strings.TrimSuffix(m[2], "{$}"), strings.Trim(m[3], `"`)})
		}
	}
	return pages
}

// world is a hub in which each kind of thing exists: the shop, the warehouse, one that refuses, an ERP, a second tenant.
type world struct {
	*testHub
	ids map[string]string // by the name of the place in a path, such as {endpoint}
}

// at fills the places of a path.
func (o *world) at(t *testing.T, path string) string {
	t.Helper()
	switch path { // without a choice there is nothing to show
	case "/pipelines/ready":
		path += "?pack=shoptet&name=orders"
	case "/pipelines/{pipeline}/steps/new":
		path += "?type=wait"
	}
	for name, id := range o.ids {
		path = strings.ReplaceAll(path, name, id)
	}
	if strings.Contains(path, "{") {
		t.Fatalf("nothing in this hub fits %s", path)
	}
	return path
}

func field(t *testing.T, text, name string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	if list, ok := all["data"].([]any); ok && len(list) > 0 {
		all, _ = list[0].(map[string]any)
	}
	value, _ := all[name].(string)
	if value == "" {
		t.Fatalf("no %s in %s", name, text)
	}
	return value
}

// makeWorld makes it, and a window in which its administrator has signed in.
func makeWorld(t *testing.T) (*world, *window) {
	t.Helper()
	h, got := shopAndWarehouse(t)
	o := &world{h, map[string]string{}}
	w := h.open(t, "en")
	w.visit(h.firstLink)
	w.inspect("first", "en")
	w.first()
	put := func(place, text, name string) { o.ids[place] = field(t, text, name) }
	h.erp(t)
	put("{connection}", h.api(t, "GET", "/v1/connections", ""), "id")
	put("{table}", h.api(t, "POST", "/v1/tables", `{"name":"states","entries":{"Nevyřízená":"new","Vyřízená":"done"},"default":null}`), "id")
	put("{listener}", h.api(t, "POST", "/v1/listeners", `{"name":"inside","address":"127.0.0.1:8444","serves":["receiver"],"active":false}`), "id")
	if status := h.theirs(t, "/in/shop", shoptetSecret, shoptetNotice); status != http.StatusOK {
		t.Fatalf("the shop was answered %d", status)
	}
	next(t, got)
	h.theirs(t, "/in/shop", "another secret", shoptetNotice)
	put("{source}", h.api(t, "GET", "/v1/sources", ""), "id")
	put("{request}", h.api(t, "GET", "/v1/sources/Shoptet/requests", ""), "id")
	put("{event}", h.api(t, "GET", "/v1/events?type=order.imported", ""), "id")
	put("{endpoint}", h.api(t, "GET", "/v1/endpoints/"+url.PathEscape("Sklad – WMS"), ""), "id")
	put("{pipeline}", h.api(t, "GET", "/v1/pipelines", ""), "id")
	put("{delivery}", h.api(t, "GET", "/v1/deliveries?target="+o.ids["{endpoint}"], ""), "id")
	put("{replay}", h.api(t, "POST", "/v1/endpoints/"+o.ids["{endpoint}"]+"/replay", `{"since":"2020-01-01T00:00:00Z"}`), "id")
	put("{preset}", h.api(t, "GET", "/v1/presets?kind=target", ""), "name")
	put("{pack}", h.api(t, "GET", "/v1/presets?kind=target", ""), "pack")
	put("{key}", h.api(t, "POST", "/v1/keys", `{"name":"ERP","role":"editor"}`), "id")
	o.ids["{type}"], o.ids["{provider}"], o.ids["{step}"], o.ids["{way}"] = "order.created", "shoptet", "1", "receive"
	o.ids["{jana}"] = h.userID(t)
	for _, role := range []string{"viewer", "operator", "editor"} {
		put("{user}", h.api(t, "POST", "/v1/users", `{"name":"The `+role+`","email":"`+role+`@example.com","role":"`+role+`","password":"`+janaPassword+`"}`), "id")
	}
	put("{revision}", h.api(t, "GET", "/v1/audit", ""), "id")
	put("{tenant}", h.api(t, "POST", "/v1/tenants", `{"uid":"ellity","name":"Ellity"}`), "id")
	h.api(t, "POST", "/v1/tenants/ellity/users", `{"name":"Their administrator","email":"theirs@example.com","role":"administrator","password":"`+janaPassword+`"}`)
	return o, w
}

// visitor is a browser without a window, for what needs no eyes.
type visitor struct {
	*testing.T
	hub    *testHub
	client *http.Client
}

// as signs somebody in.
func (h *testHub) as(t *testing.T, mail string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t, h, &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if status, text := v.send("POST", "/login", "email", mail, "password", janaPassword); status != http.StatusSeeOther {
		t.Fatalf("%s cannot sign in: %d %.300s", mail, status, text)
	}
	return v
}

func (v *visitor) send(method, path string, fields ...string) (status int, text string) {
	v.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	request, err := http.NewRequestWithContext(v.Context(), method, v.hub.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	if method == "POST" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := v.client.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	defer answer.Body.Close()
	body := make([]byte, 0, 1<<16)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		part := make([]byte, 1<<16)
		n, err := answer.Body.Read(part)
		body = append(body, part[:n]...)
		if err != nil {
			break
		}
	}
	return answer.StatusCode, string(body)
}
