//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hacek/test/load/rig"
)

// shopTypes are the events of an order's life: five kinds of shop, four steps each, so that every order has four events.
var shopTypes = []string{
	"order.created", "order.imported", "order.copied", "order.reserved", "order.received",
	"payment.authorised", "payment.captured", "payment.transferred", "payment.promised", "payment.refunded",
	"parcel.packed", "parcel.labelled", "parcel.collected", "parcel.returned", "parcel.weighed",
	"invoice.issued", "invoice.paid", "invoice.sent", "invoice.cancelled", "invoice.archived",
}

const (
	shopEndpoints  = 50
	shopWarehouses = 10
	shopSteps      = 4
	shopLooks      = 300 // changes of settings, which fill the audit
	shopTill       = "TILL-7"
	shopTillOrders = 50 // one order of so many is paid at that till: a number that thousands of events bear
)

func shopOrder(n int64) string { return fmt.Sprintf("2026%07d", n/shopSteps) }

// shopFails picks two events of a hundred, which their receiver refuses for good.
func shopFails(n int64) bool { return uint32(n)*2654435761>>8%50 == 0 }

// shopEvent appends the nth event; sent is when it was published, or notSent.
func shopEvent(to []byte, n, sent int64) []byte {
	order := n / shopSteps
	start, till := len(to), ""
	if order%shopTillOrders == 0 {
		till = `"till":"` + shopTill + `",`
	}
	to = fmt.Appendf(to, `{"type":%q,"data":{"order":%q,"parcel":"CZ%09d","warehouse":"W%d","seq":%d,"sent":%d,"total":"%d.50","currency":"CZK",%s`+
		`"customer":{"name":"Žofie Nováková","mail":"zofie%d@example.com"},"lines":[{"sku":"A-%d","count":2,"price":"499.00"},`+
		`{"sku":"B-7","count":1,"price":"236.50"}],"note":"`,
		shopTypes[n%shopSteps*5+order%5], shopOrder(n), order, n/20%shopWarehouses, firstSeq+n, sent, 100+order%5000, till, order%100_000, order%900)
	to = append(to, strings.Repeat("x", max(0, bodySize-(len(to)-start)))...)
	return append(to, `"}}`...)
}

// shopEndpoint is the nth endpoint: those of one type share its warehouses, so that each event is owed to exactly one.
func shopEndpoint(n int, receiver string) rig.Object {
	eventType := n % len(shopTypes)
	of := (shopEndpoints + len(shopTypes) - 1 - eventType) / len(shopTypes)
	var own []string
	for w := range shopWarehouses {
		if w*of/shopWarehouses == n/len(shopTypes) {
			own = append(own, fmt.Sprintf(`"W%d"`, w))
		}
	}
	return rig.Object{
		"name":         fmt.Sprintf("System %02d", n),
		"subscription": rig.Object{"event_types": []string{shopTypes[eventType]}, "condition": "data.warehouse in [" + strings.Join(own, ", ") + "]"},
		"request":      rig.Object{"url": "http://" + receiver + "/"},
		"success":      rig.Object{"final": []rig.Object{{"status": []string{"422"}}}},
	}
}

// shopReceiver takes all deliveries and refuses those it must; it keeps how long those took that bear when they were sent.
type shopReceiver struct {
	address string
	server  *http.Server

	arrived atomic.Int64
	mu      sync.Mutex
	took    []int64
}

func startShopReceiver() (*shopReceiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &shopReceiver{address: listener.Addr().String()}
	r.server = &http.Server{Handler: r}
	go func() { _ = r.server.Serve(listener) }() // closed at the end
	return r, nil
}

func (r *shopReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.arrived.Add(1)
	sent, timed := digits(body, `"sent":`)
	if timed && sent != notSent {
		r.mu.Lock()
		r.took = append(r.took, time.Now().UnixNano()-sent)
		r.mu.Unlock()
	}
	if n, found := digits(body, `"seq":`); found && shopFails(n-firstSeq) {
		http.Error(w, "unknown item", http.StatusUnprocessableEntity)
	}
}

// latencies are those since the last time.
func (r *shopReceiver) latencies() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := r.took
	r.took = nil
	return took
}

// setUp makes types, endpoints, sources' target and a history of changes; the last endpoint is paused.
func (c *consoleStory) setUp(ctx context.Context) error {
	for _, name := range shopTypes {
		group, what, _ := strings.Cut(name, ".")
		err := c.api.Do(ctx, "PUT", "/v1/event-types/"+name, rig.Object{
			"title": rig.Object{"en": group + " " + what}, "group": group, "key": "order", "refs": []string{"parcel", "till"},
		}, nil)
		if err != nil {
			return fmt.Errorf("declare %s: %w", name, err)
		}
	}
	for n := range shopEndpoints {
		made, err := c.api.CreateEndpoint(ctx, shopEndpoint(n, c.receiver.address))
		if err != nil {
			return fmt.Errorf("create endpoint %d: %w", n, err)
		}
		c.endpoints = append(c.endpoints, made.ID)
	}
	if err := c.api.Do(ctx, "POST", "/v1/endpoints/"+c.endpoints[shopEndpoints-1]+"/pause", rig.Object{}, nil); err != nil {
		return err
	}
	for n := range shopLooks {
		change := rig.Object{"description": fmt.Sprintf("changed for the %dth time", n)}
		if err := c.api.Do(ctx, "PATCH", "/v1/endpoints/"+c.endpoints[n%shopEndpoints], change, nil); err != nil {
			return err
		}
	}
	pipeline := rig.Object{
		"name": "Orders to the ERP", "subscription": rig.Object{"sources": []string{"shoptet"}},
		"steps": []rig.Object{{"type": "map", "as": "row", "fields": rig.Object{"number": "#eventInstance#"}}},
	}
	var made struct{ ID string }
	if err := c.api.Do(ctx, "POST", "/v1/pipelines", pipeline, &made); err != nil {
		return fmt.Errorf("create the pipeline: %w", err)
	}
	c.pipeline = made.ID
	return nil
}

// publish publishes events in batches, two at a time, as fast as they are taken.
func (c *consoleStory) publish(ctx context.Context, events int64) error {
	const batch, sides = 1000, 2
	var next atomic.Int64
	failed := make(chan error, sides)
	for range sides {
		api := c.hub.API()
		go func() {
			var lines []byte
			for {
				from := next.Add(batch) - batch
				if from >= events {
					failed <- nil
					return
				}
				lines = lines[:0]
				for n := from; n < min(events, from+batch); n++ {
					lines = append(shopEvent(lines, n, notSent), '\n')
				}
				var answer struct{ Accepted int64 }
				err := api.Do(ctx, "POST", "/v1/events/batch", lines, &answer)
				if err == nil && answer.Accepted != min(events, from+batch)-from {
					err = fmt.Errorf("%d of a batch of %d were accepted", answer.Accepted, batch)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	for range sides {
		if err := <-failed; err != nil {
			return err
		}
	}
	c.published.Store(events)
	return nil
}

// trickle publishes at a rate until done, spaced at random, whether or not the last was answered; it returns how many were accepted.
func (c *consoleStory) trickle(ctx context.Context, rate float64, done <-chan struct{}) (accepted, refused int64) {
	ticks := openLoop(rate, done)
	var all sync.WaitGroup
	var taken, failed atomic.Int64
	api := c.hub.API()
	for range 16 {
		all.Go(func() {
			for sent := range ticks {
				line := append(shopEvent(nil, c.published.Add(1)-1, sent), '\n')
				if err := api.Do(ctx, "POST", "/v1/events/batch", line, nil); err != nil {
					failed.Add(1)
					continue
				}
				taken.Add(1)
			}
		})
	}
	all.Wait()
	return taken.Load(), failed.Load()
}
