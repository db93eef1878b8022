package web

import (
	"strconv"
	"strings"
	"time"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// connectionsView is what connections.html shows: the databases that pipelines write into.
type connectionsView struct {
	Lines []connectionLine
	Pager Pager
}

type connectionLine struct{ Name, Driver, Where, Path string }

// installation lets only those in who look after the whole hub: a connection reaches into its network and files (rule 15).
func (v *visit) installation() error {
	if v.who.Installation {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "%s", v.lang.Text("web_connection.administrators"))
}

func (v *visit) connectionsPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	list, next, err := v.Settings.ConnectionPage(v.ctx(), v.tenant(), store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	page := connectionsView{Pager: v.pager(next)}
	for i := range list {
		c := &list[i]
		page.Lines = append(page.Lines, connectionLine{c.Name, v.driverWord(c.Driver), splitDSN(c.Driver, c.DSN.Reveal()).where(), connectionPath(c)})
	}
	return v.show("connections", v.lang.Text("web.menu.connections"), page)
}

func connectionPath(c *settings.Connection) string {
	return "/connections/" + c.ID.Text(hub.ConnPrefix)
}

func (v *visit) driverWord(driver string) string {
	switch driver {
	case hub.DriverPostgres:
		return "PostgreSQL"
	case hub.DriverMySQL:
		return "MySQL, MariaDB"
	case hub.DriverSQLite:
		return "SQLite"
	}
	return driver
}

// connectionView is what connection.html shows: one database, and how a login went.
type connectionView struct {
	Name, Path, Driver, Where, Description string
	Test                                   *testView
	Delete                                 *Form
}

type testView struct {
	OK          bool
	Error, Hint string
	Took        time.Duration
}

// theConnection is the one that the path names, of this tenant.
func (v *visit) theConnection() (settings.Connection, error) {
	if err := v.installation(); err != nil {
		return settings.Connection{}, err
	}
	return v.Settings.Connection(v.ctx(), v.tenant(), v.r.PathValue("connection"))
}

func (v *visit) connectionPage() error {
	c, err := v.theConnection()
	if err != nil {
		return err
	}
	return v.show("connection", c.Name, v.connection(&c, nil))
}

func (v *visit) connection(c *settings.Connection, refusal error) connectionView {
	path := connectionPath(c)
	page := connectionView{
		Name: c.Name, Path: path, Driver: v.driverWord(c.Driver), Where: splitDSN(c.Driver, c.DSN.Reveal()).where(), Description: c.Description,
		Delete: v.newForm(path+"/delete", refusal),
	}
	page.Delete.ETag = c.ETag()
	return page
}

// testConnection logs in to the database now and shows how that went.
func (v *visit) testConnection() error {
	c, err := v.theConnection()
	if err != nil {
		return err
	}
	test, err := v.Settings.TestConnection(v.ctx(), v.tenant(), c.ID.Text(hub.ConnPrefix), v.by())
	if err != nil {
		return err
	}
	page := v.connection(&c, nil)
	page.Test = &testView{test.Error == "", v.lang.Sentence(test.Error), v.lang.Sentence(test.Hint), max(test.Took, time.Millisecond)}
	return v.show("connection", c.Name, page)
}

func (v *visit) deleteConnection() error {
	c, err := v.theConnection()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteConnection(v.ctx(), v.tenant(), c.ID.Text(hub.ConnPrefix), v.form("etag"), v.by()); err != nil {
		return v.refuse(err, "connection", c.Name, v.connection(&c, err))
	}
	return v.goTo("/connections", "web_connection.deleted", "name", c.Name)
}

// tablesView is what connection_tables.html shows: the tables of a database, and the columns of one.
type tablesView struct {
	Name, Path, Query string
	Tables            []tableLine
	Count             int
	Table             string
	Columns           []columnLine
	Keys              []string
}

type tableLine struct {
	Name, Path string
	Here       bool
}

type columnLine struct {
	Name, Type, Kind, Limit string
	Nullable, Default       bool
	Computed                bool
	Values                  string
}

// mostTables is how many names one page shows; a search finds the rest.
const mostTables = 300

func (v *visit) connectionTablesPage() error {
	c, err := v.theConnection()
	if err != nil {
		return err
	}
	ref := c.ID.Text(hub.ConnPrefix)
	tables, err := v.Settings.ConnectionTables(v.ctx(), v.tenant(), ref)
	if err != nil {
		return err
	}
	query := v.r.URL.Query()
	page := tablesView{Name: c.Name, Path: connectionPath(&c), Query: query.Get("name"), Table: query.Get("table"), Count: len(tables)}
	for _, t := range tables {
		if len(page.Tables) < mostTables && strings.Contains(strings.ToLower(t.Name), strings.ToLower(page.Query)) {
			to := query
			to.Set("table", t.Name)
			page.Tables = append(page.Tables, tableLine{t.Name, address(v.r.URL.Path, to.Encode()), t.Name == page.Table})
		}
	}
	if page.Table != "" {
		table, err := v.Settings.ConnectionTable(v.ctx(), v.tenant(), ref, page.Table)
		if err != nil {
			return err
		}
		page.Columns = v.columnLines(&table)
		for _, key := range table.Keys {
			page.Keys = append(page.Keys, words(key))
		}
	}
	return v.show("connection_tables", v.lang.Text("web_connection.tables"), page)
}

func (v *visit) columnLines(t *connection.Table) []columnLine {
	var lines []columnLine
	for _, c := range t.Columns {
		line := columnLine{Name: c.Name, Type: c.Type, Kind: v.lang.Text("web_connection.kind." + string(c.Kind)), Nullable: c.Nullable, Default: c.HasDefault, Computed: c.Computed, Values: words(c.Values)}
		if c.Length > 0 {
			line.Limit = strconv.Itoa(c.Length)
		}
		lines = append(lines, line)
	}
	return lines
}
