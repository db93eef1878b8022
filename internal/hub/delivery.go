package hub

import (
	"time"
)

// LongestWait caps every wait between two tries, whoever asked for it.
const LongestWait = 24 * time.Hour

// DeliveryState is where a delivery stands.
type DeliveryState string

// A stored open delivery is owed; everything else is final. "sending" and "held" are facts about a pending one.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	Failed    DeliveryState = "failed"
	Cancelled DeliveryState = "cancelled"

	Superseded DeliveryState = "superseded" // a newer value took its place
	Expired    DeliveryState = "expired"
)

// Delivery is one event owed to one target.
type Delivery struct {
	Target int64
	Seq    int64 // order of acceptance, a number from the database
	Event  ID
	Gen    int // 0, and one more for each replay
	DueAt  time.Time
	Tries  int
	Key    string // set only where the target's order needs it

	// Of the next try, when there was one before. Release.Due tells when it may go.
	Plan       Plan
	AskedUntil time.Time // the receiver itself named this moment; zero: it named none
}

// ID is the delivery's name outside.
func (d Delivery) ID() DeliveryID { return DeliveryID{Event: d.Event, Target: d.Target, Gen: d.Gen} }

// Next is what becomes of a delivery after an attempt.
type Next struct {
	State  DeliveryState
	DueAt  time.Time // when pending
	Tries  int
	Reason string // why it is final, or what it waits for

	Plan       Plan      // of the target's Release
	AskedUntil time.Time // Retry-After
}

// After decides, after one attempt, whether a delivery is done, waits for its next try, or has failed. It is the
// whole state machine. jitter is a random number from 0 up to 1.
func (d Delivery) After(a *Attempt, retry Retry, stuck Stuck, now time.Time, jitter float64) Next {
	switch {
	case a.Result == Succeeded && a.Status == 0:
		return Next{State: Delivered, Tries: d.Tries + 1, Reason: "all steps done"}
	case a.Result == Succeeded:
		return Next{State: Delivered, Tries: d.Tries + 1, Reason: "answered " + statusText(a.Status)}
	case a.Result == Waiting:
		// The wait itself is no try, but what waits is read by its due time, which only tried deliveries have.
		return Next{State: Pending, Tries: max(1, d.Tries), DueAt: now.Add(min(a.Wait, LongestWait)), Reason: a.Error}
	case a.Result == Interrupted:
		return Next{State: Pending, Tries: d.Tries, DueAt: now, Reason: a.Error}
	}
	tries := d.Tries + 1
	switch {
	case a.Status == 410 && a.Result == Refused:
		return Next{State: Failed, Tries: tries, Reason: "the receiver answered 410 Gone"}
	case a.Final:
		return Next{State: Failed, Tries: tries, Reason: "final by rule: " + a.Error}
	case stuck.SetAsideAfter > 0 && tries >= stuck.SetAsideAfter:
		return Next{State: Failed, Tries: tries, Reason: "set aside after " + plural(tries, "try", "tries") + ": " + a.Error}
	case tries > len(retry.Intervals) && tries == 1:
		return Next{State: Failed, Tries: tries, Reason: "no retry is set: " + a.Error}
	case tries > len(retry.Intervals):
		return Next{State: Failed, Tries: tries, Reason: "all " + plural(tries, "try", "tries") + " used up: " + a.Error}
	}
	next := Next{State: Pending, Tries: tries, Reason: a.Error}
	if a.RetryAfter > 0 {
		next.AskedUntil = now.Add(min(a.RetryAfter, LongestWait))
	}
	next.DueAt = now.Add(min(max(retry.Wait(tries, jitter), a.RetryAfter), LongestWait))
	return next
}

// Planned is the delivery as it stands after an attempt that left it pending.
func (d Delivery) Planned(n Next) Delivery {
	d.Tries, d.DueAt, d.Plan, d.AskedUntil = n.Tries, n.DueAt, n.Plan, n.AskedUntil
	return d
}

// Wait is the pause after the n-th try (n from 1), jittered.
func (r Retry) Wait(n int, jitter float64) time.Duration {
	d := r.Intervals[n-1].D()
	return d + time.Duration(float64(d)*r.Jitter*(2*jitter-1))
}

func statusText(status int) string {
	if status == 0 {
		return "nothing"
	}
	return itoa(status)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}
