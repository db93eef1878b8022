package web

import (
	"slices"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

const weekDays = 7

// week is what would have happened in the last week under another rule; partial/week.html shows it before the change is
// saved.
type week struct {
	Title, Change string
	Cut           string // says that not all were judged; "" when all were
	News          []otherEvent
	Judged        string // the rule that was judged; the form sends it along
	Save          string // what the button says
}

// weekWords are the keys of what it says: a webhook sends what a pipeline takes, and a source makes events of requests.
type weekWords struct{ title, more, less, cut, save string }

// change counts what comes to be and what no longer does.
type change struct{ all, before, after, more, less int }

func (c *change) count(before, after int) {
	c.all++
	c.before, c.after = c.before+before, c.after+after
	c.more, c.less = c.more+max(0, after-before), c.less+max(0, before-after)
}

// judged tells whether somebody has seen what a changed rule would have done, and saves it all the same.
func (v *visit) judged(before, after string) bool {
	return after == before || v.form("judged") == "as:"+after
}

// week puts into words what was counted; cut tells that there was more than was judged.
func (v *visit) week(c change, news []otherEvent, words weekWords, cut bool, judged string) *week {
	number := func(n int) string { return v.lang.Number(itoa(n)) }
	w := &week{News: news, Judged: judged, Save: v.lang.Text(words.save)}
	w.Title = v.lang.Text(words.title, "count", c.after, "before", number(c.before), "all", number(c.all))
	w.Change = v.lang.Text("web_webhook.week_change", "more", number(c.more), "less", number(c.less))
	if cut {
		w.Cut = v.lang.Text(words.cut)
	}
	return w
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
	var c change
	var news []otherEvent
	cut, err := v.past(nil, v.moment.AddDate(0, 0, -weekDays), mostPast, func(e *hub.Event, scope *expr.Scope) {
		a, b := was(e, scope), will(e, scope)
		c.count(oneIf(a), oneIf(b))
		if a == b || len(news) == mostOthers {
			return
		}
		word := words.more
		if a {
			word = words.less
		}
		news = append(news, otherEvent{eventNumber(e), v.eventLink(e), v.lang.Text(word)})
	})
	return v.week(c, news, words, cut, after.Condition), err
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// subscriber judges events as a subscription does.
func subscriber(s hub.Subscription) (func(*hub.Event, *expr.Scope) bool, error) {
	named := func(e *hub.Event) bool {
		onChannel := len(s.Channels) == 0 || slices.ContainsFunc(e.Channels, func(one string) bool { return slices.Contains(s.Channels, one) })
		return hub.TakesType(s.EventTypes, e.Type) && (len(s.Sources) == 0 || slices.Contains(s.Sources, e.Source)) && onChannel
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
