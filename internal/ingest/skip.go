package ingest

import (
	"slices"
	"strings"
	"sync/atomic"

	"hacek/internal/hub"
)

// skip is why an event does not concern a target.
type skip int

const (
	taken skip = iota
	skipOff
	skipType
	skipSource
	skipChannel
	skipUnverified
	skipCondition
	skipKinds
)

// name is the reason as figures name it.
func (s skip) name() string {
	return [skipKinds]string{
		skipOff: "off", skipType: "event_type", skipSource: "source", skipChannel: "channel", skipUnverified: "not_verified", skipCondition: "condition",
	}[s]
}

// skips counts the targets that one event does not concern.
type skips [skipKinds]int

// misses answers taken when type, source and channels fit.
func (r *route) misses(e *hub.Event) skip {
	s := &r.subscription
	switch {
	case !hub.TakesType(s.EventTypes, e.Type) && (e.VendorType == "" || !hub.TakesType(s.EventTypes, e.VendorType)):
		return skipType
	case len(s.Sources) > 0 && !slices.Contains(s.Sources, e.Source):
		return skipSource
	case len(s.Channels) > 0 && !overlap(s.Channels, e.Channels):
		return skipChannel
	case e.Unverified && !r.unverified:
		return skipUnverified
	}
	return taken
}

// passes is misses in words: "" when type, source and channels fit, else the reason why not.
func (r *route) passes(e *hub.Event) string {
	switch r.misses(e) {
	case skipType:
		return "event type: " + e.Type + " is not subscribed"
	case skipSource:
		return "source: " + e.Source + " is not subscribed"
	case skipChannel:
		return "channel: the event has none of " + strings.Join(r.subscription.Channels, ", ")
	case skipUnverified:
		return "not verified: the request was released from quarantine, and the pipeline takes verified events only"
	}
	return ""
}

// Counts is what came through the door since the start.
type Counts struct {
	Accepted uint64            // events that are durable
	Repeated uint64            // that were known by their id already
	Skipped  map[string]uint64 // targets that accepted events do not concern, by reason
}

type counters struct {
	accepted, repeated atomic.Uint64
	skipped            [skipKinds]atomic.Uint64
}

func (c *counters) accept(s *skips) {
	c.accepted.Add(1)
	for kind, n := range s {
		if n > 0 {
			c.skipped[kind].Add(uint64(n))
		}
	}
}

// Counts reads the counters.
func (p *Publisher) Counts() Counts {
	c := Counts{Accepted: p.counters.accepted.Load(), Repeated: p.counters.repeated.Load(), Skipped: make(map[string]uint64, skipKinds)}
	for kind := skipOff; kind < skipKinds; kind++ {
		c.Skipped[kind.name()] = p.counters.skipped[kind].Load()
	}
	return c
}
