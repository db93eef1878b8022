package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/locale"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// portalPlace is one tenant's portal: the pages of its webhooks below its own root, for whoever came in by a link.
type portalPlace struct {
	tenant settings.Tenant
	id     string // of the tenant, as it stands in addresses
	root   string // what comes before every path
	https  bool   // its public address is encrypted, whatever the way from the proxy to us is
}

func (p *portalPlace) row() store.Tenant { return store.Tenant{No: p.tenant.No, ID: p.tenant.ID} }

// placeKey is where a request carries its portalPlace.
type placeKey struct{}

func placeOf(r *http.Request) *portalPlace {
	p, _ := r.Context().Value(placeKey{}).(*portalPlace)
	return p
}

const portalPath = "/portal/"

// portalDoor serves everything below /portal/{tenant}: it finds the tenant, says who may embed the page, and hands the
// rest of the path to the pages. What portalRoutes does not list is not there.
func (c *Console) portalDoor() http.Handler {
	pages := http.NewServeMux()
	for _, r := range portalRoutes() {
		pages.Handle(r.method+" "+r.path, c.guarded(c.answer(r)))
	}
	pages.Handle("/", c.guarded(c.answer(route{open: true, handle: (*visit).unknown})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Referrer-Policy", "no-referrer")
		place, err := c.portalAt(r)
		if err != nil {
			c.answer(route{open: true, handle: func(*visit) error { return err }}).ServeHTTP(w, r)
			return
		}
		h.Set("Content-Security-Policy", policy(framing(&place.tenant.Portal)))
		inside := r.WithContext(context.WithValue(r.Context(), placeKey{}, place))
		address := *r.URL
		address.Path, address.RawPath = strings.TrimPrefix(address.Path, place.root), ""
		if address.Path == "" {
			address.Path = "/"
		}
		inside.URL = &address
		pages.ServeHTTP(w, inside)
	})
}

// portalAt finds the portal that a path names. Only ids name one: they cannot be guessed, as uids can.
func (c *Console) portalAt(r *http.Request) (*portalPlace, error) {
	ref := r.PathValue("tenant")
	if _, err := hub.ParseID(hub.TenantPrefix, ref); err != nil {
		return nil, hub.Errorf(hub.NotFound, "%s", r.URL.Path)
	}
	t, err := c.Settings.Tenant(r.Context(), ref)
	if hub.CodeOf(err) == hub.NotFound {
		return nil, hub.Errorf(hub.NotFound, "%s", r.URL.Path)
	}
	if err != nil {
		return nil, err
	}
	place := &portalPlace{tenant: t, id: ref, root: portalPath + ref}
	if c.PublicURL != nil {
		listener, err := c.Settings.PortalListener(r.Context())
		if err != nil {
			return nil, err
		}
		place.https = strings.HasPrefix(c.PublicURL(listener), "https://")
	}
	return place, nil
}

// framing is who may show the portal in a frame. The origins were judged before they were stored.
func framing(p *hub.Portal) string {
	if len(p.FrameAncestors) == 0 {
		return "'none'"
	}
	return strings.Join(p.FrameAncestors, " ")
}

// portalFrame is what the frame of a portal's pages shows.
type portalFrame struct {
	Name   string
	Logo   string // address; "" when the tenant has none
	Theme  string // address of the style sheet of its colours; "" when they are ours
	Inside bool   // somebody has come in
	Guest  string
	Places []place
	Home   string
	root   string
	To     string // of this page, for coming back
}

func (v *visit) portalFrame() *portalFrame {
	p := &v.portal.tenant.Portal
	f := &portalFrame{Name: visible(v.portal.tenant.Name), Inside: v.who.Portal != nil, Home: v.at("/"), To: "/webhooks", root: v.portal.root}
	if p.Logo != nil {
		f.Logo = v.at("/logo")
	}
	if p.Theme() != "" {
		f.Theme = v.at("/theme.css")
	}
	if !f.Inside {
		return f
	}
	f.Home, f.Guest = v.at("/webhooks"), visible(v.who.Portal.Name)
	if v.reloads() {
		f.To = v.r.URL.RequestURI()
	}
	here := "/" + strings.Split(v.r.URL.Path, "/")[1]
	for _, one := range []place{{Key: "web.menu.webhooks", Path: "/webhooks", Icon: "hook"}, {Key: "web.menu.deliveries", Path: "/deliveries", Icon: "deliveries"}} {
		one.Here, one.Path = one.Path == here, v.at(one.Path)
		f.Places = append(f.Places, one)
	}
	return f
}

// At is where a path of the console stands for this reader.
func (f *frame) At(path string) string {
	if f.Portal == nil {
		return path
	}
	return f.Portal.root + path
}

// Home is the page one can always go back to.
func (f *frame) Home() string {
	if f.Portal == nil {
		return "/"
	}
	return f.Portal.Home
}

// portalEntryView is what portal.html shows: the way in by a link, with a field for its code where no script runs.
type portalEntryView struct {
	Form   *Form
	Script string
	Over   bool // somebody was here, and the session has ended
	// Kept is what was typed into the form of that session; it goes on from this page, whichever way one comes back.
	Kept   []keptField
	KeptAt string // path of that form; "" when there is none
}

func (v *visit) portalEntry(refusal error, over bool) portalEntryView {
	return portalEntryView{Over: over, Script: v.assets.path("portal.js"), Form: v.newForm("/enter", refusal,
		Field{Name: "code", Label: v.lang.Text("web_portal.code"), Hint: v.lang.Text("web_portal.code_hint"), Type: "password", Autocomplete: "off", Mono: true, Required: true})}
}

func (v *visit) portalEntryPage() error {
	return v.show("portal", v.lang.Text("web_portal.enter_title"), v.portalEntry(nil, false))
}

// enterPortal exchanges the secret of a link for a session.
func (v *visit) enterPortal() error {
	token, who, err := v.Auth.EnterPortal(v.ctx(), v.portal.row(), strings.TrimSpace(v.form("code")), v.from())
	if err != nil {
		return v.refusePortal(err)
	}
	if v.token != "" {
		if err := v.Auth.LeavePortal(v.ctx(), v.token); err != nil {
			return err
		}
	}
	v.setCookie(sessionCookie, token.Reveal(), auth.PortalLife)
	v.who, v.token = who, token.Reveal()
	if who.Portal.Language != "" {
		v.lang = locale.In(who.Portal.Language)
		v.setCookie(languageCookie, who.Portal.Language, 365*24*time.Hour) // for the page that says that the session is over
	}
	if kept := v.kept(); len(kept) > 0 {
		return v.showResume(v.form("kept_at"), kept)
	}
	return v.goTo("/webhooks", "")
}

// refusePortal says that a link does not open, and what to do.
func (v *visit) refusePortal(err error) error {
	var e *hub.Error
	if !errors.As(err, &e) || e.Code != hub.Unauthorized && e.Code != hub.TooMany {
		return err
	}
	page := v.portalEntry(err, false)
	status := http.StatusUnprocessableEntity
	page.Form.Headline, page.Form.Detail, page.Form.Hint = v.lang.Text("web_portal.gone"), v.lang.Text("web_portal.gone_text"), ""
	if e.Code == hub.TooMany {
		status = http.StatusTooManyRequests
		page.Form.Headline, page.Form.Detail = v.lang.Text("web_portal.too_many"), v.lang.Text("web_portal.too_many_text")
	}
	if page.Kept = v.kept(); len(page.Kept) > 0 {
		page.KeptAt = local(v.form("kept_at"))
	}
	v.who = auth.Principal{} // the page of somebody outside
	return v.render(status, "portal", v.lang.Text("web_portal.enter_title"), page)
}

// askToComeBack is what a page of the portal answers to whoever has no session, or none any more. What was typed stays
// in it: a new link opened in the same place takes it along, and so does the code of one.
func (v *visit) askToComeBack() error {
	if v.r.URL.Path == "/stream" {
		v.w.WriteHeader(http.StatusNoContent) // the browser asks no more
		return nil
	}
	if methodReads(v.r) && v.r.Header.Get("HX-Request") != "" {
		v.w.Header().Set("HX-Redirect", v.at("/"))
		v.w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	page := v.portalEntry(nil, true)
	if !methodReads(v.r) {
		if page.Kept = v.keep(); len(page.Kept) > 0 {
			page.KeptAt = v.r.URL.Path
		}
	}
	return v.render(http.StatusUnauthorized, "portal", v.lang.Text("web_portal.enter_title"), page)
}

func (v *visit) leavePortal() error {
	if err := v.Auth.LeavePortal(v.ctx(), v.token); err != nil {
		return err
	}
	v.dropCookie(sessionCookie)
	v.setCookie(languageCookie, string(v.lang), 365*24*time.Hour) // the session's language ends with it
	v.who = auth.Principal{}
	return v.goTo("/", "web_portal.left")
}

// speakPortal sets the language of the session: in a frame, no other cookie would come back.
func (v *visit) speakPortal() error {
	language := v.form("language")
	if string(locale.In(language)) != language {
		return hub.Errorf(hub.Invalid, "%q is none of our languages", language)
	}
	if err := v.Auth.SpeakInPortal(v.ctx(), v.token, language); err != nil {
		return err
	}
	v.setCookie(languageCookie, language, 365*24*time.Hour)
	return v.goTo(local(v.form("to")), "")
}

// portalTheme is the tenant's colours. They reach the page as a style sheet because pages allow no styles of their own.
func (v *visit) portalTheme() error {
	v.w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = v.w.Write([]byte(v.portal.tenant.Portal.Theme())) // a browser that has gone needs no answer
	return nil
}

func (v *visit) portalLogo() error {
	if v.portal.tenant.Portal.Logo == nil {
		return hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	media, image, err := hub.ReadLogo(*v.portal.tenant.Portal.Logo)
	if err != nil {
		return hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	v.w.Header().Set("Content-Type", media)
	_, _ = v.w.Write(image) // a browser that has gone needs no answer
	return nil
}
