// Package settings owns every change of an endpoint, a pipeline, a source, a connection, an event type, a key and a
// tenant: it validates, keeps or refuses secrets, and writes row and revision in one commit that is live at once.
// It must not know which door asked, nor SQL, nor how events are matched and deliveries made.
package settings

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/pipeline"
	"hacek/internal/sender"
	"hacek/internal/store"
	"hacek/packs"
)

// Service is the one way to change settings. The functions are called after each commit, in the order of commits.
type Service struct {
	Store  *store.Store
	Sender *sender.Sender
	Log    *slog.Logger
	Now    func() time.Time
	// MailReady tells that a mail server is set: without one nobody can be told of outages.
	MailReady bool
	// Runner shows what a pipeline would do.
	Runner *pipeline.Runner
	// Databases says what connections may reach on this machine.
	Databases connection.Options

	Changed      func(t hub.Target, rev int64) // t.Deleted when it is gone
	TypesChanged func([]EventType)
	KeysChanged  func() // keys or tenants

	ConnectionChanged func(Connection) // Deleted when it is gone
	TableChanged      func(Table)      // of translation tables
	// Matches says whether a subscription takes an event, and why not; the door for events knows.
	Matches func(ctx context.Context, tenant int64, sub hub.Subscription, e *hub.Event) (bool, string)

	SourceChanged   func(Source)   // Deleted when it is gone
	ListenerChanged func(Listener) // Deleted when it is gone
	// Provider finds whose webhooks the hub knows; the error names the nearest. Providers lists them. Nil: those of packs.
	Provider  func(name string) (*packs.Provider, error)
	Providers func() ([]*packs.Provider, error)
	// DedupeWindow is how long the store remembers events; zero: its default.
	DedupeWindow time.Duration

	// mu is held from the first read to the call after the commit, so that nobody hears of changes out of order.
	mu sync.Mutex
	// bounds are those of the tenants' calls.
	bounds bounds

	discovery discovery
}

// By says who changes something, for the audit, and what they have confirmed.
type By struct {
	Name string
	// Portal marks a tenant's own customer, who may not do all that an editor may.
	Portal bool
	// Backlog confirms that what waits may go to another host than the one it was accepted for.
	Backlog bool
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

func (s *Service) changed(t hub.Target, rev int64) {
	if s.Changed != nil {
		s.Changed(t, rev)
	}
}

func (s *Service) keysChanged() {
	if s.KeysChanged != nil {
		s.KeysChanged()
	}
}
