//go:build linux

package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hacek/test/load/rig"
)

// generated is the report of the load generator.
type generated struct {
	Issued, Accepted, Refused, Failed int64
	Complaint                         string   // the first refusal or failure
	Sample                            []string // ids of accepted events, taken at random
	Counted                           int64    // accepted after the warm-up
	P50, P99, Max                     float64  // nanoseconds to the answer, of those; where they are wanted
}

// sampled is how many ids each connection keeps.
const sampled = 16

// generator is the process that publishes: raw connections kept open, requests built once, so that it takes little of the
// processors it shares with the hub. It is the same for the floor and the hub.
type generator struct {
	address, receiver string
	outgoing          func() outgoing // of one connection
	wanted            int             // status of an answer that accepts
	types             int
	window            int64 // deliveries that may be outstanding; 0: no limit
	fan               int64
	most              int64 // requests in all; 0: any number
	timed             bool  // keep how long answers took
	from              time.Time

	issued, accepted, refused, failed, received atomic.Int64
	bits                                        bitmap
	mu                                          sync.Mutex
	complaint                                   string
	sample                                      []string
	latencies                                   []int64 // of answers from the moment from on
}

// outgoing writes the nth request; it is valid until the next.
type outgoing interface {
	next(n int64, eventType int, sent int64) []byte
}

func generate(args []string) error {
	g := &generator{bits: newBitmap(), wanted: 202}
	flags := flag.NewFlagSet("generator", flag.ExitOnError)
	flags.StringVar(&g.address, "to", "", "")
	key := flags.String("key", "none", "")
	flags.StringVar(&g.receiver, "receiver", "", "")
	flags.IntVar(&g.types, "types", 100, "")
	flags.Int64Var(&g.window, "window", 0, "")
	flags.Int64Var(&g.fan, "fan", 1, "")
	connections := flags.Int("connections", 128, "")
	rate := flags.Float64("rate", 0, "")
	seconds := flags.Float64("seconds", 25, "")
	acceptedFile := flags.String("accepted", "", "")
	secret := flags.String("sign", "", "") // send notices to the sources, signed with this
	flags.IntVar(&g.wanted, "wanted", 202, "")
	flags.Int64Var(&g.most, "most", 0, "")
	warmup := flags.Float64("warmup", 0, "")
	flags.Parse(args)
	g.outgoing = func() outgoing { return newRequest(g.address, *key) }
	if *secret != "" {
		g.outgoing, g.timed = func() outgoing { return newNotices(g.address, *secret) }, true
	}

	done := make(chan struct{})
	var ticks <-chan int64
	if *rate > 0 {
		ticks = openLoop(*rate, done)
	}
	rig.Greet("")
	g.from = time.Now().Add(duration(*warmup))
	time.AfterFunc(time.Duration(*seconds*float64(time.Second)), func() { close(done) })
	if g.window > 0 {
		go g.watchReceiver(done)
	}
	var all sync.WaitGroup
	for range *connections {
		all.Go(func() { g.publish(done, ticks) })
	}
	all.Wait()
	if *acceptedFile == "" {
		*acceptedFile = os.DevNull
	}
	if err := os.WriteFile(*acceptedFile, g.bits.bytes(g.issued.Load()), 0o600); err != nil {
		return err
	}
	return rig.Answer(generated{
		Issued:    g.issued.Load(),
		Accepted:  g.accepted.Load(),
		Refused:   g.refused.Load(),
		Failed:    g.failed.Load(),
		Complaint: g.complaint,
		Sample:    g.sample,
		Counted:   int64(len(g.latencies)),
		P50:       known(percentile(g.latencies, 50)),
		P99:       known(percentile(g.latencies, 99)),
		Max:       known(percentile(g.latencies, 100)),
	})
}

// openLoop sends the moment of each publishing, spaced at random, whether or not a connection is free to take it.
func openLoop(rate float64, done <-chan struct{}) <-chan int64 {
	ticks := make(chan int64, 1<<16)
	go func() {
		defer close(ticks)
		next := time.Now()
		for {
			next = next.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
			select {
			case <-done:
				return
			case <-time.After(time.Until(next)):
			}
			ticks <- time.Now().UnixNano()
		}
	}()
	return ticks
}

// watchReceiver keeps the number of deliveries received, against which the window is held.
func (g *generator) watchReceiver(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if c, err := countAt(g.receiver); err == nil {
			g.received.Store(c.Distinct)
		}
	}
}

// publish is one connection: one request after the other until done.
func (g *generator) publish(done <-chan struct{}, ticks <-chan int64) {
	request := g.outgoing()
	kept := reservoir{size: sampled}
	var latencies []int64
	defer func() {
		g.mu.Lock()
		g.sample = append(g.sample, kept.ids...)
		g.latencies = append(g.latencies, latencies...)
		g.mu.Unlock()
	}()
	var connection net.Conn
	var in *bufio.Reader
	var body []byte
	for {
		sent := int64(notSent)
		if ticks != nil {
			tick, open := <-ticks
			if !open {
				return
			}
			sent = tick
		}
		select {
		case <-done:
			return
		default:
		}
		if g.window > 0 && g.issued.Load()*g.fan-g.received.Load() > g.window {
			time.Sleep(time.Millisecond)
			continue
		}
		if connection == nil {
			dialled, err := net.DialTimeout("tcp", g.address, 5*time.Second)
			if err != nil {
				g.complain(&g.failed, err.Error())
				time.Sleep(10 * time.Millisecond)
				continue
			}
			connection, in = dialled, bufio.NewReaderSize(dialled, 4096)
			defer dialled.Close()
		}
		n := g.issued.Add(1) - 1
		if g.most > 0 && n >= g.most {
			g.issued.Add(-1)
			return
		}
		status, began := 0, time.Now()
		if ticks != nil { // what waited for a free connection waited
			began = time.Unix(0, sent)
		}
		connection.SetDeadline(time.Now().Add(20 * time.Second))
		_, err := connection.Write(request.next(n, int(n%int64(g.types)), sent))
		if err == nil {
			status, body, err = readAnswer(in, body)
		}
		switch {
		case err != nil:
			g.complain(&g.failed, err.Error())
			connection.Close()
			connection = nil
		case status == g.wanted:
			g.accepted.Add(1)
			g.bits.set(n)
			if now := time.Now(); g.timed && now.After(g.from) {
				latencies = append(latencies, int64(now.Sub(began)))
			}
			kept.offer(body)
		default:
			g.complain(&g.refused, fmt.Sprintf("%d %.300s", status, body))
		}
	}
}

// known is n, and 0 for what JSON has no word for.
func known(n float64) float64 {
	if math.IsNaN(n) {
		return 0
	}
	return n
}

func (g *generator) complain(counter *atomic.Int64, complaint string) {
	if counter.Add(1) == 1 {
		g.mu.Lock()
		g.complaint = complaint
		g.mu.Unlock()
	}
}

// reservoir keeps a fair sample of the ids in the answers that pass by.
type reservoir struct {
	size, seen int
	ids        []string
}

func (r *reservoir) offer(answer []byte) {
	r.seen++
	slot := r.seen - 1
	if slot >= r.size {
		if slot = rand.IntN(r.seen); slot >= r.size {
			return
		}
	}
	const mark = `"id":"`
	start := bytes.Index(answer, []byte(mark))
	if start < 0 {
		return
	}
	id, _, _ := bytes.Cut(answer[start+len(mark):], []byte(`"`))
	if slot < len(r.ids) {
		r.ids[slot] = string(id)
		return
	}
	r.ids = append(r.ids, string(id))
}
