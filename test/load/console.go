//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"hacek/test/load/rig"
)

// What a console is measured beside, and over what.
const (
	consoleEvents   = 1_000_000
	consoleRequests = 20_000 // to /in, of which one in ten is badly signed
	consoleRate     = 200
)

// console shows how fast the pages and lists of a hub are that has stored a great many events, while more arrive.
func (b *bench) console(ctx context.Context) error {
	systems := []string{onSQLite}
	if b.postgres != "" {
		systems = append(systems, onPostgres)
	}
	var failures []error
	for _, system := range systems {
		if !strings.Contains(system, b.only) {
			continue
		}
		fmt.Printf("\n%s\n", system)
		if err := b.consoleOn(ctx, system); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", system, err))
		}
	}
	return errors.Join(failures...)
}

// consoleStory is one hub with all that its console has to show.
type consoleStory struct {
	*subject
	receiver  *shopReceiver
	events    int64
	endpoints []string
	pipeline  string
	published atomic.Int64
	began     time.Time
}

func (b *bench) consoleOn(ctx context.Context, system string) (err error) {
	receiver, err := startShopReceiver()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.server.Close()) }()
	s, err := b.startSources(ctx, system, "", 0)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := s.stop(ctx); err == nil {
			err = stopped
		}
	}()
	c := &consoleStory{subject: s, receiver: receiver, events: int64(b.events), began: time.Now()}
	person, err := signIn(ctx, s.hub)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if err := c.setUp(ctx); err != nil {
		return err
	}
	if err := c.fill(ctx); err != nil {
		return err
	}
	pages, err := c.pages(ctx)
	if err != nil {
		return err
	}
	return c.measure(ctx, b, person, pages)
}

// fill stores everything and waits until what is owed has been delivered.
func (c *consoleStory) fill(ctx context.Context) error {
	start := time.Now()
	if err := c.publish(ctx, c.events); err != nil {
		return err
	}
	fmt.Printf("  published %d events in %s\n", c.events, time.Since(start).Round(time.Second))
	if err := c.subject.fill(consoleRequests * 9 / 10); err != nil {
		return err
	}
	bad, err := rig.StartRole("generator", "-to", c.address, "-sign", wrongSecret, "-wanted", "401", "-connections", "32",
		"-most", strconv.Itoa(consoleRequests/10), "-seconds", "600")
	if err != nil {
		return err
	}
	if err := bad.Report(nil); err != nil {
		return err
	}
	for last, moved := c.receiver.arrived.Load(), time.Now(); time.Since(moved) < 3*time.Second; {
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if now := c.receiver.arrived.Load(); now != last {
			last, moved = now, time.Now()
		}
	}
	size, err := c.stored(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  delivered %d of them, %d MiB, after %s\n", c.receiver.arrived.Load(), size>>20, time.Since(start).Round(time.Second))
	return nil
}

// measure walks all pages while events arrive and are delivered.
func (c *consoleStory) measure(ctx context.Context, b *bench, person *browser, pages []*page) error {
	done := make(chan struct{})
	type arrived struct{ accepted, refused int64 }
	arriving := make(chan arrived, 1)
	go func() {
		accepted, refused := c.trickle(ctx, consoleRate, done)
		arriving <- arrived{accepted, refused}
	}()
	start := time.Now()
	err := wait(ctx, b.warmup)
	if err == nil {
		c.receiver.latencies()
		end := make(chan struct{})
		time.AfterFunc(b.seconds, func() { close(end) })
		err = c.walk(ctx, person, pages, end)
	}
	close(done)
	held := <-arriving
	took := time.Since(start)
	if err != nil {
		return err
	}
	latencies := c.receiver.latencies()
	over := printPages(pages)
	fmt.Printf("meanwhile %.0f events/s were accepted (%d refused) and %d delivered: p50 %.1f ms, p99 %.1f ms\n",
		float64(held.accepted)/took.Seconds(), held.refused, len(latencies), percentile(latencies, 50)/1e6, percentile(latencies, 99)/1e6)
	fmt.Printf("%d of %d pages are over %s\n", over, len(pages), slow)
	if held.refused > 0 {
		return fmt.Errorf("%d events were refused", held.refused)
	}
	return nil
}
