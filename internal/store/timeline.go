package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"hacek/internal/hub"
)

// EventsOf lists a tenant's newest events that bear a value as key or as another reference, newest first, with data.
// Each is one step down the index of references, however many events there are.
func (s *Store) EventsOf(ctx context.Context, tenant int64, value string, limit int) ([]*hub.Event, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	ids, err := s.referred(ctx, tenant, value, true, limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	rows, err := s.eventsByID(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b *eventRow) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return plainEvents(rows), nil
}

// changedSince tells which targets have a later revision than rev. Most have none: what they were then is what they are.
func (s *Store) changedSince(ctx context.Context, tenant, rev int64, rows []targetRow) (map[string]bool, error) {
	changed := map[string]bool{}
	for part := range slices.Chunk(rows, 500) {
		objects := make([]string, len(part))
		for i := range part {
			objects[i] = part[i].ID.Text(part[i].Prefix())
		}
		var a args
		text := `
			SELECT DISTINCT object
			FROM revision
			WHERE tenant_no = ` + a.add(tenant) + ` AND no > ` + a.add(rev) + ` AND object IN (` + list(&a, objects) + `)`
		some, err := collect(ctx, s.db, "revisions", scanText, text, a...)
		if err != nil {
			return nil, err
		}
		for _, object := range some {
			changed[object] = true
		}
	}
	return changed, nil
}

// near is where the request of an event is looked for: about the moment the event was made, the newest first.
type near struct {
	before, after time.Duration
	most          int // requests of the source
}

// Mostly the two are made within a moment. A body may have taken its time to come in, and a clock may have been set back.
var nearby = []near{
	{time.Second, 10 * time.Millisecond, 200},
	{2 * time.Minute, time.Second, 2_000},
}

// RequestOf finds the request that an event came in with, without its body; false when it is not kept or came long
// before, as one out of quarantine.
func (s *Store) RequestOf(ctx context.Context, source int64, e *hub.Event) (hub.InRequest, bool, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	holds := `instr(events, $6) > 0` // so that the headers of thousands of others are not read
	if s.pg {
		holds = `position($6::bytea IN events) > 0`
	}
	one := requestColumns + `
		FROM request
		WHERE source_no = $1 AND no = (
			SELECT no
			FROM (
				SELECT no, outcome, events
				FROM request
				WHERE source_no = $1 AND tenant_no = $2 AND no BETWEEN $3 AND $4 AND events IS NOT NULL
				ORDER BY no DESC
				LIMIT $5
			) AS near
			WHERE outcome <> 'duplicate' AND ` + holds + `
			LIMIT 1)` // the newest: they come in the order of the inner select
	made := e.ID.Time() // numbers follow the moment an id was made
	for _, n := range nearby {
		found, err := often(ctx, s, "requests", scanRequest, one, source, e.Tenant,
			made.Add(-n.before).UnixMilli()<<12, made.Add(n.after).UnixMilli()<<12, n.most, e.ID[:])
		if err != nil {
			return hub.InRequest{}, false, fmt.Errorf("find the request of %s: %w", e.ID.Text(hub.EventPrefix), err)
		}
		if len(found) > 0 && slices.Contains(found[0].Events, e.ID) {
			return found[0].InRequest, true, nil
		}
	}
	return hub.InRequest{}, false, nil
}

// What a search among requests looks at: the newest of a source that became no event, up to a size.
const (
	missedLook = 300
	missedSize = 256 << 10
)

// MissedRequests finds a text in the bodies and queries of a source's newest requests that became no event: those in
// quarantine and those that a rule did not accept. They come without bodies, newest first.
func (s *Store) MissedRequests(ctx context.Context, tenant, source int64, text string, limit int) ([]hub.InRequest, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const newest = requestColumns + `, body
		FROM (
			SELECT *
			FROM request
			WHERE source_no = $1 AND tenant_no = $2
			ORDER BY no DESC
			LIMIT $3
		) AS newest
		WHERE events IS NULL AND body IS NOT NULL AND length(body) <= $4
		ORDER BY no DESC`
	var found []hub.InRequest
	rows, err := s.db.QueryContext(ctx, newest, source, tenant, missedLook, missedSize)
	if err != nil {
		return nil, fmt.Errorf("search requests: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() && len(found) < limit {
		var body []byte
		r, err := scanRequestAnd(rows, &body)
		if err != nil {
			return nil, fmt.Errorf("search requests: %w", err)
		}
		if bytes.Contains(body, []byte(text)) || bytes.Contains([]byte(r.Query), []byte(text)) {
			found = append(found, r.InRequest)
		}
	}
	return found, rows.Err()
}
