package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"hacek/internal/hub"
)

// DeliveryFilter narrows a list of deliveries. Empty fields do not.
type DeliveryFilter struct {
	Tenant  int64
	States  []hub.DeliveryState
	Targets []int64
	Event   hub.ID
	Key     string    // of the event
	Since   time.Time // of acceptance
	Until   time.Time
}

func (f *DeliveryFilter) takes(state hub.DeliveryState) bool {
	return len(f.States) == 0 || slices.Contains(f.States, state)
}

// Deliveries lists a tenant's deliveries, open and done, in order of acceptance. A page may be shorter than asked
// for and still have a next one.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter, p Page) ([]DeliveryRow, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	targets, err := s.targetNos(ctx, f.Tenant)
	if err != nil {
		return nil, "", err
	}
	if len(f.Targets) > 0 {
		targets = slices.DeleteFunc(targets, func(no int64) bool { return !slices.Contains(f.Targets, no) })
	}
	if len(targets) == 0 {
		return nil, "", nil
	}
	low, high, err := s.deliveryBounds(ctx, f.Since, f.Until)
	if err != nil {
		return nil, "", err
	}
	if low, high, err = p.bounds(low, high); err != nil {
		return nil, "", err
	}
	if !f.Event.IsZero() || f.Key != "" {
		return s.deliveriesOfEvents(ctx, f, p, targets, low, high)
	}
	var rows []DeliveryRow
	if f.takes(hub.Pending) {
		if rows, err = s.openBetween(ctx, f, p, low, high); err != nil {
			return nil, "", err
		}
	}
	for _, state := range []hub.DeliveryState{hub.Failed, hub.Cancelled, hub.Superseded, hub.Expired} {
		if !f.takes(state) {
			continue
		}
		some, err := s.otherBetween(ctx, f, p, state, low, high)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, some...)
	}
	stopped := int64(0)
	if f.takes(hub.Delivered) {
		var done []DeliveryRow
		if done, stopped, err = s.deliveredBetween(ctx, f, p, targets, low, high); err != nil {
			return nil, "", err
		}
		rows = append(rows, done...)
	}
	inOrder(rows, p)
	next := ""
	if stopped != 0 {
		// The look at what is done ended here; open ones behind it belong to the next page.
		rows = slices.DeleteFunc(rows, func(d DeliveryRow) bool {
			return p.Ascending && d.Seq > stopped || !p.Ascending && d.Seq < stopped
		})
		next = cursor(stopped)
	}
	if len(rows) > p.limit() {
		rows = rows[:p.limit()]
		next = cursor(rows[len(rows)-1].Seq)
	}
	return rows, next, s.headlines(ctx, f.Tenant, rows)
}

func inOrder(rows []DeliveryRow, p Page) {
	slices.SortFunc(rows, func(a, b DeliveryRow) int {
		if p.Ascending {
			return int(min(1, max(-1, a.Seq-b.Seq)))
		}
		return int(min(1, max(-1, b.Seq-a.Seq)))
	})
}

func (p Page) direction() string {
	if p.Ascending {
		return ` ORDER BY seq`
	}
	return ` ORDER BY seq DESC`
}

// openBetween lists what is owed.
func (s *Store) openBetween(ctx context.Context, f DeliveryFilter, p Page, low, high int64) ([]DeliveryRow, error) {
	var a args
	heads, err := s.heads(ctx, f, p, `SELECT `+p.end()+`(d.seq) FROM delivery d WHERE d.target_no = t.no AND d.seq BETWEEN `+a.add(low)+` AND `+a.add(high), a)
	if err != nil {
		return nil, err
	}
	text := pendingColumns + ` WHERE target_no = $1 AND seq BETWEEN $2 AND $3` + p.direction() + ` LIMIT $4`
	return merge(p, heads, low, high, func(target, low, high int64, n int) ([]DeliveryRow, error) {
		return often(ctx, s, "deliveries", scanPending, text, target, low, high, n)
	})
}

// otherBetween lists what ended in a state other than delivered, by the index that only these have.
func (s *Store) otherBetween(ctx context.Context, f DeliveryFilter, p Page, state hub.DeliveryState, low, high int64) ([]DeliveryRow, error) {
	indexed := ``
	if !s.pg { // which takes the primary key unless it is told
		indexed = ` INDEXED BY delivery_done_other`
	}
	var a args
	heads, err := s.heads(ctx, f, p, `SELECT `+p.end()+`(d.seq) FROM delivery_done d`+indexed+` WHERE d.target_no = t.no AND d.state = `+a.add(string(state))+
		` AND d.state <> 'delivered' AND d.seq BETWEEN `+a.add(low)+` AND `+a.add(high), a)
	if err != nil {
		return nil, err
	}
	text := doneColumns + indexed + ` WHERE target_no = $1 AND state = $2 AND state <> 'delivered' AND seq BETWEEN $3 AND $4` + p.direction() + ` LIMIT $5`
	return merge(p, heads, low, high, func(target, low, high int64, n int) ([]DeliveryRow, error) {
		return often(ctx, s, "deliveries", scanDone, text, target, string(state), low, high, n)
	})
}

// mostBlocks bounds how many blocks one list looks into: on SQLite a block is 4,096 rows, on PostgreSQL 16 commits.
func (s *Store) mostBlocks() int {
	if s.pg {
		return 40
	}
	return 8
}

// deliveredBetween reads what was delivered block by block, only those blocks that hold some of the wanted. stopped is
// the number at which it gave up looking, 0 when it saw all it needed.
func (s *Store) deliveredBetween(ctx context.Context, f DeliveryFilter, p Page, targets []int64, low, high int64) (rows []DeliveryRow, stopped int64, err error) {
	bits := s.blockBits()
	for range s.mostBlocks() {
		if low > high || len(rows) > p.limit() {
			return rows, 0, nil
		}
		block, found, err := s.nextBlock(ctx, f, p, low>>bits, high>>bits)
		if err != nil || !found {
			return rows, 0, err
		}
		from, to := max(low, block<<bits), min(high, (block+1)<<bits-1)
		var a args
		text := doneColumns + ` WHERE seq BETWEEN ` + a.add(from) + ` AND ` + a.add(to) +
			` AND target_no IN (` + list(&a, targets) + `) AND state = 'delivered'` + p.direction() + ` LIMIT ` + a.add(p.limit()+1-len(rows))
		some, err := collect(ctx, s.db, "deliveries", scanDone, text, a...)
		if err != nil {
			return nil, 0, err
		}
		rows = append(rows, some...)
		if p.Ascending {
			low, stopped = to+1, to
		} else {
			high, stopped = from-1, from
		}
	}
	return rows, stopped, nil
}

// nextBlock is the first block of the range, in the page's direction, that holds something delivered to the targets.
func (s *Store) nextBlock(ctx context.Context, f DeliveryFilter, p Page, low, high int64) (int64, bool, error) {
	var a args
	text := `
		SELECT ` + p.end() + `((
			SELECT ` + p.end() + `(b.block)
			FROM done_block b
			WHERE b.target_no = t.no AND b.state = 'delivered' AND b.block BETWEEN ` + a.add(low) + ` AND ` + a.add(high) + `))
		FROM target t` + f.ofTargets(&a)
	var block sql.NullInt64
	if err := s.db.QueryRowContext(ctx, text, a...).Scan(&block); err != nil {
		return 0, false, fmt.Errorf("read blocks: %w", err)
	}
	return block.Int64, block.Valid, nil
}

// deliveriesOfEvents lists those of one event, or of the events that bear a key.
func (s *Store) deliveriesOfEvents(ctx context.Context, f DeliveryFilter, p Page, targets []int64, low, high int64) ([]DeliveryRow, string, error) {
	ids := []hub.ID{f.Event}
	if f.Key != "" {
		referred, err := s.referred(ctx, f.Tenant, f.Key, true, mostReferred)
		if err != nil {
			return nil, "", err
		}
		if !f.Event.IsZero() && !slices.Contains(referred, f.Event) {
			return nil, "", nil
		}
		if f.Event.IsZero() {
			ids = referred
		}
	}
	events, err := s.eventsByID(ctx, f.Tenant, ids)
	if err != nil {
		return nil, "", err
	}
	var rows []DeliveryRow
	for _, e := range events {
		if f.Key != "" && e.Key != f.Key {
			continue
		}
		all, err := s.allOf(ctx, e)
		if err != nil {
			return nil, "", err
		}
		for _, d := range all {
			if d.Seq >= low && d.Seq <= high && f.takes(d.State) && slices.Contains(targets, d.Target) {
				rows = append(rows, d)
			}
		}
	}
	inOrder(rows, p)
	if len(rows) <= p.limit() {
		return rows, "", nil
	}
	rows = rows[:p.limit()]
	return rows, cursor(rows[len(rows)-1].Seq), nil
}

// headlines fills in what the events say.
func (s *Store) headlines(ctx context.Context, tenant int64, rows []DeliveryRow) error {
	const columns = `
		SELECT id, type, source, key, received_at
		FROM event`
	type headline struct {
		id                hub.ID
		kind, source, key string
		received          int64
	}
	for part := range slices.Chunk(rows, 500) {
		nos := make([]int64, len(part))
		for i := range part {
			nos[i] = eventNo(part[i].Event)
		}
		var a args
		text := columns + ` WHERE tenant_no = ` + a.add(tenant) + ` AND no IN (` + list(&a, nos) + `)`
		found, err := collect(ctx, s.db, "events", func(row rower) (h headline, err error) {
			err = row.Scan(&h.id, &h.kind, &h.source, &h.key, &h.received)
			return h, err
		}, text, a...)
		if err != nil {
			return err
		}
		byID := make(map[hub.ID]headline, len(found))
		for _, h := range found {
			byID[h.id] = h
		}
		for i := range part {
			h := byID[part[i].Event]
			part[i].Type, part[i].Source, part[i].EventKey, part[i].ReceivedAt = h.kind, h.source, h.key, fromMillis(h.received)
		}
	}
	return nil
}

// deliveryBounds are the numbers given within a span of time.
func (s *Store) deliveryBounds(ctx context.Context, since, until time.Time) (low, high int64, err error) {
	low, high = 0, 1<<62
	if !since.IsZero() {
		if low, err = s.seqAt(ctx, since); err != nil {
			return 0, 0, err
		}
	}
	if !until.IsZero() {
		if high, err = s.seqAt(ctx, until); err != nil {
			return 0, 0, err
		}
		high--
	}
	return low, high, nil
}

// seqAt is the number of the first delivery that was accepted at a moment or later.
func (s *Store) seqAt(ctx context.Context, t time.Time) (int64, error) {
	no, err := s.eventNoAt(ctx, t)
	if err != nil {
		return 0, err
	}
	var seq int64
	const first = `
		SELECT seq
		FROM event
		WHERE no >= $1
		ORDER BY no
		LIMIT 1`
	switch err := s.db.QueryRowContext(ctx, first, no).Scan(&seq); err {
	case nil:
		return seq, nil
	case sql.ErrNoRows:
		return 1 << 62, nil
	default:
		return 0, fmt.Errorf("find deliveries by time: %w", err)
	}
}
