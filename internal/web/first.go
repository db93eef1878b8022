package web

import (
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// firstView is what first.html shows: the administrator's form of a first start.
type firstView struct{ Form *Form }

func (v *visit) firstForm(err error) *Form {
	return v.newForm(v.r.URL.Path, err,
		Field{Name: "name", Pointer: "/name", Label: v.lang.Text("web_login.name"), Autocomplete: "name", Required: true},
		Field{Name: "email", Pointer: "/email", Label: v.lang.Text("web_login.email"), Type: "email", Autocomplete: "username", Required: true},
		Field{
			Name: "password", Pointer: "/password", Label: v.lang.Text("web_login.password"), Type: "password",
			Autocomplete: "new-password", Hint: v.lang.Text("web_login.password_hint"), Required: true,
		})
}

// firstOpens tells whether the link that the start printed is still good.
func (v *visit) firstOpens() error {
	gone := v.gone("web_login.first_gone")
	if v.First == nil || !v.First.Opens(v.r.PathValue("token"), v.moment) {
		return gone
	}
	some, err := v.Auth.HasAdministrator(v.ctx())
	if err == nil && some {
		err = gone
	}
	return err
}

func (v *visit) firstPage() error {
	if err := v.firstOpens(); err != nil {
		return err
	}
	return v.show("first", v.lang.Text("web_login.first_title"), firstView{v.firstForm(nil)})
}

func (v *visit) first() error {
	if err := v.firstOpens(); err != nil {
		return err
	}
	err := v.makeFirst()
	if err != nil {
		return v.refuse(err, "first", v.lang.Text("web_login.first_title"), firstView{v.firstForm(err)})
	}
	return v.goTo("/start", "web_login.welcome")
}

func (v *visit) makeFirst() error {
	hash, err := v.Auth.HashPassword(v.ctx(), v.form("password"))
	if err != nil {
		return err
	}
	tenant, err := v.Settings.Tenant(v.ctx(), settings.DefaultTenant)
	if err != nil {
		return err
	}
	u := hub.User{Name: v.form("name"), Email: v.form("email"), Role: hub.Administrator, Language: string(v.lang), TimeZone: v.form("zone")}
	if !settings.KnownZone(u.TimeZone) { // the browser said it, and no field of the page could mend it
		u.TimeZone = ""
	}
	if _, err := v.Settings.CreateUser(v.ctx(), tenant.No, u, hash, settings.By{Name: u.Name}); err != nil {
		return err
	}
	v.First.Use(v.r.PathValue("token"), v.moment)
	token, who, err := v.Auth.SignIn(v.ctx(), u.Email, v.form("password"), v.from())
	if err != nil {
		return err
	}
	v.openSession(token, who)
	return nil
}
