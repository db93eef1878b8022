package store_test

import (
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

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
		ring := func() []store.RingRow {
			rows, err := w.Ring(w.ctx, 7, hub.RequestQuarantined)
			w.must(err)
			return rows
		}
		drop := func(last hub.ID) {
			w.write(func(tx *store.Tx) error { return tx.DropRing(w.ctx, 7, hub.RequestQuarantined, last) })
		}
		w.write(func(tx *store.Tx) error { return tx.AddRequests(w.ctx, all) })
		for i, r := range ring() {
			if r.ID != all[i].ID || !r.At.Equal(all[i].At) || r.Size < 100 || r.Size > 110 {
				t.Errorf("place %d of the ring: %+v", i, r)
			}
		}
		if drop(all[4].ID); kept() != 15 || len(ring()) != 15 {
			t.Errorf("five are dropped, and %d are left", kept())
		}
		for range 2 {
			w.write(func(tx *store.Tx) error { return tx.CountRequests(w.ctx, 7, w.now, map[string]int64{"quarantined": 3}) })
		}
		proved := all[0]
		proved.ID, proved.Verified = hub.NewID(), true
		w.write(func(tx *store.Tx) error { return tx.AddRequests(w.ctx, []hub.InRequest{proved}) })
		if n := len(ring()); n != 15 {
			t.Errorf("what was verified is one of %d in the ring", n)
		}
		drop(hub.NewID())
		if got, err := w.InRequest(w.ctx, 1, 7, proved.ID); err != nil || !got.Verified {
			t.Errorf("strangers pushed out what was verified: %v", err)
		}
		if counts, err := w.RequestCounts(w.ctx, 7, w.now); err != nil || counts["quarantined"] != 6 {
			t.Errorf("counted %v, %v", counts, err)
		}
	})
}

func TestOldRequestsAreDeletedWithOldEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		source := store.ObjectRow{Object: hub.Object{ID: hub.NewID(), Tenant: 1, CreatedAt: w.now, UpdatedAt: w.now}, Kind: "source", Name: "Shop", Place: "shop", Config: []byte(`{}`)}
		w.write(func(tx *store.Tx) error { return tx.InsertObject(w.ctx, &source) })
		r := &hub.InRequest{ID: hub.NewID(), Tenant: 1, Source: source.No, At: time.Now(), Outcome: hub.RequestIgnored, Verified: true, Method: "POST"}
		w.must(w.Accept(w.ctx, &store.Accept{Request: r}))
		left := func() int {
			got, _, err := w.Requests(w.ctx, store.RequestFilter{Tenant: 1, Source: source.No}, store.Page{})
			w.must(err)
			return len(got)
		}
		retain := func(before time.Time) {
			for {
				n, err := w.Retain(w.ctx, before)
				w.must(err)
				if n == 0 {
					return
				}
			}
		}
		if retain(time.Now().Add(-time.Hour)); left() != 1 {
			t.Error("a young request is gone")
		}
		if retain(time.Now().Add(time.Hour)); left() != 0 {
			t.Error("an old request is still there")
		}
	})
}

// Objects of every kind: a name is one tenant's, a place the whole installation's; secrets are sealed.
func TestM2_ObjectsAreKeptWithTheirSecretsSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		row := func(tenant int64, name, place string) *store.ObjectRow {
			return &store.ObjectRow{Object: hub.Object{ID: hub.NewID(), Tenant: tenant, CreatedAt: w.now, UpdatedAt: w.now}, Kind: "source", Name: name, Place: place,
				Config: []byte(`{"a":1}`), Secrets: map[string]string{"/verify/secrets/0": "geheim-1"}}
		}
		insert := func(o *store.ObjectRow) error {
			return w.Write(w.ctx, func(tx *store.Tx) error { return tx.InsertObject(w.ctx, o) })
		}
		shop := row(1, "Shop", "shop")
		w.must(insert(shop))
		for what, other := range map[string]*store.ObjectRow{"name": row(1, "Shop", "other"), "place": row(2, "Shop", "shop")} {
			if err := insert(other); hub.CodeOf(err) != hub.Conflict {
				t.Errorf("the same %s again: %v", what, err)
			}
		}
		w.must(insert(row(2, "Shop", "shop-2")))
		got, err := w.ObjectByName(w.ctx, 1, "source", "Shop")
		w.must(err)
		if got.ID != shop.ID || got.Secrets["/verify/secrets/0"] != "geheim-1" || string(got.Config) != `{"a":1}` {
			t.Errorf("read back: %+v", got)
		}
		if _, err := w.ObjectByID(w.ctx, 2, "source", shop.ID); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("another tenant finds it: %v", err)
		}
		stale := got
		got.Config = []byte(`{"a":2}`)
		w.write(func(tx *store.Tx) error { return tx.UpdateObject(w.ctx, &got, 1) })
		err = w.Write(w.ctx, func(tx *store.Tx) error { return tx.UpdateObject(w.ctx, &stale, 1) })
		if got.Version != 2 || hub.CodeOf(err) != hub.PreconditionFailed {
			t.Errorf("version %d, then a change of the old one: %v", got.Version, err)
		}
		w.write(func(tx *store.Tx) error { return tx.DeleteObject(w.ctx, got) })
		if all, err := w.Objects(w.ctx, "source"); err != nil || len(all) != 1 {
			t.Errorf("%d left, %v", len(all), err)
		}
	})
}
