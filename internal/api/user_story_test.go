package api_test

import (
	"net/http"
	"strings"
	"testing"

	"hacek/internal/hub"
)

const janasPassword = "planted horse battery"

func TestAnAdministratorKeepsUsers(t *testing.T) {
	each(t, func(h *testHub) {
		made := h.post("/v1/users", `{"name":"Jana","email":" Jana@Example.com","role":"administrator","language":"cs","time_zone":"Europe/Prague","theme":"dark","password":"`+janasPassword+`"}`).
			want(http.StatusCreated).is("email", "jana@example.com").is("may_sign_in", "true").is("password", "")
		id := made.text("id")
		if _, who, err := h.auth.SignIn(t.Context(), "jana@example.com", janasPassword, "192.0.2.1"); err != nil || !who.Installation {
			t.Errorf("Jana signs in: %+v %v", who, err)
		}
		h.post("/v1/users", `{"name":"Other","email":"JANA@example.com"}`).problem(http.StatusConflict, hub.Conflict)
		h.post("/v1/users", `{"name":"","email":"x","role":"viewer","language":"","time_zone":"Nowhere/City"}`).
			problem(http.StatusUnprocessableEntity, hub.Invalid, "/name", "/email", "/time_zone")
		h.post("/v1/users", `{"name":"X","email":"x@example.com","expires_at":"2020-01-01T00:00:00Z"}`).problem(http.StatusUnprocessableEntity, hub.Invalid, "/expires_at")
		helper := h.post("/v1/users", `{"name":"Helper","email":"helper@example.com","role":"operator","expires_at":"2999-01-01T00:00:00Z"}`).want(http.StatusCreated).is("may_sign_in", "false")
		first := h.get("/v1/users?limit=1&order=asc").want(http.StatusOK).is("data.0.name", "Jana")
		h.get("/v1/users?limit=1&order=asc&cursor="+first.text("next_cursor")).want(http.StatusOK).is("data.0.name", "Helper")
		h.get("/v1/users/helper@example.com").want(http.StatusOK).is("id", helper.text("id"))

		h.call("PATCH", "/v1/users/"+id, `{"role":"viewer"}`).problem(http.StatusConflict, hub.Conflict, "last administrator")
		h.call("DELETE", "/v1/users/"+id, "").problem(http.StatusConflict, hub.Conflict, "last administrator")
		etag := h.get("/v1/users/" + id).want(http.StatusOK).header.Get("ETag")
		h.call("PATCH", "/v1/users/"+id, `{"name":"Jana D."}`, "If-Match", etag).want(http.StatusOK).is("name", "Jana D.").is("language", "cs")
		h.call("PATCH", "/v1/users/"+id, `{"name":"Late"}`, "If-Match", etag).problem(http.StatusPreconditionFailed, hub.PreconditionFailed)
		h.call("DELETE", "/v1/users/"+id, "", "If-Match", etag).problem(http.StatusPreconditionFailed, hub.PreconditionFailed)
		h.call("DELETE", "/v1/users/helper@example.com", "").want(http.StatusNoContent)
		h.get("/v1/users/helper@example.com").problem(http.StatusNotFound, hub.NotFound)
	})
}

func TestANewPasswordSignsOut(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.post("/v1/users", `{"name":"Jana","email":"jana@example.com","password":"`+janasPassword+`"}`).want(http.StatusCreated).text("id")
		token, _, err := h.auth.SignIn(t.Context(), "jana@example.com", janasPassword, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.auth.Session(t.Context(), token.Reveal()); err != nil {
			t.Fatal(err)
		}
		h.call("PATCH", "/v1/users/"+id, `{"password":"planted password"}`).want(http.StatusOK)
		if _, err := h.auth.Session(t.Context(), token.Reveal()); hub.CodeOf(err) != hub.Unauthorized {
			t.Errorf("the old session: %v", err)
		}
		if _, _, err := h.auth.SignIn(t.Context(), "jana@example.com", janasPassword, "192.0.2.1"); hub.CodeOf(err) != hub.Unauthorized {
			t.Errorf("the old password: %v", err)
		}
		for _, text := range []string{janasPassword, "planted password", "argon2"} {
			if body := string(h.get("/v1/audit").want(http.StatusOK).body); strings.Contains(body, text) {
				t.Errorf("%s stands in the audit", text)
			}
		}
	})
}

func TestRule14_UsersOfOthersAreNotThere(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/users", `{"name":"Jana","email":"jana@example.com"}`).want(http.StatusCreated)
		h.post("/v1/tenants", `{"uid":"customer"}`).want(http.StatusCreated)
		key := h.as(adminKey, "customer").post("/v1/keys", `{"name":"theirs","role":"administrator"}`).want(http.StatusCreated).text("key")
		theirs := h.as(key, "")
		theirs.get("/v1/users").want(http.StatusOK).is("data", "[]")
		theirs.get("/v1/users/jana@example.com").problem(http.StatusNotFound, hub.NotFound)
		theirs.call("PATCH", "/v1/users/jana@example.com", `{"name":"Eve"}`).problem(http.StatusNotFound, hub.NotFound)
		theirs.call("DELETE", "/v1/users/jana@example.com", "").problem(http.StatusNotFound, hub.NotFound)
		narrow := h.as(adminKey, "customer").post("/v1/keys", `{"name":"narrow","role":"administrator","scopes":["users:write"]}`).want(http.StatusCreated).text("key")
		h.as(narrow, "").post("/v1/users", `{"name":"Eve","email":"eve@example.com","role":"administrator"}`).problem(http.StatusForbidden, hub.Forbidden)
	})
}
