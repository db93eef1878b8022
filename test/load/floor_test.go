//go:build linux

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// The generator publishes through the floor to the receiver, over real connections: nothing is missing, nothing is counted twice.
func TestGeneratorFloorAndReceiverAgree(t *testing.T) {
	for name, fan := range map[string]int{"one to one": 1, "one to three": 3} {
		t.Run(name, func(t *testing.T) {
			at := &receiving{fan: int64(fan), bits: newBitmap(), buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
			receiver := httptest.NewServer(at)
			defer receiver.Close()
			address := strings.TrimPrefix(receiver.URL, "http://")
			relay := httptest.NewServer(&relay{to: address, fan: fan, client: &http.Client{}})
			defer relay.Close()

			g := &generator{address: strings.TrimPrefix(relay.URL, "http://"), types: 100, wanted: 202, bits: newBitmap()}
			g.outgoing = func() outgoing { return newRequest(g.address, "none") }
			ticks := make(chan int64, 50)
			for range cap(ticks) {
				ticks <- time.Now().UnixNano()
			}
			close(ticks)
			g.publish(nil, ticks)

			if g.accepted.Load() != 50 || g.complaint != "" {
				t.Fatalf("accepted %d of 50: %s", g.accepted.Load(), g.complaint)
			}
			c, err := countAt(address)
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(50 * fan); c.Distinct != want || c.Arrived != want || c.Unsigned != want {
				t.Errorf("counted %+v, want %d unsigned deliveries", c, want)
			}
			var missing int64
			g.bits.set(50) // accepted, as it were, and never delivered
			if err := ask(address, "missing", g.bits.bytes(51), &missing); err != nil || missing != int64(fan) {
				t.Errorf("missing %d, %v, want %d", missing, err, fan)
			}
			var latencies []int64
			if err := ask(address, "latencies", nil, &latencies); err != nil || len(latencies) != 50*fan {
				t.Errorf("%d latencies, %v, want %d", len(latencies), err, 50*fan)
			}
			if p := percentile(latencies, 0); p <= 0 {
				t.Errorf("least latency %v ns", p)
			}
		})
	}
}

func TestFloorSaysWhenTheReceiverIsAway(t *testing.T) {
	relay := httptest.NewServer(&relay{to: "127.0.0.1:1", fan: 1, client: &http.Client{}})
	defer relay.Close()
	answer, err := http.Post(relay.URL, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadGateway {
		t.Errorf("got %s, want 502", answer.Status)
	}
}
