package engine

import (
	"context"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// flight is one attempt under way.
type flight struct {
	target *target
	entry  *entry
	probe  bool
	done   done
}

// startOne starts the target's next delivery if it may go now. It answers false when there is nothing (more) to
// start at this moment, having noted when to look again.
func (e *Engine) startOne(t *target, now time.Time) bool {
	probe := false
	switch t.State {
	case hub.Active:
		if t.flying >= t.mayFly() {
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
	q := t.next(probe, now)
	freed := t.freed.head()
	if until := t.pace.waitFreed(t.Release.Pace(now), now); freed != nil && !until.IsZero() {
		e.wakeAt(t, until)
	}
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
	if n == freed {
		t.pace.startedFreed(t.Release.Pace(now), now)
	}
	if t.State == hub.Disabled {
		t.StateAt = now // the next probe in an hour
	}
	n.flying = true
	t.flying++
	e.flights++
	e.counts.Attempts++
	// What the attempt needs is taken now: the plan goes on and may change it.
	f, shared, work, delivery, event := &flight{target: t, entry: n, probe: probe}, t.shared, t.work, n.delivery, n.event
	e.crew.run(func() { e.fly(f, shared, work, delivery, event) })
	return true
}

// goneWhy is the reason of a target that was disabled by 410.
const goneWhy = "the receiver answered 410 Gone"

// fly makes the attempt. It runs on a goroutine of its own and touches nothing of the plan.
func (e *Engine) fly(f *flight, t *hub.Target, w work, d hub.Delivery, event *hub.Event) {
	f.done = e.attempt(e.flying, t, w, d, event)
	e.inbox.put(func() { e.inbox.landed = append(e.inbox.landed, f) })
}

// landed decides what follows from an attempt and queues its outcome for the next commit.
func (e *Engine) landed(f *flight, now time.Time) {
	t, n := f.target, f.entry
	t.flying--
	e.flights--
	defer e.touch(t)
	if f.done.attempt.Result.Ours() {
		e.relaunch(t, n, now)
		return
	}
	next := n.delivery.After(f.done.attempt, t.policy.Retry, t.policy.Order.Stuck, now, jitter())
	if t.State == hub.Disabled && next.State == hub.Failed && f.done.attempt.Status != 410 {
		// A probe of a disabled target costs no delivery its life: it is held like the others.
		next.State, next.DueAt = hub.Pending, now
	}
	next.Plan = t.Release.Plan(f.done.attempt)
	o := &store.Outcome{Delivery: n.delivery, Tenant: t.Tenant, Attempt: f.done.attempt, Next: next, At: now,
		Stateful: t.Kind == hub.KindPipeline, Progress: f.done.progress}
	before := t.Health
	health := before.After(f.done.attempt, f.probe, now)
	if f.done.attempt.Result == hub.Succeeded && (before.Tripped || t.State == hub.Disabled) {
		health.Tripped = !e.recovers(t, now)
	}
	if health != before {
		t.Health = health
		o.Health, o.Release = &health, t.Release
		e.noticeHealth(t, before, f)
	}
	if t.gentle > 0 && health.Hard == 0 {
		t.gentle++
	}
	switch next.State {
	case hub.Delivered:
		e.counts.Delivered++
	case hub.Failed:
		e.counts.Failed++
	default:
		e.counts.Retried++
	}
	if r := f.done.attempt.Result; r != hub.Succeeded && r != hub.Waiting {
		e.Log.Info("delivery attempted", "delivery", n.delivery.ID().Text(), "target", t.ID.Text(t.Prefix()),
			"result", f.done.attempt.Result, "status", f.done.attempt.Status, "try", f.done.attempt.N, "state", next.State, "next", next.DueAt)
	}
	e.Store.Record(o)
	if e.targets[t.No] == t {
		e.judge(t, f.done.attempt, now)
	}
}

// recovers brings forward what waits because the target was away. It answers false when the last time is too short
// ago; the next success asks again.
func (e *Engine) recovers(t *target, now time.Time) bool {
	if ago := now.Sub(t.Release.RecoveredAt); ago >= 0 && ago < hub.RecoveryGap {
		return false
	}
	t.Release.Recoveries++
	t.Release.RecoveredAt = now
	t.gentle = 1
	e.reread(t)
	return true
}

// mayFly is how many of a target's deliveries may be in flight at this moment.
func (t *target) mayFly() int {
	most := max(1, t.policy.Limits.Concurrency)
	if t.gentle >= most {
		t.gentle = 0
	}
	if t.gentle > 0 {
		return t.gentle
	}
	return most
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
			if t.ordered() || t.Release.Frees(o.Delivery.Planned(o.Next)) {
				e.reread(t) // the second: brought forward while its outcome was being written
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
func (e *Engine) judge(t *target, a *hub.Attempt, now time.Time) {
	after := t.policy.DisableAfter.D()
	if !t.Health.FailingSince.IsZero() && e.watch.Jumped() {
		after = 0 // for how long it has failed is not known
	}
	switch why, lost := t.Health.ShouldDisable(a, after, t.Release.ResumedAt, now); {
	case t.State == hub.Active && lost:
		e.setState(t, hub.Disabled, why, now)
	case t.State == hub.Disabled && t.StateWhy != goneWhy && a.Status == 410 && lost:
		e.setState(t, hub.Disabled, why, now) // a probe was told so: no more of them
	case t.State == hub.Disabled && t.StateWhy != goneWhy && a.Result == hub.Succeeded:
		e.setState(t, hub.Active, "it answered again", now)
	}
}

// setState changes a target's state on the hub's own account; a person's choice in the meantime wins. It happened, so it
// is written even while we are stopping.
//
//nolint:contextcheck // that is why
func (e *Engine) setState(t *target, state hub.TargetState, why string, now time.Time) {
	from := t.State
	t.State, t.StateBy, t.StateWhy, t.StateAt = state, "hacek", why, now
	e.Log.Warn("target state changed", "target", t.ID.Text(t.Prefix()), "state", state, "why", why)
	if state == hub.Active {
		e.reread(t)
	}
	if state == hub.Disabled && e.Notice != nil {
		t.given = true
		e.notice(hub.Notice{What: hub.NoticeDisabled, Target: t.shared, Failures: t.Health.Failures, Since: t.Health.FailingSince, Cause: why})
	}
	no, tenant := t.No, t.Tenant
	e.writes.Go(func() {
		ctx := context.WithoutCancel(e.flying)
		err := e.Store.Write(ctx, func(tx *store.Tx) error {
			return tx.ChangeState(ctx, tenant, no, from, state, "hacek", why, now)
		})
		if err != nil {
			e.Log.Error("target state not written", "state", state, "err", err)
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
