package api

import (
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// tableView is a translation table.
type tableView struct {
	objectView
	hub.TranslationTable
}

func viewTable(t settings.Table) tableView {
	return tableView{viewObject(t.Object, hub.TablePrefix), t.TranslationTable}
}

func answerTable(status int, t settings.Table, err error) (answer, error) {
	return answer{status: status, body: viewTable(t), etag: t.ETag()}, err
}

func (c *call) table() string { return c.r.PathValue("table") }

func (a *API) createTable(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	made, err := a.Settings.CreateTable(c.r.Context(), c.tenant(), raw, c.by())
	return answerTable(http.StatusCreated, made, err)
}

func (a *API) listTables(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	list, next, err := a.Settings.TablePage(c.r.Context(), c.tenant(), page)
	if err != nil {
		return answer{}, err
	}
	views := make([]tableView, len(list))
	for i, one := range list {
		views[i] = viewTable(one)
	}
	return pageOf(views, next), nil
}

func (a *API) getTable(c *call) (answer, error) {
	found, err := a.Settings.Table(c.r.Context(), c.tenant(), c.table())
	return answerTable(http.StatusOK, found, err)
}

func (a *API) putTable(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	put, created, err := a.Settings.ReplaceTable(c.r.Context(), c.tenant(), c.table(), raw, c.ifMatch(), c.by())
	if created {
		return answerTable(http.StatusCreated, put, err)
	}
	return answerTable(http.StatusOK, put, err)
}

func (a *API) patchTable(c *call) (answer, error) {
	merge, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	changed, err := a.Settings.PatchTable(c.r.Context(), c.tenant(), c.table(), merge, c.ifMatch(), c.by())
	return answerTable(http.StatusOK, changed, err)
}

func (a *API) deleteTable(c *call) (answer, error) {
	err := a.Settings.DeleteTable(c.r.Context(), c.tenant(), c.table(), c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}
