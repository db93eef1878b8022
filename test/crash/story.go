//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"hacek/test/crash/check"
	"hacek/test/load/rig"
)

// story is one crash proof as it runs.
type story struct {
	proof  *proof
	hub    *rig.Hub
	api    *rig.API
	faults *check.Journal
	random *rand.Rand
	ids    []string // the endpoints', in the order of the list
}

// crash: start everything, kill the hub as often as asked, let it finish, judge.
func (p *proof) crash(ctx context.Context) (err error) {
	database := ""
	if p.postgres != "" {
		fresh, wrong := rig.NewDatabase(ctx, p.postgres)
		if wrong != nil {
			return wrong
		}
		defer func() { err = errors.Join(err, fresh.Drop(context.WithoutCancel(ctx))) }()
		database = fresh.DSN
	}
	hub, err := rig.NewHub(p.binary, p.dir, database)
	if err != nil {
		return err
	}
	defer func() { _ = hub.Stop() }() // after an error
	s := &story{proof: p, hub: hub, api: hub.API(), random: rand.New(rand.NewPCG(p.seed, 0))}
	if s.faults, err = check.Create(filepath.Join(p.dir, check.FaultLog)); err != nil {
		return err
	}
	receiving, err := rig.StartRole("receiver", "-journal", filepath.Join(p.dir, check.ReceiverJournal))
	if err != nil {
		return err
	}
	if err := hub.Start(ctx); err != nil {
		return err
	}
	if err := s.createEndpoints(ctx, "http://"+receiving.Greeting); err != nil {
		return err
	}
	publishing, err := rig.StartRole("publishers", "-hub", "http://"+hub.Address, "-key", hub.Key,
		"-journal", filepath.Join(p.dir, check.PublisherJournal), "-rate", fmt.Sprint(p.rate))
	if err != nil {
		return err
	}
	if err := s.killAll(ctx); err != nil {
		return err
	}
	if err := publishing.Stop(nil); err != nil {
		return err
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	if err := receiving.Stop(nil); err != nil {
		return err
	}
	if err := s.faults.Close(); err != nil {
		return err
	}
	return verdict(p.dir, p.limits())
}

// retryIntervals are short, and so many that no delivery that fails three times in ten is ever given up.
var retryIntervals = append([]string{"200ms", "500ms"}, strings.Fields(strings.Repeat("1s ", 18))...)

func (s *story) createEndpoints(ctx context.Context, receiver string) error {
	for _, e := range endpoints {
		created, err := s.api.CreateEndpoint(ctx, rig.Object{
			"name":         "crash " + e.name,
			"subscription": rig.Object{"event_types": []string{"crash.*"}, "condition": e.condition},
			"request":      rig.Object{"url": receiver + "/" + e.name},
			"retry":        rig.Object{"intervals": retryIntervals},
			"limits":       rig.Object{"concurrency": e.concurrency},
		})
		if err != nil {
			return fmt.Errorf("create endpoint %s: %w", e.name, err)
		}
		s.ids = append(s.ids, created.ID)
		if err := s.faults.Write(check.Line{Op: check.OpEndpoint, Endpoint: e.name, Kinds: e.kinds}); err != nil {
			return err
		}
	}
	return nil
}

// killAll kills until enough kills have met enough open deliveries. Every fourth falls into a pause, every fourth into a resume.
func (s *story) killAll(ctx context.Context) error {
	limits := s.proof.limits()
	for counted, tries := 0, 0; counted < limits.Kills; tries++ {
		if tries > 3*limits.Kills+10 {
			return fmt.Errorf("only %d of %d kills met %d open deliveries: raise -rate", counted, tries, limits.Open)
		}
		during := []string{"load", "pause", "load", "resume"}[counted%4]
		work := s.proof.from + time.Duration(s.random.Float64()*float64(s.proof.to-s.proof.from))
		if err := wait(ctx, work); err != nil {
			return err
		}
		kill, err := s.kill(ctx, during, limits.Open)
		if err != nil {
			return fmt.Errorf("kill %d, during %s: %w", tries+1, during, err)
		}
		restarted := time.Now()
		if err := s.hub.Start(ctx); err != nil {
			return fmt.Errorf("start after kill %d: %w", tries+1, err)
		}
		if err := s.faults.Write(check.Line{Op: check.OpReady}); err != nil {
			return err
		}
		if err := s.resumeAll(ctx); err != nil {
			return fmt.Errorf("after kill %d: %w", tries+1, err)
		}
		if kill.Counted {
			counted++
		}
		fmt.Printf("kill %2d/%d  during %-6s  %6d owed  ready after %s\n",
			counted, limits.Kills, during, kill.Open, time.Since(restarted).Round(time.Millisecond))
	}
	return nil
}

// kill waits up to five seconds for enough open deliveries, and kills at a random moment after a call has begun, if one is asked for.
func (s *story) kill(ctx context.Context, during string, enough int) (check.Line, error) {
	target := s.ids[s.random.IntN(len(s.ids))]
	if during == "resume" {
		if err := s.api.Do(ctx, "POST", "/v1/endpoints/"+target+"/pause", nil, nil); err != nil {
			return check.Line{}, err
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return check.Line{}, err
		}
	}
	open, err := s.waiting(ctx)
	for deadline := time.Now().Add(5 * time.Second); err == nil && open < enough && time.Now().Before(deadline); {
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return check.Line{}, err
		}
		open, err = s.waiting(ctx)
	}
	if err != nil {
		return check.Line{}, err
	}
	if during != "load" {
		// Its answer, or that none comes, decides nothing: after the restart every endpoint is resumed.
		go func() { _ = s.api.Do(ctx, "POST", "/v1/endpoints/"+target+"/"+during, rig.Object{}, nil) }()
		if err := wait(ctx, time.Duration(s.random.Float64()*float64(5*time.Millisecond))); err != nil {
			return check.Line{}, err
		}
	}
	line := check.Line{Op: check.OpKill, At: time.Now().UnixMicro(), Open: open, During: during, Counted: open >= enough}
	if err := s.hub.Kill(); err != nil {
		return line, err
	}
	line.Until = time.Now().UnixMicro()
	return line, s.faults.Write(line)
}

// waiting is the number of deliveries owed to all endpoints.
func (s *story) waiting(ctx context.Context) (int, error) {
	sum := 0
	for _, id := range s.ids {
		endpoint, err := s.api.Endpoint(ctx, id)
		if err != nil {
			return 0, err
		}
		sum += endpoint.Waiting
	}
	return sum, nil
}

// resumeAll ends every pause, whether the kill let it happen or not.
func (s *story) resumeAll(ctx context.Context) error {
	for i, id := range s.ids {
		endpoint, err := s.api.Endpoint(ctx, id)
		if err != nil {
			return err
		}
		if endpoint.State == "active" {
			continue
		}
		if err := s.api.Do(ctx, "POST", "/v1/endpoints/"+id+"/resume", rig.Object{}, nil); err != nil {
			return fmt.Errorf("resume %s: %w", endpoints[i].name, err)
		}
	}
	return nil
}

// drain waits until nothing is owed any more, and a moment longer for what should not come.
func (s *story) drain(ctx context.Context) error {
	deadline := time.Now().Add(5 * time.Minute)
	for {
		open, err := s.waiting(ctx)
		if err != nil {
			return err
		}
		if open == 0 {
			return wait(ctx, 3*time.Second)
		}
		if time.Now().After(deadline) {
			fmt.Printf("%d deliveries are still owed after five minutes\n", open)
			return nil // the checker says which
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
