package web

import (
	"strconv"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// deliveryView is what delivery.html shows: one event, owed to one target, with every try and its evidence.
type deliveryView struct {
	ID, Number, Type, Title  string
	Target, TargetPath       string
	Story, Event             string // addresses of the timeline and of the event
	Badge                    Badge
	Reason                   string
	Facts                    []setting
	Attempts                 []attemptLine // newest first
	Again, Now, Cancel, Edit string        // where each goes; "" where it may not
	Here                     string
}

// attemptLine is one try.
type attemptLine struct {
	N           int
	At          time.Time
	Badge       Badge
	Took        string
	Error, Hint string // of the hub, in English
	Evidence    *Evidence
	Open        bool
}

func (v *visit) deliveryPage() error {
	page, err := v.delivery()
	if err != nil {
		return err
	}
	return v.show("delivery", page.Number+" "+page.Target, page)
}

// oneDelivery reads the delivery that the address names, and its target.
func (v *visit) oneDelivery() (id hub.DeliveryID, d store.DeliveryRow, t hub.Target, err error) {
	if id, err = hub.ParseDeliveryID(v.r.PathValue("delivery")); err != nil {
		return id, d, t, err
	}
	if d, err = v.Store.Delivery(v.ctx(), v.tenant(), id); err != nil {
		return id, d, t, err
	}
	t, err = v.Store.TargetByNo(v.ctx(), v.tenant(), d.Target)
	if err == nil && !v.mine(&t) {
		err = hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	return id, d, t, err
}

func (v *visit) delivery() (deliveryView, error) {
	id, d, t, err := v.oneDelivery()
	if err != nil {
		return deliveryView{}, err
	}
	attempts, err := v.Store.Attempts(v.ctx(), v.tenant(), id)
	if err != nil && hub.CodeOf(err) != hub.NotFound {
		return deliveryView{}, err
	}
	event := d.Event.Text(hub.EventPrefix)
	words := titles{v, map[string]string{}}
	row := v.deliveryRow(&d, &t)
	page := deliveryView{
		ID: row.ID, Number: row.Number, Type: d.Type, Title: words.word(v.ctx(), d.Type), Target: t.Name, TargetPath: row.TargetPath,
		Story: searchPath(event), Event: "/events/" + event, Badge: row.Badge, Reason: row.Reason, Here: row.Path,
	}
	if v.portal != nil {
		page.Story, page.Event = "", ""
	}
	page.Facts = []setting{
		{v.lang.Text("web_history.event_type"), d.Type},
		{v.lang.Text("web_history.accepted"), v.lang.Moment(d.ReceivedAt, v.zone)},
		{v.lang.Text("web_history.tries_label"), strconv.Itoa(d.Tries)},
	}
	if !d.At.IsZero() {
		page.Facts = append(page.Facts, setting{v.lang.Text("web_history.ended"), v.lang.Moment(d.At, v.zone)})
	} else if d.Tries > 0 && t.State == hub.Active {
		page.Facts = append(page.Facts, setting{v.lang.Text("web_history.due"), v.nextTry(d.DueAt, func(t time.Time) string { return v.lang.Moment(t, v.zone) })})
	}
	page.Facts = append(page.Facts, setting{v.lang.Text("web_history.delivery_id"), row.ID})
	for i := len(attempts) - 1; i >= 0; i-- {
		page.Attempts = append(page.Attempts, v.attemptLine(&attempts[i], i == len(attempts)-1))
	}
	if !v.may(hub.Operator) || t.Deleted {
		return page, nil
	}
	if d.State == hub.Pending {
		page.Now, page.Cancel = page.Here+"/again", page.Here+"/cancel"
	} else {
		page.Again = page.Here + "/again"
	}
	page.Edit = page.Here + "/edit"
	if !v.may(hub.Editor) || v.portal != nil {
		page.Edit = ""
	}
	if v.portal != nil {
		page.Cancel = ""
	}
	return page, nil
}

func (v *visit) attemptLine(a *hub.Attempt, open bool) attemptLine {
	line := attemptLine{N: a.N, At: a.At, Took: v.lang.Duration(max(a.Took.Round(time.Millisecond), time.Millisecond)), Error: v.said(a.Error), Hint: v.said(a.Hint), Open: open}
	word := v.result(a.Result, max(a.Status, a.Response.Status))
	switch a.Result {
	case hub.Succeeded:
		line.Badge = Badge{"ok", "ok", word}
	case hub.Waiting, hub.Interrupted:
		line.Badge = Badge{"", "wait", v.lang.Text("web_history.result." + string(a.Result))}
	default:
		line.Badge = Badge{"fail", "fail", word}
	}
	line.Evidence = v.evidence(a, a.Steps)
	return line
}

// sendAgain tries a waiting delivery now, and owes a finished one again.
func (v *visit) sendAgain() error {
	id, _, t, err := v.oneDelivery()
	if err != nil {
		return err
	}
	next, err := v.Ingest.Retry(v.ctx(), v.tenant(), id)
	if err != nil {
		return err
	}
	to := "/deliveries/" + next.Text()
	if back := v.form("to"); back != "" {
		to = local(back)
	}
	return v.goTo(to, "web_history.sent_again", "name", visible(t.Name))
}

func (v *visit) cancelDelivery() error {
	id, _, t, err := v.oneDelivery()
	if err != nil {
		return err
	}
	if err := v.Ingest.Cancel(v.ctx(), v.tenant(), id, v.who.Name); err != nil {
		return err
	}
	return v.goTo("/deliveries/"+id.Text(), "web_history.cancelled", "name", visible(t.Name))
}
