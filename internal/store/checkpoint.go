package store

import (
	"context"
	"fmt"
)

// SQLite's log is copied back into the database beside the work, by a connection of its own; what was written
// meanwhile is little, and is copied between two commits, so that the log can begin anew. Left alone it would grow
// without end under load; copied only between commits, callers would wait for it.
const (
	pageSize    = 8192
	copyPages   = 4000 // this many pages in the log begin a copy
	copyAgain   = 1000 // so many more begin another one, when a reader kept the log from beginning anew
	pagesAtMost = 5    // times copyPages: then it is said aloud
	pagesOfOne  = 32   // a transaction of somebody else puts about as many into the log, beside its bodies
)

// copier is the connection that copies, and the goroutine that owns it.
type copier struct {
	r    *rawDB
	todo chan struct{}
	done chan error

	// Run alone uses these.
	copying bool
	next    int64 // pages in the log at which the next copy begins
	base    int64 // pages ever written when the log began
}

func openCopier(path string) (*copier, error) {
	r, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	for _, pragma := range []string{"synchronous = full", "wal_autocheckpoint = 0", "cache_size = -256"} {
		if err := r.exec("PRAGMA " + pragma); err != nil {
			r.close()
			return nil, err
		}
	}
	return &copier{r: r, todo: make(chan struct{}, 1), done: make(chan error, 1), next: copyPages}, nil
}

// work copies when it is told to, until ctx ends.
func (c *copier) work(ctx context.Context, wake func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.todo:
			_, err := c.r.copyBack()
			c.done <- err
			wake()
		}
	}
}

// copyBack copies what no reader needs any more, and tells whether that was all there is.
func (r *rawDB) copyBack() (all bool, err error) {
	st, err := r.prepare(`PRAGMA wal_checkpoint(PASSIVE)`)
	if err != nil {
		return false, err
	}
	defer r.finish(st)
	row, err := st.step()
	if err != nil || !row {
		return false, err
	}
	busy, log, copied := st.getInt(0), st.getInt(1), st.getInt(2)
	return busy == 0 && log == copied, nil
}

// between is called by Run between two commits.
func (h *sqliteHot) between() error {
	if err := h.sealSpan(); err != nil {
		h.s.log.Warn("filter of event ids not stored", "err", err)
	}
	c := h.copier
	pages := h.written() - c.base
	if c.copying {
		select {
		case err := <-c.done:
			c.copying = false
			if err != nil {
				return fmt.Errorf("copy the log back: %w", err)
			}
			all, err := h.r.copyBack()
			if err != nil {
				return fmt.Errorf("copy the log back: %w", err)
			}
			if all {
				c.base, c.next = h.written(), copyPages
				return nil
			}
			c.next = pages + copyAgain
			if pages > pagesAtMost*copyPages {
				h.s.log.Warn("the database's log cannot begin anew, a reader stays too long", "mib", pages*pageSize>>20)
			}
		default:
		}
		return nil
	}
	if pages >= c.next {
		c.copying = true
		c.todo <- struct{}{}
	}
	return nil
}

// written is how many pages have ever been put into the log: by the batches, and about as many by Write, without which
// a hub that only refuses strangers would let its log grow without end.
func (h *sqliteHot) written() int64 { return h.r.written() + h.s.pages }

// background starts what works beside the committer and returns the function that ends it.
//
//nolint:contextcheck // it ends with that function: the committer goes on while the callers' contexts end
func (s *Store) background() func() {
	h, ok := s.hot.(*sqliteHot)
	if !ok {
		return s.counting()
	}
	ctx, cancel := context.WithCancel(context.Background())
	names := h.buckets.unknown()
	loaded, copied, counted := make(chan struct{}), make(chan struct{}), make(chan struct{})
	count := s.owed.begin(ctx, s)
	go func() {
		defer close(counted)
		count()
	}()
	go func() {
		defer close(loaded)
		if err := h.buckets.load(ctx, s, names); err != nil && ctx.Err() == nil {
			s.log.Warn("event ids are looked up on disk, their filter could not be read", "err", err)
		}
	}()
	go func() {
		defer close(copied)
		h.copier.work(ctx, s.queue.signal)
	}()
	return func() {
		cancel()
		<-loaded
		<-copied
		<-counted
	}
}

func (h *sqliteHot) close() error {
	if h.copier != nil {
		h.copier.r.close()
	}
	h.r.close()
	return nil
}
