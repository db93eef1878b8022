package check

import (
	"fmt"
	"slices"
	"time"
)

// Limits say when a history is worth judging, and how long an outcome may stay undurable.
type Limits struct {
	Kills   int           // counted kills
	Open    int           // deliveries owed at each of them
	Events  int           // acknowledged events
	Retries int           // deliveries answered 5xx by the receiver
	Undone  time.Duration // an answer this long before a kill must have been recorded durably
	AtOnce  int           // so many successes at most may be without a durable record when a kill comes
}

// slack is how long a request may lie in the receiver's socket after its sender has died.
const slack = time.Second

// What can be wrong with a history.
const (
	Lost         = "lost"         // acknowledged and matching, but never received with 2xx
	Changed      = "changed"      // another type or key, or other bytes of data, arrived than were published
	Doubled      = "doubled"      // sent again although its success could have been durable
	Overdue      = "overdue"      // a kill met more successes without a durable record than can be on their way
	Unknown      = "unknown"      // received under an id nobody was told
	Misdelivered = "misdelivered" // received where its condition does not let it
	Unstable     = "unstable"     // one event, several ids; or one id, several events
	Unfinished   = "unfinished"   // an intent without a result, or never acknowledged
	Refused      = "refused"      // a correct request was refused for good
	Broken       = "broken"       // the journal contradicts itself
	Vacuous      = "vacuous"      // too little happened to prove anything
)

// Report is the judgement: figures for people, violations for the exit code.
type Report struct {
	Events, Repeats, Receipts, Retries   int // events acknowledged; publishes after the first; deliveries received; answered 5xx
	Kills, Uncounted, Doubles, LeastOpen int
	MostDoubles                          int // that one kill excuses
	Matched                              int // pairs of acknowledged event and endpoint it matches
	Violations                           map[string][]string
}

// OK says that the history proves what it should.
func (r *Report) OK() bool { return len(r.Violations) == 0 }

func (r *Report) violate(kind, format string, values ...any) {
	r.Violations[kind] = append(r.Violations[kind], fmt.Sprintf(format, values...))
}

// event is what the publisher knows of one caller id.
type event struct {
	caller, kind, digest, id string
	tries                    int
	waiting                  bool // an intent without its result
}

// place is one event at one endpoint.
type place struct{ endpoint, event string }

// Check judges a history.
func Check(h History, limits Limits) *Report {
	r := &Report{Violations: map[string][]string{}}
	endpoints, kills := r.faults(h.Faults, limits)
	events := r.published(h.Publisher)
	receipts := r.received(h.Receiver, endpoints, events)
	r.lost(endpoints, events, receipts)
	r.doubles(receipts, kills, limits)
	r.vacuous(limits, endpoints, h)
	return r
}

// faults reads the fault log: which endpoints there are, and when the hub was killed.
func (r *Report) faults(lines []Line, limits Limits) (map[string][]string, []Line) {
	endpoints := map[string][]string{}
	var kills []Line
	for _, line := range lines {
		switch line.Op {
		case OpEndpoint:
			endpoints[line.Endpoint] = line.Kinds
		case OpKill:
			kills = append(kills, line)
			if line.Counted != (line.Open >= limits.Open) {
				r.violate(Broken, "kill %d: counted %t with %d open deliveries", line.Seq, line.Counted, line.Open)
			}
			if line.Until < line.At {
				r.violate(Broken, "kill %d ended before it began", line.Seq)
			}
			if !line.Counted {
				r.Uncounted++
				continue
			}
			if r.Kills == 0 || line.Open < r.LeastOpen {
				r.LeastOpen = line.Open
			}
			r.Kills++
		case OpReady:
		default:
			r.violate(Broken, "fault log, line %d: %q", line.Seq, line.Op)
		}
	}
	return endpoints, kills
}

// published reads what the publishers meant and what they were told. Every intent is followed by its result, and every
// caller id ends acknowledged, always under the same event id.
func (r *Report) published(lines []Line) map[string]*event {
	callers := map[string]*event{}
	for _, line := range lines {
		e := callers[line.CallerID]
		if e == nil {
			e = &event{caller: line.CallerID, kind: line.Kind, digest: line.Digest}
			callers[line.CallerID] = e
		}
		switch line.Op {
		case OpIntent:
			if e.waiting || line.Try != e.tries+1 || line.Kind != e.kind || line.Digest != e.digest {
				r.violate(Broken, "publisher, line %d: intent %d of %s does not follow", line.Seq, line.Try, line.CallerID)
			}
			e.tries, e.waiting = line.Try, true
			if line.Try > 1 {
				r.Repeats++
			}
		case OpResult:
			if !e.waiting || line.Try != e.tries {
				r.violate(Broken, "publisher, line %d: result %d of %s without its intent", line.Seq, line.Try, line.CallerID)
			}
			e.waiting = false
			r.result(e, line)
		default:
			r.violate(Broken, "publisher, line %d: %q", line.Seq, line.Op)
		}
	}
	events := map[string]*event{}
	for _, e := range callers {
		switch other := events[e.id]; {
		case e.id == "" || e.waiting:
			r.violate(Unfinished, "caller id %s was never acknowledged (%d tries)", e.caller, e.tries)
		case other != nil:
			r.violate(Unstable, "event %s was the answer to both %s and %s", e.id, other.caller, e.caller)
		default:
			events[e.id] = e
		}
	}
	r.Events = len(events)
	return events
}

func (r *Report) result(e *event, line Line) {
	switch {
	case line.Status/100 == 2 && line.Event == "":
		r.violate(Broken, "caller id %s was acknowledged without an event id", e.caller)
	case line.Status/100 == 2 && e.id != "" && e.id != line.Event:
		r.violate(Unstable, "caller id %s was acknowledged as %s and as %s", e.caller, e.id, line.Event)
	case line.Status/100 == 2:
		e.id = line.Event
	case line.Status/100 == 4 && line.Status != 429:
		r.violate(Refused, "caller id %s was answered %d", e.caller, line.Status)
	}
}

// received sorts the receipts by event and endpoint, and looks at each one by itself.
func (r *Report) received(lines []Line, endpoints map[string][]string, events map[string]*event) map[place][]Line {
	receipts := map[place][]Line{}
	for _, line := range lines {
		if line.Op != OpReceipt {
			r.violate(Broken, "receiver, line %d: %q", line.Seq, line.Op)
			continue
		}
		r.Receipts++
		if line.Status/100 == 5 {
			r.Retries++
		}
		e := events[line.Event]
		kinds, known := endpoints[line.Endpoint]
		switch {
		case !known:
			r.violate(Misdelivered, "receipt %d: no endpoint %q", line.Seq, line.Endpoint)
		case e == nil:
			r.violate(Unknown, "receipt %d at %s: nobody was told of event %q", line.Seq, line.Endpoint, line.Event)
		case !slices.Contains(kinds, e.kind):
			r.violate(Misdelivered, "receipt %d: %s is of kind %s, which %s does not take", line.Seq, line.Event, e.kind, line.Endpoint)
		case line.Digest != e.digest:
			r.violate(Changed, "receipt %d at %s: %s was published as %s and arrived as %s", line.Seq, line.Endpoint, line.Event, e.digest, line.Digest)
		}
		at := place{line.Endpoint, line.Event}
		receipts[at] = append(receipts[at], line)
	}
	return receipts
}

// lost looks for acknowledged events that some endpoint should have received with success and did not.
func (r *Report) lost(endpoints map[string][]string, events map[string]*event, receipts map[place][]Line) {
	for name, kinds := range endpoints {
		for id, e := range events {
			if !slices.Contains(kinds, e.kind) {
				continue
			}
			r.Matched++
			succeeded := func(line Line) bool { return line.Status/100 == 2 }
			if !slices.ContainsFunc(receipts[place{name, id}], succeeded) {
				r.violate(Lost, "%s never arrived at %s", id, name)
			}
		}
	}
}

// doubles looks at every delivery that was tried again after a success. Only a kill excuses that, and only as many as can
// have been on their way to the disk: a hub that records late would have more.
func (r *Report) doubles(receipts map[place][]Line, kills []Line, limits Limits) {
	excused := make([]int, len(kills))
	for at, lines := range receipts {
		for i := 1; i < len(lines); i++ {
			success, again := lines[i-1], lines[i]
			if success.Status/100 != 2 {
				continue
			}
			r.Doubles++
			if k := excuse(kills, success, again, limits.Undone); k >= 0 {
				excused[k]++
				continue
			}
			r.violate(Doubled, "%s at %s: received with %d in receipt %d, again in receipt %d, and no kill excuses it",
				at.event, at.endpoint, success.Status, success.Seq, again.Seq)
		}
	}
	for k, n := range excused {
		r.MostDoubles = max(r.MostDoubles, n)
		if n > limits.AtOnce {
			r.violate(Overdue, "kill %d: %d successes were not recorded durably, at most %d can be on their way", kills[k].Seq, n, limits.AtOnce)
		}
	}
}

// excuse finds the kill that took the record of a success away: one that came after the success, before the repetition,
// and so soon that the success could not be durable yet; -1 when there is none. A success just after a kill was still in
// the receiver's socket, and is that kill's only when no later one explains it better.
func excuse(kills []Line, success, again Line, undone time.Duration) int {
	found := -1
	for k, kill := range kills {
		switch {
		case success.At < kill.At-undone.Microseconds() || again.At < kill.At:
		case success.At <= kill.Until:
			return k
		case success.At <= kill.Until+slack.Microseconds():
			found = k
		}
	}
	return found
}

// vacuous refuses a history in which too little happened.
func (r *Report) vacuous(limits Limits, endpoints map[string][]string, h History) {
	atLeast := func(what string, got, want int) {
		if got < want {
			r.violate(Vacuous, "%s: %d, at least %d are needed", what, got, want)
		}
	}
	atLeast("acknowledged events", r.Events, limits.Events)
	atLeast("kills", r.Kills, limits.Kills)
	atLeast("retries", r.Retries, limits.Retries)
	atLeast("endpoints", len(endpoints), 1)
	for name := range endpoints {
		atEndpoint := func(line Line) bool { return line.Endpoint == name }
		if !slices.ContainsFunc(h.Receiver, atEndpoint) {
			r.violate(Vacuous, "endpoint %s received nothing", name)
		}
	}
	if limits.Kills < 4 {
		return
	}
	for _, during := range []string{"pause", "resume"} {
		met := func(line Line) bool { return line.Op == OpKill && line.Counted && line.During == during }
		if !slices.ContainsFunc(h.Faults, met) {
			r.violate(Vacuous, "no kill fell into a %s", during)
		}
	}
}
