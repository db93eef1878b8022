package api

import (
	"context"
	"fmt"
	"io"

	"github.com/prometheus/common/expfmt"

	"hacek/internal/hub"
)

// getSupportBundle sends the bundle while it is made.
func (a *API) getSupportBundle(c *call) (answer, error) {
	if a.Support == nil {
		return answer{}, hub.Errorf(hub.NotAvailable, "this hub makes no support bundles")
	}
	err := a.Support(c.r.Context(), c.w, c.by())
	return answer{written: err == nil}, err
}

// MetricsText writes what /metrics shows.
func (a *API) MetricsText(to io.Writer) error {
	families, err := a.metrics.registry.Gather()
	if err != nil {
		return fmt.Errorf("read the figures: %w", err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(to, family); err != nil {
			return err
		}
	}
	return nil
}

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
