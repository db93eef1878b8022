package web

import (
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// eventView is what event.html shows: one event, its data, and its fate at every target.
type eventView struct {
	ID, Title, Number, Story string // Story is the address of the timeline
	Lead                     string
	Facts                    []setting
	Parent                   string // address of the event it came from; "" for none
	Data                     Cut
	Fates                    []eventFate
	Replay                   string // where "send to all" goes; "" where it may not
	Here                     string
}

// eventFate is what became of the event at one target.
type eventFate struct {
	Name, Path, Reason string
	Badge              Badge
	Delivery           string // address
	Target             string // id, for sending it there; "" where that may not be
	Word               string // of the button
}

func (v *visit) eventPage() error {
	id, err := hub.ParseID(hub.EventPrefix, v.r.PathValue("event"))
	if err != nil {
		return err
	}
	e, err := v.Store.Event(v.ctx(), v.tenant(), id)
	if err != nil {
		return err
	}
	words := titles{v, map[string]string{}}
	text := e.ID.Text(hub.EventPrefix)
	page := eventView{
		ID: text, Title: words.of(e), Number: e.Key, Story: searchPath(text), Data: code(string(e.Data)), Here: "/events/" + text, Facts: v.eventFacts(e),
		Lead: v.lang.Text("web_history.lead", "event", words.of(e), "source", v.sourceWord(e.Source), "time", v.when(e.ReceivedAt)),
	}
	if !e.Parent.IsZero() {
		page.Parent = "/events/" + e.Parent.Text(hub.EventPrefix)
	}
	fates, err := v.Ingest.Fates(v.ctx(), v.tenant(), id)
	if err != nil {
		return err
	}
	operates := v.may(hub.Operator)
	for _, f := range fates {
		line := eventFate{Name: f.Target.Name, Path: targetPath(&f.Target), Reason: v.reason(f.Reason), Badge: v.outcomeBadge(f.Outcome)}
		if f.Delivery != nil {
			line.Delivery = "/deliveries/" + f.Delivery.Text()
		}
		if operates && !f.Target.Deleted && f.Outcome != string(hub.Pending) && f.Outcome != hub.OutcomeHeld {
			line.Target, line.Word = f.Target.ID.Text(f.Target.Prefix()), v.lang.Text("web_history.again")
			if f.Delivery == nil {
				line.Word = v.lang.Text("web_history.anyway")
			}
		}
		page.Fates = append(page.Fates, line)
	}
	if operates {
		page.Replay = page.Here + "/replay"
	}
	return v.show("event", page.Title, page)
}

func (v *visit) eventFacts(e *hub.Event) []setting {
	facts := []setting{
		{v.lang.Text("web_history.event_type"), e.Type},
		{v.lang.Text("web_history.source"), v.sourceWord(e.Source)},
		{v.lang.Text("web_history.happened"), v.lang.Moment(e.Time, v.zone)},
		{v.lang.Text("web_history.event_id"), e.ID.Text(hub.EventPrefix)},
	}
	return append(facts, given(
		setting{v.lang.Text("web_history.vendor_type"), e.VendorType}, setting{v.lang.Text("web_history.caller_id"), e.CallerID},
		setting{v.lang.Text("web_history.refs"), strings.Join(e.Refs, ", ")}, setting{v.lang.Text("web_history.channels"), strings.Join(e.Channels, ", ")},
		setting{v.lang.Text("web_history.metadata"), string(e.Metadata)})...)
}

// replayEvent sends one event again: to one target whatever its subscription says, or to all that take it today.
func (v *visit) replayEvent() error {
	id, err := hub.ParseID(hub.EventPrefix, v.r.PathValue("event"))
	if err != nil {
		return err
	}
	back := "/events/" + id.Text(hub.EventPrefix)
	ref := v.form("target")
	if ref == "" {
		n, err := v.Ingest.Replay(v.ctx(), v.tenant(), id, nil)
		if err != nil {
			return err
		}
		return v.goTo(back, "web_history.owed_again", "count", v.lang.Number(itoa(n)))
	}
	t, err := v.Settings.AnyTarget(v.ctx(), v.tenant(), ref)
	if err != nil {
		return err
	}
	if _, err := v.Ingest.Replay(v.ctx(), v.tenant(), id, &t.ID); err != nil {
		return err
	}
	return v.goTo(back, "web_history.sent_again", "name", visible(t.Name))
}

// targetsByNo are the tenant's targets, deleted ones too, by the number their deliveries bear.
func (v *visit) targetsByNo() (map[int64]hub.Target, error) {
	all, err := v.Store.AllTargets(v.ctx(), v.tenant())
	if err != nil {
		return nil, err
	}
	targets := make(map[int64]hub.Target, len(all))
	for _, t := range all {
		targets[t.No] = t
	}
	return targets, nil
}

// deliveryWord is a delivery's state as people call it.
func (v *visit) deliveryOutcome(d *store.DeliveryRow, t *hub.Target) string {
	if d.State == hub.Pending && t.State != hub.Active {
		return hub.OutcomeHeld
	}
	return string(d.State)
}
