package web_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/pipeline"
	"hacek/internal/settings"
	"hacek/internal/store"
)

var byTest = settings.By{Name: "test"}

// erp gives the house an SQLite database with tables of orders and their lines, and pipelines that can be tried.
func (h *house) erp() {
	h.Helper()
	dir := h.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "erp.db"))
	if err != nil {
		h.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(h.Context(), `
		CREATE TABLE orders (number TEXT PRIMARY KEY, state TEXT, warehouse TEXT NOT NULL);
		CREATE TABLE order_lines (order_number TEXT NOT NULL, line_no INTEGER NOT NULL, sku TEXT NOT NULL, quantity TEXT, PRIMARY KEY (order_number, line_no))`); err != nil {
		h.Fatal(err)
	}
	h.settings.Databases = connection.Options{Dir: dir}
	h.settings.Runner = &pipeline.Runner{}
	if _, err := h.settings.CreateConnection(h.Context(), h.tenant.No, json.RawMessage(`{"name":"Money","driver":"sqlite","dsn":"erp.db"}`), byTest); err != nil {
		h.Fatal(err)
	}
}

func (h *house) table(tenant settings.Tenant, raw string) settings.Table {
	h.Helper()
	t, err := h.settings.CreateTable(h.Context(), tenant.No, json.RawMessage(raw), byTest)
	if err != nil {
		h.Fatal(err)
	}
	return t
}

func (h *house) pipeline(tenant settings.Tenant, name string, steps ...hub.Step) hub.Target {
	h.Helper()
	p := hub.DefaultPipeline()
	p.Name, p.Steps = name, steps
	p.Subscription.EventTypes = []string{"order.created"}
	t, err := h.settings.CreatePipeline(h.Context(), tenant.No, p, byTest)
	if err != nil {
		h.Fatal(err)
	}
	return t
}

func pathOf(t hub.Target) string { return "/pipelines/" + t.ID.Text(hub.PipelinePrefix) }

// etagIn is the version that a page shows.
func (p page) etag() string {
	p.Helper()
	found := regexp.MustCompile(`name="etag" value="&#34;(\d+)&#34;"`).FindStringSubmatch(p.text)
	if found == nil {
		p.Fatalf("%s shows no version", p.call)
	}
	return `"` + found[1] + `"`
}

// submit sends the form of a page with other values in some of its fields.
func (b *browser) submit(path string, fields ...string) page {
	b.Helper()
	form := formOf(b.T, b.get(path).want(http.StatusOK).text, path)
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do("POST", path, form)
}

func translating(table string) hub.Step {
	return hub.Step{Type: hub.StepMap, As: "row", Fields: map[string]string{"state": "#order.status#"}, Tables: map[string]string{"state": table}}
}

func TestAWordThatIsAskedForIsAddedAndTriedAgain(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	states := h.table(h.tenant, `{"name":"Stavy, shop","entries":{"Nová":"10"},"default":null}`)
	target := h.pipeline(h.tenant, "Orders", translating(states.Name))
	for _, o := range h.ingest.Publish(t.Context(), h.tenant.No, ingest.Input{Type: "order.created", Key: new("2018000057"), Data: []byte(`{"order":{"status":"<b>Čeká"}}`)}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	rows, _, err := h.store.Deliveries(t.Context(), store.DeliveryFilter{Tenant: h.tenant.No, Targets: []int64{target.No}}, store.Page{})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	h.attempt(rows[0], hub.Attempt{Result: hub.StepFailed, Error: "a step failed", Steps: []hub.StepRecord{{
		N: 1, Type: hub.StepMap, Result: hub.StepBroken, Input: `{"order.status":"<b>Čeká"}`,
		Error: `the translation table "Stavy, shop" has no word "<b>Čeká" (field state)`,
	}}})
	b := h.as("editor@example.com")
	shown := b.get(pathOf(target)).want(http.StatusOK).has("Last run:", "2018000057", "Stopped", "Add the word", "is not in the table", "&lt;b&gt;Čeká").hasNot("<b>Čeká")
	link := regexp.MustCompile(`href="(/tables/[^"]*)"><svg`).FindStringSubmatch(shown.text)
	if link == nil {
		t.Fatal("no way to the table")
	}
	address := strings.ReplaceAll(link[1], "&amp;", "&")
	form := b.get(address).want(http.StatusOK).has(`value="&lt;b&gt;Čeká"`, "Save and try again", "has no translation yet")
	// Another run meets the same word: the table knows it as seen, once.
	if seen := b.get("/tables/" + states.ID.Text(hub.TablePrefix)).want(http.StatusOK); strings.Count(seen.text, `value="&lt;b&gt;Čeká"`) != 1 {
		t.Error("the word that came is not offered once")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	given := []string{"etag", form.etag(), "name", states.Name, "unknown", "stop", "word", u.Query().Get("word"), "delivery", u.Query().Get("delivery"), "theirs", "Nová", "ours", "10", "theirs", "<b>Čeká", "do", "again"}
	path := "/tables/" + states.ID.Text(hub.TablePrefix)
	b.post(path, append(given, "ours", "")...).want(422).has("Write your word for", `value="&lt;b&gt;Čeká"`, "Save and try again")
	answer := b.post(path, append(given, "ours", "20")...).want(http.StatusSeeOther)
	if to := answer.header.Get("Location"); !strings.HasPrefix(to, "/deliveries/dlv_") {
		t.Errorf("went to %s", to)
	}
	saved, err := h.settings.Table(t.Context(), h.tenant.No, states.Name)
	if err != nil || saved.Entries["<b>Čeká"] != "20" || saved.Entries["Nová"] != "10" {
		t.Errorf("got %v %v", saved.Entries, err)
	}
	b.post(path, append(given, "ours", "30")...).want(http.StatusPreconditionFailed).has("Somebody has changed this meanwhile", `value="30"`)
	b.post(path+"/delete", "etag", `"2"`).want(http.StatusConflict).has("Orders")
}

func TestStepsAreAddedMovedAndRemoved(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	target := h.pipeline(h.tenant, "Orders",
		hub.Step{Type: hub.StepFetch, As: "order", Request: &hub.Request{URL: "https://shop.example/#event.key#"}, Auth: &hub.Auth{Type: hub.AuthBearer, Token: hub.NewSecret("planted token")}},
		hub.Step{Type: hub.StepMap, As: "row", Fields: map[string]string{"state": "#order.status#"}})
	b := h.as("editor@example.com")
	path := pathOf(target)
	shown := b.get(path).want(http.StatusOK).has("1. Fetch the detail", "2. Translate", "https://shop.example/#event.key#").hasNot("planted")
	add := b.get(path + "/steps/new?type=wait").want(http.StatusOK).has("3. Wait")
	b.post(path+"/steps/new", "type", "wait", "for", "soon", "etag", add.etag()).want(422).has(`value="soon"`, `aria-invalid="true"`)
	b.post(path+"/steps/new", "type", "wait", "for", "30s", "etag", add.etag()).want(http.StatusSeeOther)
	b.post(path+"/steps/2/move", "way", "down", "etag", shown.etag()).want(http.StatusPreconditionFailed).has("Somebody has changed this meanwhile")
	shown = b.get(path)
	b.post(path+"/steps/1/move", "way", "down", "etag", shown.etag()).want(422).has("Something here does not fit") // step 2 uses its result
	b.post(path+"/steps/3/move", "way", "up", "etag", shown.etag()).want(http.StatusSeeOther)
	b.post(path+"/steps/2/move", "way", "up", "etag", b.get(path).etag()).want(http.StatusSeeOther)
	moved, err := h.settings.Pipeline(t.Context(), h.tenant.No, target.Name)
	if err != nil || moved.Pipeline.Steps[0].Type != hub.StepWait || moved.Pipeline.Steps[1].Auth.Token.Reveal() != "planted token" {
		t.Fatalf("got %+v %v", moved.Pipeline.Steps, err)
	}
	asJSON := b.get(path + "/steps/2?view=json").want(http.StatusOK).has("***").hasNot("planted")
	b.post(path+"/steps/2", "type", "fetch", "view", "json", "json", `{"type":"fetch"`, "etag", asJSON.etag()).want(422).has(`{&#34;type&#34;:&#34;fetch&#34;</textarea>`)
	b.submit(path+"/steps/2", "url", "https://shop.example/v2/#event.key#").want(http.StatusSeeOther)
	b.post(path+"/steps/1/remove", "etag", b.get(path).etag()).want(http.StatusSeeOther)
	kept, err := h.settings.Pipeline(t.Context(), h.tenant.No, target.Name)
	if err != nil || len(kept.Pipeline.Steps) != 2 || kept.Pipeline.Steps[0].Auth.Token.Reveal() != "planted token" || kept.Pipeline.Steps[0].Request.URL != "https://shop.example/v2/#event.key#" {
		t.Errorf("the form lost a secret: %+v %v", kept.Pipeline.Steps, err)
	}
	b.get(path + "/steps/9").want(http.StatusNotFound)
	b.post(path+"/switch", "etag", b.get(path).etag()).want(http.StatusSeeOther)
	b.get(path).want(http.StatusOK).has("Switch on", "is off")
}

func TestN11_APipelinesConditionIsSeenOnLastWeeksEventsFirst(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	target := h.pipeline(h.tenant, "Orders", hub.Step{Type: hub.StepWait, For: hub.Duration(time.Second)})
	for i, total := range []string{"50.00", "150.00", "250.00"} {
		h.publish("order.created", fmt.Sprintf("201800005%d", i), `{"total":"`+total+`"}`)
	}
	b := h.as("editor@example.com")
	path := pathOf(target) + "/edit"
	form := formOf(t, b.get(path).want(http.StatusOK).text, path)
	form.Set("description", "large ones")
	form.Set("condition", "num(data.total) >")
	b.do("POST", path, form).want(422).has("num(data.total) &gt;")
	form.Set("condition", "num(data.total) > 100.0")
	asked := b.do("POST", path, form).want(http.StatusOK).
		has("Of 3 events of the last 7 days, 2 would be taken; it was 3.", "0 more, 1 fewer. Nothing is saved yet.", "2018000050", "would no longer be taken", "large ones")
	stored := func() hub.Pipeline {
		got, err := h.settings.Pipeline(t.Context(), h.tenant.No, target.Name)
		if err != nil {
			t.Fatal(err)
		}
		return got.Pipeline
	}
	if p := stored(); p.Subscription.Condition != "" || p.Description != "" {
		t.Fatalf("stored unasked: %+v", p)
	}
	b.do("POST", path, formOf(t, asked.text, path)).want(http.StatusSeeOther)
	if p := stored(); p.Subscription.Condition != "num(data.total) > 100.0" || p.Description != "large ones" {
		t.Fatalf("stored is %+v", p)
	}
}

func TestARowIsMatchedWithTheRealTable(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	h.erp()
	target := h.pipeline(h.tenant, "Orders", hub.Step{Type: hub.StepMap, As: "row", Fields: map[string]string{"state": "#event.type#"}})
	b := h.as("editor@example.com")
	path := pathOf(target)
	form := b.get(path + "/steps/new?type=upsert").want(http.StatusOK).has("Money")
	b.post(path+"/steps/new", "type", "upsert", "connection", "Money", "do", "look", "etag", form.etag()).want(http.StatusOK).has(`<option value="orders">orders</option>`)
	columns := b.post(path+"/steps/new", "type", "upsert", "connection", "Money", "into", "orders", "do", "look", "etag", form.etag()).want(http.StatusOK).
		has("Value for warehouse", "needs a value", `name="key" value="number" checked`)
	row := []string{"type", "upsert", "connection", "Money", "into", "orders", "shown", "orders", "shown_connection", "Money", "etag", columns.etag(),
		"column", "number", "column", "state", "column", "warehouse", "value", "#event.key#", "value", "#row.state#"}
	b.post(path+"/steps/new", append(row, "value", "#B 1", "do", "save")...).want(422).has("Something here does not fit", `value="#B 1"`)
	b.post(path+"/steps/new", append(row, "value", "A1", "key", "number", "do", "save")...).want(http.StatusSeeOther)
	saved, err := h.settings.Pipeline(t.Context(), h.tenant.No, target.Name)
	if err != nil || len(saved.Pipeline.Steps) != 2 || saved.Pipeline.Steps[1].Columns["warehouse"] != "A1" {
		t.Fatalf("got %+v %v", saved.Pipeline.Steps, err)
	}
	b.post(path+"/dry-run", "with", "type:order.created").want(http.StatusOK).has("Nothing was written", "Stops at step 2")
	b.post(path+"/dry-run", "with", "evt_00000000000000000000000000").want(http.StatusNotFound)
}

// Order lines: rows below the order, each with its own two columns and arrows.
func TestRowsBelowAreMatchedToo(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	h.erp()
	h.eventType(`{"name":"order.created","sample":{"number":"A1","items":[{"lineNo":1,"sku":"X-1","amount":"2.50"}]}}`)
	target := h.pipeline(h.tenant, "Orders", hub.Step{Type: hub.StepUpsert, Connection: "Money", Table: "orders", Key: []string{"number"},
		Columns: map[string]string{"number": "#number#", "warehouse": "B"}})
	b := h.as("editor@example.com")
	path := pathOf(target) + "/steps/1"
	post := func(form url.Values, fields ...string) page {
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		return b.do("POST", path, form)
	}
	form := formOf(t, b.get(path).want(200).has("Add rows below").hasNot("Remove these rows").text, path)
	form = formOf(t, post(form, "do", "add_child").want(200).has("Remove these rows", `<option value="data.items">`).text, path)
	post(form, "do", "save").want(422).has(`id="f-child.0.table-error"`, "is missing")
	form = formOf(t, post(form, "do", "look", "child.0.table", "order_lines", "child.0.each", "data.items").want(200).
		has("in the table order_lines", `name="child.0.value" value="#lineNo#"`, "X-1", `<option value="order_number" selected>`, `<option value="number" selected>`,
			`name="child.0.key" value="line_no" checked`).text, path)
	if columns := form["child.0.column"]; !slices.Equal(columns, []string{"line_no", "sku", "quantity"}) {
		t.Fatalf("the columns are %v", columns)
	}
	form["child.0.value"] = []string{"#lineNo#", "#sku#", "#amount#"}
	post(form, "do", "save", "child.0.replace", "on").want(http.StatusSeeOther)
	want := hub.Child{Table: "order_lines", Each: "data.items", Replace: true, Key: []string{"line_no"}, Parent: map[string]string{"order_number": "number"},
		Columns: map[string]string{"line_no": "#lineNo#", "sku": "#sku#", "quantity": "#amount#"}}
	stored := func() hub.Target {
		got, err := h.settings.Pipeline(t.Context(), h.tenant.No, target.Name)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := stored().Pipeline.Steps[0].Children; len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Fatalf("stored is %+v", got)
	}
	version := stored().Version
	form = formOf(t, b.get(path).want(200).has("2.50").text, path)
	post(form, "do", "save").want(http.StatusSeeOther)
	if now := stored().Version; now != version {
		t.Errorf("saving the form untouched made version %d of %d", now, version)
	}
	form = formOf(t, post(form, "do", "add_child", "etag", formOf(t, b.get(path).text, path).Get("etag")).want(200).text, path)
	form.Del("do")
	form = formOf(t, post(form, "do_remove_child", "0").want(200).hasNot("in the table order_lines").text, path)
	form.Del("do_remove_child")
	form.Set("do_remove_child", form.Get("child"))
	form = formOf(t, b.do("POST", path, form).want(200).hasNot("Remove these rows").text, path)
	post(form, "do", "save").want(http.StatusSeeOther)
	if got := stored().Pipeline.Steps[0].Children; len(got) != 0 {
		t.Errorf("left are %+v", got)
	}
}

func TestRule14_ForeignPipelinesAndTablesAreNotThere(t *testing.T) {
	h := newHouse(t)
	uid := "customer"
	other, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	h.user(h.tenant, hub.Editor, nil)
	theirs := h.pipeline(other, "Their orders", hub.Step{Type: hub.StepWait, For: hub.Duration(1e9)})
	words := h.table(other, `{"name":"Foreign words","entries":{}}`)
	b := h.as("editor@example.com")
	for _, path := range []string{"", "/edit", "/steps/1", "/steps/new?type=wait"} {
		b.get(pathOf(theirs) + path).want(http.StatusNotFound).hasNot("Their orders")
	}
	for _, path := range []string{"/edit", "/pause", "/resume", "/switch", "/delete", "/dry-run", "/steps/new", "/steps/1", "/steps/1/move", "/steps/1/remove"} {
		b.post(pathOf(theirs)+path, "type", "wait").want(http.StatusNotFound)
	}
	table := "/tables/" + words.ID.Text(hub.TablePrefix)
	b.get(table).want(http.StatusNotFound).hasNot("Foreign words")
	b.post(table, "name", "x").want(http.StatusNotFound)
	b.post(table + "/delete").want(http.StatusNotFound)
	b.get("/pipelines").want(http.StatusOK).has("No pipeline yet").hasNot("Their orders")
	b.get("/tables").want(http.StatusOK).hasNot("Foreign words")
}
