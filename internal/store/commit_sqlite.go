package store

import (
	"context"
	"fmt"
	"strconv"

	"hacek/internal/hub"
)

// sqliteHot writes batches to SQLite: one transaction, prepared single-row statements, one connection.
type sqliteHot struct {
	s *Store
	r *rawDB

	begin, end, undo                                    *rawStmt
	takeOpen, addDone, delay, addAttempt, health        *rawStmt
	addEvent, addDelivery, addRef, addReplay, addBlock  *rawStmt
	addDigest, oneDigest, moveDigest, oneEvent, addIdem *rawStmt
	keepFact, addFilter                                 *rawStmt
	addRequest, keepProgress, dropProgress              *rawStmt

	seq      int64 // the next number
	reserved int64 // the durable mark: a restart begins here, so no number below is given twice
	raised   int64 // the mark that the batch under way writes
	buckets  *buckets
	blocks   *blockMemory

	copier *copier
}

// Numbers are reserved in spans, so that the high-water mark costs one row in so many.
const reserveSpan = 1 << 16

// prepareAll prepares every statement of the hot path.
func (h *sqliteHot) prepareAll() error {
	list := []struct {
		to   **rawStmt
		text string
	}{
		{&h.begin, `BEGIN IMMEDIATE`},
		{&h.end, `COMMIT`},
		{&h.undo, `ROLLBACK`},
		{&h.takeOpen, `DELETE FROM delivery WHERE target_no = $1 AND seq = $2`},
		{&h.addDone, `
			INSERT INTO delivery_done (seq, target_no, event_id, gen, state, reason, at, tries, status, took, settings_version, evidence)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`},
		{&h.delay, `UPDATE delivery SET due_at = $1, tries = $2, plan = $3, asked_until = $4 WHERE target_no = $5 AND seq = $6`},
		{&h.addAttempt, `
			INSERT INTO attempt (seq, n, at, result, evidence)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (seq, n) DO UPDATE SET at = excluded.at, result = excluded.result, evidence = excluded.evidence`},
		{&h.health, `
			UPDATE target
			SET failures = $1, hard = $2, probes = $3, failing_since = $4, backoff_until = $5, tripped = $6, recoveries = $7, recovered_at = $8
			WHERE no = $9`},
		{&h.addEvent, `
			INSERT INTO event (no, id, tenant_no, seq, owed, type, source, caller_id, key, time, received_at, routing_rev,
				parent_id, hops, extra, codec, content_type, payload)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, $17)`},
		{&h.addDelivery, `
			INSERT INTO delivery (target_no, seq, event_id, gen, due_at, tries, key)
			VALUES ($1, $2, $3, $4, $5, 0, $6)`},
		{&h.addReplay, `INSERT INTO redelivery (event_id, target_no, gen, seq) VALUES ($1, $2, $3, $4)`},
		{&h.addRef, `
			INSERT INTO ref (bucket, tenant_no, value, event_id)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`},
		{&h.addBlock, `
			INSERT INTO done_block (target_no, state, block)
			VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`},
		{&h.addDigest, `
			INSERT INTO dedupe (bucket, digest, event_id)
			VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`},
		{&h.oneDigest, `SELECT event_id FROM dedupe WHERE bucket = $1 AND digest = $2`},
		{&h.moveDigest, `UPDATE dedupe SET event_id = $1 WHERE bucket = $2 AND digest = $3`},
		{&h.oneEvent, `
			SELECT type, source, caller_id, key, time, received_at, owed, payload
			FROM event
			WHERE no = $1 AND id = $2 AND tenant_no = $3`},
		{&h.addIdem, keepIdempotency},
		{&h.addRequest, insertRequest},
		{&h.keepProgress, keepProgress},
		{&h.dropProgress, dropProgress},
		{&h.addFilter, `INSERT INTO dedupe_filter (first, last, bits) VALUES ($1, $2, $3) ON CONFLICT (first) DO UPDATE SET last = excluded.last, bits = excluded.bits`},
		{&h.keepFact, `
			INSERT INTO fact (name, value)
			VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`},
	}
	for _, x := range list {
		st, err := h.r.prepare(x.text)
		if err != nil {
			return err
		}
		*x.to = st
	}
	return nil
}

func (h *sqliteHot) commit(_ context.Context, b *batch) error {
	if err := h.begin.run(); err != nil {
		return &commitError{classify(err), err}
	}
	h.raised = 0
	h.blocks.begin()
	h.buckets.mark()
	err := h.rows(b)
	if err == nil {
		err = h.end.run()
	}
	if err != nil {
		if h.r.inTransaction() {
			_ = h.undo.run()
		}
		h.blocks.undo()
		h.buckets.back()
		return &commitError{classify(err), err}
	}
	h.reserved = max(h.reserved, h.raised)
	return nil
}

func (h *sqliteHot) rows(b *batch) error {
	if err := h.outcomes(b, b.outcomes); err != nil {
		return err
	}
	if len(b.accepts) == 0 {
		return nil
	}
	b.fresh = make([]Fresh, 0, len(b.accepts))
	h.buckets.turn()
	for _, a := range b.accepts {
		if err := h.accept(b, a); err != nil {
			return err
		}
	}
	return h.reserve()
}

// reserve raises the durable high-water mark of numbers before one above it can be committed.
func (h *sqliteHot) reserve() error {
	if h.seq <= h.reserved {
		return nil
	}
	h.raised = h.seq + reserveSpan
	h.keepFact.text(1, factNumbers)
	h.keepFact.text(2, strconv.FormatInt(h.raised, 10))
	return h.keepFact.run()
}

func (h *sqliteHot) outcomes(b *batch, outcomes []*Outcome) error {
	var healths map[int64]*Outcome
	for _, o := range outcomes {
		if err := h.outcome(b, o); err != nil {
			return err
		}
		if o.Health != nil {
			if healths == nil {
				healths = map[int64]*Outcome{}
			}
			healths[o.Delivery.Target] = o
		}
	}
	for target, o := range healths {
		st, x := h.health, o.Health
		st.int(1, int64(x.Failures))
		st.int(2, int64(x.Hard))
		st.int(3, int64(x.Probes))
		bindTime(st, 4, millis(x.FailingSince))
		bindTime(st, 5, millis(x.BackoffUntil))
		st.int(6, oneIf(x.Tripped))
		st.int(7, o.Release.Recoveries)
		bindTime(st, 8, millis(o.Release.RecoveredAt))
		st.int(9, target)
		if err := st.run(); err != nil {
			return fmt.Errorf("health of target %d: %w", target, err)
		}
	}
	return nil
}

func bindTime(st *rawStmt, i int, ms int64) {
	if ms == 0 {
		st.null(i)
		return
	}
	st.int(i, ms)
}

func (h *sqliteHot) outcome(b *batch, o *Outcome) error {
	d := &o.Delivery
	if o.Stateful {
		if err := h.progress(o); err != nil {
			return fmt.Errorf("progress of %s: %w", d.ID().Text(), err)
		}
	}
	if o.Next.State == hub.Pending {
		st := h.delay
		st.int(1, millis(o.Next.DueAt))
		st.int(2, int64(o.Next.Tries))
		st.int(3, int64(o.Next.Plan))
		st.int(4, millis(o.Next.AskedUntil))
		st.int(5, d.Target)
		st.int(6, d.Seq)
		if err := st.run(); err != nil {
			return fmt.Errorf("delay %s: %w", d.ID().Text(), err)
		}
		return h.attempt(o)
	}
	st := h.takeOpen
	st.int(1, d.Target)
	st.int(2, d.Seq)
	if err := st.run(); err != nil {
		return fmt.Errorf("finish %s: %w", d.ID().Text(), err)
	}
	if h.r.changes() == 0 {
		// Somebody finished it meanwhile (cancelled it, say). The attempt happened all the same.
		return h.attempt(o)
	}
	if err := h.done(o); err != nil {
		return fmt.Errorf("finish %s: %w", d.ID().Text(), err)
	}
	b.moved.add(d.Target, -1)
	if firstTry(o) {
		return nil
	}
	return h.attempt(o)
}

// progress keeps what the steps have produced while the delivery is open.
func (h *sqliteHot) progress(o *Outcome) error {
	st := h.dropProgress
	if o.Next.State == hub.Pending {
		if o.Progress == nil {
			return nil
		}
		st = h.keepProgress
		st.blob(3, o.Progress)
	}
	st.int(1, o.Delivery.Target)
	st.int(2, o.Delivery.Seq)
	return st.run()
}

// firstTry reports the outcome that nearly all have: its evidence lies in delivery_done and needs no row of its own.
func firstTry(o *Outcome) bool {
	return o.Attempt != nil && o.Next.State == hub.Delivered && o.Next.Tries == 1
}

func (h *sqliteHot) done(o *Outcome) error {
	d, st := &o.Delivery, h.addDone
	st.int(1, d.Seq)
	st.int(2, d.Target)
	st.blob(3, d.Event[:])
	st.int(4, int64(d.Gen))
	st.text(5, string(o.Next.State))
	st.text(6, o.Next.Reason)
	st.int(7, millis(o.At))
	st.int(8, int64(o.Next.Tries))
	var status, took, version int64
	if a := o.Attempt; a != nil {
		status, took, version = int64(a.Status), int64(a.Took), a.SettingsVersion
	}
	st.int(9, status)
	st.int(10, took)
	st.int(11, version)
	if firstTry(o) {
		st.blob(12, o.evidence)
	} else {
		st.null(12)
	}
	if err := st.run(); err != nil {
		return err
	}
	return h.block(d.Target, o.Next.State, d.Seq)
}

func (h *sqliteHot) block(target int64, state hub.DeliveryState, seq int64) error {
	k := blockKey{target, state, seq >> sqliteBlockBits}
	if !h.blocks.note(k) {
		return nil
	}
	st := h.addBlock
	st.int(1, k.target)
	st.text(2, string(k.state))
	st.int(3, k.block)
	return st.run()
}

func (h *sqliteHot) attempt(o *Outcome) error {
	if o.Attempt == nil {
		return nil
	}
	st := h.addAttempt
	st.int(1, o.Delivery.Seq)
	st.int(2, int64(o.Attempt.N))
	st.int(3, millis(o.Attempt.At))
	st.text(4, string(o.Attempt.Result))
	st.blob(5, o.evidence)
	if err := st.run(); err != nil {
		return fmt.Errorf("attempt %d of %s: %w", o.Attempt.N, o.Delivery.ID().Text(), err)
	}
	return nil
}

func (h *sqliteHot) accept(b *batch, a *Accept) error {
	if a.Event != nil {
		if err := h.acceptEvent(b, a); err != nil {
			return err
		}
	}
	if a.Request == nil {
		return nil
	}
	values, err := a.requestRowValues()
	if err != nil {
		return err
	}
	if err := h.addRequest.runWith(values); err != nil {
		return fmt.Errorf("request %s: %w", a.Request.ID.Text(hub.RequestPrefix), err)
	}
	return nil
}

func (h *sqliteHot) acceptEvent(b *batch, a *Accept) error {
	e := a.Event
	a.Result = Accepted{Deliveries: len(a.Owed)}
	if !a.Replay && e.CallerID != "" {
		original, err := h.repeated(a)
		if err != nil {
			return fmt.Errorf("look for a repeat of %q: %w", e.CallerID, err)
		}
		if original != nil {
			a.Result = compare(a, original)
			return nil
		}
	}
	first, known := h.seq, len(b.fresh)
	if !a.Replay {
		if err := h.event(a, first); err != nil {
			return fmt.Errorf("event %s: %w", e.ID.Text(hub.EventPrefix), err)
		}
		if len(a.Owed) == 0 {
			h.seq++ // an event owed to nobody takes a number too, so that numbers tell the order of all
		}
		if err := h.refs(e); err != nil {
			return err
		}
	}
	for i := range a.Owed {
		d, err := h.owe(a, &a.Owed[i])
		if err != nil {
			return fmt.Errorf("delivery of %s to target %d: %w", e.ID.Text(hub.EventPrefix), a.Owed[i].Target, err)
		}
		if d.Seq != 0 {
			b.fresh = append(b.fresh, Fresh{Delivery: d, Event: e})
			b.moved.add(d.Target, 1)
		}
	}
	if len(b.fresh) == known && !a.Replay {
		b.fresh = append(b.fresh, Fresh{Event: e})
	}
	if a.Idempotency != nil {
		st := h.addIdem
		st.blob(1, a.Idempotency.Scope[:])
		st.blob(2, a.Idempotency.Body[:])
		st.int(3, int64(a.Idempotency.Status))
		st.blob(4, a.Idempotency.Answer)
		st.int(5, millis(e.ReceivedAt))
		if err := st.run(); err != nil {
			return err
		}
		if h.r.changes() == 0 {
			return keyTaken()
		}
	}
	return nil
}

func keyTaken() error {
	return hub.Errorf(hub.InFlight, "this Idempotency-Key was used by another request at the same moment")
}

func (h *sqliteHot) event(a *Accept, first int64) error {
	e, st := a.Event, h.addEvent
	st.int(1, eventNo(e.ID))
	st.blob(2, e.ID[:])
	st.int(3, e.Tenant)
	st.int(4, first)
	st.int(5, int64(len(a.Owed)))
	st.text(6, e.Type)
	st.text(7, e.Source)
	st.text(8, e.CallerID)
	st.text(9, e.Key)
	st.int(10, millis(e.Time))
	st.int(11, millis(e.ReceivedAt))
	st.int(12, e.RoutingRev)
	if e.Parent.IsZero() {
		st.null(13)
	} else {
		st.blob(13, e.Parent[:])
	}
	st.int(14, int64(e.Hops))
	if extra := encodeExtra(e); extra == nil {
		st.null(15)
	} else {
		st.text(15, string(extra))
	}
	st.text(16, e.ContentType)
	st.blob(17, e.Data)
	return st.run()
}

func (h *sqliteHot) owe(a *Accept, o *Owed) (hub.Delivery, error) {
	e := a.Event
	d := hub.Delivery{Target: o.Target, Seq: h.seq, Event: e.ID, Gen: a.Gen, DueAt: e.ReceivedAt, Key: o.Key}
	h.seq++
	if a.Replay {
		st := h.addReplay
		st.blob(1, e.ID[:])
		st.int(2, o.Target)
		st.int(3, int64(a.Gen))
		st.int(4, d.Seq)
		if err := st.run(); err != nil {
			return d, err
		}
	}
	if o.Failed != "" {
		next := hub.Next{State: hub.Failed, Reason: o.Failed}
		return hub.Delivery{}, h.done(&Outcome{Delivery: d, Next: next, At: e.ReceivedAt})
	}
	st := h.addDelivery
	st.int(1, d.Target)
	st.int(2, d.Seq)
	st.blob(3, e.ID[:])
	st.int(4, int64(d.Gen))
	st.int(5, millis(d.DueAt))
	st.text(6, d.Key)
	return d, st.run()
}

func (h *sqliteHot) refs(e *hub.Event) error {
	if e.Key != "" {
		if err := h.ref(e, e.Key); err != nil {
			return err
		}
	}
	for _, value := range e.Refs {
		if value == "" || value == e.Key {
			continue
		}
		if err := h.ref(e, value); err != nil {
			return err
		}
	}
	return nil
}

func (h *sqliteHot) ref(e *hub.Event, value string) error {
	st := h.addRef
	st.int(1, h.buckets.current)
	st.int(2, e.Tenant)
	st.text(3, value)
	st.blob(4, e.ID[:])
	if err := st.run(); err != nil {
		return fmt.Errorf("reference %q: %w", value, err)
	}
	h.buckets.refs++
	return nil
}

func (h *sqliteHot) found(context.Context, *batch) ([]*Accept, error) { return nil, nil }
