package ingest

import (
	"cmp"
	"context"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// Fates tells what became of an event at every target of its tenant, and why. Where there is a delivery, it says
// so; everywhere else the settings are asked again, as they were when the event was accepted.
func (p *Publisher) Fates(ctx context.Context, tenant int64, id hub.ID) ([]hub.Fate, error) {
	return p.Routed(tenant).Fates(ctx, id)
}

// Routed tells the fates of several events of a tenant; the settings that many of them met are read once.
type Routed struct {
	publisher *Publisher
	tenant    int64
	targets   map[int64][]pastTarget // by the revision they were routed by
}

// pastTarget is a target as it was; its route is made when somebody asks why it was not taken.
type pastTarget struct {
	store.TargetAt
	route *route
}

// Routed begins with nothing read. What changes afterwards may not be seen.
func (p *Publisher) Routed(tenant int64) *Routed {
	return &Routed{publisher: p, tenant: tenant, targets: map[int64][]pastTarget{}}
}

// Fates lists what became of one event, for every target.
func (r *Routed) Fates(ctx context.Context, id hub.ID) ([]hub.Fate, error) {
	e, err := r.publisher.Store.Event(ctx, r.tenant, id)
	if err != nil {
		return nil, err
	}
	fates, _, err := r.Of(ctx, e)
	return fates, err
}

// Of is Fates for somebody who has the event, with data, and wants its deliveries too: the newest for each target.
func (r *Routed) Of(ctx context.Context, e *hub.Event) ([]hub.Fate, []store.DeliveryRow, error) {
	p, tenant := r.publisher, r.tenant
	targets, known := r.targets[e.RoutingRev]
	if !known {
		then, err := p.Store.TargetsAt(ctx, tenant, e.RoutingRev)
		if err != nil {
			return nil, nil, err
		}
		targets = make([]pastTarget, len(then))
		for i := range then {
			targets[i].TargetAt = then[i]
		}
		r.targets[e.RoutingRev] = targets
	}
	owed, err := p.Store.DeliveriesOf(ctx, tenant, e.ID)
	if err != nil {
		return nil, nil, err
	}
	byTarget := make(map[int64]*store.DeliveryRow, len(owed))
	for i := range owed {
		byTarget[owed[i].Target] = &owed[i]
	}
	doc, err := expr.ParseDoc(e.Data)
	if err != nil {
		return nil, nil, err
	}
	fates := make([]hub.Fate, 0, len(targets))
	for i := range targets {
		t := &targets[i]
		f := hub.Fate{Target: t.Target}
		if d := byTarget[t.No]; d != nil {
			id := d.ID()
			f.Delivery, f.Outcome, f.Reason = &id, outcome(d, &t.TargetAt), d.Reason
			switch f.Outcome {
			case hub.OutcomeHeld:
				f.Reason = heldReason(&t.Now)
			case string(hub.Pending):
				waits, err := p.Store.Waits(ctx, &d.Delivery, t.Now.Policy().Order)
				if err != nil {
					return nil, nil, err
				}
				f.Reason = cmp.Or(waits, f.Reason)
			}
		} else {
			f.Outcome, f.Reason = hub.OutcomeSkipped, t.whySkipped(e, doc)
		}
		fates = append(fates, f)
	}
	return fates, owed, nil
}

func outcome(d *store.DeliveryRow, t *store.TargetAt) string {
	if d.State == hub.Pending && t.Now.State != hub.Active {
		return hub.OutcomeHeld
	}
	return string(d.State)
}

func heldReason(t *hub.Target) string {
	reason := "the " + string(t.Kind) + " is " + string(t.State)
	if t.StateBy != "" {
		reason += " by " + t.StateBy
	}
	if t.StateWhy != "" {
		reason += ": " + t.StateWhy
	}
	return reason
}

// whySkipped finds the reason in the settings of that time.
func (t *pastTarget) whySkipped(e *hub.Event, doc expr.Doc) string {
	if t.Later {
		return "the " + string(t.Kind) + " was created after the event"
	}
	if e.OnlyTarget != 0 {
		return "the event was sent again to another target only"
	}
	if t.State == hub.Off {
		if t.StateBy != "" {
			return "switched off by " + t.StateBy
		}
		return "switched off"
	}
	if t.route == nil {
		t.route = newRoute(t.Target)
	}
	r := t.route
	if why := r.passes(e); why != "" {
		return why
	}
	if r.condition != nil {
		scope := Scope(e, doc)
		if matched, err := r.condition.Match(scope); err == nil && !matched {
			return "condition: " + r.condition.Explain(scope)
		}
	}
	return "the settings of that time concerned it, but no delivery is kept any more"
}

// Matches tells whether a subscription takes an event, and if not, why.
func (p *Publisher) Matches(_ context.Context, _ int64, sub hub.Subscription, e *hub.Event) (bool, string) {
	doc, err := expr.ParseDoc(e.Data)
	if err != nil {
		return false, err.Error()
	}
	r := newRoute(hub.Target{Endpoint: hub.Endpoint{Subscription: sub}})
	if why := r.passes(e); why != "" {
		return false, why
	}
	if !r.conditional() {
		return true, ""
	}
	scope := Scope(e, doc)
	switch v := r.judge(scope); {
	case v.err != nil:
		return false, conditionFailed(v.err)
	case !v.matched:
		return false, "condition: " + r.condition.Explain(scope)
	}
	return true, ""
}
