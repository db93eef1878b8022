package web

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// editPipelineView is what pipeline_edit.html shows: the settings around a pipeline's steps, simple and expert in one form,
// or all of it as JSON.
type editPipelineView struct {
	Name, Path string
	AsJSON     bool
	Expert     bool
	Form       *Form
	Waiting    int64 // deliveries that would go elsewhere: to be confirmed
	Week       *week // before a changed condition is saved
}

func (v *visit) editPipelinePage() error {
	page, err := v.editPipeline(nil, nil)
	if err != nil {
		return err
	}
	return v.show("pipeline_edit", page.Name, page)
}

// editPipeline builds the page; refusal is what saving typed was answered, nil when it only has not been saved yet.
func (v *visit) editPipeline(refusal error, typed *hub.Pipeline) (editPipelineView, error) {
	t, err := v.thePipeline()
	if err != nil {
		return editPipelineView{}, err
	}
	page := editPipelineView{Name: t.Name, Path: targetPath(&t), AsJSON: v.r.FormValue("view") == "json"}
	shown := &t.Pipeline
	if typed != nil && refusal == nil {
		shown = typed
	}
	simple := v.subscriptionFields(shown)
	fields := slices.Concat(simple, v.pipelineFields(shown))
	if page.AsJSON {
		text, err := json.MarshalIndent(t.Pipeline, "", "  ")
		if err != nil {
			return page, err
		}
		if shown == typed {
			text = []byte(v.form("json")) // with the secrets in it
		}
		fields = []Field{{Name: "json", Pointer: "/", Label: v.lang.Text("web_pipeline.json"), Hint: v.lang.Text("web_pipeline.json_hint"), Type: "textarea", Mono: true, Code: codeSteps, Value: string(text)}}
	}
	page.Form = v.newForm(page.Path+"/edit", refusal, fields...)
	page.Form.ETag = v.heldAt(pipelineETag(&t), refusal)
	page.Expert = v.r.FormValue("view") == "expert" || page.Form.wrongBut(simple)
	page.Waiting, err = v.clash(page.Form, refusal, &t, typed)
	return page, err
}

// pipelineFields stand in the expert view; the steps have pages of their own.
func (v *visit) pipelineFields(p *hub.Pipeline) []Field {
	own := []Field{
		v.uidField(p.UID), v.labelsField(p.Labels), v.channelsField(p.Subscription.Channels),
		{Name: "unverified", Pointer: "/unverified", Label: v.lang.Text("web_pipeline.unverified"), Hint: v.lang.Text("web_pipeline.unverified_hint"), Type: "check", Value: onIf(p.Unverified)},
	}
	return append(own, v.handlingFields(pipelineHandling(p))...)
}

// typedPipeline is the form over what is stored: the steps stay. The pipeline holds what could be read also when there is
// an error.
func (v *visit) typedPipeline(p hub.Pipeline) (hub.Pipeline, error) {
	var wrong hub.Problems
	v.readSubscription(&p)
	p.UID, p.Labels, p.Subscription.Channels = v.typedUID(), v.typedLabels(p.Labels, &wrong), entries(v.form("channels"))
	p.Unverified = v.form("unverified") != ""
	v.typedHandling(pipelineHandling(&p), &wrong)
	return p, wrong.Err()
}

func (v *visit) savePipeline() error {
	t, err := v.thePipeline()
	if err != nil {
		return err
	}
	p := hub.DefaultPipeline()
	if v.form("view") == "json" {
		err = readJSON(v.form("json"), &p)
	} else {
		p, err = v.typedPipeline(t.Pipeline)
	}
	if err == nil && !v.judged(t.Pipeline.Subscription.Condition, p.Subscription.Condition) {
		week, judged := v.lastWeek(t.Pipeline.Subscription, p.Subscription, weekWords{"web_pipeline.week", "web_pipeline.week_new", "web_pipeline.week_gone", "web_webhook.week_cut", "web_webhook.week_save"})
		if judged == nil {
			return v.showPipelineWeek(&p, week)
		}
		err = judged
	}
	if err == nil {
		t, _, err = v.Settings.ReplacePipeline(v.ctx(), v.tenant(), t.ID.Text(hub.PipelinePrefix), p, v.form("etag"), v.byMoving())
	}
	if err != nil {
		page, broken := v.editPipeline(err, &p)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "pipeline_edit", page.Name, page)
	}
	return v.goTo(targetPath(&t), "web_pipeline.saved", "name", t.Name)
}

// showPipelineWeek shows first what the change would have done to last week's events.
func (v *visit) showPipelineWeek(typed *hub.Pipeline, week *week) error {
	page, err := v.editPipeline(nil, typed)
	if err != nil {
		return err
	}
	page.Form.ETag, page.Week = v.form("etag"), week
	return v.show("pipeline_edit", page.Name, page)
}

// byMoving is who saves, and whether what waits may go to the new places.
func (v *visit) byMoving() settings.By {
	by := v.by()
	by.Backlog = v.form("backlog") != ""
	return by
}

// readJSON reads settings that somebody typed. What is wrong never repeats a value: it may be secret.
func readJSON(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("there is something after the end of the JSON")
	}
	if err == nil {
		return nil
	}
	var p hub.Problems
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		kind, _, _ := strings.Cut(wrongType.Value, " ")
		p.Add("/"+strings.ReplaceAll(wrongType.Field, ".", "/"), "must not be a JSON %s", kind)
	} else {
		p.Add("/", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return p.Err()
}
