package api

import (
	"net/http"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// countedFor is the span of the counts of a source.
const countedFor = 7 * 24 * time.Hour

// sourceView is a source as the API shows it: its settings with what came in.
type sourceView struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	hub.Source
	Preset      *string          `json:"preset"`
	Verify      any              `json:"verify"` // with a secret where the call may show it
	Listener    *string          `json:"listener"`
	Accept      shownAccept      `json:"accept"`
	Split       *string          `json:"split"`
	URL         string           `json:"url"`
	Counts      map[string]int64 `json:"counts"`
	LastRequest *lastRequest     `json:"last_request"`
}

type shownAccept struct {
	hub.Accept
	Condition *string `json:"condition"`
}

// shownVerify shows secrets in clear.
type shownVerify struct {
	hub.Verify
	Secrets []string `json:"secrets"`
}

type lastRequest struct {
	ID      string `json:"id"`
	At      string `json:"at"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

// viewSource adds the address and what came in.
func (a *API) viewSource(c *call, s settings.Source) (sourceView, error) {
	counts, err := a.Store.RequestCounts(c.r.Context(), s.No, a.Now().Add(-countedFor))
	if err != nil {
		return sourceView{}, err
	}
	newest, _, err := a.Store.Requests(c.r.Context(), store.RequestFilter{Tenant: s.Tenant, Source: s.No}, store.Page{Limit: 1})
	if err != nil {
		return sourceView{}, err
	}
	v := sourceView{
		ID: s.ID.Text(hub.SourcePrefix), CreatedAt: hub.TimeText(s.CreatedAt), UpdatedAt: hub.TimeText(s.UpdatedAt),
		Source: s.Source, Preset: optional(s.Preset), Verify: s.Verify, Listener: optional(s.Listener), Split: optional(s.Split),
		Accept: shownAccept{s.Accept, optional(s.Accept.Condition)},
		URL:    a.PublicURL(s.Listener) + "/in/" + s.Path, Counts: counts,
	}
	if len(newest) > 0 {
		r := newest[0]
		v.LastRequest = &lastRequest{r.ID.Text(hub.RequestPrefix), hub.TimeText(r.At), r.Outcome, r.Reason}
	}
	return v, nil
}

func (a *API) answerSource(c *call, status int, s settings.Source) (answer, error) {
	v, err := a.viewSource(c, s)
	if err != nil {
		return answer{}, err
	}
	out := answer{status: status, body: v, etag: s.ETag()}
	if !s.Made.IsZero() {
		// The one moment in which somebody can learn the secret that the provider wants to be told.
		out.kept = v
		v.Verify = shownVerify{s.Verify, []string{s.Made.Reveal()}}
		out.body = v
	}
	return out, nil
}

func (c *call) sourceRef() string { return c.r.PathValue("source") }

// source is the one that the path names.
func (a *API) source(c *call) (settings.Source, error) {
	return a.Settings.Source(c.r.Context(), c.tenant(), c.sourceRef())
}

func (a *API) createSource(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	s, err := a.Settings.CreateSource(c.r.Context(), c.tenant(), raw, c.by())
	if err != nil {
		return answer{}, err
	}
	return a.answerSource(c, http.StatusCreated, s)
}

func (a *API) listSources(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	sources, next, err := a.Settings.Sources(c.r.Context(), c.tenant(), page)
	if err != nil {
		return answer{}, err
	}
	views := make([]sourceView, len(sources))
	for i, s := range sources {
		if views[i], err = a.viewSource(c, s); err != nil {
			return answer{}, err
		}
	}
	return pageOf(views, next), nil
}

func (a *API) getSource(c *call) (answer, error) {
	s, err := a.source(c)
	if err != nil {
		return answer{}, err
	}
	return a.answerSource(c, http.StatusOK, s)
}

func (a *API) putSource(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	s, created, err := a.Settings.ReplaceSource(c.r.Context(), c.tenant(), c.sourceRef(), raw, c.ifMatch(), c.by())
	if err != nil {
		return answer{}, err
	}
	if created {
		return a.answerSource(c, http.StatusCreated, s)
	}
	return a.answerSource(c, http.StatusOK, s)
}

func (a *API) patchSource(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	s, err := a.Settings.PatchSource(c.r.Context(), c.tenant(), c.sourceRef(), raw, c.ifMatch(), c.by())
	if err != nil {
		return answer{}, err
	}
	return a.answerSource(c, http.StatusOK, s)
}

func (a *API) deleteSource(c *call) (answer, error) {
	err := a.Settings.DeleteSource(c.r.Context(), c.tenant(), c.sourceRef(), c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}
