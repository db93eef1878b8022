package web

import (
	"net/url"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// searchView is what search.html shows: a timeline, a choice of several, or why there is nothing.
type searchView struct {
	Query    string
	Timeline *timelineView
	Choices  []choiceLine
	Names    []choiceLine // targets and sources that are called so
	Nothing  *nothingView
	More     bool // there are more than are shown
}

// choiceLine is one of several things that a search may have meant.
type choiceLine struct {
	Word, Sub, Path string
	At              time.Time
	Count           int
}

const (
	searchLook    = 100 // events that a beginning of a number is looked up in
	searchChoices = 30
	longestQuery  = 255
)

func searchPath(query string) string { return "/search?q=" + url.QueryEscape(query) }

// typed is what a person means by a text that was pasted: signs that nobody sees come along from mails and tables.
func typed(text string) string {
	text = strings.Map(func(r rune) rune {
		if visible(string(r)) != string(r) || r == '\n' || r == '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > longestQuery {
		text = strings.ToValidUTF8(text[:longestQuery], "")
	}
	return strings.TrimSpace(text)
}

func (v *visit) searchPage() error {
	asked := v.r.URL.Query().Get("q")
	query := typed(asked)
	if query != strings.TrimSpace(asked) {
		return v.goTo(searchPath(query), "")
	}
	if id, err := hub.ParseDeliveryID(query); err == nil {
		return v.goTo("/deliveries/"+id.Text(), "")
	}
	page := searchView{Query: query}
	if query == "" {
		return v.show("search", v.lang.Text("web_history.search"), page)
	}
	if err := v.search(&page); err != nil {
		return err
	}
	return v.show("search", visible(query), page)
}

func (v *visit) search(page *searchView) error {
	q := page.Query
	if id, err := hub.ParseID(hub.EventPrefix, q); err == nil {
		e, err := v.Store.Event(v.ctx(), v.tenant(), id)
		if hub.CodeOf(err) == hub.NotFound {
			return v.nothing(page)
		}
		if err != nil {
			return err
		}
		return v.timelineOfEvent(page, e)
	}
	events, err := v.Store.EventsOf(v.ctx(), v.tenant(), q, timelineEvents*2)
	if err != nil {
		return err
	}
	if len(events) > 0 {
		page.Timeline, err = v.timeline(q, events, false)
		return err
	}
	begins, next, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant(), Query: q}, store.Page{Limit: searchLook})
	if err != nil {
		return err
	}
	page.More = next != ""
	v.choices(page, begins)
	if err := v.names(page); err != nil {
		return err
	}
	switch {
	case len(page.Choices) == 1 && len(page.Names) == 0:
		value := page.Choices[0].Word
		if events, err = v.Store.EventsOf(v.ctx(), v.tenant(), value, timelineEvents*2); err != nil {
			return err
		}
		page.Choices = nil
		page.Timeline, err = v.timeline(value, events, false)
		return err
	case len(page.Choices) == 0 && len(page.Names) == 0:
		return v.nothing(page)
	}
	return nil
}

// timelineOfEvent is the story of the number that an event bears, or of the event alone.
func (v *visit) timelineOfEvent(page *searchView, e *hub.Event) (err error) {
	events := []*hub.Event{e}
	if e.Key != "" {
		if events, err = v.Store.EventsOf(v.ctx(), v.tenant(), e.Key, timelineEvents*2); err != nil {
			return err
		}
		events = append(events, e)
	}
	page.Timeline, err = v.timeline(e.Key, events, false)
	return err
}

// choices are the numbers that begin as was asked, each once.
func (v *visit) choices(page *searchView, events []*hub.Event) {
	at := map[string]int{}
	words := titles{v, map[string]string{}}
	for _, e := range events {
		for _, value := range append([]string{e.Key}, e.Refs...) {
			if !strings.HasPrefix(value, page.Query) {
				continue
			}
			if i, there := at[value]; there {
				page.Choices[i].Count++
				continue
			}
			if len(page.Choices) == searchChoices {
				page.More = true
				return
			}
			at[value] = len(page.Choices)
			page.Choices = append(page.Choices, choiceLine{Word: value, Sub: words.of(e), Path: searchPath(value), At: e.ReceivedAt, Count: 1})
		}
	}
}

// names are targets and sources that are called so.
func (v *visit) names(page *searchView) error {
	targets, err := v.allTargets()
	if err != nil {
		return err
	}
	called := func(name string) bool {
		return strings.Contains(strings.ToLower(name), strings.ToLower(page.Query)) && len(page.Names) < searchChoices
	}
	for i := range targets {
		t := &targets[i]
		id := t.ID.Text(t.Prefix())
		if called(t.Name) || id == page.Query || t.UID == page.Query {
			word := "web.menu.webhooks"
			if t.Kind == hub.KindPipeline {
				word = "web.menu.pipelines"
			}
			page.Names = append(page.Names, choiceLine{Word: t.Name, Sub: v.lang.Text(word), Path: targetPath(t)})
		}
	}
	sources, _, err := v.Settings.Sources(v.ctx(), v.tenant(), store.Page{Limit: shownTargets})
	if err != nil {
		return err
	}
	for _, s := range sources {
		id := s.ID.Text(hub.SourcePrefix)
		if called(s.Name) || id == page.Query || s.Path == page.Query {
			page.Names = append(page.Names, choiceLine{Word: s.Name, Sub: v.lang.Text("web.menu.sources"), Path: "/sources/" + id})
		}
	}
	return nil
}
