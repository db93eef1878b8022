package web_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"hacek/internal/connection"
	"hacek/internal/hub"
)

func TestRule3_AConnectionsPasswordStaysAtItsAddress(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	h.user(h.tenant, hub.Editor, nil)
	h.as("editor@example.com").get("/connections").want(403)
	b := h.as("administrator@example.com")
	b.get("/connections").want(200).has("No connection yet")
	b.get("/connections/new?driver=mysql").want(200).has("Empty: 3306.")
	b.post("/connections/new", "driver", "postgres", "view", "simple", "name", "erp", "host", "127.0.0.1", "password", "hush").want(422).
		has(`href="#f-database"`, `href="#f-user"`, `value="127.0.0.1"`).hasNot("hush")
	typed := []string{"driver", "postgres", "view", "simple", "name", "erp", "port", "1", "database", "erp", "user", "hub", "tls", "disable"}
	for _, host := range []string{"/run/postgresql", "http://db.example.com", "db.example.com 5432"} {
		b.post("/connections/new", append(typed, "host", host, "password", "hush")...).want(422).has(`href="#f-host"`, "without http:// and port", host).hasNot("hush", "DSN cannot")
	}
	made := b.post("/connections/new", append(typed, "host", "127.0.0.1", "password", "a p@ss/word")...).want(303)
	page := made.header.Get("Location")
	dsn := func() string {
		c, err := h.settings.Connection(t.Context(), h.tenant.No, "erp")
		if err != nil {
			t.Fatal(err)
		}
		return c.DSN.Reveal()
	}
	const first = "postgres://hub:a%20p%40ss%2Fword@127.0.0.1:1/erp?sslmode=disable"
	if dsn() != first {
		t.Fatal(dsn())
	}
	b.get(page).want(200).has("127.0.0.1:1/erp").hasNot("p@ss", "p%40ss")
	b.post(page + "/test").want(200).has("The connection does not work.")

	b.get(page+"/edit").want(200).has(`value="127.0.0.1"`).hasNot("p@ss", "p%40ss")
	b.post(page+"/edit", append(typed, "host", "127.0.0.1", "etag", `"1"`, "description", "Our ERP")...).want(303)
	if dsn() != first {
		t.Error("a field beside the password changed it:", dsn())
	}
	// Rule 3: another address wants the password again.
	b.post(page+"/edit", append(typed, "host", "127.0.0.2", "etag", `"2"`)...).want(422).has("Enter the password again")
	if dsn() != first {
		t.Error("the stored password went elsewhere:", dsn())
	}
	b.post(page+"/edit", append(typed, "host", "127.0.0.2", "password", "next", "etag", `"1"`)...).want(412).has("Somebody has changed this meanwhile")
	b.post(page+"/edit", append(typed, "host", "127.0.0.2", "password", "next", "etag", `"2"`)...).want(303)
	b.post(page+"/edit", "view", "expert", "name", "erp", "dsn", "postgres://hub:x@127.0.0.1/erp?allowAllFiles=true", "etag", `"3"`).want(422).has("allowAllFiles")
	b.post(page+"/delete", "etag", `"3"`).want(303)
	b.get(page).want(404)
}

func TestTheTablesOfADatabaseAreShown(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	dir := t.TempDir()
	h.settings.Databases = connection.Options{Dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "erp.db"), nil, 0o600); err != nil { // an empty file is an empty database
		t.Fatal(err)
	}
	b := h.as("administrator@example.com")
	page := b.post("/connections/new", "driver", "sqlite", "view", "simple", "name", "erp", "file", "erp.db", "zone", "Europe/Prague").want(303).header.Get("Location")
	b.post(page + "/test").want(200).has("The database lets Háček in.")
	b.get(page + "/tables").want(200).has("No table.")
	b.get(page + "/tables?table=nothing").want(404)
}

func TestTheCatalogueKeepsOnesOwnTypes(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, func(u *hub.User) { u.Language = "cs" })
	h.user(h.tenant, hub.Editor, nil)
	b := h.as("administrator@example.com")
	b.get("/catalogue").want(200).has("Zatím žádný typ události")
	b.post("/catalogue/packs/shoptet/install").want(303)
	b.get("/catalogue?type=objedn").want(200).has("Nová objednávka", "/catalogue/types/order.created").hasNot("Nový zákazník")
	b.get("/catalogue/types/order.created").want(200).has("order.code", "E-shop: Shoptet")
	b.post("/catalogue/new", "name", "order.created").want(422).has("Typ události toho jména už je")
	b.post("/catalogue/new", "name", "claim.made", "sample", "{").want(422).has("Toto ještě není JSON", `href="#f-sample"`)
	b.post("/catalogue/new", "name", "claim.made", "sample", `{"code":"R-17"}`, "do", "schema").want(200).has("2020-12", "R-17")
	b.post("/catalogue/new", "name", "claim.made", "title.cs", "Reklamace", "sample", `{"code":"R-17"}`, "schema", `{"type":"string"}`).want(422).has(`href="#f-sample"`)
	b.post("/catalogue/new", "name", "claim.made", "title.cs", "Reklamace", "key", "code", "sample", `{"code":"R-17"}`).want(303)
	b.get("/catalogue/types/claim.made").want(200).has("Reklamace", "R-17", "vytvořeno zde")
	b.post("/catalogue/types/claim.made/edit", "title.cs", "Jiná", "etag", `"7"`).want(412).has("Jiná")
	editor := h.as("editor@example.com")
	editor.get("/catalogue/types/claim.made").want(200)
	editor.get("/catalogue/new").want(403)
	editor.post("/catalogue/types/claim.made/delete").want(403)
}

func TestListenersAreTheInstallations(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	b := h.as("administrator@example.com")
	b.get("/settings/listeners").want(200).has("Only the first address is open")
	b.post("/settings/listeners/new", "name", "outside", "address", "nowhere", "receiver", "on", "active", "on").want(422).has(`href="#f-address"`, `value="nowhere"`)
	b.post("/settings/listeners/new", "name", "outside", "address", "127.0.0.1:18443", "receiver", "on", "active", "on").want(303)
	page := regexp.MustCompile(`/settings/listeners/lis?[a-z]*_[0-9a-z]+`).FindString(b.get("/settings/listeners").want(200).has("outside", "127.0.0.1:18443").text)
	b.get(page).want(200).has(`value="outside"`)
	b.post(page, "name", "outside", "address", "127.0.0.1:18444", "receiver", "on", "etag", `"1"`).want(303)
	b.get("/settings/listeners").want(200).has("127.0.0.1:18444", "Off")
	b.post(page+"/delete", "etag", `"2"`).want(303)
	b.get(page).want(404)
}
