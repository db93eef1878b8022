package web

import (
	"hacek/internal/hub"
	"hacek/internal/store"
)

// pipelinesView is what pipelines.html shows: what is worked step by step.
type pipelinesView struct {
	Lines  []webhookLine
	Pager  Pager
	MayAdd bool
}

func (v *visit) pipelinesPage() error {
	page := pipelinesView{MayAdd: v.may(hub.Editor)}
	targets, next, err := v.Settings.Pipelines(v.ctx(), v.tenant(), store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	f, err := v.figures(targets)
	if err != nil {
		return err
	}
	types, err := v.eventTypes()
	if err != nil {
		return err
	}
	page.Pager = v.pager(next)
	for i := range targets {
		t := &targets[i]
		line := webhookLine{v.targetLine(t, f), nil}
		line.Sub = v.lang.Text("web_pipeline.steps", "number", len(t.Pipeline.Steps))
		for _, event := range v.eventWords(t.Pipeline.Subscription.EventTypes) {
			line.Events = append(line.Events, v.eventTitle(types, event))
		}
		page.Lines = append(page.Lines, line)
	}
	return v.show("pipelines", v.lang.Text("web.menu.pipelines"), page)
}
