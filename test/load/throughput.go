//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"text/tabwriter"
)

// results are all valid runs, by kind and system.
type results map[string]map[string][]figures

// median of one figure over the runs of a kind on a system.
func (r results) median(kind, system string, figure func(figures) float64) float64 {
	var values []float64
	for _, f := range r[kind][system] {
		values = append(values, figure(f))
	}
	return median(values)
}

func rate(f figures) float64     { return f.rate }
func cpu(f figures) float64      { return f.cpu }
func p50(f figures) float64      { return f.p50 }
func p99(f figures) float64      { return f.p99 }
func memory(f figures) float64   { return float64(f.peak) / (1 << 20) }
func commits(f figures) float64  { return f.commits }
func accepted(f figures) float64 { return float64(f.accepted) }

// Names of the kinds that do not depend on the number of connections.
const (
	fanOut = "fan-out 1 to 10"
	steady = "200 events/s"
)

func (b *bench) kinds() []kind {
	var kinds []kind
	for _, n := range b.connections {
		kinds = append(kinds, kind{name: fmt.Sprintf("%d connections", n), connections: n, fan: 1})
	}
	kinds = append(kinds,
		// Ten deliveries cost more than one acceptance: without a window the publishers would only pile up a backlog.
		kind{name: fanOut, connections: b.connections[0], fan: 10, window: 10_000},
		kind{name: steady, connections: 32, fan: 1, rate: 200})
	var wanted []kind
	for _, k := range kinds {
		if strings.Contains(k.name, b.only) {
			wanted = append(wanted, k)
		}
	}
	return wanted
}

// throughput runs floor and hub in turn, so that whatever else the machine does meets all of them alike.
func (b *bench) throughput(ctx context.Context) error {
	systems := []string{onFloor, onSQLite}
	if b.postgres != "" {
		systems = append(systems, onPostgres)
	}
	if len(b.kinds()) == 0 {
		return fmt.Errorf("-only %s: no kind of run has that in its name (the requests of sources are in -mode receiving)", b.only)
	}
	r, invalid := results{}, 0
	for run := range b.runs {
		for _, k := range b.kinds() {
			for _, system := range systems {
				f, err := b.measure(ctx, system, k)
				if err != nil {
					return fmt.Errorf("run %d, %s, %s: %w", run+1, k.name, system, err)
				}
				fmt.Printf("run %d  %-16s  %-10s  %8.0f/s  %6.1f us  p50 %6.2f ms  p99 %6.2f ms  %4.0f MiB",
					run+1, k.name, system, f.rate, f.cpu, f.p50, f.p99, memory(f))
				if f.invalid != "" {
					fmt.Printf("  INVALID: %s\n", f.invalid)
					invalid++
					continue
				}
				fmt.Println()
				f.run = run
				if r[k.name] == nil {
					r[k.name] = map[string][]figures{}
				}
				r[k.name][system] = append(r[k.name][system], f)
			}
		}
	}
	r.print(b)
	if invalid > 0 {
		return fmt.Errorf("%d runs are invalid and were left out", invalid)
	}
	return nil
}

// goal is a line of the table of what must be reached.
type goal struct {
	figure, kind, system, unit string
	value                      func(figures) float64
	ofFloor                    bool // the ratio to the floor counts, not the value
	atLeast, aim               float64
	lower                      bool // less is better
}

func (b *bench) goals() []goal {
	return []goal{
		{"deliveries/s", "128 connections", onSQLite, "/s", rate, true, 0.5, 0.8, false},
		{"deliveries/s", "32 connections", onSQLite, "/s", rate, true, 0.4, 0.6, false},
		{"CPU per delivery", "128 connections", onSQLite, "us", cpu, true, 2.0, 1.3, true},
		{"deliveries/s", "128 connections", onPostgres, "/s", rate, true, 0.3, 0.5, false},
		{"CPU per delivery", "128 connections", onPostgres, "us", cpu, true, math.NaN(), math.NaN(), true},
		{"publish to received, p50", steady, onSQLite, "ms", p50, false, 3, 2, true},
		{"publish to received, p99", steady, onSQLite, "ms", p99, false, 12, 5, true},
		{"publish to received, p50", steady, onPostgres, "ms", p50, false, math.NaN(), math.NaN(), true},
		{"publish to received, p99", steady, onPostgres, "ms", p99, false, math.NaN(), math.NaN(), true},
		{"deliveries/s", fanOut, onSQLite, "/s", rate, true, 0.6, 0.8, false},
		{"deliveries/s", fanOut, onPostgres, "/s", rate, true, math.NaN(), math.NaN(), false},
	}
}

// reached compares what counts (a ratio or a value) with the goal.
func (g goal) reached(counts float64) string {
	better := func(than float64) bool {
		if g.lower {
			return counts <= than
		}
		return counts >= than
	}
	switch {
	case math.IsNaN(counts):
		return "not measured"
	case math.IsNaN(g.atLeast):
		return ""
	case better(g.aim):
		return "aim reached"
	case better(g.atLeast):
		return "reached"
	}
	return "BELOW"
}

func (r results) print(b *bench) {
	fmt.Printf("\nmedians of %d runs of %s; a ratio is the median of the ratios within each run\n\n", b.runs, b.seconds)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "figure\tkind of run\thub on\tfloor\thub\tratio\tat least\taim\t\t")
	for _, g := range b.goals() {
		base, value := r.median(g.kind, onFloor, g.value), r.median(g.kind, g.system, g.value)
		if math.IsNaN(value) {
			continue
		}
		ratio, counts := r.ratio(g.kind, g.system, g.value), value
		if g.ofFloor {
			counts = ratio
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s %s\t%s %s\t%s\t%s\t%s\t%s\t\n", g.figure, g.kind, g.system,
			number(base), g.unit, number(value), g.unit, number(ratio), number(g.atLeast), number(g.aim), g.reached(counts))
	}
	out.Flush()
	fmt.Println()
	out = tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "kind of run\ton\tvalid runs\tevents accepted\tcommits/s\tpeak RssAnon\t")
	for _, k := range b.kinds() {
		for _, system := range []string{onFloor, onSQLite, onPostgres} {
			if n := len(r[k.name][system]); n > 0 {
				fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\t%s MiB\t\n", k.name, system, n,
					number(r.median(k.name, system, accepted)), number(orUnknown(r.median(k.name, system, commits))), number(r.median(k.name, system, memory)))
			}
		}
	}
	out.Flush()
	// The relay above sends ten copies of what it reads; the plain floor sends one, and so has to read ten times as much.
	if fan, plain := r.median(fanOut, onSQLite, rate), r.median(b.kinds()[0].name, onFloor, rate); !math.IsNaN(fan / plain) {
		fmt.Printf("\nfan-out on SQLite against the plain floor (%s): %s of it\n", b.kinds()[0].name, number(fan/plain))
	}
}

// ratio is the median of what each run has to its own floor: the machine's speed changes from one run to the next.
func (r results) ratio(kind, system string, value func(figures) float64) float64 {
	floor := map[int]float64{}
	for _, f := range r[kind][onFloor] {
		floor[f.run] = value(f)
	}
	var ratios []float64
	for _, f := range r[kind][system] {
		if base, measured := floor[f.run]; measured {
			ratios = append(ratios, value(f)/base)
		}
	}
	return median(ratios)
}

func orUnknown(n float64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return n
}

// number prints three digits that count, and a dash for what is not known.
func number(n float64) string {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return "-"
	case math.Abs(n) >= 100:
		return fmt.Sprintf("%.0f", n)
	case math.Abs(n) >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}
