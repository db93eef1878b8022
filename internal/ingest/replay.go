package ingest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// ReplayFilter says which past events a target is owed again.
type ReplayFilter struct {
	Target     hub.ID    `json:"-"`
	To         hub.ID    `json:"-"` // another target that gets them instead; zero: the same
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`
	Outcomes   []string  `json:"outcomes"` // failed, skipped, cancelled, delivered; empty: failed and skipped
	EventTypes []string  `json:"event_types"`
	Rate       hub.Rate  `json:"rate"`
	DryRun     bool      `json:"dry_run"`
}

// States of a replay.
const (
	ReplayCounted   = "counted" // a dry run
	ReplayRunning   = "running"
	ReplayFinished  = "finished"
	ReplayCancelled = "cancelled"
)

const (
	replayPage  = 200
	replayNote  = 10 * time.Second // how long a slow replay goes on before it notes how far it came
	replayAgain = time.Second
)

var replayOutcomes = []string{string(hub.Failed), hub.OutcomeSkipped, string(hub.Cancelled), string(hub.Delivered)}

// replays is what the replay worker needs in memory.
type replays struct {
	once sync.Once
	wake chan struct{}
}

func (r *replays) signal() chan struct{} {
	r.once.Do(func() { r.wake = make(chan struct{}, 1) })
	return r.wake
}

// StartReplay counts what a replay would send and, unless it is a dry run, leaves it to Run.
func (p *Publisher) StartReplay(ctx context.Context, tenant int64, f ReplayFilter, by string) (store.Replay, error) {
	var wrong hub.Problems
	for _, o := range f.Outcomes {
		if !slices.Contains(replayOutcomes, o) {
			wrong.Add("/outcomes", "%q is none of failed, skipped, cancelled, delivered", o)
		}
	}
	if !f.Until.IsZero() && f.Until.Before(f.Since) {
		wrong.Add("/until", "lies before since")
	}
	if err := wrong.Err(); err != nil {
		return store.Replay{}, err
	}
	if len(f.Outcomes) == 0 {
		f.Outcomes = []string{string(hub.Failed), hub.OutcomeSkipped}
	}
	if f.Until.IsZero() {
		f.Until = p.Now()
	}
	from, err := p.Store.Target(ctx, tenant, f.Target)
	if err != nil {
		return store.Replay{}, err
	}
	to := from
	if !f.To.IsZero() {
		if to, err = p.Store.Target(ctx, tenant, f.To); err != nil {
			return store.Replay{}, err
		}
	}
	filter, err := json.Marshal(f)
	if err != nil {
		return store.Replay{}, err
	}
	now := p.Now()
	r := store.Replay{ID: hub.NewID(), Tenant: tenant, Target: from.No, To: to.No, Filter: filter, State: ReplayRunning, By: by, CreatedAt: now, UpdatedAt: now}
	if f.DryRun {
		r.State = ReplayCounted
	}
	if err := p.eachReplayed(ctx, &r, f, func(*hub.Event) error { r.Total++; return nil }); err != nil {
		return store.Replay{}, err
	}
	r.Position = nil
	if err := p.Store.Write(ctx, func(tx *store.Tx) error { return tx.InsertReplay(ctx, r) }); err != nil {
		return store.Replay{}, err
	}
	select {
	case p.replays.signal() <- struct{}{}:
	default:
	}
	return r, nil
}

// Run works the replays that were left to it, also those of before a restart, until ctx ends. They run side by
// side, so that a slow one delays no other.
func (p *Publisher) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	running := map[hub.ID]bool{}
	ended := make(chan hub.ID)
	var again <-chan time.Time
	for {
		unfinished, err := p.Store.ReplaysIn(ctx, ReplayRunning)
		if err != nil && ctx.Err() == nil {
			p.Log.Error("replays not read, tried again", "err", err)
			again = time.After(replayAgain)
		}
		for _, r := range unfinished {
			if running[r.ID] {
				continue
			}
			running[r.ID] = true
			working.Go(func() {
				if err := p.replay(ctx, &r); err != nil && ctx.Err() == nil {
					p.Log.Error("replay interrupted, tried again", "replay", r.ID.Text(hub.ReplayPrefix), "err", err)
					_ = sleepUntil(ctx, time.Now().Add(replayAgain))
				}
				select {
				case ended <- r.ID:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case id := <-ended:
			delete(running, id)
		case <-p.replays.signal():
		case <-again:
			again = nil
		}
	}
}

// replay owes one replay's events again, at its rate, noting after each page how far it came. What a crash cuts
// off between an event and the note is owed once more: at least once, as everywhere.
func (p *Publisher) replay(ctx context.Context, r *store.Replay) error {
	var f ReplayFilter
	if err := json.Unmarshal(r.Filter, &f); err != nil {
		return err
	}
	next := time.Now()
	if r.Done > 0 && !f.Rate.IsZero() { // after a restart it keeps its pace, too
		next = next.Add(f.Rate.Every() - max(0, p.Now().Sub(r.UpdatedAt)))
	}
	err := p.eachReplayed(ctx, r, f, func(e *hub.Event) error {
		route := p.routing(r.Tenant).routes[r.To]
		if route == nil {
			return hub.Errorf(hub.NotFound, "the endpoint is gone")
		}
		if !f.Rate.IsZero() {
			if err := sleepUntil(ctx, next); err != nil {
				return err
			}
			// What took longer than its turn is not caught up with: that would be a burst.
			next = time.Now().Add(f.Rate.Every())
		}
		_, err := p.oweAgain(ctx, e, []store.Owed{{Target: r.To, Key: route.lane(e)}})
		if err == nil {
			r.Done++
		}
		return err
	})
	switch {
	case hub.CodeOf(err) == hub.NotFound:
		r.State = ReplayCancelled
	case err != nil:
		return err
	default:
		r.State = ReplayFinished
	}
	return p.noteReplay(ctx, r)
}

func (p *Publisher) noteReplay(ctx context.Context, r *store.Replay) error {
	r.UpdatedAt = p.Now()
	return p.Store.Write(ctx, func(tx *store.Tx) error { return tx.UpdateReplay(ctx, *r) })
}

// eachReplayed calls do for every event of the filter, oldest first, starting behind r.Position.
func (p *Publisher) eachReplayed(ctx context.Context, r *store.Replay, f ReplayFilter, do func(*hub.Event) error) error {
	cursor, limit := string(r.Position), replayPage
	if !f.Rate.IsZero() && !f.DryRun && r.Total > 0 {
		limit = int(max(1, min(replayPage, replayNote/f.Rate.Every())))
	}
	filter := store.EventFilter{Tenant: r.Tenant, Since: f.Since, Until: f.Until}
	for {
		events, next, err := p.Store.Events(ctx, filter, store.Page{Limit: limit, Cursor: cursor, Ascending: true})
		if err != nil {
			return err
		}
		for _, e := range events {
			ok, err := p.replayed(ctx, r, f, e)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := do(e); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		cursor, r.Position = next, []byte(next)
		if r.State == ReplayRunning && r.Total > 0 && r.Done > 0 {
			if err := p.noteReplay(ctx, r); err != nil {
				return err
			}
		}
	}
}

// replayed tells whether one event falls under the filter.
func (p *Publisher) replayed(ctx context.Context, r *store.Replay, f ReplayFilter, e *hub.Event) (bool, error) {
	if len(f.EventTypes) > 0 && !hub.TakesType(f.EventTypes, e.Type) {
		return false, nil
	}
	if e.OnlyTarget != 0 && e.OnlyTarget != r.Target {
		return false, nil // it was sent again to another endpoint only
	}
	d, found, err := p.Store.NewestDelivery(ctx, e.ID, r.Target)
	if err != nil {
		return false, err
	}
	if found {
		return slices.Contains(f.Outcomes, string(d.State)), nil
	}
	if !slices.Contains(f.Outcomes, hub.OutcomeSkipped) {
		return false, nil
	}
	// Skipped then; worth sending only if today's subscription takes it.
	route := p.routing(r.Tenant).routes[r.Target]
	if route == nil || route.passes(e) != "" {
		return false, nil
	}
	if !route.conditional() {
		return true, nil
	}
	doc, err := expr.ParseDoc(e.Data)
	if err != nil {
		return false, nil //nolint:nilerr // no condition takes what is not JSON
	}
	return route.judge(Scope(e, doc)).matched, nil
}

func sleepUntil(ctx context.Context, t time.Time) error {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
