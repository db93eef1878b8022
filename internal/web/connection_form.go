package web

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// connectionFormView is what connection_form.html shows: the way to a database, in parts or as a DSN.
type connectionFormView struct {
	Title, Back string
	Drivers     []filterLine // of a new one
	Driver      string
	File        bool // it is a file
	Form        *Form
	Expert      bool
}

// driverOf is the driver that the page is about.
func (v *visit) driverOf() string {
	driver := v.r.FormValue("driver")
	if !slices.Contains([]string{hub.DriverPostgres, hub.DriverMySQL, hub.DriverSQLite}, driver) {
		return hub.DriverPostgres
	}
	return driver
}

func (v *visit) newConnectionPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	page := v.connectionForm(nil, nil)
	return v.show("connection_form", page.Title, page)
}

func (v *visit) editConnectionPage() error {
	c, err := v.theConnection()
	if err != nil {
		return err
	}
	page := v.connectionForm(&c, nil)
	return v.show("connection_form", page.Title, page)
}

// connectionForm builds the form; c is nil for a new one.
func (v *visit) connectionForm(c *settings.Connection, refusal error) connectionFormView {
	text := v.lang.Text
	page := connectionFormView{Title: text("web_connection.new"), Back: "/connections", Driver: v.driverOf()}
	action, etag, name, description := "/connections/new", "", "", ""
	var parts dsnParts
	secretHint := ""
	if c != nil {
		page.Title, page.Back, page.Driver = c.Name, connectionPath(c), c.Driver
		action, etag, name, description = page.Back+"/edit", c.ETag(), c.Name, c.Description
		parts, secretHint = splitDSN(c.Driver, c.DSN.Reveal()), text("web_connection.password_keep")
	} else {
		for _, driver := range []string{hub.DriverPostgres, hub.DriverMySQL, hub.DriverSQLite} {
			page.Drivers = append(page.Drivers, filterLine{v.driverWord(driver), "/connections/new?driver=" + driver, driver == page.Driver})
		}
	}
	page.File = page.Driver == hub.DriverSQLite
	fields := []Field{
		{Name: "name", Pointer: "/name", Label: text("web.column.name"), Hint: text("web_connection.name_hint"), Value: name, Required: true},
		{Name: "description", Pointer: "/description", Label: text("web_source.description"), Type: "textarea", Value: description},
		{Name: "dsn", Pointer: "/dsn", Label: text("web_connection.dsn"), Hint: text("web_connection.dsn_hint"), Type: "password", Autocomplete: "off", Mono: true},
		{Name: "zone", Pointer: "/dsn/zone", Label: text("web_source.zone"), Hint: text("web_connection.zone_hint"), Value: parts.Zone},
	}
	if page.File {
		fields = append(fields, Field{Name: "file", Pointer: "/dsn/file", Label: text("web_connection.file"), Hint: text("web_connection.file_hint"), Value: parts.File, Mono: true})
	} else {
		modes := plain("", "true", "skip-verify", "preferred", "false")
		port := "3306"
		if page.Driver == hub.DriverPostgres {
			modes, port = plain("", "verify-full", "verify-ca", "require", "prefer", "disable"), "5432"
		}
		modes[0].Word = text("web_connection.tls_default")
		fields = append(fields,
			Field{Name: "host", Pointer: "/dsn/host", Label: text("web_connection.host"), Value: parts.Host, Mono: true},
			Field{Name: "port", Pointer: "/dsn/port", Label: text("web_connection.port"), Hint: text("web_connection.port_hint", "port", port), Value: parts.Port},
			Field{Name: "database", Pointer: "/dsn/database", Label: text("web_connection.database"), Value: parts.Database, Mono: true},
			Field{Name: "user", Pointer: "/dsn/user", Label: text("web_connection.user"), Value: parts.User, Autocomplete: "off", Mono: true},
			Field{Name: "password", Pointer: "/dsn/password", Label: text("web_login.password"), Hint: secretHint, Type: "password", Autocomplete: "new-password"},
			Field{Name: "tls", Pointer: "/dsn/tls", Label: text("web_connection.tls"), Type: "select", Value: parts.TLS, Options: withChosen(modes, parts.TLS)})
	}
	page.Form = v.newForm(action, refusal, fields...)
	page.Form.ETag = v.heldAt(etag, refusal)
	page.Expert = v.form("view") == "expert" || c != nil && parts.Whole && v.form("view") == ""
	return page
}

// typedDSN is the DSN that the form says, "" when it says nothing new. c is nil for a new connection.
func (v *visit) typedDSN(c *settings.Connection, driver string) (string, error) {
	if whole := strings.TrimSpace(v.form("dsn")); whole != "" || v.form("view") == "expert" {
		return whole, nil
	}
	field := func(name string) string { return strings.TrimSpace(v.form(name)) }
	parts := dsnParts{
		Host: field("host"), Port: field("port"), Database: field("database"), User: field("user"), Password: v.form("password"),
		TLS: field("tls"), Zone: field("zone"), File: field("file"),
	}
	if c != nil {
		old := splitDSN(c.Driver, c.DSN.Reveal())
		same := parts
		same.Password, same.Whole = old.Password, old.Whole
		if parts.Password == "" && same == old || old.Whole && parts == (dsnParts{}) {
			return "", nil
		}
	}
	var wrong hub.Problems
	missing := func(name, value string) {
		if value == "" {
			wrong.Add("/dsn/"+name, "%s", v.lang.Text("web_connection.missing"))
		}
	}
	if driver == hub.DriverSQLite {
		missing("file", parts.File)
		return joinDSN(driver, parts), wrong.Err()
	}
	missing("host", parts.Host)
	if strings.ContainsAny(parts.Host, "/@?#() \t") {
		wrong.Add("/dsn/host", "%s", v.lang.Text("web_connection.host_wrong"))
	}
	missing("database", parts.Database)
	missing("user", parts.User)
	// Another address with the stored password would take it there (rule 3).
	if c != nil && parts.Password == "" {
		wrong.Add("/dsn/password", "%s", v.lang.Text("web_connection.password_again"))
	}
	return joinDSN(driver, parts), wrong.Err()
}

func (v *visit) typedConnection(c *settings.Connection, driver string) (json.RawMessage, error) {
	dsn, err := v.typedDSN(c, driver)
	if err != nil {
		return nil, err
	}
	given := map[string]any{"name": strings.TrimSpace(v.form("name")), "description": unixLines(v.form("description"))}
	if c == nil {
		given["driver"] = driver
	}
	if dsn != "" {
		given["dsn"] = dsn
	}
	return json.Marshal(given)
}

func (v *visit) createConnection() error {
	if err := v.installation(); err != nil {
		return err
	}
	raw, err := v.typedConnection(nil, v.driverOf())
	if err == nil {
		var made settings.Connection
		if made, err = v.Settings.CreateConnection(v.ctx(), v.tenant(), raw, v.by()); err == nil {
			return v.goTo(connectionPath(&made), "web_connection.saved", "name", made.Name)
		}
	}
	err = v.atDSN(err)
	page := v.connectionForm(nil, err)
	return v.refuse(err, "connection_form", page.Title, page)
}

func (v *visit) saveConnection() error {
	c, err := v.theConnection()
	if err != nil {
		return err
	}
	patch, err := v.typedConnection(&c, c.Driver)
	if err == nil {
		var saved settings.Connection
		if saved, err = v.Settings.PatchConnection(v.ctx(), v.tenant(), c.ID.Text(hub.ConnPrefix), patch, v.form("etag"), v.by()); err == nil {
			return v.goTo(connectionPath(&saved), "web_connection.saved", "name", saved.Name)
		}
	}
	err = v.atDSN(err)
	page := v.connectionForm(&c, err)
	return v.refuse(err, "connection_form", page.Title, page)
}

// atDSN tells what is wrong with the DSN above the form when its parts are what is filled in.
func (v *visit) atDSN(err error) error {
	var e *hub.Error
	if !errors.As(err, &e) || v.form("view") == "expert" {
		return err
	}
	out := *e
	out.Fields = slices.Clone(e.Fields)
	for i := range out.Fields {
		if out.Fields[i].Pointer == "/dsn" {
			out.Fields[i].Pointer = ""
		}
	}
	return &out
}
