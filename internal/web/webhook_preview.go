package web

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	chosen := v.form("with")
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
		if len(list) <= eventsOffered && takesType(types, e.Type) && shows(e.Type) {
			id := e.ID.Text(hub.EventPrefix)
			list = append(list, Option{Value: id, Word: visible(eventNumber(e)) + ", " + v.clock(e.ReceivedAt), Chosen: chosen == id})
		}
	}
	return list, nil
}

// tryWith is what a preview or a test is made of. An event that was pruned meanwhile gives way to the sample.
func (v *visit) tryWith(sub hub.Subscription) (settings.TryInput, error) {
	if id := v.form("with"); id != "" {
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
		v.Log.Error("webhook not previewed", "err", err)
		return []string{v.lang.Text("web.error.ours")}
	}
	form := v.newForm("", err, v.webhookFields(e, nil)...)
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

// webhookTest is what a test came to: the answer, where the time went, who answered.
type webhookTest struct {
	Badge                      Badge
	At                         time.Time
	Text, Error, Hint          string
	Phases                     []testPhase
	Water                      string // the phases as a sentence
	Facts                      []setting
	Answer                     Cut
	HasAnswer                  bool
	AnswerHeaders, SentHeaders string
	Sent                       Cut
	SentLine                   string
}

// testPhase is one part of the time; X and Width are in a field of 100.
type testPhase struct{ Class, Word, X, Width string }

func (v *visit) testWebhook(t *hub.Target) (*webhookTest, error) {
	in, err := v.tryWith(t.Endpoint.Subscription)
	if err != nil {
		return nil, err
	}
	a, err := v.Settings.Test(v.ctx(), v.tenant(), t.ID.Text(hub.EndpointPrefix), in, v.by())
	if err != nil {
		return nil, err
	}
	text := func(key string, values ...any) string { return v.lang.Text("web_webhook."+key, values...) }
	test := &webhookTest{At: v.Now(), Error: v.lang.Sentence(a.Error), Hint: v.lang.Sentence(a.Hint), Badge: Badge{"ok", "ok", text("worked")}}
	rule := words(t.Endpoint.Success.Status)
	if t.Endpoint.Success.Condition != "" {
		rule += "; " + t.Endpoint.Success.Condition
	}
	took := v.lang.Duration(max(a.Took, time.Millisecond))
	test.Text = text("test_good", "result", v.result(a.Result, a.Status), "duration", took, "rule", rule)
	if a.Result != hub.Succeeded {
		test.Badge = Badge{"fail", "fail", text("not_worked")}
		test.Text = text("test_none", "result", v.result(a.Result, a.Status), "duration", took)
		if a.Status > 0 {
			test.Text = text("test_bad", "result", v.result(a.Result, a.Status), "duration", took, "rule", rule)
		}
	}
	test.Phases, test.Water = v.phases(&a)
	if p := a.Peer; p.Address != "" {
		test.Facts = append(test.Facts, setting{text("peer"), p.Address})
		connection := text("unencrypted")
		if p.TLSVersion != "" {
			connection = p.TLSVersion
		}
		test.Facts = append(test.Facts, setting{text("connection"), connection})
		if p.Issuer != "" {
			test.Facts = append(test.Facts, setting{text("certificate"), text("certificate_until", "issuer", p.Issuer, "date", v.lang.Date(p.Expires, v.zone))})
		}
	}
	test.SentLine, test.SentHeaders, test.Sent = a.Request.Method+" "+visible(a.Request.URL), headerText(a.Request.Headers), cut(string(a.Request.Body))
	test.HasAnswer = a.Response.Status > 0
	test.Answer = cut(string(a.Response.Body))
	var lines []string
	for _, name := range sortedKeys(a.Response.Headers) {
		lines = append(lines, strings.ToLower(name)+": "+strings.Join(a.Response.Headers[name], ", "))
	}
	test.AnswerHeaders = visible(strings.Join(lines, "\n"))
	return test, nil
}

// phases cuts an attempt's time into name, connection, encryption, their work and the rest of the answer.
func (v *visit) phases(a *hub.Attempt) (list []testPhase, sentence string) {
	total := max(a.Timing.Total, a.Took)
	if total <= 0 {
		return nil, ""
	}
	before := a.Timing.DNS + a.Timing.Connect + a.Timing.TLS
	var words []string
	at := 0.0
	for _, part := range []struct {
		class, key string
		took       time.Duration
	}{
		{"w1", "dns", a.Timing.DNS}, {"w2", "connect", a.Timing.Connect}, {"w3", "tls", a.Timing.TLS}, {"w4", "theirs", max(0, a.Timing.FirstByte-before)},
	} {
		if part.took <= 0 {
			continue
		}
		width := min(float64(part.took)/float64(total)*100, 100-at)
		word := v.lang.Text("web_webhook.phase."+part.key, "duration", v.lang.Duration(max(part.took, time.Millisecond)))
		list = append(list, testPhase{part.class, word, fmt.Sprintf("%.1f", at), fmt.Sprintf("%.1f", width)})
		words = append(words, word)
		at += width
	}
	return list, strings.Join(words, ", ")
}
