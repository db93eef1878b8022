package store_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// pages walks a list of events to its end and counts its pages.
func (w *world) pages(f store.EventFilter, p store.Page) (keys []string, pages int) {
	w.t.Helper()
	for {
		rows, next, err := w.Events(w.ctx, f, p)
		w.must(err)
		pages++
		for _, e := range rows {
			keys = append(keys, e.Key)
		}
		if next == "" {
			return keys, pages
		}
		p.Cursor = next
	}
}

func TestNarrowedListsReadOnlySpansThatHoldSomething(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		const all = 12_000
		rare := map[int]string{3: "parcel.lost", 10: "parcel.lost", 700: "parcel.found", 6_000: "parcel.lost", all - 2: "parcel.lost"}
		var batch []*store.Accept
		var back *hub.Event
		for n := range all {
			e := w.event(1, "", `1`)
			e.Type, e.Source = "order.created", "api"
			if n == 5_000 {
				back = w.event(1, "back", `1`)
			}
			if rare[n] != "" {
				e.Type, e.Source, e.Key = rare[n], "shoptet", fmt.Sprint("k", n)
			}
			if n == 3_000 {
				e.Tenant, e.Key = 2, "k3000"
			}
			e.ReceivedAt = noon.Add(time.Duration(n) * time.Millisecond)
			batch = append(batch, &store.Accept{Event: e})
		}
		for part := range slices.Chunk(batch, 4000) {
			w.must(w.Accept(w.ctx, part...))
		}
		type list struct {
			name   string
			filter store.EventFilter
			want   []string
		}
		lists := []list{
			{"type", store.EventFilter{Tenant: 1, Types: []string{"parcel.lost"}}, []string{"k11998", "k6000", "k10", "k3"}},
			{"types", store.EventFilter{Tenant: 1, Types: []string{"parcel.lost", "parcel.found"}}, []string{"k11998", "k6000", "k700", "k10", "k3"}},
			{"pattern", store.EventFilter{Tenant: 1, Types: []string{"parcel.*"}}, []string{"k11998", "k6000", "k700", "k10", "k3"}},
			{"source", store.EventFilter{Tenant: 1, Source: "shoptet"}, []string{"k11998", "k6000", "k700", "k10", "k3"}},
			{"type and another's source", store.EventFilter{Tenant: 1, Types: []string{"parcel.*"}, Source: "api"}, nil},
			{"type in a second", store.EventFilter{Tenant: 1, Types: []string{"parcel.lost"}, Since: noon.Add(5_500 * time.Millisecond), Until: noon.Add(6_500 * time.Millisecond)}, []string{"k6000"}},
			{"type since", store.EventFilter{Tenant: 1, Types: []string{"parcel.lost"}, Since: noon.Add(6 * time.Second), Until: noon.Add(time.Minute)}, []string{"k11998", "k6000"}},
			{"type until", store.EventFilter{Tenant: 1, Types: []string{"parcel.lost"}, Until: noon.Add(6 * time.Second)}, []string{"k10", "k3"}},
			{"small tenant", store.EventFilter{Tenant: 2}, []string{"k3000"}},
			{"never", store.EventFilter{Tenant: 1, Types: []string{"no.such"}}, nil},
			{"pattern of nothing", store.EventFilter{Tenant: 1, Types: []string{"no.*"}}, nil},
		}
		check := func(when string, mostPages int) {
			t.Helper()
			for _, x := range lists {
				for _, ascending := range []bool{false, true} {
					want := slices.Clone(x.want)
					if ascending {
						slices.Reverse(want)
					}
					for _, limit := range []int{1, 50} {
						got, pages := w.pages(x.filter, store.Page{Limit: limit, Ascending: ascending})
						if !slices.Equal(got, want) {
							t.Errorf("%s: %s (ascending %v, by %d): %v, want %v", when, x.name, ascending, limit, got, want)
						}
						if limit == 50 && pages > mostPages {
							t.Errorf("%s: %s (ascending %v) took %d pages, want %d at most", when, x.name, ascending, pages, mostPages)
						}
					}
				}
			}
		}
		check("before anything is summed up", 5)
		sum := func() {
			for more := true; more; {
				var err error
				more, err = w.SumEvents(w.ctx, time.Now().Add(time.Second))
				w.must(err)
			}
		}
		sum()
		check("summed up", 1)
		// Whatever came since is found too.
		late := w.event(1, "late", `1`)
		late.Type, late.Source, late.ReceivedAt = "parcel.lost", "shoptet", noon.Add(time.Hour)
		w.accept(late)
		for i := range lists[:4] {
			lists[i].want = append([]string{"late"}, lists[i].want...)
		}
		check("with one more", 1)
		// So is what bears an older number: its commit came late, or the clock was set back.
		back.Type, back.Source, back.ReceivedAt = "parcel.back", "shoptet", noon.Add(2*time.Hour)
		w.accept(back)
		lists = lists[:0]
		for _, f := range []store.EventFilter{{Types: []string{"parcel.back"}}, {Types: []string{"parcel.b*"}}, {Types: []string{"parcel.back"}, Source: "shoptet"}} {
			f.Tenant = 1
			lists = append(lists, list{"back", f, []string{"back"}})
		}
		check("with an older number", 5)
		sum()
		check("with an older number, summed up again", 1)
	})
}

func TestWhatWasNotDeliveredIsListedWhateverElseWas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a, b, foreign := w.target(1, "a"), w.target(1, "b"), w.target(2, "c")
		const all = 300
		for n := range all {
			w.accept(w.event(1, "", `1`), a, b)
			if n%50 == 0 {
				w.accept(w.event(2, "", `1`), foreign)
			}
		}
		ends := map[int]hub.DeliveryState{10: hub.Failed, 150: hub.Cancelled, 290: hub.Failed}
		settle := func(target hub.Target) {
			for n, d := range w.owed(target) {
				state := ends[n]
				switch {
				case n == 295 && target.No == b.No:
					continue // stays owed
				case state == "":
					state = hub.Delivered
				}
				w.Record(w.tried(d, hub.Refused, 422, hub.Next{State: state, Tries: 1}))
			}
			w.drain()
		}
		settle(a)
		settle(b)
		for n, d := range w.owed(foreign) {
			if n == 2 {
				w.settle(w.tried(d, hub.Refused, 422, hub.Next{State: hub.Failed, Tries: 1}))
			}
		}
		for _, x := range []struct {
			name   string
			filter store.DeliveryFilter
			want   int
		}{
			{"failed", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed}}, 4},
			{"failed of b", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed}, Targets: []int64{b.No}}, 2},
			{"failed or cancelled", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed, hub.Cancelled}}, 6},
			{"failed or pending", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed, hub.Pending}}, 5},
			{"failed of another's", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed}, Targets: []int64{foreign.No}}, 0},
			{"expired", store.DeliveryFilter{States: []hub.DeliveryState{hub.Expired}}, 0},
			{"delivered of a", store.DeliveryFilter{States: []hub.DeliveryState{hub.Delivered}, Targets: []int64{a.No}}, all - 3},
			{"all", store.DeliveryFilter{}, 2 * all},
		} {
			x.filter.Tenant = 1
			for _, p := range []store.Page{{Limit: 1}, {Limit: 7}, {Limit: 7, Ascending: true}, {Limit: 1000}} {
				if x.want > 100 && p.Limit == 1 {
					continue
				}
				var seqs []int64
				for {
					rows, next, err := w.Deliveries(w.ctx, x.filter, p)
					w.must(err)
					for _, d := range rows {
						seqs = append(seqs, d.Seq)
					}
					if next == "" {
						break
					}
					p.Cursor = next
				}
				if p.Ascending {
					slices.Reverse(seqs)
				}
				if len(seqs) != x.want {
					t.Errorf("%s by %d (ascending %v): %d deliveries, want %d", x.name, p.Limit, p.Ascending, len(seqs), x.want)
				}
				for i := 1; i < len(seqs); i++ {
					if seqs[i] >= seqs[i-1] {
						t.Fatalf("%s by %d (ascending %v): %d stands behind %d", x.name, p.Limit, p.Ascending, seqs[i], seqs[i-1])
					}
				}
			}
		}
	})
}

func TestMergedReferencesLeadToTheSameEvents(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		var ahead atomic.Int64
		s := open(func(o *store.Options) {
			o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		storetest.Run(t, s)
		w := tell(t, s)
		want := map[string][]string{}
		for range 2 { // days
			for n := range 30 {
				e := w.event(1, fmt.Sprint("order-", n%7), `1`)
				for i := range 200 {
					e.Refs = append(e.Refs, fmt.Sprintf("parcel-%d-%d", n%3, i))
				}
				w.accept(e)
				want[e.Key] = append(want[e.Key], e.ID.Text(hub.EventPrefix))
				want[e.Refs[7]] = append(want[e.Refs[7]], e.ID.Text(hub.EventPrefix))
			}
			ahead.Add(int64(36 * time.Hour))
		}
		other := w.event(2, "order-1", `1`)
		w.accept(other)
		check := func(when string) {
			t.Helper()
			for value, ids := range want {
				found, err := w.EventsOf(w.ctx, 1, value, 1000)
				w.must(err)
				var got []string
				for _, e := range found {
					got = append(got, e.ID.Text(hub.EventPrefix))
				}
				slices.Reverse(got)
				if !slices.Equal(got, ids) {
					t.Errorf("%s: %q leads to %d events, want %d", when, value, len(got), len(ids))
				}
			}
			begins, _, err := w.Events(w.ctx, store.EventFilter{Tenant: 1, Query: "order-"}, store.Page{Limit: 100})
			if err != nil || len(begins) != 60 {
				t.Errorf("%s: a beginning leads to %d events, want 60; %v", when, len(begins), err)
			}
			if of2, err := w.EventsOf(w.ctx, 2, "order-1", 10); err != nil || len(of2) != 1 || of2[0].ID != other.ID {
				t.Errorf("%s: the other tenant's: %v, %v", when, of2, err)
			}
		}
		check("as accepted")
		merges := 0
		for more := true; more; {
			var err error
			more, err = w.MergeRefs(w.ctx)
			w.must(err)
			if more {
				merges++
			}
		}
		if !s.Postgres() && merges == 0 {
			t.Error("nothing was merged")
		}
		check("merged")
	})
}
