//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"hacek/test/crash/check"
	"hacek/test/load/rig"
)

// tracedRequests is how many events are published one after the other under strace.
const tracedRequests = 20

// traced are the calls a request, the log, its sync and an answer are made of.
const traced = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync"

// fsync runs the hub under strace and shows that each 202 left only after the log was synced: kill -9 cannot show that,
// because what a killed process has written stays in the operating system's hands.
func (p *proof) fsync(ctx context.Context) error {
	if p.postgres != "" {
		return errors.New("-fsync watches SQLite; on PostgreSQL the server syncs, and the hub refuses one with fsync=off")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		return fmt.Errorf("%w: install strace", err)
	}
	hub, err := rig.NewHub(p.binary, p.dir, "")
	if err != nil {
		return err
	}
	trace := filepath.Join(p.dir, "trace")
	hub.Wrap = []string{strace, "-f", "-ttt", "-y", "-s", "32", "-e", traced, "-e", "signal=none", "-o", trace}
	defer func() { _ = hub.Stop() }() // after an error; the good end asks below
	if err := hub.Start(ctx); err != nil {
		return err
	}
	if err := publishSlowly(ctx, hub); err != nil {
		return err
	}
	if err := hub.Stop(); err != nil {
		return err
	}
	file, err := os.Open(trace)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := check.Durable(file, hub.Data)
	if err != nil {
		return err
	}
	fmt.Printf("%d events published, %d answers 202 in the trace, %d not durable\n", tracedRequests, t.Accepted, len(t.Violations))
	for _, violation := range t.Violations[:min(len(t.Violations), 10)] {
		fmt.Println("  ", violation)
	}
	switch {
	case len(t.Violations) > 0:
		return errors.New("some answers were given before the event was durable")
	case t.Accepted < tracedRequests:
		return fmt.Errorf("the trace shows %d of %d answers", t.Accepted, tracedRequests)
	}
	fmt.Println("It holds: a completed sync of the log lies before every 202.")
	return nil
}

// publishSlowly publishes one event after the other, each on a connection of its own. The endpoint is paused, so that no outcome is
// written in between; only the deliveries owed to it are.
func publishSlowly(ctx context.Context, hub *rig.Hub) error {
	api := hub.API()
	endpoint, err := api.CreateEndpoint(ctx, rig.Object{
		"name":         "fsync",
		"subscription": rig.Object{"event_types": []string{"crash.*"}},
		"request":      rig.Object{"url": "http://127.0.0.1:9/"},
	})
	if err != nil {
		return err
	}
	if err := api.Do(ctx, "POST", "/v1/endpoints/"+endpoint.ID+"/pause", nil, nil); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range tracedRequests {
		request, err := http.NewRequestWithContext(ctx, "POST", api.Base+"/v1/events", bytes.NewReader(newEvent().body))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+hub.Key)
		request.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			return fmt.Errorf("publish was answered %s", answer.Status)
		}
	}
	return nil
}
