package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"hacek/internal/hub"
)

// mostReferred bounds how many events one value leads to.
const mostReferred = 400

// Buckets are found by jumping from one to the one before it; those that hold nothing of the value are left out.
const referringBuckets = `
	WITH RECURSIVE b(bucket) AS (
		SELECT (SELECT max(bucket) FROM ref)
		UNION ALL
		SELECT (SELECT max(ref.bucket) FROM ref WHERE ref.bucket < b.bucket)
		FROM b
		WHERE b.bucket IS NOT NULL
	)
	SELECT b.bucket
	FROM b
	WHERE b.bucket IS NOT NULL AND EXISTS (
		SELECT 1 FROM ref r WHERE r.bucket = b.bucket AND r.tenant_no = $1 AND r.value >= $2 AND r.value < $3)
	ORDER BY b.bucket DESC`

// referringEvents takes the newest events of one value, which stand in order.
const referringEvents = `
	SELECT event_id
	FROM ref
	WHERE bucket = $1 AND tenant_no = $2 AND value >= $3 AND value < $4
	ORDER BY value DESC, event_id DESC
	LIMIT $5`

// beginsLook is how many references of one bucket a beginning leads to: the last in the order of values, since
// numbers rise. All of them may be everything there is.
const beginsLook = 2_000

func scanID(row rower) (id hub.ID, err error) {
	err = row.Scan(&id)
	return id, err
}

// referred lists the newest events that a value leads to, or a beginning of one, newest first.
func (s *Store) referred(ctx context.Context, tenant int64, value string, whole bool, limit int) ([]hub.ID, error) {
	end, look := behind(value), max(beginsLook, limit)
	if whole {
		end, look = value+"\x01", limit // NUL is not stored, so nothing lies between
	}
	buckets, err := often(ctx, s, "references", scanInt, referringBuckets, tenant, value, end)
	if err != nil {
		return nil, err
	}
	return s.referredIn(ctx, buckets, tenant, value, end, look, limit)
}

// referredIn lists those that some buckets, newest first, lead to.
func (s *Store) referredIn(ctx context.Context, buckets []int64, tenant int64, value, end string, look, limit int) ([]hub.ID, error) {
	var ids []hub.ID
	for _, bucket := range buckets {
		some, err := often(ctx, s, "references", scanID, referringEvents, bucket, tenant, value, end, look)
		if err != nil {
			return nil, err
		}
		if ids = append(ids, some...); len(ids) >= limit {
			break // buckets are spans of time: the ones before are older
		}
	}
	slices.SortFunc(ids, func(a, b hub.ID) int { return bytes.Compare(b[:], a[:]) })
	ids = slices.Compact(ids)
	return ids[:min(limit, len(ids))], nil
}

// mostNear bounds how many buckets are looked into one by one.
const mostNear = 64

// Near lists the newest events of a value that begins as the given one does when letters are taken off its end: as few
// as lead to any, and at most so many. It tells which beginning that was.
func (s *Store) Near(ctx context.Context, tenant int64, value string, most, limit int) ([]*hub.Event, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	letters := []rune(value)
	most = min(most, len(letters)/2)
	if most <= 0 {
		return nil, "", nil
	}
	// Whatever holds a longer beginning holds the shortest, and mostly nothing does.
	shortest := string(letters[:len(letters)-most])
	buckets, err := often(ctx, s, "references", scanInt, referringBuckets, tenant, shortest, behind(shortest))
	if err != nil || len(buckets) == 0 {
		return nil, "", err
	}
	for off := 1; off <= most; off++ {
		beginning := string(letters[:len(letters)-off])
		in := buckets
		if len(buckets) > mostNear && off < most {
			in, err = often(ctx, s, "references", scanInt, referringBuckets, tenant, beginning, behind(beginning))
			if err != nil {
				return nil, "", err
			}
		}
		ids, err := s.referredIn(ctx, in, tenant, beginning, behind(beginning), beginsLook, limit)
		if err != nil {
			return nil, "", err
		}
		if len(ids) > 0 {
			rows, err := s.eventsByID(ctx, tenant, ids)
			slices.SortFunc(rows, func(a, b *eventRow) int { return bytes.Compare(b.ID[:], a.ID[:]) })
			return plainEvents(rows), beginning, err
		}
	}
	return nil, "", nil
}

// behind is the first text after all those that begin with prefix, in the order of bytes.
func behind(prefix string) string { return prefix + "\U0010ffff" }

// Found is one hit of a search.
type Found struct {
	Kind  string // "event", "delivery", "endpoint", "pipeline", "event_type"
	ID    string
	Title string
}

// Search looks for a number, an id or a name among what belongs to a tenant; beginnings count.
func (s *Store) Search(ctx context.Context, tenant int64, q string, limit int) ([]Found, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	q = strings.TrimSpace(q)
	if q == "" {
		return nil, nil
	}
	var out []Found
	if d, err := hub.ParseDeliveryID(q); err == nil {
		row, err := s.Delivery(ctx, tenant, d)
		if hub.CodeOf(err) == hub.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []Found{{"delivery", q, row.Type + " " + row.EventKey}}, nil
	}
	targets, err := s.AllTargets(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		id := t.ID.Text(t.Prefix())
		if !t.Deleted && (id == q || t.UID == q || strings.Contains(strings.ToLower(t.Name), strings.ToLower(q))) {
			out = append(out, Found{string(t.Kind), id, t.Name})
		}
	}
	events, _, err := s.Events(ctx, EventFilter{Tenant: tenant, Query: q}, Page{Limit: limit})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		out = append(out, Found{"event", e.ID.Text(hub.EventPrefix), strings.TrimSpace(e.Type + " " + e.Key)})
	}
	const types = `
		SELECT name
		FROM event_type
		WHERE substr(name, 1, $1) = $2
		ORDER BY name
		LIMIT $3`
	names, err := collect(ctx, s.db, "event types", func(row rower) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	}, types, len([]rune(q)), q, limit)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	for _, name := range names {
		out = append(out, Found{"event_type", name, name})
	}
	return out[:min(len(out), limit)], nil
}
