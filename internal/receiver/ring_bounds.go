package receiver

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// ringOf names a ring: the requests of a source with one outcome that nobody has proved.
type ringOf struct {
	source  int64
	outcome string
}

// bounds is what a ring holds in the database. It is remembered, so that what must go is known without a look at a
// thousand requests within the transaction that others wait for.
type bounds struct {
	rows []store.RingRow // oldest first
	size int
	read time.Time
}

// boundsKept is how long it is remembered: retention takes requests out of a ring too.
const boundsKept = time.Hour

// overflow tells of each ring that new requests come into up to which one it must be emptied.
func (r *Receiver) overflow(ctx context.Context, list []hub.InRequest, now time.Time) (map[ringOf]hub.ID, error) {
	if r.emptied.Swap(false) {
		r.rings = nil
	}
	last := map[ringOf]hub.ID{}
	touched := map[ringOf]*bounds{}
	for i := range list {
		in := &list[i]
		if in.Verified {
			continue
		}
		at := ringOf{in.Source, in.Outcome}
		b := touched[at]
		if b == nil {
			var err error
			if b, err = r.boundsOf(ctx, at, now); err != nil {
				return nil, err
			}
			touched[at] = b
		}
		b.rows = append(b.rows, store.RingRow{ID: in.ID, At: in.At, Size: sizeOf(in)})
		b.size += sizeOf(in)
	}
	for at, b := range touched {
		if id, over := b.trim(now.Add(-RingTime)); over {
			last[at] = id
		}
	}
	return last, nil
}

func (r *Receiver) boundsOf(ctx context.Context, at ringOf, now time.Time) (*bounds, error) {
	if b := r.rings[at]; b != nil && now.Sub(b.read) < boundsKept {
		return b, nil
	}
	rows, err := r.Store.Ring(ctx, at.source, at.outcome)
	if err != nil {
		return nil, err
	}
	b := &bounds{rows: rows, read: now}
	for _, row := range rows {
		b.size += row.Size
	}
	if r.rings == nil {
		r.rings = map[ringOf]*bounds{}
	}
	maps.DeleteFunc(r.rings, func(_ ringOf, b *bounds) bool { return now.Sub(b.read) >= boundsKept })
	r.rings[at] = b
	return b, nil
}

// trim forgets what is too much or from before a moment, and tells the last that goes.
func (b *bounds) trim(before time.Time) (last hub.ID, over bool) {
	slices.SortFunc(b.rows, func(x, y store.RingRow) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	n := 0
	for n < len(b.rows) && (len(b.rows)-n > RingRows || b.size > RingBytes || b.rows[n].At.Before(before)) {
		last = b.rows[n].ID
		b.size -= b.rows[n].Size
		n++
	}
	b.rows = slices.Delete(b.rows, 0, n)
	return last, n > 0
}
