package web

import (
	"encoding/json"
	"fmt"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/locale"
)

// profileView is what profile.html shows: one's own name, language, zone and password.
type profileView struct {
	Form, Password *Form
	Email, Role    string
	Expires        *time.Time
}

func (v *visit) profileView(wrong, wrongPassword error) profileView {
	u := v.who.User
	page := profileView{Email: u.Email, Role: v.roleWord(u.Role), Expires: u.ExpiresAt}
	themes := []Option{
		{Value: "", Word: v.lang.Text("web.theme.system")},
		{Value: "light", Word: v.lang.Text("web.theme.light")},
		{Value: "dark", Word: v.lang.Text("web.theme.dark")},
	}
	page.Form = v.newForm("/profile", wrong,
		Field{Name: "name", Pointer: "/name", Label: v.lang.Text("web_login.name"), Value: u.Name, Autocomplete: "name", Required: true},
		v.languageField(u.Language), v.zoneField(u.TimeZone),
		Field{Name: "theme", Pointer: "/theme", Label: v.lang.Text("web.menu.appearance"), Type: "select", Value: u.Theme, Options: themes})
	page.Form.ETag = v.heldAt(etag(u.Version), wrong)
	page.Password = v.newForm("/profile/password", wrongPassword,
		Field{Name: "current", Pointer: "/current", Label: v.lang.Text("web_profile.current"), Type: "password", Autocomplete: "current-password", Required: true},
		Field{
			Name: "password", Pointer: "/password", Label: v.lang.Text("web_profile.new"), Type: "password",
			Autocomplete: "new-password", Hint: v.lang.Text("web_login.password_hint"), Required: true,
		})
	return page
}

// languageField asks which language somebody reads.
func (v *visit) languageField(value string) Field {
	options := []Option{{Value: "", Word: v.lang.Text("web_profile.language_browser")}}
	for _, l := range locale.Languages() {
		options = append(options, Option{Value: string(l), Word: languageNames[l]})
	}
	return Field{Name: "language", Pointer: "/language", Label: v.lang.Text("web.menu.language"), Type: "select", Value: value, Options: options}
}

func (v *visit) zoneField(value string) Field {
	return Field{Name: "time_zone", Pointer: "/time_zone", Label: v.lang.Text("web_profile.zone"), Value: value, Hint: v.lang.Text("web_profile.zone_hint")}
}

func etag(version int64) string { return fmt.Sprintf("%q", fmt.Sprint(version)) }

func (v *visit) profilePage() error {
	return v.show("profile", v.lang.Text("web_profile.title"), v.profileView(nil, nil))
}

// saveProfile stores the form when nobody has changed the user since it was shown.
func (v *visit) saveProfile() error {
	err := v.changeMe(map[string]string{
		"name": v.form("name"), "language": v.form("language"), "time_zone": v.form("time_zone"), "theme": v.form("theme"),
	}, hub.Secret{}, v.form("etag"))
	if err != nil {
		return v.refuse(err, "profile", v.lang.Text("web_profile.title"), v.profileView(err, nil))
	}
	return v.goTo("/profile", "web_profile.saved")
}

// saveLook changes language or theme from the menu, and comes back to the page.
func (v *visit) saveLook() error {
	changes := map[string]string{}
	for _, name := range []string{"language", "theme"} {
		if v.r.PostForm.Has(name) {
			changes[name] = v.form(name)
		}
	}
	if err := v.changeMe(changes, hub.Secret{}, ""); err != nil {
		return err
	}
	return v.goTo(local(v.form("to")), "")
}

func (v *visit) changeMe(changes map[string]string, password hub.Secret, ifMatch string) error {
	patch, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	_, err = v.Settings.PatchUser(v.ctx(), v.who.User.Tenant, v.who.User.ID.Text(hub.UserPrefix), patch, password, ifMatch, v.by())
	return err
}

func (v *visit) savePassword() error {
	if err := v.newPassword(); err != nil {
		return v.refuse(err, "profile", v.lang.Text("web_profile.title"), v.profileView(nil, err))
	}
	return v.goTo("/profile", "web_profile.password_saved")
}

func (v *visit) newPassword() error {
	var p hub.Problems
	if auth.CheckPassword(&p, "/password", v.form("password")); len(p) > 0 {
		return p.Err()
	}
	right, err := v.Auth.PasswordIsRight(v.ctx(), *v.who.User, v.form("current"), v.from())
	if err != nil {
		return err
	}
	if !right {
		p.Add("/current", "%s", v.lang.Text("web_profile.current_wrong"))
		return p.Err()
	}
	hash, err := v.Auth.HashPassword(v.ctx(), v.form("password"))
	if err != nil {
		return err
	}
	if err := v.changeMe(map[string]string{}, hash, ""); err != nil {
		return err
	}
	return v.Auth.SignOutOthers(v.ctx(), v.who.User.No, v.token)
}
