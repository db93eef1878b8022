package web

import (
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// keysView is what keys.html shows: the programs that may call the API.
type keysView struct{ Lines []keyLine }

type keyLine struct {
	Name, Role, Shown, Scopes, Delete string
	Made                              string // the key itself, while it may be shown
	ID                                string
	Badge                             Badge
	Until                             *time.Time
	CreatedAt                         time.Time
}

func (v *visit) keysPage() error {
	all, err := v.Settings.Keys(v.ctx(), v.tenant())
	if err != nil {
		return err
	}
	var page keysView
	for i := range all {
		k := &all[i]
		id := k.ID.Text(hub.KeyPrefix)
		line := keyLine{
			Name: k.Name, Role: v.roleWord(k.Role), Shown: k.Shown, Scopes: words(k.Scopes), ID: id, Delete: "/settings/keys/" + id + "/delete",
			Made: v.made.of(v.token, k.ID, v.moment).Reveal(), Until: k.ExpiresAt, CreatedAt: k.CreatedAt,
			Badge: Badge{"ok", "dot", v.lang.Text("web_settings.key_valid")},
		}
		if k.ExpiresAt != nil && !k.ExpiresAt.After(v.moment) {
			line.Badge = Badge{"skip", "off", v.lang.Text("web_settings.over")}
		}
		page.Lines = append(page.Lines, line)
	}
	return v.show("keys", v.lang.Text("web_settings.keys"), page)
}

// keyView is what key.html shows: the form of a new key.
type keyView struct {
	Form   *Form
	Scopes []*Field
}

func (v *visit) keyForm(refusal error) keyView {
	fields := []Field{
		{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Hint: v.lang.Text("web_settings.key_name_hint"), Required: true},
		v.roleField(hub.Editor), v.untilField(nil, ""),
	}
	for _, scope := range hub.Scopes() {
		fields = append(fields, Field{Name: "scope." + scope, Label: scope, Type: "check"})
	}
	page := keyView{Form: v.newForm("/settings/keys/new", refusal, fields...)}
	for _, scope := range hub.Scopes() {
		page.Scopes = append(page.Scopes, page.Form.Fields["scope."+scope])
	}
	return page
}

func (v *visit) newKeyPage() error {
	return v.show("key", v.lang.Text("web_settings.key_new"), v.keyForm(nil))
}

// createKey makes a key and shows it, for this is the only time.
func (v *visit) createKey() error {
	k := settings.Key{Name: strings.TrimSpace(v.form("name")), Role: hub.Role(v.form("role")), ExpiresAt: v.until(nil)}
	for _, scope := range hub.Scopes() {
		if v.form("scope."+scope) != "" {
			k.Scopes = append(k.Scopes, scope)
		}
	}
	made, secret, err := v.Settings.CreateKey(v.ctx(), v.tenant(), k, v.by())
	if err != nil {
		return v.refuse(err, "key", v.lang.Text("web_settings.key_new"), v.keyForm(err))
	}
	v.made.keep(v.token, made.ID, secret, v.moment)
	return v.goTo("/settings/keys", "web_settings.key_made", "name", made.Name)
}

func (v *visit) deleteKey() error {
	if err := v.Settings.DeleteKey(v.ctx(), v.tenant(), v.r.PathValue("key"), v.by()); err != nil {
		return err
	}
	return v.goTo("/settings/keys", "web_settings.key_deleted")
}
