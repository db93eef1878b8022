package web_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/mail"
	"hacek/internal/mail/mailtest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

func found(t *testing.T, p page, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(p.text)
	if match == nil {
		t.Fatalf("%s: nothing like %s on the page", p.call, pattern)
	}
	return match[1]
}

func TestE8_AHelperIsLetInForADay(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	admin := h.as("administrator@example.com")
	admin.get("/settings/users/new?days=1").want(http.StatusOK).has("Invite a helper for a day", `<option value="1" selected>`, `<option value="operator" selected>`)
	admin.post("/settings/users/new", "name", "", "email", "nobody", "role", "operator", "until", "1").want(422).
		has(`href="#f-name"`, `href="#f-email"`, `value="nobody"`, `<option value="1" selected>`)
	made := admin.post("/settings/users/new", "name", "Óskar", "email", "oskar@example.com", "role", "operator", "until", "1").want(http.StatusSeeOther)
	path := made.header.Get("Location")
	shown := admin.get(path).want(http.StatusOK).has("“Óskar” may sign in now", "Until ")
	secret := found(t, shown, `id="made" readonly value="([a-z2-7]{4}(?:-[a-z2-7]{4}){3})"`)

	helper := h.browser()
	helper.post("/login", "email", "oskar@example.com", "password", secret).want(http.StatusSeeOther)
	helper.get("/").want(http.StatusOK)
	// What a helper does stands in the change history with their name.
	webhook := "/webhooks/" + h.endpoint(h.tenant, "WMS").ID.Text(hub.EndpointPrefix)
	helper.post(webhook+"/pause", "why", "stock-taking").want(http.StatusSeeOther)
	admin.get("/settings/audit?kind=endpoint&who="+url.QueryEscape("Óskar")).want(http.StatusOK).has("WMS", "paused")
	helper.get("/settings").want(http.StatusOK).has("Only an administrator", "/profile").hasNot("/settings/users", "/settings/mail")
	for _, page := range []string{"/settings/users", "/settings/users/new", "/settings/keys", "/settings/tenants", "/settings/mail", "/settings/audit"} {
		helper.get(page).want(http.StatusForbidden)
	}
	h.clock.Advance(16 * time.Minute)
	admin.get(path).want(http.StatusOK).hasNot(secret)
	admin.get("/settings/audit?kind=user").want(http.StatusOK).has("Óskar", "The administrator").hasNot(secret)
	// Saving something else keeps the end.
	admin.post(path, "name", "Óskar Ó.", "email", "oskar@example.com", "role", "operator", "until", "kept", "etag", `"1"`).want(http.StatusSeeOther)
	admin.post(path, "name", "Mine", "email", "oskar@example.com", "role", "operator", "until", "kept", "etag", `"1"`).
		want(http.StatusPreconditionFailed).has("Somebody has changed this meanwhile", `value="Mine"`)
	for range 4 { // an administrator who works stays signed in
		h.clock.Advance(6 * time.Hour)
		admin.get("/").want(http.StatusOK)
	}
	helper.get("/").want(http.StatusSeeOther)
	admin.get("/settings/users").want(http.StatusOK).has("Óskar Ó.", "Over")
}

func TestANewPasswordFromTheAdministratorEndsTheOldOne(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	u := h.user(h.tenant, hub.Viewer, nil)
	admin, viewer := h.as("administrator@example.com"), h.as("viewer@example.com")
	path := "/settings/users/" + u.ID.Text(hub.UserPrefix)
	admin.post(path + "/password").want(http.StatusSeeOther)
	secret := found(t, admin.get(path).want(http.StatusOK), `id="made" readonly value="([^"]+)"`)
	viewer.get("/").want(http.StatusSeeOther)
	viewer.post("/login", "email", "viewer@example.com", "password", password).want(422)
	viewer.post("/login", "email", "viewer@example.com", "password", secret).want(http.StatusSeeOther)
	admin.post(path+"/delete", "etag", `"2"`).want(http.StatusSeeOther)
	viewer.get("/").want(http.StatusSeeOther)
	me := found(t, admin.get("/settings/users"), `href="(/settings/users/usr_[^"]+)"`)
	admin.post(me+"/delete", "etag", `"1"`).want(http.StatusConflict).has("the last administrator", `value="The administrator"`)
}

func TestAKeyIsShownToItsMakerOnly(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	b, other := h.as("administrator@example.com"), h.as("administrator@example.com")
	b.get("/settings/keys").want(http.StatusOK).has("No keys yet")
	b.post("/settings/keys/new", "name", "", "role", "editor").want(422).has(`href="#f-name"`)
	b.post("/settings/keys/new", "name", "ERP", "role", "viewer", "until", "7", "scope.events:read", "on").want(http.StatusSeeOther)
	key := found(t, b.get("/settings/keys").want(http.StatusOK).has("ERP", "events:read"), `readonly value="(hk_[^"]+)"`)
	other.get("/settings/keys").want(http.StatusOK).has("ERP").hasNot(key)
	who, err := h.auth.Key(t.Context(), key)
	if err != nil || who.Role != hub.Viewer || who.Scope("events:write") == nil {
		t.Fatalf("the key gives %v %v", who, err)
	}
	b.get("/settings/audit?kind=key").want(http.StatusOK).hasNot(key)
	b.post(found(t, b.get("/settings/keys"), `action="(/settings/keys/[^"]+/delete)"`)).want(http.StatusSeeOther)
	if _, err := h.auth.Key(t.Context(), key); hub.CodeOf(err) != hub.Unauthorized {
		t.Errorf("the deleted key is answered %v", err)
	}
}

func TestTheAdministratorSetsALanguageAndATimeZoneForOthers(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	admin := h.as("administrator@example.com")
	person := []string{"name", "Óskar", "email", "oskar@example.com", "role", "viewer", "until", "", "language", "is"}
	admin.post("/settings/users/new", append(person, "time_zone", "Mars/Olympus")...).want(422).
		has(`href="#f-time_zone"`, `value="Mars/Olympus"`, `<option value="is" selected>`)
	path := admin.post("/settings/users/new", append(person, "time_zone", "Atlantic/Reykjavik")...).want(http.StatusSeeOther).header.Get("Location")
	secret := found(t, admin.get(path).want(200).has(`<option value="is" selected>`, `value="Atlantic/Reykjavik"`), `id="made" readonly value="([^"]+)"`)
	oskar := h.browser()
	oskar.post("/login", "email", "oskar@example.com", "password", secret).want(http.StatusSeeOther)
	oskar.get("/").want(200).has(`lang="is"`)
	admin.post(path, "name", "Óskar", "email", "oskar@example.com", "role", "viewer", "language", "cs", "time_zone", "Europe/Prague").want(http.StatusSeeOther)
	oskar.get("/profile").want(200).has(`lang="cs"`, `value="Europe/Prague"`)
}

func TestRule14_SettingsOfOneTenantOnly(t *testing.T) {
	h := newHouse(t)
	uid := "customer"
	other, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ours := h.user(h.tenant, hub.Viewer, nil)
	h.user(other, hub.Administrator, nil)
	key, _, err := h.settings.CreateKey(t.Context(), h.tenant.No, settings.Key{Name: "Our key"}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h.change(h.endpoint(h.tenant, "Our WMS"))
	b := h.as("administrator@example.com")
	for _, path := range []string{"/settings/tenants", "/settings/tenants/new", "/settings/tenants/default", "/settings/mail", "/settings/audit?of=hub"} {
		b.get(path).want(http.StatusForbidden).hasNot("Default")
	}
	b.post("/settings/tenants/new", "name", "x").want(http.StatusForbidden)
	b.post("/settings/mail", "to", "x@example.com").want(http.StatusForbidden)
	b.get("/settings").want(http.StatusOK).hasNot("/settings/tenants", "/settings/mail", "/settings/listeners")
	user := "/settings/users/" + ours.ID.Text(hub.UserPrefix)
	b.get(user).want(http.StatusNotFound)
	for _, path := range []string{user, user + "/password", user + "/delete", "/settings/keys/" + key.ID.Text(hub.KeyPrefix) + "/delete"} {
		b.post(path).want(http.StatusNotFound)
	}
	b.get("/settings/users").want(http.StatusOK).hasNot("viewer@example.com")
	b.get("/settings/keys").want(http.StatusOK).hasNot("Our key")
	b.get("/settings/audit").want(http.StatusOK).hasNot("Our WMS", "Our key")
	list, _, err := h.store.Revisions(t.Context(), revisionsOf(h.tenant, "endpoint"), onePage)
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	for _, r := range list {
		b.post("/settings/audit/" + strconv.FormatInt(r.No, 10) + "/undo").want(http.StatusNotFound)
	}
}

// change renames an endpoint's address, so that there is something to take back.
func (h *house) change(e hub.Target) {
	h.Helper()
	patch := json.RawMessage(`{"request":{"headers":{"X-Shop":"<b>new\u202e</b>"}},"description":"changed"}`)
	if _, err := h.settings.PatchEndpoint(h.Context(), h.tenant.No, e.ID.Text(hub.EndpointPrefix), patch, "", settings.By{Name: "Jana"}); err != nil {
		h.Fatal(err)
	}
}

func TestAChangeIsFoundAndTakenBack(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	e := h.endpoint(h.tenant, "WMS")
	h.change(e)
	b := h.as("administrator@example.com")
	b.get("/settings/audit").want(http.StatusOK).has("WMS", "Created", "Changed", "request.headers.X-Shop", "&lt;b&gt;new�").hasNot("<b>new")
	b.get("/settings/audit?kind=endpoint&who=Nobody").want(http.StatusOK).has("No change fits the filter").hasNot("request.headers")
	b.get("/settings/audit?kind=endpoint&since=2999-01-01T00:00").want(http.StatusOK).has("No change fits the filter")
	page := b.get("/settings/audit?kind=endpoint&who=Jana").want(http.StatusOK).has("Changed").hasNot("Made</td>")
	before := h.target(e)
	b.post(found(t, page, `action="(/settings/audit/\d+/undo)"`)).want(http.StatusSeeOther)
	after := h.target(e)
	if len(before.Endpoint.Request.Headers) != 1 || len(after.Endpoint.Request.Headers) != 0 || after.Endpoint.Description != "" {
		t.Errorf("undone is %+v %q", after.Endpoint.Request.Headers, after.Endpoint.Description)
	}
	if after.Endpoint.Signature.Secret.IsZero() || after.Endpoint.Signature.Secret.Reveal() != before.Endpoint.Signature.Secret.Reveal() {
		t.Error("undo has lost the signing secret")
	}
	b.get("/settings/audit").want(http.StatusOK).has("“WMS” is as it was before that change.")
	created, _, err := h.store.Revisions(t.Context(), revisionsOf(h.tenant, "endpoint"), onePage)
	if err != nil {
		t.Fatal(err)
	}
	b.post("/settings/audit/" + strconv.FormatInt(created[len(created)-1].No, 10) + "/undo").want(http.StatusConflict).has("cannot be taken back")
	b.post("/settings/audit/99999999/undo").want(http.StatusNotFound)
	b.post("/settings/audit/x/undo").want(http.StatusNotFound)
}

func (h *house) target(e hub.Target) hub.Target {
	h.Helper()
	t, err := h.settings.Endpoint(h.Context(), h.tenant.No, e.ID.Text(hub.EndpointPrefix))
	if err != nil {
		h.Fatal(err)
	}
	return t
}

func TestTenantsAreMadeChangedAndDeleted(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	b := h.as("administrator@example.com")
	b.post("/settings/tenants/new", "name", "Ellity", "uid", "ellity", "metadata", "{").want(422).has(`href="#f-metadata"`, `value="Ellity"`)
	b.post("/settings/tenants/new", "name", "Ellity", "uid", "default", "metadata", "").want(422).has(`href="#f-uid"`)
	b.post("/settings/tenants/new", "name", "Ellity", "uid", "ellity", "metadata", `{"a":1,"b":2}`).want(http.StatusSeeOther)
	path := found(t, b.get("/settings/tenants").want(http.StatusOK), `href="(/settings/tenants/tnt_[^"]+)">Ellity`)
	b.post(path, "name", "Ellity 2", "uid", "ellity", "metadata", `{"b":3}`).want(http.StatusSeeOther)
	b.get(path).want(http.StatusOK).has("Ellity 2", `{&#34;b&#34;:3}`)
	b.post(path, "name", "Ellity 2", "uid", "ellity", "private", "10.20.0.0/16\nnowhere").want(422).has(`href="#f-private"`, "10.20.0.0/16\nnowhere")
	b.post(path, "name", "Ellity 2", "uid", "ellity", "private", "10.20.0.0/16\r\n10.21.0.1").want(http.StatusSeeOther)
	b.get(path).want(http.StatusOK).has("10.20.0.0/16\n10.21.0.1")
	b.post(path, "name", "Ellity 2", "uid", "ellity", "private", "-").want(http.StatusSeeOther)
	b.get(path).want(http.StatusOK).has(">-</textarea>")
	b.post(path + "/delete").want(http.StatusSeeOther)
	b.get(path).want(http.StatusNotFound)
	b.post("/settings/tenants/default/delete").want(http.StatusConflict).has("cannot be deleted")
}

func TestATestMailSaysWhatTheServerSaid(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	b := h.as("administrator@example.com")
	b.get("/settings/mail").want(http.StatusOK).has("No mail server is set", "HACEK_MAIL")
	b.post("/settings/mail", "to", "x@example.com").want(http.StatusConflict)
	server, err := mailtest.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	h.console.Mail = &mail.Mailer{
		Server: hub.NewSecret("smtp://" + server.Address() + "?from=hacek@example.com&tls=off"),
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	b.get("/settings/mail").want(http.StatusOK).has("hacek@example.com", `value="administrator@example.com"`)
	b.post("/settings/mail", "to", "a@example.com, b@example.com").want(422).has(`href="#f-to"`)
	b.post("/settings/mail", "to", "jana@example.com").want(http.StatusOK).has("has taken the test for jana@example.com")
	if mails := server.Mails(); len(mails) != 1 {
		t.Errorf("%d mails arrived", len(mails))
	}
	server.Answers(func(verb, _ string) string {
		if verb == "RCPT" {
			return "550 5.1.1 no such user <b>"
		}
		return ""
	})
	b.post("/settings/mail", "to", "jana@example.com").want(http.StatusOK).has("The test mail was not taken", "no such user &lt;b&gt;")
}

// What arrives from a shop is not done with: the way that ends with it goes on to the database.
func TestTheGuidedStartLeadsOnFromTheFirstEvent(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	b := h.as("editor@example.com")
	source, err := h.settings.CreateSource(t.Context(), h.tenant.No, []byte(`{"preset":"shoptet","name":"Shop","verify":{"secrets":["0a90b1c2d3e4f5061728394a5b6c7d8e"]}}`), settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	b.get("/start/receive").want(http.StatusOK).hasNot(`href="/pipelines/new"`)
	h.happens(ingest.Input{Type: "order.created", Source: "Shop", Data: []byte("{}")})
	b.get("/start/receive").want(http.StatusOK).has("A real event has arrived", `href="/pipelines/new"`)
	b.get("/pipelines/ready?pack=shoptet&name=orders").want(http.StatusOK).has("There is no connection yet").hasNot(`href="/connections/new"`)
	h.user(h.tenant, hub.Administrator, nil)
	h.as("administrator@example.com").get("/pipelines/ready?pack=shoptet&name=orders").want(http.StatusOK).has("There is no connection yet", `href="/connections/new"`)
	// A source without a list of networks is open to all of them, and says so.
	shown := b.get("/sources/" + source.ID.Text(hub.SourcePrefix)).want(http.StatusOK)
	if got := found(t, shown, `(?s)Allowed networks</dt>\s*<dd[^>]*>\s*([^<]*?)\s*<`); got != "all" {
		t.Errorf("the allowed networks read %q", got)
	}
}

func TestTheGuidedStartShowsHowFarOneIs(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	h.user(h.tenant, hub.Viewer, nil)
	b := h.as("editor@example.com")
	b.get("/start").want(http.StatusOK).has("/start/receive", "/start/send", "/start/both", "/start/look")
	b.get("/start/nothing").want(http.StatusNotFound)
	b.get("/start/receive").want(http.StatusOK).has("/sources/new").hasNot("A real event has arrived")
	b.get("/start/both").want(http.StatusOK).has("/sources/new").hasNot(`href="/webhooks/new"`)
	b.get("/start/send").want(http.StatusOK).has("/webhooks/new").hasNot("/start/event")
	// What came before there was this webhook, and went to another, is no step of this way.
	h.only(h.endpoint(h.tenant, "Elsewhere"), "invoice.sent")
	_, before := h.happens(ingest.Input{Type: "invoice.sent", Data: []byte("{}")})
	h.attempt(before[0], hub.Attempt{Result: hub.Succeeded, Status: 202})
	h.clock.Advance(time.Minute)
	h.endpoint(h.tenant, "WMS")
	b.get("/start/send").want(http.StatusOK).has("/start/event", "WMS").hasNot("See the event", "See the delivery")
	h.as("viewer@example.com").get("/start/send").want(http.StatusOK).hasNot("/start/event")
	h.as("viewer@example.com").post("/start/event").want(http.StatusForbidden)
	b.post("/start/event").want(http.StatusSeeOther)
	b.get("/start/send").want(http.StatusOK).has("See the event").hasNot("A real event has arrived")
	rows, _, err := h.store.Deliveries(t.Context(), deliveriesOf(h.tenant), onePage)
	if err != nil || len(rows) != 2 {
		t.Fatal(len(rows), err)
	}
	h.attempt(rows[0], hub.Attempt{Result: hub.Succeeded, Status: 202})
	b.get("/start/send").want(http.StatusOK).has("A real event has arrived", "See the delivery").hasNot("hx-trigger=\"sse")
	b.post("/start/look").want(http.StatusServiceUnavailable) // there is no receiver here
}

func TestSettingsInAListAreCompared(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	r := store.Revision{Tenant: h.tenant.No, At: h.clock.Now(), Who: "Jana", Action: "changed", Kind: "pipeline", Object: "pip_x",
		Before: []byte(`{"name":"p","settings":{"steps":[{"type":"map","fields":{"a":"1"}}]}}`),
		After:  []byte(`{"name":"p","settings":{"steps":[{"type":"map","fields":{"a":"2"}}]}}`)}
	err := h.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddRevision(t.Context(), r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.as("administrator@example.com").get("/settings/audit?kind=pipeline").want(http.StatusOK).
		has("steps.1.fields.a", "<del>1</del>", "<ins>2</ins>").hasNot("steps.1.type")
}

var onePage = store.Page{Limit: 50}

func revisionsOf(t settings.Tenant, kind string) store.RevisionFilter {
	return store.RevisionFilter{Tenant: t.No, Kind: kind}
}

func deliveriesOf(t settings.Tenant) store.DeliveryFilter { return store.DeliveryFilter{Tenant: t.No} }
