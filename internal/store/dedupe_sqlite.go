package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"hacek/internal/hub"
)

// A bucket is closed after a day or this many rows: random keys are cheap only while their tree is small, since
// each one dirties a page of it.
const bucketRows = 32 << 10

// buckets are the spans in which caller ids and references are kept. Run alone uses them, except for loaded.
type buckets struct {
	window  time.Duration
	now     func() time.Time
	current int64
	digests int // in the current one
	refs    int
	older   []int64 // ascending; those that ended before the window are left out at a turn

	filters []*bloom // together they know every digest, once the scan of what was stored has ended
	all     bool     // the scan has ended
	mu      sync.Mutex
	loaded  []*bloom // what the scan found, not yet taken over
	ready   bool

	saved struct {
		current       int64
		digests, refs int
		older         []int64
	}
}

const largestFilter = 8 << 20

// mark and back undo the counts of a batch that was rolled back.
func (b *buckets) mark() {
	b.saved.current, b.saved.digests, b.saved.refs, b.saved.older = b.current, b.digests, b.refs, b.older
}

func (b *buckets) back() {
	b.current, b.digests, b.refs, b.older = b.saved.current, b.saved.digests, b.saved.refs, b.saved.older
}

// turn begins a new bucket when the current one is old or large.
func (b *buckets) turn() {
	if !b.all {
		b.mu.Lock()
		if b.ready {
			b.filters = append(b.loaded, b.filters...)
			b.loaded, b.all = nil, true
		}
		b.mu.Unlock()
	}
	now := b.now().UnixMilli()
	if b.current != 0 && b.digests < bucketRows && b.refs < 2*bucketRows && now-b.current < day.Milliseconds() {
		return
	}
	if b.current != 0 {
		b.older = append(b.older, b.current)
	}
	b.current = max(now, b.current+1)
	b.digests, b.refs = 0, 0
	b.forget()
}

// forget leaves out the buckets that ended before the window began.
func (b *buckets) forget() {
	begin := b.now().Add(-b.window).UnixMilli()
	n := 0
	for n < len(b.older) {
		end := b.current
		if n+1 < len(b.older) {
			end = b.older[n+1]
		}
		if end >= begin {
			break
		}
		n++
	}
	b.older = b.older[n:]
}

func (b *buckets) maybe(d *[16]byte) bool {
	if !b.all {
		return true
	}
	for _, f := range b.filters {
		if f.maybe(d) {
			return true
		}
	}
	return false
}

func (b *buckets) add(d *[16]byte) {
	if n := len(b.filters); n == 0 || b.filters[n-1].full() {
		size := 1 << 16
		if n > 0 {
			size = min(2*int(b.filters[n-1].mask+1)*32, largestFilter)
		}
		b.filters = append(b.filters, newBloom(size))
	}
	b.filters[len(b.filters)-1].add(d)
}

// repeated returns the event that bears the same caller id, or nil and keeps the id for this one.
func (h *sqliteHot) repeated(e *hub.Event) (*eventRow, error) {
	d := digest(e.Tenant, e.Source, e.CallerID)
	b := h.buckets
	if b.maybe(&d) {
		for i := len(b.older) - 1; i >= 0; i-- {
			original, err := h.lookUp(b.older[i], &d, e)
			if original != nil || err != nil {
				return original, err
			}
		}
	}
	st := h.addDigest
	st.int(1, b.current)
	st.blob(2, d[:])
	st.blob(3, e.ID[:])
	if err := st.run(); err != nil {
		return nil, err
	}
	if h.r.changes() > 0 {
		b.digests++
		b.add(&d)
		return nil, nil
	}
	original, err := h.lookUp(b.current, &d, e)
	if original != nil || err != nil {
		return original, err
	}
	// The earlier event is forgotten: the window is over, or retention removed it.
	st = h.moveDigest
	st.blob(1, e.ID[:])
	st.int(2, b.current)
	st.blob(3, d[:])
	return nil, st.run()
}

// lookUp finds the event of a digest in one bucket, when it is still within the window.
func (h *sqliteHot) lookUp(bucket int64, d *[16]byte, e *hub.Event) (*eventRow, error) {
	st := h.oneDigest
	st.int(1, bucket)
	st.blob(2, d[:])
	row, err := st.step()
	var id hub.ID
	if row {
		copy(id[:], st.getBlob(0))
	}
	st.reset()
	if err != nil || !row {
		return nil, err
	}
	st = h.oneEvent
	st.int(1, eventNo(id))
	st.blob(2, id[:])
	st.int(3, e.Tenant)
	defer st.reset()
	row, err = st.step()
	if err != nil || !row {
		return nil, err
	}
	original := &eventRow{Event: hub.Event{
		ID: id, Tenant: e.Tenant, Type: st.getText(0), Source: st.getText(1), CallerID: st.getText(2), Key: st.getText(3),
		Time: fromMillis(st.getInt(4)), ReceivedAt: fromMillis(st.getInt(5)), Data: st.getBlob(7),
	}, owed: st.getInt(6)}
	if e.ReceivedAt.Sub(original.ReceivedAt) > h.buckets.window {
		return nil, nil
	}
	return original, nil
}

// load fills the filters from what is stored, beside the work; until it is done every bucket is asked.
func (b *buckets) load(ctx context.Context, s *Store) error {
	const page = `
		SELECT bucket, digest
		FROM dedupe
		WHERE (bucket, digest) > ($1, $2)
		ORDER BY bucket, digest
		LIMIT 5000`
	var found []*bloom
	var bucket int64
	last := []byte{}
	keep := &buckets{}
	for ctx.Err() == nil {
		rows, err := s.query(ctx, page, bucket, last)
		if err != nil {
			return fmt.Errorf("load event ids: %w", err)
		}
		n := 0
		for rows.Next() {
			if err := rows.Scan(&bucket, &last); err != nil {
				_ = rows.Close()
				return fmt.Errorf("load event ids: %w", err)
			}
			var d [16]byte
			copy(d[:], last)
			keep.add(&d)
			n++
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("load event ids: %w", err)
		}
		if n < 5000 {
			found = keep.filters
			b.mu.Lock()
			b.loaded, b.ready = found, true
			b.mu.Unlock()
			return nil
		}
	}
	return ctx.Err()
}
