package api

import (
	"encoding/json"
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// userView adds what every object has.
type userView struct {
	ID string `json:"id"`
	settings.User
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func viewUser(u settings.User) userView {
	return userView{ID: u.ID.Text(hub.UserPrefix), User: u, CreatedAt: hub.TimeText(u.CreatedAt), UpdatedAt: hub.TimeText(u.UpdatedAt)}
}

func (a *API) listUsers(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	users, err := a.Settings.Users(c.r.Context(), c.tenant())
	if err != nil {
		return answer{}, err
	}
	views := make([]userView, len(users))
	for i, u := range users {
		views[i] = viewUser(u)
	}
	return slicePage(views, page, func(v userView) string { return v.ID }), nil
}

func (a *API) getUser(c *call) (answer, error) {
	u, err := a.Settings.User(c.r.Context(), c.tenant(), c.r.PathValue("user"))
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewUser(u), etag: a.Settings.UserETag(u)}, nil
}

// password takes the password out of a body and hashes it; absent gives the absent hash.
func (c *call) password() (hub.Secret, error) {
	var given struct{ Password *string }
	if err := c.decodeAt("/password", &given); err != nil || given.Password == nil {
		return hub.Secret{}, err
	}
	return c.api.Auth.HashPassword(c.r.Context(), *given.Password)
}

func (a *API) createUser(c *call) (answer, error) {
	// A user has no scopes, so a narrowed key would make somebody who may do more than itself.
	if err := within(c.principal.Scopes, nil); err != nil {
		return answer{}, err
	}
	var u hub.User
	if err := c.decodeAt("/expires_at", &u); err != nil {
		return answer{}, err
	}
	password, err := c.password()
	if err != nil {
		return answer{}, err
	}
	made, err := a.Settings.CreateUser(c.r.Context(), c.tenant(), u, password, c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: viewUser(made), etag: a.Settings.UserETag(made)}, nil
}

func (a *API) patchUser(c *call) (answer, error) {
	if err := within(c.principal.Scopes, nil); err != nil {
		return answer{}, err
	}
	ctx := c.r.Context()
	var changes map[string]json.RawMessage
	if err := c.decode(&changes); err != nil {
		return answer{}, err
	}
	for _, ours := range []string{"id", "created_at", "updated_at", "may_sign_in", "password"} {
		delete(changes, ours)
	}
	password, err := c.password()
	if err != nil {
		return answer{}, err
	}
	patch, err := json.Marshal(changes)
	if err != nil {
		return answer{}, err
	}
	u, err := a.Settings.PatchUser(ctx, c.tenant(), c.r.PathValue("user"), patch, password, c.r.Header.Get("If-Match"), c.by())
	if err != nil {
		return answer{}, err
	}
	if !password.IsZero() {
		if err := a.Auth.SignOutOthers(ctx, u.No, ""); err != nil {
			return answer{}, err
		}
	}
	return answer{body: viewUser(u), etag: a.Settings.UserETag(u)}, nil
}

func (a *API) deleteUser(c *call) (answer, error) {
	err := a.Settings.DeleteUser(c.r.Context(), c.tenant(), c.r.PathValue("user"), c.r.Header.Get("If-Match"), c.by())
	return answer{status: http.StatusNoContent}, err
}
