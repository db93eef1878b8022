package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a store with tenants and targets, and what a story does with them.
type world struct {
	*store.Store
	t   *testing.T
	ctx context.Context
	now time.Time
}

func tell(t *testing.T, s *store.Store) *world {
	return &world{Store: s, t: t, ctx: t.Context(), now: noon}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(fn func(tx *store.Tx) error) {
	w.t.Helper()
	w.must(w.Write(w.ctx, fn))
}

// target makes one that is active, with a revision, as the settings do.
func (w *world) target(tenant int64, name string, change ...func(*hub.Target)) hub.Target {
	w.t.Helper()
	e := hub.DefaultEndpoint()
	e.Name = name
	e.Request.URL = "https://" + name + ".example/in"
	t := hub.Target{ID: hub.NewID(), Tenant: tenant, Kind: hub.KindEndpoint, Name: name, Endpoint: e, State: hub.Active, StateAt: w.now, CreatedAt: w.now, UpdatedAt: w.now}
	for _, c := range change {
		c(&t)
	}
	w.write(func(tx *store.Tx) error {
		after, err := store.EncodeTarget(t)
		if err != nil {
			return err
		}
		rev, err := tx.AddRevision(w.ctx, store.Revision{Tenant: tenant, At: w.now, Who: "Jana", Action: "created", Kind: "endpoint", Object: t.ID.Text(t.Prefix()), After: after})
		if err != nil {
			return err
		}
		return tx.InsertTarget(w.ctx, &t, rev)
	})
	return t
}

func (w *world) event(tenant int64, key, data string) *hub.Event {
	return &hub.Event{ID: hub.NewID(), Tenant: tenant, Type: "order.created", Source: "api", Key: key, Time: w.now, ReceivedAt: w.now,
		Data: []byte(data), ContentType: "application/json"}
}

// accept commits an event owed to targets and returns its deliveries.
func (w *world) accept(e *hub.Event, targets ...hub.Target) *store.Accept {
	w.t.Helper()
	a := &store.Accept{Event: e}
	for _, t := range targets {
		a.Owed = append(a.Owed, store.Owed{Target: t.No})
	}
	w.must(w.Accept(w.ctx, a))
	return a
}

func (w *world) owed(t hub.Target) []hub.Delivery {
	w.t.Helper()
	rows, err := w.InOrder(w.ctx, t.No, 0, 1000)
	w.must(err)
	return rows
}

// settle records an outcome and waits until it is durable.
func (w *world) settle(o *store.Outcome) {
	w.t.Helper()
	w.Record(o)
	w.drain()
}

func (w *world) drain() {
	w.t.Helper()
	w.write(func(*store.Tx) error { return nil }) // writes come after the outcomes that wait
	if n := w.Backlog(); n != 0 {
		w.t.Fatalf("%d outcomes are not durable", n)
	}
}

func (w *world) tried(d hub.Delivery, result hub.Result, status int, next hub.Next) *store.Outcome {
	a := &hub.Attempt{N: d.Tries + 1, At: w.now, Took: 5 * time.Millisecond, Result: result, Status: status, SettingsVersion: 1,
		Request:  hub.SentRequest{Method: "POST", URL: "https://a.example/in", Body: []byte(`{"data":{"n":1}}`), DataAt: 8, DataLen: 7},
		Response: hub.Answer{Status: status, Body: []byte("ok")}}
	return &store.Outcome{Delivery: d, Tenant: 1, Attempt: a, Next: next, At: w.now}
}

func delivered(tries int) hub.Next {
	return hub.Next{State: hub.Delivered, Tries: tries, Reason: "answered 200"}
}

func TestAnEventIsOwedTriedAndDelivered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a, b := w.target(1, "a"), w.target(1, "b")
		e := w.event(1, "2018000057", `{"n":1}`)
		e.Refs, e.Channels, e.Metadata, e.VendorType = []string{"parcel-9"}, []string{"vip"}, []byte(`{"x":1}`), "order:create"
		got := w.accept(e, a, b)
		if got.Result.Err != nil || got.Result.Deliveries != 2 {
			t.Fatalf("accepted: %+v", got.Result)
		}
		read, err := w.Event(w.ctx, 1, e.ID)
		w.must(err)
		if fmt.Sprint(*read) != fmt.Sprint(*e) {
			t.Errorf("event read back:\n got %+v\nwant %+v", *read, *e)
		}

		d := w.owed(a)
		if len(d) != 1 || d[0].Event != e.ID || !d[0].DueAt.Equal(noon) {
			t.Fatalf("owed to a: %+v", d)
		}
		// First a failure, then a success.
		later := noon.Add(time.Minute)
		w.settle(w.tried(d[0], hub.Refused, 500, hub.Next{State: hub.Pending, Tries: 1, DueAt: later}))
		if fresh, err := w.Fresh(w.ctx, a.No, hub.Release{}, 0, 10); err != nil || len(fresh) != 0 {
			t.Errorf("fresh after a try: %v, %v", fresh, err)
		}
		if due, err := w.DueRetries(w.ctx, a.No, hub.Release{}, noon, 10); err != nil || len(due) != 0 {
			t.Errorf("due too early: %v, %v", due, err)
		}
		if at, ok, err := w.NextDue(w.ctx, a.No, hub.Release{}, noon); err != nil || !ok || !at.Equal(later) {
			t.Errorf("next due: %v %v %v, want %v", at, ok, err, later)
		}
		due, err := w.DueRetries(w.ctx, a.No, hub.Release{}, later, 10)
		w.must(err)
		if len(due) != 1 || due[0].Tries != 1 {
			t.Fatalf("due: %+v", due)
		}
		row, err := w.Delivery(w.ctx, 1, d[0].ID())
		w.must(err)
		if row.State != hub.Pending || row.EventKey != "2018000057" {
			t.Errorf("open: %+v", row)
		}
		w.settle(w.tried(due[0], hub.Succeeded, 200, delivered(2)))
		if n, _, err := w.Waiting(w.ctx, a.No); err != nil || n != 0 {
			t.Errorf("waiting: %d %v", n, err)
		}
		row, err = w.Delivery(w.ctx, 1, d[0].ID())
		w.must(err)
		if row.State != hub.Delivered || row.Tries != 2 || row.Status != 200 || row.Took != 5*time.Millisecond {
			t.Errorf("done: %+v", row)
		}
		tries, err := w.Attempts(w.ctx, 1, d[0].ID())
		w.must(err)
		if len(tries) != 2 || tries[0].Status != 500 || tries[1].Status != 200 || string(tries[1].Request.Body) != `{"data":{"n":1}}` {
			t.Errorf("attempts: %+v", tries)
		}

		// The other target took it at once: the evidence is there all the same.
		other := w.owed(b)[0]
		w.settle(w.tried(other, hub.Succeeded, 200, delivered(1)))
		tries, err = w.Attempts(w.ctx, 1, other.ID())
		w.must(err)
		if len(tries) != 1 || string(tries[0].Request.Body) != `{"data":{"n":1}}` || tries[0].N != 1 {
			t.Errorf("attempts of a first-try success: %+v", tries)
		}
		if at, err := w.LastSuccess(w.ctx, b.No); err != nil || !at.Equal(noon) {
			t.Errorf("last success: %v %v", at, err)
		}
		of, err := w.DeliveriesOf(w.ctx, 1, e.ID)
		w.must(err)
		if len(of) != 2 || of[0].State != hub.Delivered || of[1].State != hub.Delivered {
			t.Errorf("deliveries of the event: %+v", of)
		}
		st, err := w.Stats(w.ctx, a.No, noon.Add(-time.Hour))
		w.must(err)
		if st.Counts[hub.Delivered] != 1 || st.Retried != 1 {
			t.Errorf("stats: %+v", st)
		}
		for _, q := range []string{"2018", "parcel-9", e.ID.Text(hub.EventPrefix)} {
			hits, err := w.Search(w.ctx, 1, q, 10)
			w.must(err)
			if len(hits) != 1 || hits[0].ID != e.ID.Text(hub.EventPrefix) {
				t.Errorf("search %q: %+v", q, hits)
			}
		}
	})
}

func TestTheSameIDAgainReturnsTheOriginal(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		var ahead atomic.Int64
		now := func() time.Time { return noon.Add(time.Duration(ahead.Load())) }
		s := open(func(o *store.Options) { o.Now = now })
		stop := storetest.Run(t, s)
		w := tell(t, s)
		target := w.target(1, "a")
		named := func(id, data string) *store.Accept {
			e := w.event(1, "k", data)
			e.CallerID, e.ReceivedAt, e.Time = id, now(), now()
			return &store.Accept{Event: e, Owed: []store.Owed{{Target: target.No}}}
		}
		first := named("n-1", `{"n":1}`)
		w.must(w.Accept(w.ctx, first))
		want := func(a *store.Accept, what string) {
			t.Helper()
			switch {
			case what == "duplicate" && (!a.Result.Duplicate || a.Result.Original.ID != first.Event.ID || a.Result.Deliveries != 1 || a.Result.Err != nil),
				what == "reused" && hub.CodeOf(a.Result.Err) != hub.IDReused,
				what == "new" && (a.Result.Duplicate || a.Result.Err != nil):
				t.Errorf("want %s, got %+v", what, a.Result)
			}
		}
		again := func(what string, a *store.Accept) {
			t.Helper()
			w.must(w.Accept(w.ctx, a))
			want(a, what)
		}
		again("duplicate", named("n-1", `{"n":1}`))
		again("reused", named("n-1", `{"n":2}`))
		other := named("n-1", `{"n":1}`)
		other.Event.Source = "shoptet"
		again("new", other)
		moved := named("n-1", `{"n":1}`)
		moved.Event.Time, moved.TimeGiven = noon.Add(time.Second), true
		again("reused", moved)

		// Within one batch.
		x, y, z := named("n-2", `1`), named("n-2", `1`), named("n-2", `2`)
		w.must(w.Accept(w.ctx, x, y, z))
		if x.Result.Duplicate || !y.Result.Duplicate || y.Result.Original.ID != x.Event.ID || hub.CodeOf(z.Result.Err) != hub.IDReused {
			t.Errorf("within a batch: %+v %+v %+v", x.Result, y.Result, z.Result)
		}

		// Days later, and after a restart, it is still known; after the window it is not.
		ahead.Add(int64(3 * 24 * time.Hour))
		again("new", named("n-3", `3`))
		again("duplicate", named("n-1", `{"n":1}`))
		stop()
		s = open(func(o *store.Options) { o.Now = now })
		storetest.Run(t, s)
		w.Store = s
		again("duplicate", named("n-1", `{"n":1}`))
		ahead.Add(int64(5 * 24 * time.Hour))
		again("new", named("n-1", `{"n":1}`))
		if owed := w.owed(target); len(owed) != 5 {
			t.Errorf("%d deliveries are owed, want 5", len(owed))
		}
	})
}

func TestNumbersRiseOverARestart(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		s := open()
		stop := storetest.Run(t, s)
		w := tell(t, s)
		target := w.target(1, "a")
		w.accept(w.event(1, "", `1`), target)
		before := w.owed(target)[0]
		w.settle(w.tried(before, hub.Succeeded, 200, delivered(1)))
		w.now = noon.Add(time.Hour)
		for {
			n, err := w.Retain(w.ctx, noon.Add(time.Minute))
			w.must(err)
			if n == 0 {
				break
			}
		}
		if _, err := w.Event(w.ctx, 1, before.Event); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("the old event is still there: %v", err)
		}
		stop()
		s = open()
		storetest.Run(t, s)
		w.Store = s
		w.accept(w.event(1, "", `2`), target)
		if after := w.owed(target)[0]; after.Seq <= before.Seq {
			t.Errorf("number %d was given after %d", after.Seq, before.Seq)
		}
	})
}

func TestListsWalkOverOpenAndDone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a, b, foreign := w.target(1, "a"), w.target(1, "b"), w.target(2, "c")
		var ids []string
		for i := range 30 {
			w.now = noon.Add(time.Duration(i) * time.Minute)
			e := w.event(1, fmt.Sprintf("k%d", i%3), `{}`)
			if i%2 == 1 {
				e.Type = "order.paid"
			}
			w.accept(e, a, b)
			w.accept(w.event(2, "k1", `{}`), foreign)
			ids = append(ids, e.ID.Text(hub.EventPrefix))
		}
		for i, d := range w.owed(a) {
			switch i % 3 {
			case 0:
				w.Record(w.tried(d, hub.Succeeded, 200, delivered(1)))
			case 1:
				w.Record(w.tried(d, hub.Refused, 410, hub.Next{State: hub.Failed, Tries: 1, Reason: "gone"}))
			}
		}
		w.drain()
		walk := func(f store.DeliveryFilter, asc bool) []store.DeliveryRow {
			t.Helper()
			f.Tenant = 1
			var all []store.DeliveryRow
			p := store.Page{Limit: 7, Ascending: asc}
			for {
				rows, next, err := w.Deliveries(w.ctx, f, p)
				w.must(err)
				all = append(all, rows...)
				if next == "" {
					break
				}
				p.Cursor = next
			}
			for i := 1; i < len(all); i++ {
				if asc != (all[i-1].Seq < all[i].Seq) {
					t.Fatalf("out of order at %d", i)
				}
			}
			return all
		}
		for _, x := range []struct {
			name   string
			filter store.DeliveryFilter
			want   int
		}{
			{"all", store.DeliveryFilter{}, 60},
			{"pending", store.DeliveryFilter{States: []hub.DeliveryState{hub.Pending}}, 40},
			{"failed", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed}}, 10},
			{"failed or delivered of a", store.DeliveryFilter{States: []hub.DeliveryState{hub.Failed, hub.Delivered}, Targets: []int64{a.No}}, 20},
			{"of b", store.DeliveryFilter{Targets: []int64{b.No}}, 30},
			{"of another's target", store.DeliveryFilter{Targets: []int64{foreign.No}}, 0},
			{"by key", store.DeliveryFilter{Key: "k1"}, 20},
			{"by span", store.DeliveryFilter{Since: noon.Add(10 * time.Minute), Until: noon.Add(20 * time.Minute)}, 20},
		} {
			for _, asc := range []bool{false, true} {
				if got := walk(x.filter, asc); len(got) != x.want {
					t.Errorf("%s (ascending %v): %d deliveries, want %d", x.name, asc, len(got), x.want)
				}
			}
		}
		events := func(f store.EventFilter) []string {
			t.Helper()
			f.Tenant = 1
			var all []string
			p := store.Page{Limit: 4}
			for {
				rows, next, err := w.Events(w.ctx, f, p)
				w.must(err)
				for _, e := range rows {
					all = append(all, e.ID.Text(hub.EventPrefix))
				}
				if next == "" {
					return all
				}
				p.Cursor = next
			}
		}
		newest := slices.Clone(ids)
		slices.Reverse(newest)
		if got := events(store.EventFilter{}); !slices.Equal(got, newest) {
			t.Errorf("events: %d, want %d newest first", len(got), len(newest))
		}
		for _, x := range []struct {
			name   string
			filter store.EventFilter
			want   int
		}{
			{"paid", store.EventFilter{Types: []string{"order.paid"}}, 15},
			{"order.*", store.EventFilter{Types: []string{"order.*"}}, 30},
			{"key", store.EventFilter{Key: "k2"}, 10},
			{"query", store.EventFilter{Query: "k"}, 30},
			{"span", store.EventFilter{Since: noon.Add(5 * time.Minute), Until: noon.Add(8 * time.Minute)}, 3},
			{"source", store.EventFilter{Source: "shoptet"}, 0},
		} {
			if got := events(x.filter); len(got) != x.want {
				t.Errorf("%s: %d events, want %d", x.name, len(got), x.want)
			}
		}
	})
}

// A hub that has never had an event has none of last week either.
func TestNoEventsAreASpanToo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		found, next, err := w.Events(w.ctx, store.EventFilter{Tenant: 1, Since: noon.Add(-time.Hour), Until: noon}, store.Page{})
		if w.must(err); len(found) > 0 || next != "" {
			t.Errorf("found %d events and %q", len(found), next)
		}
	})
}

func TestASettingIsReadBackWithItsSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		made := w.target(1, "a", func(x *hub.Target) {
			x.UID = "mine"
			x.Endpoint.Auth = hub.Auth{Type: "exchange", Request: &hub.Exchange{Method: "POST", URL: "https://t.example", Body: hub.NewSecret("grant"),
				Headers: map[string]hub.Secret{"X-Key": hub.NewSecret("header-secret")}}}
			x.Endpoint.Signature.Secret = hub.NewSecret("whsec_abc")
			x.Endpoint.Signature.HMAC = []hub.HMAC{{Header: "X-Sig", Secret: hub.NewSecret("one")}, {Header: "X-Sig2"}}
			x.Endpoint.Limits.Rate = hub.Rate{Count: 5, Per: time.Second}
			x.Endpoint.Order.Stuck.SetAsideAfter = 3
		})
		got, err := w.TargetByUID(w.ctx, 1, hub.KindEndpoint, "mine")
		w.must(err)
		reveal := func(e hub.Endpoint) string {
			var b strings.Builder
			for _, p := range slices.Sorted(mapKeys(e.Secrets())) {
				fmt.Fprintln(&b, p, e.Secrets()[p].Reveal())
			}
			for pointer, headers := range e.HeaderSecrets() {
				for _, n := range slices.Sorted(mapKeys(headers)) {
					fmt.Fprintln(&b, pointer, n, headers[n].Reveal())
				}
			}
			text, _ := json.Marshal(e)
			return b.String() + string(text)
		}
		if reveal(got.Endpoint) != reveal(made.Endpoint) {
			t.Errorf("read back:\n%s\nwant\n%s", reveal(got.Endpoint), reveal(made.Endpoint))
		}
		// A change from an old version is refused; the state is one row.
		stale := got
		got.Name, got.UpdatedAt = "b", noon.Add(time.Minute)
		w.write(func(tx *store.Tx) error { return tx.UpdateTarget(w.ctx, &got, 1) })
		if got.Version != 2 {
			t.Errorf("version %d after a change, want 2", got.Version)
		}
		err = w.Write(w.ctx, func(tx *store.Tx) error { return tx.UpdateTarget(w.ctx, &stale, 1) })
		if hub.CodeOf(err) != hub.PreconditionFailed {
			t.Errorf("a stale change: %v", err)
		}
		err = w.Write(w.ctx, func(tx *store.Tx) error {
			double := got
			double.ID = hub.NewID()
			return tx.InsertTarget(w.ctx, &double, 9)
		})
		if hub.CodeOf(err) != hub.Conflict {
			t.Errorf("a second target with the same uid: %v", err)
		}
		w.write(func(tx *store.Tx) error {
			return tx.ChangeState(w.ctx, 1, got.No, hub.Active, hub.Disabled, "hacek", "410", noon)
		})
		w.write(func(tx *store.Tx) error {
			return tx.ChangeState(w.ctx, 1, got.No, hub.Active, hub.Paused, "hacek", "too late", noon)
		})
		all, err := w.Targets(w.ctx)
		w.must(err)
		if len(all) != 1 || all[0].State != hub.Disabled || all[0].StateWhy != "410" {
			t.Errorf("targets: %+v", all)
		}
	})
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
