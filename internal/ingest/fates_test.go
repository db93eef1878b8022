package ingest_test

import (
	"fmt"
	"maps"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

func TestE1_P6_N1_EveryFateHasItsReason(t *testing.T) {
	eachStore(t, func(s *story) {
		s.endpoint("all")
		s.endpoint("off", func(e *hub.Endpoint) { e.Active = false })
		s.endpoint("type", subscribed(hub.Subscription{EventTypes: []string{"invoice.*"}}))
		s.endpoint("source", subscribed(hub.Subscription{Sources: []string{"eshop"}}))
		s.endpoint("channel", subscribed(hub.Subscription{Channels: []string{"cz"}}))
		s.endpoint("condition", subscribed(hub.Subscription{Condition: `data.total > 100`}))
		s.endpoint("broken", subscribed(hub.Subscription{Condition: `data.missing.deep > 1`}))
		paused := s.endpoint("paused")
		if _, err := s.settings.Pause(s.ctx, tenant, paused.ID.Text(hub.EndpointPrefix), settings.By{Name: "Petr"}, "stock-taking"); err != nil {
			t.Fatal(err)
		}
		p := s.publish(ingest.Input{ID: "order-80"})
		s.publish(ingest.Input{ID: "order-80"}) // known already: nothing is counted twice
		counted := s.Counts()
		skipped := map[string]uint64{"off": 1, "event_type": 1, "source": 1, "channel": 1, "not_verified": 0, "condition": 1}
		if counted.Accepted != 1 || counted.Repeated != 1 || !maps.Equal(counted.Skipped, skipped) {
			t.Errorf("counted %+v, want 1 accepted, 1 repeated, and skipped %v", counted, skipped)
		}
		s.endpoint("later")
		want := map[string]string{
			"all":       "pending",
			"off":       "skipped: switched off by Jana",
			"type":      "skipped: event type: order.created is not subscribed",
			"source":    "skipped: source: api is not subscribed",
			"channel":   "skipped: channel: the event has none of cz",
			"condition": "skipped: total 80",
			"broken":    "failed: condition_error",
			"paused":    "held: paused by Petr: stock-taking",
			"later":     "skipped: created after the event",
		}
		if p.Deliveries != 3 {
			t.Errorf("%d deliveries, want 3: all, broken, paused", p.Deliveries)
		}
		s.wantFates(p.Event.ID, want)
		// The reasons are those of the settings at acceptance, whatever was changed since.
		s.SetTarget(hub.Target{}, 0)
		broken := s.owed(p.Event.ID)["broken"]
		again, err := s.Retry(s.ctx, tenant, broken)
		if err != nil || again.Gen != 1 {
			t.Fatalf("retry of the failed condition: %+v (%v), want a new delivery", again, err)
		}
		want["broken"] = "pending"
		s.wantFates(p.Event.ID, want)
	})
}

// The error of a condition may quote what no database takes as text; the event is accepted all the same.
func TestE1_ConditionErrorThatQuotesOddData(t *testing.T) {
	eachStore(t, func(s *story) {
		s.endpoint("odd", subscribed(hub.Subscription{Condition: `num(data.total) > 1.0`}))
		p := s.publish(ingest.Input{Data: []byte(`{"total":"\u0000\ud800x"}`)})
		s.wantFates(p.Event.ID, map[string]string{"odd": "failed: condition_error"})
	})
}

func TestC6_TypeNamedTwiceIsOwedOnce(t *testing.T) {
	eachStore(t, func(s *story) {
		s.endpoint("twice", subscribed(hub.Subscription{EventTypes: []string{"order.created", "order.paid", "order.created"}}))
		if p := s.publish(ingest.Input{}); p.Deliveries != 1 {
			t.Errorf("owed %d times, want once", p.Deliveries)
		}
	})
}

func TestE1_AfterARestartWithoutEndpoints(t *testing.T) {
	eachStore(t, func(s *story) {
		gone := s.endpoint("gone")
		if err := s.settings.DeleteEndpoint(s.ctx, tenant, gone.ID.Text(hub.EndpointPrefix), "", settings.By{Name: "Jana"}); err != nil {
			t.Fatal(err)
		}
		rev, err := s.store.NewestRevision(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.Publisher = &ingest.Publisher{Store: s.store, Log: s.Log, Now: s.Now}
		s.SetTargets(nil, rev)
		s.wantFates(s.publish(ingest.Input{}).Event.ID, map[string]string{})
	})
}

func TestC6_ConditionIsTriedOnTheLastHundred(t *testing.T) {
	eachStore(t, func(s *story) {
		inputs := make([]ingest.Input, 130)
		for i := range inputs {
			inputs[i] = ingest.Input{Type: "order.created", Data: []byte(fmt.Sprintf(`{"total":%d}`, i))}
		}
		inputs[129].Data = []byte(`{"total":"n/a"}`)
		s.Publish(s.ctx, tenant, inputs...)
		c, err := s.CheckCondition(s.ctx, tenant, `data.total >= 120`, "order.created")
		if err != nil {
			t.Fatal(err)
		}
		if c.Of != 100 || c.Matched != 9 || c.Failed != 1 || len(c.Samples) != 10 || c.Samples[0].Reason == "" || !c.Samples[1].Matched {
			t.Errorf("%+v, want 9 matched and 1 failed of 100, and the newest ten", c)
		}
		if c, err = s.CheckCondition(s.ctx, tenant, `true`, "invoice.created"); err != nil || c.Of != 0 {
			t.Errorf("%+v (%v), want none of another type", c, err)
		}
		if _, err = s.CheckCondition(s.ctx, tenant, `data.total >`, ""); hub.CodeOf(err) != hub.Invalid {
			t.Errorf("%v, want invalid", err)
		}
	})
}

func TestC6_LoopGuard(t *testing.T) {
	eachStore(t, func(s *story) {
		s.publish(ingest.Input{Hops: hub.MaxHops})
		p := s.Publish(s.ctx, tenant, ingest.Input{Type: "order.created", Data: []byte(`1`), Hops: hub.MaxHops + 1})[0]
		if hub.CodeOf(p.Err) != hub.Invalid {
			t.Errorf("%v, want it refused: it went through too many hubs", p.Err)
		}
	})
}

// A pipeline is a target like any other: it may be asked for by the sender's own word, and takes what nobody has
// proved only when it says so.
func TestM8_PipelinesTakeTheSendersOwnWord(t *testing.T) {
	eachStore(t, func(s *story) {
		pipeline := func(name string, change func(*hub.Pipeline)) hub.Target {
			p := hub.DefaultPipeline()
			p.Name = name
			change(&p)
			target := hub.Target{ID: hub.NewID(), Tenant: tenant, Kind: hub.KindPipeline, Name: name, Pipeline: p, State: hub.Active, StateAt: s.clock.Now(), CreatedAt: s.clock.Now()}
			if err := s.store.Write(s.ctx, func(tx *store.Tx) error { return tx.InsertTarget(s.ctx, &target, 0) }); err != nil {
				t.Fatal(err)
			}
			s.SetTarget(target, 0)
			return target
		}
		both := pipeline("both", func(p *hub.Pipeline) {
			p.Subscription.EventTypes = []string{"order:create", "order.created"}
			p.Unverified = true
		})
		own := pipeline("own", func(p *hub.Pipeline) { p.Subscription.EventTypes = []string{"order:create"} })
		pipeline("other", func(p *hub.Pipeline) { p.Subscription.EventTypes = []string{"order:update"} })

		verified := s.publish(ingest.Input{VendorType: "order:create", Source: "shop"})
		if verified.Deliveries != 2 {
			t.Errorf("%d deliveries, want one for each of two pipelines", verified.Deliveries)
		}
		s.wantFates(verified.Event.ID, map[string]string{"both": "pending", "own": "pending", "other": "skipped: event type"})
		released := s.publish(ingest.Input{VendorType: "order:create", Source: "shop", Unverified: true})
		s.wantFates(released.Event.ID, map[string]string{"both": "pending", "own": "skipped: not verified", "other": "skipped: event type"})

		// A repeat of a thin notice: nothing while the original waits untouched, one more run once its work has begun.
		if n, err := s.RunAgain(s.ctx, tenant, verified.Event); err != nil || n != 2 {
			t.Errorf("without anybody who knows what is in flight: %d runs, %v; want 2 to be on the safe side", n, err)
		}
		flying := map[int64]bool{own.No: true}
		s.Sending = func(target, _ int64) bool { return flying[target] }
		second := s.publish(ingest.Input{VendorType: "order:create", Source: "shop"})
		if n, err := s.RunAgain(s.ctx, tenant, second.Event); err != nil || n != 1 {
			t.Errorf("one of two in flight: %d runs, %v", n, err)
		}
		clear(flying)
		if n, err := s.RunAgain(s.ctx, tenant, second.Event); err != nil || n != 0 {
			t.Errorf("nothing begun since: %d runs, %v", n, err)
		}
		s.finish(second.Event.ID, both, hub.Delivered)
		if n, err := s.RunAgain(s.ctx, tenant, second.Event); err != nil || n != 1 {
			t.Errorf("one done: %d runs, %v", n, err)
		}
	})
}
