package settings

import (
	"context"

	"hacek/internal/hub"
)

// Pause holds everything an endpoint is owed, now and later, until it is resumed.
func (s *Service) Pause(ctx context.Context, tenant int64, ref string, by By, why string) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
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
		return hub.Target{}, isOff("paused")
	}
	t := prev
	t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Paused, by.Name, why, s.now()
	return s.commitState(ctx, "paused", prev, t, by)
}

// Resume ends paused and disabled. What was held until now goes first, at the given rate; the zero rate is no limit
// beyond the endpoint's own.
func (s *Service) Resume(ctx context.Context, tenant int64, ref string, rate hub.Rate, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return hub.Target{}, err
	}
	switch {
	case prev.State == hub.Off:
		return hub.Target{}, isOff("resumed")
	case prev.State == hub.Active && rate == prev.DrainRate:
		return prev, nil
	}
	mark, err := s.Store.LastSeq(ctx)
	if err != nil {
		return hub.Target{}, err
	}
	t := prev
	t.DrainRate, t.DrainMark = rate, mark
	if t.State != hub.Active {
		t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Active, by.Name, "resumed", s.now()
		// A person says that it is mended: the old outage must not disable it again after the first failure.
		t.Health = hub.Health{}
	}
	return s.commitState(ctx, "resumed", prev, t, by)
}

func isOff(what string) error {
	return hub.Errorf(hub.Conflict, "the endpoint is switched off, so it cannot be %s", what).WithHint(`Switch it on first: set "active" to true.`)
}
