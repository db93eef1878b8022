package api

import (
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// listenerView adds the id.
type listenerView struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	hub.Listener
	State *listeningView `json:"state"` // null where no listener runs
}

// listeningView is how a listener is at this moment.
type listeningView struct {
	Listening          bool    `json:"listening"`
	Address            *string `json:"address"`
	Since              *string `json:"since"`
	Problem            *string `json:"problem"`
	CertificateExpires *string `json:"certificate_expires_at"`
	DaysLeft           *int    `json:"certificate_days_left"` // once they are few
}

func (a *API) viewListener(l settings.Listener) listenerView {
	view := listenerView{l.ID.Text(hub.ListenerPrefix), hub.TimeText(l.CreatedAt), hub.TimeText(l.UpdatedAt), l.Listener, nil}
	if a.Listening == nil {
		return view
	}
	is, known := a.Listening(l.ID)
	if !known {
		return view
	}
	view.State = &listeningView{
		Listening: is.Address != "", Address: optional(is.Address), Since: optionalTime(is.Since), Problem: optional(is.Problem),
		CertificateExpires: optionalTime(is.Expires),
	}
	if days, near := is.DaysLeft(a.Now()); near {
		view.State.DaysLeft = &days
	}
	return view
}

func (a *API) answerListener(status int, l settings.Listener) answer {
	return answer{status: status, body: a.viewListener(l), etag: l.ETag()}
}

func (c *call) listenerRef() string { return c.r.PathValue("listener") }

func (a *API) createListener(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	l, err := a.Settings.CreateListener(c.r.Context(), raw, c.by())
	return a.answerListener(http.StatusCreated, l), err
}

func (a *API) listListeners(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	listeners, next, err := a.Settings.Listeners(c.r.Context(), page)
	if err != nil {
		return answer{}, err
	}
	views := make([]listenerView, len(listeners))
	for i, l := range listeners {
		views[i] = a.viewListener(l)
	}
	return pageOf(views, next), nil
}

func (a *API) getListener(c *call) (answer, error) {
	l, err := a.Settings.Listener(c.r.Context(), c.listenerRef())
	return a.answerListener(http.StatusOK, l), err
}

func (a *API) putListener(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	l, created, err := a.Settings.ReplaceListener(c.r.Context(), c.listenerRef(), raw, c.ifMatch(), c.by())
	if created {
		return a.answerListener(http.StatusCreated, l), err
	}
	return a.answerListener(http.StatusOK, l), err
}

func (a *API) patchListener(c *call) (answer, error) {
	raw, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	l, err := a.Settings.PatchListener(c.r.Context(), c.listenerRef(), raw, c.ifMatch(), c.by())
	return a.answerListener(http.StatusOK, l), err
}

func (a *API) deleteListener(c *call) (answer, error) {
	err := a.Settings.DeleteListener(c.r.Context(), c.listenerRef(), c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}
