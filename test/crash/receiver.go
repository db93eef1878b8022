//go:build linux

package main

import (
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"hacek/test/crash/check"
	"hacek/test/load/rig"
)

// endpoints are the three receivers, the condition each stands behind, and the kinds of event that condition lets through.
// An event of kind d concerns nobody.
var endpoints = []struct {
	name, condition string
	kinds           []string
	concurrency     int
}{
	{"ok", `data.kind in ["a", "b", "c"]`, []string{"a", "b", "c"}, 8},
	{"flaky", `data.kind == "a" || data.kind == "b"`, []string{"a", "b"}, 8},
	{"slow", `data.kind == "c" && data.total >= 0.0`, []string{"c"}, 12}, // 40/s at most, so that a backlog grows
}

// inFlight is how many requests the hub may have under way at once.
func inFlight() int {
	sum := 0
	for _, e := range endpoints {
		sum += e.concurrency
	}
	return sum
}

// receiver is the process of the receivers. What arrives is in its journal before it is answered.
func receiver(args []string) error {
	flags := flag.NewFlagSet("receiver", flag.ExitOnError)
	name := flags.String("journal", "", "")
	flags.Parse(args)
	journal, err := check.Create(*name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		receive(journal, w, r)
	})}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	rig.Greet(listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-rig.Dismissed():
	}
	server.Close()
	return journal.Close()
}

func receive(journal *check.Journal, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender died within its request: nothing arrived
	}
	var envelope struct {
		ID   string          `json:"id"`
		Type string          `json:"type"`
		Key  string          `json:"key"`
		Data json.RawMessage `json:"data"`
	}
	id := r.Header.Get("webhook-id")
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.ID != id {
		id = "header " + id + ", envelope " + envelope.ID // which is nobody's id, and will be said so
	}
	receipt := check.Line{
		Op:       check.OpReceipt,
		Endpoint: strings.TrimPrefix(r.URL.Path, "/"),
		Event:    id,
		Status:   http.StatusOK,
		Digest:   check.Digest(envelope.Type, envelope.Key, envelope.Data),
	}
	if receipt.Endpoint == "flaky" && rand.IntN(10) < 3 {
		receipt.Status = http.StatusInternalServerError
	}
	if err := journal.Write(receipt); err != nil {
		os.Stderr.WriteString("crash: receiver: " + err.Error() + "\n")
		os.Exit(1) // what is not written down has not arrived, so no answer either
	}
	if receipt.Endpoint == "slow" {
		time.Sleep(300 * time.Millisecond)
	}
	w.WriteHeader(receipt.Status)
}
