package api

import (
	"encoding/json"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

type sourcePreviewView struct {
	Requests int                  `json:"requests"`
	Events   int                  `json:"events"`
	Repeats  int                  `json:"repeats"`
	Ignored  int                  `json:"ignored"`
	Each     []previewRequestView `json:"each"`
}

type previewRequestView struct {
	Request string             `json:"request"`
	At      string             `json:"at"`
	Events  []previewEventView `json:"events"`
	Reason  string             `json:"reason"`
}

type previewEventView struct {
	Type       string  `json:"type"`
	VendorType *string `json:"vendor_type"`
	Key        *string `json:"key"`
	Time       *string `json:"time"`
	RepeatOf   *string `json:"repeat_of"`
}

func viewSourcePreview(p hub.SourcePreview) answer {
	v := sourcePreviewView{p.Requests, p.Events, p.Repeats, p.Ignored, make([]previewRequestView, len(p.Each))}
	for i, r := range p.Each {
		one := previewRequestView{r.ID.Text(hub.RequestPrefix), hub.TimeText(r.At), make([]previewEventView, len(r.Events)), r.Reason}
		for j, e := range r.Events {
			one.Events[j] = previewEventView{Type: e.Type, VendorType: optional(e.VendorType), Key: optional(e.Key), Time: optionalTime(e.Time)}
			if !e.RepeatOf.IsZero() {
				one.Events[j].RepeatOf = optional(e.RepeatOf.Text(hub.RequestPrefix))
			}
		}
		v.Each[i] = one
	}
	return answer{body: v}
}

// previewSource tries a source's settings, or what a patch would make of them, on what came in.
func (a *API) previewSource(c *call) (answer, error) {
	return a.preview(c, c.sourceRef(), func(of settings.Source, raw json.RawMessage) (settings.Source, error) {
		if raw == nil {
			return of, nil
		}
		return a.Settings.DraftSource(c.r.Context(), c.tenant(), c.sourceRef(), raw)
	})
}

// previewUnsavedSource tries settings that are not saved on what came in at another source.
func (a *API) previewUnsavedSource(c *call) (answer, error) {
	of, _ := c.value.(map[string]any)["of"].(string)
	return a.preview(c, of, func(of settings.Source, raw json.RawMessage) (settings.Source, error) {
		s, err := a.Settings.DraftNewSource(c.r.Context(), c.tenant(), raw)
		s.Object = of.Object // whose requests are tried
		return s, err
	})
}

func (a *API) preview(c *call, ref string, draft func(of settings.Source, raw json.RawMessage) (settings.Source, error)) (answer, error) {
	if a.PreviewSource == nil {
		return answer{}, unavailable("preview")
	}
	in := struct {
		Last   *int            `json:"last"`
		Source json.RawMessage `json:"source"`
	}{}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	of, err := a.Settings.Source(c.r.Context(), c.tenant(), ref)
	if err != nil {
		return answer{}, err
	}
	var raw json.RawMessage
	if len(in.Source) > 0 && string(in.Source) != "null" {
		// As the schema left it: without what is only read.
		if raw, err = json.Marshal(c.value.(map[string]any)["source"]); err != nil {
			return answer{}, err
		}
	}
	s, err := draft(of, raw)
	if err != nil {
		return answer{}, below("/source", err)
	}
	last := 0 // as many as the receiver thinks fit
	if in.Last != nil {
		last = *in.Last
	}
	p, err := a.PreviewSource(c.r.Context(), c.tenant(), s, last)
	if err != nil {
		return answer{}, err
	}
	return viewSourcePreview(p), nil
}

func unavailable(what string) error {
	return hub.Errorf(hub.Unavailable, "the receiver does not run, so there is no %s", what)
}

func (a *API) triggerSource(c *call) (answer, error) {
	if a.Trigger == nil {
		return answer{}, unavailable("trigger")
	}
	var in struct {
		EventType string `json:"event_type"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	s, err := a.source(c)
	if err != nil {
		return answer{}, err
	}
	r, err := a.Trigger(c.r.Context(), s, in.EventType)
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewWholeRequest(s, r)}, nil
}
