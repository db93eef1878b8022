package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hacek/internal/hub"
)

// Many small buckets under several stored filters: an old id is found in each of them, before and after a restart.
func TestOldIDsAreFoundThroughStoredFilters(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	open := func() (*Store, *sqliteHot, func()) {
		s, err := Open(t.Context(), Options{Dir: dir, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		return s, s.hot.(*sqliteHot), func() {
			go func() { done <- s.Run(ctx) }()
			t.Cleanup(func() { cancel() })
		}
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
	s, h, run := open()
	h.buckets.growing().filter = newBloom(100)
	run()
	for i := range 400 {
		if r := accept(s, i); r.Duplicate {
			t.Fatalf("id %d is new and was taken for a known one", i)
		}
		if i%10 == 9 {
			// The committer looks at the clock for each batch: ten ids a bucket.
			if err := s.Write(t.Context(), func(*Tx) error { now = now.Add(25 * time.Hour / 10); h.buckets.digests = bucketRows; return nil }); err != nil {
				t.Fatal(err)
			}
			if h.buckets.growing().filter.full() {
				continue
			}
		}
	}
	now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for i := range 400 {
		if r := accept(s, i); !r.Duplicate {
			t.Fatalf("id %d is known and was taken for a new one", i)
		}
	}
	if err := s.Write(t.Context(), func(*Tx) error {
		if len(h.buckets.spans) < 2 {
			t.Errorf("%d spans: no filter was stored", len(h.buckets.spans))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
