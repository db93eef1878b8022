package web

import (
	"slices"
	"strconv"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// week is what would have happened with last week's events under another condition; partial/week.html shows it before the
// change is saved.
type week struct {
	Title                          string
	All, Before, After, More, Less int
	Cut                            bool // there were more events than were judged
	News                           []otherEvent
	Condition                      string
}

// weekWords are the keys of what it says: a webhook sends what a pipeline takes.
type weekWords struct{ title, more, less string }

// judged tells whether somebody has seen what a changed condition would have done, and saves it all the same.
func (v *visit) judged(before, after hub.Subscription) bool {
	return after.Condition == before.Condition || v.form("judged") == "as:"+after.Condition
}

// lastWeek compares two subscriptions on the events of the last seven days.
func (v *visit) lastWeek(before, after hub.Subscription, words weekWords) (*week, error) {
	was, err := subscriber(before)
	if err != nil {
		return nil, err
	}
	will, err := subscriber(after)
	if err != nil {
		return nil, err
	}
	w := &week{Condition: after.Condition}
	w.Cut, err = v.past(nil, v.moment.AddDate(0, 0, -weekDays), mostWeek, func(e *hub.Event, scope *expr.Scope) {
		w.All++
		a, b := was(e, scope), will(e, scope)
		if a {
			w.Before++
		}
		if b {
			w.After++
		}
		if a == b {
			return
		}
		word := words.more
		if a {
			word = words.less
			w.Less++
		} else {
			w.More++
		}
		if len(w.News) < mostOthers {
			w.News = append(w.News, otherEvent{eventNumber(e), v.eventLink(e), v.lang.Text(word)})
		}
	})
	number := func(n int) string { return v.lang.Number(strconv.Itoa(n)) }
	w.Title = v.lang.Text(words.title, "count", w.After, "before", number(w.Before), "all", number(w.All))
	return w, err
}

// subscriber judges events as a subscription does.
func subscriber(s hub.Subscription) (func(*hub.Event, *expr.Scope) bool, error) {
	named := func(e *hub.Event) bool {
		onChannel := len(s.Channels) == 0 || slices.ContainsFunc(e.Channels, func(one string) bool { return slices.Contains(s.Channels, one) })
		return takesType(s.EventTypes, e.Type) && (len(s.Sources) == 0 || slices.Contains(s.Sources, e.Source)) && onChannel
	}
	if s.Condition == "" {
		return func(e *hub.Event, _ *expr.Scope) bool { return named(e) }, nil
	}
	c, err := ingest.ParseCondition("/subscription/condition", s.Condition)
	if err != nil {
		return nil, err
	}
	return func(e *hub.Event, scope *expr.Scope) bool {
		yes, err := c.Match(scope)
		return named(e) && yes && err == nil
	}, nil
}

func takesType(types []string, name string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(pattern string) bool { return hub.MatchesType(pattern, name) })
}
