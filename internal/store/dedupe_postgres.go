package store

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"hacek/internal/hub"
)

// callerIDs are the callers' ids of one commit. Buckets are days, the same for all nodes. Around midnight two
// nodes may disagree about the day, so an id is then kept in both.
type callerIDs struct {
	buckets []int64 // where new ids go
	older   []int64
	window  time.Duration

	digests [][]byte // each once, sorted, so that two nodes never wait for each other crosswise
	events  [][]byte
	first   map[[16]byte]*Accept
	repeats []*Accept // the same id again within the commit
	new     map[[16]byte]int
}

// asksForRepeat tells whether an accept bears an id that may be known.
func (a *Accept) asksForRepeat() bool {
	return a.Event != nil && !a.Replay && a.Event.CallerID != ""
}

const midnight = time.Minute

// pgAddDigests keeps what no older bucket knows, and returns what it kept.
const pgAddDigests = `
	INSERT INTO dedupe (bucket, digest, event_id)
	SELECT b.bucket, x.digest, x.event_id
	FROM unnest($2::bytea[], $3::bytea[]) AS x(digest, event_id), unnest($1::bigint[]) AS b(bucket)
	WHERE NOT EXISTS (SELECT 1 FROM dedupe o WHERE o.bucket = ANY($4::bigint[]) AND o.digest = x.digest)
	ORDER BY b.bucket, x.digest
	ON CONFLICT DO NOTHING
	RETURNING digest`

func (c *callerIDs) gather(accepts []*Accept, now time.Time, window time.Duration) {
	today := dayBucket(now)
	c.window = window
	c.buckets = []int64{today}
	oldest := dayBucket(now.Add(-window))
	c.older = []int64{}
	for b := today - day.Milliseconds(); b >= oldest; b -= day.Milliseconds() {
		c.older = append(c.older, b)
	}
	switch since := now.UnixMilli() - today; {
	case since < midnight.Milliseconds():
		c.buckets = []int64{today - day.Milliseconds(), today}
		c.older = slices.DeleteFunc(c.older, func(b int64) bool { return b == c.buckets[0] })
	case since > (day - midnight).Milliseconds():
		c.buckets = []int64{today, today + day.Milliseconds()}
	}
	c.first, c.new = map[[16]byte]*Accept{}, map[[16]byte]int{}
	for _, a := range accepts {
		if !a.asksForRepeat() {
			continue
		}
		d := digest(a.Event.Tenant, a.Event.Source, a.Event.CallerID)
		if c.first[d] != nil {
			c.repeats = append(c.repeats, a)
			continue
		}
		c.first[d] = a
		c.digests = append(c.digests, bytes.Clone(d[:]))
	}
	slices.SortFunc(c.digests, bytes.Compare)
	for _, d := range c.digests {
		c.events = append(c.events, c.first[[16]byte(d)].Event.ID[:])
	}
}

func (c *callerIDs) readNew(rows pgx.Rows) error {
	kept, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	for _, d := range kept {
		c.new[[16]byte(d)]++
	}
	return err
}

// settleRepeats answers the accepts whose ids are known, and leaves in kept those to be stored.
func (c *pgCommit) settleRepeats(ctx context.Context) error {
	c.stage = "look for repeats"
	var asked [][]byte
	for _, d := range c.ids.digests {
		if c.ids.new[[16]byte(d)] < len(c.ids.buckets) {
			asked = append(asked, d)
		}
	}
	originals := map[[16]byte]*eventRow{}
	if len(asked) > 0 {
		var err error
		if originals, err = c.originals(ctx, asked); err != nil {
			return err
		}
	}
	again := make(map[*Accept]bool, len(c.ids.repeats))
	for _, a := range c.ids.repeats {
		again[a] = true
	}
	for _, a := range c.b.accepts {
		if a.Event == nil {
			continue
		}
		if !a.asksForRepeat() {
			c.kept = append(c.kept, a)
			continue
		}
		d := digest(a.Event.Tenant, a.Event.Source, a.Event.CallerID)
		original := originals[d]
		switch {
		case original != nil:
			a.Result = compare(a, original)
		case again[a]:
			first := c.ids.first[d]
			a.Result = compare(a, &eventRow{Event: *first.Event, owed: int64(len(first.Owed))})
		default:
			c.kept = append(c.kept, a)
		}
	}
	return nil
}

// originals reads the events behind known digests; a digest whose event is gone or forgotten is given to the new one.
func (c *pgCommit) originals(ctx context.Context, digests [][]byte) (map[[16]byte]*eventRow, error) {
	const behind = `
		SELECT d.digest, e.no, e.id, e.tenant_no, e.seq, e.owed, e.type, e.source, e.caller_id, e.key, e.time, e.received_at, e.routing_rev,
			e.parent_id, e.hops, e.extra, e.content_type, e.payload
		FROM dedupe d
		JOIN event e ON e.id = d.event_id
		WHERE d.bucket = ANY($1::bigint[]) AND d.digest = ANY($2::bytea[]) AND e.no = ANY($3::bigint[])
		ORDER BY d.bucket`
	const events = `
		SELECT event_id
		FROM dedupe
		WHERE bucket = ANY($1::bigint[]) AND digest = ANY($2::bytea[])`
	all := append(slices.Clone(c.ids.older), c.ids.buckets...)
	rows, err := c.h.conn.Query(ctx, events, all, digests)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	nos := make([]int64, len(ids))
	for i, id := range ids {
		nos[i] = eventNo(hub.ID(id))
	}
	if rows, err = c.h.conn.Query(ctx, behind, all, digests, nos); err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[[16]byte]*eventRow{}
	for rows.Next() {
		var d []byte
		e, err := scanEvent(scanAfter{rows, &d})
		if err != nil {
			return nil, err
		}
		d16 := [16]byte(d)
		accept := c.ids.first[d16]
		first := accept.Event
		if e.Tenant == first.Tenant && first.ReceivedAt.Sub(e.ReceivedAt) <= accept.window(c.ids.window) {
			found[d16] = e
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	const give = `
		UPDATE dedupe
		SET event_id = $1
		WHERE bucket = ANY($2::bigint[]) AND digest = $3`
	for _, d := range digests {
		if found[[16]byte(d)] == nil {
			if _, err := c.h.conn.Exec(ctx, give, c.ids.first[[16]byte(d)].Event.ID[:], all, d); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// scanAfter scans a row whose first column is not the scanner's.
type scanAfter struct {
	rows  pgx.Rows
	first any
}

func (s scanAfter) Scan(to ...any) error { return s.rows.Scan(append([]any{s.first}, to...)...) }
