package engine

import (
	"context"
	"time"

	"hacek/internal/hub"
)

// load is one read of a target's deliveries, made on a goroutine of its own.
type load struct {
	target  *target
	lane    *lane // nil: the whole target
	plan    int   // the target's when it began
	limit   int
	fresh   bool // rows behind the cursor were asked for
	retries []hub.Delivery
	rows    []hub.Delivery // in order of acceptance
	events  map[hub.ID]*hub.Event
	due     time.Time // the earliest retry that is not due yet; zero: none
	more    bool      // more are due than were read
	err     error
}

// want is a read that waits for its turn: of a target, or of one lane.
type want struct {
	target *target
	lane   *lane
}

// maybeRefill queues a read when a target's memory has run low and more is on disk.
func (e *Engine) maybeRefill(t *target) {
	if t.reading || t.waiting || e.targets[t.No] != t {
		return
	}
	if t.State != hub.Active && t.State != hub.Disabled {
		return
	}
	now := e.Clock.Now()
	if t.settling = t.settling && len(t.known) > 0; t.settling {
		return
	}
	if t.rest.After(now) {
		e.wakeAt(t, t.rest)
		return
	}
	if !t.asked.IsZero() {
		e.wakeAt(t, t.asked)
	}
	dueNow := !t.dueKnown || !t.due.IsZero() && !t.due.After(now)
	if !t.ordered() && dueNow && t.retry.head() == nil || t.unread && e.room(t) {
		t.waiting = true
		e.readers = append(e.readers, want{target: t})
		return
	}
	if !t.due.IsZero() && t.due.After(now) {
		e.wakeAt(t, t.due)
	}
}

// startReads starts queued reads in the order they were asked for.
func (e *Engine) startReads() {
	for len(e.readers) > 0 && e.reads < refillQuery && !e.stopping {
		t, l := e.readers[0].target, e.readers[0].lane
		e.readers = e.readers[1:]
		if l != nil {
			e.readLane(t, l)
			continue
		}
		t.waiting = false
		if e.targets[t.No] != t {
			continue
		}
		t.reading, t.skipped, t.dueMid, t.finished = true, false, time.Time{}, nil
		e.reads++
		r := &load{target: t, plan: t.plan, limit: e.window(), fresh: t.unread && e.room(t)}
		now, after := e.Clock.Now(), t.cursor
		// What is in memory stands in front of what a read by due time finds: read past it.
		known := 0
		for _, n := range t.known {
			if n.delivery.Tries > 0 && !t.Release.Frees(n.delivery) {
				known++
			}
		}
		no, tenant, ordered, release := t.No, t.Tenant, t.ordered(), t.Release
		var latest time.Time
		if !t.pulled {
			t.pulled, latest = true, e.latest(t, now)
		}
		go func() {
			if !latest.IsZero() {
				r.err = e.Store.PullIn(e.flying, no, latest)
			}
			e.read(r, no, tenant, ordered, release, after, known, now)
			e.inbox.put(func() { e.inbox.loaded = append(e.inbox.loaded, r) })
		}()
	}
}

func (e *Engine) read(l *load, no, tenant int64, ordered bool, release hub.Release, after int64, known int, now time.Time) {
	ctx := e.flying
	if l.err != nil {
		return
	}
	if ordered {
		l.rows, l.err = e.Store.InOrder(ctx, no, after, l.limit)
	} else {
		if l.retries, l.err = e.Store.DueRetries(ctx, no, release, now, l.limit+known); l.err != nil {
			return
		}
		l.more = len(l.retries) == l.limit+known
		if l.due, _, l.err = e.Store.NextDue(ctx, no, release, now); l.err != nil {
			return
		}
		if l.fresh {
			l.rows, l.err = e.Store.Fresh(ctx, no, release, after, l.limit)
		}
	}
	if l.err == nil {
		l.err = e.readPayloads(ctx, tenant, l)
	}
}

// payloadChunk and payloadBytes are how much of the payloads a read brings along; the others are read when their turn
// comes.
const (
	payloadChunk = 256
	payloadBytes = 4 << 20
)

func (e *Engine) readPayloads(ctx context.Context, tenant int64, l *load) error {
	ids := make([]hub.ID, 0, payloadChunk)
	for _, rows := range [][]hub.Delivery{l.retries, l.rows} {
		for i := range rows {
			if len(ids) < payloadChunk {
				ids = append(ids, rows[i].Event)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	events, err := e.Store.Payloads(ctx, tenant, ids, payloadBytes)
	if err != nil {
		return err
	}
	l.events = make(map[hub.ID]*hub.Event, len(events))
	for _, event := range events {
		l.events[event.ID] = event
	}
	return nil
}

// wantLane queues a read of one lane whose memory has run out.
func (e *Engine) wantLane(t *target, l *lane) {
	l.busy = true // until the read is back
	e.readers = append(e.readers, want{t, l})
}

func (e *Engine) readLane(t *target, l *lane) {
	if t.lanes[l.key] != l {
		return // forgotten meanwhile
	}
	// What comes from here on may or may not be among what is read, so it is noted as more.
	l.asked, l.more = true, false
	e.reads++
	no, tenant, key, after, all := t.No, t.Tenant, l.key, l.last, t.policy.Order.By == hub.OrderAll
	plan, limit := t.plan, e.laneRoom()
	go func() {
		r := &load{target: t, lane: l, plan: plan, limit: limit}
		if all {
			r.rows, r.err = e.Store.InOrder(e.flying, no, after, limit)
		} else {
			r.rows, r.err = e.Store.Lane(e.flying, no, key, after, limit)
		}
		if r.err == nil {
			r.err = e.readPayloads(e.flying, tenant, r)
		}
		e.inbox.put(func() { e.inbox.loaded = append(e.inbox.loaded, r) })
	}()
}

// loaded takes what a read found.
func (e *Engine) loaded(l *load) {
	t := l.target
	e.reads--
	if l.lane == nil {
		t.reading = false
	}
	if e.targets[t.No] != t {
		return
	}
	defer e.touch(t)
	now := e.Clock.Now()
	switch {
	case l.plan != t.plan:
		// Forgotten meanwhile, and read again from the beginning.
	case l.err != nil:
		e.Log.Error("deliveries not read", "target", t.ID.Text(t.Prefix()), "err", l.err)
		t.rest, t.pulled = now.Add(stuckRetry), false
		e.reread(t)
	case l.lane != nil:
		e.laneLoaded(l)
	default:
		e.targetLoaded(l, now)
	}
}

func (e *Engine) laneLoaded(l *load) {
	t, lane := l.target, l.lane
	more := lane.more || len(l.rows) == l.limit
	lane.busy, lane.asked, lane.more = false, false, false
	for i := range l.rows {
		e.enlane(t, l.entry(&l.rows[i]))
	}
	lane.more = lane.more || more
	switch {
	case len(lane.queue) == 0 && lane.more:
		e.wantLane(t, lane)
	case len(lane.queue) == 0:
		delete(t.lanes, lane.key)
	}
}

func (e *Engine) targetLoaded(l *load, now time.Time) {
	t := l.target
	if t.State != hub.Active && t.State != hub.Disabled {
		t.unread = true
		return
	}
	for i := range l.retries {
		if !t.finished[l.retries[i].Seq] {
			e.enqueue(t, l.entry(&l.retries[i]))
		}
	}
	if !t.ordered() {
		t.due, t.dueKnown = earlier(l.due, t.dueMid), true
		if l.more {
			t.due = now
		}
		if !t.due.IsZero() {
			e.wakeAt(t, t.due)
		}
	}
	for i := range l.rows {
		if due := t.Release.Due(l.rows[i]); !t.ordered() && due.After(now) && l.rows[i].Tries > 0 {
			e.lookAgain(t, due, now)
		} else if !t.finished[l.rows[i].Seq] {
			e.enqueue(t, l.entry(&l.rows[i]))
		}
		t.cursor = max(t.cursor, l.rows[i].Seq)
	}
	switch lane := t.lanes[""]; {
	case t.policy.Order.By == hub.OrderAll && lane != nil && lane.more:
		t.unread = false // whatever there is on disk, the one lane comes to it
	case l.fresh && len(l.rows) < l.limit && !t.skipped:
		t.unread = false
	}
}

// lookAgain notes when a delivery may go that was brought forward but whose receiver named a moment that is still to
// come. It is behind the cursor then, so the target is read from the beginning, though not for each of many.
func (e *Engine) lookAgain(t *target, due, now time.Time) {
	if soonest := now.Add(askedEach); due.Before(soonest) {
		due = soonest
	}
	t.asked = earlier(t.asked, due)
	e.wakeAt(t, t.asked)
}

func (l *load) entry(d *hub.Delivery) *entry {
	return &entry{delivery: *d, event: l.events[d.Event]}
}

// latest is the moment after which no setting lets a retry wait. What is due later was written by a clock that was
// wrong, and is brought forward when the target is first read.
func (e *Engine) latest(t *target, now time.Time) time.Time {
	longest := hub.LongestWait
	for _, interval := range t.policy.Retry.Intervals {
		longest = max(longest, 2*interval.D())
	}
	return now.Add(longest)
}
