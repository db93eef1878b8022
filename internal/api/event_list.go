package api

import (
	"encoding/json"
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// eventView is an event as the API shows it.
type eventView struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	VendorType string          `json:"vendor_type,omitempty"`
	Source     string          `json:"source"`
	CallerID   *string         `json:"caller_id"`
	Key        *string         `json:"key"`
	Time       string          `json:"time"`
	ReceivedAt string          `json:"received_at"`
	Channels   []string        `json:"channels"`
	Metadata   json.RawMessage `json:"metadata"`
	ParentID   *string         `json:"parent_id"`
}

func viewEvent(e *hub.Event) eventView {
	v := eventView{
		ID: e.ID.Text(hub.EventPrefix), Type: e.Type, VendorType: e.VendorType, Source: e.Source,
		CallerID: optional(e.CallerID), Key: optional(e.Key), Time: hub.TimeText(e.Time), ReceivedAt: hub.TimeText(e.ReceivedAt),
		Channels: e.Channels, Metadata: e.Metadata,
	}
	if v.Channels == nil {
		v.Channels = []string{}
	}
	if v.Metadata == nil {
		v.Metadata = json.RawMessage("{}")
	}
	if !e.Parent.IsZero() {
		v.ParentID = optional(e.Parent.Text(hub.EventPrefix))
	}
	return v
}

// wholeEvent adds the data byte for byte, which encoding/json would compact.
func wholeEvent(e *hub.Event) ([]byte, error) {
	b, err := marshal(viewEvent(e))
	if err != nil {
		return nil, err
	}
	b = append(b[:len(b)-1], `,"data":`...)
	b = append(b, e.Data...)
	return append(b, '}'), nil
}

func (a *API) listEvents(c *call) (answer, error) {
	q := c.params()
	filter := store.EventFilter{
		Tenant: c.tenant(), Types: q.list("type"), Key: q.text("key"), Source: q.text("source"), Query: q.text("q"),
		Since: q.time("since"), Until: q.time("until"),
	}
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	events, next, err := a.Store.Events(c.r.Context(), filter, page)
	if err != nil {
		return answer{}, err
	}
	views := make([]eventView, len(events))
	for i, e := range events {
		views[i] = viewEvent(e)
	}
	return pageOf(views, next), nil
}

// eventID reads the id in the path.
func (c *call) eventID() (hub.ID, error) { return hub.ParseID(hub.EventPrefix, c.r.PathValue("event")) }

func (a *API) getEvent(c *call) (answer, error) {
	id, err := c.eventID()
	if err != nil {
		return answer{}, err
	}
	e, err := a.Store.Event(c.r.Context(), c.tenant(), id)
	if err != nil {
		return answer{}, err
	}
	raw, err := wholeEvent(e)
	return answer{raw: raw}, err
}

type targetView struct {
	Kind hub.Kind `json:"kind"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
}

func viewTarget(t hub.Target) targetView {
	kind := t.Kind
	if kind == "" {
		kind = hub.KindEndpoint
	}
	return targetView{Kind: kind, ID: t.ID.Text(t.Prefix()), Name: t.Name}
}

type fateView struct {
	Target   targetView `json:"target"`
	Outcome  string     `json:"outcome"`
	Reason   string     `json:"reason"`
	Delivery *string    `json:"delivery"`
}

func (a *API) getFates(c *call) (answer, error) {
	id, err := c.eventID()
	if err != nil {
		return answer{}, err
	}
	fates, err := a.Ingest.Fates(c.r.Context(), c.tenant(), id)
	if err != nil {
		return answer{}, err
	}
	views := make([]fateView, len(fates))
	for i, f := range fates {
		views[i] = fateView{Target: viewTarget(f.Target), Outcome: f.Outcome, Reason: f.Reason}
		if f.Delivery == nil {
			continue
		}
		views[i].Delivery = optional(f.Delivery.Text())
		if f.Outcome == string(hub.Pending) && f.Reason == "" {
			attempts, err := a.Store.Attempts(c.r.Context(), c.tenant(), *f.Delivery)
			if err != nil && hub.CodeOf(err) != hub.NotFound { // finished and cleared away meanwhile
				return answer{}, err
			}
			views[i].Reason = lastError(attempts)
		}
	}
	return answer{body: map[string]any{"data": views}}, nil
}

func (a *API) replayEvent(c *call) (answer, error) {
	id, err := c.eventID()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Target *string `json:"target"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	var target *hub.ID
	if in.Target != nil {
		t, err := a.Settings.AnyTarget(c.r.Context(), c.tenant(), *in.Target)
		if err != nil {
			return answer{}, err
		}
		target = &t.ID
	}
	n, err := a.Ingest.Replay(c.r.Context(), c.tenant(), id, target)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusAccepted, body: map[string]any{"event": id.Text(hub.EventPrefix), "deliveries": n}}, nil
}
