//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"hacek/test/load/rig"
)

// The systems that are measured in turn.
const (
	onFloor    = "floor"
	onSQLite   = "SQLite"
	onPostgres = "PostgreSQL"
)

// subject is what stands between generator and receiver during one run: the floor, or the hub on one of its databases.
type subject struct {
	address, key string
	pid          int
	hub          *rig.Hub // nil: the floor
	api          *rig.API
	relay        *rig.Role
	database     *rig.Database
	dir          string
}

// startFloor starts the relay.
func startFloor(receiver string, fan int) (*subject, error) {
	relay, err := rig.StartRole("floor", "-to", receiver, "-fan", strconv.Itoa(fan))
	if err != nil {
		return nil, err
	}
	return &subject{address: relay.Greeting, key: "none", pid: relay.Pid(), relay: relay}, nil
}

// startHub starts an empty hub.
func (b *bench) startHub(ctx context.Context, system string) (s *subject, err error) {
	s = &subject{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	if s.dir, err = os.MkdirTemp(b.dir, "run-"); err != nil {
		return s, err
	}
	dsn := ""
	if system == onPostgres {
		if s.database, err = rig.NewDatabase(ctx, b.postgres); err != nil {
			return s, err
		}
		dsn = s.database.DSN
	}
	if s.hub, err = rig.NewHub(b.binary, s.dir, dsn); err != nil {
		return s, err
	}
	s.address, s.key, s.api = s.hub.Address, s.hub.Key, s.hub.API()
	if err = s.hub.Start(ctx); err != nil {
		return s, err
	}
	s.pid = s.hub.Pid()
	return s, nil
}

// createEndpoints makes count endpoints, fan of them for each event type, with a condition that must be evaluated and a signature.
func (s *subject) createEndpoints(ctx context.Context, receiver string, count, fan int) error {
	for n := range count {
		_, err := s.api.CreateEndpoint(ctx, benchEndpoint(n, n/fan, fmt.Sprintf("http://%s/r/%d", receiver, n%fan)))
		if err != nil {
			return fmt.Errorf("create endpoint %d: %w", n, err)
		}
	}
	return nil
}

func benchEndpoint(n, eventType int, url string) rig.Object {
	return rig.Object{
		"name": fmt.Sprintf("bench endpoint %04d", n),
		"subscription": rig.Object{
			"event_types": []string{fmt.Sprintf("bench.%02d", eventType)},
			"condition":   "num(data.total) > 100.0",
		},
		"request":   rig.Object{"url": url},
		"signature": rig.Object{"schemes": []string{"standard-webhooks"}},
	}
}

// cpu is the processor time of the subject so far, its database server's included.
func (s *subject) cpu() time.Duration {
	spent := rig.CPU(s.pid)
	if s.database != nil {
		spent += rig.CPU(s.database.Postmaster)
	}
	return spent
}

// commits is how many transactions the subject has committed so far, 0 when nobody tells.
func (s *subject) commits(ctx context.Context) float64 {
	switch {
	case s.database != nil:
		return float64(s.database.Commits(ctx))
	case s.hub != nil:
		return committed(s.api.Base + "/metrics")
	}
	return 0
}

// committedLine is any counter of commits among the hub's metrics.
var committedLine = regexp.MustCompile(`^hacek_\w*commits?\w*(?:_total|_count)(?:\{[^}]*\})? (\S+)$`)

func committed(url string) float64 {
	answer, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	scanner := bufio.NewScanner(answer.Body)
	for scanner.Scan() {
		if m := committedLine.FindStringSubmatch(scanner.Text()); m != nil {
			n, _ := strconv.ParseFloat(m[1], 64)
			return n
		}
	}
	return 0
}

// stop ends the subject and removes what it stored.
func (s *subject) stop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if s.relay != nil {
		return s.relay.Stop(nil)
	}
	var err error
	if s.hub != nil {
		err = s.hub.Stop()
	}
	if s.database != nil {
		if dropped := s.database.Drop(ctx); err == nil {
			err = dropped
		}
	}
	if err == nil { // else its log is still wanted
		err = os.RemoveAll(s.dir)
	}
	return err
}
