//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"hacek/test/load/rig"
)

// kind is one kind of run.
type kind struct {
	name        string
	connections int
	fan         int     // deliveries per event
	rate        float64 // events a second, spaced at random; 0: each connection as fast as it is answered
	window      int     // deliveries that may be outstanding before publishing waits; 0: any
}

// figures are what one run showed.
type figures struct {
	run      int
	rate     float64 // deliveries a second, counted at the receiver
	cpu      float64 // microseconds of the subject's processor time per delivery
	p50, p99 float64 // milliseconds from publishing to receiving
	commits  float64 // a second; 0: unknown
	peak     int64   // bytes of RssAnon
	accepted int64
	invalid  string // why the run does not count
}

// grace is how long after its end a run may still be delivering.
const grace = 5 * time.Second

// evidenced is how many deliveries are looked up after a run.
const evidenced = 100

// measure is one run: start everything, warm up, count, and see that nothing is missing.
func (b *bench) measure(ctx context.Context, system string, k kind) (f figures, err error) {
	receiver, err := rig.StartRole("receiver", "-fan", strconv.Itoa(k.fan))
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, receiver.Stop(nil)) }()
	s, err := b.start(ctx, system, k, receiver.Greeting)
	if err != nil {
		return f, err
	}
	defer func() {
		if stopped := s.stop(ctx); err == nil {
			err = stopped
		}
	}()
	acceptedFile := filepath.Join(b.dir, "accepted")
	generator, err := rig.StartRole("generator",
		"-to", s.address, "-key", s.key, "-receiver", receiver.Greeting, "-accepted", acceptedFile,
		"-connections", strconv.Itoa(k.connections), "-types", strconv.Itoa(100/k.fan),
		"-rate", fmt.Sprint(k.rate), "-window", strconv.Itoa(k.window), "-fan", strconv.Itoa(k.fan),
		"-seconds", fmt.Sprint((b.warmup + b.seconds).Seconds()))
	if err != nil {
		return f, err
	}
	stopMemory := make(chan struct{})
	peak := rig.PeakMemory(s.pid, stopMemory)

	if err := wait(ctx, b.warmup); err != nil {
		return f, err
	}
	var dropped []int64
	if err := ask(receiver.Greeting, "latencies", nil, &dropped); err != nil {
		return f, err
	}
	commitsBefore, began := s.commits(ctx), time.Now()
	cpuBefore := s.cpu()
	before, err := countAt(receiver.Greeting)
	if err != nil {
		return f, err
	}
	if err := wait(ctx, b.seconds-50*time.Millisecond); err != nil { // just before the generator ends
		return f, err
	}
	after, err := countAt(receiver.Greeting)
	if err != nil {
		return f, err
	}
	cpu := s.cpu() - cpuBefore
	f.commits = (s.commits(ctx) - commitsBefore) / time.Since(began).Seconds()
	delivered := float64(after.Distinct - before.Distinct)
	f.rate = delivered / time.Duration(after.At-before.At).Seconds()
	f.cpu = float64(cpu.Microseconds()) / delivered

	var g generated
	if err := generator.Report(&g); err != nil {
		return f, err
	}
	var latencies []int64
	if err := ask(receiver.Greeting, "latencies", nil, &latencies); err != nil {
		return f, err
	}
	f.p50, f.p99 = percentile(latencies, 50)/1e6, percentile(latencies, 99)/1e6
	f.accepted = g.Accepted
	accepted, err := os.ReadFile(acceptedFile)
	if err != nil {
		return f, err
	}
	f.invalid, err = s.invalid(ctx, receiver.Greeting, g, accepted, k)
	close(stopMemory)
	f.peak = <-peak
	return f, err
}

// start starts a subject and gives it its endpoints.
func (b *bench) start(ctx context.Context, system string, k kind, receiver string) (*subject, error) {
	if system == onFloor {
		return startFloor(receiver, k.fan)
	}
	s, err := b.startHub(ctx, system)
	if err != nil {
		return nil, err
	}
	if err := s.createEndpoints(ctx, receiver, 100, k.fan); err != nil {
		return nil, errors.Join(err, s.stop(ctx))
	}
	return s, nil
}

// invalid says why a run does not count: something was refused or is missing, unsigned or without evidence.
func (s *subject) invalid(ctx context.Context, receiver string, g generated, accepted []byte, k kind) (string, error) {
	if g.Accepted == 0 || (g.Refused+g.Failed)*100 > g.Issued {
		return fmt.Sprintf("%d of %d events were refused and %d failed: %s", g.Refused, g.Issued, g.Failed, g.Complaint), nil
	}
	missing := int64(-1)
	for deadline := time.Now().Add(grace); missing != 0; {
		if err := ask(receiver, "missing", accepted, &missing); err != nil {
			return "", err
		}
		if missing > 0 && time.Now().After(deadline) {
			return fmt.Sprintf("%d deliveries of %d accepted events were not received %s after the end", missing, g.Accepted, grace), nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
	if s.hub == nil {
		return "", nil
	}
	c, err := countAt(receiver)
	if err != nil {
		return "", err
	}
	if c.Unsigned > 0 {
		return fmt.Sprintf("%d deliveries carried no signature", c.Unsigned), nil
	}
	return s.withoutEvidence(ctx, g.Sample, k.fan)
}

// withoutEvidence looks up deliveries of random events: each must show the one attempt that was answered 200.
func (s *subject) withoutEvidence(ctx context.Context, events []string, fan int) (string, error) {
	events = slices.Clone(events)
	rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	events = events[:min(len(events), evidenced)]
	if len(events) == 0 {
		return "no accepted event told its id", nil
	}
	for _, event := range events {
		deliveries, err := s.api.DeliveriesOf(ctx, event)
		if err != nil {
			return "", err
		}
		if len(deliveries) != fan {
			return fmt.Sprintf("event %s shows %d deliveries, want %d", event, len(deliveries), fan), nil
		}
		for _, d := range deliveries {
			if len(d.Attempts) != 1 || d.Attempts[0].Response == nil || d.Attempts[0].Response.Status != 200 {
				return fmt.Sprintf("delivery %s of %s lacks its evidence: %+v", d.ID, event, d.Attempts), nil
			}
		}
	}
	return "", nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
