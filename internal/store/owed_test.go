package store_test

import (
	"testing"
	"time"

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

// counted waits until what a target is owed is known without reading its rows: a row that no commit has written is not
// seen then.
func (w *world) counted(target hub.Target) {
	w.t.Helper()
	before := int64(len(w.owed(target)))
	for start := time.Now(); time.Since(start) < 20*time.Second; {
		w.write(func(tx *store.Tx) error {
			_, err := tx.ExecContext(w.ctx, `INSERT INTO delivery (target_no, seq, event_id, gen, due_at, tries, key)
				SELECT $1, max(seq) + 1, event_id, 9, 0, 0, '' FROM delivery WHERE target_no = $1 GROUP BY event_id`, target.No)
			return err
		})
		got, err := w.WaitingOf(w.ctx, target.Tenant)
		w.must(err)
		w.write(func(tx *store.Tx) error {
			_, err := tx.ExecContext(w.ctx, `DELETE FROM delivery WHERE target_no = $1 AND gen = 9`, target.No)
			return err
		})
		if got[target.No] == before {
			return
		}
	}
	w.t.Fatal("what waits is counted row by row")
}

func TestO3_WaitingIsNotCountedRowByRow(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		s := open()
		stop := storetest.Run(t, s)
		w := tell(t, s)
		a := w.target(1, "a")
		e := w.event(1, "", `{}`)
		w.accept(e, a)
		w.counted(a)
		for range 4 {
			w.accept(w.event(1, "", `{}`), a)
		}
		first := w.owed(a)[0]
		done := w.tried(first, hub.Succeeded, 200, delivered(1))
		w.settle(done)
		w.settle(done) // recorded twice: it was owed once
		want := func(when string, n int64) {
			t.Helper()
			got, err := w.WaitingOf(w.ctx, 1)
			w.must(err)
			if got[a.No] != n || n != int64(len(w.owed(a))) {
				t.Errorf("%s: %d wait, want %d; the table has %d", when, got[a.No], n, len(w.owed(a)))
			}
		}
		want("one of five is delivered", 4)
		w.write(func(tx *store.Tx) error { return tx.Cancel(w.ctx, 1, w.owed(a)[0].ID(), "by hand", w.now) })
		want("one is cancelled", 3)
		stop()
		s = open()
		storetest.Run(t, s)
		w = tell(t, s)
		w.must(w.Accept(w.ctx, &store.Accept{Event: w.event(1, "", `{}`), Owed: []store.Owed{{Target: a.No}}}))
		want("started again", 4)
		w.settle(w.tried(w.owed(a)[0], hub.Succeeded, 200, delivered(1)))
		want("started again, one more is delivered", 3)
	})
}
