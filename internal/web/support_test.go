package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/support"
)

func TestTheSupportBundleIsAButtonInSettings(t *testing.T) {
	h := newHouse(t)
	bundle := &support.Bundle{Settings: h.settings, Store: h.store, Now: h.clock.Now}
	h.console.Support = bundle.Serve
	h.user(h.tenant, hub.Administrator, nil)
	h.user(h.tenant, hub.Editor, nil)
	b := h.as("administrator@example.com")
	b.get("/settings").want(http.StatusOK).has(`action="/settings/support"`, "Download the bundle")
	p := b.post("/settings/support").want(http.StatusOK)
	if p.header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(p.text, "PK") {
		t.Errorf("the download is %v %.20q", p.header, p.text)
	}
	b.get("/settings/audit?of=hub").want(http.StatusOK).has("Downloaded", "Support bundle", "The administrator")
	h.as("editor@example.com").get("/settings").want(http.StatusOK).hasNot("/settings/support")
	h.as("editor@example.com").post("/settings/support").want(http.StatusForbidden)

	other, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{Name: "Other"}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h.user(other, hub.Administrator, func(u *hub.User) { u.Email = "other@example.com" })
	h.as("other@example.com").get("/settings").want(http.StatusOK).hasNot("/settings/support")
	h.as("other@example.com").post("/settings/support").want(http.StatusForbidden)

	// What fails before the first byte is a page, not half a file.
	h.console.Support = func(context.Context, http.ResponseWriter, settings.By) error { return errors.New("no") }
	b.post("/settings/support").want(http.StatusInternalServerError).has("<main")
}

func TestListenersTellWhetherTheyAreOpen(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	l, err := h.settings.CreateListener(t.Context(), []byte(`{"name":"outside","address":"0.0.0.0:8443","serves":["receiver"]}`), settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	is := hub.Listening{Address: "0.0.0.0:8443", Since: h.clock.Now().Add(-time.Hour), Expires: h.clock.Now().Add(200 * 24 * time.Hour)}
	h.console.Listening = func(id hub.ID) (hub.Listening, bool) { return is, id == l.ID }
	b := h.as("administrator@example.com")
	b.get("/settings/listeners").want(http.StatusOK).has("Open</span>", "since").hasNot("certificate", "with a problem")
	is.Expires, is.Problem = h.clock.Now().Add(3*24*time.Hour+time.Hour), "certificate: <gone>"
	b.get("/settings/listeners").want(http.StatusOK).has("Open, with a problem", "certificate: &lt;gone&gt;", "The certificate ends in 3 days.")
	is.Expires = h.clock.Now().Add(-time.Hour)
	b.get("/settings/listeners").want(http.StatusOK).has("The certificate has ended")
	is = hub.Listening{Problem: "cannot listen on 0.0.0.0:8443: address already in use"}
	b.get("/settings/listeners").want(http.StatusOK).has("Not open", "address already in use").hasNot("since")
}
