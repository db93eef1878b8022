package web

import (
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// nothingView is why a number may not be here: who is silent, what was not let in, and what to check.
type nothingView struct {
	Near    []choiceLine
	Sources []silentLine
	Hits    []hitLine
	Oldest  time.Time // of the events that are kept; zero: there are none
}

// silentLine is a source and when it was last heard of.
type silentLine struct {
	Name, Path string
	Badge      Badge
	LastAt     time.Time
	Last       string // what became of the last request
}

// hitLine is a request that holds what was looked for and became no event.
type hitLine struct {
	Source, Path string
	At           time.Time
	Badge        Badge
	Reason       string
}

const (
	nearLetters = 4 // taken off a number, one by one, to find those that look like it
	nearShown   = 5
	hitsShown   = 10
	silentAfter = 24 * time.Hour
)

// near finds numbers that begin as this one does.
func (v *visit) near(query string, n *nothingView) error {
	events, beginning, err := v.Store.Near(v.ctx(), v.tenant(), query, nearLetters, nearShown*4)
	if err != nil {
		return err
	}
	like := searchView{Query: beginning}
	v.choices(&like, events)
	n.Near = like.Choices[:min(len(like.Choices), nearShown)]
	return nil
}

// nothing looks for the reason in what did not become an event.
func (v *visit) nothing(page *searchView) error {
	n := &nothingView{}
	page.Nothing = n
	if err := v.near(page.Query, n); err != nil {
		return err
	}
	oldest, _, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant()}, store.Page{Limit: 1, Ascending: true})
	if err != nil {
		return err
	}
	if len(oldest) > 0 {
		n.Oldest = oldest[0].ReceivedAt
	}
	sources, _, err := v.Settings.Sources(v.ctx(), v.tenant(), store.Page{Limit: shownTargets})
	if err != nil {
		return err
	}
	for _, s := range sources {
		path := "/sources/" + s.ID.Text(hub.SourcePrefix)
		line := silentLine{Name: s.Name, Path: path}
		newest, _, err := v.Store.Requests(v.ctx(), store.RequestFilter{Tenant: v.tenant(), Source: s.No}, store.Page{Limit: 1})
		if err != nil {
			return err
		}
		switch {
		case !s.Active:
			line.Badge = Badge{"skip", "off", v.lang.Text("web.state.off")}
		case len(newest) == 0:
			line.Badge = Badge{"hold", "warn", v.lang.Text("web_history.never_heard")}
		case v.moment.Sub(newest[0].At) > silentAfter:
			line.Badge = Badge{"hold", "warn", v.lang.Text("web_history.silent")}
		default:
			line.Badge = Badge{"ok", "dot", v.lang.Text("web_history.heard")}
		}
		if len(newest) > 0 {
			line.LastAt, line.Last = newest[0].At, v.requestBadge(newest[0].Outcome).Word
		}
		n.Sources = append(n.Sources, line)
		if len(n.Hits) >= hitsShown {
			continue
		}
		missed, err := v.Store.MissedRequests(v.ctx(), v.tenant(), s.No, page.Query, hitsShown-len(n.Hits))
		if err != nil {
			return err
		}
		for _, r := range missed {
			n.Hits = append(n.Hits, hitLine{
				Source: s.Name, Path: path + "/requests/" + r.ID.Text(hub.RequestPrefix), At: r.At, Badge: v.requestBadge(r.Outcome), Reason: v.said(veil(&s, r.Reason)),
			})
		}
	}
	return nil
}
