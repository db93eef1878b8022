package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
)

// eventExtra is what few events have.
type eventExtra struct {
	Channels   []string        `json:"channels,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Refs       []string        `json:"refs,omitempty"`
	VendorType string          `json:"vendor_type,omitempty"`
	OnlyTarget int64           `json:"only_target,omitempty"`
	Unverified bool            `json:"unverified,omitempty"`
}

// encodeExtra is nil when there is nothing extra.
func encodeExtra(e *hub.Event) []byte {
	if len(e.Channels) == 0 && len(e.Metadata) == 0 && len(e.Refs) == 0 && e.VendorType == "" && e.OnlyTarget == 0 && !e.Unverified {
		return nil
	}
	text, err := json.Marshal(eventExtra{Channels: e.Channels, Metadata: e.Metadata, Refs: e.Refs, VendorType: e.VendorType, OnlyTarget: e.OnlyTarget, Unverified: e.Unverified})
	if err != nil {
		panic(fmt.Sprintf("BUG: metadata that is no JSON came as far as the store: %v", err))
	}
	return text
}

const eventColumns = `
	SELECT no, id, tenant_no, seq, owed, type, source, caller_id, key, time, received_at, routing_rev, parent_id, hops,
		extra, content_type, payload
	FROM event`

// eventRow is an event with its place and the numbers of its deliveries.
type eventRow struct {
	hub.Event
	no, seq, owed int64
}

func scanEvent(row rower) (*eventRow, error) {
	var e eventRow
	var at, received int64
	var extra []byte
	err := row.Scan(&e.no, &e.ID, &e.Tenant, &e.seq, &e.owed, &e.Type, &e.Source, &e.CallerID, &e.Key, &at, &received, &e.RoutingRev,
		&e.Parent, &e.Hops, &extra, &e.ContentType, &e.Data)
	if err != nil {
		return nil, err
	}
	e.Time, e.ReceivedAt = fromMillis(at), fromMillis(received)
	if len(extra) > 0 {
		var x eventExtra
		if err := json.Unmarshal(extra, &x); err != nil {
			return nil, fmt.Errorf("event %s: %w", e.ID.Text(hub.EventPrefix), err)
		}
		e.Channels, e.Metadata, e.Refs, e.VendorType, e.OnlyTarget = x.Channels, x.Metadata, x.Refs, x.VendorType, x.OnlyTarget
		e.Unverified = x.Unverified
	}
	return &e, nil
}

func plainEvents(rows []*eventRow) []*hub.Event {
	out := make([]*hub.Event, len(rows))
	for i, r := range rows {
		out[i] = &r.Event
	}
	return out
}

// Event finds one of a tenant's events, with its data.
func (s *Store) Event(ctx context.Context, tenant int64, id hub.ID) (*hub.Event, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	e, err := s.event(ctx, s.db, tenant, id)
	if err != nil {
		return nil, err
	}
	return &e.Event, nil
}

func (s *Store) event(ctx context.Context, db querier, tenant int64, id hub.ID) (*eventRow, error) {
	e, err := scanEvent(db.QueryRowContext(ctx, eventColumns+` WHERE no = $1 AND id = $2 AND tenant_no = $3`, eventNo(id), id[:], tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hub.Errorf(hub.NotFound, "no event %s", id.Text(hub.EventPrefix))
	}
	if err != nil {
		return nil, fmt.Errorf("read event %s: %w", id.Text(hub.EventPrefix), err)
	}
	return e, nil
}

// Payloads reads a tenant's events by their ids, in no particular order; those that are gone are left out. It stops
// early when it has read more than most bytes of data; zero reads them all.
func (s *Store) Payloads(ctx context.Context, tenant int64, ids []hub.ID, most int) ([]*hub.Event, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	var found []*hub.Event
	// A few first, since nobody knows how large they are.
	for n, bytes := 16, 0; len(ids) > 0 && (most == 0 || bytes <= most); n *= 2 {
		n = min(n, len(ids))
		rows, err := s.eventsByID(ctx, tenant, ids[:n])
		if err != nil {
			return nil, err
		}
		for _, e := range plainEvents(rows) {
			found, bytes = append(found, e), bytes+len(e.Data)
		}
		ids = ids[n:]
	}
	return found, nil
}

func (s *Store) eventsByID(ctx context.Context, tenant int64, ids []hub.ID) ([]*eventRow, error) {
	wanted := make(map[hub.ID]bool, len(ids))
	var nos []int64
	for _, id := range ids {
		if !wanted[id] {
			wanted[id] = true
			nos = append(nos, eventNo(id))
		}
	}
	var out []*eventRow
	for len(nos) > 0 {
		n := min(len(nos), 500)
		var a args
		text := eventColumns + ` WHERE tenant_no = ` + a.add(tenant) + ` AND no IN (` + list(&a, nos[:n]) + `)`
		rows, err := collect(ctx, s.db, "events", scanEvent, text, a...)
		if err != nil {
			return nil, err
		}
		for _, e := range rows {
			if wanted[e.ID] {
				out = append(out, e)
			}
		}
		nos = nos[n:]
	}
	return out, nil
}

// EventFilter narrows a list of events. Empty fields do not.
type EventFilter struct {
	Tenant int64
	Types  []string
	Key    string
	Source string
	Since  time.Time // of acceptance
	Until  time.Time
	Query  string // an id, or the beginning of a key or another reference
}

// A list looks at so many of the newest rows at a time, and then gives what it has with a cursor, so that a rare filter
// costs neither minutes nor an error. Older ones are read by spans.
const (
	firstLook   = 500
	longestLook = 4_000
	totalLook   = 12_000
)

// Events lists a tenant's events, with their data. A page may be shorter than asked for and still have a next one.
func (s *Store) Events(ctx context.Context, f EventFilter, p Page) ([]*hub.Event, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	low, high, err := s.eventBounds(ctx, f.Since, f.Until)
	if err != nil {
		return nil, "", err
	}
	if low, high, err = p.bounds(low, high); err != nil {
		return nil, "", err
	}
	if f.Key != "" || f.Query != "" {
		return s.referredEvents(ctx, f, p, low, high)
	}
	top, err := s.summed(ctx)
	if err != nil {
		return nil, "", err
	}
	look := &eventLook{s: s, f: f, p: p, low: low, high: high}
	parts := []func(context.Context, int64) error{look.unsummed, look.inSpans}
	if p.Ascending {
		slices.Reverse(parts)
	}
	for _, part := range parts {
		if err := part(ctx, top); err != nil {
			return nil, "", err
		}
		if look.full() || look.stopped != 0 {
			break
		}
	}
	return look.page()
}

// edge is the number of the row that is n rows into the range; more tells that the range goes on behind it.
func (s *Store) edge(ctx context.Context, p Page, low, high int64, n int) (edge int64, more bool, err error) {
	text := `SELECT no FROM event WHERE no BETWEEN $1 AND $2 ORDER BY no DESC LIMIT 1 OFFSET $3`
	edge = low
	if p.Ascending {
		text = `SELECT no FROM event WHERE no BETWEEN $1 AND $2 ORDER BY no LIMIT 1 OFFSET $3`
		edge = high
	}
	rows, err := often(ctx, s, "events", scanInt, text, low, high, n-1)
	if err != nil || len(rows) == 0 {
		return edge, false, err
	}
	return rows[0], true, nil
}

func scanInt(row rower) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

func (f *EventFilter) where(a *args) string {
	text := ` WHERE tenant_no = ` + a.add(f.Tenant)
	if len(f.Types) > 0 {
		var any []string
		for _, t := range f.Types {
			if prefix, ok := strings.CutSuffix(t, "*"); ok {
				any = append(any, `substr(type, 1, `+a.add(len([]rune(prefix)))+`) = `+a.add(prefix))
			} else {
				any = append(any, `type = `+a.add(t))
			}
		}
		text += ` AND (` + strings.Join(any, ` OR `) + `)`
	}
	if f.Source != "" {
		text += ` AND source = ` + a.add(f.Source)
	}
	if f.Key != "" {
		text += ` AND key = ` + a.add(f.Key)
	}
	if !f.Since.IsZero() {
		text += ` AND received_at >= ` + a.add(millis(f.Since))
	}
	if !f.Until.IsZero() {
		text += ` AND received_at < ` + a.add(millis(f.Until))
	}
	return text
}

func (s *Store) eventsBetween(ctx context.Context, f EventFilter, p Page, from, to int64, limit int) ([]*eventRow, error) {
	var a args
	text := eventColumns + f.where(&a) + ` AND no BETWEEN ` + a.add(from) + ` AND ` + a.add(to) + ` ORDER BY no`
	if !p.Ascending {
		text += ` DESC`
	}
	return collect(ctx, s.db, "events", scanEvent, text+` LIMIT `+a.add(limit), a...)
}

// referredEvents lists those that a key or another reference leads to.
func (s *Store) referredEvents(ctx context.Context, f EventFilter, p Page, low, high int64) ([]*hub.Event, string, error) {
	var ids []hub.ID
	if id, err := hub.ParseID(hub.EventPrefix, f.Query); err == nil {
		ids = []hub.ID{id}
	} else {
		value, whole := f.Query, false
		if f.Key != "" {
			value, whole = f.Key, true
		}
		if ids, err = s.referred(ctx, f.Tenant, value, whole, mostReferred); err != nil {
			return nil, "", err
		}
	}
	var nos []int64
	for _, id := range ids {
		if no := eventNo(id); no >= low && no <= high {
			nos = append(nos, no)
		}
	}
	if len(nos) == 0 {
		return nil, "", nil
	}
	var a args
	text := eventColumns + f.where(&a) + ` AND no IN (` + list(&a, nos) + `) ORDER BY no`
	if !p.Ascending {
		text += ` DESC`
	}
	found, err := collect(ctx, s.db, "events", scanEvent, text+` LIMIT `+a.add(p.limit()+1), a...)
	if err != nil || len(found) <= p.limit() {
		return plainEvents(found), "", err
	}
	found = found[:p.limit()]
	return plainEvents(found), cursor(found[len(found)-1].no), nil
}

// Numbers follow the moment an id was made; it was accepted up to this much later.
const acceptLag = int64(10*time.Second/time.Millisecond) << 12

// eventBounds are the numbers between which the events of a span of time lie; the exact times are for the filter.
func (s *Store) eventBounds(ctx context.Context, since, until time.Time) (low, high int64, err error) {
	low, high = 0, 1<<62
	if !since.IsZero() {
		if low, err = s.eventNoAt(ctx, since); err != nil {
			return 0, 0, err
		}
		low = max(0, low-acceptLag)
	}
	if !until.IsZero() {
		if high, err = s.eventNoAt(ctx, until); err != nil {
			return 0, 0, err
		}
		high = min(high, 1<<62-acceptLag) + acceptLag
	}
	return low, high, nil
}

// eventNoAt finds by halving the number of the first event that was received at a moment or later: the order of
// numbers is that of time, but they are made by another clock than received_at.
func (s *Store) eventNoAt(ctx context.Context, t time.Time) (int64, error) {
	const ends = `SELECT (SELECT min(no) FROM event), (SELECT max(no) FROM event)`
	var first, last sql.NullInt64
	if err := s.db.QueryRowContext(ctx, ends).Scan(&first, &last); err != nil {
		return 0, fmt.Errorf("find events by time: %w", err)
	}
	low, high := first.Int64, last.Int64+1
	const next = `SELECT no, received_at FROM event WHERE no >= $1 ORDER BY no LIMIT 1`
	st, err := s.prepared(ctx, next)
	if err != nil {
		return 0, fmt.Errorf("find events by time: %w", err)
	}
	at := millis(t)
	for low < high {
		middle := low + (high-low)/2
		var no, received int64
		switch err := st.QueryRowContext(ctx, middle).Scan(&no, &received); {
		case errors.Is(err, sql.ErrNoRows): // there is no event at all, or the last have just been deleted
			high = middle
		case err != nil:
			return 0, fmt.Errorf("find events by time: %w", err)
		case received < at:
			low = no + 1
		default:
			high = middle
		}
	}
	return low, nil
}
