//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hacek/test/load/rig"
)

// received counts what arrived, and what of it was new.
type received struct {
	At                          int64 // Unix nanoseconds
	Distinct, Arrived, Unsigned int64
}

// receiving is the process at which deliveries are counted. It answers 200 at once, save on /dead, where it never answers,
// and while it is asked to hold its answers.
type receiving struct {
	fan                         int64
	distinct, arrived, unsigned atomic.Int64
	bits                        bitmap
	buffers                     sync.Pool

	mu        sync.Mutex
	latencies []int64 // nanoseconds from publishing to here, of events that say when they were published
	times     []int64 // Unix nanoseconds of new arrivals, when they are wanted
	keepTimes bool

	gate sync.RWMutex // locked while answers are held
}

func receive(args []string) error {
	r := &receiving{bits: newBitmap(), buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	flags := flag.NewFlagSet("receiver", flag.ExitOnError)
	flags.Int64Var(&r.fan, "fan", 1, "")
	flags.BoolVar(&r.keepTimes, "times", false, "")
	flags.Parse(args)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	rig.Greet(listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-rig.Dismissed():
		return nil
	}
}

func (r *receiving) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	slot, found := strings.CutPrefix(q.URL.Path, "/r/")
	if !found {
		r.control(w, q)
		return
	}
	body := r.buffers.Get().(*bytes.Buffer)
	defer r.buffers.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(q.Body); err != nil {
		return
	}
	now := time.Now().UnixNano()
	r.arrived.Add(1)
	r.gate.RLock() // waits while answers are held
	defer r.gate.RUnlock()
	if q.Header.Get("webhook-signature") == "" {
		r.unsigned.Add(1)
	}
	seq, found := digits(body.Bytes(), `"seq":`)
	number, err := strconv.ParseInt(slot, 10, 64)
	if !found || err != nil || number >= r.fan || !r.bits.set((seq-firstSeq)*r.fan+number) {
		return
	}
	r.distinct.Add(1)
	sent, found := digits(body.Bytes(), `"sent":`)
	if timed := found && sent != notSent; timed || r.keepTimes {
		r.mu.Lock()
		if timed {
			r.latencies = append(r.latencies, now-sent)
		}
		if r.keepTimes {
			r.times = append(r.times, now)
		}
		r.mu.Unlock()
	}
}

// control answers the proof's own questions.
func (r *receiving) control(w http.ResponseWriter, q *http.Request) {
	switch q.URL.Path {
	case "/dead":
		<-q.Context().Done()
	case "/-/count":
		_ = json.NewEncoder(w).Encode(received{time.Now().UnixNano(), r.distinct.Load(), r.arrived.Load(), r.unsigned.Load()})
	case "/-/missing":
		accepted, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(r.bits.missing(accepted, r.fan))
	case "/-/latencies": // since the last time somebody asked
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = json.NewEncoder(w).Encode(r.latencies)
		r.latencies = nil
	case "/-/times":
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = json.NewEncoder(w).Encode(r.times)
	case "/-/hold":
		r.gate.Lock()
		_ = json.NewEncoder(w).Encode(true)
	case "/-/release":
		r.gate.Unlock()
		_ = json.NewEncoder(w).Encode(false)
	default:
		http.NotFound(w, q)
	}
}

// ask puts a question to the receiver's process; a question with a body is a POST.
func ask(receiver, question string, body []byte, answer any) error {
	response, err := http.Post("http://"+receiver+"/-/"+question, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the receiver for %s: %w", question, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("ask the receiver for %s: %w", question, err)
	}
	return nil
}

func countAt(receiver string) (received, error) {
	var c received
	err := ask(receiver, "count", nil, &c)
	return c, err
}
