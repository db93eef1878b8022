package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"hacek/internal/hub"
)

// Caller ids and references are random keys, and a random key dirties a page of its tree. So they are kept in
// small trees: a bucket is closed after a day or this many rows, and only the newest grows.
const bucketRows = 512

// spanIDs is how many ids one filter knows. A full one is stored, so that a start reads it instead of the ids.
const spanIDs = 256 << 10

// span is a row of buckets with the filter over their ids.
type span struct {
	buckets []int64 // ascending, without the newest of all
	filter  *bloom
	known   bool // the filter knows every id; until then all buckets are asked
}

// buckets are all that exist. Run alone uses them, except for what scanned guards.
type buckets struct {
	window  time.Duration
	now     func() time.Time
	current int64
	newest  int64 // the highest name ever given; none is given twice, whatever the clock says
	digests int   // rows in the current one
	refs    int
	spans   []*span // ascending; the last one grows

	scanned struct {
		sync.Mutex
		ready  bool
		filter *bloom
	}
	saved struct {
		current       int64
		digests, refs int
		spans, last   int
	}
}

func newBuckets(window time.Duration, now func() time.Time) *buckets {
	return &buckets{window: window, now: now, spans: []*span{{filter: newBloom(spanIDs), known: true}}}
}

func (b *buckets) growing() *span { return b.spans[len(b.spans)-1] }

// mark and back undo the counts of a batch that was rolled back; a filter that knows too much does no harm.
func (b *buckets) mark() {
	s := &b.saved
	s.current, s.digests, s.refs, s.last = b.current, b.digests, b.refs, len(b.growing().buckets)
}

func (b *buckets) back() {
	s := &b.saved
	b.current, b.digests, b.refs = s.current, s.digests, s.refs
	b.growing().buckets = b.growing().buckets[:s.last]
}

// turn begins a new bucket when the current one is old or large.
func (b *buckets) turn() {
	b.takeScanned()
	now := b.now().UnixMilli()
	if b.current != 0 && b.digests < bucketRows && b.refs < bucketRows && now-b.current < day.Milliseconds() {
		return
	}
	if b.current != 0 {
		b.growing().buckets = append(b.growing().buckets, b.current)
	}
	b.current = max(now, b.newest+1)
	b.newest = b.current
	b.digests, b.refs = 0, 0
}

// takeScanned takes over what load found on disk.
func (b *buckets) takeScanned() {
	if b.spans[0].known && b.growing().known {
		return
	}
	b.scanned.Lock()
	defer b.scanned.Unlock()
	if !b.scanned.ready {
		return
	}
	for _, s := range b.spans {
		if !s.known {
			s.filter.merge(b.scanned.filter)
			s.known = true
		}
	}
	b.scanned.filter = nil
}

// repeated returns the event that bears the same caller id, or nil and keeps the id for this one.
func (h *sqliteHot) repeated(a *Accept) (*eventRow, error) {
	e := a.Event
	d := digest(e.Tenant, e.Source, e.CallerID)
	b := h.buckets
	for i := len(b.spans) - 1; i >= 0; i-- {
		s := b.spans[i]
		if s.known && !s.filter.maybe(&d) {
			continue
		}
		for j := len(s.buckets) - 1; j >= 0; j-- {
			original, err := h.lookUp(s.buckets[j], &d, a)
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
		b.growing().filter.add(&d)
		return nil, nil
	}
	original, err := h.lookUp(b.current, &d, a)
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
func (h *sqliteHot) lookUp(bucket int64, d *[16]byte, a *Accept) (*eventRow, error) {
	e := a.Event
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
	if e.ReceivedAt.Sub(original.ReceivedAt) > a.window(h.buckets.window) {
		return nil, nil
	}
	return original, nil
}

// sealSpan stores a full filter and begins the next span; called between batches. Should it fail, the ids are
// read again at the next start.
func (h *sqliteHot) sealSpan() error {
	b := h.buckets
	s := b.growing()
	if !s.known || !s.filter.full() || len(s.buckets) == 0 {
		return nil
	}
	begin := b.now().Add(-b.window).UnixMilli()
	for len(b.spans) > 1 && b.spans[1].buckets[0] < begin {
		b.spans = b.spans[1:] // ended before the window began
	}
	// The ids of the current bucket stand in this filter, but those that still come to it will stand in the next.
	s.buckets = append(s.buckets, b.current)
	next := &span{filter: newBloom(spanIDs), known: true}
	b.spans = append(b.spans, next)
	b.current, b.digests, b.refs = 0, 0, 0
	st := h.addFilter
	st.int(1, s.buckets[0])
	st.int(2, s.buckets[len(s.buckets)-1])
	st.blob(3, s.filter.bytes())
	return st.run()
}

// list finds the buckets that exist, a step down the tree for each, and the stored filters.
func (b *buckets) list(ctx context.Context, db *sql.DB) error {
	const after = `
		SELECT min(bucket)
		FROM (SELECT min(bucket) AS bucket FROM dedupe WHERE bucket > $1
			UNION ALL
			SELECT min(bucket) FROM ref WHERE bucket > $1) AS both_kinds`
	begin := b.now().Add(-b.window - day).UnixMilli() // a bucket is at most a day long
	var all []int64
	for last := begin; ; {
		var next sql.NullInt64
		if err := db.QueryRowContext(ctx, after, last).Scan(&next); err != nil {
			return fmt.Errorf("list buckets: %w", err)
		}
		if !next.Valid {
			break
		}
		all, last = append(all, next.Int64), next.Int64
	}
	if len(all) == 0 {
		return nil
	}
	const stored = `
		SELECT first, last, bits
		FROM dedupe_filter
		WHERE last > $1
		ORDER BY first`
	type filter struct {
		first, last int64
		bits        []byte
	}
	filters, err := collect(ctx, db, "filters", func(row rower) (f filter, err error) {
		err = row.Scan(&f.first, &f.last, &f.bits)
		return f, err
	}, stored, begin)
	if err != nil {
		return err
	}
	b.current = all[len(all)-1]
	b.newest = b.current
	all = all[:len(all)-1]
	var spans []*span
	rest := &span{filter: newBloom(spanIDs)}
	for _, f := range filters {
		s := &span{filter: bloomOf(f.bits), known: true}
		var left []int64
		for _, name := range all {
			if name >= f.first && name <= f.last {
				s.buckets = append(s.buckets, name)
			} else {
				left = append(left, name)
			}
		}
		if s.filter != nil && len(s.buckets) > 0 {
			spans, all = append(spans, s), left
		}
	}
	rest.buckets = all
	b.spans = append(spans, rest)
	const count = `
		SELECT (SELECT count(*) FROM dedupe WHERE bucket = $1), (SELECT count(*) FROM ref WHERE bucket = $1)`
	if err := db.QueryRowContext(ctx, count, b.current).Scan(&b.digests, &b.refs); err != nil {
		return fmt.Errorf("count the newest bucket: %w", err)
	}
	return nil
}

// load fills the filter of what no stored one knows, beside the work. It is given the names before Run begins.
func (b *buckets) load(ctx context.Context, s *Store, names []int64) error {
	const page = `
		SELECT digest
		FROM dedupe
		WHERE bucket = $1`
	found := newBloom(spanIDs)
	for _, name := range names {
		ids, err := often(ctx, s, "event ids", func(row rower) (d [16]byte, err error) {
			var raw []byte
			err = row.Scan(&raw)
			copy(d[:], raw)
			return d, err
		}, page, name)
		if err != nil {
			return err
		}
		for i := range ids {
			found.add(&ids[i])
		}
	}
	b.scanned.Lock()
	defer b.scanned.Unlock()
	b.scanned.filter, b.scanned.ready = found, true
	return nil
}

// unknown are the buckets that load must read: all those of the growing span, and the newest.
func (b *buckets) unknown() []int64 {
	if b.growing().known {
		return nil
	}
	return append(append([]int64(nil), b.growing().buckets...), b.current)
}
