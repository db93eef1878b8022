package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"hacek/internal/hub"
)

func TestRule17_APortalLinkIsMadeByAnAdministrator(t *testing.T) {
	each(t, func(h *testHub) {
		acme := h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(http.StatusCreated).text("id")
		h.post("/v1/tenants", `{"uid":"other","name":"Other"}`).want(http.StatusCreated)
		link := h.post("/v1/tenants/acme/portal-link", "").want(http.StatusCreated)
		if address := link.text("url"); !strings.Contains(address, "/portal/"+acme+"#") || link.text("expires_at") == "" {
			t.Errorf("the link is %s", link.body)
		}
		h.post("/v1/tenants/"+acme+"/portal-link", `{"role":"viewer","language":"cs","name":"Jana"}`).want(http.StatusCreated)
		h.post("/v1/tenants/acme/portal-link", `{"role":"administrator"}`).problem(http.StatusUnprocessableEntity, hub.Invalid, "/role")
		h.post("/v1/tenants/nobody/portal-link", "").problem(http.StatusNotFound, hub.NotFound)

		own := h.as(h.post("/v1/tenants/acme/keys", `{"name":"theirs","role":"administrator"}`).want(http.StatusCreated).text("key"), "")
		own.post("/v1/tenants/acme/portal-link", "").want(http.StatusCreated)
		own.post("/v1/tenants/other/portal-link", "").problem(http.StatusNotFound, hub.NotFound)
		editor := h.as(h.post("/v1/tenants/acme/keys", `{"name":"editor","role":"editor"}`).want(http.StatusCreated).text("key"), "")
		editor.post("/v1/tenants/acme/portal-link", "").problem(http.StatusForbidden, hub.Forbidden)
		narrow := h.as(h.post("/v1/tenants/acme/keys", `{"name":"narrow","role":"administrator","scopes":["tenants:write"]}`).want(http.StatusCreated).text("key"), "")
		narrow.post("/v1/tenants/acme/portal-link", "").problem(http.StatusForbidden, hub.Forbidden, "endpoints:write")

		audit := h.get("/v1/tenants/acme/audit").want(http.StatusOK)
		_, code, _ := strings.Cut(link.text("url"), "#")
		if text := string(audit.body); !strings.Contains(text, "portal link made") || !strings.Contains(text, "Jana") || strings.Contains(text, code) {
			t.Errorf("the audit says %s", text)
		}
	})
}

func TestRule17_AnAdministratorEndsEverySessionOfAPortal(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(http.StatusCreated)
		own := h.as(h.post("/v1/tenants/acme/keys", `{"name":"theirs","role":"administrator"}`).want(http.StatusCreated).text("key"), "")
		editor := h.as(h.post("/v1/tenants/acme/keys", `{"name":"editor","role":"editor"}`).want(http.StatusCreated).text("key"), "")
		h.post("/v1/tenants/acme/portal-link", "").want(http.StatusCreated)
		h.post("/v1/tenants/default/portal-link", "").want(http.StatusCreated)
		editor.call("DELETE", "/v1/tenants/acme/portal-sessions", "").problem(http.StatusForbidden, hub.Forbidden)
		own.call("DELETE", "/v1/tenants/default/portal-sessions", "").problem(http.StatusNotFound, hub.NotFound)
		own.call("DELETE", "/v1/tenants/acme/portal-sessions", "").want(http.StatusOK).is("sessions", "0").is("links", "1")
		h.call("DELETE", "/v1/tenants/acme/portal-sessions", "").want(http.StatusOK).is("links", "0")
		if text := string(own.get("/v1/audit").want(http.StatusOK).body); !strings.Contains(text, "portal sessions ended") {
			t.Errorf("the audit says %s", text)
		}
	})
}

// A repeat of the Idempotency-Key makes no second link, and does not show the first one again (rule 16).
func TestRule16_APortalLinkIsNotReplayedInClear(t *testing.T) {
	each(t, func(h *testHub) {
		first := h.post("/v1/tenants/default/portal-link", "", "Idempotency-Key", "k1").want(http.StatusCreated)
		again := h.post("/v1/tenants/default/portal-link", "", "Idempotency-Key", "k1").want(http.StatusCreated)
		if first.text("url") == hub.Masked || again.text("url") != hub.Masked || again.text("expires_at") != first.text("expires_at") {
			t.Errorf("first %s, again %s", first.body, again.body)
		}
	})
}

func TestUnusedPortalLinksAreCapped(t *testing.T) {
	each(t, func(h *testHub) {
		for range 100 {
			h.post("/v1/tenants/default/portal-link", "").want(http.StatusCreated)
		}
		h.post("/v1/tenants/default/portal-link", "").problem(http.StatusTooManyRequests, hub.TooMany)
	})
}

func TestATenantsPortalIsSetUp(t *testing.T) {
	each(t, func(h *testHub) {
		made := h.post("/v1/tenants", `{"uid":"acme","name":"Acme","portal":{"colours":{"accent":"#7a1fa2"},"frame_ancestors":["https://app.example"]}}`).want(http.StatusCreated).
			is("portal.colours.accent", "#7a1fa2").is("portal.frame_ancestors.0", "https://app.example")
		etag := h.get("/v1/tenants/acme").want(http.StatusOK).header.Get("ETag")
		if etag == "" || etag != made.header.Get("ETag") {
			t.Errorf("ETag %s, then %s", made.header.Get("ETag"), etag)
		}
		h.call("PATCH", "/v1/tenants/acme", `{"portal":{"colours":{"paper":"#ffffff"}}}`, "If-Match", etag).want(http.StatusOK).is("portal.colours.accent", "#7a1fa2")
		h.call("PATCH", "/v1/tenants/acme", `{"name":"Late"}`, "If-Match", etag).problem(http.StatusPreconditionFailed, hub.PreconditionFailed)
		h.call("DELETE", "/v1/tenants/acme", "", "If-Match", etag).problem(http.StatusPreconditionFailed, hub.PreconditionFailed)
		for body, pointer := range map[string]string{
			`{"portal":{"colours":{"accent":"#ffcc00"}}}`:                        "/portal/colours/accent",
			`{"portal":{"colours":{"accent":"red"}}}`:                            "/portal/colours/accent",
			`{"portal":{"colours":{"paper":"#222222"}}}`:                         "/portal/colours/paper",
			`{"portal":{"logo":"data:image/svg+xml;base64,PHN2Zy8+"}}`:           "/portal/logo",
			`{"portal":{"logo":"data:image/png;base64,PHN2Zy8+"}}`:               "/portal/logo",
			`{"portal":{"frame_ancestors":["https://*.example"]}}`:               "/portal/frame_ancestors",
			`{"portal":{"frame_ancestors":["http://app.example"]}}`:              "/portal/frame_ancestors",
			`{"portal":{"frame_ancestors":["https://a.example; script-src *"]}}`: "/portal/frame_ancestors",
		} {
			h.call("PATCH", "/v1/tenants/acme", body).problem(http.StatusUnprocessableEntity, hub.Invalid, pointer)
		}
		logo := "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n...."))
		h.call("PATCH", "/v1/tenants/acme", `{"portal":{"logo":"`+logo+`"}}`).want(http.StatusOK).is("portal.logo", logo)
		h.get("/v1/tenants/acme").want(http.StatusOK).is("portal.logo", logo).is("portal.colours.accent", "#7a1fa2")
		h.call("PATCH", "/v1/tenants/acme", `{"portal":null}`).want(http.StatusOK).is("portal.colours.accent", "").is("portal.colours.paper", "").is("portal.logo", "")
		h.get("/v1/tenants").want(http.StatusOK)
	})
}
