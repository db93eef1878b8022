package engine

import (
	"context"
	"time"
)

// retainEvery is how often old events are looked for; each look deletes in chunks of about 20 ms.
const retainEvery = time.Minute

// retain deletes what is older than Retain and owed to nobody. It pauses while the clock cannot be trusted.
func (e *Engine) retain(ctx context.Context) {
	if e.Retain <= 0 {
		return
	}
	for {
		tick, forget := e.Clock.At(e.Clock.Now().Add(retainEvery))
		select {
		case <-ctx.Done():
			forget()
			return
		case <-tick:
		}
		if e.watch.Jumped() {
			e.Log.Warn("nothing deleted: the clock has jumped")
			continue
		}
		for {
			deleted, err := e.Store.Retain(ctx, e.Clock.Now().Add(-e.Retain))
			if err != nil {
				if ctx.Err() == nil {
					e.Log.Error("old events not deleted", "err", err)
				}
				break
			}
			if deleted == 0 {
				break
			}
		}
	}
}

// cancelOrphans ends what deleted targets are still owed: a crash came between the two, or an event that was on its
// way when the target was deleted.
func (e *Engine) cancelOrphans(ctx context.Context) {
	for {
		orphans, err := e.Store.Orphans(ctx)
		for _, no := range orphans {
			if err == nil {
				err = e.Store.CancelOpen(ctx, no)
			}
		}
		if err == nil {
			err = e.Store.TidyProgress(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.Log.Error("deliveries of deleted targets not cancelled", "err", err)
		}
		tick, forget := e.Clock.At(e.Clock.Now().Add(orphansEach))
		select {
		case <-ctx.Done():
			forget()
			return
		case <-tick:
		}
	}
}
