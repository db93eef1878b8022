package ingest_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

func TestP6_ReplayOfOneEvent(t *testing.T) {
	eachStore(t, func(s *story) {
		a := s.endpoint("a")
		s.endpoint("other", subscribed(hub.Subscription{EventTypes: []string{"invoice.*"}}))
		p := s.publish(ingest.Input{})
		s.finish(p.Event.ID, a, hub.Delivered)
		other := s.endpoint("b")
		n, err := s.Replay(s.ctx, tenant, p.Event.ID, nil)
		if err != nil || n != 2 {
			t.Fatalf("replayed to %d (%v), want 2: a and b take it today", n, err)
		}
		owed := s.owed(p.Event.ID)
		if owed["a"].Gen != 1 || owed["b"].Gen != 0 || len(owed) != 2 {
			t.Errorf("owed %+v, want a second delivery to a and a first one to b", owed)
		}
		// To one target, whatever its subscription says.
		targets, err := s.store.TargetsByName(s.ctx, tenant, hub.KindEndpoint, "other")
		if err != nil {
			t.Fatal(err)
		}
		if n, err = s.Replay(s.ctx, tenant, p.Event.ID, &targets[0].ID); err != nil || n != 1 {
			t.Errorf("replayed to %d (%v), want 1", n, err)
		}
		if err := s.settings.DeleteEndpoint(s.ctx, tenant, other.ID.Text(hub.EndpointPrefix), "", settings.By{Name: "Jana"}); err != nil {
			t.Fatal(err)
		}
		if _, err = s.Replay(s.ctx, tenant, p.Event.ID, &other.ID); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("%v, want not found: it was deleted", err)
		}
	})
}

func TestP6_ResendWithChangedData(t *testing.T) {
	eachStore(t, func(s *story) {
		a := s.endpoint("a")
		s.endpoint("b")
		key := "2018000057"
		p := s.publish(ingest.Input{Key: &key, Source: "eshop"})
		s.finish(p.Event.ID, a, hub.Failed)
		sent, err := s.Resend(s.ctx, tenant, s.owed(p.Event.ID)["a"], []byte(`{"total":81}`))
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.store.Event(s.ctx, tenant, sent.Event.ID)
		if err != nil {
			t.Fatal(err)
		}
		if e.Parent != p.Event.ID || e.Key != key || e.Source != "eshop" || !bytes.Equal(e.Data, []byte(`{"total":81}`)) {
			t.Errorf("sent %+v, want the changed data with parent, key and source of the first", e)
		}
		s.wantFates(e.ID, map[string]string{"a": "pending", "b": "skipped: to another target only"})
	})
}

// history publishes five orders and gives each an end at target a: delivered, failed, cancelled, none yet; the last
// was skipped, since a was switched off.
func (s *story) history() (a hub.Target, ids []hub.ID) {
	s.t.Helper()
	a = s.endpoint("a")
	for _, state := range []hub.DeliveryState{hub.Delivered, hub.Failed, hub.Cancelled, hub.Pending} {
		p := s.publish(ingest.Input{})
		ids = append(ids, p.Event.ID)
		if state != hub.Pending {
			s.finish(p.Event.ID, a, state)
		}
	}
	for _, active := range []string{`{"active":false}`, `{"active":true}`} {
		if _, err := s.settings.PatchEndpoint(s.ctx, tenant, a.ID.Text(hub.EndpointPrefix), []byte(active), "", settings.By{Name: "Jana"}); err != nil {
			s.t.Fatal(err)
		}
		if active == `{"active":false}` {
			ids = append(ids, s.publish(ingest.Input{}).Event.ID)
		}
	}
	s.clock.Advance(time.Second)
	return a, ids
}

// run works replays until the one given has ended, and returns it.
func (s *story) run(r store.Replay) store.Replay {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		got, err := s.store.Replay(s.ctx, tenant, r.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		if got.State != ingest.ReplayRunning {
			return got
		}
	}
	s.t.Fatal("the replay does not end")
	return r
}

func TestP6_ReplayByOutcome(t *testing.T) {
	eachStore(t, func(s *story) {
		a, ids := s.history()
		since := s.clock.Now().Add(-time.Hour)
		for _, c := range []struct {
			outcomes []string
			want     int64
		}{
			{nil, 2}, // failed and skipped
			{[]string{"delivered"}, 1},
			{[]string{"failed"}, 1},
			{[]string{"cancelled"}, 1},
			{[]string{"skipped"}, 1},
			{[]string{"failed", "skipped", "cancelled", "delivered"}, 4},
		} {
			r, err := s.StartReplay(s.ctx, tenant, ingest.ReplayFilter{Target: a.ID, Since: since, Outcomes: c.outcomes, DryRun: true}, "Jana")
			if err != nil || r.Total != c.want || r.State != ingest.ReplayCounted || r.Done != 0 {
				t.Errorf("outcomes %v: %+v (%v), want %d counted", c.outcomes, r, err, c.want)
			}
		}
		r, err := s.StartReplay(s.ctx, tenant, ingest.ReplayFilter{Target: a.ID, Since: since}, "Jana")
		if err != nil {
			t.Fatal(err)
		}
		if r = s.run(r); r.State != ingest.ReplayFinished || r.Done != 2 {
			t.Fatalf("%+v, want 2 of 2 done", r)
		}
		for i, want := range []hub.DeliveryState{hub.Delivered, hub.Pending, hub.Cancelled, hub.Pending, hub.Pending} {
			if d, _, err := s.store.NewestDelivery(s.ctx, ids[i], a.No); err != nil || d.State != want {
				t.Errorf("event %d is %s (%v), want %s", i, d.State, err, want)
			}
		}
		if _, err := s.StartReplay(s.ctx, tenant, ingest.ReplayFilter{Target: a.ID, Outcomes: []string{"lost"}}, "Jana"); hub.CodeOf(err) != hub.Invalid {
			t.Errorf("%v, want invalid", err)
		}
	})
}

func TestP6_ReplayLeavesOutWhatWasMeantForAnother(t *testing.T) {
	eachStore(t, func(s *story) {
		a, b := s.endpoint("a"), s.endpoint("b")
		s.publish(ingest.Input{Only: a.No})
		r, err := s.StartReplay(s.ctx, tenant, ingest.ReplayFilter{Target: b.ID, DryRun: true}, "Jana")
		if err != nil || r.Total != 0 {
			t.Errorf("%d counted (%v), want none", r.Total, err)
		}
	})
}

// One replay is slow and one has lost its target; neither holds up the third.
func TestP6_ReplaysRunSideBySide(t *testing.T) {
	eachStore(t, func(s *story) {
		a, _ := s.history()
		gone, other, calm := s.endpoint("gone"), s.endpoint("other"), s.endpoint("calm")
		start := func(to hub.Target, rate hub.Rate) store.Replay {
			t.Helper()
			r, err := s.StartReplay(s.ctx, tenant, ingest.ReplayFilter{Target: a.ID, To: to.ID, Rate: rate}, "Jana")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		slow := start(calm, hub.Rate{Count: 1, Per: time.Hour})
		lost := start(gone, hub.Rate{})
		fast := start(other, hub.Rate{})
		if err := s.settings.DeleteEndpoint(s.ctx, tenant, gone.ID.Text(hub.EndpointPrefix), "", settings.By{Name: "Jana"}); err != nil {
			t.Fatal(err)
		}
		if r := s.run(fast); r.State != ingest.ReplayFinished || r.Done != 2 {
			t.Errorf("%+v, want 2 done", r)
		}
		if r := s.run(lost); r.State != ingest.ReplayCancelled || r.Done != 0 {
			t.Errorf("%+v, want cancelled", r)
		}
		if r, err := s.store.Replay(s.ctx, tenant, slow.ID); err != nil || r.State != ingest.ReplayRunning {
			t.Errorf("%+v (%v), want it still running", r, err)
		}
	})
}

// A replay is broken off at several places and goes on where it was: all of them are owed again, each once.
func TestP6_ReplayGoesOnAfterARestart(t *testing.T) {
	eachStore(t, func(s *story) {
		a := s.endpoint("a", func(e *hub.Endpoint) { e.Active = false })
		var ids []hub.ID
		for range 30 {
			ids = append(ids, s.publish(ingest.Input{}).Event.ID)
		}
		if _, err := s.settings.PatchEndpoint(s.ctx, tenant, a.ID.Text(hub.EndpointPrefix), []byte(`{"active":true}`), "", settings.By{Name: "Jana"}); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Second)
		began := time.Now()
		r, err := s.StartReplay(s.ctx, tenant, ingest.ReplayFilter{Target: a.ID, Rate: hub.Rate{Count: 200, Per: time.Second}}, "Jana")
		if err != nil || r.Total != 30 {
			t.Fatalf("%+v (%v), want 30", r, err)
		}
		for owed := 0; owed < 30; owed += 10 {
			ctx, cancel := context.WithCancel(s.ctx)
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			for open := int64(0); open < int64(owed); {
				if open, _, err = s.store.Waiting(s.ctx, a.No); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if r = s.run(r); r.State != ingest.ReplayFinished {
			t.Fatalf("%+v, want finished", r)
		}
		if took := time.Since(began); took < 25*5*time.Millisecond {
			t.Errorf("30 events at 200/s took %s: too fast", took)
		}
		open, err := s.store.InOrder(s.ctx, a.No, 0, 100)
		if err != nil || len(open) != 30 {
			t.Fatalf("%d are owed (%v), want 30, each once", len(open), err)
		}
		for i, d := range open {
			if !slices.Contains(ids, d.Event) || d.Event != ids[i] {
				t.Errorf("number %d is %s, want the order of acceptance", i, d.Event.Text(hub.EventPrefix))
			}
		}
	})
}
