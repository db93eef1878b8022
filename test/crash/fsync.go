//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"hacek/test/crash/check"
	"hacek/test/load/rig"
)

// tracedRequests is how many events are published one after the other under strace, and then how many notices are sent to a source.
const tracedRequests = 20

// tracedSecret signs the notices, as Shoptet signs its own.
const tracedSecret = "planted-fsync-secret"

// traced are the calls a request, the log, its sync and an answer are made of.
const traced = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync"

// fsync runs the hub under strace and shows that each 202, and each 200 to a provider, left only after the log was synced: kill -9 cannot show that,
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
	fmt.Printf("%d events published and %d notices sent to a source: %d answers 202 and %d answers 200 in the trace, %d not durable\n",
		tracedRequests, tracedRequests, t.Accepted, t.Received, len(t.Violations))
	for _, violation := range t.Violations[:min(len(t.Violations), 10)] {
		fmt.Println("  ", violation)
	}
	switch {
	case len(t.Violations) > 0:
		return errors.New("some answers were given before the event was durable")
	case t.Accepted < tracedRequests || t.Received < tracedRequests:
		return fmt.Errorf("the trace shows %d and %d of %d answers each", t.Accepted, t.Received, tracedRequests)
	}
	fmt.Println("It holds: a completed sync of the log lies before every 202, and before every 200 to a provider.")
	return nil
}

// publishSlowly publishes one event after the other, and then sends one notice after the other to a source, each on a connection of
// its own. The endpoint is paused, so that no outcome is written in between; only the deliveries owed to it are.
func publishSlowly(ctx context.Context, hub *rig.Hub) error {
	api := hub.API()
	endpoint, err := api.CreateEndpoint(ctx, rig.Object{"name": "fsync", "request": rig.Object{"url": "http://127.0.0.1:9/"}})
	if err != nil {
		return err
	}
	if err := api.Do(ctx, "POST", "/v1/endpoints/"+endpoint.ID+"/pause", nil, nil); err != nil {
		return err
	}
	source := rig.Object{"name": "shoptet", "path": "shoptet", "preset": "shoptet",
		"verify": rig.Object{"scheme": "shoptet", "secrets": []string{tracedSecret}}}
	if err := api.Do(ctx, "POST", "/v1/sources", source, nil); err != nil {
		return fmt.Errorf("create the source: %w", err)
	}
	for range tracedRequests {
		if err := post(ctx, api.Base+"/v1/events", newEvent().body, "Authorization", "Bearer "+hub.Key, http.StatusAccepted); err != nil {
			return err
		}
	}
	for n := range tracedRequests {
		body := fmt.Appendf(nil, `{"eshopId":222651,"event":"order:create","eventCreated":"2026-11-22T10:00:00+0100","eventInstance":"%d"}`, n)
		mac := hmac.New(sha1.New, []byte(tracedSecret))
		mac.Write(body)
		signature := hex.EncodeToString(mac.Sum(nil))
		if err := post(ctx, api.Base+"/in/shoptet", body, "Shoptet-Webhook-Signature", signature, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

// post sends one request that shows by one header whom it comes from, on a connection of its own.
func post(ctx context.Context, url string, body []byte, header, value string, want int) error {
	request, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Close = true
	request.Header.Set(header, value)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != want {
		return fmt.Errorf("POST %s was answered %s", request.URL.Path, answer.Status)
	}
	return nil
}
