package pipeline

import (
	"context"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
)

// confirm asks until an answer says that what was accepted has also been done.
type confirm struct {
	call  *sender.Compiled
	until *expr.Condition
	limit *hub.Step
}

func (c *compiler) confirm(s *hub.Step) action {
	c.gap("/every", s.Every, confirmEvery)
	c.span("/for", s.For, 0)
	return &confirm{c.caller(s, true), c.condition("/until", s.Until), s}
}

const confirmEvery = againEvery * 2

func (f *confirm) do(ctx context.Context, w *work, s *step) outcome {
	call := w.calling(s, true)
	if w.dry {
		return w.preview(f.call, call)
	}
	leave, out, err := w.pass(ctx, s, w.kept.Note)
	if err != nil {
		return failed(broken("", "it was stopped: %v", err))
	}
	if out.wait > 0 {
		out.note.Since = w.kept.Note.Since
		return out
	}
	a, whole := w.Sender.Fetch(ctx, f.call, call)
	leave()
	w.hidden = append(w.hidden, whole.Hidden...)
	w.evidence(a, "")
	every, window := f.limit.Every.D(), f.limit.For.D()
	if every == 0 {
		every = confirmEvery
	}
	if a.Result != hub.Succeeded {
		// Not there yet, busy, or away for a moment; anything else will not mend itself.
		if patient(a) {
			if out, waits := w.poll(every, window, a.RetryAfter, a.Error); waits {
				return out
			}
		}
		return failed(&failure{call: a})
	}
	scope := sender.AnswerScope(whole.Status, whole.Headers, whole.Body)
	if data, found := w.scope.Lookup("data"); found {
		scope.SetDoc("data", data.Doc())
	}
	w.facts(scope)
	holds, err := f.until.Match(scope)
	if err == nil && holds {
		doc, _ := sender.View(whole.Body)
		return outcome{output: doc}
	}
	why := f.until.Explain(scope)
	if err != nil {
		why = err.Error()
	}
	if out, waits := w.poll(every, window, 0, "not yet: "+why); waits {
		return out
	}
	return failed(broken("look at the other side: it took the record and has not worked it; the next try asks anew",
		"not confirmed within %s: %s", hub.Duration(window), why))
}

// patient tells which failures of a question may pass.
func patient(a *hub.Attempt) bool {
	if a.Final {
		return false
	}
	switch a.Result {
	case hub.Refused:
		return a.Status >= 500 || hasStatus([]string{"404", "409", "423", "425", "429"}, a.Status)
	case hub.TimedOut, hub.NoConnection, hub.NoAddress, hub.Garbage:
		return true
	}
	return false
}
