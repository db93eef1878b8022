package api

import (
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
