package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hacek/internal/hub"
)

// RequestFilter narrows a list of requests to /in. Empty fields do not.
type RequestFilter struct {
	Tenant   int64
	Source   int64
	Outcomes []string
	Since    time.Time
	Until    time.Time
}

const requestColumns = `
	SELECT id, tenant_no, source_no, at, outcome, reason, status, verified, method, query, headers, peer, size, events`

// requestRow is a request with its place.
type requestRow struct {
	hub.InRequest
	no int64
}

func scanRequest(row rower) (requestRow, error) { return scanRequestAnd(row) }

func scanRequestAnd(row rower, more ...any) (requestRow, error) {
	var r requestRow
	var at int64
	var headers, events []byte
	to := append([]any{&r.ID, &r.Tenant, &r.Source, &at, &r.Outcome, &r.Reason, &r.Status, &r.Verified, &r.Method, &r.Query, &headers, &r.Peer, &r.Size, &events}, more...)
	if err := row.Scan(to...); err != nil {
		return r, err
	}
	r.no, r.At = eventNo(r.ID), fromMillis(at)
	for part := range slices.Chunk(events, 16) {
		r.Events = append(r.Events, hub.ID(part))
	}
	return r, json.Unmarshal(headers, &r.Headers)
}

// Requests lists a source's requests, without bodies. A page may be shorter than asked for and still have a next one.
func (s *Store) Requests(ctx context.Context, f RequestFilter, p Page) ([]hub.InRequest, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	low, high, err := p.bounds(1, 1<<62)
	if err != nil {
		return nil, "", err
	}
	if !f.Since.IsZero() {
		low = max(low, f.Since.UnixMilli()<<12)
	}
	if !f.Until.IsZero() {
		high = min(high, f.Until.UnixMilli()<<12-1)
	}
	var a args
	from, narrow := `request`, ""
	if len(f.Outcomes) == 1 && f.Outcomes[0] != hub.RequestAccepted {
		from, narrow = s.byOutcome()
	}
	text := requestColumns + `
		FROM ` + from + `
		WHERE source_no = ` + a.add(f.Source) + ` AND tenant_no = ` + a.add(f.Tenant) + ` AND no BETWEEN ` + a.add(low) + ` AND ` + a.add(high)
	if len(f.Outcomes) > 0 {
		text += ` AND outcome IN (` + list(&a, f.Outcomes) + `)` + narrow
	}
	text += ` ORDER BY no`
	if !p.Ascending {
		text += ` DESC`
	}
	text += ` LIMIT ` + a.add(p.limit()+1)
	rows, err := collect(ctx, s.db, "requests", scanRequest, text, a...)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > p.limit() {
		rows = rows[:p.limit()]
		next = cursor(rows[len(rows)-1].no)
	}
	out := make([]hub.InRequest, len(rows))
	for i := range rows {
		out[i] = rows[i].InRequest
	}
	return out, next, nil
}

// InRequest finds one request with its body.
func (s *Store) InRequest(ctx context.Context, tenant, source int64, id hub.ID) (hub.InRequest, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const text = requestColumns + `, body
		FROM request
		WHERE source_no = $1 AND no = $2 AND id = $3 AND tenant_no = $4`
	var body []byte
	r, err := scanRequestAnd(s.db.QueryRowContext(ctx, text, source, eventNo(id), id[:], tenant), &body)
	if errors.Is(err, sql.ErrNoRows) {
		return hub.InRequest{}, hub.Errorf(hub.NotFound, "no request %s", id.Text(hub.RequestPrefix)).
			WithHint("Requests that could not be verified are kept for 7 days, the newest 1,000 of a source.")
	}
	if err != nil {
		return hub.InRequest{}, fmt.Errorf("read request %s: %w", id.Text(hub.RequestPrefix), err)
	}
	r.Body = body
	if body == nil && len(r.Events) == 1 {
		e, err := s.Event(ctx, tenant, r.Events[0])
		if err != nil {
			return hub.InRequest{}, err
		}
		r.Body = e.Data
	}
	return r.InRequest, nil
}

const insertRequest = `
	INSERT INTO request (source_no, no, id, tenant_no, at, outcome, reason, status, verified, method, query, headers, peer, size, events, body)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

// requestValues are the columns of insertRequest. data is the event's where the request became exactly one: an equal
// body is not kept twice.
func requestValues(r *hub.InRequest, data []byte) ([]any, error) {
	headers := r.Headers
	if headers == nil {
		headers = []hub.Header{}
	}
	text, err := json.Marshal(headers)
	if err != nil {
		return nil, err
	}
	var events []byte
	for _, id := range r.Events {
		events = append(events, id[:]...)
	}
	body := r.Body
	switch {
	case len(r.Events) == 1 && data != nil && bytes.Equal(data, body):
		body = nil
	case body == nil:
		body = []byte{}
	}
	return []any{
		r.Source, eventNo(r.ID), r.ID[:], r.Tenant, millis(r.At), r.Outcome, plainText(r.Reason), int64(r.Status), flag(r.Verified), r.Method,
		plainText(r.Query), string(text), r.Peer, int64(r.Size), events, body,
	}, nil
}

// AddRequests keeps requests that became no event.
func (tx *Tx) AddRequests(ctx context.Context, requests []hub.InRequest) error {
	for i := range requests {
		values, err := requestValues(&requests[i], nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertRequest, values...); err != nil {
			return fmt.Errorf("keep request %s: %w", requests[i].ID.Text(hub.RequestPrefix), err)
		}
		tx.bytes += len(requests[i].Body)
	}
	return nil
}

// byOutcome is the table of requests as it is read by one outcome other than accepted, with what a WHERE must say so
// that the index request_outcome serves. SQLite takes the primary key unless it is told, and reads all of a source.
func (s *Store) byOutcome() (from, narrow string) {
	from, narrow = `request`, ` AND outcome <> 'accepted'`
	if !s.pg {
		from += ` INDEXED BY request_outcome`
	}
	return from, narrow
}

// RingRow is a request that nobody has proved, as far as a ring's bounds go.
type RingRow struct {
	ID   hub.ID
	At   time.Time
	Size int // of body, headers and query
}

// Ring lists the requests of a source with an outcome that nobody has proved, oldest first.
func (s *Store) Ring(ctx context.Context, source int64, outcome string) ([]RingRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	from, narrow := s.byOutcome()
	all := `
		SELECT id, at, coalesce(length(body), 0) + length(headers) + length(query)
		FROM ` + from + `
		WHERE source_no = $1 AND outcome = $2 AND verified = 0` + narrow + `
		ORDER BY no`
	return collect(ctx, s.db, "requests", func(row rower) (r RingRow, err error) {
		var at int64
		err = row.Scan(&r.ID, &at, &r.Size)
		r.At = fromMillis(at)
		return r, err
	}, all, source, outcome)
}

// DropRing deletes those of a ring up to one. What was verified is not touched: strangers cannot push it out.
func (tx *Tx) DropRing(ctx context.Context, source int64, outcome string, last hub.ID) error {
	from, narrow := tx.s.byOutcome()
	drop := `
		DELETE FROM ` + from + `
		WHERE source_no = $1 AND outcome = $2 AND verified = 0 AND no <= $3` + narrow
	if _, err := tx.ExecContext(ctx, drop, source, outcome, eventNo(last)); err != nil {
		return fmt.Errorf("trim requests: %w", err)
	}
	return nil
}

// retainRequests deletes a chunk of each source's requests from before a moment.
func (tx *Tx) retainRequests(ctx context.Context, before time.Time) (int, error) {
	sources, err := collect(ctx, tx, "sources", scanNo, `SELECT no FROM object WHERE kind = 'source'`)
	if err != nil {
		return 0, err
	}
	const some = `
		DELETE FROM request
		WHERE source_no = $1 AND no <= (
			SELECT max(no)
			FROM (SELECT no FROM request WHERE source_no = $1 AND no < $2 ORDER BY no LIMIT 500) AS first)`
	deleted := 0
	for _, source := range sources {
		r, err := tx.ExecContext(ctx, some, source, before.UnixMilli()<<12)
		if err != nil {
			return 0, fmt.Errorf("delete old requests: %w", err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return 0, err
		}
		deleted += int(n)
	}
	return deleted, nil
}

// SettleRequest writes what became of a request that is kept: its outcome, reason and events.
func (tx *Tx) SettleRequest(ctx context.Context, r hub.InRequest) error {
	var events []byte
	for _, id := range r.Events {
		events = append(events, id[:]...)
	}
	const update = `
		UPDATE request
		SET outcome = $1, reason = $2, events = $3
		WHERE source_no = $4 AND no = $5 AND id = $6 AND tenant_no = $7`
	return tx.one(ctx, "no request "+r.ID.Text(hub.RequestPrefix), update, r.Outcome, plainText(r.Reason), events, r.Source, eventNo(r.ID), r.ID[:], r.Tenant)
}

// CountRequests adds to the numbers of a day, by outcome.
func (tx *Tx) CountRequests(ctx context.Context, source int64, at time.Time, counts map[string]int64) error {
	const add = `
		INSERT INTO request_count (source_no, day, outcome, n)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (source_no, day, outcome) DO UPDATE SET n = request_count.n + excluded.n`
	for outcome, n := range counts {
		if _, err := tx.ExecContext(ctx, add, source, dayBucket(at), outcome, n); err != nil {
			return fmt.Errorf("count requests: %w", err)
		}
	}
	return nil
}

// RequestCounts adds up the numbers since a day, by outcome.
func (s *Store) RequestCounts(ctx context.Context, source int64, since time.Time) (map[string]int64, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const sums = `
		SELECT outcome, sum(n)
		FROM request_count
		WHERE source_no = $1 AND day >= $2
		GROUP BY outcome`
	type count struct {
		outcome string
		n       int64
	}
	all, err := collect(ctx, s.db, "request counts", func(row rower) (c count, err error) {
		return c, row.Scan(&c.outcome, &c.n)
	}, sums, source, dayBucket(since))
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, c := range all {
		counts[c.outcome] = c.n
	}
	return counts, nil
}

// settle fills in a request's outcome and events once its accepts have their results.
func (a *Accept) settle() *hub.InRequest {
	r := *a.Request
	if len(a.Siblings) == 0 {
		return &r
	}
	r.Events = nil
	fresh := 0
	for _, s := range a.Siblings {
		switch {
		case s.Result.Err != nil:
		case s.Result.Duplicate:
			r.Events = append(r.Events, s.Result.Original.ID)
		default:
			fresh++
			r.Events = append(r.Events, s.Event.ID)
		}
	}
	if fresh == 0 && len(r.Events) > 0 {
		r.Outcome, r.Reason = hub.RequestDuplicate, "a repeat of "+r.Events[0].Text(hub.EventPrefix)
	}
	return &r
}

// requestRowValues are the columns of the request that ends a call.
func (a *Accept) requestRowValues() ([]any, error) {
	r := a.settle()
	var data []byte
	if len(a.Siblings) == 1 && r.Outcome != hub.RequestDuplicate && r.Outcome != hub.RequestReleased {
		data = a.Siblings[0].Event.Data
	}
	return requestValues(r, data)
}
