package engine

import (
	"time"

	"hacek/internal/hub"
)

// drainSlack is how much lateness a drain makes up for. More would be a burst, less would lose pace with every wake
// that comes late.
const drainSlack = 100 * time.Millisecond

// pace holds a target's starts to its rate - at most n in any sliding window, by a ring of the last n starts - and
// to the even spacing of what was held before a resume. What was brought forward when the target recovered goes at a
// pace of its own.
type pace struct {
	rate   hub.Rate
	starts []time.Time // ring of the last rate.Count starts
	oldest int

	drain hub.Rate
	mark  int64 // deliveries up to this number were held
	next  time.Time

	freed time.Time // the next start of what was brought forward
}

func (p *pace) set(rate, drain hub.Rate, mark int64) {
	if rate != p.rate {
		// The newest starts still count: a change of the rate opens no new window.
		starts := append(append([]time.Time(nil), p.starts[p.oldest:]...), p.starts[:p.oldest]...)
		p.rate, p.starts, p.oldest = rate, starts[max(0, len(starts)-rate.Count):], 0
	}
	if drain != p.drain || mark != p.mark {
		p.drain, p.mark, p.next = drain, mark, time.Time{}
	}
}

// draining tells whether a delivery was held before the resume and has to keep the drain's pace.
func (p *pace) draining(seq int64) bool { return !p.drain.IsZero() && seq <= p.mark }

// wait answers zero when a delivery may start now, else the moment to ask again.
func (p *pace) wait(seq int64, now time.Time) time.Time {
	var until time.Time
	if !p.rate.IsZero() && len(p.starts) == p.rate.Count {
		if free := p.starts[p.oldest].Add(p.rate.Per); free.After(now) {
			until = free
		}
	}
	if p.draining(seq) && p.next.After(now) && p.next.After(until) {
		until = p.next
	}
	return until
}

// started notes a start. A drain that woke late catches up a little.
func (p *pace) started(seq int64, now time.Time) {
	if !p.rate.IsZero() {
		if len(p.starts) < p.rate.Count {
			p.starts = append(p.starts, now)
		} else {
			p.starts[p.oldest] = now
			p.oldest = (p.oldest + 1) % p.rate.Count
		}
	}
	if p.draining(seq) {
		p.next = follow(p.next, p.drain.Every(), now)
	}
}

// follow is the start after one at now, evenly spaced from the last; zero: there was none.
func follow(last time.Time, every time.Duration, now time.Time) time.Time {
	next, earliest := last.Add(every), now.Add(-max(every, drainSlack))
	switch {
	case last.IsZero():
		return now.Add(every)
	case next.Before(earliest):
		return earliest
	}
	return next
}

// waitFreed and startedFreed are wait and started for what was brought forward; every is its spacing now, zero for none.
func (p *pace) waitFreed(every time.Duration, now time.Time) time.Time {
	if every == 0 || !p.freed.After(now) {
		return time.Time{}
	}
	return p.freed
}

func (p *pace) startedFreed(every time.Duration, now time.Time) {
	p.freed = time.Time{}
	if every > 0 {
		p.freed = now.Add(every)
	}
}
