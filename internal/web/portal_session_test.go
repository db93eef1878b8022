package web_test

import (
	"net/http"
	"strings"
	"testing"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// What was typed when the session of a portal ended goes on: with the code of a new link, or after another window has
// come in again.
func TestE8_APortalKeepsWhatWasTypedWhenItsSessionEnds(t *testing.T) {
	g := newPortalHouse(t)
	in := g.guest(func(l *settings.PortalLink) { l.Language = "de" })
	action := g.root + "/webhooks/new/own"
	form := formOf(t, in.get(action).want(http.StatusOK).text, action)
	for name, value := range map[string]string{"do": "save", "name": "Sklad <b>Brno</b>", "url": "https://mine.example/in", "login_type": "bearer", "secret_token": "planted-token"} {
		form.Set(name, value)
	}
	form["types"] = []string{"order.created", "order.paid"}
	g.clock.Advance(auth.PortalIdle)
	over := in.do("POST", action, form).want(http.StatusUnauthorized).
		has("Ihre Eingaben sind auf dieser Seite aufgehoben", "Sklad &lt;b&gt;Brno", `lang="de"`).hasNot("planted-token", "order.paid\" checked")
	stays := formOf(t, over.text, g.root+"/enter")
	stays.Set("code", "nothing good")
	wrong := in.do("POST", g.root+"/enter", stays).want(http.StatusUnprocessableEntity).has("Sklad &lt;b&gt;Brno")
	enter := formOf(t, wrong.text, g.root+"/enter")
	enter.Set("code", g.link(nil))
	resumed := in.do("POST", g.root+"/enter", enter).want(http.StatusOK).has("See the form first", "Send the form now")
	back := formOf(t, resumed.text, action)
	if back.Get("name") != "Sklad <b>Brno</b>" || strings.Join(back["types"], " ") != "order.created order.paid" || back.Has("secret_token") || back.Has("do") {
		t.Errorf("what comes back is %v", back)
	}
	back.Set("do", "preview")
	seen := formOf(t, in.do("POST", action, back).want(http.StatusOK).has("https://mine.example/in").text, action)
	if strings.Join(seen["types"], " ") != "order.created order.paid" || seen.Get("login_type") != "bearer" {
		t.Errorf("the form shows %v", seen)
	}

	// Another window of the same browser comes in again: the page needs no code.
	g.clock.Advance(auth.PortalIdle)
	over = in.do("POST", action, form).want(http.StatusUnauthorized)
	in.post(g.root+"/enter", "code", g.link(nil)).want(http.StatusSeeOther)
	waiting := formOf(t, over.text, action)
	waiting.Set("secret_token", "planted-token")
	in.do("POST", action, waiting).want(http.StatusSeeOther)
	if made, err := g.settings.Endpoint(t.Context(), g.shop.No, "Sklad <b>Brno</b>"); err != nil || len(made.Endpoint.Subscription.EventTypes) != 2 {
		t.Errorf("made %+v, %v", made.Endpoint, err)
	}
	// A path that comes from outside leads nowhere else.
	g.outsider().post(g.root+"/enter", "code", g.link(nil), "kept_at", "https://evil.example/", "kept_name", "a", "kept_value", "b").
		want(http.StatusOK).has(`action="` + g.root + `/"`).hasNot("evil.example")
}

func TestRule17_AnAdministratorSignsEveryGuestOut(t *testing.T) {
	g := newPortalHouse(t)
	g.user(g.tenant, hub.Administrator, nil)
	g.user(g.shop, hub.Administrator, func(u *hub.User) { u.Email = "shop@example.com" })
	jana, unused := g.guest(nil), g.link(nil)
	jana.get(g.root + "/webhooks").want(http.StatusOK)
	staff := g.outsider()
	staff.post("/login", "email", "administrator@example.com", "password", password).want(http.StatusSeeOther)
	other := g.guestOf(g.tenant)
	page := "/settings/tenants/" + g.shop.ID.Text(hub.TenantPrefix)
	staff.get(page).want(http.StatusOK).has("End all sessions", page+"/portal-end")
	theirs := g.outsider()
	theirs.post("/login", "email", "shop@example.com", "password", password).want(http.StatusSeeOther)
	theirs.post("/settings/tenants/" + g.tenant.ID.Text(hub.TenantPrefix) + "/portal-end").want(http.StatusForbidden)
	staff.post(page + "/portal-end").want(http.StatusSeeOther)
	staff.get(page).want(http.StatusOK).has("All sessions in the portal of “Shop &amp; Co” are ended.")
	jana.get(g.root + "/webhooks").want(http.StatusUnauthorized)
	g.outsider().post(g.root+"/enter", "code", unused).want(http.StatusUnprocessableEntity)
	other.get("/portal/" + g.tenant.ID.Text(hub.TenantPrefix) + "/webhooks").want(http.StatusOK)
	g.guest(nil).get(g.root + "/webhooks").want(http.StatusOK)
	found, _, err := g.store.Revisions(t.Context(), store.RevisionFilter{Tenant: g.shop.No, Who: "The administrator"}, store.Page{})
	if err != nil || len(found) != 1 || found[0].Action != "portal sessions ended" || !strings.Contains(string(found[0].After), `"sessions":1`) || !strings.Contains(string(found[0].After), `"links":1`) {
		t.Errorf("the audit says %+v, %v", found, err)
	}
}

// guestOf is a browser that has come into a tenant's portal.
func (g *portalHouse) guestOf(tenant settings.Tenant) *browser {
	g.Helper()
	_, secret, err := g.settings.CreatePortalLink(g.Context(), tenant.No, settings.PortalLink{}, byTest)
	if err != nil {
		g.Fatal(err)
	}
	b := g.outsider()
	b.post("/portal/"+tenant.ID.Text(hub.TenantPrefix)+"/enter", "code", secret.Reveal()).want(http.StatusSeeOther)
	return b
}

// A test that was sent from the portal stays on its page: a reload shows it, and the language can be changed there.
func TestAPortalsTestStaysOnItsPage(t *testing.T) {
	g := newPortalHouse(t)
	in := g.guest(nil)
	action := g.root + "/webhooks/new/own"
	form := formOf(t, in.get(action).want(http.StatusOK).text, action)
	form.Set("name", "Mine")
	form.Set("url", "http://127.0.0.1:1/in") // nobody listens
	form["types"] = []string{"order.created"}
	form.Set("do", "try")
	in.do("POST", action, form).want(http.StatusOK).has("Did not work", `name="to" value="/webhooks/new/own"`)
	for says, types := range map[string][]string{"Choose one of the events first": {"risk.scored"}, "choose from the list": {"order.created", "risk.scored"}} {
		form["types"] = types
		in.do("POST", action, form).want(http.StatusUnprocessableEntity).has(says).hasNot("sample of risk")
	}
	form["types"] = []string{"order.created"}
	form.Set("do", "test")
	to := in.do("POST", action, form).want(http.StatusSeeOther).header.Get("Location")
	if !strings.HasPrefix(to, g.root+"/webhooks/ep_") {
		t.Fatalf("sent on to %s", to)
	}
	for range 2 {
		in.get(to).want(http.StatusOK).has("Did not work", "sample of order.created", `name="to" value="/webhooks/ep_`, "/edit?tested=1")
	}
}
