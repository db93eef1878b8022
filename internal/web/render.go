package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/locale"
	"hacek/internal/store"
)

//go:embed templates
var templateFiles embed.FS

// parsePages reads templates/*.html. A page is a file of its own; what several share is in templates/partial. All are
// one set: a set for each page would be a copy of everything shared, which is most of what an idle hub keeps in memory.
func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"in": in}).ParseFS(templateFiles, "templates/partial/*.html", "templates/*.html"))
}

// partial is what a partial works on: the frame it stands in, and its own value.
type partial struct {
	*frame
	V any
}

// in gives a partial its value: {{template "badge" (in $ .State)}}.
func in(root any, value any) (partial, error) {
	switch r := root.(type) {
	case screen:
		return partial{r.frame, value}, nil
	case partial:
		return partial{r.frame, value}, nil
	}
	return partial{}, fmt.Errorf("BUG: in is given $, not a %T", root)
}

// screen is what a page's template works on: $ has the words, .Page is what its handler built.
type screen struct {
	*frame
	Page any
}

// frame is what every page has around it, and the way it writes words, numbers and times.
type frame struct {
	Title    string
	Language locale.Language
	Theme    string
	User     *store.UserRow
	RoleWord string
	Initials string
	Tenant   string
	Path     string // of this page, for coming back
	Query    string // what stands in the search box
	Menus    []menu
	Flash    string
	Styles   string // addresses of style sheet and scripts
	Script   string
	Bundle   string // "" when it was not built
	Editor   string // "" when no field has one, too
	Live     bool
	Seen     uint64 // up to where this page knows what has changed
	Version  string
	Now      time.Time
	Portal   *portalFrame // nil in the console

	zone *time.Location
}

// Languages are those that one may choose.
func (f *frame) Languages() []languageChoice {
	var all []languageChoice
	for _, l := range locale.Languages() {
		all = append(all, languageChoice{l, languageNames[l], l == f.Language})
	}
	return all
}

type languageChoice struct {
	Code   locale.Language
	Name   string
	Chosen bool
}

// languageNames are written each in its own language, whatever the page speaks.
var languageNames = map[locale.Language]string{
	locale.English: "English", locale.Czech: "Čeština", locale.Slovak: "Slovenčina",
	locale.German: "Deutsch", locale.Italian: "Italiano", locale.Icelandic: "Íslenska",
}

// Text is a message of the catalogue; names and values follow in turn.
func (f *frame) Text(key string, values ...any) string { return f.Language.Text(key, values...) }

// Number writes what the hub counts.
func (f *frame) Number(n any) string { return f.Language.Number(fmt.Sprint(n)) }

// Time is a moment in the reader's zone: the clock alone when it is today.
func (f *frame) Time(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if t.In(f.zone).Format(time.DateOnly) == f.Now.In(f.zone).Format(time.DateOnly) {
		return t.In(f.zone).Format("15:04:05")
	}
	return f.Language.Moment(t, f.zone)
}

// Zone names the reader's zone. A guest of the portal cannot choose one, so its pages say it.
func (f *frame) Zone() string { return f.zone.String() }

// Stamp is a moment for machines, as <time datetime> wants it.
func (f *frame) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Today is the date of the page.
func (f *frame) Today() string { return f.Language.Date(f.Now, f.zone) }

// Age is how long ago something was, in at most two units, at least a second.
func (f *frame) Age(t time.Time) string {
	return f.Language.Duration(max(f.Now.Sub(t).Truncate(time.Second), time.Second))
}

// Duration writes a length of time.
func (f *frame) Duration(d time.Duration) string { return f.Language.Duration(d) }

// Show makes a text of somebody else visible: control and bidi characters become signs one can see.
func (f *frame) Show(text string) string { return visible(text) }

func (v *visit) frame(title string) *frame {
	f := &frame{
		Title: visible(title), Language: v.lang, Path: v.r.URL.RequestURI(), Query: v.r.URL.Query().Get("q"), Version: v.Version,
		Now: v.moment, zone: v.zone, Flash: v.takeFlash(), Live: v.Live != nil, Seen: v.seen,
		Styles: v.assets.path("hacek.css"), Script: v.assets.path("hacek.js"), Bundle: v.assets.path("dist/console.js"),
	}
	if v.edits {
		f.Editor = v.assets.path("dist/editor.js")
	}
	if !v.reloads() {
		f.Path = "/"
	}
	if v.portal != nil {
		f.Portal = v.portalFrame()
		return f
	}
	u := v.who.User
	if u == nil {
		return f
	}
	f.User, f.Theme, f.RoleWord, f.Initials = u, u.Theme, v.roleWord(u.Role), initials(u.Name)
	f.Menus = menus()
	here := menuPath(v.r.URL.Path)
	for i := range f.Menus {
		for j := range f.Menus[i].Places {
			f.Menus[i].Places[j].Here = f.Menus[i].Places[j].Path == here
		}
	}
	return f
}

func (v *visit) roleWord(role hub.Role) string { return v.lang.Text("web.role." + string(role)) }

func initials(name string) string {
	out := ""
	for i, word := range strings.Fields(name) {
		if i < 2 {
			out += string([]rune(word)[:1])
		}
	}
	return out
}

// show answers with a page.
func (v *visit) show(name, title string, page any) error {
	return v.render(http.StatusOK, name, title, page)
}

// render writes a page whole or not at all, so that an error has a page of its own.
func (v *visit) render(status int, name, title string, page any) error {
	var out bytes.Buffer
	if err := v.pages.ExecuteTemplate(&out, name+".html", screen{v.frame(title), page}); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, err := v.w.Write(out.Bytes())
	if err != nil {
		v.Log.Debug("page not taken", "path", v.r.URL.Path, "err", err)
	}
	return nil
}
