package server

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hacek/internal/engine"
	"hacek/internal/store"
)

// gauges reads the engine's and the store's figures at the moment they are asked for. No label names a target: an
// installation may have thousands.
type gauges struct {
	engine *engine.Engine
	store  *store.Store
}

type gauge struct {
	name, help string
	kind       prometheus.ValueType
	read       func(engine.Counts, *store.Store) float64
}

func gaugeList() []gauge {
	return []gauge{
		{"hacek_attempts_total", "Attempts started.", prometheus.CounterValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.Attempts) }},
		{"hacek_deliveries_delivered_total", "Deliveries that succeeded.", prometheus.CounterValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.Delivered) }},
		{"hacek_deliveries_failed_total", "Deliveries that were given up.", prometheus.CounterValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.Failed) }},
		{"hacek_deliveries_retried_total", "Attempts that failed and will be made again.", prometheus.CounterValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.Retried) }},
		{"hacek_attempts_in_flight", "Attempts under way.", prometheus.GaugeValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.Flights) }},
		{"hacek_deliveries_in_memory", "Deliveries the engine holds in memory; the rest waits in the database.", prometheus.GaugeValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.Entries) }},
		{"hacek_payload_bytes_in_memory", "Bytes of event data they hold.", prometheus.GaugeValue, func(c engine.Counts, _ *store.Store) float64 { return float64(c.PayloadBytes) }},
		{"hacek_outcomes_not_durable", "Outcomes of attempts that are not committed yet.", prometheus.GaugeValue, func(_ engine.Counts, s *store.Store) float64 { return float64(s.Backlog()) }},
		{"hacek_disk_free_bytes", "Free disk of the data directory.", prometheus.GaugeValue, func(_ engine.Counts, s *store.Store) float64 { return float64(s.Free()) }},
	}
}

func (g gauge) description() *prometheus.Desc { return prometheus.NewDesc(g.name, g.help, nil, nil) }

// Describe is prometheus.Collector's.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, one := range gaugeList() {
		to <- one.description()
	}
}

// Collect is prometheus.Collector's.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	counts := g.engine.Counts(ctx)
	for _, one := range gaugeList() {
		to <- prometheus.MustNewConstMetric(one.description(), one.kind, one.read(counts, g.store))
	}
}
