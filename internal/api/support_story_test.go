package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/mail/mailtest"
)

// newestChange is the id of the newest change of an object.
func (h *testHub) newestChange(list, object string) string {
	h.Helper()
	r := h.get(list).want(200)
	for i := range r.count("data") {
		at := fmt.Sprintf("data.%d", i)
		if r.text(at+".object") == object {
			return r.text(at + ".id")
		}
	}
	h.Fatalf("no change of %s in %s", object, r.body)
	return ""
}

func TestE8_AChangeIsTakenBackThroughTheAPI(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint(`,"name":"WMS","auth":{"type":"bearer","token":"planted-undo-token"}`)
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"first"}`).want(200)
		first := h.newestChange("/v1/audit", id)
		undone := h.post("/v1/audit/"+first+"/undo", "").want(200).is("object", id).is("kind", "endpoint")
		read := h.get("/v1/endpoints/"+id).want(200).is("description", "").is("name", "WMS").is("auth.token", hub.Masked)
		if tag := read.header.Get("ETag"); tag != undone.header.Get("ETag") || tag != undone.text("etag") {
			t.Errorf("the undo speaks of %s, the endpoint is at %s", undone.text("etag"), tag)
		}
		h.get("/v1/audit?limit=1").want(200).is("data.0.object", id).is("data.0.action", "changed")

		// What was changed again since is not overwritten by the way.
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"second"}`).want(200)
		second := h.newestChange("/v1/audit", id)
		tag := h.call("PATCH", "/v1/endpoints/"+id, `{"limits":{"concurrency":3}}`).want(200).header.Get("ETag")
		h.post("/v1/endpoints/"+id+"/pause", `{"why":"a state is no setting"}`).want(200)
		h.post("/v1/audit/"+second+"/undo", "").problem(412, hub.PreconditionFailed, "has changed since", "newer change")
		h.post("/v1/audit/"+second+"/undo", "", "If-Match", `"1"`).problem(412, hub.PreconditionFailed)
		h.get("/v1/endpoints/"+id).want(200).is("description", "second")
		h.post("/v1/audit/"+second+"/undo", "", "If-Match", tag).want(200)
		h.get("/v1/endpoints/"+id).want(200).is("description", "").is("state", "paused")

		// Switching and pausing is no change of the settings, and stands in nobody's way.
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"third"}`).want(200)
		third := h.newestChange("/v1/audit", id)
		h.post("/v1/endpoints/"+id+"/resume", "").want(200)
		h.post("/v1/audit/"+third+"/undo", "").want(200)
		h.get("/v1/endpoints/"+id).want(200).is("description", "").is("state", "active")

		// A secret does not go where it was before by itself (rule 3).
		h.call("PATCH", "/v1/endpoints/"+id, `{"request":{"url":"https://elsewhere.example/in"},"auth":{"type":"bearer","token":"planted-new-token"}}`).want(200)
		h.post("/v1/audit/"+h.newestChange("/v1/audit", id)+"/undo", "").problem(422, hub.SecretRequired, "/auth/token")

		h.post("/v1/audit/"+second+"0000/undo", "").problem(404, hub.NotFound)
		h.post("/v1/audit/none/undo", "").problem(404, hub.NotFound)
		other := h.endpoint(`,"name":"new"`)
		h.post("/v1/audit/"+h.newestChange("/v1/audit", other)+"/undo", "").problem(409, hub.Conflict, "cannot be taken back")
	})
}

func TestE8_EveryKindOfSettingIsTakenBack(t *testing.T) {
	each(t, func(h *testHub) {
		var changes []string
		for _, kind := range []struct{ path, made, change, place string }{
			{"/v1/sources", `{"name":"shop","verify":{"scheme":"standard-webhooks","secrets":["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]}}`, `{"max_body":"2MiB"}`, "max_body"},
			{"/v1/pipelines", `{"name":"in","subscription":{"event_types":["order.*"]},"steps":[{"type":"wait","for":"1s"}]}`, `{"steps":[{"type":"wait","for":"2s"}]}`, "steps.0.for"},
			{"/v1/connections", `{"name":"erp","driver":"postgres","dsn":"postgres://u:p@db.example/erp"}`, `{"description":"theirs"}`, "description"},
			{"/v1/tables", `{"name":"states","entries":{"new":"open"}}`, `{"entries":{"new":"fresh"}}`, "entries.new"},
			{"/v1/listeners", `{"name":"outside","address":"127.0.0.1:8443","serves":["receiver"]}`, `{"public_url":"https://hooks.example"}`, "public_url"},
			{"/v1/users", `{"name":"Jana","email":"jana@example.com","role":"viewer"}`, `{"role":"editor"}`, "role"},
		} {
			made := h.post(kind.path, kind.made).want(201)
			id, before := made.text("id"), made.text(kind.place)
			h.call("PATCH", kind.path+"/"+id, kind.change).want(200)
			if now := h.get(kind.path + "/" + id).want(200).text(kind.place); now == before {
				t.Fatalf("%s: nothing was changed", kind.path)
			}
			list := "/v1/audit"
			if kind.path == "/v1/listeners" {
				list = "/v1/audit?of=installation"
			}
			change := h.newestChange(list, id)
			changes = append(changes, change)
			h.post("/v1/audit/"+change+"/undo", "").want(200).is("object", id)
			h.get(kind.path+"/"+id).want(200).is(kind.place, before)
		}
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		boss := h.as(h.as(adminKey, "acme").post("/v1/keys", `{"name":"boss","role":"administrator"}`).want(201).text("key"), "")
		boss.get("/v1/audit?of=installation").problem(403, hub.Forbidden)
		// Nobody takes back what belongs to another tenant, or to the hub.
		for _, change := range changes {
			boss.post("/v1/audit/"+change+"/undo", "", "If-Match", "*").problem(404, hub.NotFound)
		}
	})
}

func TestANarrowKeyTakesBackOnlyWhatItMayChange(t *testing.T) {
	each(t, func(h *testHub) {
		id := h.endpoint(`,"name":"WMS"`)
		h.call("PATCH", "/v1/endpoints/"+id, `{"description":"first"}`).want(200)
		change := h.newestChange("/v1/audit", id)
		narrow := h.as(h.post("/v1/keys", `{"name":"narrow","role":"administrator","scopes":["audit:read"]}`).want(201).text("key"), "")
		narrow.post("/v1/audit/"+change+"/undo", "").problem(403, hub.Forbidden, "endpoints:write")
		able := h.as(h.post("/v1/keys", `{"name":"able","role":"administrator","scopes":["audit:read","endpoints:write"]}`).want(201).text("key"), "")
		able.post("/v1/audit/"+change+"/undo?confirm=backlog", "").want(200)
	})
}

func TestTheSupportBundleIsAnAdministratorsOfTheHub(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint(`,"name":"WMS"`)
		r := h.get("/v1/support-bundle").want(200)
		if r.header.Get("Content-Type") != "application/zip" || !strings.Contains(r.header.Get("Content-Disposition"), ".zip") {
			t.Errorf("headers %v", r.header)
		}
		archive, err := zip.NewReader(bytes.NewReader(r.body), int64(len(r.body)))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"hub.json": `"ready":true`, "metrics.txt": "hacek_api_requests_total 2", "settings/endpoints.jsonl": h.receiver.url} {
			f, err := archive.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(f); err != nil || !bytes.Contains(got, []byte(text)) {
				t.Errorf("%q is not in %s: %s, %v", text, name, got, err)
			}
		}
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		boss := h.as(h.as(adminKey, "acme").post("/v1/keys", `{"name":"boss","role":"administrator"}`).want(201).text("key"), "")
		boss.get("/v1/support-bundle").problem(403, hub.Forbidden)
		boss.post("/v1/mail/test", `{"to":"jana@example.com"}`).problem(403, hub.Forbidden)
		h.as("", "").get("/v1/support-bundle").problem(401, hub.Unauthorized)
		narrow := h.as(h.as(adminKey, "default").post("/v1/keys", `{"name":"narrow","role":"administrator","scopes":["events:read"]}`).want(201).text("key"), "")
		narrow.get("/v1/support-bundle").problem(403, hub.Forbidden, "support:read")
	})
}

func TestATestMailTellsWhatTheServerSaid(t *testing.T) {
	each(t, func(h *testHub) {
		server, err := mailtest.Listen("127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		h.mailer.Server = hub.NewSecret("smtp://" + server.Address() + "?from=hub@example.com")
		h.post("/v1/mail/test", `{"to":"jana@example.com"}`).want(200).is("sent", "true").is("to", "jana@example.com").is("error", "")
		if mails := server.Mails(); len(mails) != 1 {
			t.Errorf("%d mails arrived", len(mails))
		}
		h.post("/v1/mail/test", `{"to":"a@example.com, b@example.com"}`).problem(422, hub.Invalid, "/to")
		server.Answers(func(verb, _ string) string {
			if verb == "RCPT" {
				return "550 5.1.1 no such user"
			}
			return ""
		})
		r := h.post("/v1/mail/test", `{"to":"nobody@example.com"}`).want(200).is("sent", "false").is("answer", "")
		if !strings.Contains(r.text("error"), "no such user") || r.text("hint") == "" {
			t.Errorf("the refusal is told as %s", r.body)
		}
		_ = server.Close()
		r = h.post("/v1/mail/test", `{"to":"jana@example.com"}`).want(200).is("sent", "false")
		if r.text("error") == "" {
			t.Errorf("a server that is away is told as %s", r.body)
		}
	})
}
