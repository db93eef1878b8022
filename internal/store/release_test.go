package store_test

import (
	"fmt"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// What was brought forward leaves the queue of due times and joins what goes in order of acceptance; what was planned
// since then, what failed of its own and what a step waits for keep their due times.
func TestO2_O3_WhatWasBroughtForwardIsReadInOrderOfAcceptance(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a := w.target(1, "a")
		for range 6 {
			w.accept(w.event(1, "", `{}`), a)
		}
		open := w.owed(a)
		before := hub.Release{Resumes: 1, ResumedAt: noon, Recoveries: 1, RecoveredAt: noon}
		since := before
		since.Recoveries, since.RecoveredAt = 2, noon.Add(time.Minute)
		away, own, told := hub.Attempt{Result: hub.NoConnection}, hub.Attempt{Result: hub.Refused, Status: 404}, hub.Attempt{Result: hub.Waiting}
		for i, plan := range []hub.Plan{before.Plan(&away), before.Plan(&own), before.Plan(&told), since.Plan(&away), before.Plan(&away)} {
			due := noon.Add(time.Hour - time.Duration(i)*time.Minute)
			o := w.tried(open[i], hub.Refused, 500, hub.Next{State: hub.Pending, Tries: 1, DueAt: due, Plan: plan, AskedUntil: noon.Add(time.Second)})
			o.Health, o.Release = &hub.Health{Failures: i, Tripped: i == 4}, since
			w.settle(o)
		}
		places := func(rows []hub.Delivery, err error) string {
			t.Helper()
			w.must(err)
			got := ""
			for _, d := range rows {
				for i := range open {
					if open[i].Seq == d.Seq {
						got += fmt.Sprint(i, " ")
					}
				}
			}
			return got
		}
		hour := noon.Add(time.Hour)
		for _, c := range []struct{ name, got, want string }{
			{"before, in order", places(w.Fresh(w.ctx, a.No, before, 0, 10)), "5 "},
			{"before, by due time", places(w.DueRetries(w.ctx, a.No, before, hour, 10)), "4 2 1 0 "},
			{"since, in order", places(w.Fresh(w.ctx, a.No, since, 0, 10)), "0 4 5 "},
			{"since, in order, behind the first", places(w.Fresh(w.ctx, a.No, since, open[0].Seq, 1)), "4 "},
			{"since, by due time", places(w.DueRetries(w.ctx, a.No, since, hour, 10)), "3 2 1 "},
			{"since, by due time, two", places(w.DueRetries(w.ctx, a.No, since, hour, 2)), "3 2 "},
		} {
			if c.got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
			}
		}
		if at, _, err := w.NextDue(w.ctx, a.No, since, noon); err != nil || !at.Equal(hour.Add(-3*time.Minute)) {
			t.Errorf("next due %s, %v", at, err)
		}
		stored, err := w.Target(w.ctx, 1, a.ID)
		w.must(err)
		if !stored.Health.Tripped || stored.Release.Recoveries != 2 || !stored.Release.RecoveredAt.Equal(since.RecoveredAt) || stored.Release.Resumes != 0 {
			t.Errorf("the target bears %+v, %+v", stored.Health, stored.Release)
		}
		// A person resumes it.
		stored.Release.Resumes, stored.Release.ResumedAt, stored.Health = 2, noon.Add(2*time.Minute), stored.Resumed()
		w.write(func(tx *store.Tx) error { return tx.SetTargetState(w.ctx, stored) })
		if again, err := w.Target(w.ctx, 1, a.ID); err != nil || again.Release != stored.Release || again.Health != stored.Health {
			t.Errorf("read back %+v, %+v, %v", again.Release, again.Health, err)
		}
		list, _, err := w.Deliveries(w.ctx, store.DeliveryFilter{Tenant: 1}, store.Page{Ascending: true})
		w.must(err)
		for i, want := range []time.Duration{2 * time.Minute, 2 * time.Minute, 58 * time.Minute, 2 * time.Minute, 2 * time.Minute, 0} {
			if got := list[i].DueAt.Sub(noon); got != want {
				t.Errorf("in a list, %d is due at noon and %s, want %s", i, got, want)
			}
			row, err := w.Delivery(w.ctx, 1, open[i].ID())
			w.must(err)
			if !row.DueAt.Equal(list[i].DueAt) {
				t.Errorf("%d is due at %s by itself and at %s in a list", i, row.DueAt, list[i].DueAt)
			}
		}
	})
}
