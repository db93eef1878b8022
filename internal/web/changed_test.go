package web_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// editForm is a form that saves what is there already. The other person's change is made while it is open.
type editForm struct {
	template     string // without .html
	path, action string
	theirs       func() error
	wrong        map[string]string // a mistake that is made first
	mine         map[string]string
	rows         int      // settings that then differ
	shows        []string // theirs, and mine where no field shows it
}

// editForms is every form of the console that changes an object.
func (h *house) editForms() []editForm {
	h.Helper()
	ctx, tenant := h.Context(), h.tenant.No
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	fatal := func(err error) {
		h.Helper()
		if err != nil {
			h.Fatal(err)
		}
	}
	h.erp()
	boss := h.user(h.tenant, hub.Administrator, nil)
	webhook := "/webhooks/" + refOf(h.endpoint(h.tenant, "WMS")) + "/edit"
	pipeline := h.pipeline(h.tenant, "Orders", hub.Step{Type: hub.StepWait, For: hub.Duration(30 * time.Second)})
	table := h.table(h.tenant, `{"name":"states","entries":{"new":"1","paid":"2"}}`)
	source, err := h.settings.CreateSource(ctx, tenant, raw(`{"name":"Eshop","verify":{"scheme":"none"}}`), byTest)
	fatal(err)
	connection, err := h.settings.Connection(ctx, tenant, "Money")
	fatal(err)
	listener, err := h.settings.CreateListener(ctx, raw(`{"name":"outside","address":"127.0.0.1:8443","serves":["receiver"],"active":false}`), byTest)
	fatal(err)
	kind := settings.DefaultEventType()
	kind.Name, kind.Group = "order.created", "order"
	_, _, err = h.settings.PutEventType(ctx, kind, "", byTest)
	fatal(err)
	uid := "shop"
	shop, _, err := h.settings.CreateTenant(ctx, settings.Tenant{UID: &uid, Name: "Shop"}, byTest)
	fatal(err)
	person := "/settings/users/" + h.user(h.tenant, hub.Viewer, nil).ID.Text(hub.UserPrefix)
	firm := "/settings/tenants/" + shop.ID.Text(hub.TenantPrefix)
	patchTenant := func(patch string) func() error {
		return func() error { _, err := h.settings.PatchTenant(ctx, "shop", raw(patch), "", byTest); return err }
	}
	patchUser := func(id hub.ID, patch string) func() error {
		return func() error {
			_, err := h.settings.PatchUser(ctx, tenant, id.Text(hub.UserPrefix), raw(patch), hub.Secret{}, "", byTest)
			return err
		}
	}
	viewer, err := hub.ParseID(hub.UserPrefix, strings.TrimPrefix(person, "/settings/users/"))
	fatal(err)
	steps := pathOf(pipeline) + "/steps/1"
	return []editForm{
		{"webhook_form", webhook, webhook, func() error {
			_, err := h.settings.PatchEndpoint(ctx, tenant, "WMS", raw(`{"description":"<b>theirs","request":{"compress":true},"subscription":{"event_types":["a.b"]}}`), "", byTest)
			return err
		}, map[string]string{"retries": "soon", "do": "save"}, map[string]string{"name": "Mine", "retries": "7s", "do": "save"}, 5, []string{"&lt;b&gt;theirs", "Compress the body", "ticked", "a.b"}},
		{"pipeline_edit", pathOf(pipeline) + "/edit", pathOf(pipeline) + "/edit", func() error {
			_, err := h.settings.PatchPipeline(ctx, tenant, "Orders", raw(`{"description":"theirs"}`), "", byTest)
			return err
		}, map[string]string{"name": strings.Repeat("x", 300)}, map[string]string{"name": "Orders", "description": "Mine"}, 2, []string{"theirs"}},
		{"step", steps, steps, func() error {
			_, err := h.settings.PatchPipeline(ctx, tenant, "Orders", raw(`{"steps":[{"type":"wait","for":"77s"}]}`), "", byTest)
			return err
		}, map[string]string{"for": "soon", "do": "save"}, map[string]string{"for": "45s", "do": "save"}, 1, []string{"1m17s", "45s"}},
		{"translation", "/tables/" + table.ID.Text(hub.TablePrefix), "/tables/" + table.ID.Text(hub.TablePrefix), func() error {
			_, err := h.settings.PatchTable(ctx, tenant, "states", raw(`{"entries":{"lost":"9"},"description":"theirs"}`), "", byTest)
			return err
		}, map[string]string{"name": strings.Repeat("x", 300)}, map[string]string{"name": "Mine", "do": "save"}, 3, []string{"theirs", "lost", "9"}},
		{"source_edit", "/sources/" + source.ID.Text(hub.SourcePrefix) + "/edit", "/sources/" + source.ID.Text(hub.SourcePrefix) + "/edit", func() error {
			_, err := h.settings.PatchSource(ctx, tenant, "Eshop", raw(`{"description":"theirs","thin":true,"key":"body.theirs"}`), "", byTest)
			return err
		}, map[string]string{"status": "fine"}, map[string]string{"status": "200", "name": "Mine", "do": "save"}, 4, []string{"theirs", "ticked", "body.theirs"}},
		{"connection_form", "/connections/" + connection.ID.Text(hub.ConnPrefix) + "/edit", "/connections/" + connection.ID.Text(hub.ConnPrefix) + "/edit", func() error {
			_, err := h.settings.PatchConnection(ctx, tenant, "Money", raw(`{"description":"theirs"}`), "", byTest)
			return err
		}, map[string]string{"file": ""}, map[string]string{"file": "erp.db", "name": "Mine"}, 2, []string{"theirs"}},
		{"catalogue_form", "/catalogue/types/order.created/edit", "/catalogue/types/order.created/edit", func() error {
			next := kind
			next.Group, next.Deprecated = "theirs", true
			_, _, err := h.settings.PutEventType(ctx, next, "", byTest)
			return err
		}, map[string]string{"sample": "{"}, map[string]string{"sample": "{}", "key": "mine.number"}, 4, []string{"theirs", "ticked"}},
		{"listener_form", "/settings/listeners/" + listener.ID.Text(hub.ListenerPrefix), "/settings/listeners/" + listener.ID.Text(hub.ListenerPrefix), func() error {
			_, err := h.settings.PatchListener(ctx, "outside", raw(`{"public_url":"https://theirs.example"}`), "", byTest)
			return err
		}, map[string]string{"address": "nowhere"}, map[string]string{"address": "127.0.0.1:8443", "name": "Mine"}, 3, []string{"https://theirs.example"}},
		{"user", person, person, patchUser(viewer, `{"role":"operator","name":"Theirs"}`), map[string]string{"email": "nobody"}, map[string]string{"email": "mine@example.com"}, 3, []string{"Theirs", "operator"}},
		{"tenant", firm, firm, patchTenant(`{"name":"Theirs"}`), map[string]string{"metadata": "{"}, map[string]string{"metadata": "{}", "name": "Mine"}, 1, []string{"Theirs"}},
		{"tenant", firm, firm + "/portal", patchTenant(`{"portal":{"frame_ancestors":["https://theirs.example"]}}`), map[string]string{"accent": "red"}, map[string]string{"accent": "#7a1fa2", "paper": "#ffffff"}, 3, []string{"https://theirs.example"}},
		{"profile", "/profile", "/profile", patchUser(boss.ID, `{"time_zone":"Atlantic/Reykjavik"}`), map[string]string{"time_zone": "Nowhere"}, map[string]string{"time_zone": "Europe/Prague", "name": "Mine"}, 2, []string{"Atlantic/Reykjavik"}},
	}
}

// Whoever saves later sees what somebody else stored meanwhile beside what they typed, keeps all of it, and saves it
// then or not. A mistake in between does not make the form forget what it was filled from.
func TestE8_EveryEditFormSaysThatSomebodyWasFaster(t *testing.T) {
	h := newHouse(t)
	forms := h.editForms()
	b := h.as("administrator@example.com")
	for _, f := range forms {
		t.Run(f.template, func(t *testing.T) {
			b.T, h.T = t, t
			form := formOf(t, b.get(f.path).want(http.StatusOK).text, f.action)
			if err := f.theirs(); err != nil {
				t.Fatal(err)
			}
			set := func(values map[string]string) {
				for name, value := range values {
					form.Set(name, value)
				}
			}
			set(f.mine)
			set(f.wrong)
			late := b.do("POST", f.action, form)
			if late.status == http.StatusUnprocessableEntity { // the mistake was seen first
				form = formOf(t, late.text, f.action)
				late.hasNot("Stored now")
			}
			set(f.mine)
			if late.status == http.StatusUnprocessableEntity {
				late = b.do("POST", f.action, form)
			} else {
				set(f.wrong)
			}
			late.want(http.StatusPreconditionFailed).has(f.shows...).has("Stored now", "Yours").hasNot("<b>theirs")
			if rows := strings.Count(late.text, `data-label="Stored now"`); rows != f.rows {
				t.Errorf("%d settings are said to differ, want %d", rows, f.rows)
			}
			again := formOf(t, late.text, f.action)
			for name, typed := range form {
				if name != "do" && name != "etag" && !slices.Equal(again[name], typed) {
					t.Errorf("%s has become %q, typed was %q", name, again[name], typed)
				}
			}
			form.Set("etag", again.Get("etag"))
			set(f.mine)
			b.do("POST", f.action, form).want(http.StatusSeeOther)
		})
	}
}

// A form that says what it was filled from changes something: it is among those that are tried, or it only deletes.
func TestEveryFormWithAVersionIsTried(t *testing.T) {
	known := map[string]bool{"webhook_delete": true, "connection": true, "pipeline": true, "catalogue_type": true, "source": true} // switch, order and delete
	for _, f := range newHouse(t).editForms() {
		known[f.template] = true
	}
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if page := strings.TrimSuffix(filepath.Base(name), ".html"); strings.Contains(string(text), `name="etag"`) && !known[page] {
			t.Errorf("%s has a form that no test edits in two places: add it to editForms", page)
		}
	}
}
