package api

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"hacek/internal/hub"
)

// getSupportBundle sends the bundle while it is made. One that breaks off must not look whole.
func (a *API) getSupportBundle(c *call) (answer, error) {
	if a.Support == nil {
		return answer{}, hub.Errorf(hub.NotAvailable, "this hub makes no support bundles")
	}
	out := &download{w: c.w, name: "hacek-support-" + a.Now().UTC().Format("20060102-150405") + ".zip"}
	err := a.Support(c.r.Context(), out, c.by())
	if err != nil && out.begun {
		a.Log.Error("support bundle broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return answer{written: err == nil}, err
}

// download sends its header with the first byte, so that a refusal before it is still a refusal.
type download struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "application/zip")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		d.w.Header().Set("Cache-Control", "no-store")
	}
	return d.w.Write(p)
}

// MetricsText writes what /metrics shows.
func (a *API) MetricsText(to io.Writer) error {
	request, err := http.NewRequest(http.MethodGet, "/metrics", http.NoBody) //nolint:noctx // nothing is called
	if err != nil {
		return fmt.Errorf("read the figures: %w", err)
	}
	a.metrics.handler.ServeHTTP(&bodyOnly{Writer: to, header: http.Header{}}, request)
	return nil
}

// bodyOnly takes an answer's body where nobody waits for the rest.
type bodyOnly struct {
	io.Writer
	header http.Header
}

func (b *bodyOnly) Header() http.Header { return b.header }
func (b *bodyOnly) WriteHeader(int)     {}

// Health says what /readyz says.
func (a *API) Health(ctx context.Context) error {
	if err := a.canary(ctx); err != nil {
		return err
	}
	if a.Ready == nil {
		return nil
	}
	return a.Ready()
}
