package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hacek/internal/hub"
)

// healthz says that the process lives. It touches nothing, so that a slow disk kills nobody.
func (a *API) healthz(*call) (answer, error) { return plain("ok\n"), nil }

// readyIn is how long the canary may take.
const readyIn = 2 * time.Second

// readyz commits a canary: what accepts events must be able to keep them.
func (a *API) readyz(c *call) (answer, error) {
	if err := a.canary(c.r.Context()); err != nil {
		a.Log.Warn("not ready", "err", err)
		if hub.CodeOf(err) != "" {
			return answer{}, err
		}
		return answer{}, hub.Errorf(hub.Unavailable, "nothing could be committed within %s", readyIn).WithHint("the log of the hub says why")
	}
	if a.Ready != nil {
		if err := a.Ready(); err != nil {
			return answer{}, hub.Errorf(hub.Unavailable, "%v", err)
		}
	}
	return plain("ok\n"), nil
}

// canary commits a row, at most once a second: strangers may ask too, and each commit waits for the disk.
func (a *API) canary(ctx context.Context) error {
	a.canaryTurn.Lock()
	defer a.canaryTurn.Unlock()
	if now := a.Now(); now.Sub(a.canaryAt).Abs() < time.Second {
		return a.canaryErr
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyIn)
	defer cancel()
	a.canaryErr = a.Store.Canary(ctx)
	a.canaryAt = a.Now()
	return a.canaryErr
}

func (a *API) openapi(*call) (answer, error) { return answer{raw: a.spec.document}, nil }

func plain(text string) answer {
	return answer{raw: []byte(text), contentType: "text/plain; charset=utf-8"}
}

// metrics has its own registry, so that nothing appears in it that nobody put there.
type metrics struct {
	requests prometheus.Counter
	registry *prometheus.Registry
}

func newMetrics(more []prometheus.Collector) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), requests: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hacek_api_requests_total", Help: "Requests that reached an operation of the API.",
	})}
	m.registry.MustRegister(m.requests)
	m.registry.MustRegister(more...)
	return m
}

func (a *API) showMetrics(c *call) (answer, error) {
	promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(c.w, c.r)
	return answer{written: true}, nil
}
