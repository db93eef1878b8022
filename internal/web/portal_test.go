package web_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// portalHouse is a house whose portal is reached by https, as a frame of another site needs it.
type portalHouse struct {
	*house
	shop settings.Tenant
	root string // of the shop's portal
}

func newPortalHouse(t *testing.T) *portalHouse {
	t.Helper()
	h := newHouse(t)
	h.console.CheckEvery = 20 * time.Millisecond
	secure := httptest.NewTLSServer(h.server.Config.Handler)
	t.Cleanup(func() {
		h.console.Live.Close()
		secure.Close()
	})
	h.server = secure
	uid := "shop"
	shop, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid, Name: "Shop & Co"}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for name, visible := range map[string]bool{"order.created": true, "order.paid": true, "risk.scored": false} {
		kind := settings.DefaultEventType()
		kind.Name, kind.VisibleInPortal, kind.Sample = name, visible, json.RawMessage(`{"number":"2018000057","note":"sample of `+name+`"}`)
		if _, _, err := h.settings.PutEventType(t.Context(), kind, "", settings.By{Name: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return &portalHouse{h, shop, "/portal/" + shop.ID.Text(hub.TenantPrefix)}
}

// outsider is a browser that has not come in yet.
func (g *portalHouse) outsider() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.Fatal(err)
	}
	trust := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: g.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}
	g.Cleanup(trust.CloseIdleConnections)
	return &browser{g.house, &http.Client{Jar: jar, Transport: trust, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (g *portalHouse) link(change func(*settings.PortalLink)) string {
	g.Helper()
	l := settings.PortalLink{Name: "Jana", Language: "en"}
	if change != nil {
		change(&l)
	}
	_, secret, err := g.settings.CreatePortalLink(g.Context(), g.shop.No, l, settings.By{Name: "test"})
	if err != nil {
		g.Fatal(err)
	}
	return secret.Reveal()
}

// guest is a browser that has come in by a link.
func (g *portalHouse) guest(change func(*settings.PortalLink)) *browser {
	g.Helper()
	b := g.outsider()
	b.post(g.root+"/enter", "code", g.link(change)).want(http.StatusSeeOther)
	return b
}

func TestRule17_APortalLinkOpensOnce(t *testing.T) {
	g := newPortalHouse(t)
	code := g.link(nil)
	if len(code) < 26 {
		t.Errorf("the code %q has less than 128 bits", code)
	}
	first := g.outsider()
	first.get(g.root).want(http.StatusOK).has("portal.js", `name="code"`)
	in := first.post(g.root+"/enter", "code", code).want(http.StatusSeeOther)
	if to := in.header.Get("Location"); to != g.root+"/webhooks" {
		t.Errorf("sent on to %s", to)
	}
	cookie := in.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-hacek_session_tnt_", "; Secure", "; HttpOnly", "; SameSite=None", "; Partitioned", "; Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q lacks %q", cookie, part)
		}
	}
	first.get(g.root+"/webhooks").want(http.StatusOK).has("Shop &amp; Co", g.root+"/webhooks/new")

	second := g.outsider()
	second.post(g.root+"/enter", "code", code).want(http.StatusUnprocessableEntity).has("This link no longer works", "open a new one")
	second.post(g.root+"/enter", "code", "").want(http.StatusUnprocessableEntity)
	second.get(g.root + "/webhooks").want(http.StatusUnauthorized).hasNot("/webhooks/new")
	// A browser that speaks Czech is told in Czech.
	second.do("POST", g.root+"/enter", url.Values{"code": {code}}, "Accept-Language", "cs").want(http.StatusUnprocessableEntity).has("Tento odkaz už nefunguje")
}

// Whoever is inside is led on from the portal's root, and still comes in there by another link.
func TestTheRootLeadsOnWhoeverIsInside(t *testing.T) {
	g := newPortalHouse(t)
	on := `href="` + g.root + `/webhooks" id="inside"`
	g.outsider().get(g.root).want(http.StatusOK).hasNot(`id="inside"`)
	in := g.guest(nil)
	in.get(g.root).want(http.StatusOK).has(on, `name="code"`)
	in.post(g.root+"/enter", "code", "wrong").want(http.StatusUnprocessableEntity).hasNot(`id="inside"`)
	in.post(g.root+"/enter", "code", g.link(func(l *settings.PortalLink) { l.Name = "Eva" })).want(http.StatusSeeOther)
	in.get(g.root + "/webhooks").want(http.StatusOK).has("Eva").hasNot("Jana")
	in.post(g.root + "/leave").want(http.StatusSeeOther)
	in.get(g.root).want(http.StatusOK).hasNot(`id="inside"`)
}

// A guest has no zone, so every page with times says whose they are.
func TestThePortalSaysItsZone(t *testing.T) {
	g := newPortalHouse(t)
	mine := g.endpoint(g.shop, "Mine")
	delivery := g.delivery(g.shop, &mine, "order.created")
	in := g.guest(nil)
	for _, path := range []string{"/webhooks", "/webhooks/" + mine.ID.Text(hub.EndpointPrefix), "/deliveries", "/deliveries/" + delivery} {
		in.get(g.root + path).want(http.StatusOK).has("Times are those of UTC.")
	}
}

func TestRule17_APortalLinkEndsAfterTenMinutes(t *testing.T) {
	g := newPortalHouse(t)
	early, late := g.link(nil), g.link(nil)
	g.clock.Advance(10*time.Minute - time.Second)
	g.outsider().post(g.root+"/enter", "code", early).want(http.StatusSeeOther)
	g.clock.Advance(time.Second)
	g.outsider().post(g.root+"/enter", "code", late).want(http.StatusUnprocessableEntity)
}

func TestRule17_APortalSessionEnds(t *testing.T) {
	g := newPortalHouse(t)
	idle, busy := g.guest(nil), g.guest(nil)
	for range 7 {
		g.clock.Advance(auth.PortalIdle - 10*time.Minute)
		if g.clock.Now().Sub(g.shop.CreatedAt) >= auth.PortalLife {
			break
		}
		busy.get(g.root + "/webhooks").want(http.StatusOK)
		idle.get(g.root).want(http.StatusOK) // the way in is no use of the session
	}
	busy.get(g.root + "/webhooks").want(http.StatusUnauthorized).has("your session has ended")

	again := g.guest(nil)
	g.clock.Advance(auth.PortalIdle)
	again.get(g.root + "/webhooks").want(http.StatusUnauthorized)

	left := g.guest(nil)
	kept := left.client.Jar.Cookies(mustParse(t, g.server.URL))
	left.post(g.root + "/leave").want(http.StatusSeeOther)
	left.client.Jar.SetCookies(mustParse(t, g.server.URL), kept)
	left.get(g.root + "/webhooks").want(http.StatusUnauthorized)
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRule17_APortalIsOneTenants(t *testing.T) {
	g := newPortalHouse(t)
	code := g.link(nil)
	other := "/portal/" + g.tenant.ID.Text(hub.TenantPrefix)
	g.outsider().post(other+"/enter", "code", code).want(http.StatusUnprocessableEntity)
	for _, path := range []string{"/portal/shop", "/portal/shop/webhooks", "/portal/" + hub.NewID().Text(hub.TenantPrefix), "/portal/x/theme.css"} {
		g.outsider().get(path).want(http.StatusNotFound)
	}
	in := g.guest(nil)
	in.get(other + "/webhooks").want(http.StatusUnauthorized)
	// The token of one portal in the cookie of the other's.
	token := in.client.Jar.Cookies(mustParse(t, g.server.URL))[0].Value
	in.get(other+"/webhooks", "Cookie", "__Host-hacek_session_"+g.tenant.ID.Text(hub.TenantPrefix)+"="+token).want(http.StatusUnauthorized)
	// It opens no page of the console, nor does a session of the console open the portal.
	in.get("/webhooks", "Cookie", "hacek_session="+token).want(http.StatusSeeOther)
	g.user(g.tenant, hub.Administrator, nil)
	staff := g.outsider()
	staff.post("/login", "email", "administrator@example.com", "password", password).want(http.StatusSeeOther)
	staff.get(g.root + "/webhooks").want(http.StatusUnauthorized)

	mine, theirs := g.endpoint(g.shop, "Mine"), g.endpoint(g.tenant, "Theirs")
	in.get(g.root + "/webhooks").want(http.StatusOK).has("Mine").hasNot("Theirs")
	in.get(g.root + "/webhooks/" + mine.ID.Text(hub.EndpointPrefix)).want(http.StatusOK)
	foreign := g.delivery(g.tenant, &theirs, "order.created")
	for _, place := range []string{"/webhooks/" + theirs.ID.Text(hub.EndpointPrefix), "/deliveries/" + foreign} {
		for _, rest := range []string{"", "/edit", "/delete", "/secret"} {
			if page := in.get(g.root + place + rest); page.status != http.StatusNotFound {
				t.Errorf("GET %s%s: %d", place, rest, page.status)
			}
		}
		for _, rest := range []string{"/edit", "/pause", "/resume", "/switch", "/delete", "/secret", "/rotate", "/again"} {
			if page := in.post(g.root+place+rest, "do", "save", "overlap", "1d", "url", "https://x.example"); page.status != http.StatusNotFound {
				t.Errorf("POST %s%s: %d", place, rest, page.status)
			}
		}
	}
	in.get(g.root + "/deliveries?target=" + theirs.ID.Text(hub.EndpointPrefix)).want(http.StatusNotFound).
		has(">Back</a>").hasNot("Back to Today") // which the portal does not have
	in.get(g.root + "/deliveries").want(http.StatusOK).hasNot(foreign)
}

// delivery publishes an event of a type and gives the id of what is owed to a target.
func (g *portalHouse) delivery(tenant settings.Tenant, t *hub.Target, eventType string) string {
	g.Helper()
	out := g.ingest.Publish(g.Context(), tenant.No, ingest.Input{Type: eventType, Data: []byte(`{"number":"4711-` + eventType + `"}`)})[0]
	if out.Err != nil {
		g.Fatal(out.Err)
	}
	rows, _, err := g.store.Deliveries(g.Context(), store.DeliveryFilter{Tenant: tenant.No, Targets: []int64{t.No}}, store.Page{})
	if err != nil || len(rows) == 0 {
		g.Fatalf("deliveries of %s: %d, %v", t.Name, len(rows), err)
	}
	return rows[0].ID().Text()
}

func TestRule17_WhatThePortalDoesNotListIsNotThere(t *testing.T) {
	g := newPortalHouse(t)
	in := g.guest(nil)
	for _, path := range []string{
		"/today", "/events", "/sources", "/pipelines", "/connections", "/settings", "/settings/users", "/settings/keys", "/settings/audit",
		"/search?q=1", "/profile", "/catalogue", "/replay", "/start", "/login", "/s/x", "/first/x", "/v1/endpoints", "/static/hacek.css",
	} {
		for _, b := range []*browser{in, g.outsider()} {
			if page := b.get(g.root + path); page.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, page.status)
			}
		}
	}
	mine := g.endpoint(g.shop, "Mine")
	delivery := g.delivery(g.shop, &mine, "order.created")
	for _, path := range []string{"/deliveries/bulk", "/deliveries/" + delivery + "/cancel", "/deliveries/" + delivery + "/edit", "/share", "/replay", "/profile/look"} {
		if page := in.post(g.root+path, "id", delivery, "do", "cancel", "data", "{}"); page.status != http.StatusNotFound && page.status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, page.status)
		}
	}
	page := in.get(g.root + "/deliveries/" + delivery).want(http.StatusOK)
	page.hasNot("/events/", "/search", "/cancel", "/edit\"").has(g.root + "/deliveries/" + delivery + "/again")
	// Every address on the pages leads into the portal.
	for _, path := range []string{"/webhooks", "/webhooks/new", "/webhooks/new/own", "/webhooks/" + mine.ID.Text(hub.EndpointPrefix), "/webhooks/" + mine.ID.Text(hub.EndpointPrefix) + "/edit",
		"/webhooks/" + mine.ID.Text(hub.EndpointPrefix) + "/delete", "/webhooks/" + mine.ID.Text(hub.EndpointPrefix) + "/secret", "/deliveries", "/deliveries?key=none", "/deliveries/" + delivery} {
		text := in.get(g.root + path).want(http.StatusOK).text
		for _, attribute := range []string{`href="/`, `action="/`, `hx-get="/`, `hx-post="/`, `sse-connect="/`, `src="/`} {
			for rest := text; strings.Contains(rest, attribute); {
				_, after, _ := strings.Cut(rest, attribute)
				address, _, _ := strings.Cut(after, `"`)
				if !strings.HasPrefix("/"+address, g.root) && !strings.HasPrefix(address, "static/") {
					t.Errorf("%s leads to %s/%s", path, attribute, address)
				}
				rest = after
			}
		}
	}
}

func TestRule17_ThePortalSaysWhoMayFrameIt(t *testing.T) {
	g := newPortalHouse(t)
	header := func(path string) http.Header { return g.outsider().get(path).header }
	if csp := header(g.root).Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none';") {
		t.Errorf("without a list: %s", csp)
	}
	patch := `{"portal":{"frame_ancestors":["https://App.example/","http://localhost:3000"]}}`
	if _, err := g.settings.PatchTenant(t.Context(), "shop", json.RawMessage(patch), "", settings.By{Name: "test"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{g.root, g.root + "/webhooks", g.root + "/theme.css", g.root + "/nothing"} {
		h := header(path)
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors https://app.example http://localhost:3000;") || !strings.Contains(csp, "style-src 'self';") {
			t.Errorf("%s: %s", path, csp)
		}
		if h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", path, h.Get("Referrer-Policy"))
		}
	}
	for _, path := range []string{"/login", "/portal/" + g.tenant.ID.Text(hub.TenantPrefix)} {
		if csp := header(path).Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none';") {
			t.Errorf("%s: %s", path, csp)
		}
	}
}

func TestRule17_AStreamEndsWithItsSession(t *testing.T) {
	g := newPortalHouse(t)
	in := g.guest(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", g.server.URL+g.root+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := in.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() && lines.Text() != ": still here" { // it was asked about once, and is good
	}
	in.post(g.root + "/leave").want(http.StatusSeeOther)
	for lines.Scan() {
	}
	// One that is cut off at last may look as if it had ended.
	if err := cmp.Or(ctx.Err(), lines.Err()); err != nil {
		t.Errorf("the stream did not end: %v", err)
	}
}

func TestThePortalRefusesAfterManyWrongLinks(t *testing.T) {
	g := newPortalHouse(t)
	stranger, code := g.outsider(), g.link(nil)
	for range 40 {
		stranger.post(g.root+"/enter", "code", "wrong").want(http.StatusUnprocessableEntity)
	}
	stranger.post(g.root+"/enter", "code", code).want(http.StatusTooManyRequests).has("Wait 15 minutes")
}

func TestACustomerChoosesOnlyWhatIsMeantForThem(t *testing.T) {
	g := newPortalHouse(t)
	in := g.guest(nil)
	in.get(g.root+"/webhooks/new/own").want(http.StatusOK).has("order.created").hasNot("risk.scored", "order.*")
	save := func(types ...string) page {
		form := formOf(t, in.get(g.root+"/webhooks/new/own").text, g.root+"/webhooks/new/own")
		form.Set("do", "save")
		form.Set("name", "Mine")
		form.Set("url", "https://mine.example/in")
		form["types"] = types
		return in.do("POST", g.root+"/webhooks/new/own", form)
	}
	for _, types := range [][]string{{}, {"risk.scored"}, {"order.*"}, {"*"}, {"order.created", "never.seen"}} {
		save(types...).want(http.StatusUnprocessableEntity)
	}
	made := save("order.created").want(http.StatusSeeOther)
	to := made.header.Get("Location")
	if !strings.HasPrefix(to, g.root+"/webhooks/ep_") {
		t.Fatalf("sent on to %s", to)
	}
	in.get(to).want(http.StatusOK).has("“Mine” is set up.")

	// One that was made for them in the console, and takes more: they may stop it, not send it elsewhere.
	all := g.endpoint(g.shop, "All")
	g.delivery(g.shop, &all, "risk.scored")
	path := g.root + "/webhooks/" + all.ID.Text(hub.EndpointPrefix)
	elsewhere := formOf(t, in.get(path+"/edit").text, path+"/edit")
	elsewhere.Set("do", "save")
	elsewhere.Set("url", "https://elsewhere.example/in")
	in.do("POST", path+"/edit", elsewhere).want(http.StatusUnprocessableEntity).has("choose one event at least")
	in.post(path+"/pause", "why", "holidays").want(http.StatusSeeOther)
	in.post(path + "/resume").want(http.StatusSeeOther)
	in.post(path+"/switch", "to", "off").want(http.StatusSeeOther)
	if now, err := g.settings.Endpoint(t.Context(), g.shop.No, "All"); err != nil || now.State != hub.Off || now.Endpoint.Request.URL != "https://wms.example/in" {
		t.Errorf("All is %s at %s (%v)", now.State, now.Endpoint.Request.URL, err)
	}
	// An event of a hidden type does not show what is in it, whoever names it.
	events, _, err := g.store.Events(t.Context(), store.EventFilter{Tenant: g.shop.No}, store.Page{})
	if err != nil || len(events) == 0 {
		t.Fatal(len(events), err)
	}
	look := formOf(t, in.get(to+"/edit").text, to+"/edit")
	look.Set("do", "preview")
	in.do("POST", to+"/edit", look).want(http.StatusOK).has("sample of order.created")
	look["types"] = []string{"risk.scored"}
	look.Set("condition", "true")
	for _, with := range []string{"", events[0].ID.Text(hub.EventPrefix)} {
		look.Set("with", with)
		in.do("POST", to+"/edit", look).want(http.StatusOK).hasNot("4711-risk.scored", "sample of risk")
	}

	revisions, _, err := g.store.Revisions(t.Context(), store.RevisionFilter{Tenant: g.shop.No, Who: "Jana (portal)"}, store.Page{})
	if err != nil || len(revisions) < 4 {
		t.Errorf("Jana did %d things, %v", len(revisions), err)
	}
}

func TestAViewerOfThePortalOnlyLooks(t *testing.T) {
	g := newPortalHouse(t)
	mine := g.endpoint(g.shop, "Mine")
	path := g.root + "/webhooks/" + mine.ID.Text(hub.EndpointPrefix)
	in := g.guest(func(l *settings.PortalLink) { l.Role = hub.Viewer })
	in.get(path).want(http.StatusOK).hasNot(path+"/edit", path+"/secret", path+"/pause")
	for _, rest := range []string{"/edit", "/pause", "/delete", "/secret", "/rotate"} {
		in.post(path + rest).want(http.StatusForbidden)
	}
	editor := g.guest(nil)
	editor.post(path + "/secret").want(http.StatusOK).has("whsec_")
	editor.post(path+"/rotate", "overlap", "1d").want(http.StatusSeeOther)
	for _, role := range []hub.Role{hub.Administrator, "owner"} {
		if _, _, err := g.settings.CreatePortalLink(t.Context(), g.shop.No, settings.PortalLink{Role: role}, settings.By{}); hub.CodeOf(err) != hub.Invalid {
			t.Errorf("a link for %s: %v", role, err)
		}
	}
}

const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func TestAPortalWearsItsTenantsColours(t *testing.T) {
	g := newPortalHouse(t)
	g.user(g.tenant, hub.Administrator, nil)
	staff := g.outsider()
	staff.post("/login", "email", "administrator@example.com", "password", password).want(http.StatusSeeOther)
	tenant := "/settings/tenants/" + g.shop.ID.Text(hub.TenantPrefix)
	etag := func() string { return "\"" + strings.Trim(mustTenant(t, g).ETag(), `"`) + "\"" }
	old := etag()
	staff.post(tenant+"/portal", "etag", old, "accent", "#ffcc00", "frames", "").want(http.StatusUnprocessableEntity).has("contrast", "#ffcc00")
	staff.post(tenant+"/portal", "etag", old, "accent", "", "paper", "#404040").want(http.StatusUnprocessableEntity).has("contrast")
	staff.post(tenant+"/portal", "etag", old, "frames", "https://*.example").want(http.StatusUnprocessableEntity)
	staff.post(tenant+"/portal", "etag", old, "accent", "#7a1fa2", "paper", "#ffffff", "frames", "https://app.example").want(http.StatusSeeOther)
	staff.post(tenant+"/portal", "etag", old, "accent", "#000000").want(http.StatusPreconditionFailed)
	staff.post(tenant, "etag", old, "name", "Late").want(http.StatusPreconditionFailed)

	guest := g.guest(nil)
	guest.get(g.root+"/webhooks").want(http.StatusOK).has(g.root+"/theme.css").hasNot("<style", "style=", `class="logo"`)
	css := guest.get(g.root+"/theme.css").want(http.StatusOK).has("--accent: light-dark(#7a1fa2, #", "--paper: light-dark(#ffffff, ")
	if css.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Error(css.header.Get("Content-Type"))
	}
	guest.get(g.root + "/logo").want(http.StatusNotFound)
	uri := "data:image/png;base64," + onePixel
	if _, err := g.settings.PatchTenant(t.Context(), "shop", json.RawMessage(`{"portal":{"logo":"`+uri+`"}}`), etag(), settings.By{Name: "test"}); err != nil {
		t.Fatal(err)
	}
	guest.get(g.root+"/webhooks").want(http.StatusOK).has(`class="logo" src="`+g.root+`/logo"`, `alt="Shop &amp; Co"`)
	if logo := guest.get(g.root + "/logo").want(http.StatusOK); logo.header.Get("Content-Type") != "image/png" || base64.StdEncoding.EncodeToString([]byte(logo.text)) != onePixel {
		t.Errorf("the logo is %s, %d bytes", logo.header.Get("Content-Type"), len(logo.text))
	}
	staff.post(tenant+"/portal", "etag", etag(), "accent", "#7a1fa2", "no_logo", "on").want(http.StatusSeeOther)
	if mustTenant(t, g).Portal.Logo != nil {
		t.Error("the logo is still there")
	}

	made := staff.post(tenant+"/portal-link", "guest", "Jana", "role", "editor", "language", "cs").want(http.StatusOK)
	_, code, found := strings.Cut(made.text, g.root+"#")
	if !found {
		t.Fatalf("no link on %.2000s", made.text)
	}
	code, _, _ = strings.Cut(code, `"`)
	in := g.outsider()
	in.post(g.root+"/enter", "code", code).want(http.StatusSeeOther)
	in.get(g.root+"/webhooks").want(http.StatusOK).has(`lang="cs"`, "Doručení")
	in.post(g.root+"/language", "language", "de", "to", "/deliveries").want(http.StatusSeeOther)
	in.get(g.root + "/deliveries").want(http.StatusOK).has(`lang="de"`)
}

func mustTenant(t *testing.T, g *portalHouse) settings.Tenant {
	t.Helper()
	now, err := g.settings.Tenant(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func TestRule17_PortalLinksAreStoredHashed(t *testing.T) {
	g := newPortalHouse(t)
	code := g.link(nil)
	in := g.guest(nil)
	token := in.client.Jar.Cookies(mustParse(t, g.server.URL))[0].Value
	var stored []byte
	for _, name := range []string{g.store.File(), g.store.File() + "-wal"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, text...)
	}
	if digest := sha256.Sum256([]byte(code)); !bytes.Contains(stored, digest[:]) || bytes.Contains(stored, []byte(code)) || bytes.Contains(stored, []byte(token)) {
		t.Errorf("in %d bytes: no digest of the link, or a secret itself", len(stored))
	}
	revisions, _, err := g.store.Revisions(t.Context(), store.RevisionFilter{Tenant: g.shop.No}, store.Page{})
	if err != nil || len(revisions) == 0 {
		t.Fatal(len(revisions), err)
	}
	for _, r := range revisions {
		if strings.Contains(string(r.After), code) {
			t.Errorf("the change history holds the link: %s", r.After)
		}
	}
}
