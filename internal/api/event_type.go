package api

import (
	"net/http"
	"slices"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// eventTypeView adds the id that every object has; here it is the name.
type eventTypeView struct {
	ID string `json:"id"`
	settings.EventType
	Variables []settings.Variable `json:"variables,omitempty"` // only where one type is read
}

func viewEventType(t settings.EventType) eventTypeView {
	return eventTypeView{ID: t.Name, EventType: t}
}

func (a *API) listEventTypes(c *call) (answer, error) {
	q := c.params()
	page, groups := q.page(), q.list("group")
	page.Ascending = q.text("order") != "desc" // a catalogue is read from A
	if err := q.err(); err != nil {
		return answer{}, err
	}
	types, err := a.Settings.EventTypes(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	if groups != nil {
		types = slices.DeleteFunc(slices.Clone(types), func(t settings.EventType) bool { return !slices.Contains(groups, t.Group) })
	}
	views := make([]eventTypeView, len(types))
	for i, t := range types {
		views[i] = viewEventType(t)
	}
	return slicePage(views, page, func(v eventTypeView) string { return v.Name }), nil
}

func (a *API) getEventType(c *call) (answer, error) {
	t, err := a.Settings.EventType(c.r.Context(), c.r.PathValue("name"))
	if err != nil {
		return answer{}, err
	}
	v := viewEventType(t)
	if v.Variables, err = a.Settings.Variables(c.r.Context(), a.tenantToShow(c), t.Name); err != nil {
		return answer{}, err
	}
	return answer{body: v, etag: t.ETag()}, nil
}

// tenantToShow is whose events may serve as an example: 0, nobody's, when the key may read none or it is not said
// for whom it acts.
func (a *API) tenantToShow(c *call) int64 {
	if c.principal.Scope("events:read") != nil {
		return 0
	}
	p, err := a.Auth.ForTenant(c.r.Context(), c.principal, c.r.Header.Get("Hacek-Tenant"))
	if err != nil {
		return 0
	}
	return p.Tenant
}

func (a *API) putEventType(c *call) (answer, error) {
	t := settings.DefaultEventType()
	if err := c.decode(&t); err != nil {
		return answer{}, err
	}
	name := c.r.PathValue("name")
	if t.Name != "" && t.Name != name {
		var wrong hub.Problems
		wrong.Add("/name", "is %q, but the address says %q", hub.Shorten(t.Name, 60), hub.Shorten(name, 60))
		return answer{}, wrong.Err()
	}
	t.Name = name
	t, created, err := a.Settings.PutEventType(c.r.Context(), t, c.ifMatch(), c.by())
	if err != nil {
		return answer{}, err
	}
	out := answer{body: viewEventType(t), etag: t.ETag()}
	if created {
		out.status = http.StatusCreated
	}
	return out, nil
}

func (a *API) patchEventType(c *call) (answer, error) {
	merge, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	t, err := a.Settings.PatchEventType(c.r.Context(), c.r.PathValue("name"), merge, c.ifMatch(), c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewEventType(t), etag: t.ETag()}, nil
}

func (a *API) deleteEventType(c *call) (answer, error) {
	err := a.Settings.DeleteEventType(c.r.Context(), c.r.PathValue("name"), c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}

type packView struct {
	Name      string            `json:"name"`
	Title     map[string]string `json:"title"`
	Vendor    string            `json:"vendor"`
	Direction string            `json:"direction"`
	Types     []string          `json:"types"`
}

func (a *API) listPacks(*call) (answer, error) {
	all, err := a.Settings.Packs()
	if err != nil {
		return answer{}, err
	}
	views := []packView{}
	for _, p := range all {
		v := packView{Name: p.Name, Title: p.Title, Vendor: p.Vendor, Direction: p.Direction, Types: []string{}}
		for _, t := range p.Types {
			v.Types = append(v.Types, t.Name)
		}
		views = append(views, v)
	}
	return answer{body: map[string]any{"data": views}}, nil
}

func (a *API) installPack(c *call) (answer, error) {
	installed, err := a.Settings.InstallPack(c.r.Context(), c.r.PathValue("pack"), c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{body: map[string]any{"installed": listed(installed)}}, nil
}
