package api

import (
	"encoding/json"
	"strconv"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

type revisionView struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"` // a revision never changes
	By        string `json:"by"`
	Action    string `json:"action"`
	Kind      string `json:"kind"`
	Object    string `json:"object"`
	Before    any    `json:"before"`
	After     any    `json:"after"`
}

// ofNobody is the tenant of changes that belong to the whole installation: listeners, event types, support bundles.
const ofNobody = 0

func (a *API) listAudit(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	tenant := c.tenant()
	if c.query.Get("of") == "installation" {
		if err := c.ofInstallation(); err != nil {
			return answer{}, err
		}
		tenant = ofNobody
	}
	revisions, next, err := a.Settings.Audit(c.r.Context(), tenant, page)
	if err != nil {
		return answer{}, err
	}
	views := make([]revisionView, len(revisions))
	for i, r := range revisions {
		at := hub.TimeText(r.At)
		views[i] = revisionView{
			ID: strconv.FormatInt(r.No, 10), CreatedAt: at, UpdatedAt: at,
			By: r.Who, Action: r.Action, Kind: r.Kind, Object: r.Object,
		}
		if len(r.Before) > 0 {
			views[i].Before = json.RawMessage(r.Before)
		}
		if len(r.After) > 0 {
			views[i].After = json.RawMessage(r.After)
		}
	}
	return pageOf(views, next), nil
}

// undoneView is a change that was taken back.
type undoneView struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Object string `json:"object"`
	Etag   string `json:"etag"`
}

// undoScope is what a narrowed key needs to change a kind of thing.
func undoScope(kind string) string {
	if kind == "table" {
		return "pipelines:write"
	}
	return kind + "s:write"
}

// undoChange takes a change back, for whoever could make it. What belongs to no tenant is found by an administrator of the installation.
func (a *API) undoChange(c *call) (answer, error) {
	r, err := a.changeToUndo(c)
	if err != nil {
		return answer{}, err
	}
	if r.Kind == "connection" || r.Kind == "listener" {
		if err := c.mayReach(); err != nil {
			return answer{}, err
		}
	}
	if err := c.principal.Scope("audit:read"); err != nil {
		return answer{}, err
	}
	if settings.Undoable(&r) {
		if err := c.principal.Scope(undoScope(r.Kind)); err != nil {
			return answer{}, err
		}
	}
	if r.Kind == "user" {
		if err := within(c.principal.Scopes, nil); err != nil { // as for any change of a user
			return answer{}, err
		}
	}
	undone, err := a.Settings.Undo(c.r.Context(), r.Tenant, r.No, c.ifMatch(), c.confirmed())
	if err != nil {
		return answer{}, err
	}
	return answer{body: undoneView{strconv.FormatInt(r.No, 10), r.Kind, r.Object, undone.ETag}, etag: undone.ETag}, nil
}

func (a *API) changeToUndo(c *call) (store.Revision, error) {
	ref := c.r.PathValue("revision")
	no, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return store.Revision{}, hub.Errorf(hub.NotFound, "no change %q", hub.Shorten(ref, 60))
	}
	r, err := a.Store.Revision(c.r.Context(), c.tenant(), no)
	if hub.CodeOf(err) == hub.NotFound && c.principal.Installation {
		return a.Store.Revision(c.r.Context(), ofNobody, no)
	}
	return r, err
}
