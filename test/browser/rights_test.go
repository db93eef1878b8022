package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNobodySeesAButtonThatIsNotForThem opens every page of each role; no link and no form there may lead to what the
// role is refused.
func TestNobodySeesAButtonThatIsNotForThem(t *testing.T) {
	t.Parallel()
	o, _ := makeWorld(t)
	pages := consolePages(t)
	roles := []string{"", "viewer", "operator", "editor", "administrator"}
	least, mux := map[string]string{}, http.NewServeMux()
	for _, p := range pages {
		pattern := p.method + " " + p.path
		if p.path == "/" {
			pattern += "{$}"
		}
		mux.Handle(pattern, http.NotFoundHandler())
		least[pattern] = p.least
	}
	needs := func(method, path string) (string, bool) {
		request, err := http.NewRequestWithContext(t.Context(), method, path, nil)
		if err != nil {
			return "", false
		}
		_, pattern := mux.Handler(request)
		role, known := least[pattern]
		return role, known
	}
	links := regexp.MustCompile(`\shref="(/[^"#]*)"`)
	forms, buttons := regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="(/[^"]*)"[^>]*>(.*?)</form>`), regexp.MustCompile(`<button|type="submit"`)
	for _, role := range roles[1:4] {
		visitor, answers := o.as(t, role+"@example.com"), map[string]int{}
		for _, p := range pages {
			if p.method != "GET" || strings.Contains(p.path, "{token}") || p.path == "/stream" || p.path == "/login" {
				continue
			}
			status, text := visitor.send("GET", o.at(t, p.path))
			if may := slices.Index(roles, role) >= slices.Index(roles, p.least); !may && status == http.StatusOK {
				t.Errorf("%s: a %s is answered %d", p.path, role, status)
			}
			for _, m := range links.FindAllStringSubmatch(text, -1) {
				to := strings.ReplaceAll(m[1], "&amp;", "&")
				if strings.HasPrefix(to, "/static/") || strings.HasPrefix(to, "/settings/support") {
					continue
				}
				if answers[to] == 0 {
					answers[to], _ = visitor.send("GET", to)
				}
				if answers[to] != http.StatusOK {
					t.Errorf("%s: a %s sees a link to %s, which is answered %d", p.path, role, to, answers[to])
				}
			}
			for _, m := range forms.FindAllStringSubmatch(text, -1) {
				if !buttons.MatchString(m[2]) {
					continue
				}
				if wants, known := needs("POST", m[1]); !known {
					t.Errorf("%s: a %s sees a form that goes nowhere: %s", p.path, role, m[1])
				} else if slices.Index(roles, role) < slices.Index(roles, wants) {
					t.Errorf("%s: a %s sees the button of %s, which is for the role %s", p.path, role, m[1], wants)
				}
			}
		}
		if len(answers) < 50 {
			t.Errorf("a %s sees only %d links", role, len(answers))
		}
	}
}

// TestRule14_ForeignIDsAreNotThere tries every path of the console with the ids of another tenant.
func TestRule14_ForeignIDsAreNotThere(t *testing.T) {
	t.Parallel()
	o, _ := makeWorld(t)
	stranger, tried := o.as(t, "theirs@example.com"), 0
	// What belongs to the whole installation is nobody's; a tenant's administrator is refused what changes it.
	shared := regexp.MustCompile(`\{(type|provider|pack|way|token)\}`)
	forbidden := regexp.MustCompile(`^/settings/(listeners|tenants)/|^/connections/`)
	for _, p := range consolePages(t) {
		if !strings.Contains(p.path, "{") || shared.MatchString(p.path) {
			continue
		}
		tried++
		status, text := stranger.send(p.method, o.at(t, p.path), "why", "x", "reason", "x", "data", "{}", "do", "save")
		want := http.StatusNotFound
		if forbidden.MatchString(p.path) {
			want = http.StatusForbidden
		}
		if status != want {
			t.Errorf("%s %s of another tenant is answered %d, want %d", p.method, p.path, status, want)
		}
		if strings.Contains(text, "Sklad") || strings.Contains(text, "Shoptet") {
			t.Errorf("%s %s shows what is another tenant's", p.method, p.path)
		}
	}
	if tried < 50 {
		t.Errorf("only %d paths were tried", tried)
	}
	for _, path := range []string{"/search?q=2018000057", "/search?q=WMS", "/search?q=" + o.ids["{event}"], "/events", "/deliveries", "/webhooks", "/sources", "/pipelines", "/tables", "/quarantine", "/settings/users", "/settings/keys", "/settings/audit", "/"} {
		status, text := stranger.send("GET", path)
		for _, ours := range []string{"Sklad", "Shoptet</", "Žofie", "Jana", ">ERP<", "erp.db", "/deliveries/dlv", "zofie.cerna"} {
			if status != http.StatusOK || strings.Contains(text, ours) {
				t.Errorf("%s is answered %d and has %q", path, status, ours)
			}
		}
	}

	// The stream wakes pages of its own tenant only.
	wakes := func(mail string) bool {
		visitor := o.as(t, mail)
		_, text := visitor.send("GET", "/events?live=1")
		path := regexp.MustCompile(`sse-connect="([^"]*)"`).FindStringSubmatch(text)
		if path == nil {
			missing(t, "the pages' scripts (make assets)")
		}
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		request, err := http.NewRequestWithContext(ctx, "GET", o.url+path[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := visitor.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		o.api(t, "POST", "/v1/tenants/default/events", `{"type":"order.imported","key":"88","data":{"country":"CZ"}}`)
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if lines.Text() == "event: changed" {
				return true
			}
		}
		return false
	}
	if !wakes(janaMail) {
		t.Error("the stream does not tell its own tenant of an event")
	}
	if wakes("theirs@example.com") {
		t.Error("the stream tells another tenant of an event")
	}
}

// TestRule20_NoSecretComesBackToWhoMustSignInAgain fills each secret field of each form after the session has ended.
// What else was typed waits in the page that asks to sign in; no secret does.
func TestRule20_NoSecretComesBackToWhoMustSignInAgain(t *testing.T) {
	t.Parallel()
	o, _ := makeWorld(t)
	jana, nobody := o.as(t, janaMail), &visitor{t, o.testHub, &http.Client{Timeout: patience}}
	var paths []string
	for _, p := range consolePages(t) {
		if p.method == "GET" && !strings.Contains(p.path, "{token}") && p.path != "/stream" {
			paths = append(paths, o.at(t, p.path))
		}
	}
	var presets struct {
		Data []struct{ Pack, Name, Kind string }
	}
	if err := json.Unmarshal([]byte(o.api(t, "GET", "/v1/presets", "")), &presets); err != nil {
		t.Fatal(err)
	}
	for _, p := range presets.Data {
		if p.Kind == "pipeline" {
			paths = append(paths, "/pipelines/ready?pack="+p.Pack+"&name="+p.Name)
		} else {
			paths = append(paths, "/webhooks/new/"+p.Pack+"/"+p.Name)
		}
	}
	forms := regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="(/[^"]*)"[^>]*>(.*?)</form>`)
	secrets := regexp.MustCompile(`<input[^>]* name="([^"]*)" type="password"|<textarea[^>]* name="([^"]*)" autocomplete="off"`)
	tried := 0
	for _, path := range paths {
		_, text := jana.send("GET", path)
		for _, form := range forms.FindAllStringSubmatch(text, -1) {
			fields := []string{"name", "typed before"}
			for _, m := range secrets.FindAllStringSubmatch(form[2], -1) {
				fields = append(fields, m[1]+m[2], "planted "+m[1]+m[2])
			}
			if len(fields) == 2 || form[1] == "/login" {
				continue
			}
			tried += len(fields)/2 - 1
			status, answer := nobody.send("POST", form[1], fields...)
			if status != http.StatusUnauthorized || !strings.Contains(answer, "typed before") {
				t.Errorf("the form of %s is answered %d and what was typed is lost: %.200s", path, status, answer)
			}
			for _, back := range regexp.MustCompile(`planted \w+`).FindAllString(answer, -1) {
				t.Errorf("the form of %s: %s comes back", path, back)
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d secret fields were tried", tried)
	}
}
