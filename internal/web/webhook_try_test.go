package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"hacek/internal/hub"
)

// What is typed is really sent before it is saved; what was typed stays, and nothing is stored.
func TestC4_AWebhookIsTestedBeforeItIsSaved(t *testing.T) {
	h, b := editor(t)
	var got []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.Path+" "+r.Header.Get("Authorization"))
		w.Header().Set("X-Queue", "q<7")
		_, _ = io.WriteString(w, `{"ok":false,"queue":{"name":"HK-1"}}`)
	}))
	defer receiver.Close()
	other := httptest.NewServer(receiver.Config.Handler)
	defer other.Close()

	form := formOf(t, b.get("/webhooks/new/own").want(200).text, "/webhooks/new/own")
	for name, value := range map[string]string{"do": "try", "name": "Sklad", "own_types": "order.created", "url": receiver.URL + "/new", "login_type": "bearer",
		"secret_token": "planted-token", "success_condition": `response.json.ok || response.headers["x-queue"] == "q"`} {
		form.Set(name, value)
	}
	tried := b.do("POST", "/webhooks/new/own", form).want(200).
		has("Did not work", "that is not delivered", "What the rule saw", "response.status", "response.json.ok", "false", "q&lt;7", "nothing is saved", "a key for this test only", `value="Sklad"`, "not shown again. Type it once more").
		hasNot("planted-token")
	if again := formOf(t, tried.text, "/webhooks/new/own"); again.Get("url") != receiver.URL+"/new" || again.Get("own_types") != "order.created" {
		t.Errorf("what was typed has become %v", again)
	}
	if len(got) != 1 || got[0] != "/new Bearer planted-token" {
		t.Errorf("the receiver got %q", got)
	}
	if _, err := h.settings.Endpoint(t.Context(), h.tenant.No, "Sklad"); hub.CodeOf(err) != hub.NotFound {
		t.Errorf("a test saved: %v", err)
	}
	form.Set("url", "ftp://x")
	form.Set("retries", "soon")
	b.do("POST", "/webhooks/new/own", form).want(422).has(`href="#f-url"`, `href="#f-retries"`, `value="soon"`)
	b.do("POST", "/webhooks/new/own", form, "HX-Request", "true").want(200).has(`<div id="tested"><section`, "Not sent", "Retry intervals")

	form.Set("url", receiver.URL+"/in")
	form.Set("retries", "5s")
	form.Set("do", "save")
	b.do("POST", "/webhooks/new/own", form).want(http.StatusSeeOther)
	path := "/webhooks/" + refOf(h.one("Sklad")) + "/edit"
	form = formOf(t, b.get(path).want(200).text, path)
	form.Set("do", "try")
	form.Set("url", receiver.URL+"/elsewhere")
	form.Set("success_condition", "")
	held := form.Get("etag")
	if _, err := h.settings.PatchEndpoint(t.Context(), h.tenant.No, "Sklad", []byte(`{"description":"theirs"}`), "", byTest); err != nil {
		t.Fatal(err)
	}
	still := b.do("POST", path, form).want(200).has("Worked").hasNot("a key for this test only")
	if len(got) != 2 || got[1] != "/elsewhere Bearer planted-token" {
		t.Errorf("the stored secret did not go with the test: %q", got)
	}
	if formOf(t, still.text, path).Get("etag") != held {
		t.Error("a test forgets what the form was filled from")
	}
	form.Set("url", other.URL+"/stolen")
	b.do("POST", path, form).want(422).has(`href="#f-secret_token"`, "another address")
	if len(got) != 2 || h.one("Sklad").Endpoint.Request.URL != receiver.URL+"/in" {
		t.Errorf("sent %q, stored %s", got, h.one("Sklad").Endpoint.Request.URL)
	}
	h.user(h.tenant, hub.Operator, nil)
	h.as("operator@example.com").do("POST", path, form).want(http.StatusForbidden)
}
