package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// sumAll adds up all spans there are.
func (w *world) sumAll() (spans int) {
	w.t.Helper()
	for ; ; spans++ {
		more, err := w.SumDeliveries(w.ctx, w.now.Add(24*time.Hour))
		w.must(err)
		if !more {
			return spans
		}
	}
}

// catchUp waits until all outcomes are durable, however many there are.
func (w *world) catchUp() {
	w.t.Helper()
	for w.Backlog() > 0 {
		w.write(func(*store.Tx) error { return nil })
	}
}

// settled is what a delivery's end is known to have been.
type settled struct {
	accepted time.Time
	state    hub.DeliveryState
	tries    int
	took     time.Duration
	at       time.Time
}

// expect is what Stats must say of a target.
func expect(all []settled, since time.Time) store.TargetStats {
	want := store.TargetStats{Counts: map[hub.DeliveryState]int64{}}
	var took, n time.Duration
	for _, d := range all {
		if d.accepted.Before(since) || d.state == hub.Pending {
			continue
		}
		want.Counts[d.state]++
		if d.tries > 1 {
			want.Retried++
		}
		if took, n = took+d.took, n+1; d.at.After(want.LastAt) {
			want.LastAt = d.at
		}
	}
	if n > 0 {
		want.MeanTook = took / n
	}
	return want
}

// The figures of a target must be the same whether they come from sums, from the deliveries or from both.
func TestFiguresAreExactWhateverIsSummedUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		busy, quiet := w.target(1, "busy"), w.target(1, "quiet")
		const events = 8_700
		var batch []*store.Accept
		moment := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
		for n := range events {
			e := w.event(1, "", `1`)
			e.ReceivedAt = moment(n)
			a := &store.Accept{Event: e, Owed: []store.Owed{{Target: busy.No}}}
			if n%100 == 7 {
				a.Owed = append(a.Owed, store.Owed{Target: quiet.No})
			}
			batch = append(batch, a)
		}
		for part := range slices.Chunk(batch, 4000) {
			w.must(w.Accept(w.ctx, part...))
		}
		all := map[int64][]settled{}
		open := map[int64][]hub.Delivery{}
		for _, target := range []hub.Target{busy, quiet} {
			deliveries, err := w.InOrder(w.ctx, target.No, 0, events)
			w.must(err)
			for i, d := range deliveries {
				open[target.No] = append(open[target.No], d)
				n := i
				if target.No == quiet.No {
					n = i*100 + 7
				}
				all[target.No] = append(all[target.No], settled{accepted: moment(n), state: hub.Pending})
			}
		}
		settle := func(target int64, i int, state hub.DeliveryState, tries int) {
			took := time.Duration(i%50) * time.Millisecond
			d := open[target][i]
			o := w.tried(d, hub.Succeeded, 200, hub.Next{State: state, Tries: tries})
			o.Attempt.Took, o.At = took, noon.Add(3*time.Hour+time.Duration(i)*time.Millisecond)
			w.Record(o)
			x := &all[target][i]
			x.state, x.tries, x.took, x.at = state, tries, took, o.At
		}
		check := func(when string) {
			t.Helper()
			w.catchUp()
			for _, target := range []hub.Target{busy, quiet} {
				for _, n := range []int{0, 4_097, 8_699, 20_000} {
					got, err := w.Stats(w.ctx, target.No, moment(n))
					w.must(err)
					if want := expect(all[target.No], moment(n)); !reflect.DeepEqual(got, want) {
						t.Errorf("%s, %s since event %d:\n got %+v\nwant %+v", when, target.Name, n, got, want)
					}
				}
			}
		}
		check("nothing is finished")
		late := []int{0, 4_095, 4_096, 8_000}
		for i := range open[busy.No] {
			switch {
			case slices.Contains(late, i):
			case i%97 == 0:
				settle(busy.No, i, hub.Failed, 3)
			case i%89 == 0:
				settle(busy.No, i, hub.Delivered, 2)
			default:
				settle(busy.No, i, hub.Delivered, 1)
			}
		}
		check("nothing is summed up")
		if n := w.sumAll(); n < 2 {
			t.Fatalf("%d spans of %d deliveries", n, events)
		}
		check("summed up")
		for i := range 40 {
			settle(quiet.No, i, hub.Delivered, 1)
		}
		check("another target's have ended since")
		for n, i := range late {
			settle(busy.No, i, hub.Failed, n)
			check(fmt.Sprintf("delivery %d has ended since", i))
		}
		more, err := w.MendSums(w.ctx)
		w.must(err)
		if more {
			t.Error("there is more to mend")
		}
		check("mended")
		w.must(w.CancelOpen(w.ctx, quiet.No))
		for i := range all[quiet.No] {
			if x := &all[quiet.No][i]; x.state == hub.Pending {
				x.state, x.at = hub.Cancelled, time.UnixMilli(0)
			}
		}
		got, err := w.Stats(w.ctx, quiet.No, noon)
		w.must(err)
		if want := expect(all[quiet.No], noon).Counts; !reflect.DeepEqual(got.Counts, want) {
			t.Errorf("cancelled: got %v, want %v", got.Counts, want)
		}
	})
}

// A day of a million deliveries must not be read: what is summed up is not looked at again.
func TestE8_FiguresOfADayReadSums(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a := w.target(1, "a")
		const events = 9_000
		var batch []*store.Accept
		for range events {
			batch = append(batch, &store.Accept{Event: w.event(1, "", `1`), Owed: []store.Owed{{Target: a.No}}})
		}
		for part := range slices.Chunk(batch, 3000) {
			w.must(w.Accept(w.ctx, part...))
		}
		deliveries, err := w.InOrder(w.ctx, a.No, 0, events)
		w.must(err)
		const late, finished = 100, 8_500
		for i, d := range deliveries[:finished] {
			if i != late {
				w.Record(w.tried(d, hub.Succeeded, 200, delivered(1)))
			}
		}
		w.catchUp()
		w.sumAll()
		w.settle(w.tried(deliveries[late], hub.Succeeded, 200, delivered(1)))
		_, err = w.MendSums(w.ctx)
		w.must(err)
		figures := func(when string, want int64) {
			t.Helper()
			got, err := w.Stats(w.ctx, a.No, time.Time{})
			w.must(err)
			if got.Counts[hub.Delivered] != want {
				t.Errorf("%s: %v, want %d delivered", when, got.Counts, want)
			}
		}
		const summed = 2*4_096 + 1 // two spans, and what was open in one of them
		// Without their rows, the sums are all there is to know of them.
		w.write(func(tx *store.Tx) error {
			_, err := tx.ExecContext(w.ctx, `DELETE FROM delivery_done WHERE seq <= $1`, deliveries[summed-1].Seq)
			return err
		})
		figures("their rows are gone", finished)
		w.sumAll()
		figures("all rows of their spans are gone", finished-summed)
	})
}
