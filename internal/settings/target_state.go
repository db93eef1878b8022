package settings

import (
	"context"
	"time"

	"hacek/internal/hub"
)

// Pause is PauseTarget for an endpoint.
func (s *Service) Pause(ctx context.Context, tenant int64, ref string, by By, why string) (hub.Target, error) {
	return s.PauseTarget(ctx, tenant, hub.KindEndpoint, ref, by, why)
}

// PauseTarget holds everything a target is owed, now and later, until it is resumed.
func (s *Service) PauseTarget(ctx context.Context, tenant int64, kind hub.Kind, ref string, by By, why string) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Target(ctx, tenant, kind, ref)
	if err != nil {
		return hub.Target{}, err
	}
	var p hub.Problems
	hub.CheckText(&p, "/why", why, hub.MaxNameLen)
	if err := p.Err(); err != nil {
		return hub.Target{}, err
	}
	switch prev.State {
	case hub.Paused:
		return prev, nil
	case hub.Off:
		return hub.Target{}, isOff(kind, "paused")
	}
	t := prev
	t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Paused, by.Name, why, s.now()
	return s.commitState(ctx, "paused", prev, t, by)
}

// Resume is ResumeTarget for an endpoint.
func (s *Service) Resume(ctx context.Context, tenant int64, ref string, rate hub.Rate, by By) (hub.Target, error) {
	return s.ResumeTarget(ctx, tenant, hub.KindEndpoint, ref, rate, by)
}

// ResumeTarget ends paused, disabled and backing off. What was held until now goes first, at the given rate; the zero
// rate is no limit beyond the target's own. What waits for its next try is due at once, whatever was planned.
func (s *Service) ResumeTarget(ctx context.Context, tenant int64, kind hub.Kind, ref string, rate hub.Rate, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Target(ctx, tenant, kind, ref)
	if err != nil {
		return hub.Target{}, err
	}
	switch {
	case prev.State == hub.Off:
		return hub.Target{}, isOff(kind, "resumed")
	case prev.State == hub.Active && rate == prev.DrainRate && prev.Health == (hub.Health{}):
		// It works already; there is something to resume only when a delivery waits for its next try.
		if waits, err := s.Store.Retrying(ctx, prev.No); err != nil || !waits {
			return prev, err
		}
	}
	mark, err := s.Store.LastSeq(ctx)
	if err != nil {
		return hub.Target{}, err
	}
	t := prev
	t.DrainRate, t.DrainMark = rate, mark
	bringForward(&t, s.now())
	if t.State != hub.Active {
		t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Active, by.Name, "resumed", s.now()
	}
	return s.commitState(ctx, "resumed", prev, t, by)
}

// bringForward makes every try that was planned until now due. A person says that the target is mended, so the old
// outage must not disable it again after the first failure.
func bringForward(t *hub.Target, now time.Time) {
	t.Health = t.Resumed()
	t.Release.Resumes++
	t.Release.ResumedAt = now
}

func isOff(kind hub.Kind, what string) error {
	return hub.Errorf(hub.Conflict, "the %s is switched off, so it cannot be %s", kind, what).WithHint(`Switch it on first: set "active" to true.`)
}
