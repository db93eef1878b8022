package api_test

import (
	"strings"
	"testing"

	"hacek/internal/connection"
	"hacek/internal/hub"
)

func TestM5_AConnectionThroughTheAPI(t *testing.T) {
	each(t, func(h *testHub) {
		h.erp()
		read := h.get("/v1/connections/erp").want(200).is("dsn", hub.Masked).is("driver", "sqlite")
		id, tag := read.text("id"), read.header.Get("ETag")
		h.get("/v1/connections").want(200).is("data.0.id", id)
		h.call("PUT", "/v1/connections/"+id, string(read.body), "If-Match", tag).want(200).is("description", "Money S5")
		h.call("PATCH", "/v1/connections/erp", `{"description":null}`).want(200).is("description", "")
		h.call("PATCH", "/v1/connections/erp", `{"description":"x"}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.post("/v1/connections", `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`).problem(409, hub.Conflict)

		h.post("/v1/connections/erp/test", "").want(200).is("ok", "true").is("error", "")
		h.get("/v1/connections/erp/tables").want(200).is("data.0.name", "order_lines").is("data.1.name", "orders")
		h.get("/v1/connections/erp/tables/orders").want(200).is("columns.0.name", "number").is("columns.0.length", "20").is("columns.0.nullable", "false").is("keys.0.0", "number")
		h.get("/v1/connections/erp/tables/Orders").problem(404, hub.NotFound, "did you mean orders?")

		// A database that is away is an answer of the test, and 503 where something was asked of it.
		h.call("PUT", "/v1/connections/away", `{"driver":"postgres","dsn":"postgres://money:planted-dsn@127.0.0.1:1/money"}`).want(201).is("name", "away")
		away := h.post("/v1/connections/away/test", "").want(200).is("ok", "false")
		if away.text("error") == "" || away.text("hint") == "" {
			t.Errorf("got %s", away.body)
		}
		h.get("/v1/connections/away/tables").problem(503, hub.Unavailable)
		for _, r := range []reply{away, h.get("/v1/connections/away"), h.get("/v1/connections/away/tables"), h.get("/v1/audit")} {
			if strings.Contains(string(r.body), "planted-dsn") {
				t.Errorf("%s shows the password: %s", r.call, r.body)
			}
		}
		h.call("PATCH", "/v1/connections/away", `{"dsn":"postgres://money:***@evil.example/money"}`, "Content-Type", "application/merge-patch+json").problem(422, hub.SecretRequired, "/dsn")
		h.post("/v1/connections", `{"name":"x","driver":"sqlite","dsn":"../erp.db"}`).problem(422, hub.Invalid, "/dsn")
		h.call("DELETE", "/v1/connections/away", "").want(204)
		h.get("/v1/connections/away").problem(404, hub.NotFound)
	})
}

func TestM7_ATranslationTableThroughTheAPI(t *testing.T) {
	each(t, func(h *testHub) {
		made := h.call("PUT", "/v1/tables/states", `{"entries":{"nová":"N","hotová":"D"}}`).want(201).is("name", "states").is("default", "")
		id, tag := made.text("id"), made.header.Get("ETag")
		h.get("/v1/tables").want(200).is("data.0.id", id)
		h.call("PUT", "/v1/tables/"+id, string(h.get("/v1/tables/states").want(200).body), "If-Match", tag).want(200)
		h.call("PATCH", "/v1/tables/states", `{"entries":{"nová":null},"default":"?"}`, "Content-Type", "application/merge-patch+json").want(200).is("entries", `{"hotová":"D"}`).is("default", "?")
		h.call("PATCH", "/v1/tables/states", `{"default":null}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.post("/v1/tables", `{"name":"b","entries":{"a":1}}`).problem(422, hub.Invalid, "/entries/a")
		h.post("/v1/tables", `{"entries":{}}`).problem(422, hub.Invalid, "/name")
		h.post("/v1/tables", `{"name":"states"}`).problem(409, hub.Conflict)
		h.call("DELETE", "/v1/tables/states", "").want(204)
		h.get("/v1/tables/"+id).problem(404, hub.NotFound)
	})
}

// Connections reach databases and files of the machine, so not even a tenant's own administrator sets them.
func TestRule15_OnlyTheInstallationsAdministratorSetsConnections(t *testing.T) {
	each(t, func(h *testHub) {
		h.settings.Databases = connection.Options{Dir: t.TempDir()}
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		const body = `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`
		theirs := h.as(adminKey, "acme")
		theirs.post("/v1/connections", body).want(201)
		boss := h.as(theirs.post("/v1/keys", `{"name":"boss","role":"administrator"}`).want(201).text("key"), "")
		editor := h.as(h.as(adminKey, "default").post("/v1/keys", `{"name":"e","role":"editor"}`).want(201).text("key"), "")
		narrow := h.as(h.as(adminKey, "default").post("/v1/keys", `{"name":"n","role":"administrator","scopes":["pipelines:write","connections:read"]}`).want(201).text("key"), "default")
		for _, c := range []struct{ method, path, body string }{
			{"POST", "/v1/connections", body}, {"PUT", "/v1/connections/erp", body}, {"PATCH", "/v1/connections/erp", `{"description":"x"}`},
			{"DELETE", "/v1/connections/erp", ""}, {"POST", "/v1/connections/erp/test", ""},
		} {
			for _, caller := range []*testHub{boss, editor, narrow} {
				caller.call(c.method, c.path, c.body).problem(403, hub.Forbidden)
			}
		}
		boss.get("/v1/connections/erp/tables").problem(403, hub.Forbidden)
		boss.get("/v1/connections").want(200).is("data.0.name", "erp")
		editor.get("/v1/connections").problem(403, hub.Forbidden)
		narrow.get("/v1/connections").want(200)
	})
}
