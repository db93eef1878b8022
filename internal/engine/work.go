package engine

import (
	"context"
	"fmt"

	"hacek/internal/hub"
	"hacek/internal/pipeline"
	"hacek/internal/sender"
	"hacek/internal/store"
)

// work is what a target does with one delivery, compiled from its settings.
type work interface {
	try(ctx context.Context, e *Engine, t *hub.Target, d hub.Delivery, event *hub.Event) done
}

// done is one attempt, with what the steps of a pipeline have produced.
type done struct {
	attempt  *hub.Attempt
	progress []byte
	own      bool // it was about one of the hub's own events
}

// workOf compiles a target's settings. Settings that no longer compile are work that says so.
func (e *Engine) workOf(t *hub.Target) work {
	if t.Kind == hub.KindPipeline {
		compiled, err := pipeline.Compile(t.Pipeline, t.Tenant)
		if err != nil {
			return brokenWork{err}
		}
		return pipelineWork{compiled}
	}
	compiled, err := sender.Compile(t.Endpoint, t.Tenant)
	if err != nil {
		return brokenWork{err}
	}
	return endpointWork{compiled}
}

// attempt reads the event where it is not in memory, and has the work done.
func (e *Engine) attempt(ctx context.Context, t *hub.Target, w work, d hub.Delivery, event *hub.Event) done {
	if event == nil {
		events, err := e.Store.Payloads(ctx, t.Tenant, []hub.ID{d.Event}, 0)
		if err == nil && len(events) == 0 {
			e.Log.Error("BUG: an event that is owed is gone", "event", d.Event.Text(hub.EventPrefix))
			a := e.failed(t, d, hub.RenderFailed, "the event is gone")
			a.Final = true
			return done{attempt: a}
		}
		if err != nil {
			e.Log.Error("payload not read", "event", d.Event.Text(hub.EventPrefix), "err", err)
			return done{attempt: e.failed(t, d, hub.Interrupted, "the event could not be read: %v", err)}
		}
		event = events[0]
	}
	out := w.try(ctx, e, t, d, event)
	if r := out.attempt.Result; r != hub.Succeeded && r != hub.Waiting && ctx.Err() != nil {
		out.attempt.Result, out.attempt.Error = hub.Interrupted, "the hub was stopping"
	}
	out.own = event.Own()
	return out
}

func (e *Engine) failed(t *hub.Target, d hub.Delivery, r hub.Result, format string, args ...any) *hub.Attempt {
	return &hub.Attempt{N: d.Tries + 1, At: e.Clock.Now(), Result: r, SettingsVersion: t.Version, Error: fmt.Sprintf(format, args...)}
}

// brokenWork fails every attempt with the reason.
type brokenWork struct{ why error }

func (w brokenWork) try(_ context.Context, e *Engine, t *hub.Target, d hub.Delivery, _ *hub.Event) done {
	return done{attempt: e.failed(t, d, hub.RenderFailed, "the %s's settings cannot be used: %v", t.Kind, w.why)}
}

// endpointWork calls their URL.
type endpointWork struct{ compiled *sender.Compiled }

func (w endpointWork) try(ctx context.Context, e *Engine, t *hub.Target, d hub.Delivery, event *hub.Event) done {
	id := d.ID()
	call := sender.Call{
		Event: event, EventID: d.Event.Text(hub.EventPrefix), DeliveryID: id.Text(), AttemptID: id.Attempt(d.Tries + 1),
		Number: d.Tries + 1, SettingsVersion: t.Version, Now: e.Clock.Now(), Lasting: true,
	}
	a := e.Sender.Send(ctx, w.compiled, call)
	if a.Result != hub.Succeeded && ctx.Err() != nil {
		a.Result = hub.Interrupted
	}
	if e.Attempted != nil && !a.Result.Ours() {
		e.Attempted(t, call, a)
	}
	return done{attempt: a}
}

// pipelineWork runs the steps, from where an earlier attempt came to.
type pipelineWork struct{ compiled *pipeline.Compiled }

func (w pipelineWork) try(ctx context.Context, e *Engine, t *hub.Target, d hub.Delivery, event *hub.Event) done {
	progress, err := e.Store.Progress(ctx, d)
	if err != nil {
		e.Log.Error("progress not read", "delivery", d.ID().Text(), "err", err)
		return done{attempt: e.failed(t, d, hub.Interrupted, "what the steps have produced could not be read: %v", err)}
	}
	id := d.ID()
	r := e.Pipelines.Run(ctx, w.compiled, pipeline.Call{
		Event: event, EventID: d.Event.Text(hub.EventPrefix), DeliveryID: id.Text(), AttemptID: id.Attempt(d.Tries + 1),
		Pipeline: t.Name, Number: d.Tries + 1, SettingsVersion: t.Version, Now: e.Clock.Now(), Progress: progress,
		Save: func(ctx context.Context, progress []byte) error {
			return e.Store.Write(ctx, func(tx *store.Tx) error { return tx.KeepProgress(ctx, d, progress) })
		},
	})
	return done{attempt: &r.Attempt, progress: r.Progress}
}
