package ingest

import (
	"context"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// Replay owes an event again: to one target, whatever its subscription says, or to all whose current subscription
// takes it. The event keeps its id, so receivers can tell; the deliveries are new.
func (p *Publisher) Replay(ctx context.Context, tenant int64, id hub.ID, target *hub.ID) (int, error) {
	e, err := p.Store.Event(ctx, tenant, id)
	if err != nil {
		return 0, err
	}
	r := p.routing(tenant)
	if target == nil {
		doc, err := expr.ParseDoc(e.Data)
		if err != nil {
			return 0, err
		}
		owed, _ := r.match(e, doc)
		return p.oweAgain(ctx, e, owed)
	}
	t, err := p.Store.Target(ctx, tenant, *target)
	if err != nil {
		return 0, err
	}
	if route := r.routes[t.No]; route != nil {
		return p.oweAgain(ctx, e, []store.Owed{{Target: t.No, Key: route.lane(e)}})
	}
	return 0, hub.Errorf(hub.NotFound, "endpoint %s is gone", target.Text(hub.EndpointPrefix))
}

// RunAgain has the pipelines of an event run once more where their work has begun already: a repeated notice without
// content may stand for a later change. Where it has not begun, it will read what the repeat is about anyway.
func (p *Publisher) RunAgain(ctx context.Context, tenant int64, original *hub.Event) (int, error) {
	if p.Repeated != nil {
		p.Repeated(original.ID)
	}
	rows, err := p.Store.DeliveriesOf(ctx, tenant, original.ID)
	if err != nil {
		return 0, err
	}
	e, err := p.Store.Event(ctx, tenant, original.ID)
	if err != nil {
		return 0, err
	}
	var again []store.Owed
	for i := range rows {
		route := p.routing(tenant).routes[rows[i].Target]
		if route != nil && route.pipeline && route.state != hub.Off {
			begun, err := p.begun(ctx, &rows[i])
			if err != nil {
				return 0, err
			}
			if !begun {
				continue
			}
			again = append(again, store.Owed{Target: route.target, Key: route.lane(e)})
		}
	}
	n, err := p.oweAgain(ctx, e, again)
	if hub.CodeOf(err) == hub.Conflict {
		return 0, nil // another repeat has done it at this moment, after ours came in
	}
	return n, err
}

// begun tells whether a delivery has been worked on: it was tried, it is being tried, or a hub that was killed has left
// what its first steps had read.
func (p *Publisher) begun(ctx context.Context, d *store.DeliveryRow) (bool, error) {
	if d.State != hub.Pending || d.Tries > 0 || p.Sending == nil || p.Sending(d.Target, d.Seq) {
		return true, nil
	}
	kept, err := p.Store.Progress(ctx, d.Delivery)
	return len(kept) > 0, err
}

// oweAgain commits one more generation of an event's deliveries.
func (p *Publisher) oweAgain(ctx context.Context, e *hub.Event, owed []store.Owed) (int, error) {
	if len(owed) == 0 {
		return 0, nil
	}
	accepts := make([]*store.Accept, len(owed))
	for i, o := range owed {
		gen, err := p.Store.NextGen(ctx, e.ID, o.Target)
		if err != nil {
			return 0, err
		}
		accepts[i] = &store.Accept{Event: e, Owed: owed[i : i+1], Gen: gen, Replay: true}
	}
	if err := p.Store.Accept(ctx, accepts...); err != nil {
		return 0, err
	}
	for _, a := range accepts {
		if a.Result.Err != nil {
			return 0, a.Result.Err
		}
	}
	return len(owed), nil
}

// Resend publishes changed data as a new event, for the target of an earlier delivery only.
func (p *Publisher) Resend(ctx context.Context, tenant int64, d hub.DeliveryID, data []byte) (Published, error) {
	row, err := p.Store.Delivery(ctx, tenant, d)
	if err != nil {
		return Published{}, err
	}
	e, err := p.Store.Event(ctx, tenant, row.Event)
	if err != nil {
		return Published{}, err
	}
	if p.routing(tenant).routes[d.Target] == nil {
		return Published{}, hub.Errorf(hub.NotFound, "the delivery's endpoint is gone")
	}
	if data == nil {
		data = e.Data
	}
	out := p.Publish(ctx, tenant, Input{
		Type: e.Type, Data: data, Key: &e.Key, Source: e.Source, Channels: e.Channels, Metadata: e.Metadata,
		Hops: e.Hops, Parent: e.ID, Only: d.Target,
	})[0]
	return out, out.Err
}

// Retry has a waiting delivery tried now, and a finished one again as a new delivery.
func (p *Publisher) Retry(ctx context.Context, tenant int64, d hub.DeliveryID) (hub.DeliveryID, error) {
	row, err := p.Store.Delivery(ctx, tenant, d)
	if err != nil {
		return d, err
	}
	if row.State == hub.Pending {
		err := p.Store.Write(ctx, func(tx *store.Tx) error { return tx.RetryNow(ctx, tenant, d, p.Now()) })
		p.touch(d.Target)
		return d, err
	}
	e, err := p.Store.Event(ctx, tenant, d.Event)
	if err != nil {
		return d, err
	}
	route := p.routing(tenant).routes[d.Target]
	if route == nil {
		return d, hub.Errorf(hub.NotFound, "the delivery's endpoint is gone")
	}
	gen, err := p.Store.NextGen(ctx, d.Event, d.Target)
	if err != nil {
		return d, err
	}
	a := &store.Accept{Event: e, Owed: []store.Owed{{Target: d.Target, Key: route.lane(e)}}, Gen: gen, Replay: true}
	if err := p.Store.Accept(ctx, a); err != nil {
		return d, err
	}
	return hub.DeliveryID{Event: d.Event, Target: d.Target, Gen: gen}, a.Result.Err
}

// Cancel gives a waiting delivery up. One that is in flight may still arrive.
func (p *Publisher) Cancel(ctx context.Context, tenant int64, d hub.DeliveryID, by string) error {
	row, err := p.Store.Delivery(ctx, tenant, d)
	if err != nil {
		return err
	}
	if row.State != hub.Pending {
		return hub.Errorf(hub.Conflict, "the delivery is %s already", row.State)
	}
	err = p.Store.Write(ctx, func(tx *store.Tx) error { return tx.Cancel(ctx, tenant, d, "cancelled by "+by, p.Now()) })
	p.touch(d.Target)
	return err
}

func (p *Publisher) touch(target int64) {
	if p.Touched != nil {
		p.Touched(target)
	}
}
