package web

import (
	"context"
	"strconv"

	"hacek/internal/hub"
)

// cameIn adds how an event came to be: by a request, a call of the API, a step of a pipeline, or a person.
func (h *history) cameIn(e *hub.Event) error {
	kind := h.titles.of(e)
	m := moment{At: e.ReceivedAt, Node: "ok", Icon: "in", Small: kind, Lane: h.lang.Text("web_history.lane_in"), Path: "/events/" + e.ID.Text(hub.EventPrefix)}
	switch {
	case e.OnlyTarget != 0:
		m.Icon, m.Lane, m.Title = "edit", h.lang.Text("web_history.lane_again"), h.lang.Text("web_history.sent_changed")
	case e.Source == "pipeline":
		m.Icon, m.Node, m.Lane, m.Title = "branch", "", h.lang.Text("web_history.lane_published"), h.lang.Text("web_history.published", "event", kind)
		if m.Small = e.Type; kind == e.Type {
			m.Small = ""
		}
	case e.Source == "api":
		m.Title = h.lang.Text("web_history.received_api")
	default:
		m.Title = h.lang.Text("web_history.received", "source", e.Source)
	}
	if !h.today(e) {
		m.Lane += ", " + h.lang.Date(e.ReceivedAt, h.zone)
	}
	facts := []setting{{h.lang.Text("web_history.event_type"), e.Type}, {h.lang.Text("web_history.event_id"), e.ID.Text(hub.EventPrefix)}}
	m.Evidence = &Evidence{Summary: h.lang.Text("web_history.arrived"), Facts: facts, Parts: []Part{{Title: h.lang.Text("web_history.data"), Body: code(string(e.Data))}}}
	source, no, err := h.source(e.Source)
	if err != nil {
		return err
	}
	if source == nil {
		h.moment(m)
		return nil
	}
	request, found, err := h.Store.RequestOf(h.ctx(), no, e)
	if err != nil {
		return err
	}
	if !found {
		h.moment(m)
		h.verified(e, source, m)
		return nil
	}
	m.At = request.At
	m.Took = h.lang.Text("web.result.answered", "status", strconv.Itoa(request.Status))
	m.Text = h.lang.Text("web_history.kept_first")
	m.Evidence.Facts = append([]setting{
		{h.lang.Text("web_history.peer"), request.Peer},
		{h.lang.Text("web_history.called"), request.Method + " /in/" + source.Path},
	}, facts...)
	h.moment(m)
	h.verified(e, source, m)
	return nil
}

func (h *history) today(e *hub.Event) bool {
	return h.lang.Date(e.ReceivedAt, h.zone) == h.lang.Date(h.visit.moment, h.zone)
}

// verified is how a request proved whom it came from.
func (h *history) verified(e *hub.Event, source *hub.Source, in moment) {
	m := moment{At: e.ReceivedAt, Node: "ok", Icon: "shield", Title: h.lang.Text("web_history.verified")}
	switch {
	case e.Unverified:
		m.Node, m.Title, m.Text = "hold", h.lang.Text("web_history.released"), h.lang.Text("web_history.released_text")
	case source.Verify.Scheme == hub.SchemeNone:
		m.Node, m.Title, m.Text = "", h.lang.Text("web_history.unsigned"), h.lang.Text("web_history.unsigned_text")
	default:
		m.Text = h.lang.Text("web_history.verified_text", "source", source.Name)
	}
	if m.At.Before(in.At) {
		m.At = in.At
	}
	h.moment(m)
}

// source finds the settings of a source by the name that its events bear; nil when there is none of that name.
func (h *history) source(name string) (*hub.Source, int64, error) {
	if s, looked := h.sources[name]; looked {
		return s, h.numbers[name], nil
	}
	h.sources[name] = nil
	if name == "api" || name == "pipeline" {
		return nil, 0, nil
	}
	s, err := h.Settings.Source(h.ctx(), h.tenant(), name)
	if hub.CodeOf(err) == hub.NotFound {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	h.sources[name], h.numbers[name] = &s.Source, s.No
	return &s.Source, s.No, nil
}

// sourceWord is where an event came from, in the reader's words.
func (v *visit) sourceWord(source string) string {
	switch source {
	case "api":
		return v.lang.Text("web_history.source_api")
	case "pipeline":
		return v.lang.Text("web_history.source_pipeline")
	}
	return source
}

// titles are what the reader's language calls event types; each is looked up once for a page.
type titles struct {
	*visit
	words map[string]string
}

// of is the title of an event's type, or the type itself.
func (t *titles) of(e *hub.Event) string { return t.word(t.ctx(), e.Type) }

func (t *titles) word(ctx context.Context, name string) string {
	if word, looked := t.words[name]; looked {
		return word
	}
	word := name
	if found, err := t.Store.EventType(ctx, name); err == nil {
		for _, lang := range []string{string(t.lang), "en"} {
			if title := found.Title[lang]; title != "" && word == name {
				word = title
			}
		}
	}
	t.words[name] = word
	return word
}
