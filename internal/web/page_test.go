package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

func TestRolesDecideWhatOneMayPress(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, nil)
	h.user(h.tenant, hub.Operator, nil)
	path := "/webhooks/" + h.endpoint(h.tenant, "WMS").ID.Text(hub.EndpointPrefix)
	viewer, operator := h.as("viewer@example.com"), h.as("operator@example.com")
	viewer.get(path).want(http.StatusOK).hasNot(path+"/pause", "Edit")
	viewer.post(path+"/pause", "why", "x").want(http.StatusForbidden).has("This is not allowed for you")
	viewer.post(path + "/resume").want(http.StatusForbidden)
	operator.get(path).want(http.StatusOK).has(path + "/pause")
	operator.post(path+"/pause", "why", "x").want(http.StatusSeeOther)
	operator.get(path).want(http.StatusOK).has("Paused by The operator", path+"/resume")
	operator.post(path+"/resume", "rate", "nonsense").want(http.StatusUnprocessableEntity)
	operator.post(path+"/resume", "rate", "5/s").want(http.StatusSeeOther)
	operator.get(path).want(http.StatusOK).has("Active", "“WMS” goes on.")
	operator.get(path).hasNot("“WMS” goes on.") // said once
}

func TestRule14_ForeignTenantsAreNotThere(t *testing.T) {
	h := newHouse(t)
	uid := "customer"
	other, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h.user(h.tenant, hub.Editor, nil)
	h.user(other, hub.Administrator, nil)
	ours, theirs := h.endpoint(h.tenant, "Our WMS"), h.endpoint(other, "Their CRM")
	for email, foreign := range map[string]hub.Target{"editor@example.com": theirs, "administrator@example.com": ours} {
		b := h.as(email)
		path := "/webhooks/" + foreign.ID.Text(hub.EndpointPrefix)
		b.get(path).want(http.StatusNotFound).hasNot(foreign.Name)
		b.get("/webhooks/" + strings.ReplaceAll(foreign.Name, " ", "%20")).want(http.StatusNotFound)
		b.post(path + "/pause").want(http.StatusNotFound)
		b.post(path + "/resume").want(http.StatusNotFound)
		b.get("/").want(http.StatusOK).hasNot(foreign.Name)
		b.get("/webhooks").want(http.StatusOK).hasNot(foreign.Name)
	}
}

func TestTwoPeopleWhoChangeTheSame(t *testing.T) {
	h := newHouse(t)
	u := h.user(h.tenant, hub.Viewer, nil)
	b := h.as("viewer@example.com")
	b.get("/profile").want(http.StatusOK).has(`name="etag" value="&#34;1&#34;"`)
	_, err := h.settings.PatchUser(t.Context(), h.tenant.No, u.ID.Text(hub.UserPrefix), []byte(`{"name":"Renamed"}`), hub.Secret{}, "", settings.By{Name: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	fields := []string{"name", "What I typed", "language", "en", "time_zone", "Europe/Prague", "theme", ""}
	b.post("/profile", append(fields, "etag", `"1"`)...).want(http.StatusPreconditionFailed).
		has("Somebody has changed this meanwhile", `value="What I typed"`, `value="&#34;2&#34;"`)
	b.post("/profile", append(fields, "etag", `"2"`)...).want(http.StatusSeeOther)
	b.get("/profile").want(http.StatusOK).has(`value="What I typed"`)
	b.post("/profile", "name", "", "language", "xx", "time_zone", "Nowhere/City", "theme", "", "etag", `"3"`).want(422).
		has("Something here does not fit", `value="Nowhere/City"`, `href="#f-time_zone"`, `href="#f-name"`)
}

func TestANewPasswordSignsOthersOut(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, nil)
	here, there := h.as("viewer@example.com"), h.as("viewer@example.com")
	here.post("/profile/password", "current", "not it at all", "password", "another password").want(422).
		has("That is not the current password.").hasNot("not it at all", "another password")
	here.post("/profile/password", "current", password, "password", "short").want(422).has("at least 10")
	here.post("/profile/password", "current", password, "password", "another password").want(http.StatusSeeOther)
	here.get("/").want(http.StatusOK)
	there.get("/").want(http.StatusSeeOther)
	there.post("/login", "email", "viewer@example.com", "password", password).want(422)
	there.post("/login", "email", "viewer@example.com", "password", "another password").want(http.StatusSeeOther)
}

func TestTodayTellsTheTruth(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	b := h.as("editor@example.com")
	b.get("/").want(http.StatusOK).has("Nothing is connected yet", "Nobody receives yet")
	target := h.endpoint(h.tenant, "WMS")
	b.get("/").want(http.StatusOK).has("Everything flows", "Nothing in the last 24 hours", "https://wms.example")
	out := h.ingest.Publish(t.Context(), h.tenant.No, ingest.Input{Type: "order.created", Data: []byte(`{}`)}, ingest.Input{Type: "order.created", Data: []byte(`{}`)})
	for _, o := range out {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	h.clock.Advance(90 * time.Minute)
	b.get("/").want(http.StatusOK).has("2 deliveries wait in the hub.", "1\u00a0h\u00a030\u00a0min")
	rows, _, err := h.store.Deliveries(t.Context(), store.DeliveryFilter{Tenant: h.tenant.No, Targets: []int64{target.No}}, store.Page{})
	if err != nil || len(rows) != 2 {
		t.Fatal(len(rows), err)
	}
	h.attempt(rows[0], hub.Attempt{Result: hub.Succeeded, Status: 202, Took: 40 * time.Millisecond})
	h.attempt(rows[1], hub.Attempt{Result: hub.Refused, Status: 500, Final: true, Error: "answered 500"})
	page := b.get("/").want(http.StatusOK).has("One delivery failed, the rest flows", "Answered 500", "1 delivered, failed tries: 1", "Nothing waits in the hub.", `class="f"`, `class="d"`)
	if err := h.console.Tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := b.get("/").want(http.StatusOK); after.text != page.text {
		t.Errorf("what is written down differs from what was counted:\n%s\n%s", page.text, after.text)
	}
	if _, err := h.settings.Pause(t.Context(), h.tenant.No, "WMS", settings.By{Name: "Óskar"}, "<b>until \u202efour</b>"); err != nil {
		t.Fatal(err)
	}
	b.get("/").want(http.StatusOK).has("One target is paused", "was paused by Óskar", "&lt;b&gt;until �four&lt;/b&gt;").hasNot("<b>until", "Everything flows")
}

// attempt records how an attempt ended, as the engine would.
func (h *house) attempt(d store.DeliveryRow, a hub.Attempt) {
	h.Helper()
	a.N, a.At = 1, h.clock.Now()
	o := &store.Outcome{
		Delivery: d.Delivery, Tenant: h.tenant.No, Attempt: &a, At: a.At,
		Next: d.After(&a, hub.DefaultRetry(), hub.Stuck{}, a.At, 0.5),
	}
	h.store.Record(o)
	if err := h.store.Canary(h.Context()); err != nil { // writes are done in order
		h.Fatal(err)
	}
	h.console.Tally.Recorded([]*store.Outcome{o})
}

func TestN7_EveryLanguageSpeaks(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, func(u *hub.User) { u.Language = "" })
	b := h.as("viewer@example.com")
	for language, word := range map[string]string{"en": "Nothing is connected yet", "cs": "Zatím není nic propojeno", "sk": "Zatiaľ nie je nič prepojené", "de-AT,en;q=0.5": "Noch ist nichts verbunden", "it": "Non è ancora collegato nulla", "is": "Ekkert er tengt enn"} {
		b.get("/", "Accept-Language", language).want(http.StatusOK).has(word, fmt.Sprintf(`lang="%s"`, language[:2]))
	}
	b.post("/profile/look", "language", "cs", "to", "/webhooks").want(http.StatusSeeOther)
	b.get("/", "Accept-Language", "de").want(http.StatusOK).has("Zatím není nic propojeno")
	b.post("/profile/look", "theme", "dark", "to", "/").want(http.StatusSeeOther)
	b.get("/").want(http.StatusOK).has(`data-theme="dark"`, "Zatím není nic propojeno")
}

// All templates are one set: the second of a name would silently take the place of the first.
func TestEveryTemplateHasANameOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	name := func(name, file string) {
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s both define %q", other, file, name)
		}
		seen[name] = file
	}
	files, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	partials, err := filepath.Glob("templates/partial/*.html")
	if err != nil || len(partials) == 0 {
		t.Fatalf("no partials: %v", err)
	}
	defined := regexp.MustCompile(`{{-?\s*(?:define|block) "([^"]+)"`)
	for _, file := range append(files, partials...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name(filepath.Base(file), file)
		for _, d := range defined.FindAllSubmatch(text, -1) {
			name(string(d[1]), file)
		}
	}
}

// What somebody typed is shown as it is, whatever the reader's language: the hub translates only what it says itself.
func TestThePauseOfAPersonSpeaksInTheirWords(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, func(u *hub.User) { u.Language = "de" })
	target := h.endpoint(h.tenant, "Sklad")
	b := h.as("operator@example.com")
	path := "/webhooks/" + target.ID.Text(hub.EndpointPrefix)
	for _, why := range []string{"from noon to five", "stock-taking: it waits to be looked at", "header X is missing"} {
		b.post(path+"/pause", "why", why).want(http.StatusSeeOther)
		b.get(path).want(http.StatusOK).has("Angehalten von The operator", why)
		b.get("/").want(http.StatusOK).has(why)
		b.post(path + "/resume").want(http.StatusSeeOther)
	}
}
