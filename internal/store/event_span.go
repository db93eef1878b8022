package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"hacek/internal/hub"
)

// A span is a run of event numbers, and event_kind says what lies in it. Spans are written behind the work, by whoever
// runs the store, for events that are older than the longest way from an id to its commit.
const (
	spanEvents  = 512
	spansAtOnce = 16
	spanLag     = 30 * time.Second
	spanEvery   = 5 * time.Second
	spanPause   = 50 * time.Millisecond // between two chunks, so that a large database does not keep a processor
)

// Kinds of events, as event_kind names them.
const (
	kindAny    = ""
	kindType   = "t"
	kindSource = "s"
)

type eventSpan struct{ first, last int64 }

func scanEventSpan(row rower) (x eventSpan, err error) {
	err = row.Scan(&x.first, &x.last)
	return x, err
}

// sums is how far spans go, and what came behind that. An event of a later commit than its id, or of a clock that was set
// back, bears a number that is summed up already: its spans are taken back, and it is summed up with the others again.
type sums struct {
	mark  atomic.Int64 // no span ends behind it
	taken atomic.Int64 // how often spans were taken back
}

func (s *Store) openSums(ctx context.Context) error {
	top, err := s.summed(ctx)
	s.sums.mark.Store(top)
	return err
}

// summing sums up events until ctx ends.
func (s *Store) summing(ctx context.Context) {
	beside(ctx, spanPause, spanEvery, func() bool {
		more, err := s.SumEvents(ctx, s.now().Add(-spanLag))
		if err != nil && ctx.Err() == nil {
			s.log.Warn("what spans of events hold was not written, so narrowed lists take longer", "err", err)
		}
		return more && err == nil
	})
}

// unsum takes back the spans that an event of a batch comes too late for. The committer calls it before the batch.
func (s *Store) unsum(ctx context.Context, b *batch) error {
	mark := s.sums.mark.Load()
	first := mark + 1
	for _, a := range b.accepts {
		if a.Event != nil && !a.Replay {
			first = min(first, eventNo(a.Event.ID))
		}
	}
	if first > mark {
		return nil
	}
	err := s.write(ctx, func(tx *Tx) error {
		for _, drop := range []string{`DELETE FROM event_kind WHERE last >= $1`, `DELETE FROM event_span WHERE last >= $1`} {
			if _, err := tx.ExecContext(ctx, drop, first); err != nil {
				return fmt.Errorf("take back spans of events: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		s.sums.mark.Store(first - 1)
		s.sums.taken.Add(1)
	}
	return err
}

// SumEvents writes what the next spans of events from before a moment hold, and tells whether there may be more.
func (s *Store) SumEvents(ctx context.Context, before time.Time) (more bool, err error) {
	read, cancel := s.read(ctx)
	defer cancel()
	taken := s.sums.taken.Load()
	top, err := s.summed(read)
	if err != nil {
		return false, err
	}
	end := before.UnixMilli() << 12
	s.sums.mark.Store(max(top, end)) // before it reads: what is committed from here on with a lower number takes back
	type kindRow struct {
		no, tenant, at int64
		kind, source   string
	}
	const next = `
		SELECT no, tenant_no, received_at, type, source
		FROM event
		WHERE no > $1 AND no < $2
		ORDER BY no
		LIMIT $3`
	rows, err := often(read, s, "events", func(row rower) (k kindRow, err error) {
		err = row.Scan(&k.no, &k.tenant, &k.at, &k.kind, &k.source)
		return k, err
	}, next, top, end, spansAtOnce*spanEvents+1)
	if err != nil {
		return false, err
	}
	type kindOf struct {
		tenant int64
		kind   string
	}
	type moments struct{ earliest, latest int64 }
	var spans []eventSpan
	var received []moments
	var kinds []map[kindOf]bool
	for len(rows) > spanEvents {
		end := spanEvents
		for end > 0 && rows[end-1].no == rows[end].no { // of two nodes in the same moment
			end--
		}
		if end == 0 {
			return false, fmt.Errorf("more than %d events bear the number %d", spanEvents, rows[0].no)
		}
		holds, at := map[kindOf]bool{}, moments{rows[0].at, rows[0].at}
		for _, k := range rows[:end] {
			at.earliest, at.latest = min(at.earliest, k.at), max(at.latest, k.at)
			holds[kindOf{k.tenant, kindAny}] = true
			holds[kindOf{k.tenant, kindType + k.kind}] = true
			holds[kindOf{k.tenant, kindSource + k.source}] = true
		}
		spans, kinds = append(spans, eventSpan{rows[0].no, rows[end-1].no}), append(kinds, holds)
		received, rows = append(received, at), rows[end:]
	}
	if len(spans) == 0 {
		return false, s.tidySpans(ctx)
	}
	const addSpan = `
		INSERT INTO event_span (last, first, earliest, latest)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (last) DO NOTHING`
	const addKind = `
		INSERT INTO event_kind (tenant_no, kind, last, first)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_no, kind, last) DO NOTHING`
	err = s.Write(ctx, func(tx *Tx) error {
		if s.sums.taken.Load() != taken {
			return nil
		}
		for i, x := range spans {
			if _, err := tx.ExecContext(ctx, addSpan, x.last, x.first, received[i].earliest, received[i].latest); err != nil {
				return fmt.Errorf("sum up events: %w", err)
			}
			for k := range kinds[i] {
				if _, err := tx.ExecContext(ctx, addKind, k.tenant, k.kind, x.last, x.first); err != nil {
					return fmt.Errorf("sum up events: %w", err)
				}
			}
		}
		return nil
	})
	return err == nil && len(spans) >= spansAtOnce-1, err
}

// summed is the number up to which spans are known.
func (s *Store) summed(ctx context.Context) (int64, error) {
	var top sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT max(last) FROM event_span`).Scan(&top); err != nil {
		return 0, fmt.Errorf("read the newest span: %w", err)
	}
	return top.Int64, nil
}

// tidySpans forgets some of the spans whose events are all gone.
func (s *Store) tidySpans(ctx context.Context) error {
	const gone = `
		SELECT max(last)
		FROM (SELECT last FROM event_span WHERE last < (SELECT min(no) FROM event) ORDER BY last LIMIT 64) AS oldest`
	var last sql.NullInt64
	if err := s.db.QueryRowContext(ctx, gone).Scan(&last); err != nil {
		return fmt.Errorf("find old spans: %w", err)
	}
	if !last.Valid {
		return nil
	}
	return s.Write(ctx, func(tx *Tx) error {
		for _, drop := range []string{`DELETE FROM event_kind WHERE last <= $1`, `DELETE FROM event_span WHERE last <= $1`} {
			if _, err := tx.ExecContext(ctx, drop, last.Int64); err != nil {
				return fmt.Errorf("delete old spans: %w", err)
			}
		}
		return nil
	})
}

// mostKinds bounds how many types a pattern is looked up as; one that means more reads all spans of the tenant.
const mostKinds = 40

// kinds are the kinds of which a span must hold one to hold something of the wanted.
func (s *Store) kinds(ctx context.Context, f EventFilter) ([]string, error) {
	if len(f.Types) == 0 {
		if f.Source != "" {
			return []string{kindSource + f.Source}, nil
		}
		return []string{kindAny}, nil
	}
	// Types are found by jumping from one to the next.
	const begins = `
		WITH RECURSIVE k(kind) AS (
			SELECT (SELECT min(kind) FROM event_kind WHERE tenant_no = $1 AND kind >= $2 AND kind < $3)
			UNION ALL
			SELECT (SELECT min(e.kind) FROM event_kind e WHERE e.tenant_no = $1 AND e.kind > k.kind AND e.kind < $3)
			FROM k
			WHERE k.kind IS NOT NULL
		)
		SELECT kind
		FROM k
		WHERE kind IS NOT NULL
		LIMIT $4`
	var all []string
	for _, t := range f.Types {
		prefix, pattern := strings.CutSuffix(t, "*")
		if !pattern {
			all = append(all, kindType+t)
			continue
		}
		some, err := often(ctx, s, "event types", scanText, begins, f.Tenant, kindType+prefix, behind(kindType+prefix), mostKinds+1)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > mostKinds {
		return []string{kindAny}, nil
	}
	return all, nil
}

func scanText(row rower) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

// nextSpans are at most n spans of the range, in the page's order, that hold something of the kinds and of the time.
func (s *Store) nextSpans(ctx context.Context, f EventFilter, kinds []string, p Page, low, high int64, n int) ([]eventSpan, error) {
	// The span that the range ends in counts too.
	end := high
	var last sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT min(last) FROM event_span WHERE last >= $1`, high).Scan(&last); err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	if last.Valid {
		end = last.Int64
	}
	var all []eventSpan
	for _, kind := range kinds {
		text, values := spansOf(f, kind, p, low, end, n)
		some, err := often(ctx, s, "spans", scanEventSpan, text, values...)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b eventSpan) int {
		if p.Ascending {
			return cmp.Compare(a.last, b.last)
		}
		return cmp.Compare(b.last, a.last)
	})
	all = slices.Compact(all)
	return all[:min(n, len(all))], nil
}

// spansOf asks for at most n spans that hold something of a kind, and what else the filter can tell of a span.
func spansOf(f EventFilter, kind string, p Page, low, high int64, n int) (text string, a args) {
	text = `
		SELECT k.first, k.last
		FROM event_kind k
		WHERE k.tenant_no = ` + a.add(f.Tenant) + ` AND k.kind = ` + a.add(kind) + ` AND k.last BETWEEN ` + a.add(low) + ` AND ` + a.add(high)
	if source := kindSource + f.Source; f.Source != "" && kind != source {
		text += ` AND EXISTS (SELECT 1 FROM event_kind y WHERE y.tenant_no = k.tenant_no AND y.kind = ` + a.add(source) + ` AND y.last = k.last)`
	}
	if !f.Since.IsZero() || !f.Until.IsZero() {
		until := int64(1 << 62)
		if !f.Until.IsZero() {
			until = millis(f.Until)
		}
		text += ` AND EXISTS (SELECT 1 FROM event_span x WHERE x.last = k.last AND x.latest >= ` + a.add(millis(f.Since)) + ` AND x.earliest < ` + a.add(until) + `)`
	}
	text += ` ORDER BY k.last`
	if !p.Ascending {
		text += ` DESC`
	}
	return text + ` LIMIT ` + a.add(n), a
}

// eventLook collects one page of events.
type eventLook struct {
	s         *Store
	f         EventFilter
	p         Page
	low, high int64
	found     []*eventRow
	stopped   int64 // the number at which it gave up looking; 0 when it saw all it needed
}

func (l *eventLook) full() bool { return len(l.found) > l.p.limit() }

// between adds what lies in a range.
func (l *eventLook) between(ctx context.Context, from, to int64) error {
	rows, err := l.s.eventsBetween(ctx, l.f, l.p, max(l.low, from), min(l.high, to), l.p.limit()+1-len(l.found))
	l.found = append(l.found, rows...)
	return err
}

// mostSpans bounds how many spans one page looks into.
const mostSpans = 24

// inSpans adds what lies in spans, up to the newest.
func (l *eventLook) inSpans(ctx context.Context, top int64) error {
	low, high := l.low, min(l.high, top)
	if low > high {
		return nil
	}
	kinds, err := l.s.kinds(ctx, l.f)
	if err != nil {
		return err
	}
	for looked := 0; low <= high; {
		if looked >= mostSpans {
			l.stopped = high + 1
			if l.p.Ascending {
				l.stopped = low - 1
			}
			return nil
		}
		const n = mostSpans / 3
		spans, err := l.s.nextSpans(ctx, l.f, kinds, l.p, low, high, n)
		if err != nil {
			return err
		}
		for _, x := range spans {
			if err := l.between(ctx, x.first, x.last); err != nil || l.full() {
				return err
			}
			low, high = nextRange(l.p, low, high, x)
		}
		if len(spans) < n {
			return nil
		}
		looked += len(spans)
	}
	return nil
}

// nextRange is what is left of a range behind a span.
func nextRange(p Page, low, high int64, x eventSpan) (int64, int64) {
	if p.Ascending {
		return x.last + 1, high
	}
	return low, x.first - 1
}

// unsummed adds what is newer than all spans, so many rows at a time.
func (l *eventLook) unsummed(ctx context.Context, top int64) error {
	low, high := max(l.low, top+1), l.high
	for looked, look := 0, firstLook; low <= high; {
		edge, more, err := l.s.edge(ctx, l.p, low, high, look)
		if err != nil {
			return err
		}
		x := eventSpan{edge, high}
		if l.p.Ascending {
			x = eventSpan{low, edge}
		}
		if err := l.between(ctx, x.first, x.last); err != nil || l.full() || !more {
			return err
		}
		if looked += look; looked >= totalLook {
			l.stopped = edge
			return nil
		}
		low, high = nextRange(l.p, low, high, x)
		look = longestLook
	}
	return nil
}

// page is what was found, with the cursor of the next one.
func (l *eventLook) page() ([]*hub.Event, string, error) {
	switch {
	case l.full():
		l.found = l.found[:l.p.limit()]
		return plainEvents(l.found), cursor(l.found[len(l.found)-1].no), nil
	case l.stopped != 0:
		return plainEvents(l.found), cursor(l.stopped), nil
	}
	return plainEvents(l.found), "", nil
}
