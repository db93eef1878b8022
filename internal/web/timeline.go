package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/store"
)

// timelineView is all that happened to one business object, across both directions.
type timelineView struct {
	Title, Kind string // the number people quote; what kind of thing happened first
	Lead        string
	Value       string // the number, for sharing and for coming back; "" when it is one event without
	Event       string // the newest event
	State       Badge
	Fates       []fateLine
	Moments     []moment
	Older       int // events that are not shown
	Known       []knownAs
	Zone        string
	Back        string // address of this page
	MayAct      bool
	Shared      bool // for whoever has the link: no evidence, no buttons
}

// fateLine is one target and what became of the newest event that concerned it.
type fateLine struct {
	Name, Path     string
	Badge          Badge
	Text           string
	Delivery, Edit string // addresses; "" where there is no delivery
	Again, Now     string // where "send again" and "retry now" go; "" where they may not
	at             time.Time
	outcome        string
}

// knownAs is another number or id that leads to the same.
type knownAs struct{ Word, Path string }

// moment is one point of the timeline, with the evidence behind it.
type moment struct {
	Lane         string // heading above it; "": goes on in the lane before
	At           time.Time
	Clock, Milli string
	Node, Icon   string
	Title, Small string
	Path         string // of what the title names
	Took         string
	Text, Detail string // a sentence of ours; what somebody else said
	Evidence     *Evidence
	Delivery     string
	List         []setting
}

// Bounds of one page, so that a number that thousands of events bear costs no more than one that five bear.
const (
	timelineEvents   = 12
	timelineEvidence = 40 // deliveries whose attempts are read
)

// history collects the events of a timeline, what they came from and what came of them.
type history struct {
	*visit
	events  []*hub.Event
	seen    map[hub.ID]bool
	titles  titles
	sources map[string]*hub.Source
	numbers map[string]int64 // of sources
	budget  int
	routed  *ingest.Routed
	view    *timelineView
	newest  map[int64]int // target number -> place in view.Fates
}

// timeline builds the page of a number, or of one event where value is "".
func (v *visit) timeline(value string, start []*hub.Event, shared bool) (*timelineView, error) {
	h := &history{
		visit: v, seen: map[hub.ID]bool{}, titles: titles{v, map[string]string{}}, sources: map[string]*hub.Source{}, numbers: map[string]int64{},
		budget: timelineEvidence, routed: v.Ingest.Routed(v.tenant()), newest: map[int64]int{},
		view: &timelineView{Value: value, Back: v.r.URL.RequestURI(), MayAct: !shared && v.may(hub.Operator), Shared: shared, Zone: v.zone.String()},
	}
	for _, e := range start {
		h.add(e)
	}
	// What an event came from belongs to its story.
	for i := 0; i < len(h.events) && len(h.events) < 2*timelineEvents; i++ {
		if parent := h.events[i].Parent; !parent.IsZero() && !h.seen[parent] {
			e, err := v.Store.Event(v.ctx(), v.tenant(), parent)
			if hub.CodeOf(err) == hub.NotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
			h.add(e)
		}
	}
	h.sort()
	if more := len(h.events) - timelineEvents; more > 0 {
		h.events, h.view.Older = h.events[more:], more
	}
	for i := 0; i < len(h.events); i++ {
		if err := h.tell(h.events[i]); err != nil {
			return nil, err
		}
	}
	h.finish()
	return h.view, nil
}

func (h *history) add(e *hub.Event) {
	if !h.seen[e.ID] {
		h.seen[e.ID] = true
		h.events = append(h.events, e)
	}
}

func (h *history) sort() {
	slices.SortFunc(h.events, func(a, b *hub.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
}

// tell adds one event's moments: how it came in, who worked on it, where it went.
func (h *history) tell(e *hub.Event) error {
	if err := h.cameIn(e); err != nil {
		return err
	}
	fates, rows, err := h.routed.Of(h.ctx(), e)
	if err != nil {
		return err
	}
	byTarget := make(map[int64]*store.DeliveryRow, len(rows))
	for i := range rows {
		byTarget[rows[i].Target] = &rows[i]
	}
	var skipped []hub.Fate
	lane := h.lang.Text("web_history.lane_out")
	for _, kind := range []hub.Kind{hub.KindPipeline, hub.KindEndpoint} {
		for _, f := range fates {
			if (f.Target.Kind == hub.KindPipeline) != (kind == hub.KindPipeline) {
				continue
			}
			d := byTarget[f.Target.No]
			h.fate(&f, d)
			if d == nil {
				skipped = append(skipped, f)
				continue
			}
			attempts, err := h.attempts(e, d)
			if err != nil {
				return err
			}
			if kind == hub.KindPipeline {
				h.worked(&f, d, attempts)
				continue
			}
			h.wentOut(lane, &f, d, attempts)
			lane = ""
		}
	}
	h.notMeant(lane, e, skipped)
	return nil
}

func (h *history) attempts(e *hub.Event, d *store.DeliveryRow) ([]hub.Attempt, error) {
	if h.budget <= 0 {
		return nil, nil
	}
	h.budget--
	return h.Store.AttemptsOf(h.ctx(), d, e.Data)
}

// fate keeps the newest thing that can be said of each target: a delivery says more than that there is none.
func (h *history) fate(f *hub.Fate, d *store.DeliveryRow) {
	line := fateLine{
		Name: f.Target.Name, Path: targetPath(&f.Target), Badge: h.outcomeBadge(f.Outcome), Text: h.why(f.Reason), outcome: f.Outcome,
	}
	if d != nil {
		line.at = d.At
		line.Delivery = "/deliveries/" + d.ID().Text()
		if h.view.MayAct && !f.Target.Deleted {
			if h.may(hub.Editor) {
				line.Edit = line.Delivery + "/edit"
			}
			if d.State == hub.Pending {
				line.Now = line.Delivery + "/again"
			} else {
				line.Again = line.Delivery + "/again"
			}
		}
		if d.State == hub.Pending && f.Outcome == string(hub.Pending) && d.Tries > 0 {
			line.Text = h.lang.Text("web_history.next_try", "time", h.nextTry(d.DueAt, h.clock))
		}
		if !d.At.IsZero() {
			line.Text = strings.TrimSuffix(h.when(d.At)+", "+line.Text, ", ")
		}
	}
	if h.view.Shared {
		line.Path, line.Delivery, line.Edit = "", "", ""
	}
	at, there := h.newest[f.Target.No]
	switch {
	case !there:
		h.newest[f.Target.No] = len(h.view.Fates)
		h.view.Fates = append(h.view.Fates, line)
	case d != nil || h.view.Fates[at].outcome == hub.OutcomeSkipped:
		h.view.Fates[at] = line
	}
}

// why is the reason of a fate. Whoever only has a link does not read it: it may quote data, or what others answered.
func (h *history) why(text string) string {
	if h.view.Shared {
		return ""
	}
	return h.reason(text)
}

// wentOut is one delivery to an endpoint.
func (h *history) wentOut(lane string, f *hub.Fate, d *store.DeliveryRow, attempts []hub.Attempt) {
	m := moment{Lane: lane, At: d.ReceivedAt, Path: targetPath(&f.Target), Text: h.why(f.Reason), Delivery: "/deliveries/" + d.ID().Text()}
	m.Node, m.Icon = outcomeNode(f.Outcome)
	m.Title = h.lang.Text("web_history.out."+f.Outcome, "name", f.Target.Name)
	if n := len(attempts); n > 0 {
		last := &attempts[n-1]
		m.At = last.At
		m.Took = h.took(last)
		if n > 1 {
			m.Small = h.lang.Text("web_history.tries", "count", d.Tries)
		}
		m.Evidence = h.evidence(last, nil)
		if f.Outcome != string(hub.Delivered) {
			m.Detail = h.said(last.Error)
			if d.State == hub.Pending && f.Outcome == string(hub.Pending) {
				m.Text = h.lang.Text("web_history.next_try", "time", h.nextTry(d.DueAt, h.clock))
			}
		}
	} else if !d.At.IsZero() {
		m.At = d.At
	}
	h.moment(m)
}

// worked is what a pipeline did with the event: a moment for every step.
func (h *history) worked(f *hub.Fate, d *store.DeliveryRow, attempts []hub.Attempt) {
	lane := h.lang.Text("web_history.lane_worked", "name", f.Target.Name)
	path := "/deliveries/" + d.ID().Text()
	for i := range attempts {
		at := attempts[i].At
		for _, s := range attempts[i].Steps {
			started := at
			at = at.Add(s.Took.D())
			if s.Result == hub.StepKept || s.Result != hub.StepDone && i < len(attempts)-1 {
				continue // a failed try that was made good, and what an earlier try had done
			}
			m := h.step(&s, started)
			m.Lane, m.Delivery, lane = lane, path, ""
			h.moment(m)
		}
	}
	if f.Outcome == string(hub.Delivered) && lane == "" {
		return
	}
	m := moment{Lane: lane, At: d.ReceivedAt, Path: targetPath(&f.Target), Title: h.lang.Text("web_history.work."+f.Outcome, "name", f.Target.Name), Text: h.why(f.Reason), Delivery: path}
	m.Node, m.Icon = outcomeNode(f.Outcome)
	if n := len(attempts); n > 0 {
		m.At = attempts[n-1].At.Add(attempts[n-1].Took)
		if n > 1 {
			m.Small = h.lang.Text("web_history.tries", "count", d.Tries)
		}
		if d.State == hub.Pending && f.Outcome == string(hub.Pending) {
			m.Text = h.lang.Text("web_history.next_try", "time", h.nextTry(d.DueAt, h.clock))
		}
	}
	h.moment(m)
}

// momentIcons are the shapes of what a step does.
var momentIcons = map[string]string{
	hub.StepValidate: "shield", hub.StepFetch: "fetch", hub.StepMap: "var", hub.StepUpsert: "db", hub.StepRequest: "out", hub.StepConfirm: "check",
	hub.StepMail: "mail", hub.StepPublish: "branch", hub.StepWait: "today",
}

func (h *history) step(s *hub.StepRecord, at time.Time) moment {
	m := moment{At: at, Node: "ok", Icon: momentIcons[s.Type], Title: h.lang.Text("web_history.step." + s.Type), Small: s.Name, Took: h.lang.Duration(max(s.Took.D(), time.Millisecond))}
	switch s.Result {
	case hub.StepBroken:
		m.Node, m.Icon, m.Title, m.Detail = "fail", "warn", h.lang.Text("web_history.step_failed", "step", m.Title), h.said(s.Error)
	case hub.StepWaiting:
		m.Node, m.Text = "", h.lang.Text("web_history.step_waiting")
	case hub.StepDone:
		m.Text = h.stepText(s)
		h.follow(s)
	}
	m.Evidence = h.stepEvidence(s)
	return m
}

// stepText is what a step says of itself, where its result tells.
func (h *history) stepText(s *hub.StepRecord) string {
	if s.Type != hub.StepUpsert {
		return ""
	}
	var written struct {
		Outcome string `json:"outcome"`
		Rows    int    `json:"rows"`
	}
	if json.Unmarshal([]byte(s.Output), &written) != nil {
		return ""
	}
	switch written.Outcome {
	case "inserted", "updated", "unchanged", "refused":
		return h.lang.Text("web_history.written."+written.Outcome, "count", written.Rows)
	}
	return ""
}

// follow adds the event that a step published, whatever its number is.
func (h *history) follow(s *hub.StepRecord) {
	var published struct {
		ID string `json:"id"`
	}
	if s.Type != hub.StepPublish || len(h.events) >= 2*timelineEvents || json.Unmarshal([]byte(s.Output), &published) != nil {
		return
	}
	id, err := hub.ParseID(hub.EventPrefix, published.ID)
	if err != nil || h.seen[id] {
		return
	}
	if e, err := h.Store.Event(h.ctx(), h.tenant(), id); err == nil {
		h.add(e)
	}
}

// notMeant is one moment for all targets that an event was not meant for.
func (h *history) notMeant(lane string, e *hub.Event, skipped []hub.Fate) {
	if len(skipped) == 0 {
		return
	}
	m := moment{Lane: lane, At: e.ReceivedAt, Node: "skip", Icon: "skip", Title: h.lang.Text("web_history.not_meant", "count", len(skipped)), Path: "/events/" + e.ID.Text(hub.EventPrefix)}
	for _, f := range skipped {
		m.List = append(m.List, setting{f.Target.Name, h.why(f.Reason)})
	}
	h.moment(m)
}

func (h *history) moment(m moment) {
	at := m.At.In(h.zone)
	m.Clock, m.Milli = at.Format("15:04:05"), at.Format(".000")
	if h.view.Shared {
		m.Evidence, m.Path, m.Delivery, m.Detail, m.List = nil, "", "", "", nil
	}
	h.view.Moments = append(h.view.Moments, m)
}

// finish says in a sentence what the timeline shows.
func (h *history) finish() {
	view := h.view
	if len(h.events) == 0 {
		return
	}
	first, last := h.events[0], h.events[len(h.events)-1]
	view.Event = last.ID.Text(hub.EventPrefix)
	view.Title, view.Kind = view.Value, h.titles.of(first)
	if view.Title == "" {
		view.Title = view.Kind
	}
	view.Lead = h.lang.Text("web_history.lead", "event", view.Kind, "source", h.sourceWord(first.Source), "time", h.when(first.ReceivedAt))
	values := map[string]bool{view.Value: true, "": true}
	for _, e := range h.events {
		for _, value := range append([]string{e.Key}, e.Refs...) {
			if !values[value] {
				values[value] = true
				view.Known = append(view.Known, knownAs{value, searchPath(value)})
			}
		}
	}
	for _, e := range h.events {
		id := e.ID.Text(hub.EventPrefix)
		view.Known = append(view.Known, knownAs{id, "/events/" + id})
	}
	if view.Shared {
		for i := range view.Known {
			view.Known[i].Path = ""
		}
	}
	view.State = h.fateSum(view.Fates)
}

// fateSum is one badge for all targets.
func (v *visit) fateSum(fates []fateLine) Badge {
	all, done, waiting, failed := 0, 0, 0, 0
	for _, f := range fates {
		switch f.outcome {
		case hub.OutcomeSkipped:
			continue
		case string(hub.Delivered):
			done++
		case string(hub.Pending), hub.OutcomeHeld:
			waiting++
		case string(hub.Failed):
			failed++
		}
		all++
	}
	word := v.lang.Text("web_history.sum", "done", v.lang.Number(strconv.Itoa(done)), "all", v.lang.Number(strconv.Itoa(all)))
	switch {
	case all == 0:
		return Badge{"skip", "skip", v.lang.Text("web_history.sum_none")}
	case failed > 0:
		return Badge{"fail", "fail", word}
	case waiting > 0:
		return Badge{"", "wait", word}
	case done == all:
		return Badge{"ok", "ok", word}
	}
	return Badge{"skip", "slash", word}
}

// outcomeNode is the mark of an outcome on the line.
func outcomeNode(outcome string) (class, icon string) {
	switch outcome {
	case string(hub.Delivered):
		return "ok", "out"
	case string(hub.Failed):
		return "fail", "warn"
	case hub.OutcomeHeld:
		return "hold", "pause"
	case string(hub.Pending):
		return "", "today"
	}
	return "skip", "skip"
}

// when is a moment in the reader's zone: the clock alone when it is today.
func (v *visit) when(t time.Time) string {
	if t.In(v.zone).Format(time.DateOnly) == v.moment.In(v.zone).Format(time.DateOnly) {
		return t.In(v.zone).Format("15:04:05")
	}
	return v.lang.Moment(t, v.zone)
}

func (v *visit) took(a *hub.Attempt) string {
	took := v.lang.Duration(max(a.Took, time.Millisecond).Round(time.Millisecond))
	if a.Status == 0 {
		return took
	}
	return fmt.Sprintf("%d, %s", a.Status, took)
}
