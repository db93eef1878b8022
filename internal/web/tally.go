package web

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Tally counts how attempts end, by target and hour, and remembers the newest of each target. It writes what it has
// counted every few seconds, so that a page of a busy day reads some rows instead of the day. A crash loses the last
// seconds of the figures; the deliveries have everything.
type Tally struct {
	Store *store.Store
	Log   *slog.Logger
	Now   func() time.Time

	mu     sync.Mutex
	counts map[tallyKey]int64
	last   map[int64]store.LastResult
}

type tallyKey struct {
	target  int64
	hour    int64 // seconds since 1970
	outcome store.TallyOutcome
}

const (
	tallyEvery = 5 * time.Second
	tallyKept  = 8 * 24 * time.Hour
	trimEvery  = time.Hour
	lastWrite  = 3 * time.Second // may take the write of a stop
)

// Recorded is told of outcomes right after their commit; it never blocks.
func (t *Tally) Recorded(outcomes []*store.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts, t.last = map[tallyKey]int64{}, map[int64]store.LastResult{}
	}
	for _, o := range outcomes {
		a := o.Attempt
		if a == nil || a.Result == hub.Waiting || a.Result == hub.Interrupted {
			continue
		}
		outcome := store.TallyRetried
		switch o.Next.State {
		case hub.Delivered:
			outcome = store.TallyDelivered
		case hub.Failed:
			outcome = store.TallyFailed
		}
		target := o.Delivery.Target
		t.counts[tallyKey{target, o.At.Truncate(time.Hour).Unix(), outcome}]++
		if r := t.last[target]; !o.At.Before(r.At) {
			t.last[target] = store.LastResult{
				Target: target, At: o.At, Outcome: outcome, Result: string(a.Result), Status: a.Status, Took: a.Took,
				Tries: o.Next.Tries, DueAt: o.Next.DueAt, Reason: o.Next.Reason,
			}
		}
	}
}

// Run writes the figures down until ctx ends, and then once more.
func (t *Tally) Run(ctx context.Context) error {
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	var trimmed time.Time
	for {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			t.keep(end)
			return nil
		case <-tick.C:
			t.keep(ctx)
		}
		if now := t.Now(); now.Sub(trimmed) >= trimEvery {
			trimmed = now
			err := t.Store.Write(ctx, func(tx *store.Tx) error { return tx.TrimTally(ctx, now.Add(-tallyKept)) })
			if err != nil && ctx.Err() == nil {
				t.Log.Warn("figures not trimmed", "err", err)
			}
		}
	}
}

func (t *Tally) keep(ctx context.Context) {
	if err := t.Flush(ctx); err != nil && ctx.Err() == nil {
		t.Log.Warn("figures not written, tried again", "err", err)
	}
}

// Flush writes down what was counted. What cannot be written is kept for the next time.
func (t *Tally) Flush(ctx context.Context) error {
	t.mu.Lock()
	counts, last := t.counts, t.last
	t.counts, t.last = nil, nil
	t.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	var rows []store.HourCount
	for k, n := range counts {
		rows = append(rows, store.HourCount{Target: k.target, Hour: time.Unix(k.hour, 0), Outcome: k.outcome, N: n})
	}
	var results []store.LastResult
	for _, r := range last {
		results = append(results, r)
	}
	err := t.Store.Write(ctx, func(tx *store.Tx) error { return tx.KeepTally(ctx, rows, results) })
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts, t.last = map[tallyKey]int64{}, map[int64]store.LastResult{}
	}
	for k, n := range counts {
		t.counts[k] += n
	}
	for target, r := range last {
		if t.last[target].At.Before(r.At) {
			t.last[target] = r
		}
	}
	return fmt.Errorf("write figures: %w", err)
}

// add puts what is not written yet into what was read.
func (t *Tally) add(counts []store.HourCount, last []store.LastResult, targets map[int64]bool, since time.Time) ([]store.HourCount, []store.LastResult) {
	if t == nil {
		return counts, last
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, n := range t.counts {
		if hour := time.Unix(k.hour, 0); targets[k.target] && !hour.Before(since.Truncate(time.Hour)) {
			counts = append(counts, store.HourCount{Target: k.target, Hour: hour, Outcome: k.outcome, N: n})
		}
	}
	for target, r := range t.last {
		if targets[target] {
			last = append(last, r)
		}
	}
	return counts, last
}
