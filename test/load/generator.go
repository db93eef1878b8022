//go:build linux

package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
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
}

// sampled is how many ids each connection keeps.
const sampled = 16

// generator is the process that publishes: raw connections kept open, requests built once, so that it takes little of the
// processors it shares with the hub. It is the same for the floor and the hub.
type generator struct {
	address, key, receiver string
	types                  int
	window                 int64 // deliveries that may be outstanding; 0: no limit
	fan                    int64

	issued, accepted, refused, failed, received atomic.Int64
	bits                                        bitmap
	mu                                          sync.Mutex
	complaint                                   string
	sample                                      []string
}

func generate(args []string) error {
	g := &generator{bits: newBitmap()}
	flags := flag.NewFlagSet("generator", flag.ExitOnError)
	flags.StringVar(&g.address, "to", "", "")
	flags.StringVar(&g.key, "key", "none", "")
	flags.StringVar(&g.receiver, "receiver", "", "")
	flags.IntVar(&g.types, "types", 100, "")
	flags.Int64Var(&g.window, "window", 0, "")
	flags.Int64Var(&g.fan, "fan", 1, "")
	connections := flags.Int("connections", 128, "")
	rate := flags.Float64("rate", 0, "")
	seconds := flags.Float64("seconds", 25, "")
	acceptedFile := flags.String("accepted", "", "")
	flags.Parse(args)

	done := make(chan struct{})
	var ticks <-chan int64
	if *rate > 0 {
		ticks = openLoop(*rate, done)
	}
	rig.Greet("")
	time.AfterFunc(time.Duration(*seconds*float64(time.Second)), func() { close(done) })
	if g.window > 0 {
		go g.watchReceiver(done)
	}
	var all sync.WaitGroup
	for range *connections {
		all.Go(func() { g.publish(done, ticks) })
	}
	all.Wait()
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
	request := newRequest(g.address, g.key)
	kept := reservoir{size: sampled}
	defer func() {
		g.mu.Lock()
		g.sample = append(g.sample, kept.ids...)
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
		status := 0
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
		case status == 202:
			g.accepted.Add(1)
			g.bits.set(n)
			kept.offer(body)
		default:
			g.complain(&g.refused, fmt.Sprintf("%d %.300s", status, body))
		}
	}
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
