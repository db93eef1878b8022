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

// A request is kept in the commit of its events; its body only where it is not the event's own data.
func TestM6_RequestsAreKeptWithTheirEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a := w.target(1, "a")
		request := func(body string) *hub.InRequest {
			return &hub.InRequest{ID: hub.NewID(), Tenant: 1, Source: 7, At: w.now, Outcome: hub.RequestAccepted, Status: 200, Verified: true, Method: "POST",
				Query: "a=1", Headers: []hub.Header{{Name: "X-A", Value: "č\x00"}}, Body: []byte(body), Size: len(body), Peer: "10.0.0.1"}
		}
		read := func(r *hub.InRequest) hub.InRequest {
			t.Helper()
			got, err := w.InRequest(w.ctx, 1, 7, r.ID)
			w.must(err)
			return got
		}
		publish := func(r *hub.InRequest, window time.Duration, id string, events ...string) []*store.Accept {
			var all []*store.Accept
			for _, data := range events {
				e := w.event(1, "", data)
				e.Source, e.CallerID = "shop", id
				all = append(all, &store.Accept{Event: e, Window: window, Owed: []store.Owed{{Target: a.No}}})
			}
			last := all[len(all)-1]
			last.Request, last.Siblings = r, all
			w.must(w.Accept(w.ctx, all...))
			return all
		}
		one := request(`{"n":1}`)
		first := publish(one, time.Hour, "x", `{"n":1}`)
		if got := read(one); got.Outcome != hub.RequestAccepted || string(got.Body) != `{"n":1}` || len(got.Events) != 1 || got.Events[0] != first[0].Event.ID || got.Headers[0].Value != "č\x00" {
			t.Errorf("one event: %+v %s", got, got.Body)
		}
		// Within the window another content is a repeat, too: the sender's retry may bear another time.
		again := request(`{"n":2}`)
		w.now = w.now.Add(time.Minute)
		if got := publish(again, time.Hour, "x", `{"n":2}`); !got[0].Result.Duplicate || got[0].Result.Original.ID != first[0].Event.ID {
			t.Errorf("repeat: %+v", got[0].Result)
		}
		if got := read(again); got.Outcome != hub.RequestDuplicate || got.Events[0] != first[0].Event.ID || string(got.Body) != `{"n":2}` {
			t.Errorf("repeat: %+v %s", got, got.Body)
		}
		// After the window it is another event.
		w.now = w.now.Add(2 * time.Hour)
		if got := publish(request(`{}`), time.Hour, "x", `{"n":2}`); got[0].Result.Duplicate {
			t.Error("a repeat after the window is still one")
		}
		two := request(`[1,2]`)
		publish(two, 0, "", `1`, `2`)
		if got := read(two); len(got.Events) != 2 || string(got.Body) != `[1,2]` {
			t.Errorf("two events: %+v %s", got, got.Body)
		}
		ignored := request(`ignored`)
		ignored.Outcome, ignored.Reason = hub.RequestIgnored, "type"
		w.must(w.Accept(w.ctx, &store.Accept{Request: ignored}))
		if got := read(ignored); got.Outcome != hub.RequestIgnored || string(got.Body) != "ignored" || len(got.Events) != 0 {
			t.Errorf("ignored: %+v", got)
		}
		page, next, err := w.Requests(w.ctx, store.RequestFilter{Tenant: 1, Source: 7}, store.Page{Limit: 2})
		w.must(err)
		if len(page) != 2 || page[0].ID != ignored.ID || next == "" {
			t.Errorf("page: %d requests, cursor %q", len(page), next)
		}
		if other, _, err := w.Requests(w.ctx, store.RequestFilter{Tenant: 2, Source: 7}, store.Page{}); err != nil || len(other) != 0 {
			t.Errorf("another tenant sees %d requests, %v", len(other), err)
		}
	})
}

func TestRule10_TheRingKeepsTheNewestRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		var all []hub.InRequest
		for i := range 20 {
			all = append(all, hub.InRequest{ID: hub.NewID(), Tenant: 1, Source: 7, At: w.now.Add(time.Duration(i) * time.Second), Outcome: hub.RequestQuarantined, Status: 401,
				Method: "POST", Body: make([]byte, 100)})
		}
		kept := func() int {
			got, _, err := w.Requests(w.ctx, store.RequestFilter{Tenant: 1, Source: 7, Outcomes: []string{hub.RequestQuarantined}}, store.Page{Limit: 100})
			w.must(err)
			if len(got) > 0 && got[0].ID != all[19].ID {
				t.Error("the newest is gone")
			}
			return len(got)
		}
		trim := func(rows int, bytes int64, before time.Time) {
			w.write(func(tx *store.Tx) error {
				return tx.TrimRequests(w.ctx, 7, hub.RequestQuarantined, rows, bytes, before)
			})
		}
		w.write(func(tx *store.Tx) error { return tx.AddRequests(w.ctx, all) })
		for _, step := range []struct {
			rows   int
			bytes  int64
			before time.Time
			want   int
		}{{100, 1 << 20, w.now, 20}, {15, 1 << 20, w.now, 15}, {100, 1_050, w.now, 10}, {100, 1 << 20, w.now.Add(15 * time.Second), 5}} {
			if trim(step.rows, step.bytes, step.before); kept() != step.want {
				t.Errorf("after %+v there are %d", step, kept())
			}
		}
		for range 2 {
			w.write(func(tx *store.Tx) error { return tx.CountRequests(w.ctx, 7, w.now, map[string]int64{"quarantined": 3}) })
		}
		if counts, err := w.RequestCounts(w.ctx, 7, w.now); err != nil || counts["quarantined"] != 6 {
			t.Errorf("counted %v, %v", counts, err)
		}
	})
}
