package web

import (
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// eventsView is what events.html shows: what has happened, newest first.
type eventsView struct {
	Filters []Field
	Lines   []eventLine
	Pager   Pager
	Follow  string // the address that follows live, or the one that stops it
	Live    bool   // the list renews itself
	Here    string // address of this list
	Some    bool   // filters are set
	Wrong   string
	Publish bool // whoever looks may publish one
}

// eventLine is one event on a list.
type eventLine struct {
	Number, Path, Type, Title, Source string
	At                                time.Time
}

func (v *visit) eventsPage() error {
	query := v.r.URL.Query()
	page := eventsView{Some: v.filtered("type", "source", "key", "since", "until"), Publish: v.may(hub.Operator)}
	since, until, wrong := v.span()
	page.Wrong = wrong
	filter := store.EventFilter{
		Tenant: v.tenant(), Types: listOf(typed(query.Get("type"))), Source: typed(query.Get("source")), Key: typed(query.Get("key")),
		Since: since, Until: until,
	}
	page.Follow, page.Live, page.Here = v.following()
	page.Filters = []Field{
		{Name: "key", Label: v.lang.Text("web.column.number"), Value: query.Get("key")},
		{Name: "type", Label: v.lang.Text("web_history.event_type"), Value: query.Get("type"), Hint: ""},
		{Name: "source", Label: v.lang.Text("web_history.source"), Value: query.Get("source")},
		{Name: "since", Label: v.lang.Text("web_history.since"), Value: query.Get("since"), Type: "datetime-local"},
		{Name: "until", Label: v.lang.Text("web_history.until"), Value: query.Get("until"), Type: "datetime-local"},
	}
	numbered(page.Filters)
	events, next, err := v.Store.Events(v.ctx(), filter, store.Page{Cursor: query.Get("cursor")})
	if err != nil {
		return err
	}
	page.Pager = v.pager(next)
	words := titles{v, map[string]string{}}
	for _, e := range events {
		line := eventLine{Number: e.Key, Path: "/events/" + e.ID.Text(hub.EventPrefix), Type: e.Type, Title: words.of(e), Source: v.sourceWord(e.Source), At: e.ReceivedAt}
		if line.Number == "" {
			line.Number = e.ID.Text(hub.EventPrefix)
		}
		page.Lines = append(page.Lines, line)
	}
	return v.show("events", v.lang.Text("web.menu.events"), page)
}

// numbered gives the fields of a filter their ids.
func numbered(fields []Field) {
	for i := range fields {
		fields[i].ID = "f-" + fields[i].Name
		if fields[i].Type == "" {
			fields[i].Type = "text"
		}
		for j := range fields[i].Options {
			fields[i].Options[j].Chosen = fields[i].Options[j].Value == fields[i].Value
		}
	}
}

// following is the switch of a list that renews itself: only its first page does.
func (v *visit) following() (other string, live bool, here string) {
	query := v.r.URL.Query()
	here = address(v.r.URL.Path, query.Encode())
	live = query.Get("follow") == "1" && query.Get("cursor") == ""
	if live {
		query.Del("follow")
	} else {
		query.Set("follow", "1")
		query.Del("cursor")
	}
	return address(v.r.URL.Path, query.Encode()), live, here
}

func (v *visit) filtered(names ...string) bool {
	for _, name := range names {
		if strings.Join(v.r.URL.Query()[name], "") != "" {
			return true
		}
	}
	return false
}

// listOf is what stands between commas.
func listOf(text string) []string {
	var list []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// span reads since and until of a filter, in the reader's zone; wrong says which one is no time.
func (v *visit) span() (since, until time.Time, wrong string) {
	for _, end := range []struct {
		name string
		at   *time.Time
	}{{"since", &since}, {"until", &until}} {
		text := v.r.URL.Query().Get(end.name)
		at, ok := v.localTime(text)
		if !ok {
			wrong = v.lang.Text("web_history.no_time", "value", visible(text))
		}
		*end.at = at
	}
	return since, until, wrong
}

// localLayout is how a browser's field gives a time without a zone.
const localLayout = "2006-01-02T15:04"

// localTime reads a time of a form in the reader's zone; "" is no time.
func (v *visit) localTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{localLayout, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, v.zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
