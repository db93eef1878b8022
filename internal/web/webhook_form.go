package web

import (
	"slices"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// webhookFormView is what webhook_form.html shows: all settings of one webhook, the call they make, and its test.
type webhookFormView struct {
	ID, Name string // "" while it is new
	Title    string
	Badge    Badge
	callForm
	Simple, Active, Judged bool
	Groups                 []webhookGroup
	Rules                  conditionRules
	Hundred                *hundred
	Schemes                []webhookTick
	SampleType             string
	With                   []Option
	Preview                *webhookPreview
	Test                   *webhookTest
	Week                   *week
	AskMove                bool // what waits would go to another address
	Signatures             []signaturePart
}

// signaturePart is one HMAC of the form.
type signaturePart struct {
	N         int
	Place     string // what its fields are named after
	Fields    []*Field
	MayRemove bool
}

func (v *visit) newWebhookPage() error {
	return v.showWebhookForm(nil, hub.DefaultEndpoint(), nil, nil)
}

func (v *visit) editWebhookPage() error {
	t, err := v.Settings.Endpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	var test *webhookTest
	if v.r.URL.Query().Has("tested") {
		test = v.keptTest(&t)
	}
	return v.showWebhookForm(&t, t.Endpoint, test, nil)
}

// showWebhookForm shows the form with what is stored or was typed; wrong is what could not be read of that.
func (v *visit) showWebhookForm(t *hub.Target, e hub.Endpoint, test *webhookTest, wrong error) error {
	page, err := v.webhookForm(t, e, nil)
	if err != nil {
		return err
	}
	page.Preview, page.Test = v.webhookPreview(t, e, wrong), test
	return v.show("webhook_form", page.Title, page)
}

// saveNewWebhook and saveWebhook work what was pressed: save, save and test, test without saving, or only look.
func (v *visit) saveNewWebhook() error { return v.workWebhook(nil) }

func (v *visit) saveWebhook() error {
	t, err := v.Settings.Endpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	return v.workWebhook(&t)
}

func (v *visit) workWebhook(t *hub.Target) error {
	stored := hub.DefaultEndpoint()
	if t != nil {
		stored = t.Endpoint
	}
	e, wrong := v.typedEndpoint(stored)
	do := v.form("do")
	if do == "try" {
		return v.tryWebhook(t, e, wrong)
	}
	if do != "save" && do != "test" {
		return v.showWebhookForm(t, e, nil, wrong)
	}
	if t != nil && wrong == nil && !v.judged(stored.Subscription.Condition, e.Subscription.Condition) {
		return v.showWeek(t, e, stored)
	}
	made, err := v.storeWebhook(t, e, wrong)
	if err != nil {
		return v.refuseWebhook(t, e, err)
	}
	said := "web_webhook.saved"
	if t == nil {
		said = "web_webhook.created"
	}
	if do == "save" {
		return v.goTo(targetPath(&made), said, "name", made.Name)
	}
	if err := v.testWebhook(&made); err != nil {
		return err
	}
	return v.goTo(v.testedPath(&made), said, "name", made.Name)
}

// storeWebhook creates or changes it; wrong is what could not be read. Everything that is wrong is told at once.
func (v *visit) storeWebhook(t *hub.Target, e hub.Endpoint, wrong error) (hub.Target, error) {
	if wrong != nil {
		return hub.Target{}, v.allWrong(t, e, wrong)
	}
	by := v.by()
	by.Backlog = v.r.PostForm.Has("backlog")
	if t == nil {
		return v.Settings.CreateEndpoint(v.ctx(), v.tenant(), e, by)
	}
	made, _, err := v.Settings.ReplaceEndpoint(v.ctx(), v.tenant(), t.ID.Text(hub.EndpointPrefix), e, v.form("etag"), by)
	return made, err
}

// allWrong adds what the settings would refuse to what could not even be read.
func (v *visit) allWrong(t *hub.Target, e hub.Endpoint, wrong error) error {
	_, err := v.Settings.Preview(v.ctx(), v.tenant(), refOf(t), &e, settings.TryInput{})
	all, more := fieldsOf(wrong), fieldsOf(err)
	for _, field := range more {
		if !slices.ContainsFunc(all, func(f hub.FieldError) bool { return f.Pointer == field.Pointer }) {
			all = append(all, field)
		}
	}
	return hub.Problems(all).Err()
}

func refOf(t *hub.Target) string {
	if t == nil {
		return ""
	}
	return t.ID.Text(hub.EndpointPrefix)
}

func (v *visit) refuseWebhook(t *hub.Target, e hub.Endpoint, refusal error) error {
	if ours(refusal) {
		return refusal
	}
	page, err := v.webhookForm(t, e, refusal)
	if err != nil {
		return err
	}
	page.Preview = v.webhookPreview(t, e, refusal)
	return v.refuse(refusal, "webhook_form", page.Title, page)
}

// webhookForm builds the page for an endpoint as it is stored or was typed; refusal is what saving was answered.
func (v *visit) webhookForm(t *hub.Target, e hub.Endpoint, refusal error) (webhookFormView, error) {
	page := webhookFormView{Title: v.lang.Text("web_webhook.new_title"), Active: e.Active, callForm: callOf(&e.Request), Simple: v.r.FormValue("view") != "expert"}
	action := "/webhooks/new/own"
	if t != nil {
		page.ID, page.Name, page.Title, page.Badge = t.ID.Text(hub.EndpointPrefix), t.Name, t.Name, v.targetBadge(t)
		action = targetPath(t) + "/edit"
	}
	var own []string
	var err error
	if page.Groups, own, err = v.webhookGroups(e.Subscription.EventTypes); err != nil {
		return page, err
	}
	typed := !methodReads(v.r)
	places := storedPlaces(&e)
	if typed {
		places = v.typedPlaces()
	}
	fields := v.webhookFields(&e, own, places)
	if typed {
		for i := range fields {
			if fields[i].Type != "password" && fields[i].Name != "own_types" && fields[i].Name != "condition" && v.r.PostForm.Has(fields[i].Name) {
				fields[i].Value = v.form(fields[i].Name)
			}
			if refusal == nil {
				v.askAgain(&fields[i])
			}
		}
	}
	for i := range fields {
		if fields[i].Type == "select" {
			fields[i].Options = withChosen(fields[i].Options, fields[i].Value)
		}
	}
	page.Form = v.newForm(action, refusal, fields...)
	page.Form.Fields["own_types"].Value = words(own)
	v.differs(&page, t, &e, refusal)
	if t != nil {
		page.Form.ETag = v.heldAt(v.Settings.ETag(*t), refusal)
		if held := v.form("etag"); typed && refusal == nil && held != "" {
			page.Form.ETag = held
		}
	}
	page.Simple = page.Simple && len(page.Form.Wrong) == 0
	for _, scheme := range []string{hub.SchemeStandard, hub.SchemeEd25519, hub.SchemeHMAC} {
		page.Schemes = append(page.Schemes, webhookTick{scheme, v.signatureWord(scheme), slices.Contains(e.Signature.Schemes, scheme)})
	}
	for i, place := range places {
		part := signaturePart{N: i + 1, Place: place, MayRemove: len(places) > 1}
		for _, name := range []string{"header", "algorithm", "encoding", "prefix", "signed", "secret"} {
			part.Fields = append(part.Fields, page.Form.Fields["hmac."+place+"."+name])
		}
		page.Signatures = append(page.Signatures, part)
	}
	rules, _ := rulesOf(e.Subscription.Condition)
	if typed {
		rules = v.typedRules()
	}
	page.Rules = v.withOptions(rules)
	page.Form.Fields["condition"].Value = e.Subscription.Condition
	return page, v.webhookHelp(&page, &e)
}

// webhookHelp is what stands beside the fields: variables with samples, events to try with, the last hundred.
func (v *visit) webhookHelp(page *webhookFormView, e *hub.Endpoint) error {
	var err error
	if page.SampleType, err = v.sampleType(e.Subscription); err != nil {
		return err
	}
	if page.SampleType != "" {
		if page.Variables, err = v.Settings.Variables(v.ctx(), v.tenant(), page.SampleType); err != nil && ours(err) {
			return err
		}
	}
	if page.With, err = v.eventsToTry(e.Subscription.EventTypes, page.SampleType); err != nil {
		return err
	}
	page.Hundred, err = v.tryHundred(e.Subscription)
	return err
}

// differs shows, after somebody else was faster, what is stored now beside what was typed, where they differ.
func (v *visit) differs(page *webhookFormView, t *hub.Target, e *hub.Endpoint, refusal error) {
	if t == nil || refusal == nil {
		return
	}
	switch hub.CodeOf(refusal) {
	case hub.PreconditionFailed:
		page.Form.Differs = v.webhookDiffers(&t.Endpoint, e)
	case hub.Conflict:
		was, err := hub.Origin(t.Endpoint.Request.URL)
		is, other := hub.Origin(v.form("url"))
		page.AskMove = err != nil || other != nil || was != is
	}
}

// webhookDiffers compares what is stored with what was typed, in the words of the form. Secrets are not compared.
func (v *visit) webhookDiffers(stored, typed *hub.Endpoint) (list []difference) {
	note := func(name, mine, theirs string) {
		if mine != theirs {
			list = append(list, difference{name, mine, theirs})
		}
	}
	theirs := v.webhookFields(stored, nil, storedPlaces(stored))
	for i := range theirs {
		f := &theirs[i]
		if f.Type == "password" || f.Name == "own_types" || f.Name == "condition" || !v.r.PostForm.Has(f.Name) {
			continue
		}
		if mine := unixLines(v.form(f.Name)); mine != f.Value {
			note(f.Label, v.wordOf(f, mine), v.wordOf(f, f.Value))
		}
	}
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	tick := func(is bool) string {
		if is {
			return v.lang.Text("web.differs.ticked")
		}
		return ""
	}
	note(text("is_active"), tick(typed.Active), tick(stored.Active))
	note(v.lang.Text("web_webhooks.events"), words(typed.Subscription.EventTypes), words(stored.Subscription.EventTypes))
	note(text("condition"), typed.Subscription.Condition, stored.Subscription.Condition)
	note(text("fields_mode"), text("fields_"+fieldsMode(&typed.Request)), text("fields_"+fieldsMode(&stored.Request)))
	note(text("compress"), tick(typed.Request.Compress), tick(stored.Request.Compress))
	note(text("signature"), v.signatureWords(typed.Signature.Schemes), v.signatureWords(stored.Signature.Schemes))
	return list
}

// showWeek shows first what the change would have done to last week's events.
func (v *visit) showWeek(t *hub.Target, e, stored hub.Endpoint) error {
	week, err := v.lastWeek(stored.Subscription, e.Subscription, weekWords{"web_webhook.week", "web_webhook.week_new", "web_webhook.week_gone", "web_webhook.week_cut", "web_webhook.week_save"})
	if err != nil {
		return v.refuseWebhook(t, e, err)
	}
	page, err := v.webhookForm(t, e, nil)
	if err != nil {
		return err
	}
	page.Week, page.Preview = week, v.webhookPreview(t, e, nil)
	return v.show("webhook_form", page.Title, page)
}
