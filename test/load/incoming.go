//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"hacek/test/load/rig"
)

// A flood of badly signed requests, and how many of them a run brings.
const (
	floodRate  = 2000
	floodSize  = 100_000
	floodQuick = 10_000
	floodCap   = 2 * 50 << 20 // what two sources may keep of strangers' requests, in bytes
	floodTimes = 3            // how much slower the p99 of the rightly signed ones may be beside it
)

// inKind is one kind of run of -mode receiving.
type inKind struct {
	name    string
	rate    float64 // rightly signed requests a second, spaced at random; 0: each connection as fast as it is answered
	flood   bool    // badly signed ones beside them
	targets int     // endpoints that take every event
	history int     // rightly signed requests taken before anything is measured
}

func (b *bench) inKinds() []inKind {
	history := floodSize
	if b.quick {
		history = floodQuick
	}
	var kinds []inKind
	for targets, suffix := range []string{"", ", one endpoint"} {
		for _, k := range []inKind{
			{name: "200 requests/s", rate: 200},
			{name: "1000 requests/s", rate: 1000},
			{name: "1000 requests/s in a flood", rate: 1000, flood: true},
			{name: "1000 requests/s in a flood, late", rate: 1000, flood: true, history: history},
			{name: "32 connections"},
		} {
			if targets > 0 && k.history > 0 {
				continue
			}
			if k.name += suffix; strings.Contains(k.name, b.only) {
				k.targets = targets
				kinds = append(kinds, k)
			}
		}
	}
	return kinds
}

// inFigures are what one run showed. Times are milliseconds from the moment a request was due to its answer.
type inFigures struct {
	rate, p50, p99, max float64
	cpu                 float64 // microseconds of the hub's processor time for each request, bad ones counted too
	refused             float64 // badly signed requests a second
	peak                int64   // bytes of RssAnon
	disk                float64 // p99 in milliseconds of a durable append by somebody else meanwhile
	floor               float64 // the same, alone, right before; NaN: not measured
	invalid             string
}

// incoming measures the way from a provider's request to the 2xx that says it is durable.
func (b *bench) incoming(ctx context.Context) error {
	systems := []string{onSQLite}
	if b.postgres != "" {
		systems = append(systems, onPostgres)
	}
	if len(b.inKinds()) == 0 {
		return fmt.Errorf("-only %s: no kind of run has that in its name", b.only)
	}
	all, invalid := map[string]map[string][]inFigures{}, 0
	for run := range b.runs {
		for _, k := range b.inKinds() {
			for _, system := range systems {
				f, err := b.measureIncoming(ctx, system, k)
				if err != nil {
					return fmt.Errorf("run %d, %s, %s: %w", run+1, k.name, system, err)
				}
				fmt.Printf("run %d  %-40s  %-10s  %6.0f/s  p50 %6.2f ms  p99 %6.2f ms  max %6.1f ms  %5.0f us  %4.0f MiB  disk p99 %6.2f ms, alone %6.2f ms",
					run+1, k.name, system, f.rate, f.p50, f.p99, f.max, f.cpu, float64(f.peak)/(1<<20), f.disk, f.floor)
				if k.flood {
					fmt.Printf("  beside %.0f/s badly signed", f.refused)
				}
				if f.invalid != "" {
					fmt.Printf("  INVALID: %s\n", f.invalid)
					invalid++
					continue
				}
				fmt.Println()
				if all[k.name] == nil {
					all[k.name] = map[string][]inFigures{}
				}
				all[k.name][system] = append(all[k.name][system], f)
			}
		}
	}
	b.printIncoming(systems, all)
	if !strings.Contains("flood", b.only) {
		systems = nil
	}
	for _, system := range systems {
		if err := b.floodAlone(ctx, system); err != nil {
			return fmt.Errorf("flood, %s: %w", system, err)
		}
	}
	if invalid > 0 {
		return fmt.Errorf("%d runs are invalid and were left out", invalid)
	}
	return nil
}

// startSources starts a hub with the sources and as many endpoints for all their events.
func (b *bench) startSources(ctx context.Context, system, receiver string, targets int) (*subject, error) {
	s, err := b.startHub(ctx, system)
	if err != nil {
		return nil, err
	}
	for _, of := range sources {
		err := s.api.Do(ctx, "POST", "/v1/sources", rig.Object{
			"name": of.name, "path": of.name, "preset": of.name,
			"verify": rig.Object{"scheme": of.name, "secrets": []string{rightSecret}},
		}, nil)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("create source %s: %w", of.name, err), s.stop(ctx))
		}
	}
	for n := range targets {
		endpoint := rig.Object{"name": fmt.Sprintf("bench endpoint %d", n), "request": rig.Object{"url": fmt.Sprintf("http://%s/r/%d", receiver, n)},
			"limits": rig.Object{"concurrency": 64}}
		if _, err := s.api.CreateEndpoint(ctx, endpoint); err != nil {
			return nil, errors.Join(fmt.Errorf("create endpoint %d: %w", n, err), s.stop(ctx))
		}
	}
	return s, nil
}

func (b *bench) measureIncoming(ctx context.Context, system string, k inKind) (f inFigures, err error) {
	if f.floor, err = b.diskAlone(ctx, k); err != nil {
		return f, err
	}
	receiver, err := rig.StartRole("receiver")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, receiver.Stop(nil)) }()
	s, err := b.startSources(ctx, system, receiver.Greeting, k.targets)
	if err != nil {
		return f, err
	}
	defer func() {
		if stopped := s.stop(ctx); err == nil {
			err = stopped
		}
	}()
	if err := s.fill(k.history); err != nil {
		return f, err
	}
	length := strconv.FormatFloat((b.warmup + b.seconds).Seconds(), 'f', 3, 64)
	warmup := strconv.FormatFloat(b.warmup.Seconds(), 'f', 3, 64)
	acceptedFile := filepath.Join(b.dir, "accepted")
	stop := make(chan struct{})
	peak := rig.PeakMemory(s.pid, stop)
	disk, err := rig.Probe(b.dir, 20*time.Millisecond, stop)
	if err != nil {
		return f, err
	}
	var flood *rig.Role
	if k.flood {
		flood, err = rig.StartRole("generator", "-to", s.address, "-sign", wrongSecret, "-wanted", "401", "-connections", "32",
			"-rate", fmt.Sprint(floodRate), "-seconds", length, "-warmup", warmup)
		if err != nil {
			return f, err
		}
	}
	began, cpuBefore := time.Now(), s.cpu()
	right, err := rig.StartRole("generator", "-to", s.address, "-sign", rightSecret, "-wanted", "200", "-connections", "32",
		"-rate", fmt.Sprint(k.rate), "-seconds", length, "-warmup", warmup, "-accepted", acceptedFile)
	if err != nil {
		return f, err
	}
	if err := wait(ctx, b.warmup+b.seconds-50*time.Millisecond); err != nil { // just before the generators end
		return f, err
	}
	cpu, took := s.cpu()-cpuBefore, time.Since(began)
	var good, bad generated
	if err := right.Report(&good); err != nil {
		return f, err
	}
	if flood != nil {
		if err := flood.Report(&bad); err != nil {
			return f, err
		}
		f.refused = float64(bad.Counted) / b.seconds.Seconds()
	}
	close(stop)
	f.peak, f.disk = <-peak, percentile(<-disk, 99)/1e6
	f.rate = float64(good.Counted) / b.seconds.Seconds()
	f.p50, f.p99, f.max = good.P50/1e6, good.P99/1e6, good.Max/1e6
	handled := float64(good.Accepted+bad.Accepted) * min(1, took.Seconds()/(b.warmup+b.seconds).Seconds())
	f.cpu = float64(cpu.Microseconds()) / handled
	accepted, err := os.ReadFile(acceptedFile)
	if err != nil {
		return f, err
	}
	f.invalid, err = s.invalidIncoming(ctx, receiver.Greeting, k, good, bad, accepted)
	return f, err
}

// fill has the sources take a number of requests.
func (s *subject) fill(history int) error {
	if history == 0 {
		return nil
	}
	before, err := rig.StartRole("generator", "-to", s.address, "-sign", rightSecret, "-wanted", "200", "-connections", "32",
		"-most", strconv.Itoa(history), "-seconds", "600")
	if err != nil {
		return err
	}
	var g generated
	if err := before.Report(&g); err != nil {
		return err
	}
	if g.Accepted != int64(history) {
		return fmt.Errorf("of %d requests sent before the run %d were taken: %s", history, g.Accepted, g.Complaint)
	}
	return nil
}

// invalidIncoming says why a run does not count: something failed, was counted otherwise, or was not delivered.
func (s *subject) invalidIncoming(ctx context.Context, receiver string, k inKind, good, bad generated, accepted []byte) (string, error) {
	for what, g := range map[string]generated{"rightly": good, "badly": bad} {
		if g.Refused+g.Failed > 0 {
			return fmt.Sprintf("of %d %s signed requests %d were answered otherwise and %d failed: %s", g.Issued, what, g.Refused, g.Failed, g.Complaint), nil
		}
	}
	if good.Accepted+bad.Accepted == 0 {
		return "nothing was answered", nil
	}
	want := map[string]int64{"accepted": good.Accepted + int64(k.history), "quarantined": bad.Accepted}
	for deadline := time.Now().Add(grace); ; {
		counts, err := s.counts(ctx)
		if err != nil {
			return "", err
		}
		if counts["accepted"] == want["accepted"] && counts["quarantined"] == want["quarantined"] && counts["duplicate"] == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Sprintf("the sources counted %v, want %v", counts, want), nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
	if k.targets == 0 {
		return "", nil
	}
	// Requests may come faster than one endpoint takes events: as long as it goes on, nothing is missing.
	missing, least, moved := int64(-1), int64(math.MaxInt64), time.Now()
	for missing != 0 {
		if err := ask(receiver, "missing", accepted, &missing); err != nil {
			return "", err
		}
		if missing < least {
			least, moved = missing, time.Now()
		}
		if time.Since(moved) > grace {
			return fmt.Sprintf("%d events of %d were not delivered", missing, good.Accepted), nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", nil
}

// counts are the requests of all sources by what became of them.
func (s *subject) counts(ctx context.Context) (map[string]int64, error) {
	sum := map[string]int64{}
	for _, of := range sources {
		var read struct{ Counts map[string]int64 }
		if err := s.api.Do(ctx, "GET", "/v1/sources/"+of.name, nil, &read); err != nil {
			return nil, err
		}
		for outcome, n := range read.Counts {
			sum[outcome] += n
		}
	}
	return sum, nil
}

// floodAlone sends nothing but badly signed requests, as fast as they are refused, and shows what is left of them.
func (b *bench) floodAlone(ctx context.Context, system string) (err error) {
	s, err := b.startSources(ctx, system, "", 0)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := s.stop(ctx); err == nil {
			err = stopped
		}
	}()
	size := floodSize
	if b.quick {
		size = floodQuick
	}
	before, err := s.stored(ctx)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	peak := rig.PeakMemory(s.pid, stop)
	began := time.Now()
	flood, err := rig.StartRole("generator", "-to", s.address, "-sign", wrongSecret, "-wanted", "401", "-connections", "32",
		"-most", strconv.Itoa(size), "-seconds", "600")
	if err != nil {
		return err
	}
	var bad generated
	if err := flood.Report(&bad); err != nil {
		return err
	}
	took := time.Since(began)
	why, err := s.invalidIncoming(ctx, "", inKind{}, generated{}, bad, nil)
	if err != nil {
		return err
	}
	close(stop)
	after, err := s.stored(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%-10s  %d badly signed requests: %.0f/s refused, the data grew by %s MiB (at most %d), peak RssAnon %s MiB\n",
		system, bad.Accepted, float64(bad.Accepted)/took.Seconds(), number(float64(after-before)/(1<<20)), floodCap>>20, number(float64(<-peak)/(1<<20)))
	switch {
	case why != "":
		return fmt.Errorf("%s", why)
	case after-before > floodCap:
		return fmt.Errorf("strangers filled %d MiB of the disk, more than the %d that their requests may take", (after-before)>>20, floodCap>>20)
	}
	return nil
}

// stored is the size of everything the subject has stored, in bytes.
func (s *subject) stored(ctx context.Context) (int64, error) {
	if s.database != nil {
		return s.database.Size(ctx)
	}
	return rig.SizeOf(s.hub.Data)
}

// appendsAlone are those a second that a disk must keep up with one by one; of more requests the hub commits several at once.
const appendsAlone = 200

// diskAlone is the floor of kinds with a goal for the p99: durable appends with nothing else to do.
func (b *bench) diskAlone(ctx context.Context, k inKind) (float64, error) {
	if !k.hasP99() {
		return math.NaN(), nil
	}
	stop := make(chan struct{})
	appends, err := rig.Probe(b.dir, time.Second/appendsAlone, stop)
	if err != nil {
		return 0, err
	}
	err = wait(ctx, b.seconds)
	close(stop)
	return percentile(<-appends, 99) / 1e6, err
}

func (b *bench) printIncoming(systems []string, all map[string]map[string][]inFigures) {
	middle := func(kind, system string, of func(inFigures) float64) float64 {
		var values []float64
		for _, f := range all[kind][system] {
			values = append(values, of(f))
		}
		return median(values)
	}
	fmt.Printf("\nmedians of %d runs of %s\n\n", b.runs, b.seconds)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "kind of run\ton\trequests/s\tp50\tp99\tmax\tCPU per request\tpeak RssAnon\tdisk p99\tdisk alone\tgoal\t\t")
	for _, k := range b.inKinds() {
		for _, system := range systems {
			rate := middle(k.name, system, func(f inFigures) float64 { return f.rate })
			p99 := middle(k.name, system, func(f inFigures) float64 { return f.p99 })
			calm, _, _ := strings.Cut(k.name, " in a flood")
			if k.targets > 0 {
				calm += ", one endpoint"
			}
			floor := middle(k.name, system, func(f inFigures) float64 { return f.floor })
			what, reached := k.goal(system, rate, p99, middle(calm, system, func(f inFigures) float64 { return f.p99 }), floor, b.seconds.Seconds())
			fmt.Fprintf(out, "%s\t%s\t%s\t%s ms\t%s ms\t%s ms\t%s us\t%s MiB\t%s ms\t%s ms\t%s\t%s\t\n", k.name, system, number(rate),
				number(middle(k.name, system, func(f inFigures) float64 { return f.p50 })), number(p99),
				number(middle(k.name, system, func(f inFigures) float64 { return f.max })),
				number(middle(k.name, system, func(f inFigures) float64 { return f.cpu })),
				number(middle(k.name, system, func(f inFigures) float64 { return float64(f.peak) / (1 << 20) })),
				number(middle(k.name, system, func(f inFigures) float64 { return f.disk })), number(floor), what, reached)
		}
	}
	out.Flush()
	fmt.Println()
}

// hasP99 tells whether a goal is set for the p99, which is a disk's as much as the hub's.
func (k inKind) hasP99() bool { return k.rate == 200 || k.flood }

// goal is what a kind of run is to reach, and whether it did.
func (k inKind) goal(system string, rate, p99, calm, floor, seconds float64) (what, reached string) {
	// A p99 that the disk alone does not keep says nothing about the hub.
	verdict := func(held bool, most float64) string {
		switch {
		case math.IsNaN(rate):
			return "not measured"
		case held:
			return "reached"
		case floor >= most:
			return "the disk alone is slower"
		}
		return "BELOW"
	}
	switch {
	case k.flood && !math.IsNaN(p99/calm):
		what = fmt.Sprintf("p99 at most %d times the one without it (%s)", floodTimes, number(p99/calm))
		return what, verdict(p99 <= floodTimes*calm, floodTimes*calm)
	case k.rate == 200 && system == onSQLite:
		return "p99 under 20 ms", verdict(p99 < 20, 20)
	case k.rate == 1000 && !k.flood:
		return "1000/s held", verdict(rate >= k.rate-3*math.Sqrt(k.rate/seconds), math.Inf(1)) // the moments are drawn at random
	}
	return "", ""
}
