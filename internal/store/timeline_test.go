package store_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestP8_N2_EventsAndRequestsBehindANumber(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a := w.target(1, "a")
		accept := func(tenant int64, key string, refs []string, r *hub.InRequest) *hub.Event {
			e := w.event(tenant, key, `{"n":1}`)
			e.Refs = refs
			accept := &store.Accept{Event: e, Owed: []store.Owed{{Target: a.No}}}
			if r != nil {
				accept.Request, accept.Siblings = r, []*store.Accept{accept}
			}
			w.must(w.Accept(w.ctx, accept))
			return e
		}
		request := func(outcome, body string) *hub.InRequest {
			return &hub.InRequest{ID: hub.NewID(), Tenant: 1, Source: 7, At: w.now, Outcome: outcome, Status: 200, Method: "POST", Body: []byte(body)}
		}
		in := request(hub.RequestAccepted, `{"n":1}`)
		first := accept(1, "2018000057", nil, in)
		accept(1, "20180000571", nil, nil)
		accept(2, "2018000057", nil, nil)
		second := accept(1, "PARCEL", []string{"2018000057"}, nil)

		events, err := s.EventsOf(w.ctx, 1, "2018000057", 10)
		w.must(err)
		if len(events) != 2 || events[0].ID != second.ID || events[1].ID != first.ID || string(events[1].Data) != `{"n":1}` {
			t.Errorf("events of the number: %+v", events)
		}
		if events, err = s.EventsOf(w.ctx, 1, "2018000057", 1); err != nil || len(events) != 1 {
			t.Errorf("one is asked for: %d %v", len(events), err)
		}
		stored, err := s.Event(w.ctx, 1, first.ID)
		w.must(err)
		got, found, err := s.RequestOf(w.ctx, 7, stored)
		if err != nil || !found || got.ID != in.ID {
			t.Errorf("the request of the event: %v %v %v", got.ID, found, err)
		}
		if _, found, err = s.RequestOf(w.ctx, 8, stored); found || err != nil {
			t.Errorf("another source's request: %v %v", found, err)
		}
		again := request(hub.RequestDuplicate, `{"n":1}`)
		again.Events = []hub.ID{first.ID}
		third := request(hub.RequestAccepted, `{"n":2}`)
		other := accept(1, "2018000060", nil, third)
		w.must(s.Write(w.ctx, func(tx *store.Tx) error { return tx.AddRequests(w.ctx, []hub.InRequest{*again}) }))
		if got, found, err = s.RequestOf(w.ctx, 7, stored); err != nil || !found || got.ID != in.ID {
			t.Errorf("the request of the event, behind others: %v %v %v", got.ID, found, err)
		}
		if got, found, err = s.RequestOf(w.ctx, 7, other); err != nil || !found || got.ID != third.ID || len(got.Events) != 1 {
			t.Errorf("the request of the last event: %+v %v %v", got, found, err)
		}
		if _, found, err = s.RequestOf(w.ctx, 7, second); found || err != nil {
			t.Errorf("the request of an event without one: %v %v", found, err)
		}
		w.must(s.Write(w.ctx, func(tx *store.Tx) error {
			return tx.AddRequests(w.ctx, []hub.InRequest{
				*request(hub.RequestQuarantined, `{"order":"2018000099"}`), *request(hub.RequestIgnored, `2018000099`), *request(hub.RequestIgnored, `2018000098`),
			})
		}))
		missed, err := s.MissedRequests(w.ctx, 1, 7, "2018000099", 10)
		if err != nil || len(missed) != 2 || missed[0].Outcome != hub.RequestIgnored {
			t.Errorf("requests that hold it: %+v %v", missed, err)
		}
		for _, other := range [][2]int64{{2, 7}, {1, 8}} {
			if missed, err = s.MissedRequests(w.ctx, other[0], other[1], "2018000099", 10); err != nil || len(missed) != 0 {
				t.Errorf("tenant and source %v see %+v %v", other, missed, err)
			}
		}
		var later []hub.InRequest
		for range 2_100 { // half a second later, and more than are looked at
			one := request(hub.RequestAccepted, `{}`)
			ms := binary.BigEndian.Uint64(one.ID[:8]) + 500<<16
			binary.BigEndian.PutUint64(one.ID[:8], ms)
			one.Events = []hub.ID{hub.NewID()}
			later = append(later, *one)
		}
		w.must(s.Write(w.ctx, func(tx *store.Tx) error { return tx.AddRequests(w.ctx, later) }))
		if got, found, err = s.RequestOf(w.ctx, 7, other); err != nil || !found || got.ID != third.ID {
			t.Errorf("the request of an event before thousands of others: %v %v %v", got.ID, found, err)
		}
	})
}

func TestP8_NumbersThatBeginAsOneThatIsNotThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		for _, key := range []string{"2018000057", "20180000571", "2018000099", "2019", "ŽLUŤ-1"} {
			w.accept(w.event(1, key, `1`))
		}
		w.accept(w.event(2, "2018000050", `1`))
		for _, c := range []struct {
			value, beginning string
			most, limit      int
			want             []string
		}{
			{"2018000058", "201800005", 4, 10, []string{"20180000571", "2018000057"}},
			{"2018000058", "201800005", 4, 1, []string{"20180000571"}},
			{"2018000012", "20180000", 4, 10, []string{"2018000099", "20180000571", "2018000057"}},
			{"2018777777", "", 4, 10, nil},
			{"2018777777", "2018", 9, 10, nil}, // half of it must stay
			{"ŽLUŤ-2", "ŽLUŤ-", 4, 10, []string{"ŽLUŤ-1"}},
			{"9", "", 4, 10, nil},
			{"", "", 4, 10, nil},
		} {
			events, beginning, err := s.Near(w.ctx, 1, c.value, c.most, c.limit)
			w.must(err)
			var keys []string
			for _, e := range events {
				keys = append(keys, e.Key)
			}
			if !slices.Equal(keys, c.want) || len(keys) > 0 && beginning != c.beginning {
				t.Errorf("near %q: %q by %q, want %q by %q", c.value, keys, beginning, c.want, c.beginning)
			}
		}
	})
}

func TestAShareLinkIsForgottenWhenItHasExpired(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		insert := func(name string, life time.Duration) store.Share {
			link := store.Share{Digest: sha256.Sum256([]byte(name)), Tenant: 1, Value: name, Event: hub.NewID(), By: "Jana", CreatedAt: w.now, ExpiresAt: w.now.Add(life)}
			w.must(s.Write(w.ctx, func(tx *store.Tx) error { return tx.InsertShare(w.ctx, link) }))
			return link
		}
		short, long := insert("short", time.Hour), insert("long", 48*time.Hour)
		got, err := s.Share(w.ctx, short.Digest)
		if err != nil || got.Value != "short" || got.Event != short.Event || !got.ExpiresAt.Equal(short.ExpiresAt.Truncate(time.Millisecond)) {
			t.Errorf("%+v %v", got, err)
		}
		w.now = w.now.Add(2 * time.Hour)
		insert("later", time.Hour)
		if _, err := s.Share(w.ctx, short.Digest); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("an expired link is still there: %v", err)
		}
		if _, err := s.Share(w.ctx, long.Digest); err != nil {
			t.Error(err)
		}
	})
}
