package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"hacek/internal/api"
	"hacek/internal/auth"
	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/marked"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
	"hacek/internal/web"
)

const password = "planted horse battery"

// house is the console on a real store, behind a real server; what is missing is the engine.
type house struct {
	*testing.T
	clock    *clock.Hand
	store    *store.Store
	settings *settings.Service
	auth     *auth.Authenticator
	ingest   *ingest.Publisher
	console  *web.Console
	server   *httptest.Server
	tenant   settings.Tenant
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s := storetest.SQLite(t)()
	storetest.Run(t, s)
	log := marked.Logger(t, slog.LevelWarn)
	h := &house{T: t, store: s, clock: clock.NewHand(time.Now())}
	h.auth = &auth.Authenticator{Store: s, Now: h.clock.Now}
	h.ingest = &ingest.Publisher{Store: s, Log: log, Now: h.clock.Now}
	h.settings = &settings.Service{
		Store: s, Log: log, Now: h.clock.Now, KeysChanged: h.auth.Forget,
		Sender:  &sender.Sender{Log: log, Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Changed: func(t hub.Target, rev int64) { h.ingest.SetTarget(t, rev) }, Matches: h.ingest.Matches,
	}
	if err := h.settings.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.tenant, err = h.settings.Tenant(t.Context(), settings.DefaultTenant); err != nil {
		t.Fatal(err)
	}
	h.console = &web.Console{
		Auth: h.auth, Settings: h.settings, Ingest: h.ingest, Store: s, Log: log, Now: h.clock.Now,
		First: &auth.FirstLink{}, Live: &web.Live{}, Tally: &web.Tally{Store: s, Log: log, Now: h.clock.Now},
		ReadBatch: api.ReadBatch,
	}
	h.server = httptest.NewServer(h.console.Handler())
	t.Cleanup(func() {
		h.console.Live.Close()
		h.server.Close()
	})
	return h
}

// user adds somebody with a role; their address is the role.
func (h *house) user(tenant settings.Tenant, role hub.Role, change func(*hub.User)) settings.User {
	h.Helper()
	hash, err := h.auth.HashPassword(h.Context(), password)
	if err != nil {
		h.Fatal(err)
	}
	u := hub.User{Name: "The " + string(role), Email: string(role) + "@example.com", Role: role, Language: "en"}
	if change != nil {
		change(&u)
	}
	made, err := h.settings.CreateUser(h.Context(), tenant.No, u, hash, settings.By{Name: "test"})
	if err != nil {
		h.Fatal(err)
	}
	return made
}

func (h *house) endpoint(tenant settings.Tenant, name string) hub.Target {
	h.Helper()
	e := hub.DefaultEndpoint()
	e.Name, e.Request.URL = name, "https://wms.example/in"
	t, err := h.settings.CreateEndpoint(h.Context(), tenant.No, e, settings.By{Name: "test"})
	if err != nil {
		h.Fatal(err)
	}
	return t
}

// browser is somebody's browser, with its cookies.
type browser struct {
	*house
	client *http.Client
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	return &browser{h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as is a browser in which somebody has signed in.
func (h *house) as(email string) *browser {
	h.Helper()
	b := h.browser()
	b.post("/login", "email", email, "password", password).want(http.StatusSeeOther)
	return b
}

type page struct {
	*testing.T
	status int
	header http.Header
	text   string
	call   string
}

func (b *browser) do(method, path string, form url.Values, header ...string) page {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, b.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	if shown := marked.In(text); shown != "" {
		b.Errorf("%s %s shows a planted secret: %s", method, path, shown)
	}
	return page{b.T, answer.StatusCode, answer.Header, string(text), method + " " + path}
}

func (b *browser) get(path string, header ...string) page {
	b.Helper()
	return b.do("GET", path, nil, header...)
}

func (b *browser) post(path string, fields ...string) page {
	b.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.do("POST", path, form)
}

// want ends the test when the status is another.
func (p page) want(status int) page {
	p.Helper()
	if p.status != status {
		p.Fatalf("%s was answered %d, want %d: %.1500s", p.call, p.status, status, p.text)
	}
	return p
}

// has wants texts on the page, as they stand in the HTML.
func (p page) has(texts ...string) page {
	p.Helper()
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			_, main, _ := strings.Cut(p.text, `<main`)
			p.Errorf("%s: %q is not in %.4000s", p.call, text, main)
		}
	}
	return p
}

func (p page) hasNot(texts ...string) page {
	p.Helper()
	for _, text := range texts {
		if strings.Contains(p.text, text) {
			p.Errorf("%s: %q is on the page", p.call, text)
		}
	}
	return p
}
