package hub

import (
	"encoding/json"
	"time"
)

// Source is the settings of one incoming webhook, as in the API. Paths begin with body, item, header or query.
type Source struct {
	Name          string            `json:"name"`
	Path          string            `json:"path"` // of the address /in/{path}; unique in the whole installation
	Preset        string            `json:"preset"`
	Active        bool              `json:"active"`
	Verify        Verify            `json:"verify"`
	AllowNetworks []string          `json:"allow_networks"`
	Listener      string            `json:"listener"` // name of the only listener it is served on; "": all that serve receiver
	Accept        Accept            `json:"accept"`
	EventType     string            `json:"event_type"` // path, or template: "#header.X-GitHub-Event#.#body.action#"
	Key           string            `json:"key"`        // the same
	Time          string            `json:"time"`       // the same; when it happened there
	DuplicateOf   DuplicateOf       `json:"duplicate_of"`
	Thin          bool              `json:"thin"`  // a notice without content: a repeat has the original's pipelines run once more
	Split         string            `json:"split"` // path of a list; every item becomes an event
	Respond       Respond           `json:"respond"`
	MaxBody       Size              `json:"max_body"`
	TimeZone      string            `json:"time_zone"` // of times without an offset
	Description   string            `json:"description"`
	Labels        map[string]string `json:"labels"`

	SilentAfter json.RawMessage `json:"silent_after"` // not built yet
}

// Verify says how a request proves whom it comes from. The request itself never chooses.
type Verify struct {
	Scheme   string            `json:"scheme"` // a provider's name, "hmac", or "none" written out
	Secrets  []Secret          `json:"secrets"`
	Settings map[string]string `json:"settings,omitempty"` // what a scheme asks for beside the secret: webhook_id, topic_arns ...
	HMAC     *HMAC             `json:"hmac,omitempty"`     // scheme "hmac": the form; its secret stands in Secrets
}

// SchemeNone takes every request; it must be written out and needs allowed networks or a path nobody can guess.
const SchemeNone = "none"

// Accept is which verified requests become events.
type Accept struct {
	EventTypes []string `json:"event_types"`
	Condition  string   `json:"condition"`
}

// DuplicateOf says which requests are repeats of one another.
type DuplicateOf struct {
	Fields []string `json:"fields"` // paths; "body" is a hash of the whole body
	Window Duration `json:"window"`
}

// Respond is what the provider is told when its request is durable.
type Respond struct {
	Status      int    `json:"status"`
	Body        string `json:"body"`
	ContentType string `json:"content_type"`
}

// DefaultSource is what holds for every setting that neither the caller nor the preset gives.
func DefaultSource() Source {
	return Source{
		Active:      true,
		Respond:     Respond{Status: 200, ContentType: "text/plain"},
		DuplicateOf: DuplicateOf{Window: Duration(48 * time.Hour)},
		MaxBody:     1 << 20,
		TimeZone:    "UTC",
	}
}

// Secrets lists every secret with its JSON Pointer.
func (s *Source) Secrets() map[string]*Secret {
	all := map[string]*Secret{}
	for i := range s.Verify.Secrets {
		all["/verify/secrets/"+itoa(i)] = &s.Verify.Secrets[i]
	}
	return all
}

// Fates of a request to /in.
const (
	RequestAccepted    = "accepted"    // became events
	RequestDuplicate   = "duplicate"   // of an earlier one
	RequestIgnored     = "ignored"     // not accepted by rule
	RequestHandshake   = "handshake"   // answered, no event
	RequestQuarantined = "quarantined" // not verified, or not readable
	RequestReleased    = "released"    // out of quarantine, by a person
)

// InRequest is one request to /in/{path} and what became of it.
type InRequest struct {
	ID       ID
	Tenant   int64
	Source   int64 // the source's number
	At       time.Time
	Outcome  string
	Reason   string // in plain words
	Status   int    // what was answered
	Verified bool
	Method   string
	Query    string
	Headers  []Header
	Body     []byte // as it came, after decompression
	Size     int    // of the body as it came over the wire
	Peer     string // the caller's address
	Events   []ID
}

// SourcePreview is what settings, saved or not, would make of a source's newest requests.
type SourcePreview struct {
	Requests int              // that were looked at
	Events   int              // that they would become
	Repeats  int              // pieces that would be repeats of earlier ones
	Ignored  int              // pieces that would not be accepted by rule
	More     bool             // there are older ones that were not looked at
	Each     []PreviewRequest // oldest first
}

// PreviewRequest is one request of a preview.
type PreviewRequest struct {
	ID     ID
	At     time.Time
	Events []PreviewEvent
	Reason string // why nothing, or not everything, would come of it
}

// PreviewEvent is one event that a request would become.
type PreviewEvent struct {
	Type       string
	VendorType string
	Key        string
	Time       time.Time // when it happened there; zero when the request does not say so
	RepeatOf   ID        // of the request whose event it would repeat; zero: a new event
}
