package api

import (
	"net/http"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// objectView is what every thing that is set up shows of itself.
type objectView struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func viewObject(o hub.Object, prefix string) objectView {
	return objectView{o.ID.Text(prefix), hub.TimeText(o.CreatedAt), hub.TimeText(o.UpdatedAt)}
}

type connectionView struct {
	objectView
	hub.Connection
}

func viewConnection(c settings.Connection) connectionView {
	return connectionView{viewObject(c.Object, hub.ConnPrefix), c.Connection}
}

func answerConnection(status int, c settings.Connection, err error) (answer, error) {
	return answer{status: status, body: viewConnection(c), etag: c.ETag()}, err
}

func (c *call) connection() string { return c.r.PathValue("connection") }

func (a *API) createConnection(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	made, err := a.Settings.CreateConnection(c.r.Context(), c.tenant(), raw, c.by())
	return answerConnection(http.StatusCreated, made, err)
}

func (a *API) listConnections(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	list, next, err := a.Settings.ConnectionPage(c.r.Context(), c.tenant(), page)
	if err != nil {
		return answer{}, err
	}
	views := make([]connectionView, len(list))
	for i, one := range list {
		views[i] = viewConnection(one)
	}
	return pageOf(views, next), nil
}

func (a *API) getConnection(c *call) (answer, error) {
	found, err := a.Settings.Connection(c.r.Context(), c.tenant(), c.connection())
	return answerConnection(http.StatusOK, found, err)
}

func (a *API) putConnection(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	put, created, err := a.Settings.ReplaceConnection(c.r.Context(), c.tenant(), c.connection(), raw, c.ifMatch(), c.by())
	if created {
		return answerConnection(http.StatusCreated, put, err)
	}
	return answerConnection(http.StatusOK, put, err)
}

func (a *API) patchConnection(c *call) (answer, error) {
	merge, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	changed, err := a.Settings.PatchConnection(c.r.Context(), c.tenant(), c.connection(), merge, c.ifMatch(), c.by())
	return answerConnection(http.StatusOK, changed, err)
}

func (a *API) deleteConnection(c *call) (answer, error) {
	err := a.Settings.DeleteConnection(c.r.Context(), c.tenant(), c.connection(), c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}

// connectionTest is how logging in to a database went.
type connectionTest struct {
	OK     bool    `json:"ok"`
	Error  string  `json:"error"`
	Hint   string  `json:"hint"`
	TookMS float64 `json:"took_ms"`
}

func (a *API) testConnection(c *call) (answer, error) {
	test, err := a.Settings.TestConnection(c.r.Context(), c.tenant(), c.connection(), c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{body: connectionTest{test.Error == "", test.Error, test.Hint, milliseconds(test.Took)}}, nil
}

// dbName is one of a database's tables in a list.
type dbName struct {
	Name string `json:"name"`
}

func (a *API) listConnectionTables(c *call) (answer, error) {
	tables, err := a.Settings.ConnectionTables(c.r.Context(), c.tenant(), c.connection())
	if err != nil {
		return answer{}, err
	}
	names := make([]dbName, len(tables))
	for i, t := range tables {
		names[i].Name = t.Name
	}
	return pageOf(names, ""), nil
}

type dbTable struct {
	Name    string     `json:"name"`
	Columns []dbColumn `json:"columns"`
	Keys    [][]string `json:"keys"`
}

type dbColumn struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Kind       connection.Kind `json:"kind"`
	Nullable   bool            `json:"nullable"`
	Length     *int            `json:"length"`
	Precision  *int            `json:"precision"`
	Scale      int             `json:"scale"`
	HasDefault bool            `json:"has_default"`
	Computed   bool            `json:"computed"`
	Values     []string        `json:"values"`
}

func (a *API) getConnectionTable(c *call) (answer, error) {
	t, err := a.Settings.ConnectionTable(c.r.Context(), c.tenant(), c.connection(), c.r.PathValue("table"))
	if err != nil {
		return answer{}, err
	}
	v := dbTable{Name: t.Name, Columns: make([]dbColumn, len(t.Columns)), Keys: listed(t.Keys)}
	for i, col := range t.Columns {
		v.Columns[i] = dbColumn{
			col.Name, col.Type, col.Kind, col.Nullable, limitOf(col.Length), limitOf(col.Precision), col.Scale, col.HasDefault, col.Computed, listed(col.Values),
		}
	}
	return answer{body: v}, nil
}

// limitOf is null where there is no limit.
func limitOf(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}
