package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// The last success is remembered as commits make it, and read where nothing is remembered: both must say the same.
func TestTheLastSuccessIsRememberedAndRead(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		var later atomic.Int64
		clock := func(o *store.Options) { o.Now = func() time.Time { return noon.Add(time.Duration(later.Load())) } }
		s := open(clock)
		stop := storetest.Run(t, s)
		w := tell(t, s)
		a := w.target(1, "a")
		want := func(when string, at time.Time) {
			t.Helper()
			if got, err := w.LastSuccess(w.ctx, a.No); err != nil || !got.Equal(at) {
				t.Errorf("%s: last success %v %v, want %v", when, got, err, at)
			}
		}
		want("at first", time.Time{})
		for range 4 {
			w.accept(w.event(1, "", `{}`), a)
		}
		d := w.owed(a)
		w.now = noon.Add(time.Minute)
		w.settle(w.tried(d[0], hub.Succeeded, 200, delivered(1)))
		want("one is delivered", w.now)
		w.now = noon.Add(30 * time.Second) // the clock was set back
		w.settle(w.tried(d[1], hub.Succeeded, 200, delivered(1)))
		want("an earlier one is recorded later", noon.Add(time.Minute))
		w.now = noon.Add(2 * time.Minute)
		w.settle(w.tried(d[2], hub.Refused, 500, hub.Next{State: hub.Failed, Tries: 1, Reason: "no more tries"}))
		last := noon.Add(time.Minute)
		want("one failed", last)
		if s.Postgres() { // somebody else delivers one
			w.write(func(tx *store.Tx) error {
				_, err := tx.ExecContext(w.ctx, `UPDATE delivery_done SET at = at + 60000 WHERE seq = $1`, d[0].Seq)
				return err
			})
			want("another node delivered one", last)
			later.Store(int64(11 * time.Minute))
			last = noon.Add(2 * time.Minute)
			want("another node delivered one ten minutes ago", last)
		}
		stop()
		s = open(clock)
		storetest.Run(t, s)
		w = tell(t, s)
		want("started again", last)
		w.now = noon.Add(3 * time.Minute)
		w.settle(w.tried(d[3], hub.Succeeded, 200, delivered(1)))
		want("started again, one more is delivered", w.now)
	})
}
