package engine

import (
	"context"

	"hacek/internal/hub"
)

// noticeHealth tells whoever wants to know that a target has begun to fail, or works again; before is its health
// before the attempt. A restart forgets that it was told, and the notice's ID makes the repeat harmless.
func (e *Engine) noticeHealth(t *target, before hub.Health, f *flight) {
	most := t.policy.Notify.AfterFailures
	if e.Notice == nil || f.done.own || most <= 0 {
		return
	}
	a, now := f.done.attempt, t.Health
	switch {
	case now.Failures >= most && now.Failures > before.Failures && !now.FailingSince.Equal(t.noticed):
		t.noticed = now.FailingSince
		e.notice(hub.Notice{What: hub.NoticeFailing, Target: t.shared, Failures: now.Failures, Since: now.FailingSince, Cause: a.Error, Hint: a.Hint})
	case a.Result == hub.Succeeded && (before.Failures >= most || t.given):
		e.notice(hub.Notice{What: hub.NoticeRecovered, Target: t.shared, Failures: before.Failures, Since: before.FailingSince})
	}
	t.given = t.given && a.Result != hub.Succeeded
}

// notice gives one out without holding up the plan. It happened, so it is given even while we are stopping.
//
//nolint:contextcheck // that is why
func (e *Engine) notice(n hub.Notice) {
	n.At = e.Clock.Now()
	ctx := context.WithoutCancel(e.flying)
	e.writes.Go(func() { e.Notice(ctx, n) })
}
