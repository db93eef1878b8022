package api

import (
	"encoding/json"
	"strconv"

	"hacek/internal/hub"
)

type foundView struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Title string `json:"title"`
}

func (a *API) search(c *call) (answer, error) {
	q := c.params()
	limit := q.limit()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	found, err := a.Store.Search(c.r.Context(), c.tenant(), q.text("q"), limit)
	if err != nil {
		return answer{}, err
	}
	views := make([]foundView, len(found))
	for i, f := range found {
		views[i] = foundView{Kind: f.Kind, ID: f.ID, Title: f.Title}
	}
	return answer{body: map[string]any{"data": views}}, nil
}

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

func (a *API) listAudit(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	revisions, next, err := a.Settings.Audit(c.r.Context(), c.tenant(), page)
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

// within refuses scopes that the caller does not have itself: a narrowed key must not make a wider one.
func within(own, wanted []string) error {
	if len(own) == 0 {
		return nil
	}
	var wrong hub.Problems
	has := map[string]bool{}
	for _, scope := range own {
		has[scope] = true
	}
	if len(wanted) == 0 {
		wrong.Add("/scopes", "is empty, which means all; the calling key has only some")
	}
	for i, scope := range wanted {
		if !has[scope] {
			wrong.Add("/scopes/"+strconv.Itoa(i), "%q is more than the calling key may", hub.Shorten(scope, 60))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &hub.Error{Code: hub.Forbidden, Detail: "a key cannot make one that may more", Fields: wrong}
}
