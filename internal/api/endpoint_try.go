package api

import (
	"encoding/json"
	"errors"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// tryInput is the event to try with; null members are absent ones.
type tryInput struct {
	EventType *string         `json:"event_type"`
	Event     *string         `json:"event"`
	Data      json.RawMessage `json:"data"`
	Key       *string         `json:"key"`
}

func (in tryInput) input() settings.TryInput {
	out := settings.TryInput{Data: in.Data, Key: in.Key}
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
	e, of, in, err := a.unsavedEndpoint(c)
	if err != nil {
		return answer{}, err
	}
	p, err := a.Settings.Preview(c.r.Context(), c.tenant(), of, &e, in)
	if err != nil {
		return answer{}, below("/endpoint", err)
	}
	return viewPreview(p), nil
}

func (a *API) testUnsavedEndpoint(c *call) (answer, error) {
	e, of, in, err := a.unsavedEndpoint(c)
	if err != nil {
		return answer{}, err
	}
	attempt, err := a.Settings.TestUnsaved(c.r.Context(), c.tenant(), of, e, in, c.by())
	if err != nil {
		return answer{}, below("/endpoint", err)
	}
	return answer{body: viewAttempt(nil, attempt)}, nil
}

// unsavedEndpoint reads settings that are not saved, and whose stored secrets their "***" stand for.
func (a *API) unsavedEndpoint(c *call) (e hub.Endpoint, of string, in settings.TryInput, err error) {
	var given struct {
		tryInput
		Of *string `json:"of"`
	}
	if err := c.decode(&given); err != nil {
		return e, "", in, err
	}
	if given.Of != nil {
		of = *given.Of
	}
	raw, err := json.Marshal(c.value.(map[string]any)["endpoint"])
	if err != nil {
		return e, "", in, err
	}
	e = hub.DefaultEndpoint()
	if raw, err = a.Settings.UnderPreset(raw, nil); err == nil {
		err = decode(raw, &e)
	}
	return e, of, given.input(), below("/endpoint", err)
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
