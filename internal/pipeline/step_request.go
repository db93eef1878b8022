package pipeline

import (
	"context"

	"hacek/internal/hub"
	"hacek/internal/sender"
)

// request calls a URL and so changes something there.
type request struct{ call *sender.Compiled }

func (c *compiler) request(s *hub.Step) action { return &request{c.caller(s, false)} }

func (r *request) do(ctx context.Context, w *work, s *step) outcome {
	call := w.calling(s, false)
	if w.dry {
		return w.preview(r.call, call)
	}
	leave, out, err := w.pass(ctx, s, w.kept.Note)
	if err != nil {
		return failed(broken("", "it was stopped: %v", err))
	}
	if out.wait > 0 {
		return out
	}
	defer leave()
	var a *hub.Attempt
	var whole sender.Whole
	if s.settings.As != "" {
		a, whole = w.Sender.Fetch(ctx, r.call, call)
	} else {
		a = w.Sender.Send(ctx, r.call, call)
	}
	w.hidden = append(w.hidden, whole.Hidden...)
	w.evidence(a, "")
	if a.Result != hub.Succeeded {
		return failed(&failure{call: a})
	}
	doc, _ := sender.View(whole.Body)
	return outcome{output: doc}
}

// preview shows a call that is not made.
func (w *work) preview(c *sender.Compiled, call sender.Call) outcome {
	shown, err := w.Sender.Preview(c, call)
	if err != nil {
		return failed(hopeless(hintOf(err), "%v", err))
	}
	w.input(sent(&shown))
	w.output("nothing was sent: this is a dry run")
	return outcome{}
}
