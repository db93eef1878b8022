package web

import (
	"fmt"
	"slices"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// todayView is what today.html shows: what waits, what failed, and a line for every target and source.
type todayView struct {
	Headline, Lead string
	Troubles       []trouble
	Waiting        int64
	Oldest         time.Time // zero: nothing waits
	OldestName     string
	Failed         int64
	Delivered      int64
	Targets        []targetLine
	MoreTargets    int // that are not shown
	Sources        []sourceLine
	MaySetUp       bool
}

// trouble is a target that needs somebody.
type trouble struct {
	Class, Icon, Name, Path string
	What, Why               string
}

// targetLine is one target on a list.
type targetLine struct {
	Name, Sub, Path string
	Badge           Badge
	Spark           Spark
	Today           int64
	Waiting         int64
	Last            string
	LastAt          time.Time
	rank            int
}

type sourceLine struct {
	Name, Sub, Path string
	Badge           Badge
}

// shownTargets is how many lines the page has; those that need somebody come first.
const shownTargets = 100

func (v *visit) todayPage() error {
	page, err := v.today()
	if err != nil {
		return err
	}
	return v.show("today", v.lang.Text("web.menu.today"), page)
}

// today reads no delivery but the oldest of each target that is owed something: the figures of the day were counted
// when the attempts ended, and what waits is counted by the store.
func (v *visit) today() (todayView, error) {
	page := todayView{MaySetUp: v.may(hub.Editor)}
	targets, err := v.allTargets()
	if err != nil {
		return page, err
	}
	figures, err := v.figures(targets)
	if err != nil {
		return page, err
	}
	failingNow, held := 0, 0
	for i := range targets {
		t := &targets[i]
		line := v.targetLine(t, figures)
		delivered, failed, _ := figures.days[t.No].sums()
		page.Delivered, page.Failed, page.Waiting = page.Delivered+delivered, page.Failed+failed, page.Waiting+line.Waiting
		if line.Waiting > 0 {
			_, oldest, err := v.Store.Waiting(v.ctx(), t.No)
			if err != nil {
				return page, err
			}
			if !oldest.IsZero() && (page.Oldest.IsZero() || oldest.Before(page.Oldest)) {
				page.Oldest, page.OldestName = oldest, t.Name
			}
		}
		switch {
		case t.State == hub.Disabled || failing(t):
			failingNow++
			page.Troubles = append(page.Troubles, v.trouble(t, line, "fail", "warn"))
		case t.State == hub.Paused:
			held++
			page.Troubles = append(page.Troubles, v.trouble(t, line, "hold", "pause"))
		}
		page.Targets = append(page.Targets, line)
	}
	slices.SortStableFunc(page.Targets, func(a, b targetLine) int { return a.rank - b.rank })
	if more := len(page.Targets) - shownTargets; more > 0 {
		page.Targets, page.MoreTargets = page.Targets[:shownTargets], more
	}
	page.Troubles = page.Troubles[:min(len(page.Troubles), 10)]
	switch {
	case failingNow > 0:
		page.Headline = v.lang.Text("web_today.failing", "count", failingNow)
	case held > 0:
		page.Headline = v.lang.Text("web_today.paused", "count", held)
	case len(targets) == 0:
		page.Headline = v.lang.Text("web_today.new")
	case page.Failed > 0:
		page.Headline = v.lang.Text("web_today.some_failed", "count", page.Failed)
	default:
		page.Headline = v.lang.Text("web_today.calm")
	}
	page.Lead = v.lang.Text("web_today.lead", "count", page.Waiting)
	page.Sources, err = v.sourceLines()
	return page, err
}

func (v *visit) allTargets() ([]hub.Target, error) {
	all, err := v.Store.AllTargets(v.ctx(), v.tenant())
	return slices.DeleteFunc(all, func(t hub.Target) bool { return t.Deleted }), err
}

// figures is what is known of a tenant's targets without reading deliveries.
type figures struct {
	waiting map[int64]int64
	days    map[int64]*day
	last    map[int64]store.LastResult
}

func (v *visit) figures(targets []hub.Target) (f figures, err error) {
	since := v.moment.Add(-(sparkHours - 1) * time.Hour)
	if f.waiting, err = v.Store.WaitingOf(v.ctx(), v.tenant()); err != nil {
		return f, err
	}
	counts, err := v.Store.HourCounts(v.ctx(), v.tenant(), since)
	if err != nil {
		return f, err
	}
	last, err := v.Store.LastResults(v.ctx(), v.tenant())
	if err != nil {
		return f, err
	}
	own := map[int64]bool{}
	for _, t := range targets {
		own[t.No] = true
	}
	counts, last = v.Tally.add(counts, last, own, since)
	f.days, f.last = days(counts, v.moment), map[int64]store.LastResult{}
	for _, r := range last {
		if !r.At.Before(f.last[r.Target].At) {
			f.last[r.Target] = r
		}
	}
	return f, nil
}

func (v *visit) targetLine(t *hub.Target, f figures) targetLine {
	line := targetLine{Name: t.Name, Path: targetPath(t), Badge: v.targetBadge(t), Spark: v.spark(f.days[t.No]), Waiting: f.waiting[t.No]}
	line.Today, _, _ = f.days[t.No].sums()
	if t.Kind == hub.KindPipeline {
		line.Sub = v.lang.Text("web_today.pipeline")
	} else {
		line.Sub = v.lang.Text("web_today.webhook", "host", hostOf(t.Endpoint.Request.URL))
	}
	line.rank = map[string]int{"fail": 0, "hold": 1, "ok": 2}[line.Badge.Class]
	if line.Badge.Class == "skip" {
		line.rank = 3
	}
	r, known := f.last[t.No]
	if !known {
		return line
	}
	line.Last, line.LastAt = v.result(hub.Result(r.Result), r.Status), r.At
	switch {
	case r.Outcome == store.TallyRetried:
		line.Last += ", " + v.lang.Text("web.result.next", "time", v.nextTry(r.DueAt, v.clock))
	case r.Took > 0:
		line.Last += ", " + v.lang.Duration(max(r.Took, time.Millisecond))
	}
	return line
}

func (v *visit) clock(t time.Time) string { return v.lang.Clock(t, v.zone) }

func targetPath(t *hub.Target) string {
	if t.Kind == hub.KindPipeline {
		return "/pipelines/" + t.ID.Text(hub.PipelinePrefix)
	}
	return "/webhooks/" + t.ID.Text(hub.EndpointPrefix)
}

// hostOf is whom an address names; templates may stand behind it.
func hostOf(address string) string {
	origin, err := hub.Origin(address)
	if err != nil {
		return address
	}
	return origin
}

func (v *visit) trouble(t *hub.Target, line targetLine, class, icon string) trouble {
	tr := trouble{Class: class, Icon: icon, Name: t.Name, Path: line.Path, Why: line.Last}
	waiting := v.lang.Text("web_today.waiting", "count", line.Waiting)
	switch {
	case t.State == hub.Paused:
		tr.What = v.lang.Text("web_today.trouble_paused", "who", t.StateBy, "date", v.lang.Date(t.StateAt, v.zone), "time", v.clock(t.StateAt)) + " " + waiting
		tr.Why = v.stateWhy(t)
	case t.State == hub.Disabled:
		tr.What = v.lang.Text("web_today.trouble_disabled", "date", v.lang.Date(t.StateAt, v.zone), "time", v.clock(t.StateAt)) + " " + waiting
		tr.Why = v.stateWhy(t)
	default:
		since := t.Health.FailingSince
		tr.What = v.lang.Text("web_today.trouble_failing", "date", v.lang.Date(since, v.zone), "time", v.clock(since)) + " " + waiting
	}
	return tr
}

// sourceLines looks at the newest request of each source: one step down an index.
func (v *visit) sourceLines() ([]sourceLine, error) {
	sources, _, err := v.Settings.Sources(v.ctx(), v.tenant(), store.Page{Limit: shownTargets})
	if err != nil {
		return nil, err
	}
	var lines []sourceLine
	for _, s := range sources {
		line := sourceLine{Name: s.Name, Path: "/sources/" + s.ID.Text(hub.SourcePrefix), Sub: s.Preset}
		newest, _, err := v.Store.Requests(v.ctx(), store.RequestFilter{Tenant: v.tenant(), Source: s.No}, store.Page{Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("newest request of %s: %w", s.Name, err)
		}
		switch {
		case !s.Active:
			line.Badge = Badge{"skip", "off", v.lang.Text("web.state.off")}
		case len(newest) == 0:
			line.Badge = Badge{"", "wait", v.lang.Text("web_today.never_heard")}
		default:
			line.Badge = Badge{"ok", "dot", v.lang.Text("web_today.heard", "duration", max(v.moment.Sub(newest[0].At).Truncate(time.Second), time.Second))}
		}
		lines = append(lines, line)
	}
	return lines, nil
}
