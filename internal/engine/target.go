package engine

import (
	"container/heap"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// target is one target's part of the plan, in memory only: what is stored is owed, whatever stands here.
type target struct {
	hub.Target
	shared *hub.Target // what attempts see: replaced, never changed
	policy hub.Policy
	work   work

	known  map[int64]*entry // everything in memory, by sequence number: waiting, flying, or not yet recorded
	retry  fifo             // due again, oldest first
	fresh  fifo             // never tried, in order of acceptance
	freed  fifo             // tried before and brought forward since, in order of acceptance
	lanes  map[string]*lane // targets that keep an order
	ready  fifo             // heads of lanes that may go
	flying int
	plan   int        // counts the rereads: what was read for an earlier plan is thrown away
	told   hub.Target // what setTarget was given last

	// What is on disk and not in memory. unread: rows may lie behind cursor. skipped: some came while a read was
	// under way. dueKnown: due is the earliest retry on disk (zero: none).
	cursor   int64
	unread   bool
	skipped  bool
	reading  bool
	waiting  bool // in the queue for a read
	due      time.Time
	dueKnown bool
	// What was recorded while a read was under way: the read may still have seen it as it was before.
	dueMid   time.Time // the earliest retry
	finished map[int64]bool
	pulled   bool      // retries that were due unreasonably late were brought forward
	settling bool      // an ordered target waits until nothing of its old plan is in memory
	noticed  time.Time // the outage that a notice was given about
	given    bool      // of this outage, before a resume or a restart, or that it was disabled
	parked   int       // heads of lanes that wait for their next try
	rest     time.Time // after a fault of ours: no start and no read before
	asked    time.Time // when to look again for what was brought forward, save that its receiver named a later moment
	gentle   int       // after a recovery: how many may fly, one more with every answer; zero: as many as its settings say

	pace  pace
	wake  time.Time // when it stands in the heap; zero: it does not
	index int
	dirty bool
}

// entry is a delivery in memory. Its event may be dropped to save memory, and is read again before it is sent.
type entry struct {
	delivery hub.Delivery
	event    *hub.Event
	lane     *lane
	flying   bool
	waits    bool // head of a lane whose next try is not due yet
	gone     bool // forgotten while it flew or waited
}

// ordered tells whether deliveries wait for each other.
func (t *target) ordered() bool { return t.policy.Order.By != hub.OrderNone }

// window is how many deliveries of one target may be in memory.
func (e *Engine) window() int {
	most := e.Window
	if most == 0 {
		most = maxWindow
	}
	return min(most, max(minWindow, maxEntries/max(1, len(e.targets))))
}

// setTarget takes a target's newest settings and state.
func (e *Engine) setTarget(n hub.Target) {
	t := e.targets[n.No]
	if n.Deleted {
		if t != nil {
			e.forget(t)
			for seq, flying := range t.known {
				e.release(t, seq, flying)
			}
			delete(e.targets, n.No)
		}
		return
	}
	if t == nil {
		t = &target{known: map[int64]*entry{}, index: -1, told: n, given: n.Told()}
		e.targets[n.No] = t
	} else {
		// What the engine itself knows better than whoever read the row.
		n.Health = t.Health
		n.Release.Recoveries, n.Release.RecoveredAt = t.Release.Recoveries, t.Release.RecoveredAt
		if sameChoice(&n, &t.told) {
			// Nobody chose a state since, so that of the hub's own account stands, written down yet or not.
			t.told = n
			n.State, n.StateBy, n.StateWhy, n.StateAt = t.State, t.StateBy, t.StateWhy, t.StateAt
		} else {
			t.told = n
		}
	}
	policy := n.Policy()
	reread := t.work == nil || t.State != n.State || t.policy.Order != policy.Order ||
		t.DrainMark != n.DrainMark || t.DrainRate != n.DrainRate || t.Release.Resumes != n.Release.Resumes
	if t.work != nil && t.Release.Resumes != n.Release.Resumes {
		t.given = t.given || t.Told()
		n.Health, t.gentle = t.Resumed(), 0 // a person says that it is well again
	}
	if t.work == nil || t.Version != n.Version {
		t.work = e.workOf(&n)
	}
	t.Target, t.shared, t.policy = n, &n, policy
	t.pace.set(policy.Limits.Rate, n.DrainRate, n.DrainMark)
	if reread {
		e.reread(t)
	}
	e.touch(t)
}

// sameChoice tells whether two rows bear the same state, set by the same hand at the same moment.
func sameChoice(a, b *hub.Target) bool {
	return a.State == b.State && a.StateBy == b.StateBy && a.StateWhy == b.StateWhy && a.StateAt.UnixMilli() == b.StateAt.UnixMilli()
}

// forget drops what waits in memory. What flies lands on its own.
func (e *Engine) forget(t *target) {
	for seq, n := range t.known {
		if n.flying {
			n.lane = nil
			continue
		}
		n.gone, n.waits = true, false
		e.release(t, seq, n)
	}
	e.parked -= t.parked
	t.retry, t.fresh, t.freed, t.ready, t.lanes, t.parked = fifo{}, fifo{}, fifo{}, fifo{}, nil, 0
}

// reread forgets a target's plan and reads it from the store again.
func (e *Engine) reread(t *target) {
	e.forget(t)
	t.plan++
	t.cursor, t.unread, t.skipped, t.dueKnown, t.asked = 0, true, true, false, time.Time{}
	t.settling = t.ordered() && len(t.known) > 0
	e.touch(t)
}

// hold puts an entry among those in memory.
func (e *Engine) hold(t *target, n *entry) {
	t.known[n.delivery.Seq] = n
	e.entries++
	if n.event != nil {
		if e.payload+len(n.event.Data) > maxPayload {
			n.event = nil
			return
		}
		e.payload += len(n.event.Data)
	}
}

// release takes it out.
func (e *Engine) release(t *target, seq int64, n *entry) {
	if t.known[seq] != n {
		return
	}
	delete(t.known, seq)
	e.entries--
	e.shed(n)
}

// shed drops an entry's payload; it is read again before it is sent.
func (e *Engine) shed(n *entry) {
	if n.event != nil {
		e.payload -= len(n.event.Data)
		n.event = nil
	}
}

// room tells whether more of a target may be read into memory.
func (e *Engine) room(t *target) bool {
	return len(t.known)-t.parked <= e.window()/2 && t.parked < maxParked*e.window()
}

// offered is the fast path: a delivery that was just committed goes straight to its target's queue, unless older
// ones are still on disk.
func (e *Engine) offered(f *store.Fresh) {
	t := e.targets[f.Delivery.Target]
	if t == nil {
		return
	}
	if seq := f.Delivery.Seq; seq <= t.cursor {
		// A read was faster than the word of its commit, or the commit was found later than others.
		l := t.lanes[t.laneKey(&f.Delivery)]
		if t.known[seq] == nil && (l == nil || !l.more || seq <= l.last) {
			e.reread(t)
		}
		return
	}
	full := len(t.known)-t.parked >= e.window() || t.parked >= maxParked*e.window() || e.entries-e.parked >= maxEntries
	if t.State != hub.Active || t.unread || full {
		t.unread, t.skipped = true, true
		if t.State == hub.Active || t.State == hub.Disabled {
			e.touch(t)
		}
		return
	}
	e.enqueue(t, &entry{delivery: f.Delivery, event: f.Event})
	t.cursor = max(t.cursor, f.Delivery.Seq)
	e.touch(t)
}

// enqueue puts a delivery where it has to wait.
func (e *Engine) enqueue(t *target, n *entry) {
	if t.known[n.delivery.Seq] != nil {
		return
	}
	switch {
	case t.ordered():
		e.enlane(t, n)
	case t.Release.Frees(n.delivery):
		e.hold(t, n)
		t.freed.push(n)
	case n.delivery.Tries > 0:
		e.hold(t, n)
		t.retry.push(n)
	default:
		e.hold(t, n)
		t.fresh.push(n)
	}
}

// next picks the delivery that goes first: due retries before others; the oldest of all when it is a probe or was
// held. What was brought forward lets others pass while it has to keep its pace.
func (t *target) next(probe bool, now time.Time) *fifo {
	queues := [...]*fifo{&t.ready, &t.retry, &t.freed, &t.fresh}
	freed := t.freed.head()
	if freed != nil && !t.pace.waitFreed(t.Release.Pace(now), now).IsZero() {
		freed = nil
	}
	var best *fifo
	for _, q := range queues {
		n := q.head()
		if n == nil || q == &t.freed && freed == nil {
			continue
		}
		if !probe && freed == nil && !t.pace.draining(n.delivery.Seq) {
			return q
		}
		if best == nil || n.delivery.Seq < best.head().delivery.Seq {
			best = q
		}
	}
	return best
}

// fifo is a queue that skips what was forgotten.
type fifo struct {
	items []*entry
	first int
}

func (q *fifo) push(n *entry) {
	if q.first > 64 && q.first*2 > len(q.items) {
		q.items = append(q.items[:0], q.items[q.first:]...)
		q.first = 0
	}
	q.items = append(q.items, n)
}

func (q *fifo) head() *entry {
	for q.first < len(q.items) {
		if n := q.items[q.first]; !n.gone && !n.flying {
			return n
		}
		q.items[q.first] = nil
		q.first++
	}
	q.items, q.first = q.items[:0], 0
	return nil
}

func (q *fifo) pop() { q.items[q.first] = nil; q.first++ }

// wakeHeap orders targets by the moment something may happen with them.
type wakeHeap []*target

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake.Before(h[j].wake) }
func (h wakeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].index, h[j].index = i, j }

// Push and Pop are container/heap's.
func (h *wakeHeap) Push(x any) { t := x.(*target); t.index = len(*h); *h = append(*h, t) }

// Pop takes the last.
func (h *wakeHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h, t.index = old[:len(old)-1], -1
	return t
}

// wakeAt has a target looked at at a moment, or earlier.
func (e *Engine) wakeAt(t *target, at time.Time) {
	switch {
	case t.index < 0:
		t.wake = at
		heap.Push(&e.wakes, t)
	case at.Before(t.wake):
		t.wake = at
		heap.Fix(&e.wakes, t.index)
	}
}

func (e *Engine) nextWake() (time.Time, bool) {
	if len(e.wakes) == 0 || e.stopping {
		return time.Time{}, false
	}
	return e.wakes[0].wake, true
}

func (e *Engine) wakeDue(now time.Time) {
	for len(e.wakes) > 0 && !e.wakes[0].wake.After(now) {
		t := heap.Pop(&e.wakes).(*target)
		if !t.asked.IsZero() && !t.asked.After(now) {
			e.reread(t)
		}
		e.wakeLanes(t, now)
		e.touch(t)
	}
}
