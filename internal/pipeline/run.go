package pipeline

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
)

// work is one run under way.
type work struct {
	*Runner
	compiled *Compiled
	call     Call
	scope    *expr.Scope
	progress progress
	record   *hub.StepRecord // of the step being done
	kept     *achieved       // what is known of it from the try before
	hidden   []string        // tokens that were fetched in this run
	dry      bool            // show, do not do
}

// Run does the steps that are not done yet and tells how far it came. It never panics: a bug of ours is an attempt
// that says so.
func (r *Runner) Run(ctx context.Context, c *Compiled, call Call) (res Result) {
	if call.Now.IsZero() {
		call.Now = r.now()
	}
	started := time.Now()
	w := &work{Runner: r, compiled: c, call: call, progress: resume(call.Progress, c)}
	a := &res.Attempt
	*a = hub.Attempt{N: call.Number, At: call.Now, SettingsVersion: call.SettingsVersion}
	defer func() {
		if bug := recover(); bug != nil {
			if r.Log != nil {
				r.Log.Error("BUG: panic in a pipeline", "delivery", call.DeliveryID, "pipeline", c.name, "panic", w.mask(fmt.Sprint(bug)), "stack", string(debug.Stack()))
			}
			a.Result, a.Error, a.Hint = hub.StepFailed, w.mask(fmt.Sprintf("BUG: %v", bug)), "this is a fault of the hub; report it"
		}
		a.Took = time.Since(started)
		a.Timing.Total = a.Took
		if a.Result == hub.Succeeded {
			return
		}
		kept, err := w.progress.bytes(c)
		if err != nil {
			a.Result, a.Final, a.Error, a.Hint = hub.StepFailed, true, err.Error(), "fetch less, or split the pipeline in two"
			return
		}
		res.Progress = kept
	}()
	if err := w.begin(); err != nil {
		a.Result, a.Final, a.Error = hub.StepFailed, true, "the event's data: "+err.Error()
		a.Hint = "only JSON can go through a pipeline"
		return res
	}
	w.steps(ctx, a)
	return res
}

// steps does what is left, in order.
func (w *work) steps(ctx context.Context, a *hub.Attempt) {
	for i := range w.compiled.steps {
		s := &w.compiled.steps[i]
		a.Steps = append(a.Steps, hub.StepRecord{N: s.n, Type: s.settings.Type, Name: s.settings.Name})
		w.record = &a.Steps[i]
		w.kept = w.progress.at(w.compiled, i)
		if w.kept.Done && !w.kept.Again {
			w.record.Result = hub.StepKept
			w.yield(s, w.kept.yielded)
			continue
		}
		out := w.one(ctx, s)
		switch {
		case out.fail != nil:
			w.progress.Steps = w.progress.Steps[:max(i, w.done())]
			w.remember(i, out.note)
			out.fail.put(ctx, a, s)
			a.Error, a.Hint = w.mask(a.Error), w.mask(a.Hint)
			w.record.Result, w.record.Error, w.record.Hint = hub.StepBroken, a.Error, a.Hint
			return
		case out.wait > 0:
			w.remember(i, out.note)
			a.Result, a.Wait, a.Error = hub.Waiting, out.wait, w.mask(s.title()+": "+out.why)
			w.record.Result, w.record.Error = hub.StepWaiting, a.Error
			return
		}
		w.record.Result = hub.StepDone
		w.yield(s, out.output)
		*w.kept = achieved{Hash: s.hash, Done: true, yielded: out.output}
		if s.settings.As != "" {
			w.kept.Output = out.output.Raw()
		}
		if s.lasting && i < len(w.compiled.steps)-1 {
			if err := w.save(ctx); err != nil {
				broken("the hub's own database did not take it; the run goes on when it does", "what was done could not be recorded: %v", err).put(ctx, a, s)
				return
			}
		}
	}
	a.Result = hub.Succeeded
}

// done counts the steps up to the last one that is done: one that is to be done again may stand before it.
func (w *work) done() int {
	n := 0
	for i, s := range w.progress.Steps {
		if s.Done {
			n = i + 1
		}
	}
	return n
}

// remember keeps the note of a step that is not done; without one there is nothing to keep.
func (w *work) remember(i int, n note) {
	if n == (note{}) || i < len(w.progress.Steps) && w.progress.Steps[i].Done {
		return
	}
	w.progress.at(w.compiled, i).Note = n
}

// one does one step and measures it.
func (w *work) one(ctx context.Context, s *step) outcome {
	started := time.Now()
	out := s.action.do(ctx, w, s)
	w.record.Took = hub.Duration(time.Since(started).Round(time.Millisecond))
	return out
}

// save keeps the progress before the next step begins. What happened is recorded even while the hub is stopping.
func (w *work) save(ctx context.Context) error {
	if w.call.Save == nil {
		return nil
	}
	kept, err := w.progress.bytes(w.compiled)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return w.call.Save(ctx, kept)
}

// begin builds what templates see before the first step.
func (w *work) begin() error {
	e := w.call.Event
	data, err := expr.ParseDoc(e.Data)
	if err != nil {
		return err
	}
	w.scope = expr.NewScope()
	w.scope.SetDoc("data", data)
	w.facts(w.scope)
	return nil
}

// facts sets what is known of the event beside its data.
func (w *work) facts(s *expr.Scope) {
	e := w.call.Event
	s.SetText("event", "id", w.eventID())
	s.SetText("event", "type", e.Type)
	s.SetText("event", "vendor_type", e.VendorType)
	s.SetText("event", "time", hub.TimeText(e.Time))
	s.SetText("event", "key", e.Key)
	s.SetText("event", "source", e.Source)
	s.SetText("source", "name", e.Source)
}

func (w *work) eventID() string {
	if w.call.EventID != "" {
		return w.call.EventID
	}
	return w.call.Event.ID.Text(hub.EventPrefix)
}

// yield shows a step's result to the later ones.
func (w *work) yield(s *step, output expr.Doc) {
	if s.settings.As != "" && len(output.Raw()) > 0 {
		w.scope.SetDoc(s.settings.As, output)
	}
}

// key names a step of a delivery to the outside, the same in every try.
func (w *work) key(s *step) string { return fmt.Sprintf("%s-%d", w.call.DeliveryID, s.n) }

// calling is what the sender needs to know of a step's call.
func (w *work) calling(s *step, asks bool) sender.Call {
	c := sender.Call{
		Event: w.call.Event, EventID: w.eventID(), DeliveryID: w.call.DeliveryID, AttemptID: w.call.AttemptID,
		Number: w.call.Number, SettingsVersion: w.call.SettingsVersion, Now: w.Runner.now(), Scope: w.scope, Plain: asks,
	}
	if !asks {
		c.IdempotencyKey = w.key(s)
	}
	return c
}

// DryRun does what a run would do, as far as nothing is changed by it: a fetch really fetches; what would be written,
// sent or published is shown.
func (r *Runner) DryRun(ctx context.Context, c *Compiled, event *hub.Event) (records []hub.StepRecord) {
	w := &work{Runner: r, compiled: c, dry: true, call: Call{Event: event, DeliveryID: "dlv_dry-run", AttemptID: "att_dry-run", Pipeline: c.name, Number: 1, Now: r.now()}}
	a := &hub.Attempt{At: w.call.Now}
	defer func() {
		if bug := recover(); bug != nil {
			if r.Log != nil {
				r.Log.Error("BUG: panic in a dry run", "pipeline", c.name, "panic", w.mask(fmt.Sprint(bug)), "stack", string(debug.Stack()))
			}
			w.record.Result, w.record.Error, w.record.Hint = hub.StepBroken, "BUG: the step could not be shown", "this is a fault of the hub; report it"
			records = a.Steps
		}
	}()
	if err := w.begin(); err != nil {
		first := &c.steps[0].settings
		return []hub.StepRecord{{N: 1, Type: first.Type, Name: first.Name, Result: hub.StepBroken,
			Error: "the event's data: " + err.Error(), Hint: "only JSON can go through a pipeline"}}
	}
	w.steps(ctx, a)
	return a.Steps
}
