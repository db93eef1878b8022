// Package web is the console: it turns a browser's request into a call of settings, ingest and the store, and their
// answer into a page in the reader's language. It must not know the engine, SQL, or the other doors.
package web

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/mail"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// Console is the handler of every page. The first five fields and Now are needed; zero works for the rest.
type Console struct {
	Auth     *auth.Authenticator
	Settings *settings.Service
	Ingest   *ingest.Publisher
	Store    *store.Store
	Log      *slog.Logger
	Now      func() time.Time

	Version string
	// PublicURL is how the world reaches a listener, "" being the hub's own address.
	PublicURL func(listener string) string
	// First is the link that makes the first administrator. Nil: there is none.
	First *auth.FirstLink
	// Live tells open pages that something happened. Nil: pages do not change by themselves.
	Live *Live
	// Tally holds the figures that are not written down yet. Nil: pages show what is.
	Tally *Tally
	// What the receiver does for the pages of sources. Nil: it does not run, and the pages say so.
	Release       func(ctx context.Context, tenant int64, source, request hub.ID, reason, by string) ([]hub.ID, error)
	PreviewSource func(ctx context.Context, tenant int64, s settings.Source, last int) (hub.SourcePreview, error)
	PreviewSince  func(ctx context.Context, tenant int64, s settings.Source, since time.Time) (hub.SourcePreview, error)
	Trigger       func(ctx context.Context, s settings.Source, eventType string) (hub.InRequest, error)

	// ReadBatch takes several events apart as the API does, by the kind of document they stand in.
	ReadBatch func(contentType string, body []byte) ([]ingest.Line, error)
	// Support answers with the bundle for whoever helps. Nil: there is none.
	Support func(ctx context.Context, w http.ResponseWriter, by settings.By) error
	// Listening says how a listener is at this moment; false when it does not run. Nil: nobody knows.
	Listening func(id hub.ID) (hub.Listening, bool)
	// Mail is the server that notices go through. Nil: none is set, and the page says so.
	Mail *mail.Mailer
	// Retain is how long finished events are kept; zero: for good.
	Retain time.Duration

	// CheckEvery is how often an open stream asks whether its reader may still see it. Zero: half a minute.
	CheckEvery time.Duration

	made   madeSecrets
	tried  triedCalls
	pages  *template.Template
	assets *assets
	guard  http.CrossOriginProtection
}

// Handler is what serves everything: pages, style sheet and scripts. It is called once, when the fields are set.
func (c *Console) Handler() http.Handler {
	c.pages, c.assets = parsePages(), readAssets()
	mux := http.NewServeMux()
	mux.Handle("GET "+staticPath, c.assets)
	for _, r := range c.routes() {
		mux.Handle(r.method+" "+r.path, c.guarded(c.answer(r)))
	}
	mux.Handle("/portal/{tenant}", c.portalDoor())
	mux.Handle("/portal/{tenant}/", c.portalDoor())
	mux.Handle("/", c.guarded(c.answer(route{least: "", open: true, handle: (*visit).unknown})))
	return secured(mux)
}

// guarded refuses what another site made the browser send (rule 20).
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.guard.Check(r); err != nil {
			c.answer(route{open: true, handle: (*visit).foreign}).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// policy lets a page load what we serve, and nothing else; no text of an event can become a script. framing says who may
// show it in a frame.
func policy(framing string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors " + framing + "; base-uri 'none'"
}

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy("'none'"))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
