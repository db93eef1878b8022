package server

import (
	"context"
	"fmt"
	"log/slog"
)

// crew is what runs beside the listener. Each hand has its own context, so that they can be stopped one after the
// other; the first that ends with an error is reported on failed.
type crew struct {
	log    *slog.Logger
	failed chan error
}

type hand struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func newCrew(log *slog.Logger) *crew { return &crew{log: log, failed: make(chan error, 8)} }

// start runs work until its hand is stopped. It outlives ctx: stopping is done in written order.
func (c *crew) start(ctx context.Context, name string, work func(context.Context) error) *hand {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h := &hand{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		err := work(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			c.log.Error("not stopped cleanly", "part", name, "err", err)
		default:
			select {
			case c.failed <- fmt.Errorf("%s: %w", name, err):
			default: // the first one tells enough
			}
		}
	}()
	return h
}

// stop asks the work to end and waits until it has.
func (h *hand) stop() {
	h.cancel()
	<-h.ended
}
