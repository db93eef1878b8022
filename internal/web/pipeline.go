package web

import (
	"strconv"

	"hacek/internal/hub"
)

// pipelineView is what pipeline.html shows: the steps with what they did last, and how the pipeline goes.
type pipelineView struct {
	targetSide
	Name, Path, ETag string
	Events, Sources  []string
	Condition        string
	Description      string
	Steps            []stepCard
	Last             *lastRun
	AllPath          string
	Refusal          *Form // of what was pressed on this page
	Kinds            []Option
	Dry              dryRun
}

func (v *visit) pipelinePage() error {
	page, err := v.pipeline(nil, nil)
	if err != nil {
		return err
	}
	return v.show("pipeline", page.Name, page)
}

func (v *visit) thePipeline() (hub.Target, error) {
	return v.Settings.Pipeline(v.ctx(), v.tenant(), v.r.PathValue("pipeline"))
}

// pipelineETag names the version that a page shows.
func pipelineETag(t *hub.Target) string { return strconv.Quote(strconv.FormatInt(t.Version, 10)) }

// pipeline builds the page; paused is what pausing was answered, refusal what anything else on it was.
func (v *visit) pipeline(paused, refusal error) (pipelineView, error) {
	t, err := v.thePipeline()
	if err != nil {
		return pipelineView{}, err
	}
	side, err := v.targetSide(&t, paused, "web_pipeline.is_off")
	if err != nil {
		return pipelineView{}, err
	}
	page := pipelineView{
		targetSide: side, Name: t.Name, Path: targetPath(&t), ETag: pipelineETag(&t),
		Description: t.Pipeline.Description, Sources: t.Pipeline.Subscription.Sources, Condition: t.Pipeline.Subscription.Condition,
		Kinds: v.stepKinds(), AllPath: "/deliveries?target=" + t.ID.Text(hub.PipelinePrefix),
	}
	types, err := v.eventTypes()
	if err != nil {
		return page, err
	}
	for _, name := range t.Pipeline.Subscription.EventTypes {
		page.Events = append(page.Events, v.eventTitle(types, name))
	}
	if page.Last, err = v.lastRunOf(&t); err != nil {
		return page, err
	}
	page.Steps = v.stepCards(&t, page.Path)
	if page.Last != nil {
		v.withRun(page.Steps, page.Last)
	}
	page.Refusal = v.newForm("", refusal)
	page.Dry, err = v.dryChoices(&t, types)
	return page, err
}

// refusePipeline shows the page again with why something on it was not done.
func (v *visit) refusePipeline(paused, refusal error) error {
	why := refusal
	if why == nil {
		why = paused
	}
	if ours(why) {
		return why
	}
	page, err := v.pipeline(paused, refusal)
	if err != nil {
		return err
	}
	return v.refuse(why, "pipeline", page.Name, page)
}

func (v *visit) pausePipeline() error {
	t, err := v.Settings.PauseTarget(v.ctx(), v.tenant(), hub.KindPipeline, v.r.PathValue("pipeline"), v.by(), v.form("why"))
	if err != nil {
		return v.refusePipeline(err, nil)
	}
	return v.goTo(targetPath(&t), "web_webhook.paused", "name", t.Name)
}

func (v *visit) resumePipeline() error {
	rate, err := v.formRate()
	if err != nil {
		return v.refusePipeline(nil, err)
	}
	t, err := v.Settings.ResumeTarget(v.ctx(), v.tenant(), hub.KindPipeline, v.r.PathValue("pipeline"), rate, v.by())
	if err != nil {
		return v.refusePipeline(nil, err)
	}
	return v.goTo(targetPath(&t), "web_webhook.resumed", "name", t.Name)
}

func (v *visit) switchPipeline() error {
	patch, said := `{"active":false}`, "web_pipeline.switched_off"
	if v.form("on") != "" {
		patch, said = `{"active":true}`, "web_pipeline.switched_on"
	}
	t, err := v.Settings.PatchPipeline(v.ctx(), v.tenant(), v.r.PathValue("pipeline"), []byte(patch), v.form("etag"), v.by())
	if err != nil {
		return v.refusePipeline(nil, err)
	}
	return v.goTo(targetPath(&t), said, "name", t.Name)
}

func (v *visit) deletePipeline() error {
	t, err := v.thePipeline()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteTarget(v.ctx(), v.tenant(), hub.KindPipeline, v.r.PathValue("pipeline"), v.form("etag"), v.by()); err != nil {
		return v.refusePipeline(nil, err)
	}
	return v.goTo("/pipelines", "web_pipeline.deleted", "name", t.Name)
}
