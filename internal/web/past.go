package web

import (
	"slices"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/store"
)

// otherEvent is one of the past that another rule would have judged otherwise, and why.
type otherEvent struct{ Number, Path, Reason string }

const (
	mostOthers = 10
	mostPast   = 2000 // events that are judged at once
)

// past calls do for the tenant's newest events of the types, at most so many.
func (v *visit) past(types []string, since time.Time, most int, do func(*hub.Event, *expr.Scope)) (more bool, err error) {
	shows, err := v.shows()
	if err != nil {
		return false, err
	}
	n, cursor := 0, ""
	for looked := 0; looked < mostPast; {
		events, next, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant(), Since: since}, store.Page{Limit: 200, Cursor: cursor})
		if err != nil {
			return false, err
		}
		looked += max(len(events), 1)
		for _, e := range events {
			if len(types) > 0 && !slices.ContainsFunc(types, func(pattern string) bool { return hub.MatchesType(pattern, e.Type) }) {
				continue
			}
			doc, err := expr.ParseDoc(e.Data)
			if err != nil || !shows(e.Type) {
				continue
			}
			if n++; n > most {
				return true, nil
			}
			do(e, ingest.Scope(e, doc))
		}
		if cursor = next; next == "" {
			return false, nil
		}
	}
	return true, nil
}

func eventNumber(e *hub.Event) string {
	if e.Key != "" {
		return e.Key
	}
	return e.ID.Text(hub.EventPrefix)
}
