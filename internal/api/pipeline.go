package api

import (
	"encoding/json"
	"net/http"

	"hacek/internal/hub"
)

// pipelineView is a pipeline as the API shows it: its settings with what the hub knows of it.
type pipelineView struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	hub.Pipeline
	Subscription shownSubscription `json:"subscription"`
	Steps        []shownStep       `json:"steps"`
	Success      shownSuccess      `json:"success"`
	targetFacts
}

type shownStep struct {
	hub.Step
	Request *shownRequest `json:"request,omitempty"`
	Success *shownSuccess `json:"success,omitempty"`
}

func (a *API) viewPipeline(c *call, t hub.Target) (pipelineView, error) {
	facts, err := a.factsOf(c, t)
	if err != nil {
		return pipelineView{}, err
	}
	p := t.Pipeline
	p.Retry.Intervals = listed(p.Retry.Intervals)
	p.Notify = showNotify(p.Notify)
	steps := make([]shownStep, len(p.Steps))
	for i, step := range p.Steps {
		steps[i].Step = step
		if step.Request != nil {
			shown := showRequest(*step.Request)
			steps[i].Request = &shown
		}
		if step.Success != nil {
			shown := showSuccess(*step.Success)
			steps[i].Success = &shown
		}
	}
	return pipelineView{
		ID: t.ID.Text(hub.PipelinePrefix), CreatedAt: hub.TimeText(t.CreatedAt), UpdatedAt: hub.TimeText(t.UpdatedAt),
		Pipeline: p, Subscription: showSubscription(p.Subscription), Steps: steps, Success: showSuccess(p.Success), targetFacts: facts,
	}, nil
}

func (a *API) answerPipeline(c *call, status int, t hub.Target) (answer, error) {
	v, err := a.viewPipeline(c, t)
	return answer{status: status, body: v, etag: a.Settings.ETag(t)}, err
}

// pipeline reads the settings of the body onto the defaults.
func (c *call) pipeline() (hub.Pipeline, error) {
	p := hub.DefaultPipeline()
	raw, err := c.stripped()
	if err != nil {
		return p, err
	}
	return p, decode(raw, &p)
}

func (a *API) createPipeline(c *call) (answer, error) {
	p, err := c.pipeline()
	if err != nil {
		return answer{}, err
	}
	t, err := a.Settings.CreatePipeline(c.r.Context(), c.tenant(), p, c.by())
	if err != nil {
		return answer{}, err
	}
	return a.answerPipeline(c, http.StatusCreated, t)
}

func (a *API) listPipelines(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	targets, next, err := a.Settings.Pipelines(c.r.Context(), c.tenant(), page)
	if err != nil {
		return answer{}, err
	}
	views := make([]pipelineView, len(targets))
	for i, t := range targets {
		if views[i], err = a.viewPipeline(c, t); err != nil {
			return answer{}, err
		}
	}
	return pageOf(views, next), nil
}

func (a *API) getPipeline(c *call) (answer, error) {
	t, err := a.Settings.Pipeline(c.r.Context(), c.tenant(), c.r.PathValue("pipeline"))
	if err != nil {
		return answer{}, err
	}
	return a.answerPipeline(c, http.StatusOK, t)
}

func (a *API) putPipeline(c *call) (answer, error) {
	p, err := c.pipeline()
	if err != nil {
		return answer{}, err
	}
	t, created, err := a.Settings.ReplacePipeline(c.r.Context(), c.tenant(), c.r.PathValue("pipeline"), p, c.ifMatch(), c.confirmed())
	if err != nil {
		return answer{}, err
	}
	if created {
		return a.answerPipeline(c, http.StatusCreated, t)
	}
	return a.answerPipeline(c, http.StatusOK, t)
}

func (a *API) patchPipeline(c *call) (answer, error) {
	merge, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	t, err := a.Settings.PatchPipeline(c.r.Context(), c.tenant(), c.r.PathValue("pipeline"), merge, c.ifMatch(), c.confirmed())
	if err != nil {
		return answer{}, err
	}
	return a.answerPipeline(c, http.StatusOK, t)
}

// dryRunView is what every step would do.
type dryRunView struct {
	Matched bool             `json:"matched"`
	Reason  string           `json:"reason"`
	Steps   []hub.StepRecord `json:"steps"`
}

func (a *API) dryRunPipeline(c *call) (answer, error) {
	var in tryInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	run, err := a.Settings.DryRun(c.r.Context(), c.tenant(), c.r.PathValue("pipeline"), nil, in.input(), c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{body: dryRunView{run.Matched, run.Reason, listed(run.Steps)}}, nil
}

func (a *API) dryRunUnsavedPipeline(c *call) (answer, error) {
	var in tryInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	raw, err := json.Marshal(c.value.(map[string]any)["pipeline"])
	if err != nil {
		return answer{}, err
	}
	p := hub.DefaultPipeline()
	if err := decode(raw, &p); err != nil {
		return answer{}, below("/pipeline", err)
	}
	run, err := a.Settings.DryRun(c.r.Context(), c.tenant(), "", &p, in.input(), c.by())
	if err != nil {
		return answer{}, below("/pipeline", err)
	}
	return answer{body: dryRunView{run.Matched, run.Reason, listed(run.Steps)}}, nil
}
