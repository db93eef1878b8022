package store_test

import (
	"testing"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// What waits is counted once and kept up by every commit, so it must agree with the rows after each of them.
func TestO3_WaitingIsKeptUpByEveryCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a := w.target(1, "a")
		want := func(step string, n int64) {
			t.Helper()
			got, _, err := w.Waiting(w.ctx, a.No)
			w.must(err)
			if got != n || got != int64(len(w.owed(a))) {
				t.Errorf("%s: %d wait, want %d; the table has %d", step, got, n, len(w.owed(a)))
			}
		}
		want("at first", 0)
		for range 5 {
			w.accept(w.event(1, "", `{}`), a)
		}
		want("five accepted", 5)
		open := w.owed(a)
		w.settle(w.tried(open[0], hub.Succeeded, 200, delivered(1)))
		want("one delivered", 4)
		w.settle(w.tried(open[0], hub.Succeeded, 200, delivered(1)))
		want("delivered twice", 4)
		w.settle(w.tried(open[1], hub.Refused, 500, hub.Next{State: hub.Pending, Tries: 1, DueAt: w.now}))
		want("one tried", 4)
		w.write(func(tx *store.Tx) error { return tx.Cancel(w.ctx, 1, open[2].ID(), "by hand", w.now) })
		want("one cancelled", 3)
		w.must(w.CancelOpen(w.ctx, a.No))
		want("all cancelled", 0)
	})
}
