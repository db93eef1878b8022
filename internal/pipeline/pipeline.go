// Package pipeline runs the steps that a pipeline's settings list: check, fetch, map, write, call, mail, publish, wait.
// It must not know our database, when a try is due, or what becomes of a delivery: one run in, one attempt out, with
// what was achieved so far.
package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hacek/internal/connection"
	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/mail"
	"hacek/internal/sender"
)

// Limits of one pipeline and one run.
const (
	MaxSteps    = 50
	MaxProgress = 8 << 20  // bytes kept between two tries
	maxEvidence = 16 << 10 // bytes of a step's input or output that are shown
	maxRows     = 10_000   // child rows of one upsert, all tables together
	maxTable    = 10_000   // different fetches whose version is remembered
)

// Runner runs pipelines. Its fields are set before the first run.
type Runner struct {
	Sender     *sender.Sender
	Mail       *mail.Mailer // nil: not set up
	Log        *slog.Logger
	Now        func() time.Time // nil: the system's clock
	Connection func(ctx context.Context, tenant int64, name string) (*connection.DB, error)
	Table      func(ctx context.Context, tenant int64, name string) (hub.TranslationTable, error)
	Publish    func(ctx context.Context, from *hub.Event, in Publish) (hub.ID, error) // durable when it returns

	mu      sync.Mutex
	gates   map[gateKey]*gate
	shared  shared
	version versions
	repeats repeats
}

// Publish is an event that a step makes. The same ID again is the same event, so that a repeat does no harm.
type Publish struct {
	ID, Type, Key string
	Data          []byte
}

// Call is one event on its way through one pipeline.
type Call struct {
	Event           *hub.Event
	EventID         string // as others see it; "" is Event.ID's text
	DeliveryID      string
	AttemptID       string
	Pipeline        string // its name
	Number          int    // of the attempt, from 1
	SettingsVersion int64
	Now             time.Time // zero: the runner's clock
	Progress        []byte    // what the try before returned
	// Save keeps progress before the next step begins; nil keeps nothing until the run ends.
	Save func(ctx context.Context, progress []byte) error
}

// Result is how a run ended. The progress is to be kept with the delivery and given back at the next try; it is nil
// when there is nothing to go on with.
type Result struct {
	Attempt  hub.Attempt
	Progress []byte
}

// Compiled is a pipeline's settings, checked and compiled once, used by any number of runs at once.
type Compiled struct {
	tenant  int64
	name    string
	steps   []step
	callers []*sender.Compiled // whose secrets are hidden in the evidence of every step
}

// step is one compiled step.
type step struct {
	n          int // from 1
	settings   hub.Step
	hash       string // of the settings without secrets: a new token undoes nothing that was done
	action     action
	repeatable bool // does nothing outside: when its result is too large to be kept, it is done again
	lasting    bool // has an effect outside and cannot see by itself that it was done before
}

// action does a step's work.
type action interface {
	do(ctx context.Context, w *work, s *step) outcome
}

// outcome is what a step came to. Exactly one of done, failed and waiting holds: fail is nil and wait is zero when it
// is done.
type outcome struct {
	output expr.Doc // what later steps see under the step's name
	fail   *failure
	wait   time.Duration
	why    string // in words, when it waits
	note   note   // what a waiting or failed step wants to know next time
}

// note is what a step that is not done remembers, times in Unix milliseconds.
type note struct {
	Since int64 `json:"since,omitempty"` // when it began to wait
	Until int64 `json:"until,omitempty"` // when its turn comes
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func failed(f *failure) outcome { return outcome{fail: f} }
