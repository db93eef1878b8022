package hub

import (
	"strconv"
	"strings"
	"time"
)

// Notice is what the hub has to say about one of its targets. It becomes an event, hacek.<kind>.<what>.
type Notice struct {
	What     string // failing, disabled, recovered
	Target   *Target
	Failures int       // attempts that failed in a row
	Since    time.Time // when the outage began
	At       time.Time // of the notice
	Cause    string    // the newest failure, or why it was disabled
	Hint     string
}

// The three things a notice can say.
const (
	NoticeFailing   = "failing"
	NoticeDisabled  = "disabled"
	NoticeRecovered = "recovered"
)

// OwnPrefix begins the types of the hub's own events.
const OwnPrefix = "hacek."

// Type is the event type.
func (n *Notice) Type() string { return OwnPrefix + string(n.Target.Kind) + "." + n.What }

// ID is the same for every notice of one kind about one outage, so that it is given once, whatever happens between. Only
// what is disabled again after a person resumed it is told again.
func (n *Notice) ID() string {
	id := n.Target.ID.Text(n.Target.Prefix()) + " " + n.What + " " + TimeText(n.Since)
	if resumes := n.Target.Release.Resumes; n.What == NoticeDisabled && resumes > 0 {
		id += " " + strconv.FormatInt(resumes, 10)
	}
	return id
}

// Addresses are those that the target's settings name for this notice.
func (n *Notice) Addresses() []string {
	notify := n.Target.Policy().Notify
	switch n.What {
	case NoticeFailing:
		return notify.Failing
	case NoticeDisabled:
		return notify.Disabled
	}
	return notify.Recovered
}

// Own tells the hub's own events. What becomes of them is never itself a reason for a notice.
func (e *Event) Own() bool { return strings.HasPrefix(e.Type, OwnPrefix) }
