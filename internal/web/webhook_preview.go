package web

import (
	"errors"
	"strconv"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// webhookPreview is the call as it would be made, or why it cannot be.
type webhookPreview struct {
	Method, URL string
	Headers     string
	Body        Cut
	Size        string
	HasBody     bool
	NotTaken    string // why this event would not be sent
	Warnings    []string
	Problems    []string
}

const (
	eventsOffered = 5
	eventsLooked  = 100
)

// eventsToTry are the sample and the tenant's newest events of the kinds.
func (v *visit) eventsToTry(types []string, sample string) ([]Option, error) {
	chosen := v.r.FormValue("with")
	list := []Option{{Value: "", Word: v.lang.Text("web_webhook.with_sample", "type", sample), Chosen: chosen == ""}}
	if sample == "" {
		list[0].Word = v.lang.Text("web_webhook.with_nothing")
	}
	shows, err := v.shows()
	if err != nil {
		return nil, err
	}
	events, _, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant()}, store.Page{Limit: eventsLooked})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if len(list) <= eventsOffered && hub.TakesType(types, e.Type) && shows(e.Type) {
			id := e.ID.Text(hub.EventPrefix)
			list = append(list, Option{Value: id, Word: visible(eventNumber(e)) + ", " + v.clock(e.ReceivedAt), Chosen: chosen == id})
		}
	}
	return list, nil
}

// tryWith is what a preview or a test is made of. An event that was pruned meanwhile gives way to the sample.
func (v *visit) tryWith(sub hub.Subscription) (settings.TryInput, error) {
	if id := v.r.FormValue("with"); id != "" {
		if err := v.mayTry(id); err != nil {
			return settings.TryInput{}, err
		}
		return settings.TryInput{Event: id}, nil
	}
	kind, err := v.sampleType(sub)
	if err == nil && kind == "" && v.portal != nil {
		// Without a type, the settings would take the sample of one that is not shown.
		var wrong hub.Problems
		wrong.Add("/subscription/event_types", "%s", v.lang.Text("web_portal.choose_event"))
		err = wrong.Err()
	}
	return settings.TryInput{EventType: kind}, err
}

// webhookPreview never fails: what is wrong with unsaved settings is what it shows.
func (v *visit) webhookPreview(t *hub.Target, e hub.Endpoint, wrong error) *webhookPreview {
	p := &webhookPreview{}
	if e.Request.URL == "" {
		return p
	}
	in, err := v.tryWith(e.Subscription)
	var out settings.PreviewResult
	if err == nil && wrong == nil {
		out, err = v.Settings.Preview(v.ctx(), v.tenant(), refOf(t), &e, in)
	}
	if wrong != nil {
		err = wrong
	}
	if err != nil {
		p.Problems = v.problemsOf(&e, err)
		return p
	}
	p.Method, p.URL, p.HasBody, p.Warnings = out.Method, visible(out.URL), out.Body != nil, v.saidAll(out.Warnings)
	p.Headers = headerText(out.Headers)
	p.Body, p.Size = cut(string(out.Body)), v.lang.Number(strconv.Itoa(len(out.Body)))
	if !out.Matched {
		p.NotTaken = v.lang.Sentence(out.Reason)
	}
	return p
}

// problemsOf names each wrong field as the form does.
func (v *visit) problemsOf(e *hub.Endpoint, err error) (list []string) {
	var refusal *hub.Error
	if !errors.As(err, &refusal) {
		if v.ctx().Err() == nil { // else the browser has gone
			v.Log.Error("webhook not previewed", "err", err)
		}
		return []string{v.lang.Text("web.error.ours")}
	}
	form := v.newForm("", err, v.webhookFields(e, nil, storedPlaces(e))...)
	for _, f := range form.Wrong {
		list = append(list, f.Label+": "+f.Error)
	}
	if form.Detail != "" {
		list = append(list, form.Detail)
	}
	return list
}

func fieldsOf(err error) []hub.FieldError {
	var e *hub.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}

func headerText(headers []hub.Header) string {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(strings.ToLower(h.Name) + ": " + h.Value + "\n")
	}
	return visible(strings.TrimSuffix(b.String(), "\n"))
}
