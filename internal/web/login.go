package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/locale"
)

// loginView is what login.html shows.
type loginView struct {
	Form *Form
	To   string // where to go afterwards
	// Kept is what was typed into the form of a session that ended meanwhile; it comes back after signing in.
	Kept   []keptField
	KeptAt string
	First  bool // no administrator yet
}

type keptField struct{ Name, Value string }

func (v *visit) loginForm(err error) *Form {
	return v.newForm("/login", err,
		Field{Name: "email", Label: v.lang.Text("web_login.email"), Type: "email", Autocomplete: "username", Required: true},
		Field{Name: "password", Label: v.lang.Text("web_login.password"), Type: "password", Autocomplete: "current-password", Required: true})
}

func (v *visit) loginPage() error {
	to := local(v.r.URL.Query().Get("to"))
	if v.who.User != nil {
		return v.goTo(to, "")
	}
	return v.showLogin(http.StatusOK, v.loginForm(nil), to, nil, "")
}

func (v *visit) showLogin(status int, f *Form, to string, kept []keptField, at string) error {
	some, err := v.Auth.HasAdministrator(v.ctx())
	if err != nil {
		return err
	}
	page := loginView{Form: f, To: to, Kept: kept, KeptAt: at, First: !some}
	return v.render(status, "login", v.lang.Text("web_login.title"), page)
}

// askToSignIn takes a page that needs a session to the login, and keeps what was typed into a form.
func (v *visit) askToSignIn() error {
	if v.portal != nil {
		return v.askToComeBack()
	}
	if methodReads(v.r) {
		if v.r.URL.Path == "/stream" {
			v.w.WriteHeader(http.StatusNoContent) // the browser asks no more; the next click leads to the login
			return nil
		}
		to := v.r.URL.RequestURI()
		if v.r.Header.Get("HX-Request") != "" {
			v.w.Header().Set("HX-Redirect", "/login")
			v.w.WriteHeader(http.StatusUnauthorized)
			return nil
		}
		http.Redirect(v.w, v.r, "/login?to="+url.QueryEscape(to), http.StatusSeeOther)
		return nil
	}
	return v.showLogin(http.StatusUnauthorized, v.loginForm(nil), "", v.keep(), v.r.URL.Path)
}

// secretNames are parts of names of fields that are never sent back to a browser.
var secretNames = [...]string{"password", "secret", "current", "token", "dsn", "auth"}

func (v *visit) keep() (list []keptField) {
	for name, values := range v.r.PostForm {
		if slices.ContainsFunc(secretNames[:], func(part string) bool { return strings.Contains(strings.ToLower(name), part) }) {
			continue
		}
		for _, value := range values {
			list = append(list, keptField{name, withoutLogin(name, value)})
		}
	}
	slices.SortStableFunc(list, func(a, b keptField) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// withoutLogin leaves out of typed headers the one that saving refuses: it would have been sealed elsewhere.
func withoutLogin(name, value string) string {
	if name != "headers" {
		return value
	}
	lines := strings.SplitAfter(value, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		header, _, _ := strings.Cut(line, ":")
		return strings.HasSuffix(strings.ToLower(strings.TrimSpace(header)), "authorization")
	}), "")
}

// kept reads back what keep has put into the login form.
func (v *visit) kept() (list []keptField) {
	names, values := v.r.PostForm["kept_name"], v.r.PostForm["kept_value"]
	for i := 0; i < min(len(names), len(values)); i++ {
		list = append(list, keptField{names[i], values[i]})
	}
	return list
}

// resumeView is what resume.html shows: the form that was under way when the session ended.
type resumeView struct {
	Action string
	Fields []keptField
	Do     string // which of the form's buttons had been pressed; "" when they have no names
	Look   bool   // the form can be seen again before it is sent
}

func (v *visit) showResume(at string, kept []keptField) error {
	at = local(at)
	page := resumeView{Action: v.at(at)}
	for _, f := range kept {
		if f.Name == "do" {
			page.Do = f.Value
		} else {
			page.Fields = append(page.Fields, f)
		}
	}
	page.Look = page.Do != "" && (at == "/webhooks/new/own" || strings.HasPrefix(at, "/webhooks/") && strings.HasSuffix(at, "/edit"))
	return v.show("resume", v.lang.Text("web_login.resume_title"), page)
}

func (v *visit) login() error {
	to, kept, at := local(v.form("to")), v.kept(), local(v.form("kept_at"))
	token, who, err := v.Auth.SignIn(v.ctx(), v.form("email"), v.form("password"), v.from())
	if err != nil {
		code := hub.CodeOf(err)
		if code != hub.Unauthorized && code != hub.TooMany {
			return err
		}
		f := v.loginForm(err)
		f.Headline, f.Detail, f.Hint = v.lang.Text("web_login.wrong"), v.lang.Text("web_login.wrong_detail"), ""
		if code == hub.TooMany {
			f.Headline, f.Detail = v.lang.Text("web_login.too_many"), v.lang.Text("web_login.too_many_detail")
		}
		status, _ := headlineOf(code)
		if code == hub.Unauthorized {
			status = http.StatusUnprocessableEntity
		}
		return v.showLogin(status, f, to, kept, at)
	}
	v.openSession(token, who)
	if len(kept) > 0 {
		return v.showResume(at, kept)
	}
	return v.goTo(to, "")
}

// openSession gives the browser the session's cookie. It lasts as long as the browser; the session ends when idle.
func (v *visit) openSession(token hub.Secret, who auth.Principal) {
	v.setCookie(sessionCookie, token.Reveal(), 0)
	v.who, v.token = who, token.Reveal()
	if u := who.User; u.Language != "" {
		v.lang = locale.In(u.Language)
	}
}

func (v *visit) logout() error {
	if err := v.Auth.SignOut(v.ctx(), v.token); err != nil {
		return err
	}
	v.dropCookie(sessionCookie)
	v.who = auth.Principal{}
	return v.goTo("/login", "web_login.signed_out")
}
