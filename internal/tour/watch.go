package tour

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Watcher looks at the ERP's orders again and again, as another program of the ERP would, and notes each that it meets without
// its lines or with those of another state.
type Watcher struct {
	stop  context.CancelFunc
	under sync.WaitGroup
	looks int
	most  int // orders it saw
	torn  []string
	err   error
}

// Watch begins; Stop ends it.
func (e *ERP) Watch(ctx context.Context) *Watcher {
	ctx, stop := context.WithCancel(ctx)
	w := &Watcher{stop: stop}
	w.under.Go(func() {
		for ctx.Err() == nil {
			torn, orders, err := e.headersAndLines(ctx)
			if err != nil {
				if ctx.Err() == nil {
					w.err = err
				}
				return
			}
			w.looks++
			w.most = max(w.most, orders)
			w.torn = append(w.torn, torn...)
			select {
			case <-time.After(2 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return w
}

// Stop ends the watch and answers how often it looked. The error says what it met, or that it saw nothing.
func (w *Watcher) Stop() (looks int, err error) {
	w.stop()
	w.under.Wait()
	switch {
	case w.err != nil:
		return w.looks, w.err
	case len(w.torn) > 0:
		return w.looks, fmt.Errorf("another program saw %d orders that did not fit their lines: %s", len(w.torn), w.torn[0])
	case w.most == 0:
		return w.looks, fmt.Errorf("another program looked %d times and saw no order", w.looks)
	}
	return w.looks, nil
}
