package web

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// usersView is what users.html shows: who may sign in.
type usersView struct{ Lines []userLine }

type userLine struct {
	Name, Email, Role, Path string
	Badge                   Badge
	Until                   *time.Time
	Me                      bool
}

func (v *visit) usersPage() error {
	all, err := v.Settings.Users(v.ctx(), v.tenant())
	if err != nil {
		return err
	}
	var page usersView
	for i := range all {
		u := &all[i]
		page.Lines = append(page.Lines, userLine{
			Name: u.Name, Email: u.Email, Role: v.roleWord(u.Role), Path: userPath(u), Badge: v.userBadge(u), Until: u.ExpiresAt,
			Me: v.who.User != nil && u.ID == v.who.User.ID,
		})
	}
	return v.show("users", v.lang.Text("web_settings.users"), page)
}

func userPath(u *settings.User) string { return "/settings/users/" + u.ID.Text(hub.UserPrefix) }

func (v *visit) userBadge(u *settings.User) Badge {
	switch {
	case u.ExpiresAt != nil && !u.ExpiresAt.After(v.moment):
		return Badge{"skip", "off", v.lang.Text("web_settings.over")}
	case !u.MaySignIn:
		return Badge{"hold", "hold", v.lang.Text("web_settings.no_password")}
	}
	return Badge{"ok", "dot", v.lang.Text("web_settings.may_sign_in")}
}

// userView is what user.html shows: one person, and the password that was just made for them.
type userView struct {
	Title         string
	New           bool
	Form          *Form
	Password      string // "" unless it was made a moment ago, in this session
	Renew, Delete *Form
	Email         string
}

// spans are the days for which somebody may be let in.
func spans() []int { return []int{1, 7, 30} }

// untilKept is the choice that leaves an end as it is.
const untilKept = "kept"

// untilField asks for how long; now is the end that is set already.
func (v *visit) untilField(now *time.Time, value string) Field {
	options := []Option{{Value: "", Word: v.lang.Text("web_settings.no_end")}}
	if now != nil {
		options = append(options, Option{Value: untilKept, Word: v.lang.Text("web_settings.until", "time", v.lang.Moment(*now, v.zone))})
		value = untilKept
	}
	for _, days := range spans() {
		options = append(options, Option{Value: strconv.Itoa(days), Word: v.lang.Text("web_settings.days", "count", days)})
	}
	return Field{Name: "until", Pointer: "/expires_at", Label: v.lang.Text("web_settings.for_how_long"), Type: "select", Value: value, Options: options}
}

// until is the end that the form chose.
func (v *visit) until(now *time.Time) *time.Time {
	if v.form("until") == untilKept {
		return now
	}
	days, err := strconv.Atoi(v.form("until"))
	if err != nil || days <= 0 || days > 366 {
		return nil
	}
	end := v.moment.AddDate(0, 0, days)
	return &end
}

func (v *visit) roleField(value hub.Role) Field {
	var options []Option
	for _, role := range hub.Roles() {
		options = append(options, Option{Value: string(role), Word: v.lang.Text("web_settings.role." + string(role))})
	}
	return Field{Name: "role", Pointer: "/role", Label: v.lang.Text("web_settings.role"), Type: "select", Value: string(value), Options: options}
}

// userForm builds the form; u is nil for somebody new.
func (v *visit) userForm(u *settings.User, refusal error) userView {
	text := v.lang.Text
	page := userView{Title: text("web_settings.user_new"), New: u == nil}
	from, action, until := hub.User{Role: hub.Operator, TimeZone: v.who.User.TimeZone}, "/settings/users/new", ""
	if u != nil {
		from, action, page.Title, page.Email = u.User, userPath(u), u.Name, u.Email
	} else if v.r.URL.Query().Get("days") == "1" {
		until, page.Title = "1", text("web_settings.helper")
	}
	page.Form = v.newForm(action, refusal,
		Field{Name: "name", Pointer: "/name", Label: text("web_login.name"), Value: from.Name, Autocomplete: "off", Required: true},
		Field{Name: "email", Pointer: "/email", Label: text("web_login.email"), Type: "email", Value: from.Email, Autocomplete: "off", Required: true},
		v.roleField(from.Role), v.untilField(from.ExpiresAt, until), v.languageField(from.Language), v.zoneField(from.TimeZone))
	if u != nil {
		page.Form.ETag = v.heldAt(v.Settings.UserETag(*u), refusal)
		page.Password = v.made.of(v.token, u.ID, v.moment).Reveal()
		page.Renew, page.Delete = v.newForm(userPath(u)+"/password", nil), v.newForm(userPath(u)+"/delete", nil)
		page.Delete.ETag = v.Settings.UserETag(*u)
	}
	return page
}

func (v *visit) newUserPage() error {
	page := v.userForm(nil, nil)
	return v.show("user", page.Title, page)
}

func (v *visit) theUser() (settings.User, error) {
	return v.Settings.User(v.ctx(), v.tenant(), v.r.PathValue("user"))
}

func (v *visit) userPage() error {
	u, err := v.theUser()
	if err != nil {
		return err
	}
	page := v.userForm(&u, nil)
	return v.show("user", page.Title, page)
}

// createUser lets somebody in. The password is made here, shown once, and theirs to change.
func (v *visit) createUser() error {
	password, hash, err := v.freshPassword()
	if err != nil {
		return err
	}
	u := hub.User{
		Name: v.form("name"), Email: v.form("email"), Role: hub.Role(v.form("role")), ExpiresAt: v.until(nil),
		Language: v.form("language"), TimeZone: v.form("time_zone"),
	}
	made, err := v.Settings.CreateUser(v.ctx(), v.tenant(), u, hash, v.by())
	if err != nil {
		page := v.userForm(nil, err)
		return v.refuse(err, "user", page.Title, page)
	}
	v.made.keep(v.token, made.ID, password, v.moment)
	return v.goTo(userPath(&made), "web_settings.user_made", "name", made.Name)
}

// freshPassword is one that nobody can guess and everybody can read out: 80 bits in groups of four.
func (v *visit) freshPassword() (password, hash hub.Secret, err error) {
	letters := strings.ToLower(rand.Text()[:16])
	groups := []string{letters[:4], letters[4:8], letters[8:12], letters[12:]}
	password = hub.NewSecret(strings.Join(groups, "-"))
	hash, err = v.Auth.HashPassword(v.ctx(), password.Reveal())
	return password, hash, err
}

func (v *visit) saveUser() error {
	u, err := v.theUser()
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{
		"name": v.form("name"), "email": v.form("email"), "role": v.form("role"), "expires_at": v.until(u.ExpiresAt),
		"language": v.form("language"), "time_zone": v.form("time_zone"),
	})
	if err != nil {
		return err
	}
	saved, err := v.Settings.PatchUser(v.ctx(), v.tenant(), u.ID.Text(hub.UserPrefix), patch, hub.Secret{}, v.form("etag"), v.by())
	if err != nil {
		page := v.userForm(&u, err)
		return v.refuse(err, "user", page.Title, page)
	}
	return v.goTo("/settings/users", "web_settings.saved", "name", saved.Name)
}

// newUserPassword replaces a forgotten one; whoever used the old one is signed out everywhere.
func (v *visit) newUserPassword() error {
	u, err := v.theUser()
	if err != nil {
		return err
	}
	password, hash, err := v.freshPassword()
	if err != nil {
		return err
	}
	if _, err := v.Settings.PatchUser(v.ctx(), v.tenant(), u.ID.Text(hub.UserPrefix), json.RawMessage(`{}`), hash, "", v.by()); err != nil {
		return err
	}
	keep := ""
	if u.ID == v.who.User.ID {
		keep = v.token
	}
	if err := v.Auth.SignOutOthers(v.ctx(), u.No, keep); err != nil {
		return err
	}
	v.made.keep(v.token, u.ID, password, v.moment)
	return v.goTo(userPath(&u), "web_settings.password_made", "name", u.Name)
}

func (v *visit) deleteUser() error {
	u, err := v.theUser()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteUser(v.ctx(), v.tenant(), u.ID.Text(hub.UserPrefix), v.form("etag"), v.by()); err != nil {
		page := v.userForm(&u, nil)
		page.Form = v.refusedAside(page.Form, err)
		return v.refuse(err, "user", page.Title, page)
	}
	return v.goTo("/settings/users", "web_settings.deleted", "name", u.Name)
}

// refusedAside puts a refusal of something else above a form that was not sent: its fields stay as they are.
func (v *visit) refusedAside(f *Form, err error) *Form {
	refused := v.newForm(f.Action, err)
	f.Headline, f.Detail, f.Hint = refused.Headline, refused.Detail, refused.Hint
	return f
}
