package web

import (
	"time"

	"hacek/internal/hub"
)

// targetSide is what the pages of both kinds of target show alike: how it goes, what waits, and pause or resume.
type targetSide struct {
	Badge             Badge
	Since             string // who put it into its state, when and why; "" while it is simply active
	Why               string
	Active, Off       bool
	OffText           string
	Waiting           int64
	Oldest            time.Time
	Spark             Spark
	Delivered, Failed int64
	Deliveries        []deliveryLine
	MayPause, MayEdit bool
	Pause, Resume     *Form
	Paces             []pace
}

// targetSide reads it; refused is what pausing was answered, offText the sentence for a target that is switched off.
func (v *visit) targetSide(t *hub.Target, refused error, offText string) (targetSide, error) {
	s := targetSide{
		Badge: v.targetBadge(t), Active: t.State == hub.Active, Off: t.State == hub.Off, OffText: v.lang.Text(offText),
		MayPause: v.may(hub.Operator), MayEdit: v.may(hub.Editor),
	}
	var err error
	if s.Waiting, s.Oldest, err = v.Store.Waiting(v.ctx(), t.No); err != nil {
		return s, err
	}
	f, err := v.figures([]hub.Target{*t})
	if err != nil {
		return s, err
	}
	s.Spark = v.spark(f.days[t.No])
	delivered, failed, retried := f.days[t.No].sums()
	s.Delivered, s.Failed = delivered, failed+retried
	if t.State != hub.Active {
		if !s.Off { // that it is off, and by whom, Since says
			s.Why = v.stateWhy(t)
		}
		s.Since = v.lang.Text("web_webhook.since."+string(t.State), "who", t.StateBy, "date", v.lang.Date(t.StateAt, v.zone), "time", v.clock(t.StateAt))
	}
	if s.Deliveries, err = v.deliveryLines(*t); err != nil {
		return s, err
	}
	path := targetPath(t)
	s.Pause = v.newForm(path+"/pause", refused, Field{
		Name: "why", Pointer: "/why", Label: v.lang.Text("web_webhook.why"), Hint: v.lang.Text("web_webhook.why_hint"),
	})
	s.Resume = v.newForm(path+"/resume", nil)
	s.Paces = v.paces(s.Waiting)
	return s, nil
}

// formRate is the pace that a form chose; none is no limit.
func (v *visit) formRate() (hub.Rate, error) {
	text := v.form("rate")
	if text == "" {
		return hub.Rate{}, nil
	}
	rate, err := hub.ParseRate(text)
	if err != nil {
		return rate, hub.Errorf(hub.Invalid, "%v", err)
	}
	return rate, nil
}

// stateWhy is why a target rests: in the words of whoever paused it, or what the hub says when it has disabled it.
func (v *visit) stateWhy(t *hub.Target) string {
	if t.State == hub.Paused {
		return t.StateWhy
	}
	return v.lang.Sentence(t.StateWhy)
}
