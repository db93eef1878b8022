package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// tryInput is the event to try with; null members are absent ones.
type tryInput struct {
	EventType *string         `json:"event_type"`
	Event     *string         `json:"event"`
	Data      json.RawMessage `json:"data"`
}

func (in tryInput) input() settings.TryInput {
	out := settings.TryInput{Data: in.Data}
	if in.EventType != nil {
		out.EventType = *in.EventType
	}
	if in.Event != nil {
		out.Event = *in.Event
	}
	return out
}

func (a *API) testEndpoint(c *call) (answer, error) {
	var in tryInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	attempt, err := a.Settings.Test(c.r.Context(), c.tenant(), c.ref(), in.input(), c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewAttempt(nil, attempt)}, nil
}

type previewView struct {
	Method   string              `json:"method"`
	URL      string              `json:"url"`
	Headers  map[string][]string `json:"headers"`
	Body     *string             `json:"body"`
	Matched  bool                `json:"matched"`
	Reason   string              `json:"reason"`
	Warnings []string            `json:"warnings"`
}

func viewPreview(p settings.PreviewResult) answer {
	v := previewView{Method: p.Method, URL: p.URL, Headers: sentHeaders(p.Headers), Matched: p.Matched, Reason: p.Reason, Warnings: listed(p.Warnings)}
	if p.Body != nil {
		body := string(p.Body)
		v.Body = &body
	}
	return answer{body: v}
}

func (a *API) previewEndpoint(c *call) (answer, error) {
	var in tryInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	p, err := a.Settings.Preview(c.r.Context(), c.tenant(), c.ref(), nil, in.input())
	if err != nil {
		return answer{}, err
	}
	return viewPreview(p), nil
}

func (a *API) previewUnsavedEndpoint(c *call) (answer, error) {
	var in tryInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	raw, err := json.Marshal(c.value.(map[string]any)["endpoint"])
	if err != nil {
		return answer{}, err
	}
	e := hub.DefaultEndpoint()
	if err := decode(raw, &e); err != nil {
		return answer{}, below("/endpoint", err)
	}
	p, err := a.Settings.Preview(c.r.Context(), c.tenant(), "", &e, in.input())
	if err != nil {
		return answer{}, below("/endpoint", err)
	}
	return viewPreview(p), nil
}

// replayInput is the span of a replay.
type replayInput struct {
	Since      time.Time  `json:"since"`
	Until      *time.Time `json:"until"`
	Outcomes   []string   `json:"outcomes"`
	EventTypes []string   `json:"event_types"`
	Rate       hub.Rate   `json:"rate"`
	To         *string    `json:"to"`
	DryRun     bool       `json:"dry_run"`
}

func (a *API) replayEndpoint(c *call) (answer, error) {
	var in replayInput
	if err := c.decodeAt("/rate", &in); err != nil {
		return answer{}, err
	}
	t, err := a.Settings.Endpoint(c.r.Context(), c.tenant(), c.ref())
	if err != nil {
		return answer{}, err
	}
	filter := ingest.ReplayFilter{
		Target: t.ID, Since: in.Since, Outcomes: in.Outcomes, EventTypes: in.EventTypes, Rate: in.Rate, DryRun: in.DryRun,
	}
	if in.Until != nil {
		filter.Until = *in.Until
	}
	if in.To != nil {
		to, err := a.Settings.Endpoint(c.r.Context(), c.tenant(), *in.To)
		if err != nil {
			return answer{}, err
		}
		filter.To = to.ID
	}
	r, err := a.Ingest.StartReplay(c.r.Context(), c.tenant(), filter, c.principal.Name)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusAccepted, body: viewReplay(r)}, nil
}

type replayView struct {
	ID        *string `json:"id"`
	State     string  `json:"state"`
	Total     int64   `json:"total"`
	Done      int64   `json:"done"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
}

func viewReplay(r store.Replay) replayView {
	v := replayView{State: r.State, Total: r.Total, Done: r.Done, CreatedAt: hub.TimeText(r.CreatedAt), UpdatedAt: hub.TimeText(r.UpdatedAt)}
	if r.State != ingest.ReplayCounted {
		v.ID = optional(r.ID.Text(hub.ReplayPrefix))
	}
	return v
}

func (a *API) getReplay(c *call) (answer, error) {
	id, err := hub.ParseID(hub.ReplayPrefix, c.r.PathValue("replay"))
	if err != nil {
		return answer{}, err
	}
	r, err := a.Store.Replay(c.r.Context(), c.tenant(), id)
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewReplay(r)}, nil
}

type checkView struct {
	Matched int           `json:"matched"`
	Of      int           `json:"of"`
	Failed  int           `json:"failed"`
	Samples []checkSample `json:"samples"`
}

type checkSample struct {
	Event   string  `json:"event"`
	Key     *string `json:"key"`
	Matched bool    `json:"matched"`
	Reason  string  `json:"reason"`
}

func (a *API) checkCondition(c *call) (answer, error) {
	var in struct {
		Condition string `json:"condition"`
		EventType string `json:"event_type"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	found, err := a.Ingest.CheckCondition(c.r.Context(), c.tenant(), in.Condition, in.EventType)
	if err != nil {
		return answer{}, err
	}
	v := checkView{Matched: found.Matched, Of: found.Of, Failed: found.Failed, Samples: []checkSample{}}
	for _, s := range found.Samples {
		v.Samples = append(v.Samples, checkSample{Event: s.Event.Text(hub.EventPrefix), Key: optional(s.Key), Matched: s.Matched, Reason: s.Reason})
	}
	return answer{body: v}, nil
}

// below moves the pointers of an error to where the object stood in the request.
func below(pointer string, err error) error {
	var e *hub.Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Fields = make([]hub.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		moved.Fields[i] = hub.FieldError{Pointer: pointer + f.Pointer, Detail: f.Detail}
	}
	return &moved
}
