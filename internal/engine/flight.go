package engine

import (
	"context"
	"fmt"
	"time"

	"hacek/internal/hub"
	"hacek/internal/sender"
	"hacek/internal/store"
)

// flight is one attempt under way.
type flight struct {
	target  *target
	entry   *entry
	probe   bool
	attempt hub.Attempt
}

// startOne starts the target's next delivery if it may go now. It answers false when there is nothing (more) to
// start at this moment, having noted when to look again.
func (e *Engine) startOne(t *target, now time.Time) bool {
	probe := false
	switch t.State {
	case hub.Active:
		if t.flying >= max(1, t.Endpoint.Limits.Concurrency) {
			return false
		}
	case hub.Disabled:
		if t.StateWhy == goneWhy {
			return false // the receiver unsubscribed; only a person switches it on again
		}
		if due := t.StateAt.Add(hub.ProbeDisabled); due.After(now) {
			e.wakeAt(t, due)
			return false
		}
		probe = true
	default:
		return false
	}
	if t.Health.Open() {
		if t.Health.BackoffUntil.After(now) {
			e.wakeAt(t, t.Health.BackoffUntil)
			return false
		}
		probe = true
	}
	if t.rest.After(now) {
		e.wakeAt(t, t.rest)
		return false
	}
	if probe && t.flying > 0 {
		return false
	}
	q := t.next(probe)
	if q == nil {
		return false
	}
	n := q.head()
	if until := t.pace.wait(n.delivery.Seq, now); !until.IsZero() {
		e.wakeAt(t, until)
		return false
	}
	q.pop()
	t.pace.started(n.delivery.Seq, now)
	if t.State == hub.Disabled {
		t.StateAt = now // the next probe in an hour
	}
	n.flying = true
	t.flying++
	e.flights++
	e.counts.Attempts++
	go e.fly(&flight{target: t, entry: n, probe: probe}, t.shared, t.compiled, t.broken, n.delivery, n.event)
	return true
}

// goneWhy is the reason of a target that was disabled by 410.
const goneWhy = "the receiver answered 410 Gone"

// fly makes the attempt. It runs on a goroutine of its own and touches nothing of the plan.
func (e *Engine) fly(f *flight, t *hub.Target, c *sender.Compiled, broken error, d hub.Delivery, event *hub.Event) {
	id := d.ID()
	call := sender.Call{
		Event: event, EventID: d.Event.Text(hub.EventPrefix), DeliveryID: id.Text(), AttemptID: id.Attempt(d.Tries + 1),
		Number: d.Tries + 1, SettingsVersion: t.Version, Now: e.Clock.Now(),
	}
	f.attempt = e.attempt(e.flying, t, c, broken, d, &call)
	if e.Attempted != nil && call.Event != nil && !f.attempt.Result.Ours() {
		e.Attempted(t, call, &f.attempt)
	}
	e.inbox.put(func() { e.inbox.landed = append(e.inbox.landed, f) })
}

func (e *Engine) attempt(ctx context.Context, t *hub.Target, c *sender.Compiled, broken error, d hub.Delivery, call *sender.Call) hub.Attempt {
	failed := func(r hub.Result, format string, args ...any) hub.Attempt {
		return hub.Attempt{N: call.Number, At: call.Now, Result: r, SettingsVersion: t.Version, Error: fmt.Sprintf(format, args...)}
	}
	if call.Event == nil {
		events, err := e.Store.Payloads(ctx, t.Tenant, []hub.ID{d.Event}, 0)
		if err == nil && len(events) == 0 {
			e.Log.Error("BUG: an event that is owed is gone", "event", d.Event.Text(hub.EventPrefix))
			a := failed(hub.RenderFailed, "the event is gone")
			a.Final = true
			return a
		}
		if err != nil {
			e.Log.Error("payload not read", "event", d.Event.Text(hub.EventPrefix), "err", err)
			return failed(hub.Interrupted, "the event could not be read: %v", err)
		}
		call.Event = events[0]
	}
	if broken != nil {
		return failed(hub.RenderFailed, "the endpoint's settings cannot be used: %v", broken)
	}
	a := e.Sender.Send(ctx, c, *call)
	if a.Result != hub.Succeeded && ctx.Err() != nil {
		a.Result, a.Error = hub.Interrupted, "the hub was stopping"
	}
	return a
}

// landed decides what follows from an attempt and queues its outcome for the next commit.
func (e *Engine) landed(f *flight, now time.Time) {
	t, n := f.target, f.entry
	t.flying--
	e.flights--
	defer e.touch(t)
	if f.attempt.Result.Ours() {
		e.relaunch(t, n, now)
		return
	}
	next := n.delivery.After(f.attempt, t.Endpoint.Retry, t.Endpoint.Order.Stuck, now, jitter())
	if t.State == hub.Disabled && next.State == hub.Failed && f.attempt.Status != 410 {
		// A probe of a disabled target costs no delivery its life: it is held like the others.
		next.State, next.DueAt = hub.Pending, now
	}
	o := &store.Outcome{Delivery: n.delivery, Tenant: t.Tenant, Attempt: &f.attempt, Next: next, At: now}
	if health := t.Health.After(f.attempt, f.probe, now); health != t.Health {
		t.Health = health
		o.Health = &health
	}
	switch next.State {
	case hub.Delivered:
		e.counts.Delivered++
	case hub.Failed:
		e.counts.Failed++
	default:
		e.counts.Retried++
	}
	if f.attempt.Result != hub.Succeeded {
		e.Log.Info("delivery attempted", "delivery", n.delivery.ID().Text(), "endpoint", t.ID.Text(t.Prefix()),
			"result", f.attempt.Result, "status", f.attempt.Status, "try", f.attempt.N, "state", next.State, "next", next.DueAt)
	}
	e.Store.Record(o)
	if e.targets[t.No] == t {
		e.judge(t, f.attempt, now)
	}
}

// relaunch puts a delivery back whose attempt did not count.
func (e *Engine) relaunch(t *target, n *entry, now time.Time) {
	n.flying, n.gone = false, true
	e.release(t, n.delivery.Seq, n)
	if e.targets[t.No] == t {
		t.rest = now.Add(stuckRetry)
		e.reread(t)
	}
}

// refused takes back a delivery whose outcome the database would not have. It is owed still, and tried again, but
// not at once: the receiver has it already.
func (e *Engine) refused(o *store.Outcome, now time.Time) {
	t := e.targets[o.Delivery.Target]
	if t == nil {
		return
	}
	if n := t.known[o.Delivery.Seq]; n != nil {
		e.relaunch(t, n, now)
		t.rest = now.Add(refusedRest)
	}
}

// recorded is called when an outcome is durable.
func (e *Engine) recorded(o *store.Outcome) {
	t := e.targets[o.Delivery.Target]
	if t == nil {
		return
	}
	if e.Outcome != nil {
		e.Outcome(t.shared, o)
	}
	if t.reading {
		if t.finished == nil {
			t.finished = map[int64]bool{}
		}
		t.finished[o.Delivery.Seq] = true
	}
	n := t.known[o.Delivery.Seq]
	if n == nil {
		return
	}
	n.flying = false
	if n.lane != nil {
		e.moveOn(t, n, o.Next)
	} else {
		e.release(t, o.Delivery.Seq, n)
		if o.Next.State == hub.Pending {
			if t.ordered() {
				e.reread(t)
			} else {
				e.dueAt(t, o.Next.DueAt)
			}
		}
	}
	e.touch(t)
}

// dueAt notes that a retry on disk is due at a moment.
func (e *Engine) dueAt(t *target, at time.Time) {
	t.due = earlier(t.due, at)
	if t.reading {
		t.dueMid = earlier(t.dueMid, at)
	}
	e.wakeAt(t, at)
}

// judge disables a target that is lost, and brings back one that answers again.
func (e *Engine) judge(t *target, a hub.Attempt, now time.Time) {
	switch why, lost := t.Health.ShouldDisable(a, t.Endpoint.DisableAfter.D(), now); {
	case t.State == hub.Active && lost:
		e.setState(t, hub.Disabled, why, now)
	case t.State == hub.Disabled && t.StateWhy != goneWhy && a.Status == 410 && lost:
		e.setState(t, hub.Disabled, why, now) // a probe was told so: no more of them
	case t.State == hub.Disabled && t.StateWhy != goneWhy && a.Result == hub.Succeeded:
		e.setState(t, hub.Active, "it answered again", now)
	}
}

// setState changes a target's state on the hub's own account; a person's choice in the meantime wins.
func (e *Engine) setState(t *target, state hub.TargetState, why string, now time.Time) {
	from := t.State
	t.State, t.StateBy, t.StateWhy, t.StateAt = state, "hacek", why, now
	e.Log.Warn("endpoint state changed", "endpoint", t.ID.Text(t.Prefix()), "state", state, "why", why)
	if state == hub.Active {
		e.reread(t)
	}
	no, tenant := t.No, t.Tenant
	e.writes.Go(func() {
		// It happened, so it is written even while we are stopping.
		ctx := context.WithoutCancel(e.flying)
		err := e.Store.Write(ctx, func(tx *store.Tx) error {
			return tx.ChangeState(ctx, tenant, no, from, state, "hacek", why, now)
		})
		if err != nil {
			e.Log.Error("endpoint state not written", "state", state, "err", err)
		}
	})
}

// earlier of two moments, where zero is "never".
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
