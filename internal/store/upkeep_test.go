package store_test

import (
	"bytes"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestTheLogBeginsAnewUnderLoad(t *testing.T) {
	s := storetest.SQLite(t)()
	storetest.Run(t, s)
	w := tell(t, s)
	data := string(bytes.Repeat([]byte("1"), 100<<10))
	for range 100 {
		var batch []*store.Accept
		for range 30 {
			batch = append(batch, &store.Accept{Event: w.event(1, "", data)})
		}
		w.must(w.Accept(w.ctx, batch...))
	}
	// 300 MB went through a log that is copied back every 32 MB.
	log, err := os.Stat(s.File() + "-wal")
	w.must(err)
	if log.Size() > 150<<20 {
		t.Errorf("the log has grown to %d MiB", log.Size()>>20)
	}
}

// The driver sorts its pragmas, and a page's size is only taken before the log is switched on.
func TestPagesHaveTheirSize(t *testing.T) {
	s := storetest.SQLite(t)()
	storetest.Run(t, s)
	head, err := os.ReadFile(s.File())
	if err != nil || len(head) < 18 {
		t.Fatalf("%d bytes, %v", len(head), err)
	}
	if size := int(head[16])<<8 | int(head[17]); size != 8192 { // https://www.sqlite.org/fileformat2.html, 1.3
		t.Errorf("a page has %d bytes, want 8192", size)
	}
}

// A hub that only refuses strangers accepts nothing, and its log must begin anew all the same.
func TestTheLogBeginsAnewWhenNothingIsAccepted(t *testing.T) {
	s := storetest.SQLite(t)()
	storetest.Run(t, s)
	w := tell(t, s)
	for range 100 {
		in := hub.InRequest{ID: hub.NewID(), Tenant: 1, Source: 7, At: w.now, Outcome: hub.RequestQuarantined, Method: "POST", Body: make([]byte, 2<<20)}
		w.write(func(tx *store.Tx) error { return tx.AddRequests(w.ctx, []hub.InRequest{in}) })
	}
	log, err := os.Stat(s.File() + "-wal")
	w.must(err)
	if log.Size() > 150<<20 { // 200 MB went through it
		t.Errorf("the log has grown to %d MiB", log.Size()>>20)
	}
}

func TestAnIDIsKnownOnBothSidesOfMidnight(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		var clock atomic.Int64
		s := open(func(o *store.Options) { o.Now = func() time.Time { return midnight.Add(time.Duration(clock.Load())) } })
		storetest.Run(t, s)
		w := tell(t, s)
		moments := []time.Duration{-2 * time.Minute, -10 * time.Second, 10 * time.Second, 2 * time.Minute}
		for i, first := range moments {
			for j, second := range moments {
				if j < i {
					continue
				}
				for k, at := range []time.Duration{first, second} {
					clock.Store(int64(at))
					e := w.event(1, "", `1`)
					e.CallerID, e.ReceivedAt = fmt.Sprint(i, "-", j), midnight.Add(at)
					if a := w.accept(e); a.Result.Err != nil || a.Result.Duplicate != (k == 1) {
						t.Errorf("at %s and %s: %+v", first, second, a.Result)
					}
				}
			}
		}
	})
}
