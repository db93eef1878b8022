package web

import (
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// startView is what start.html shows: what somebody may begin with.
type startView struct {
	Name    string
	Choices []startChoice
}

type startChoice struct{ Icon, Title, Text, Path string }

func (v *visit) startPage() error {
	page := startView{Name: v.who.Name, Choices: []startChoice{
		{"in", v.lang.Text("web_login.start_receive"), v.lang.Text("web_login.start_receive_text"), "/start/receive"},
		{"hook", v.lang.Text("web_login.start_send"), v.lang.Text("web_login.start_send_text"), "/start/send"},
		{"pipeline", v.lang.Text("web_login.start_both"), v.lang.Text("web_login.start_both_text"), "/start/both"},
		{"today", v.lang.Text("web_login.start_look"), v.lang.Text("web_start.look_text"), "/start/look"},
	}}
	return v.show("start", v.lang.Text("web_login.start_title"), page)
}

// startWayView is what start_way.html shows: the steps of one way, and how far one has come.
type startWayView struct {
	Title, Path string
	Steps       []startStep
	Done        bool
	Came        string // what to say then
	Receives    bool   // and what came may go on from here
	Remove      string // where what was made for looking is removed; "" when there is none
	Refused     *Form
}

// startStep is done when the hub has seen it done; what to press is shown at the first that is not.
type startStep struct {
	Title, Text  string
	Done, Now    bool
	Path, Word   string // a link: to do it, or to see what was done
	Action, Send string // a button that does it here
}

func (v *visit) startWayPage() error {
	page, err := v.startWay(v.r.PathValue("way"))
	if err != nil {
		return err
	}
	return v.show("start_way", page.Title, page)
}

// progress is what the hub has seen so far.
type progress struct {
	source    *settings.Source // the newest
	endpoint  *hub.Target
	came      *hub.Event         // of that source
	accepted  *hub.Event         // of any origin, since there is that webhook
	delivered *store.DeliveryRow // to that webhook
}

func (v *visit) progress() (p progress, err error) {
	sources, _, err := v.Settings.Sources(v.ctx(), v.tenant(), store.Page{Limit: 1})
	if err != nil {
		return p, err
	}
	if len(sources) > 0 {
		p.source = &sources[0]
		events, _, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant(), Source: p.source.Name}, store.Page{Limit: 1})
		if err != nil {
			return p, err
		}
		if len(events) > 0 {
			p.came = events[0]
		}
	}
	endpoints, _, err := v.Settings.Endpoints(v.ctx(), v.tenant(), store.Page{Limit: 1})
	if err != nil {
		return p, err
	}
	if len(endpoints) == 0 {
		return p, nil
	}
	p.endpoint = &endpoints[0]
	events, _, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant()}, store.Page{Limit: 1})
	if err != nil {
		return p, err
	}
	if len(events) > 0 && !events[0].ReceivedAt.Before(p.endpoint.CreatedAt) {
		p.accepted = events[0]
	}
	done, _, err := v.Store.Deliveries(v.ctx(), store.DeliveryFilter{Tenant: v.tenant(), Targets: []int64{p.endpoint.No}, States: []hub.DeliveryState{hub.Delivered}}, store.Page{Limit: 1})
	if err == nil && len(done) > 0 {
		p.delivered = &done[0]
	}
	return p, err
}

func (v *visit) startWay(way string) (startWayView, error) {
	p, err := v.progress()
	if err != nil {
		return startWayView{}, err
	}
	page := startWayView{Path: "/start/" + way, Came: v.lang.Text("web_start.done")}
	switch way {
	case "receive":
		page.Title = v.lang.Text("web_login.start_receive")
		page.Steps, page.Receives = []startStep{v.stepSource(p), v.stepCame(p)}, v.may(hub.Editor)
	case "send":
		page.Title = v.lang.Text("web_login.start_send")
		page.Steps = []startStep{v.stepEndpoint(p), v.stepAccepted(p), v.stepDelivered(p)}
	case "both":
		page.Title = v.lang.Text("web_login.start_both")
		page.Steps = []startStep{v.stepSource(p), v.stepEndpoint(p), v.stepCame(p), v.stepDelivered(p)}
	case "look":
		page.Title, page.Came = v.lang.Text("web_login.start_look"), v.lang.Text("web_start.sample_done")
		if page.Steps, page.Remove, err = v.lookSteps(); err != nil {
			return page, err
		}
	default:
		return page, hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	page.Done = true
	for i := range page.Steps {
		step := &page.Steps[i]
		if step.Now = page.Done && !step.Done; step.Now {
			page.Done = false
		}
		if !step.Done && !v.may(hub.Editor) {
			step.Action = ""
		}
	}
	return page, nil
}

func (v *visit) stepSource(p progress) startStep {
	s := startStep{Title: v.lang.Text("web_start.source"), Text: v.lang.Text("web_start.source_text"), Path: "/sources/new", Word: v.lang.Text("web_start.source_go")}
	if p.source != nil {
		s.Done, s.Path, s.Word = true, sourcePath(p.source), visible(p.source.Name)
	}
	return s
}

func (v *visit) stepCame(p progress) startStep {
	s := startStep{Title: v.lang.Text("web_start.came"), Text: v.lang.Text("web_start.came_text")}
	switch {
	case p.came != nil:
		s.Done, s.Path, s.Word = true, eventPath(p.came), v.lang.Text("web_start.see_event")
	case p.source != nil:
		s.Path, s.Word = sourcePath(p.source)+"/connect", v.lang.Text("web_start.came_go")
	}
	return s
}

func eventPath(e *hub.Event) string { return "/events/" + e.ID.Text(hub.EventPrefix) }

func (v *visit) stepEndpoint(p progress) startStep {
	s := startStep{Title: v.lang.Text("web_start.endpoint"), Text: v.lang.Text("web_start.endpoint_text"), Path: "/webhooks/new", Word: v.lang.Text("web_start.endpoint_go")}
	if p.endpoint != nil {
		s.Done, s.Path, s.Word = true, targetPath(p.endpoint), visible(p.endpoint.Name)
	}
	return s
}

func (v *visit) stepAccepted(p progress) startStep {
	s := startStep{Title: v.lang.Text("web_start.accepted"), Text: v.lang.Text("web_start.accepted_text"), Action: "/start/event", Send: v.lang.Text("web_start.accepted_go")}
	if p.accepted != nil {
		s.Done, s.Action, s.Path, s.Word = true, "", eventPath(p.accepted), v.lang.Text("web_start.see_event")
	}
	return s
}

func (v *visit) stepDelivered(p progress) startStep {
	s := startStep{Title: v.lang.Text("web_start.delivered"), Text: v.lang.Text("web_start.delivered_text")}
	switch {
	case p.delivered != nil:
		s.Done, s.Path, s.Word = true, "/deliveries/"+p.delivered.ID().Text(), v.lang.Text("web_start.see_delivery")
	case p.accepted != nil:
		s.Path, s.Word = eventPath(p.accepted), v.lang.Text("web_start.see_event")
	}
	return s
}

// startEvent publishes a sample of what the newest webhook waits for, through the same door as any other event.
func (v *visit) startEvent() error {
	p, err := v.progress()
	if err != nil {
		return err
	}
	in := ingest.Input{Type: "order.created", Data: []byte(`{"number":"2018000057","sample":true}`)}
	if p.endpoint != nil {
		types := p.endpoint.Endpoint.Subscription.EventTypes
		if at := slices.IndexFunc(types, func(one string) bool { return !strings.HasPrefix(one, "hacek.") }); at >= 0 {
			in.Type = strings.Replace(types[at], "*", "sample", 1)
		}
	}
	known, err := v.Settings.EventType(v.ctx(), in.Type)
	switch {
	case err == nil && known.Sample != nil:
		in.Data = known.Sample
	case err != nil && hub.CodeOf(err) != hub.NotFound:
		return err
	default:
		number := "2018000057"
		in.Key = &number
	}
	if out := v.Ingest.Publish(v.ctx(), v.tenant(), in); out[0].Err != nil {
		return out[0].Err
	}
	return v.goTo("/start/send", "")
}
