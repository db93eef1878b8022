package settings_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

const money = `{"name":"erp","driver":"postgres","dsn":"postgres://money:planted@erp.example:5432/money"}`

func con(c settings.Connection) string { return c.ID.Text(hub.ConnPrefix) }

// erpFile makes a SQLite database in the folder of the office's connections.
func (o *office) erpFile(name, statements string) {
	o.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(o.Databases.Dir, name))
	o.ok(err)
	_, err = db.ExecContext(o.ctx, statements)
	o.ok(err)
	o.ok(db.Close())
}

func TestM5_AConnectionFromCreationToRemoval(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		var told []settings.Connection
		o.ConnectionChanged = func(c settings.Connection) { told = append(told, c) }
		made := o.connection(o.tenant, money)
		for _, ref := range []string{con(made), "erp"} {
			got, err := o.Connection(o.ctx, o.tenant, ref)
			o.ok(err)
			if got.ID != made.ID || got.DSN.Reveal() != "postgres://money:planted@erp.example:5432/money" || got.Version != 1 {
				t.Errorf("%s: got %+v", ref, got)
			}
		}
		wantNo(t, asText(t, made), "planted")
		_, err := o.CreateConnection(o.ctx, o.tenant, json.RawMessage(money), jana)
		o.refused(err, hub.Conflict, "")
		if e := new(hub.Error); !errors.As(err, &e) || e.Hint != "Choose another name." {
			t.Errorf("what to do is not said: %v", err)
		}
		patched, err := o.PatchConnection(o.ctx, o.tenant, "erp", json.RawMessage(`{"description":"Money S5","dsn":"***"}`), made.ETag(), jana)
		o.ok(err)
		if patched.Description != "Money S5" || patched.DSN != made.DSN || patched.Version != 2 {
			t.Errorf("got %+v", patched)
		}
		_, err = o.PatchConnection(o.ctx, o.tenant, "erp", json.RawMessage(`{"description":"x"}`), made.ETag(), jana)
		o.refused(err, hub.PreconditionFailed, "")
		put, created, err := o.ReplaceConnection(o.ctx, o.tenant, "new", json.RawMessage(`{"driver":"mysql","dsn":"u:p@tcp(db.example:3306)/erp"}`), "", jana)
		o.ok(err)
		if !created || put.Connection.Name != "new" {
			t.Errorf("got %+v", put)
		}
		list, _, err := o.ConnectionPage(o.ctx, o.tenant, store.Page{Limit: 10})
		o.ok(err)
		if len(list) != 2 {
			t.Errorf("list: got %v", list)
		}
		o.ok(o.DeleteConnection(o.ctx, o.tenant, "erp", "", jana))
		_, err = o.Connection(o.ctx, o.tenant, con(made))
		o.refused(err, hub.NotFound, "")
		if len(told) != 4 || !told[3].Deleted || told[1].Description != "Money S5" {
			t.Errorf("others were told %+v", told)
		}
		audit, _, err := o.Audit(o.ctx, o.tenant, store.Page{Limit: 100})
		o.ok(err)
		if len(audit) < 4 {
			t.Errorf("got %d revisions", len(audit))
		}
		wantNo(t, asText(t, audit), "planted")
	})
}

func TestRule3_AnotherHostOrDriverNeedsTheWholeDSN(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.connection(o.tenant, money)
		for _, change := range []string{
			`{"driver":"mysql"}`,
			`{"driver":"mysql","dsn":"***"}`,
			`{"dsn":"postgres://money:***@evil.example:5432/money"}`,
			`{"dsn":"host=evil.example user=money password=*** dbname=money"}`,
		} {
			_, err := o.PatchConnection(o.ctx, o.tenant, "erp", json.RawMessage(change), "", jana)
			o.refused(err, hub.SecretRequired, "/dsn")
			wantNo(t, asText(t, err), "planted")
		}
		_, err := o.CreateConnection(o.ctx, o.tenant, json.RawMessage(`{"name":"b","driver":"postgres","dsn":"***"}`), jana)
		o.refused(err, hub.SecretRequired, "/dsn")
		_, _, err = o.ReplaceConnection(o.ctx, o.tenant, "c", json.RawMessage(`{"driver":"postgres","dsn":"postgres://money:***@erp.example/money"}`), "", jana)
		o.refused(err, hub.SecretRequired, "/dsn")
		got, err := o.Connection(o.ctx, o.tenant, "erp")
		o.ok(err)
		if got.DSN != made.DSN || got.Driver != hub.DriverPostgres {
			t.Errorf("got %+v", got)
		}
		got, err = o.PatchConnection(o.ctx, o.tenant, "erp", json.RawMessage(`{"dsn":"postgres://money:again@other.example:5432/money"}`), "", jana)
		o.ok(err)
		if got.DSN == made.DSN {
			t.Error("a whole DSN was not taken")
		}
	})
}

func TestRule15_AConnectionReachesOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		home := t.TempDir()
		o.Databases = connection.Options{Dir: filepath.Join(home, "connections"), Refuse: []string{filepath.Join(home, "connections", "own.db")}}
		o.ok(os.MkdirAll(o.Databases.Dir, 0o700))
		for _, file := range []string{"hacek.db", "connections/own.db", "connections/erp.db"} {
			o.ok(os.WriteFile(filepath.Join(home, file), nil, 0o600))
		}
		o.ok(os.Symlink(filepath.Join(home, "hacek.db"), filepath.Join(o.Databases.Dir, "link.db")))
		for name, c := range map[string]struct{ driver, dsn, pointer string }{
			"outside":            {"sqlite", "../hacek.db", "/dsn"},
			"outside, absolute":  {"sqlite", filepath.Join(home, "hacek.db"), "/dsn"},
			"outside, by a link": {"sqlite", "link.db", "/dsn"},
			"the hub's own":      {"sqlite", "own.db", "/dsn"},
			"local files":        {"mysql", "u:planted@tcp(db.example:3306)/erp?allowAllFiles=true", "/dsn"},
			"a certificate file": {"postgres", "postgres://u:planted@db.example/erp?sslrootcert=/etc/passwd", "/dsn"},
			"nonsense":           {"postgres", "planted", "/dsn"},
			"another driver":     {"oracle", "planted", "/driver"},
			"none":               {"postgres", "", "/dsn"},
		} {
			raw := asText(t, map[string]string{"name": "x", "driver": c.driver, "dsn": c.dsn})
			_, err := o.CreateConnection(o.ctx, o.tenant, json.RawMessage(raw), jana)
			if err == nil {
				t.Errorf("%s: was taken", name)
				continue
			}
			o.refused(err, hub.Invalid, c.pointer)
			wantNo(t, err.Error()+asText(t, err), "planted")
		}
		for _, wrong := range []string{`""`, `"con_1"`, `"a/b"`, `".."`, `"a\nb"`} {
			_, err := o.CreateConnection(o.ctx, o.tenant, json.RawMessage(`{"name":`+wrong+`,"driver":"sqlite","dsn":"erp.db"}`), jana)
			o.refused(err, hub.Invalid, "/name")
		}
		o.connection(o.tenant, `{"name":"x","driver":"sqlite","dsn":"erp.db"}`)
		// One that is not there yet may be named.
		o.connection(o.tenant, `{"name":"y","driver":"sqlite","dsn":"later.db"}`)
	})
}

func TestM9_ADatabaseIsTestedAndDescribed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		test, err := o.TestConnection(o.ctx, o.tenant, "erp", jana)
		o.ok(err)
		if test.Error == "" {
			t.Error("a file that is not there passed the test")
		}
		_, err = o.ConnectionTables(o.ctx, o.tenant, "erp")
		o.refused(err, hub.Unavailable, "")

		o.erpFile("erp.db", `CREATE TABLE orders (number VARCHAR(20) PRIMARY KEY, total DECIMAL(12,2) NOT NULL, note TEXT)`)
		test, err = o.TestConnection(o.ctx, o.tenant, "erp", jana)
		o.ok(err)
		if test.Error != "" {
			t.Errorf("got %+v", test)
		}
		tables, err := o.ConnectionTables(o.ctx, o.tenant, "erp")
		o.ok(err)
		if len(tables) != 1 || tables[0].Name != "orders" {
			t.Errorf("got %+v", tables)
		}
		table, err := o.ConnectionTable(o.ctx, o.tenant, "erp", "orders")
		o.ok(err)
		if len(table.Columns) != 3 || table.Columns[0].Length != 20 || table.Columns[1].Scale != 2 || table.Columns[1].Nullable || len(table.Keys) == 0 || table.Keys[0][0] != "number" {
			t.Errorf("got %+v", table)
		}
		_, err = o.ConnectionTable(o.ctx, o.tenant, "erp", "Orders")
		o.refused(err, hub.NotFound, "")
		if !strings.Contains(asText(t, err), "did you mean orders?") {
			t.Errorf("got %s", asText(t, err))
		}
	})
}

func TestRule14_AForeignConnectionOrTableIsNotFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		erp, err := o.Connection(o.ctx, o.tenant, "erp")
		o.ok(err)
		states, err := o.Table(o.ctx, o.tenant, "states")
		o.ok(err)
		other, _, err := o.CreateTenant(o.ctx, settings.Tenant{Name: "Acme"}, jana)
		o.ok(err)
		for _, ref := range []string{"erp", con(erp)} {
			_, err := o.Connection(o.ctx, other.No, ref)
			o.refused(err, hub.NotFound, "")
			_, err = o.PatchConnection(o.ctx, other.No, ref, json.RawMessage(`{"description":"x"}`), "", jana)
			o.refused(err, hub.NotFound, "")
			_, err = o.TestConnection(o.ctx, other.No, ref, jana)
			o.refused(err, hub.NotFound, "")
			_, err = o.ConnectionTables(o.ctx, other.No, ref)
			o.refused(err, hub.NotFound, "")
			_, err = o.ConnectionTable(o.ctx, other.No, ref, "orders")
			o.refused(err, hub.NotFound, "")
			o.refused(o.DeleteConnection(o.ctx, other.No, ref, "", jana), hub.NotFound, "")
		}
		for _, ref := range []string{"states", states.ID.Text(hub.TablePrefix)} {
			_, err := o.Table(o.ctx, other.No, ref)
			o.refused(err, hub.NotFound, "")
			_, err = o.PatchTable(o.ctx, other.No, ref, json.RawMessage(`{"description":"x"}`), "", jana)
			o.refused(err, hub.NotFound, "")
			o.refused(o.DeleteTable(o.ctx, other.No, ref, "", jana), hub.NotFound, "")
		}
	})
}

func TestM7_ATranslationTable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		var told []settings.Table
		o.TableChanged = func(table settings.Table) { told = append(told, table) }
		made, created, err := o.ReplaceTable(o.ctx, o.tenant, "states", json.RawMessage(`{"entries":{"nová":"N","hotová":"D"}}`), "", jana)
		o.ok(err)
		if !created || made.TranslationTable.Name != "states" || made.Default != nil || made.Entries["nová"] != "N" {
			t.Errorf("got %+v", made)
		}
		got, err := o.PatchTable(o.ctx, o.tenant, "states", json.RawMessage(`{"entries":{"zrušená":"X","nová":null},"default":"?"}`), made.ETag(), jana)
		o.ok(err)
		if len(got.Entries) != 2 || got.Entries["zrušená"] != "X" || *got.Default != "?" || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		got, err = o.PatchTable(o.ctx, o.tenant, "states", json.RawMessage(`{"default":null}`), "", jana)
		o.ok(err)
		if got.Default != nil {
			t.Errorf("got %+v: null stops and asks", got)
		}
		list, _, err := o.TablePage(o.ctx, o.tenant, store.Page{Limit: 10})
		o.ok(err)
		if len(list) != 1 || list[0].ID != made.ID {
			t.Errorf("got %+v", list)
		}
		for text, pointer := range map[string]string{
			`{"entries":{}}`:                                                   "/name",
			`{"name":"a","entries":{"a\u0000":"b"}}`:                           "/entries/a\x00",
			`{"name":"a","default":"\u0000"}`:                                  "/default",
			`{"name":"a","entries":{"a":"` + strings.Repeat("x", 5000) + `"}}`: "/entries/a",
			`{"name":"a","entires":{}}`:                                        "/entires",
		} {
			_, err := o.CreateTable(o.ctx, o.tenant, json.RawMessage(text), jana)
			o.refused(err, hub.Invalid, pointer)
		}
		many := map[string]string{}
		for i := range 10_001 {
			many[fmt.Sprint(i)] = "x"
		}
		_, err = o.CreateTable(o.ctx, o.tenant, json.RawMessage(asText(t, map[string]any{"name": "many", "entries": many})), jana)
		o.refused(err, hub.Invalid, "/entries")
		o.ok(o.DeleteTable(o.ctx, o.tenant, "states", "", jana))
		if len(told) != 4 || !told[3].Deleted {
			t.Errorf("others were told %+v", told)
		}
	})
}
