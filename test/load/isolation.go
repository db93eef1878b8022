//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"hacek/test/load/rig"
)

// isolation measures what one dead endpoint with a backlog does to the other 99: their latency before and with it.
func (b *bench) isolation(ctx context.Context) error {
	systems := []string{onSQLite}
	if b.postgres != "" {
		systems = append(systems, onPostgres)
	}
	for _, system := range systems {
		var healthy, dead []float64
		for range b.runs {
			for _, values := range []*[]float64{&healthy, &dead} {
				p99, err := b.latencyBeside(ctx, system, values == &dead)
				if err != nil {
					return fmt.Errorf("%s: %w", system, err)
				}
				*values = append(*values, p99)
			}
		}
		ratio := median(dead) / median(healthy)
		g := goal{atLeast: 2, aim: 1.2, lower: true}
		fmt.Printf("%-10s  p99 of 99 endpoints: %s ms; beside a dead one with %d waiting: %s ms; %s times (at least 2, aim 1.2): %s\n",
			system, number(median(healthy)), orDefault(b.waiting, 100_000), number(median(dead)), number(ratio), g.reached(ratio))
	}
	return nil
}

// latencyBeside is the p99 in milliseconds at 200 events/s over endpoints 0 to 98, while endpoint 99 is dead or does not exist.
func (b *bench) latencyBeside(ctx context.Context, system string, dead bool) (p99 float64, err error) {
	receiver, err := rig.StartRole("receiver")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, receiver.Stop(nil)) }()
	s, err := b.startHub(ctx, system)
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopped := s.stop(ctx); err == nil {
			err = stopped
		}
	}()
	if err := s.createEndpoints(ctx, receiver.Greeting, 99, 1); err != nil {
		return 0, err
	}
	if dead {
		if err := s.createDead(ctx, receiver.Greeting, orDefault(b.waiting, 100_000)); err != nil {
			return 0, err
		}
	}
	file := filepath.Join(b.dir, "accepted")
	generator, err := rig.StartRole("generator", "-to", s.address, "-key", s.key, "-accepted", file, "-types", "99",
		"-connections", "32", "-rate", "200", "-seconds", strconv.FormatFloat((b.warmup+b.seconds).Seconds(), 'f', 3, 64))
	if err != nil {
		return 0, err
	}
	if err := wait(ctx, b.warmup); err != nil {
		return 0, err
	}
	var latencies []int64
	if err := ask(receiver.Greeting, "latencies", nil, &latencies); err != nil { // of the warm-up
		return 0, err
	}
	var g generated
	if err := generator.Report(&g); err != nil {
		return 0, err
	}
	accepted, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	why, err := s.invalid(ctx, receiver.Greeting, g, accepted, kind{fan: 1})
	if err != nil {
		return 0, err
	}
	if why != "" {
		return 0, fmt.Errorf("invalid run: %s", why)
	}
	if err := ask(receiver.Greeting, "latencies", nil, &latencies); err != nil {
		return 0, err
	}
	return percentile(latencies, 99) / 1e6, nil
}

// createDead makes an endpoint that takes requests and never answers, and gives it a backlog.
func (s *subject) createDead(ctx context.Context, receiver string, waiting int) error {
	endpoint := benchEndpoint(99, 99, "http://"+receiver+"/dead")
	endpoint["request"] = rig.Object{"url": "http://" + receiver + "/dead", "timeout": "2s"}
	created, err := s.api.CreateEndpoint(ctx, endpoint)
	if err != nil {
		return err
	}
	if err := s.api.Do(ctx, "POST", "/v1/endpoints/"+created.ID+"/pause", nil, nil); err != nil {
		return err
	}
	if err := publishBatches(ctx, s.api, waiting, 99, bitmapSize/2); err != nil {
		return err
	}
	return s.api.Do(ctx, "POST", "/v1/endpoints/"+created.ID+"/resume", rig.Object{}, nil)
}
