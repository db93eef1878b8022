package api

import (
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// keyView adds the id, and once the key itself.
type keyView struct {
	ID string `json:"id"`
	settings.Key
	UpdatedAt string `json:"updated_at"` // a key never changes
	Secret    string `json:"key,omitempty"`
}

func viewKey(k settings.Key) keyView {
	return keyView{ID: k.ID.Text(hub.KeyPrefix), Key: k, UpdatedAt: hub.TimeText(k.CreatedAt)}
}

func (a *API) listKeys(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	keys, err := a.Settings.Keys(c.r.Context(), c.tenant())
	if err != nil {
		return answer{}, err
	}
	views := make([]keyView, len(keys))
	for i, k := range keys {
		views[i] = viewKey(k)
	}
	return slicePage(views, page, func(v keyView) string { return v.ID }), nil
}

func (a *API) createKey(c *call) (answer, error) {
	var k settings.Key
	if err := c.decode(&k); err != nil {
		return answer{}, err
	}
	if err := within(c.principal.Scopes, k.Scopes); err != nil {
		return answer{}, err
	}
	k, secret, err := a.Settings.CreateKey(c.r.Context(), c.tenant(), settings.Key{Name: k.Name, Role: k.Role, Scopes: k.Scopes, ExpiresAt: k.ExpiresAt}, c.by())
	if err != nil {
		return answer{}, err
	}
	shown, masked := viewKey(k), viewKey(k)
	shown.Secret, masked.Secret = secret.Reveal(), hub.Masked
	return answer{status: http.StatusCreated, body: shown, kept: masked}, nil
}

func (a *API) deleteKey(c *call) (answer, error) {
	err := a.Settings.DeleteKey(c.r.Context(), c.tenant(), c.r.PathValue("key"), c.by())
	return answer{status: http.StatusNoContent}, err
}
