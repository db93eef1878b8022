package web

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// listenersView is what listeners.html shows: where the hub answers beside its first address.
type listenersView struct {
	Own   string // the first address
	Lines []listenerLine
	Pager Pager
}

type listenerLine struct {
	Name, Address, Path, Public string
	Serves                      []string
	TLS                         bool
	Badge                       Badge
	Since                       time.Time
	Problem                     string
	Certificate                 string // once it ends soon
}

func (v *visit) listenersPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	list, next, err := v.Settings.Listeners(v.ctx(), store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	page := listenersView{Pager: v.pager(next)}
	if v.PublicURL != nil {
		page.Own = v.PublicURL("")
	}
	for i := range list {
		l := &list[i]
		line := listenerLine{Name: l.Name, Address: l.Address, Path: listenerPath(l), Public: l.PublicURL, TLS: l.Certificate != "", Badge: Badge{"ok", "dot", v.lang.Text("web.state.active")}}
		v.listening(&line, l)
		for _, room := range l.Serves {
			line.Serves = append(line.Serves, v.lang.Text("web_listener.serves."+room))
		}
		page.Lines = append(page.Lines, line)
	}
	return v.show("listeners", v.lang.Text("web_listener.title"), page)
}

// listening adds how a listener is at this moment.
func (v *visit) listening(line *listenerLine, l *settings.Listener) {
	text := v.lang.Text
	if !l.Active {
		line.Badge = Badge{"skip", "off", text("web.state.off")}
		return
	}
	if v.Listening == nil {
		return
	}
	is, known := v.Listening(l.ID)
	if !known {
		return
	}
	line.Since, line.Problem = is.Since, v.lang.Sentence(is.Problem)
	switch {
	case is.Address == "":
		line.Badge = Badge{"fail", "fail", text("web_listener.closed")}
	case is.Problem != "":
		line.Badge = Badge{"hold", "warn", text("web_listener.open_but")}
	default:
		line.Badge.Word = text("web_listener.open")
	}
	switch days, near := is.DaysLeft(v.moment); {
	case near && days < 0:
		line.Certificate = text("web_listener.certificate_over")
	case near:
		line.Certificate = v.lang.Text("web_listener.certificate_days", "count", days)
	}
}

func listenerPath(l *settings.Listener) string {
	return "/settings/listeners/" + l.ID.Text(hub.ListenerPrefix)
}

// listenerFormView is what listener_form.html shows.
type listenerFormView struct {
	Title  string
	New    bool
	Path   string
	Form   *Form
	Delete *Form
}

func (v *visit) newListenerPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	page := v.listenerForm(nil, nil)
	return v.show("listener_form", page.Title, page)
}

// theListener is the one that the path names.
func (v *visit) theListener() (settings.Listener, error) {
	if err := v.installation(); err != nil {
		return settings.Listener{}, err
	}
	return v.Settings.Listener(v.ctx(), v.r.PathValue("listener"))
}

func (v *visit) listenerPage() error {
	l, err := v.theListener()
	if err != nil {
		return err
	}
	page := v.listenerForm(&l, nil)
	return v.show("listener_form", page.Title, page)
}

// listenerForm builds the form; l is nil for a new one.
func (v *visit) listenerForm(l *settings.Listener, refusal error) listenerFormView {
	text := v.lang.Text
	page := listenerFormView{Title: text("web_listener.new"), New: l == nil}
	from, action, etag := hub.DefaultListener(), "/settings/listeners/new", ""
	if l != nil {
		from, etag, page.Title, page.Path = l.Listener, l.ETag(), l.Name, listenerPath(l)
		action = page.Path
	}
	serves := func(room string) string { return onIf(slices.Contains(from.Serves, room)) }
	page.Form = v.newForm(action, refusal,
		Field{Name: "name", Pointer: "/name", Label: text("web.column.name"), Value: from.Name},
		Field{Name: "address", Pointer: "/address", Label: text("web_listener.address"), Hint: text("web_listener.address_hint"), Value: from.Address, Mono: true, Required: true},
		Field{Name: "public", Pointer: "/public_url", Label: text("web_listener.public"), Hint: text("web_listener.public_hint"), Value: from.PublicURL, Mono: true},
		Field{Name: "certificate", Pointer: "/certificate", Label: text("web_listener.certificate"), Hint: text("web_listener.file_hint"), Value: from.Certificate, Mono: true},
		Field{Name: "key", Pointer: "/key", Label: text("web_listener.key"), Hint: text("web_listener.file_hint"), Value: from.Key, Mono: true},
		Field{Name: "receiver", Pointer: "/serves", Label: text("web_listener.serves.receiver"), Type: "check", Value: serves(hub.ServesReceiver)},
		Field{Name: "api", Pointer: "/serves/api", Label: text("web_listener.serves.api"), Type: "check", Value: serves(hub.ServesAPI)},
		Field{Name: "console", Pointer: "/serves/console", Label: text("web_listener.serves.console"), Type: "check", Value: serves(hub.ServesConsole)},
		Field{Name: "portal", Pointer: "/serves/portal", Label: text("web_listener.serves.portal"), Type: "check", Value: serves(hub.ServesPortal)},
		Field{Name: "proxies", Pointer: "/trusted_proxies", Label: text("web_listener.proxies"), Hint: text("web_listener.proxies_hint"), Type: "textarea", Value: strings.Join(from.TrustedProxies, "\n"), Mono: true},
		Field{Name: "active", Pointer: "/active", Label: text("web_listener.active"), Type: "check", Value: onIf(from.Active)})
	page.Form.ETag = v.heldAt(etag, refusal)
	if l != nil {
		page.Delete = v.newForm(page.Path+"/delete", nil)
		page.Delete.ETag = etag
	}
	return page
}

func (v *visit) typedListener() (json.RawMessage, error) {
	serves := []string{}
	for _, room := range []string{hub.ServesReceiver, hub.ServesAPI, hub.ServesConsole, hub.ServesPortal} {
		if v.form(room) != "" {
			serves = append(serves, room)
		}
	}
	return json.Marshal(map[string]any{
		"name": strings.TrimSpace(v.form("name")), "address": strings.TrimSpace(v.form("address")), "public_url": strings.TrimSpace(v.form("public")),
		"certificate": strings.TrimSpace(v.form("certificate")), "key": strings.TrimSpace(v.form("key")), "serves": serves,
		"trusted_proxies": entries(v.form("proxies")), "active": v.form("active") != "",
	})
}

func (v *visit) createListener() error {
	if err := v.installation(); err != nil {
		return err
	}
	raw, err := v.typedListener()
	if err == nil {
		var made settings.Listener
		if made, err = v.Settings.CreateListener(v.ctx(), raw, v.by()); err == nil {
			return v.goTo("/settings/listeners", "web_listener.saved", "name", made.Name)
		}
	}
	page := v.listenerForm(nil, err)
	return v.refuse(err, "listener_form", page.Title, page)
}

func (v *visit) saveListener() error {
	l, err := v.theListener()
	if err != nil {
		return err
	}
	raw, err := v.typedListener()
	if err == nil {
		var saved settings.Listener
		if saved, err = v.Settings.PatchListener(v.ctx(), l.ID.Text(hub.ListenerPrefix), raw, v.form("etag"), v.by()); err == nil {
			return v.goTo("/settings/listeners", "web_listener.saved", "name", saved.Name)
		}
	}
	page := v.listenerForm(&l, err)
	return v.refuse(err, "listener_form", page.Title, page)
}

func (v *visit) deleteListener() error {
	l, err := v.theListener()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteListener(v.ctx(), l.ID.Text(hub.ListenerPrefix), v.form("etag"), v.by()); err != nil {
		page := v.listenerForm(&l, nil)
		page.Form = v.refusedAside(page.Form, err)
		return v.refuse(err, "listener_form", page.Title, page)
	}
	return v.goTo("/settings/listeners", "web_listener.deleted", "name", l.Name)
}
