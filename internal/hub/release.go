package hub

import "time"

// Plan says what a delivery's next try waits for: it is the target's Release at the moment it was planned. Numbers are
// compared rather than moments, since a clock may be set back and many tries fall into one millisecond.
type Plan int64

const (
	planBits   = 32
	planOwn    = Plan(1)<<planBits - 1 // in place of the recoveries: the fault was the delivery's, so no recovery mends it
	planAsTold = Plan(1) << 62         // a step waits as it was told to; neither a recovery nor a person shortens that
)

// Numbers of a recovery.
const (
	// RecoveryGap is how long a target has to be let alone after a recovery before the next one brings anything
	// forward: a receiver that comes and goes must not use up the tries of what waits for it.
	RecoveryGap   = time.Minute
	recoveryRamp  = time.Minute // what was brought forward goes at a growing pace for so long
	recoveryStep  = 10 * time.Second
	recoveryFirst = 5 // a second, twice as many with every step
)

// Release is when a target's waiting deliveries were last brought forward. It is kept with the target, one row
// however much waits, and counts for every delivery whose next try was planned before.
type Release struct {
	Resumes     int64 // by a person
	ResumedAt   time.Time
	Recoveries  int64 // by the target, which took a delivery again after an outage
	RecoveredAt time.Time
}

// Now is the plan of a try that is planned now and waits for the target to work again.
func (r Release) Now() Plan { return r.person() + Plan(r.Recoveries) }

func (r Release) person() Plan { return Plan(r.Resumes) << planBits }

// Plans lists every plan that has been made since and still stands.
func (r Release) Plans() [3]Plan { return [3]Plan{r.Now(), r.person() + planOwn, planAsTold} }

// Plan of the try that follows an attempt.
func (r Release) Plan(a *Attempt) Plan {
	switch {
	case a.Result == Waiting:
		return planAsTold
	case a.BlamesTarget():
		return r.Now()
	}
	return r.person() + planOwn
}

// Frees reports that a delivery's next try was brought forward since it was planned.
func (r Release) Frees(d Delivery) bool { return d.Tries > 0 && d.Plan < r.Now() }

// Due is when a delivery's next try may go. A moment that the receiver itself named is kept by a recovery, though not
// by a person, who may know better.
func (r Release) Due(d Delivery) time.Time {
	if !r.Frees(d) {
		return d.DueAt
	}
	due := r.RecoveredAt
	if d.Plan < r.person() {
		due = r.ResumedAt
	} else if d.AskedUntil.After(due) {
		due = d.AskedUntil
	}
	if d.DueAt.Before(due) {
		return d.DueAt
	}
	return due
}

// Pace is the spacing at which what was brought forward goes at a moment, so that a receiver that has only just come
// back is not flooded. Zero is none: it has been back for a while, or a person has resumed it at a pace of their own.
func (r Release) Pace(now time.Time) time.Duration {
	back := now.Sub(r.RecoveredAt)
	if r.RecoveredAt.IsZero() || !r.RecoveredAt.After(r.ResumedAt) || back < 0 || back >= recoveryRamp {
		return 0
	}
	return time.Second / (recoveryFirst << (back / recoveryStep))
}
