package web

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// webhookView is what webhook.html shows: one outgoing webhook, as it is and as it goes.
type webhookView struct {
	targetSide
	ID, Name, Method, URL string
	Settings              []setting
	Version               int64
	MaySecret             bool
}

type setting struct{ Name, Value string }

// given are those that are set.
func given(settings ...setting) []setting {
	return slices.DeleteFunc(settings, func(s setting) bool { return s.Value == "" })
}

type deliveryLine struct {
	Number, Path, Type, Reason string
	At                         time.Time
	Badge                      Badge
	Took                       string
}

// pace is one speed at which what was held may go out, and when that would be done.
type pace struct {
	Value, Word string
	Chosen      bool
}

const lastDeliveries = 10

func (v *visit) webhookPage() error {
	page, err := v.webhook(nil)
	if err != nil {
		return err
	}
	return v.show("webhook", page.Name, page)
}

// webhook builds the page; refusal is what a form on it was answered.
func (v *visit) webhook(refusal error) (webhookView, error) {
	t, err := v.Settings.Endpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"))
	if err != nil {
		return webhookView{}, err
	}
	off := "web_webhook.is_off"
	if !v.may(hub.Editor) {
		off = "web_webhook.is_off_seen" // without the switch
	}
	side, err := v.targetSide(&t, refusal, off)
	e := &t.Endpoint
	return webhookView{
		targetSide: side, ID: t.ID.Text(hub.EndpointPrefix), Name: t.Name, Method: methodOf(e), URL: e.Request.URL,
		Version: t.Version, MaySecret: v.maySecret(), Settings: v.settingsOf(e),
	}, err
}

func methodOf(e *hub.Endpoint) string {
	if e.Request.Method != "" {
		return e.Request.Method
	}
	if e.Request.Payload == hub.PayloadNone {
		return "GET"
	}
	return "POST"
}

func (v *visit) settingsOf(e *hub.Endpoint) []setting {
	condition := e.Subscription.Condition
	if condition == "" {
		condition = v.lang.Text("web_webhook.none")
	}
	rate := v.lang.Text("web_webhook.no_limit")
	if !e.Limits.Rate.IsZero() {
		rate = e.Limits.Rate.String()
	}
	var retries []string
	for _, d := range e.Retry.Intervals {
		retries = append(retries, v.lang.Duration(d.D()))
	}
	facts := []setting{
		{v.lang.Text("web_webhooks.events"), cmp.Or(words(v.eventWords(e.Subscription.EventTypes)), v.lang.Text("web_webhooks.all_events"))},
		{v.lang.Text("web_webhook.condition"), condition},
		{v.lang.Text("web_webhook.signature"), cmp.Or(v.signatureWords(e.Signature.Schemes), v.lang.Text("web_webhook.none"))},
		{v.lang.Text("web_webhook.auth"), v.lang.Text("web_webhook.auth." + cmp.Or(e.Auth.Type, hub.AuthNone))},
		{v.lang.Text("web_webhook.retries"), words(retries)},
		{v.lang.Text("web_webhook.success"), words(e.Success.Status)},
		{v.lang.Text("web_webhook.rate"), rate},
		{v.lang.Text("web_webhook.order"), v.lang.Text("web_webhook.order." + string(e.Order.By))},
	}
	own := []setting{
		{v.lang.Text("web_history.channels"), words(e.Subscription.Channels)}, {v.lang.Text("web_webhook.description"), e.Description},
		{v.lang.Text("web_pipeline.sources"), words(e.Subscription.Sources)}, {v.lang.Text("web_settings.uid"), deref(e.UID)},
		{v.lang.Text("web_webhook.labels"), linesOf(e.Labels, "=")},
	}
	if v.portal != nil {
		own = own[:2]
	}
	return append(facts, given(own...)...)
}

// signatureWord is what the form and the page call a way to sign.
func (v *visit) signatureWord(scheme string) string {
	switch scheme {
	case hub.SchemeStandard:
		return "Standard Webhooks (HMAC-SHA256)"
	case hub.SchemeEd25519:
		return "Standard Webhooks (Ed25519)"
	}
	return v.lang.Text("web_webhook.scheme_hmac")
}

func (v *visit) signatureWords(schemes []string) string {
	var all []string
	for _, scheme := range schemes {
		all = append(all, v.signatureWord(scheme))
	}
	return words(all)
}

func (v *visit) deliveryLines(t hub.Target) ([]deliveryLine, error) {
	rows, _, err := v.Store.Deliveries(v.ctx(), store.DeliveryFilter{Tenant: v.tenant(), Targets: []int64{t.No}}, store.Page{Limit: lastDeliveries})
	if err != nil {
		return nil, err
	}
	var lines []deliveryLine
	for i := range rows {
		d := &rows[i]
		line := deliveryLine{
			Number: d.EventKey, Path: "/deliveries/" + d.ID().Text(), Type: d.Type, Reason: v.deliveryReason(d, &t), At: d.ReceivedAt,
			Badge: v.deliveryBadge(d, t.State),
		}
		if line.Number == "" {
			line.Number = d.Event.Text(hub.EventPrefix)
		}
		if d.Took > 0 {
			line.Took = v.lang.Duration(max(d.Took, time.Millisecond))
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// paces are the speeds to choose from, each with the time it takes.
func (v *visit) paces(waiting int64) []pace {
	all := []pace{{"", v.lang.Text("web_webhook.pace_free"), true}}
	for _, text := range []string{"1/s", "5/s", "20/s"} {
		rate, err := hub.ParseRate(text)
		if err != nil {
			continue // they are written here
		}
		takes := time.Duration(waiting) * rate.Every()
		all = append(all, pace{text, v.lang.Text("web_webhook.pace", "count", strconv.Itoa(rate.Count), "duration", v.lang.Duration(max(takes, time.Second)), "time", v.clock(v.moment.Add(takes))), false})
	}
	return all
}

func (v *visit) pauseWebhook() error {
	t, err := v.Settings.Pause(v.ctx(), v.tenant(), v.r.PathValue("endpoint"), v.by(), v.form("why"))
	if err != nil {
		page, broken := v.webhook(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "webhook", page.Name, page)
	}
	return v.goTo(targetPath(&t), "web_webhook.paused", "name", t.Name)
}

func (v *visit) resumeWebhook() error {
	rate, err := v.formRate()
	if err != nil {
		return err
	}
	t, err := v.Settings.Resume(v.ctx(), v.tenant(), v.r.PathValue("endpoint"), rate, v.by())
	if err != nil {
		return err
	}
	return v.goTo(targetPath(&t), "web_webhook.resumed", "name", t.Name)
}
