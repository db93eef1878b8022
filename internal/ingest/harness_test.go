package ingest_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

const tenant = 1

// story is the door with a real store behind it and real settings beside it. Nobody delivers.
type story struct {
	*ingest.Publisher
	t        *testing.T
	ctx      context.Context
	clock    *clock.Hand
	store    *store.Store
	settings *settings.Service
}

func eachStore(t *testing.T, tell func(s *story)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		log := slog.New(slog.DiscardHandler)
		s := &story{t: t, ctx: t.Context(), store: st, clock: clock.NewHand(time.Now().Truncate(time.Second))}
		s.Publisher = &ingest.Publisher{Store: st, Log: log, Now: s.clock.Now}
		s.settings = &settings.Service{Store: st, Sender: &sender.Sender{Log: log}, Log: log, Now: s.clock.Now, Changed: s.SetTarget}
		if err := s.settings.Ensure(s.ctx); err != nil {
			t.Fatal(err)
		}
		tell(s)
	})
}

func (s *story) endpoint(name string, change ...func(*hub.Endpoint)) hub.Target {
	s.t.Helper()
	e := hub.DefaultEndpoint()
	e.Name, e.Request.URL = name, "http://127.0.0.1:9/"+name
	for _, c := range change {
		c(&e)
	}
	t, err := s.settings.CreateEndpoint(s.ctx, tenant, e, settings.By{Name: "Jana"})
	if err != nil {
		s.t.Fatalf("create endpoint: %v", err)
	}
	return t
}

func subscribed(sub hub.Subscription) func(*hub.Endpoint) {
	return func(e *hub.Endpoint) { e.Subscription = sub }
}

func (s *story) publish(in ingest.Input) ingest.Published {
	s.t.Helper()
	if in.Type == "" {
		in.Type = "order.created"
	}
	if in.Data == nil {
		in.Data = []byte(`{"total":80,"country":"CZ"}`)
	}
	s.clock.Advance(time.Second)
	p := s.Publish(s.ctx, tenant, in)[0]
	if p.Err != nil {
		s.t.Fatalf("publish: %v", p.Err)
	}
	return p
}

// wantFates holds the fates of an event, by the endpoint's name, against "outcome: a part of the reason".
func (s *story) wantFates(id hub.ID, want map[string]string) {
	s.t.Helper()
	fates, err := s.Fates(s.ctx, tenant, id)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(fates) != len(want) {
		s.t.Errorf("%d fates, want %d", len(fates), len(want))
	}
	for _, f := range fates {
		outcome, reason, _ := strings.Cut(want[f.Target.Name], ": ")
		if f.Outcome != outcome || !strings.Contains(f.Reason, reason) {
			s.t.Errorf("fate at %s: %s, %q; want %q", f.Target.Name, f.Outcome, f.Reason, want[f.Target.Name])
		}
	}
}

// finish ends a delivery, as the engine would.
func (s *story) finish(id hub.ID, t hub.Target, state hub.DeliveryState) {
	s.t.Helper()
	row, found, err := s.store.NewestDelivery(s.ctx, id, t.No)
	if err != nil || !found {
		s.t.Fatalf("no delivery of %s to %s (%v)", id.Text(hub.EventPrefix), t.Name, err)
	}
	if state == hub.Cancelled {
		if err := s.Cancel(s.ctx, tenant, row.ID(), "Jana"); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	a := &hub.Attempt{N: 1, At: s.clock.Now(), Result: hub.Succeeded, Status: 200}
	if state == hub.Failed {
		a.Result, a.Status = hub.Refused, 500
	}
	s.store.Record(&store.Outcome{Delivery: row.Delivery, Tenant: tenant, Attempt: a, Next: hub.Next{State: state, Tries: 1}, At: s.clock.Now()})
	// Outcomes are committed before the writes that come after them.
	if err := s.store.Write(s.ctx, func(*store.Tx) error { return nil }); err != nil {
		s.t.Fatal(err)
	}
}

// owed lists the states of an event's deliveries by endpoint name.
func (s *story) owed(id hub.ID) map[string]hub.DeliveryID {
	s.t.Helper()
	fates, err := s.Fates(s.ctx, tenant, id)
	if err != nil {
		s.t.Fatal(err)
	}
	owed := map[string]hub.DeliveryID{}
	for _, f := range fates {
		if f.Delivery != nil {
			owed[f.Target.Name] = *f.Delivery
		}
	}
	return owed
}
