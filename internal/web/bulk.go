package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// bulkView is what bulk.html shows: what is about to be done with several deliveries, counted first.
type bulkView struct {
	Do      string // again or cancel
	Title   string
	IDs     []string
	Targets []setting // name and how many
	Back    string
}

// mostBulk bounds how many deliveries one form names.
const mostBulk = 250

// bulkDeliveries first shows how many are meant, then does it.
func (v *visit) bulkDeliveries() error {
	ids, do, back := v.r.PostForm["id"], v.form("do"), local(v.form("to"))
	if do != "again" && do != "cancel" {
		return hub.Errorf(hub.Invalid, "%q is neither again nor cancel", do)
	}
	if back == "/" {
		back = "/deliveries"
	}
	if len(ids) == 0 {
		return v.goTo(back, "web_history.none_chosen")
	}
	if len(ids) > mostBulk {
		return hub.Errorf(hub.TooLarge, "%d deliveries are too many for one form", len(ids))
	}
	if v.form("sure") == "" {
		return v.askBulk(do, back, ids)
	}
	done, kept := 0, 0
	for _, text := range ids {
		err := v.bulkOne(do, text)
		switch hub.CodeOf(err) {
		case hub.Conflict, hub.NotFound: // it has ended meanwhile, or is not theirs
			kept++
		default:
			if err != nil {
				return err
			}
			done++
		}
	}
	if kept > 0 {
		return v.goTo(back, "web_history.bulk_some", "done", v.lang.Number(itoa(done)), "kept", v.lang.Number(itoa(kept)))
	}
	if do == "cancel" {
		return v.goTo(back, "web_history.bulk_cancelled", "count", itoa(done))
	}
	return v.goTo(back, "web_history.bulk_again", "count", itoa(done))
}

func (v *visit) bulkOne(do, text string) error {
	id, err := hub.ParseDeliveryID(text)
	if err != nil {
		return err
	}
	if do == "cancel" {
		return v.Ingest.Cancel(v.ctx(), v.tenant(), id, v.who.Name)
	}
	_, err = v.Ingest.Retry(v.ctx(), v.tenant(), id)
	return err
}

func (v *visit) askBulk(do, back string, ids []string) error {
	targets, err := v.targetsByNo()
	if err != nil {
		return err
	}
	page := bulkView{Do: do, Back: back}
	counts := map[string]int{}
	for _, text := range ids {
		id, err := hub.ParseDeliveryID(text)
		t, ours := targets[id.Target]
		if err != nil || !ours || slices.Contains(page.IDs, text) {
			continue
		}
		page.IDs = append(page.IDs, text)
		counts[t.Name]++
	}
	if len(page.IDs) == 0 {
		return hub.Errorf(hub.NotFound, "none of the chosen deliveries")
	}
	for name, n := range counts {
		page.Targets = append(page.Targets, setting{name, v.lang.Number(itoa(n))})
	}
	slices.SortFunc(page.Targets, func(a, b setting) int { return strings.Compare(a.Name, b.Name) })
	if page.Title = v.lang.Text("web_history.bulk_ask_again", "count", len(page.IDs)); do == "cancel" {
		page.Title = v.lang.Text("web_history.bulk_ask_cancel", "count", len(page.IDs))
	}
	return v.show("bulk", page.Title, page)
}

// replayFormView is what replay_new.html shows: which past events a target gets, with the count before anything is sent.
type replayFormView struct {
	Form     *Form
	Outcomes []Option
	Counted  bool
	Count    int64
	Question string
}

// replayOutcomes are what may have become of the events that are sent again.
func replayOutcomes() []string {
	return []string{string(hub.Failed), hub.OutcomeSkipped, string(hub.Cancelled), string(hub.Delivered)}
}

func bulkQuery(target, since, until string) string {
	q := url.Values{}
	for name, value := range map[string]string{"target": target, "since": since, "until": until} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

func (v *visit) replayPage() error {
	page, err := v.replayForm(nil, false)
	if err != nil {
		return err
	}
	return v.show("replay_new", v.lang.Text("web_history.replay"), page)
}

// replayForm builds the form: empty, or with what was typed.
func (v *visit) replayForm(refusal error, typed bool) (replayFormView, error) {
	targets, err := v.targetsByNo()
	if err != nil {
		return replayFormView{}, err
	}
	query := v.r.URL.Query()
	since := query.Get("since")
	if since == "" {
		since = v.moment.In(v.zone).Add(-24 * time.Hour).Format(localLayout)
	}
	fields := []Field{
		{Name: "target", Pointer: "/target", Label: v.lang.Text("web_history.target"), Type: "select", Value: query.Get("target"), Options: v.targetOptions(targets, v.lang.Text("web_history.choose"))},
		{Name: "since", Pointer: "/since", Label: v.lang.Text("web_history.since"), Type: "datetime-local", Value: since},
		{Name: "until", Pointer: "/until", Label: v.lang.Text("web_history.until"), Type: "datetime-local", Value: query.Get("until"), Hint: v.lang.Text("web_history.until_hint")},
		{Name: "types", Pointer: "/event_types", Label: v.lang.Text("web_history.event_type"), Hint: v.lang.Text("web_history.types_hint")},
		{Name: "rate", Pointer: "/rate", Label: v.lang.Text("web_history.rate"), Type: "select", Value: "5/s", Options: []Option{
			{Word: v.lang.Text("web_history.rate_free")}, {Value: "1/s", Word: v.lang.Text("web_history.per_second", "count", 1)},
			{Value: "5/s", Word: v.lang.Text("web_history.per_second", "count", 5)}, {Value: "20/s", Word: v.lang.Text("web_history.per_second", "count", 20)},
		}},
		{Name: "to", Pointer: "/to", Label: v.lang.Text("web_history.to"), Type: "select", Options: v.targetOptions(targets, v.lang.Text("web_history.same_target")), Hint: v.lang.Text("web_history.to_hint")},
	}
	chosen := []string{string(hub.Failed), hub.OutcomeSkipped}
	if typed {
		chosen = v.r.PostForm["outcome"]
		for i := range fields {
			fields[i].Value = v.form(fields[i].Name)
		}
	}
	page := replayFormView{Form: v.newForm("/replay", refusal, fields...)}
	for _, outcome := range replayOutcomes() {
		page.Outcomes = append(page.Outcomes, Option{outcome, v.outcomeBadge(outcome).Word, slices.Contains(chosen, outcome)})
	}
	return page, nil
}

// startReplay counts first; only the second press starts.
func (v *visit) startReplay() error {
	refuse := func(err error) error {
		page, broken := v.replayForm(err, true)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "replay_new", v.lang.Text("web_history.replay"), page)
	}
	filter, name, err := v.replayFilter()
	if err != nil {
		return refuse(err)
	}
	filter.DryRun = v.form("do") != "start"
	r, err := v.Ingest.StartReplay(v.ctx(), v.tenant(), filter, v.who.Name)
	if err != nil {
		return refuse(err)
	}
	if !filter.DryRun {
		return v.goTo("/replay/"+r.ID.Text(hub.ReplayPrefix), "")
	}
	page, err := v.replayForm(nil, true)
	if err != nil {
		return err
	}
	page.Counted, page.Count = true, r.Total
	page.Question = v.lang.Text("web_history.replay_ask", "count", r.Total, "name", visible(name), "since", v.lang.Moment(filter.Since, v.zone), "until", v.lang.Moment(filter.Until, v.zone))
	return v.show("replay_new", v.lang.Text("web_history.replay"), page)
}

func (v *visit) replayFilter() (f ingest.ReplayFilter, name string, err error) {
	var wrong hub.Problems
	target, err := v.Settings.AnyTarget(v.ctx(), v.tenant(), v.form("target"))
	switch {
	case v.form("target") == "":
		wrong.Add("/target", "%s", v.lang.Text("web_history.no_target"))
	case err != nil:
		return f, "", err
	}
	f.Target, name = target.ID, target.Name
	if ref := v.form("to"); ref != "" {
		to, err := v.Settings.AnyTarget(v.ctx(), v.tenant(), ref)
		if err != nil {
			return f, "", err
		}
		f.To, name = to.ID, to.Name
	}
	for _, end := range []struct {
		name string
		at   *time.Time
	}{{"since", &f.Since}, {"until", &f.Until}} {
		at, ok := v.localTime(v.form(end.name))
		if !ok {
			wrong.Add("/"+end.name, "%s", v.lang.Text("web_history.no_time", "value", v.form(end.name)))
		}
		*end.at = at
	}
	if f.Until.IsZero() {
		f.Until = v.moment
	}
	if f.Rate, err = hub.ParseRate(v.form("rate")); err != nil && v.form("rate") != "" {
		wrong.Add("/rate", "%v", err)
	}
	f.Outcomes, f.EventTypes = v.r.PostForm["outcome"], listOf(v.form("types"))
	return f, name, wrong.Err()
}

// replayView is what replay.html shows: how far a replay has come.
type replayView struct {
	Name, Path  string
	Badge       Badge
	Done, Total int64
	Width       string // of the bar, of 200
	Running     bool
	Here        string
	By          string
	At          time.Time
}

func (v *visit) oneReplayPage() error {
	id, err := hub.ParseID(hub.ReplayPrefix, v.r.PathValue("replay"))
	if err != nil {
		return err
	}
	r, err := v.Store.Replay(v.ctx(), v.tenant(), id)
	if err != nil {
		return err
	}
	t, err := v.Store.TargetByNo(v.ctx(), v.tenant(), r.To)
	if err != nil {
		return err
	}
	page := replayView{
		Name: t.Name, Path: targetPath(&t), Done: r.Done, Total: r.Total, Running: r.State == ingest.ReplayRunning, Here: v.r.URL.Path, By: r.By, At: r.CreatedAt, Width: "0",
	}
	word := v.lang.Text("web_history.replay_state." + r.State)
	switch r.State {
	case ingest.ReplayFinished:
		page.Badge, page.Width = Badge{"ok", "ok", word}, decimal(waterWidth)
	case ingest.ReplayCancelled:
		page.Badge = Badge{"fail", "fail", word}
	default:
		page.Badge = Badge{"", "wait", word}
	}
	if r.Total > 0 {
		page.Width = decimal(float64(r.Done) / float64(r.Total) * waterWidth)
	}
	return v.show("replay", v.lang.Text("web_history.replay"), page)
}
