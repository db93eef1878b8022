package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// BenchmarkCommit is the store's part of a delivery: 128 publishers, an event of 0.9 KB with an id and a key of its
// own, owed to one of 100 targets and delivered at the first try. It prints the CPU time per delivery, this side.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) { benchCommit(b, kind) })
	}
}

func benchCommit(b *testing.B, kind string) {
	open := storetest.SQLite
	if kind == "postgres" {
		open = storetest.OnPostgres
	}
	data := append([]byte(`{"total":"150.00","text":"`), bytes.Repeat([]byte("x"), 870)...)
	data = append(data, `"}`...)
	var recorded atomic.Int64
	var s *store.Store
	commits := 0
	outcomes := make(chan []store.Fresh, 10_000)
	s = open(b)(func(o *store.Options) {
		o.Committed = func(fresh []store.Fresh) { commits++; outcomes <- fresh }
		o.Recorded = func(o []*store.Outcome) { recorded.Add(int64(len(o))) }
	})
	storetest.Run(b, s)
	var targets []int64
	if err := s.Write(context.Background(), func(tx *store.Tx) error {
		for i := range 100 {
			e := hub.DefaultEndpoint()
			t := hub.Target{ID: hub.NewID(), Tenant: 1, Kind: hub.KindEndpoint, Name: fmt.Sprint(i), Endpoint: e, State: hub.Active}
			if err := tx.InsertTarget(context.Background(), &t, 1); err != nil {
				return err
			}
			targets = append(targets, t.No)
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	var senders sync.WaitGroup
	senders.Go(func() {
		for fresh := range outcomes {
			for _, f := range fresh {
				s.Record(success(f))
			}
		}
	})
	b.ResetTimer()
	start := cpu()
	begin := time.Now()
	var next atomic.Int64
	var publishers sync.WaitGroup
	for range 128 {
		publishers.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				id := make([]byte, 16)
				_, _ = rand.Read(id)
				now := time.Now()
				e := &hub.Event{ID: hub.NewID(), Tenant: 1, Type: "bench.7", Source: "api", CallerID: hex.EncodeToString(id), Key: hex.EncodeToString(id[:5]),
					Time: now, ReceivedAt: now, Data: data, ContentType: "application/json"}
				a := &store.Accept{Event: e, Owed: []store.Owed{{Target: targets[i%100]}}}
				if err := s.Accept(context.Background(), a); err != nil || a.Result.Err != nil {
					b.Error(err, a.Result.Err)
					return
				}
			}
		})
	}
	publishers.Wait()
	close(outcomes)
	senders.Wait()
	for recorded.Load() < int64(b.N) {
		if err := s.Canary(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	used := cpu() - start
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/delivery")
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "deliveries/s")
	b.ReportMetric(float64(b.N)/float64(commits), "events/commit")
}

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// success is what a sender reports of a call that went well.
func success(f store.Fresh) *store.Outcome {
	e := f.Event
	id := e.ID.Text(hub.EventPrefix)
	head := `{"id":"` + id + `","type":"` + e.Type + `","time":"2026-11-22T12:00:00Z","key":"` + e.Key + `","data":`
	body := append(append([]byte(head), e.Data...), '}')
	now := time.Now()
	a := &hub.Attempt{N: 1, At: now, Took: 1500 * time.Microsecond, Result: hub.Succeeded, Status: 200, SettingsVersion: 1,
		Request: hub.SentRequest{Method: "POST", URL: "http://127.0.0.1:9000/in/7", Body: body, DataAt: len(head), DataLen: len(e.Data),
			Headers: []hub.Header{{Name: "webhook-id", Value: id}, {Name: "webhook-timestamp", Value: "1795348800"},
				{Name: "webhook-signature", Value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="}, {Name: "hacek-delivery", Value: f.Delivery.ID().Text()},
				{Name: "content-type", Value: "application/json"}}},
		Response: hub.Answer{Status: 200, Headers: http.Header{"Date": {"Sun, 22 Nov 2026 12:00:00 GMT"}, "Content-Length": {"0"}}},
		Timing:   hub.Timing{FirstByte: time.Millisecond, Total: 1500 * time.Microsecond},
		Peer:     hub.Peer{Address: "127.0.0.1:9000"}}
	return &store.Outcome{Delivery: f.Delivery, Tenant: 1, Attempt: a, Next: hub.Next{State: hub.Delivered, Tries: 1, Reason: "answered 200"}, At: now}
}
