package hub

import (
	"net/http"
	"time"
)

// Result is how one attempt ended.
type Result string

// Every way an attempt can end. docs/delivery-states.md explains each to its reader.
const (
	Succeeded      Result = "succeeded"
	Refused        Result = "refused"         // an answer that the success rule does not take
	Redirected     Result = "redirected"      // 3xx: never followed
	TimedOut       Result = "timed_out"       // no whole answer in time
	NoAddress      Result = "dns_failed"      // the name has no address
	NoConnection   Result = "connect_failed"  // refused, unreachable, reset
	TLSFailed      Result = "tls_failed"      // certificate or handshake
	Garbage        Result = "invalid_answer"  // not HTTP, or broken off
	Blocked        Result = "blocked"         // the guarded dialer does not call this address
	RenderFailed   Result = "render_failed"   // a template could not be filled
	AuthFailed     Result = "auth_failed"     // no token could be had
	ConditionError Result = "condition_error" // the condition failed at run time
	Interrupted    Result = "interrupted"     // we were stopping; counts as no try
	StepFailed     Result = "step_failed"     // a step of a pipeline: a validation, a database, a mail server
	Waiting        Result = "waiting"         // a pipeline goes on later, as it was told to; no failure
)

// Ours reports a result that says nothing about the receiver.
func (r Result) Ours() bool { return r == Interrupted }

// Attempt is one try with its evidence. A failure is data here, never an error.
type Attempt struct {
	N               int // counted from 1
	At              time.Time
	Took            time.Duration
	Result          Result
	Status          int           // 0 when there was no answer
	RetryAfter      time.Duration // what the receiver asked for, either form
	Final           bool          // a rule says that no retry will mend it
	Error           string        // in words, "" on success
	Hint            string
	Request         SentRequest
	Response        Answer
	Timing          Timing
	Peer            Peer
	SettingsVersion int64
	Test            bool
	Steps           []StepRecord  // of a pipeline, as far as this attempt came
	Wait            time.Duration // until a waiting pipeline goes on
	Blame           bool          // a step's failure that other runs would meet too: their database is away
}

// StepRecord is what one step did in one attempt, secrets masked. Input and Output are cut at a cap.
type StepRecord struct {
	N         int      `json:"n"` // counted from 1
	Type      string   `json:"type"`
	Name      string   `json:"name,omitempty"`
	Result    string   `json:"result"` // done, failed, waiting, kept (from an earlier attempt), skipped
	Took      Duration `json:"took"`
	Error     string   `json:"error,omitempty"`
	Hint      string   `json:"hint,omitempty"`
	Input     string   `json:"input,omitempty"`
	Output    string   `json:"output,omitempty"`
	Truncated bool     `json:"truncated,omitempty"`
}

// Results of a step.
const (
	StepDone    = "done"
	StepBroken  = "failed"
	StepWaiting = "waiting"
	StepKept    = "kept"
)

// SentRequest is what went out, secrets masked.
type SentRequest struct {
	Method  string
	URL     string
	Headers []Header
	Body    []byte
	// DataAt and DataLen say where in Body the event's data stand byte for byte, so that evidence need not keep
	// them twice; DataLen is 0 when they do not.
	DataAt, DataLen int
}

// Header is one line; names keep the order they were sent in.
type Header struct{ Name, Value string }

// Answer is what came back, cut at a cap.
type Answer struct {
	Status    int
	Headers   http.Header
	Body      []byte
	Truncated bool
}

// Timing of the phases; zero where a phase did not happen (a connection was reused).
type Timing struct{ DNS, Connect, TLS, FirstByte, Total time.Duration }

// Peer is whom we talked to.
type Peer struct {
	Address    string
	TLSVersion string // "" for plain http
	Issuer     string
	Expires    time.Time
}

// BlamesTarget reports failures that more tries of other deliveries would only repeat: transport, 5xx, 429.
func (a *Attempt) BlamesTarget() bool {
	switch a.Result {
	case TimedOut, NoAddress, NoConnection, TLSFailed, Garbage, AuthFailed:
		return true
	case StepFailed:
		return a.Blame
	case Refused:
		return a.Status >= 500 || a.Status == http.StatusTooManyRequests
	}
	return false
}
