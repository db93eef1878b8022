package engine

import (
	"strconv"
	"time"

	"hacek/internal/hub"
)

// maxLane is how many deliveries of one lane are kept in memory; the rest is read when the lane has moved on.
const maxLane = 32

// lane is the deliveries of one key (or, with order "all", of the whole target), of which only the first may run.
type lane struct {
	key   string
	queue []*entry // queue[0] is the head
	last  int64    // the highest sequence number that was put here
	more  bool     // newer ones are on disk
	asked bool     // a read of them is under way
	busy  bool     // the head is ready, flying, waiting for its next try, or not yet recorded
}

// laneKey names a delivery's lane. One without a key waits for nobody: it has a lane of its own, whose name begins
// as no key does.
func (t *target) laneKey(d *hub.Delivery) string {
	switch {
	case t.policy.Order.By == hub.OrderAll:
		return ""
	case d.Key != "":
		return d.Key
	}
	return "\x00" + strconv.FormatInt(d.Seq, 36)
}

func (t *target) lane(d *hub.Delivery) *lane {
	key := t.laneKey(d)
	l := t.lanes[key]
	if l == nil {
		l = &lane{key: key}
		if t.lanes == nil {
			t.lanes = map[string]*lane{}
		}
		t.lanes[key] = l
	}
	return l
}

// laneRoom is how many deliveries of one lane may be in memory.
func (e *Engine) laneRoom() int { return min(maxLane, max(1, e.window()/2)) }

// enlane appends a delivery to its lane, or notes that it is on disk.
func (e *Engine) enlane(t *target, n *entry) {
	l := t.lane(&n.delivery)
	if n.delivery.Seq <= l.last {
		return
	}
	// Behind a head that waits, nothing is kept: it would take the room of lanes that may go.
	stuck := len(l.queue) > 0 && l.queue[0].waits
	if l.more || l.asked || stuck || len(l.queue) >= e.laneRoom() {
		l.more = true
		return
	}
	l.last = n.delivery.Seq
	n.lane = l
	l.queue = append(l.queue, n)
	e.hold(t, n)
	e.startHead(t, l, e.Clock.Now())
}

// startHead makes a lane's head ready, or has it wait for its due time.
func (e *Engine) startHead(t *target, l *lane, now time.Time) {
	if l.busy || len(l.queue) == 0 {
		return
	}
	l.busy = true
	n := l.queue[0]
	if due := t.Release.Due(n.delivery); due.After(now) && n.delivery.Tries > 0 {
		n.waits = true
		t.parked++
		e.parked++
		e.shed(n)
		e.wakeAt(t, due)
		return
	}
	t.headMayGo(n)
	e.touch(t)
}

// headMayGo puts a lane's head among those that may go.
func (t *target) headMayGo(n *entry) {
	if t.Release.Frees(n.delivery) {
		t.freed.push(n)
	} else {
		t.ready.push(n)
	}
}

// wakeLanes makes those heads ready whose next try is due.
func (e *Engine) wakeLanes(t *target, now time.Time) {
	for _, l := range t.lanes {
		if len(l.queue) == 0 || !l.queue[0].waits {
			continue
		}
		n := l.queue[0]
		if due := t.Release.Due(n.delivery); due.After(now) {
			e.wakeAt(t, due)
		} else {
			n.waits = false
			t.parked--
			e.parked--
			t.headMayGo(n)
		}
	}
}

// moveOn takes a finished head out of its lane, or keeps it there for its next try. It is called only when the
// outcome is durable: after a crash a lane may repeat its head, but never its order.
func (e *Engine) moveOn(t *target, n *entry, next hub.Next) {
	l := n.lane
	if l == nil || len(l.queue) == 0 || l.queue[0] != n {
		return
	}
	l.busy = false
	if next.State == hub.Pending {
		n.delivery = n.delivery.Planned(next)
		e.dropTail(t, l)
		e.startHead(t, l, e.Clock.Now())
		return
	}
	e.release(t, n.delivery.Seq, n)
	l.queue = l.queue[1:]
	e.startHead(t, l, e.Clock.Now())
	switch {
	case len(l.queue) == 0 && l.more:
		e.wantLane(t, l)
	case len(l.queue) == 0:
		delete(t.lanes, l.key)
	}
}

// dropTail frees the memory of a stuck lane: only its head stays, the others wait on disk.
func (e *Engine) dropTail(t *target, l *lane) {
	for _, n := range l.queue[1:] {
		n.gone = true
		e.release(t, n.delivery.Seq, n)
		l.more = true
	}
	l.queue = l.queue[:1]
	l.last = l.queue[0].delivery.Seq
}
