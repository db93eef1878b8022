package settings

import (
	"context"

	"hacek/internal/hub"
	"hacek/internal/pipeline"
)

// DryRunResult is what every step of a pipeline would do with an event.
type DryRunResult struct {
	Matched bool
	Reason  string // why the subscription does not take it
	Steps   []hub.StepRecord
}

// DryRun shows what a pipeline would do with an event, or what the unsaved settings would; what is only read is really
// read, and nothing is written. With ref and unsaved settings, "***" stands for what is stored at ref, under the same
// rules as when it is saved.
func (s *Service) DryRun(ctx context.Context, tenant int64, ref string, unsaved *hub.Pipeline, in TryInput, by By) (DryRunResult, error) {
	var t hub.Target
	if ref != "" {
		var err error
		if t, err = s.Pipeline(ctx, tenant, ref); err != nil {
			return DryRunResult{}, err
		}
	}
	p := t.Pipeline
	if unsaved != nil {
		var prev *hub.Pipeline
		if ref != "" {
			prev = &t.Pipeline
		}
		p = *unsaved
		if err := s.preparePipeline(ctx, &p, prev, tenant); err != nil {
			return DryRunResult{}, err
		}
	}
	event, err := s.tryEvent(ctx, tenant, p.Subscription, in)
	if err != nil {
		return DryRunResult{}, err
	}
	// An event that was made for this comes from where the pipeline's events come from.
	if in.Event == "" && len(p.Subscription.Sources) > 0 {
		made := *event
		made.Source = p.Subscription.Sources[0]
		event = &made
	}
	compiled, err := pipeline.Compile(p, tenant)
	if err != nil {
		return DryRunResult{}, err
	}
	result := DryRunResult{Matched: true, Steps: s.Runner.DryRun(ctx, compiled, event)}
	if s.Matches != nil {
		result.Matched, result.Reason = s.Matches(ctx, tenant, p.Subscription, event)
	}
	s.Log.Info("pipeline tried", "pipeline", p.Name, "by", by.Name, "steps", len(result.Steps))
	return result, nil
}
