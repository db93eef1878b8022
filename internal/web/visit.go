package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/locale"
	"hacek/internal/settings"
)

// visit is one request on its way through a handler. A handler answers with show, refuse or go, or returns an error.
type visit struct {
	*Console
	w http.ResponseWriter
	r *http.Request

	path   string         // of the route, as it is listed
	who    auth.Principal // see known
	portal *portalPlace   // whose portal this is; nil in the console
	token  string         // of the session
	lang   locale.Language
	zone   *time.Location
	moment time.Time // the same for the whole page
	seen   uint64    // changes before anything was read
	edits  bool      // the page has a field with an editor
}

// maxForm bounds the body of a form, in bytes.
const maxForm = 4 << 20

func (c *Console) answer(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		v := &visit{Console: c, path: r.path, w: w, r: req, moment: c.Now(), seen: c.Live.Changes(), portal: placeOf(req)}
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				v.fail(fmt.Errorf("BUG: %s: %v\n%s", req.URL.Path, p, debug.Stack()))
			}
		}()
		v.recognise()
		if err := v.admit(r); err != nil {
			v.fail(err)
			return
		}
		if err := r.handle(v); err != nil {
			v.fail(err)
		}
	})
}

// recognise finds who visits, and in which language and zone.
func (v *visit) recognise() {
	v.zone = time.UTC
	if cookie, err := v.r.Cookie(v.cookieName(sessionCookie)); err == nil {
		v.token = cookie.Value
		who, err := v.session()
		if err == nil {
			v.who = who
		} else if hub.CodeOf(err) != hub.Unauthorized && v.ctx().Err() == nil { // else the browser has gone
			v.Log.Error("session not read", "err", err)
		}
	}
	v.lang = locale.Match(v.r.Header.Get("Accept-Language"))
	if cookie, err := v.r.Cookie(v.cookieName(languageCookie)); err == nil {
		v.lang = locale.In(cookie.Value)
	}
	if chosen := v.r.URL.Query().Get("lang"); chosen != "" && !v.known() {
		v.lang = locale.In(chosen)
		v.setCookie(languageCookie, string(v.lang), 365*24*time.Hour)
	}
	if g := v.who.Portal; g != nil && g.Language != "" {
		v.lang = locale.In(g.Language)
	}
	if u := v.who.User; u != nil {
		if u.Language != "" {
			v.lang = locale.In(u.Language)
		}
		if zone, err := time.LoadLocation(u.TimeZone); err == nil && u.TimeZone != "" {
			v.zone = zone
		}
	}
}

// admit checks who may, and reads the form.
func (v *visit) admit(r route) error {
	if !methodReads(v.r) {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			return hub.Errorf(hub.TooLarge, "the form could not be read: %v", err)
		}
	}
	if r.open {
		return nil
	}
	if !v.known() {
		return hub.Errorf(hub.Unauthorized, "nobody is signed in")
	}
	return v.least(r.least)
}

// known tells whether the visitor is somebody: a user who is signed in, or the customer who came in by a portal link.
func (v *visit) known() bool { return v.who.User != nil || v.who.Portal != nil }

// session finds the visitor again; it is asked for every request, and while a stream is open.
func (v *visit) session() (auth.Principal, error) {
	if v.portal != nil {
		return v.Auth.Portal(v.ctx(), v.portal.row(), v.token)
	}
	return v.Auth.Session(v.ctx(), v.token)
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// tenant is whose data this visit may see; every read goes through it.
func (v *visit) tenant() int64 { return v.who.Tenant }

func (v *visit) by() settings.By { return settings.By{Name: v.who.Name, Portal: v.who.Portal != nil} }

func (v *visit) form(name string) string { return v.r.PostFormValue(name) }

// from is the caller's address.
func (v *visit) from() string {
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		return v.r.RemoteAddr
	}
	return host
}

// may tells a page whether to show what needs a role.
func (v *visit) may(least hub.Role) bool { return v.who.Role.AtLeast(least) }

// goTo sends the browser on, after something was done, with a sentence of the catalogue to show there.
func (v *visit) goTo(path, key string, values ...string) error {
	if key != "" {
		v.setFlash(key, values)
	}
	http.Redirect(v.w, v.r, v.at(path), http.StatusSeeOther)
	return nil
}

// at is where a path of the console stands for this visitor. Paths are those of the console until they are written
// into a page or a redirect; only then the portal's root comes before them.
func (v *visit) at(path string) string {
	if v.portal == nil {
		return path
	}
	return v.portal.root + path
}

// local keeps a path that came from outside on this site.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}

// fail shows an error as a page: what happened and what to do. What we broke is logged and shown as nothing but that.
func (v *visit) fail(err error) {
	var e *hub.Error
	if !errors.As(err, &e) {
		if v.ctx().Err() != nil {
			return // the browser has gone
		}
		v.Log.Error("page failed", "path", v.r.URL.Path, "err", err)
		e = &hub.Error{}
	}
	if e.Code == hub.Unauthorized && !v.known() {
		if err := v.askToSignIn(); err != nil {
			v.Log.Error("page failed", "path", v.r.URL.Path, "err", err)
		}
		return
	}
	status, headline := headlineOf(e.Code)
	page := errorPage{Status: status, Headline: v.lang.Text(headline), SignedIn: v.known()}
	page.Detail, page.Hint = v.explained(err, e)
	if err := v.render(status, "error", page.Headline, page); err != nil {
		v.Log.Error("page failed", "path", v.r.URL.Path, "err", err)
	}
}

// errorPage is what error.html shows.
type errorPage struct {
	Status                 int
	Headline, Detail, Hint string
	SignedIn               bool
}

// headlineOf is the status of a refusal and the sentence above its detail.
func headlineOf(code hub.Code) (int, string) {
	switch code {
	case hub.NotFound:
		return http.StatusNotFound, "web.error.not_found"
	case hub.Forbidden:
		return http.StatusForbidden, "web.error.forbidden"
	case hub.Conflict, hub.InFlight, hub.IDReused:
		return http.StatusConflict, "web.error.conflict"
	case hub.PreconditionFailed:
		return http.StatusPreconditionFailed, "web.error.changed"
	case hub.TooMany:
		return http.StatusTooManyRequests, "web.error.too_many"
	case hub.Unavailable:
		return http.StatusServiceUnavailable, "web.error.unavailable"
	case hub.TooLarge:
		return http.StatusRequestEntityTooLarge, "web.error.too_large"
	case "":
		return http.StatusInternalServerError, "web.error.ours"
	}
	return http.StatusUnprocessableEntity, "web.error.refused"
}

func (v *visit) unknown() error {
	if !v.known() && v.portal == nil {
		return hub.Errorf(hub.Unauthorized, "nobody is signed in")
	}
	return hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
}

func (v *visit) foreign() error {
	return hub.Errorf(hub.Forbidden, "%s", v.lang.Text("web.error.foreign"))
}
