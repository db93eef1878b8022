package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

const openColumns = `
	SELECT target_no, seq, event_id, gen, due_at, tries, key, coalesce(plan, 0), coalesce(asked_until, 0)
	FROM delivery`

func scanOpen(row rower) (hub.Delivery, error) {
	var d hub.Delivery
	var due, asked int64
	err := row.Scan(&d.Target, &d.Seq, &d.Event, &d.Gen, &due, &d.Tries, &d.Key, &d.Plan, &asked)
	d.DueAt, d.AskedUntil = fromMillis(due), fromMillis(asked)
	return d, err
}

func (s *Store) open(ctx context.Context, what, where string, args ...any) ([]hub.Delivery, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return often(ctx, s, what, scanOpen, openColumns+where, args...)
}

// Fresh lists, in order of acceptance, what a target is owed and needs no due time to go: what nobody has tried yet,
// and what was brought forward since it was planned.
func (s *Store) Fresh(ctx context.Context, target int64, r hub.Release, after int64, limit int) ([]hub.Delivery, error) {
	return s.open(ctx, "fresh deliveries", ` WHERE target_no = $1 AND seq > $2 AND (tries = 0 OR plan < $3) ORDER BY seq LIMIT $4`,
		target, after, int64(r.Now()), limit)
}

// DueRetries lists what is due again, the longest due first, without what was brought forward.
func (s *Store) DueRetries(ctx context.Context, target int64, r hub.Release, now time.Time, limit int) ([]hub.Delivery, error) {
	return s.planned(ctx, target, r, ` AND due_at <= $5`, now, limit)
}

// NextDue is when the next retry after now falls due, as DueRetries sees it; false when none waits.
func (s *Store) NextDue(ctx context.Context, target int64, r hub.Release, now time.Time) (time.Time, bool, error) {
	next, err := s.planned(ctx, target, r, ` AND due_at > $5`, now, 1)
	if err != nil || len(next) == 0 {
		return time.Time{}, false, err
	}
	return next[0].DueAt, true, nil
}

// planned lists retries whose plan still stands, in order of their due times: as many steps down the index as there
// are plans, however much was brought forward or waits for later.
func (s *Store) planned(ctx context.Context, target int64, r hub.Release, due string, at time.Time, limit int) ([]hub.Delivery, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	branch := func(plan string) string {
		return `SELECT * FROM (` + openColumns + ` WHERE target_no = $1 AND plan = ` + plan + ` AND tries > 0` + due + ` ORDER BY due_at, seq LIMIT $6) AS part`
	}
	text := branch(`$2`) + ` UNION ALL ` + branch(`$3`) + ` UNION ALL ` + branch(`$4`) + ` ORDER BY due_at, seq LIMIT $6`
	plans := r.Plans()
	return often(ctx, s, "retries", scanOpen, text, target, int64(plans[0]), int64(plans[1]), int64(plans[2]), millis(at), limit)
}

// Retrying tells whether a target is owed anything that was tried before.
func (s *Store) Retrying(ctx context.Context, target int64) (bool, error) {
	const some = ` WHERE target_no = $1 AND tries > 0 LIMIT 1`
	found, err := s.open(ctx, "retries", some, target)
	return len(found) > 0, err
}

// Lane lists what one lane of a target is owed, in order of acceptance, tried or not.
func (s *Store) Lane(ctx context.Context, target int64, key string, after int64, limit int) ([]hub.Delivery, error) {
	if key == "" {
		return s.open(ctx, "a lane", ` WHERE target_no = $1 AND key = '' AND seq > $2 ORDER BY seq LIMIT $3`, target, after, limit)
	}
	return s.open(ctx, "a lane", ` WHERE target_no = $1 AND key = $2 AND key <> '' AND seq > $3 ORDER BY seq LIMIT $4`, target, key, after, limit)
}

// InOrder lists what a target is owed in order of acceptance, tried or not.
func (s *Store) InOrder(ctx context.Context, target, after int64, limit int) ([]hub.Delivery, error) {
	return s.open(ctx, "deliveries in order", ` WHERE target_no = $1 AND seq > $2 ORDER BY seq LIMIT $3`, target, after, limit)
}

// Waits says why a delivery is still owed: what its last try came to, or which other one of its target has to go first, by
// the order that the target keeps now; "" when it is about to be tried.
func (s *Store) Waits(ctx context.Context, d *hub.Delivery, order hub.Order) (reason string, err error) {
	var first []hub.Delivery
	switch {
	case d.Tries > 0:
		return s.lastError(ctx, d)
	case order.By == hub.OrderAll:
		first, err = s.InOrder(ctx, d.Target, 0, 1)
	case order.By == hub.OrderKey && d.Key != "":
		first, err = s.Lane(ctx, d.Target, d.Key, 0, 1)
	}
	if err != nil || len(first) == 0 || first[0].Seq >= d.Seq {
		return "", err
	}
	return order.WaitsFor(first[0].ID()), nil
}

// lastError is what the newest try of a delivery came to.
func (s *Store) lastError(ctx context.Context, d *hub.Delivery) (string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const newest = `
		SELECT evidence
		FROM attempt
		WHERE seq = $1
		ORDER BY n DESC
		LIMIT 1`
	var evidence []byte
	err := s.db.QueryRowContext(ctx, newest, d.Seq).Scan(&evidence)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the last try of %s: %w", d.ID().Text(), err)
	}
	last, _, err := readAttempt(evidence)
	if err != nil {
		return "", fmt.Errorf("the last try of %s: %w", d.ID().Text(), err)
	}
	return last.Error, nil
}

// Probe is the oldest delivery a target is owed; false when none.
func (s *Store) Probe(ctx context.Context, target int64) (hub.Delivery, bool, error) {
	oldest, err := s.InOrder(ctx, target, 0, 1)
	if err != nil || len(oldest) == 0 {
		return hub.Delivery{}, false, err
	}
	return oldest[0], true, nil
}

// LastSeq is the highest number given so far, as far as its row is still there.
func (s *Store) LastSeq(ctx context.Context) (int64, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	// The newest numbers are open ones of some target, or done ones; each target's highest is one step down its tree.
	const highest = `
		SELECT max(seq)
		FROM (
			SELECT (SELECT max(d.seq) FROM delivery d WHERE d.target_no = t.no) AS seq FROM target t
			UNION ALL
			SELECT max(seq) FROM delivery_done
		) AS both_kinds`
	var seq sql.NullInt64
	if err := s.db.QueryRowContext(ctx, highest).Scan(&seq); err != nil {
		return 0, fmt.Errorf("read the newest delivery: %w", err)
	}
	return seq.Int64, nil
}

// DeliveryRow is a delivery as people see it, open or done, with its event's headline.
type DeliveryRow struct {
	hub.Delivery
	State           hub.DeliveryState
	Reason          string
	At              time.Time // when it was finished; zero while open
	Status          int       // of the last answer, when done
	Took            time.Duration
	SettingsVersion int64

	Type, Source, EventKey string
	ReceivedAt             time.Time

	evidence []byte
}

const doneColumns = `
	SELECT seq, target_no, event_id, gen, state, reason, at, tries, status, took, settings_version, evidence
	FROM delivery_done`

func scanDone(row rower) (DeliveryRow, error) {
	var d DeliveryRow
	var at, took int64
	err := row.Scan(&d.Seq, &d.Target, &d.Event, &d.Gen, &d.State, &d.Reason, &at, &d.Tries, &d.Status, &took, &d.SettingsVersion, &d.evidence)
	d.At, d.Took = fromMillis(at), time.Duration(took)
	return d, err
}

// pendingColumns is openColumns with what decides when the next try may go.
const pendingColumns = `
	SELECT target_no, seq, event_id, gen, due_at, tries, key, coalesce(plan, 0), coalesce(asked_until, 0),
		resumes, resumed_at, recoveries, recovered_at
	FROM delivery
	JOIN target ON no = target_no`

// scanPending reads an open delivery as people see it: due when it may go, not when it was planned for.
func scanPending(row rower) (DeliveryRow, error) {
	d := DeliveryRow{State: hub.Pending}
	var r hub.Release
	var due, asked int64
	var resumed, recovered sql.NullInt64
	err := row.Scan(&d.Target, &d.Seq, &d.Event, &d.Gen, &due, &d.Tries, &d.Key, &d.Plan, &asked, &r.Resumes, &resumed, &r.Recoveries, &recovered)
	d.DueAt, d.AskedUntil = fromMillis(due), fromMillis(asked)
	r.ResumedAt, r.RecoveredAt = fromMillis(resumed.Int64), fromMillis(recovered.Int64)
	d.DueAt = r.Due(d.Delivery)
	return d, err
}

func (r *DeliveryRow) headline(e *eventRow) {
	r.Type, r.Source, r.EventKey, r.ReceivedAt = e.Type, e.Source, e.Key, e.ReceivedAt
}

func noDelivery(id hub.DeliveryID) error {
	return hub.Errorf(hub.NotFound, "no delivery %s", id.Text())
}

// Delivery finds one of a tenant's deliveries, open or done.
func (s *Store) Delivery(ctx context.Context, tenant int64, id hub.DeliveryID) (DeliveryRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	d, _, err := s.delivery(ctx, s.db, tenant, id)
	return d, err
}

func (s *Store) delivery(ctx context.Context, db querier, tenant int64, id hub.DeliveryID) (DeliveryRow, *eventRow, error) {
	e, err := s.event(ctx, db, tenant, id.Event)
	if hub.CodeOf(err) == hub.NotFound {
		return DeliveryRow{}, nil, noDelivery(id)
	}
	if err != nil {
		return DeliveryRow{}, nil, err
	}
	d, err := s.deliveryOf(ctx, db, e, id)
	if errors.Is(err, sql.ErrNoRows) {
		return DeliveryRow{}, nil, noDelivery(id)
	}
	if err != nil {
		return DeliveryRow{}, nil, fmt.Errorf("read delivery %s: %w", id.Text(), err)
	}
	d.headline(e)
	return d, e, nil
}

// deliveryOf finds one delivery of an event: by the number a replay gave it, or among the event's own numbers.
func (s *Store) deliveryOf(ctx context.Context, db querier, e *eventRow, id hub.DeliveryID) (DeliveryRow, error) {
	low, high := e.seq, e.seq+e.owed-1
	const later = `
		SELECT seq
		FROM redelivery
		WHERE event_id = $1 AND target_no = $2 AND gen = $3`
	var seq int64
	err := db.QueryRowContext(ctx, later, id.Event[:], id.Target, id.Gen).Scan(&seq)
	switch {
	case err == nil:
		low, high = seq, seq
	case !errors.Is(err, sql.ErrNoRows):
		return DeliveryRow{}, err
	}
	const same = ` WHERE target_no = $1 AND seq BETWEEN $2 AND $3 AND event_id = $4 AND gen = $5`
	d, err := scanPending(db.QueryRowContext(ctx, pendingColumns+same, id.Target, low, high, id.Event[:], id.Gen))
	if errors.Is(err, sql.ErrNoRows) {
		return scanDone(db.QueryRowContext(ctx, doneColumns+same, id.Target, low, high, id.Event[:], id.Gen))
	}
	return d, err
}

// newestGen is the generation of the newest delivery of an event to a target.
func (s *Store) newestGen(ctx context.Context, event hub.ID, target int64) (int, bool, error) {
	var gen sql.NullInt64
	const later = `
		SELECT max(gen)
		FROM redelivery
		WHERE event_id = $1 AND target_no = $2`
	if err := s.db.QueryRowContext(ctx, later, event[:], target).Scan(&gen); err != nil {
		return 0, false, fmt.Errorf("read generations: %w", err)
	}
	if gen.Valid {
		return int(gen.Int64), true, nil
	}
	const first = `
		SELECT count(*)
		FROM event e
		WHERE e.no = $1 AND e.id = $2 AND (
			EXISTS (SELECT 1 FROM delivery d WHERE d.target_no = $3 AND d.seq BETWEEN e.seq AND e.seq + e.owed - 1)
			OR EXISTS (SELECT 1 FROM delivery_done d WHERE d.seq BETWEEN e.seq AND e.seq + e.owed - 1 AND d.target_no = $3))`
	var n int
	if err := s.db.QueryRowContext(ctx, first, eventNo(event), event[:], target).Scan(&n); err != nil {
		return 0, false, fmt.Errorf("read generations: %w", err)
	}
	return 0, n > 0, nil
}

// NextGen is the generation that the next delivery of an event to a target bears.
func (s *Store) NextGen(ctx context.Context, event hub.ID, target int64) (int, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	gen, found, err := s.newestGen(ctx, event, target)
	if err != nil || !found {
		return 0, err
	}
	return gen + 1, nil
}

// NewestDelivery is the newest delivery of an event to a target; false when there is none.
func (s *Store) NewestDelivery(ctx context.Context, event hub.ID, target int64) (DeliveryRow, bool, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	gen, found, err := s.newestGen(ctx, event, target)
	if err != nil || !found {
		return DeliveryRow{}, false, err
	}
	e, err := scanEvent(s.db.QueryRowContext(ctx, eventColumns+` WHERE no = $1 AND id = $2`, eventNo(event), event[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return DeliveryRow{}, false, nil
	}
	if err != nil {
		return DeliveryRow{}, false, fmt.Errorf("read event %s: %w", event.Text(hub.EventPrefix), err)
	}
	d, err := s.deliveryOf(ctx, s.db, e, hub.DeliveryID{Event: event, Target: target, Gen: gen})
	if errors.Is(err, sql.ErrNoRows) {
		return DeliveryRow{}, false, nil
	}
	if err != nil {
		return DeliveryRow{}, false, fmt.Errorf("read a delivery of event %s: %w", event.Text(hub.EventPrefix), err)
	}
	d.headline(e)
	return d, true, nil
}

// DeliveriesOf lists an event's deliveries, the newest for each target.
func (s *Store) DeliveriesOf(ctx context.Context, tenant int64, event hub.ID) ([]DeliveryRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	e, err := s.event(ctx, s.db, tenant, event)
	if err != nil {
		return nil, err
	}
	all, err := s.allOf(ctx, e)
	if err != nil {
		return nil, err
	}
	newest := map[int64]int{}
	var out []DeliveryRow
	for _, d := range all {
		i, seen := newest[d.Target]
		switch {
		case !seen:
			newest[d.Target] = len(out)
			out = append(out, d)
		case d.Gen > out[i].Gen:
			out[i] = d
		}
	}
	return out, nil
}

// allOf lists all deliveries of an event, replays too, in order of their numbers.
func (s *Store) allOf(ctx context.Context, e *eventRow) ([]DeliveryRow, error) {
	targets, err := s.targetNos(ctx, e.Tenant)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	var a args
	own := ` WHERE target_no IN (` + list(&a, targets) + `) AND seq BETWEEN ` + a.add(e.seq) + ` AND ` + a.add(e.seq+e.owed-1) +
		` AND event_id = ` + a.add(e.ID[:]) + ` ORDER BY seq`
	out, err := collect(ctx, s.db, "deliveries", scanPending, pendingColumns+own, a...)
	if err != nil {
		return nil, err
	}
	done, err := collect(ctx, s.db, "deliveries", scanDone, doneColumns+own, a...)
	if err != nil {
		return nil, err
	}
	out = append(out, done...)
	const later = `
		SELECT target_no, gen
		FROM redelivery
		WHERE event_id = $1
		ORDER BY gen, target_no`
	replays, err := collect(ctx, s.db, "replays of an event", func(row rower) (id hub.DeliveryID, err error) {
		id.Event = e.ID
		err = row.Scan(&id.Target, &id.Gen)
		return id, err
	}, later, e.ID[:])
	if err != nil {
		return nil, err
	}
	for _, id := range replays {
		d, err := s.deliveryOf(ctx, s.db, e, id)
		if err != nil {
			return nil, fmt.Errorf("read delivery %s: %w", id.Text(), err)
		}
		out = append(out, d)
	}
	for i := range out {
		out[i].headline(e)
	}
	return out, nil
}

// targetNos are the numbers of a tenant's targets, deleted ones too.
func (s *Store) targetNos(ctx context.Context, tenant int64) ([]int64, error) {
	return often(ctx, s, "targets", scanInt, `SELECT no FROM target WHERE tenant_no = $1 ORDER BY no`, tenant)
}

// Attempts lists a delivery's tries with their evidence, oldest first.
func (s *Store) Attempts(ctx context.Context, tenant int64, id hub.DeliveryID) ([]hub.Attempt, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	d, e, err := s.delivery(ctx, s.db, tenant, id)
	if err != nil {
		return nil, err
	}
	return s.attemptsOf(ctx, &d, e.Data)
}

// AttemptsOf is Attempts for somebody who has the delivery and its event's data.
func (s *Store) AttemptsOf(ctx context.Context, d *DeliveryRow, data []byte) ([]hub.Attempt, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return s.attemptsOf(ctx, d, data)
}

func (s *Store) attemptsOf(ctx context.Context, d *DeliveryRow, data []byte) ([]hub.Attempt, error) {
	const tries = `
		SELECT evidence
		FROM attempt
		WHERE seq = $1
		ORDER BY n`
	rows, err := collect(ctx, s.db, "attempts", func(row rower) (evidence []byte, err error) {
		err = row.Scan(&evidence)
		return evidence, err
	}, tries, d.Seq)
	if err != nil {
		return nil, err
	}
	if len(d.evidence) > 0 {
		rows = append(rows, d.evidence)
	}
	var out []hub.Attempt
	for _, evidence := range rows {
		a, err := DecodeAttempt(evidence, data)
		if err != nil {
			return nil, fmt.Errorf("delivery %s: %w", d.ID().Text(), err)
		}
		// The evidence of a success at the first try replaces that of a try we broke off ourselves.
		if n := len(out); n > 0 && out[n-1].N == a.N {
			out[n-1] = a
			continue
		}
		out = append(out, a)
	}
	return out, nil
}
