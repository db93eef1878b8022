// Package api is the REST API below /v1 with its OpenAPI document: it turns HTTP into a call of ingest, settings
// and the store, and their answer into JSON. It must not know the engine, SQL, or the other doors.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/mail"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// Options of New. The first five are needed; zero works for the rest.
type Options struct {
	Auth     *auth.Authenticator
	Settings *settings.Service
	Ingest   *ingest.Publisher
	Store    *store.Store
	Log      *slog.Logger

	Now     func() time.Time
	MaxData int // bytes of one event's data; zero: ingest.DefaultMaxData
	// Sending tells whether an attempt at a delivery is under way right now.
	Sending func(target, seq int64) bool
	// Ready says why the hub should get no traffic, beyond what a canary commit tells; nil or no error: ready.
	Ready func() error
	// Collectors are the gauges of who works the deliveries; /metrics shows them beside the API's own.
	Collectors []prometheus.Collector
	// PublicURL is how the world reaches a listener, "" being the hub's own address. Nil: addresses are shown from the root.
	PublicURL func(listener string) string
	// Release makes events of a request in quarantine; PreviewSource tells what settings would make of the newest requests;
	// Trigger sends a signed sample to a source. Nil: the receiver does not run.
	Release       func(ctx context.Context, tenant int64, source, request hub.ID, reason, by string) ([]hub.ID, error)
	PreviewSource func(ctx context.Context, tenant int64, s settings.Source, last int) (hub.SourcePreview, error)
	Trigger       func(ctx context.Context, s settings.Source, eventType string) (hub.InRequest, error)
	// Support answers with the bundle for whoever helps. Nil: there is none.
	Support func(ctx context.Context, w http.ResponseWriter, by settings.By) error
	// Mail is the server that mails go through. Nil: none is set.
	Mail *mail.Mailer
	// Listening says how a listener is at this moment; false when it does not run. Nil: nobody knows.
	Listening func(id hub.ID) (hub.Listening, bool)
	// Stream carries what /v1/stream shows. Nil: a stream that stays silent.
	Stream *Stream
}

// API is the handler of everything below /v1, and of /healthz, /readyz, /metrics and /openapi.json.
type API struct {
	Options
	spec    *spec
	mux     *http.ServeMux
	metrics *metrics

	mu       sync.Mutex
	inFlight map[[32]byte]bool // Idempotency-Keys being worked on

	canaryTurn sync.Mutex // one canary at a time
	canaryAt   time.Time
	canaryErr  error
}

// New assembles the API.
func New(o Options) *API {
	s, err := readSpec()
	if err != nil {
		panic(fmt.Sprintf("BUG: the OpenAPI document: %v", err))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxData == 0 {
		o.MaxData = ingest.DefaultMaxData
	}
	if o.Sending == nil {
		o.Sending = func(int64, int64) bool { return false }
	}
	if o.PublicURL == nil {
		o.PublicURL = func(string) string { return "" }
	}
	if o.Stream == nil {
		o.Stream = &Stream{}
	}
	a := &API{Options: o, spec: s, mux: http.NewServeMux(), metrics: newMetrics(o.Collectors), inFlight: map[[32]byte]bool{}}
	for _, r := range a.routes() {
		a.register(r)
	}
	a.mux.HandleFunc("/", a.unknown)
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }
