package settings_test

import (
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestO3_PauseHoldsAndResumeDrainsAtAPace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		o.owe(made, 2)
		got, err := o.Pause(o.ctx, o.tenant, id(made), jana, "warehouse moves")
		o.ok(err)
		stored := o.read(made)
		if got.State != hub.Paused || stored.State != hub.Paused || stored.StateBy != "Jana" || stored.StateWhy != "warehouse moves" || !stored.StateAt.Equal(o.clock.Now()) {
			t.Errorf("got %+v", stored)
		}
		if stored.Version != made.Version {
			t.Errorf("a pause made version %d of the settings", stored.Version)
		}
		o.owe(made, 1)
		rate, _ := hub.ParseRate("5/s")
		got, err = o.Resume(o.ctx, o.tenant, id(made), rate, jana)
		o.ok(err)
		mark := got.DrainMark
		if got.State != hub.Active || got.DrainRate != rate || mark == 0 || o.read(made).DrainMark != mark {
			t.Errorf("got %+v", got)
		}
		o.owe(made, 1)
		newest, err := s.LastSeq(o.ctx)
		o.ok(err)
		if newest <= mark {
			t.Errorf("what came after the resume has number %d, not above the mark %d", newest, mark)
		}
		if last := o.changes[len(o.changes)-1]; last.State != hub.Active || last.DrainMark != mark {
			t.Errorf("told %+v", last)
		}
	})
}

func TestPausingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		_, err := o.Pause(o.ctx, o.tenant, id(made), jana, "first")
		o.ok(err)
		told := len(o.changes)
		got, err := o.Pause(o.ctx, o.tenant, id(made), settings.By{Name: "Petr"}, "second")
		o.ok(err)
		if got.StateBy != "Jana" || len(o.changes) != told {
			t.Errorf("got %+v", got)
		}
	})
}

func TestResumeEndsDisabled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		o.owe(made, 1)
		owed, err := s.InOrder(o.ctx, made.No, 0, 1)
		o.ok(err)
		now := o.clock.Now()
		s.Record(&store.Outcome{
			Delivery: owed[0], Tenant: o.tenant, Attempt: &hub.Attempt{N: 1, At: now, Result: hub.NoConnection, Error: "refused"},
			Next: hub.Next{State: hub.Pending, DueAt: now, Tries: 1, Reason: "refused"}, At: now,
			Health: &hub.Health{Failures: 40, Hard: 40, FailingSince: now},
		})
		for s.Backlog() > 0 {
			o.ok(s.Write(o.ctx, func(*store.Tx) error { return nil })) // a commit of its own, so outcomes had their turn
		}
		o.ok(s.Write(o.ctx, func(tx *store.Tx) error {
			return tx.ChangeState(o.ctx, o.tenant, made.No, hub.Active, hub.Disabled, "hacek", "no success for 5d", now)
		}))
		if was := o.read(made); was.State != hub.Disabled || was.Health.Failures != 40 {
			t.Fatalf("got %+v, want it disabled after an outage", was)
		}
		got, err := o.Resume(o.ctx, o.tenant, id(made), hub.Rate{}, jana)
		o.ok(err)
		// The outage ends when it takes something, but it is called as if nothing had been, and has its five days again.
		read := o.read(made)
		since := read.Health.FailingSince
		read.Health.FailingSince = time.Time{}
		if got.State != hub.Active || read.Health != (hub.Health{}) || !since.Equal(now) || !read.Release.ResumedAt.Equal(now) {
			t.Errorf("got %s with %+v since %s, resumed %s", got.State, read.Health, since, read.Release.ResumedAt)
		}
	})
}

func TestP6_OffSaysWhoAndOnEndsIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		got := o.patch(made, `{"active":false}`)
		if got.State != hub.Off || o.read(made).State != hub.Off || got.StateBy != "Jana" || !got.StateAt.Equal(o.clock.Now()) {
			t.Errorf("got %+v", got)
		}
		_, err := o.Pause(o.ctx, o.tenant, id(made), jana, "")
		o.refused(err, hub.Conflict, "")
		_, err = o.Resume(o.ctx, o.tenant, id(made), hub.Rate{}, jana)
		o.refused(err, hub.Conflict, "")
		got = o.patch(made, `{"active":true}`)
		if got.State != hub.Active || !o.read(made).Endpoint.Active {
			t.Errorf("got %+v", got)
		}
	})
}

func TestE1_AnEndpointMayBeMadeSwitchedOff(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"active":false,"request":{"url":"https://wms.example/in"}}`)
		if o.read(made).State != hub.Off {
			t.Errorf("got %+v", made)
		}
	})
}

func TestAChangeOfSettingsEndsNoPause(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		_, err := o.Pause(o.ctx, o.tenant, id(made), jana, "")
		o.ok(err)
		o.patch(made, `{"name":"Other","active":true}`)
		if got := o.read(made); got.State != hub.Paused || got.Name != "Other" {
			t.Errorf("got %+v", got)
		}
	})
}
