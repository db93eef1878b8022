package pipeline

import (
	"context"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// wait lets time pass.
type wait struct{ period hub.Duration }

func (c *compiler) wait(s *hub.Step) action {
	c.span("/for", s.For, 0)
	return &wait{s.For}
}

func (p *wait) do(_ context.Context, w *work, _ *step) outcome {
	w.input(p.period.String())
	if w.dry {
		w.output("nobody waits in a dry run")
		return outcome{}
	}
	now, n := w.now(), w.kept.Note
	if n.Since == 0 {
		n.Since = now.UnixMilli()
	}
	end := time.UnixMilli(n.Since).Add(p.period.D())
	if left := end.Sub(now); left > 0 {
		return outcome{wait: left, why: fmt.Sprintf("waits until %s", hub.TimeText(end)), note: n}
	}
	w.output("went on at " + hub.TimeText(now))
	return outcome{}
}
