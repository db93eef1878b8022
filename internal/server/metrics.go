package server

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hacek/internal/engine"
	"hacek/internal/ingest"
	"hacek/internal/receiver"
	"hacek/internal/store"
)

// gauges reads the house's figures at the moment they are asked for. No label names a target: an installation may have
// thousands.
type gauges struct {
	engine   *engine.Engine
	store    *store.Store
	ingest   *ingest.Publisher
	receiver *receiver.Receiver
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

// tally is a counter for each outcome: what comes in is counted apart by what became of it.
type tally struct {
	name, help, label string
	read              func(*gauges) map[string]uint64
}

func tallies() []tally {
	return []tally{
		{"hacek_events_total", "Events at the door: accepted ones are durable, repeated ones were known by their id.", "outcome", func(g *gauges) map[string]uint64 {
			door := g.ingest.Counts()
			return map[string]uint64{"accepted": door.Accepted, "repeated": door.Repeated}
		}},
		{"hacek_deliveries_skipped_total", "Endpoints and pipelines that accepted events did not concern.", "reason", func(g *gauges) map[string]uint64 { return g.ingest.Counts().Skipped }},
		{"hacek_requests_total", "Requests to sources.", "outcome", func(g *gauges) map[string]uint64 { return g.receiver.Counts() }},
	}
}

func (t tally) description() *prometheus.Desc {
	return prometheus.NewDesc(t.name, t.help, []string{t.label}, nil)
}

// Describe is prometheus.Collector's.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, one := range gaugeList() {
		to <- one.description()
	}
	for _, one := range tallies() {
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
	for _, one := range tallies() {
		for label, n := range one.read(g) {
			to <- prometheus.MustNewConstMetric(one.description(), prometheus.CounterValue, float64(n), label)
		}
	}
}
