package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/mail"
)

// failure is why a step was not done.
type failure struct {
	call  *hub.Attempt // of a call to a URL: its result, status and evidence are the run's
	text  string
	hint  string
	final bool // no retry helps
	blame bool // other runs would meet the same
}

func broken(hint, format string, args ...any) *failure {
	return &failure{text: fmt.Sprintf(format, args...), hint: hint}
}

// hopeless is a failure that no retry mends.
func hopeless(hint, format string, args ...any) *failure {
	f := broken(hint, format, args...)
	f.final = true
	return f
}

// notRendered is a template that could not be filled from this event.
func notRendered(what string, err error) *failure {
	return hopeless("look at the event, then at the step's templates", "%s: %v", what, err)
}

// ofDatabase turns what a connection said into a failure.
func ofDatabase(name string, err error) *failure {
	f := broken("", "connection %s: %v", name, err)
	var e *connection.Error
	switch {
	case errors.As(err, &e):
		f.hint = e.Hint
		f.final = e.Kind == connection.Data
		f.blame = e.Kind == connection.Away || e.Kind == connection.Schema || e.Kind == connection.Denied
	case hub.CodeOf(err) != "":
		f.hint, f.blame = hintOf(err), true
	default:
		f.blame = true
	}
	return f
}

// ofMail turns what the mail server said into a failure.
func ofMail(err error) *failure {
	var e *mail.Error
	if !errors.As(err, &e) {
		return broken("", "%v", err)
	}
	return &failure{text: e.Detail, hint: e.Hint, final: !e.Temporary && !e.Down, blame: e.Down}
}

func hintOf(err error) string {
	var e *hub.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// put fills a run's attempt from the failure of one of its steps.
func (f *failure) put(ctx context.Context, a *hub.Attempt, s *step) {
	text, hint := f.text, f.hint
	a.Result, a.Final, a.Blame = hub.StepFailed, f.final, f.blame
	if c := f.call; c != nil {
		a.Result, a.Final = c.Result, c.Final
		a.Status, a.RetryAfter, a.Request, a.Response, a.Timing, a.Peer = c.Status, c.RetryAfter, c.Request, c.Response, c.Timing, c.Peer
		text, hint = c.Error, strings.ReplaceAll(c.Hint, "the endpoint", "the step")
		// A record that is gone for good says nothing about the pipeline, which 410 would switch off.
		if c.Status == 410 && c.Result == hub.Refused {
			a.Result = hub.StepFailed
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		a.Result, a.Final, a.Blame = hub.Interrupted, false, false
		text, hint = "the hub was stopping", ""
	}
	a.Error, a.Hint = s.title()+": "+text, hint
}

// title names a step for people: "step 2 (fetch, the order's detail)".
func (s *step) title() string {
	if s.settings.Name != "" {
		return fmt.Sprintf("step %d (%s, %s)", s.n, s.settings.Type, s.settings.Name)
	}
	return fmt.Sprintf("step %d (%s)", s.n, s.settings.Type)
}

// show cuts and masks what a step was given or made. Secrets are hidden before the cut, lest half of one remain.
func (w *work) show(text string) string {
	if len(text) > 4*maxEvidence {
		text, w.record.Truncated = text[:4*maxEvidence], true
	}
	text = w.mask(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > maxEvidence {
		text, w.record.Truncated = strings.ToValidUTF8(text[:maxEvidence], ""), true
	}
	return text
}

func (w *work) input(text string)  { w.record.Input = w.show(text) }
func (w *work) output(text string) { w.record.Output = w.show(text) }

// mask hides the secrets of all steps: a server that repeats what one step sent must not carry it into the evidence of
// the next.
func (w *work) mask(text string) string {
	// Tokens first: one may hold the credential that it was given for, and would not be found behind that.
	for _, secret := range w.hidden {
		if len(secret) >= 6 {
			text = strings.ReplaceAll(text, secret, hub.Masked)
		}
	}
	for _, c := range w.compiled.callers {
		text = c.Mask(text)
	}
	return text
}

// sent is a request as people read it.
func sent(r *hub.SentRequest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
	}
	if len(r.Body) > 0 {
		b.WriteByte('\n')
		b.Write(r.Body)
	}
	return b.String()
}

// answered is an answer as people read it.
func answered(a *hub.Answer) string {
	if a.Status == 0 {
		return ""
	}
	return fmt.Sprintf("%d\n\n%s", a.Status, a.Body)
}
