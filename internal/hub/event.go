package hub

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of an event's envelope, in bytes. The payload's limit is a setting of the door.
const (
	MaxTypeLen   = 255
	MaxKeyLen    = 255
	MaxCallerID  = 255
	MaxSourceLen = 255
	MaxHops      = 10
)

// Event is a fact that was accepted; it never changes.
type Event struct {
	ID          ID
	Tenant      int64 // tenant number
	Type        string
	Source      string // "api", a source's name, or CloudEvents' own
	CallerID    string // the publisher's id, "" when none was given
	Key         string // the business number people quote: order, shipment, SKU
	Time        time.Time
	ReceivedAt  time.Time
	Channels    []string
	Metadata    []byte // JSON object, nil when none
	Refs        []string
	Data        []byte // JSON, byte for byte as it came
	RoutingRev  int64  // the tenant's settings as they were at acceptance
	Parent      ID     // the event this one came from (resend, publish step)
	Hops        int    // how many hubs and publishes it has passed
	VendorType  string // a source's own word for the type
	OnlyTarget  int64  // a resend goes to one target; 0 is the ordinary fan-out
	ContentType string // of Data; application/json
	Unverified  bool   // released from quarantine: nobody has proved whom it comes from
}

// CheckText refuses what a database or a header could not carry: bytes that are not UTF-8, NUL, and too much of it.
func CheckText(p *Problems, pointer, text string, limit int) {
	switch {
	case len(text) > limit:
		p.Add(pointer, "is %d bytes long; at most %d are allowed", len(text), limit)
	case !utf8.ValidString(text):
		p.Add(pointer, "is not valid UTF-8")
	case strings.ContainsRune(text, 0):
		p.Add(pointer, "contains a NUL character")
	}
}

// TakesType tells whether a subscription takes an event type; one without patterns takes all but the hub's own.
func TakesType(patterns []string, eventType string) bool {
	if len(patterns) == 0 {
		return MatchesType("*", eventType)
	}
	for _, pattern := range patterns {
		if MatchesType(pattern, eventType) {
			return true
		}
	}
	return false
}

// MatchesType tells whether a pattern of a subscription takes an event type. A `*` at the end matches any rest;
// the hub's own events (`hacek.*`) are taken only by a pattern that names them.
func MatchesType(pattern, eventType string) bool {
	if strings.HasPrefix(eventType, OwnPrefix) && !strings.HasPrefix(pattern, OwnPrefix) {
		return false
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, prefix)
	}
	return pattern == eventType
}

// CheckPattern refuses a `*` anywhere but at the end.
func CheckPattern(p *Problems, pointer, pattern string) {
	CheckText(p, pointer, pattern, MaxTypeLen)
	switch i := strings.IndexByte(pattern, '*'); {
	case pattern == "":
		p.Add(pointer, "is empty; leave the list empty to take every event type")
	case i >= 0 && i != len(pattern)-1:
		p.Add(pointer, "%q: a * may only stand last, as in order.*", pattern)
	}
}
