package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hacek/internal/hub"
)

// Many small buckets under several stored filters: an old id is found in each of them, before and after a restart.
func TestOldIDsAreFoundThroughStoredFilters(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	open := func() (*Store, *sqliteHot) {
		s, err := Open(t.Context(), Options{Dir: dir, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return s, s.hot.(*sqliteHot)
	}
	run := func(s *Store) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		stop = sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stop)
		return stop
	}
	spans := func(s *Store, h *sqliteHot) (n int) {
		if err := s.Write(t.Context(), func(*Tx) error { n = len(h.buckets.spans); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	accept := func(s *Store, i int) Accepted {
		t.Helper()
		e := &hub.Event{ID: hub.NewID(), Tenant: 1, Type: "t", Source: "api", CallerID: fmt.Sprint(i), Time: now, ReceivedAt: now, Data: []byte("1"), ContentType: "application/json"}
		a := &Accept{Event: e}
		if err := s.Accept(t.Context(), a); err != nil || a.Result.Err != nil {
			t.Fatal(err, a.Result.Err)
		}
		return a.Result
	}
	s, h := open()
	h.buckets.growing().filter = newBloom(100)
	stop := run(s)
	for i := range 400 {
		if r := accept(s, i); r.Duplicate {
			t.Fatalf("id %d is new and was taken for a known one", i)
		}
		if i%10 < 9 {
			continue
		}
		// Ten ids a bucket.
		if err := s.Write(t.Context(), func(*Tx) error { now = now.Add(time.Hour); h.buckets.digests = bucketRows; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(-24 * time.Hour) // a clock set back does no harm
	for range 2 {
		if n := spans(s, h); n < 2 {
			t.Errorf("%d spans: no filter was stored", n)
		}
		for i := range 400 {
			if r := accept(s, i); !r.Duplicate {
				t.Fatalf("id %d is known and was taken for a new one", i)
			}
		}
		stop()
		s, h = open()
		if h.buckets.spans[0].filter.maybe(&[16]byte{1}) && h.buckets.spans[0].filter.maybe(&[16]byte{2}) {
			t.Error("the stored filter knows everything")
		}
		stop = run(s)
	}
}
