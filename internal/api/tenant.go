package api

import (
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// tenantView adds the id.
type tenantView struct {
	ID string `json:"id"`
	settings.Tenant
}

func viewTenant(t settings.Tenant) tenantView { return tenantView{t.ID.Text(hub.TenantPrefix), t} }

func answerTenant(status int, t settings.Tenant) answer {
	return answer{status: status, body: viewTenant(t), etag: t.ETag()}
}

func (a *API) listTenants(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	tenants, err := a.Settings.Tenants(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	views := make([]tenantView, len(tenants))
	for i, t := range tenants {
		views[i] = viewTenant(t)
	}
	return slicePage(views, page, func(v tenantView) string { return v.ID }), nil
}

func (a *API) createTenant(c *call) (answer, error) {
	var t settings.Tenant
	if err := c.decode(&t); err != nil {
		return answer{}, err
	}
	t, created, err := a.Settings.CreateTenant(c.r.Context(), t, c.by())
	if err != nil {
		return answer{}, err
	}
	if created {
		return answerTenant(http.StatusCreated, t), nil
	}
	return answerTenant(http.StatusOK, t), nil
}

func (a *API) getTenant(c *call) (answer, error) {
	t, err := a.Settings.Tenant(c.r.Context(), c.r.PathValue("tenant"))
	return answerTenant(http.StatusOK, t), err
}

func (a *API) patchTenant(c *call) (answer, error) {
	merge, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	t, err := a.Settings.PatchTenant(c.r.Context(), c.r.PathValue("tenant"), merge, c.ifMatch(), c.by())
	return answerTenant(http.StatusOK, t), err
}

func (a *API) deleteTenant(c *call) (answer, error) {
	err := a.Settings.DeleteTenant(c.r.Context(), c.r.PathValue("tenant"), c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}
