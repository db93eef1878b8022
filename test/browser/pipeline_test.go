package browser

import (
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"hacek/internal/await"
)

// shop is a pretend Shoptet: it gives a token to who has the right one, and the order with the status of the moment.
func shop(t *testing.T) (address string, status *atomic.Value) {
	t.Helper()
	detail, err := os.ReadFile("../../packs/samples/shoptet-order-detail.json")
	if err != nil {
		t.Fatal(err)
	}
	status = &atomic.Value{}
	status.Store("Nevyřízená")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/action/ApiOAuthServer/getAccessToken" && r.Header.Get("Authorization") == "Bearer planted-token":
			_, _ = io.WriteString(w, `{"access_token":"222651-token","expires_in":1800}`)
		case r.URL.Path == "/api/orders/2018000057" && r.Header.Get("Shoptet-Access-Token") == "222651-token":
			word, _ := status.Load().(string)
			_, _ = io.WriteString(w, strings.Replace(string(detail), "Nevyřízená", word, 1))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, status
}

// erp is an SQLite database with the tables that a ready pipeline writes, and the connection to it.
func (h *testHub) erp(t *testing.T) *sql.DB {
	t.Helper()
	db := h.erpFile(t)
	h.api(t, "POST", "/v1/connections", `{"name":"Money","driver":"sqlite","dsn":"erp.db"}`)
	return db
}

// erpFile is the database erp.db in the hub's folder of connections.
func (h *testHub) erpFile(t *testing.T) *sql.DB {
	t.Helper()
	var presets struct {
		Data []struct {
			Name     string              `json:"name"`
			Pack     string              `json:"pack"`
			Database map[string][]string `json:"database"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(h.api(t, "GET", "/v1/presets?kind=pipeline", "")), &presets); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(h.data, "connections")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "erp.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, p := range presets.Data {
		if p.Pack != "shoptet" || p.Name != "orders" {
			continue
		}
		for _, statement := range p.Database["sqlite"] {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	return db
}

// wantRow waits until the order stands in the ERP with a status.
func wantRow(t *testing.T, db *sql.DB, status string) {
	t.Helper()
	var customer, got string
	var err error
	defer func() {
		if t.Failed() {
			t.Logf("the ERP has %q %q %v", customer, got, err)
		}
	}()
	await.Until(t, "the order in the ERP with the status "+status, func() bool {
		err = db.QueryRowContext(t.Context(), `SELECT customer_name, status FROM orders WHERE number = '2018000057'`).Scan(&customer, &got)
		return err == nil && got == status && customer == "Žofie Černá"
	})
}

// TestE8_N11_FromTheFirstStartToARow is the journey of whoever connects a shop to an ERP: name the database, connect the shop,
// take the ready pipeline, try it without writing, see the row arrive, and add the word that the hub asks for.
func TestE8_N11_FromTheFirstStartToARow(t *testing.T) {
	t.Parallel()
	for language, says := range map[string]struct {
		pipelines, ready, shop, token, api, create, try, passes, nothing, lastRun, done, addWord, oursFor, again, saved, steps, editWrite, value, tables, dryRun string
	}{
		"cs": {"Postupy", "Objednávky do ERP", "Adresa e-shopu", "OAuth token doplňku", "Adresa API e-shopu", "Vytvořit postup", "Zkusit nanečisto", "Všechny kroky projdou", "Nic se nezapsalo.",
			"Poslední průběh:", "Hotovo", "Doplnit slovo", "Vaše slovo pro Čeká na balení", "Uložit a zkusit znovu", "je uložena a Háček to zkouší znovu", "Kroky", "Upravit krok 3", "Do tabulky orders", "Převodní tabulky", "Zkouška nanečisto"},
		"de": {"Abläufe", "Aufträge ins ERP", "Adresse des Shops", "OAuth-Token der Erweiterung", "Adresse der Shop-API", "Ablauf erstellen", "Probelauf starten", "Alle Schritte gehen durch", "Es wurde nichts geschrieben.",
			"Letzter Lauf:", "Erledigt", "Wort ergänzen", "Ihr Wort für Čeká na balení", "Speichern und erneut versuchen", "ist gespeichert, und Háček versucht es erneut", "Schritte", "Schritt 3 bearbeiten", "In die Tabelle orders", "Zuordnungstabellen", "Probelauf"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say, h := words(language), startHub(t)
			address, status := shop(t)
			db := h.erpFile(t)
			w := h.open(t, "en")
			w.first()
			w.turn(language)
			if language == "cs" {
				w.press(says.pipelines)
				w.inspect("pipelines-empty", language)
				w.steps = 0
			}
			w.press(say("web.menu.connections"))
			w.press(say("web_connection.add"))
			w.press("SQLite")
			w.fill(say("web.column.name"), "Money")
			w.fill(say("web_connection.file"), "erp.db")
			w.press(say("web.action.save"))
			w.see(say("web_connection.saved", "name", "Money"))
			w.press(say("web.menu.sources"))
			w.press(say("web_source.add"))
			source := w.newSource(say)
			w.theirOrder(source)
			w.see(say("web_source.arrived"))
			w.press(say("web_source.next_pipeline"))
			w.press(says.ready)
			if language == "de" {
				w.inspect("pipeline-ready", language)
			}
			w.fill(says.shop, address)
			w.fill(says.token, "planted-token")
			w.fill(says.api, address)
			w.press(says.create)
			w.see(says.ready, says.dryRun, "2018000057")
			w.took(17)
			w.press(says.try)
			w.see(says.passes, says.nothing, "Žofie Černá")
			w.keepFor("pipeline-dry-run")
			var rows int
			if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&rows); err != nil || rows != 0 {
				t.Fatalf("the dry run wrote %d rows: %v", rows, err)
			}

			h.theirs(t, source, shoptetSecret, strings.Replace(shoptetNotice, "order:create", "order:update", 1))
			wantRow(t, db, "new")
			w.press(says.pipelines)
			w.press(says.ready)
			w.see(says.lastRun, "2018000057", says.done)
			w.inspect("pipeline", language)
			w.press(says.editWrite)
			w.see(says.value, "customer_name", "Žofie Černá")
			w.inspect("pipeline-step", language)

			// A status of the shop's own: the hub stops this order and asks.
			status.Store("Čeká na balení")
			h.theirs(t, source, shoptetSecret, strings.Replace(shoptetNotice, "order:create", "order:paid", 1))
			w.press(says.pipelines)
			w.press(says.ready)
			w.reloadUntil(says.addWord)
			w.steps = 0
			w.press(says.addWord)
			w.see("Čeká na balení")
			w.inspect("translation", language)
			w.with(written("packing"), "a field", `(words, shown, text) => [...document.querySelectorAll("input")].find((e) => text(e) === words[0])`, says.oursFor)
			w.press(says.again)
			w.see(says.saved)
			w.took(3)
			wantRow(t, db, "packing")
			w.press(says.pipelines)
			w.press(says.tables)
			w.see(says.tables, "shoptet-order-statuses")
			w.inspect("translations", language)
		})
	}
}

// TestTheLinesOfAnOrderBecomeRows: whoever connects a shop sets up the rows below an order in the same two columns as the
// order, and the lines arrive.
func TestTheLinesOfAnOrderBecomeRows(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	db := h.erp(t)
	if _, err := db.ExecContext(t.Context(), `
		CREATE TABLE sales (number TEXT PRIMARY KEY, customer TEXT NOT NULL);
		CREATE TABLE sale_lines (sale_number TEXT NOT NULL, line_no INTEGER NOT NULL, sku TEXT NOT NULL, quantity NUMERIC, PRIMARY KEY (sale_number, line_no))`); err != nil {
		t.Fatal(err)
	}
	h.api(t, "PUT", "/v1/event-types/sale.closed", `{"title":{"en":"Sale"},"key":"number","sample":{"number":"S1","customer":"Žofie Černá","items":[{"lineNo":1,"sku":"X-1","amount":"2.5"}]}}`)
	h.api(t, "POST", "/v1/pipelines", `{"name":"Sales","subscription":{"event_types":["sale.closed"]},"steps":[{"type":"upsert","connection":"Money","table":"sales","key":["number"],
		"columns":{"number":"#number#","customer":"#customer#"}}]}`)
	w := h.open(t, "en")
	w.first()
	w.visit("/pipelines")
	w.press("Sales")
	w.press("Edit step 1")
	w.press("Add rows below")
	w.see("Rows below, in another table")
	w.inPart("Rows below, in another table", "Table", "sale_lines")
	w.fill("One row for each entry of", "data.items")
	w.inPart("Rows below, in another table", "Rows that the list lacks", "are deleted (replaced)")
	w.pressIn("Rows below, in another table", "Show tables and columns")
	w.see("Rows below, in the table sale_lines", "From the row above, table sales", "line_no", "X-1")
	w.glance("pipeline-step-below")
	w.enter("Value for quantity", "#amount#")
	w.press("Save")
	w.see(words("en")("web_pipeline.step_saved", "number", "1"))
	h.api(t, "POST", "/v1/events", `{"type":"sale.closed","data":{"number":"S7","customer":"Óskar","items":[{"lineNo":1,"sku":"X-1","amount":"2.5"},{"lineNo":2,"sku":"X-2","amount":"1"}]}}`)
	const want = "1 X-1 2.5,2 X-2 1"
	var lines string
	var err error
	for deadline := time.Now().Add(patience); lines != want && time.Now().Before(deadline); w.rest() {
		err = db.QueryRowContext(t.Context(), `SELECT coalesce(group_concat(line_no || ' ' || sku || ' ' || quantity), '') FROM sale_lines WHERE sale_number = 'S7'`).Scan(&lines)
	}
	if lines != want {
		t.Errorf("the lines are %q %v", lines, err)
	}
	w.press("Edit step 1")
	w.see("Rows below, in the table sale_lines")
	w.inspect("pipeline-step-lines", "en")
	w.callAsWell(h)
}

// callAsWell adds a step that calls a warehouse, for one channel only, with what stands in the expert views alone.
func (w *window) callAsWell(h *testHub) {
	w.Helper()
	came := make(chan *http.Request, 10)
	warehouse := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r }))
	w.Cleanup(warehouse.Close)
	w.press("Sales")
	w.choose("Next step", "Call a URL")
	w.press("Add a step")
	w.fill("URL", warehouse.URL+"/in")
	w.tick("Expert view")
	w.fill("URL parameters", "sale=#event.key#")
	w.choose("Authentication", "Token (Bearer)")
	w.fill("Token", "planted-token")
	w.press("Save")
	w.press("Edit step 2")
	w.see("Where to")
	w.visit(w.ask("location.pathname") + "?view=expert")
	w.see("*** is stored.")
	w.inspect("pipeline-step-expert", "en")
	w.press("Sales")
	w.press("Edit")
	w.see("As JSON")
	w.visit(w.ask("location.pathname") + "?view=expert")
	w.inspect("pipeline-edit-expert", "en")
	w.fill("Channels", "shop-cz")
	w.press("Save")
	w.see("is saved.")
	for _, sale := range []string{`["shop-de"],"data":{"number":"S8"`, `["shop-cz"],"data":{"number":"S9"`} {
		h.api(w.T, "POST", "/v1/events", `{"type":"sale.closed","channels":`+sale+`,"customer":"Óskar","items":[]}}`)
	}
	if r := next(w.T, came); r.URL.Query().Get("sale") != "S9" || r.Header.Get("Authorization") != "Bearer planted-token" {
		w.Errorf("the warehouse was asked for %s with %q", r.URL, r.Header.Get("Authorization"))
	}
}

// inPart is choose within a part of the page that has a heading of its own.
func (w *window) inPart(part, label, option string) {
	w.Helper()
	w.find("a choice", partOf+`
		const field = [...(part?.querySelectorAll("label") ?? [])].find((e) => text(e) === words[1])?.control;
		const option = [...(field?.options ?? [])].find((o) => o.text.trim() === words[2]);
		if (!option) return null;
		field.value = option.value;
		return field;
	}`, part, label, option)
}

// pressIn presses a button within such a part.
func (w *window) pressIn(part, word string) {
	w.Helper()
	w.with(clicked, "a button", partOf+`return [...(part?.querySelectorAll("button") ?? [])].find((e) => text(e) === words[1]);}`, part, word)
}
