package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"hacek/internal/hub"
)

// postgresHot writes batches to PostgreSQL: a connection of its own, two round trips a commit, each statement for
// all rows at once.
type postgresHot struct {
	s      *Store
	conn   *pgx.Conn
	blocks *blockMemory
}

// A commit takes one number of the sequence, times 2^20: its rows are numbered within.
const commitBits = 20

// hotTimeout ends a commit on a server that has fallen silent.
const hotTimeout = 20 * time.Second

func (h *postgresHot) between() error { return nil }

func (h *postgresHot) close() error {
	if h.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	return h.conn.Close(ctx)
}

func (h *postgresHot) connect(ctx context.Context) error {
	if h.conn != nil && !h.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, h.s.config)
	if err != nil {
		return &commitError{away, fmt.Errorf("connect to the database: %w", err)}
	}
	if _, err := conn.Exec(ctx, pgByKey); err != nil {
		_ = conn.Close(ctx)
		return &commitError{away, fmt.Errorf("connect to the database: %w", err)}
	}
	h.conn = conn
	return nil
}

// pgByKey has every statement of a commit look its rows up by their keys. A plan that was made while a table was small
// would read all of it for each commit when it is large: at 5,000 deliveries a second that was a third of the server's time.
const pgByKey = `
	SET enable_seqscan = off;
	SET enable_hashjoin = off;
	SET enable_mergejoin = off;
	SET plan_cache_mode = force_generic_plan;
	SET jit = off`

// pgCommit is one batch on its way.
type pgCommit struct {
	h     *postgresHot
	b     *batch
	now   time.Time
	open  map[int64]bool // numbers whose open row this commit took
	seq   int64
	ids   callerIDs
	kept  []*Accept // not repeats
	stage string    // for the error
}

func (h *postgresHot) commit(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, hotTimeout)
	defer cancel()
	if err := h.connect(ctx); err != nil {
		return err
	}
	h.blocks.begin()
	c := &pgCommit{h: h, b: b, now: h.s.now(), open: map[int64]bool{}}
	committing := false
	err := c.first(ctx)
	if err == nil {
		err = c.settleRepeats(ctx)
	}
	if err == nil {
		committing = true
		err = c.second(ctx)
	}
	if err == nil {
		return nil
	}
	h.blocks.undo()
	b.fresh = nil
	return h.failed(fmt.Errorf("%s: %w", c.stage, err), committing)
}

// failed leaves the connection clean, or leaves it, and says what the failure means. It does so even when the caller
// has given up.
//
//nolint:contextcheck // see above
func (h *postgresHot) failed(err error, committing bool) error {
	var known *commitError
	var pg *pgconn.PgError
	answered := errors.As(err, &known) || errors.As(err, &pg)
	if answered || !h.conn.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
		defer cancel()
		if _, undo := h.conn.Exec(ctx, `ROLLBACK`); undo != nil {
			_ = h.conn.Close(ctx)
		}
	}
	if answered {
		kind := classify(err)
		if kind == away && committing {
			kind = unknown // "terminating connection" may come after the commit itself
		}
		return &commitError{kind, err}
	}
	if _, local := errors.AsType[*pgx.ScanArgError](err); local || !h.conn.IsClosed() {
		return &commitError{guilty, err} // an argument that cannot be written; nothing was sent
	}
	if committing {
		return &commitError{unknown, err}
	}
	return &commitError{away, err}
}

const (
	pgFence = `
		SELECT nextval('delivery_block')
		FROM node
		WHERE id = $1 AND epoch = $2
		FOR SHARE`
	pgTakeOpen = `
		DELETE FROM delivery d
		USING unnest($1::bigint[], $2::bigint[]) AS x(target_no, seq)
		WHERE d.target_no = x.target_no AND d.seq = x.seq
		RETURNING d.seq`
)

// first takes what is finished out of delivery, a number for this commit, and the callers' ids.
func (c *pgCommit) first(ctx context.Context) error {
	var batch pgx.Batch
	batch.Queue(`BEGIN`)
	batch.Queue(`SET LOCAL synchronous_commit = on`)
	batch.Queue(pgFence, c.h.s.node.id, c.h.s.node.epoch)
	var targets, seqs []int64
	for _, o := range c.b.outcomes {
		if o.Next.State != hub.Pending {
			targets, seqs = append(targets, o.Delivery.Target), append(seqs, o.Delivery.Seq)
		}
	}
	if len(seqs) > 0 {
		batch.Queue(pgTakeOpen, targets, seqs)
	}
	c.ids.gather(c.b.accepts, c.now, c.h.s.opt.DedupeWindow)
	if len(c.ids.digests) > 0 {
		batch.Queue(pgAddDigests, c.ids.buckets, c.ids.digests, c.ids.events, c.ids.older)
	}
	c.stage = "begin"
	r := c.h.conn.SendBatch(ctx, &batch)
	err := c.readFirst(r, len(seqs) > 0)
	return cmp.Or(err, r.Close())
}

func (c *pgCommit) readFirst(r pgx.BatchResults, finished bool) error {
	for range 2 {
		if _, err := r.Exec(); err != nil {
			return err
		}
	}
	var number int64
	if err := r.QueryRow().Scan(&number); errors.Is(err, pgx.ErrNoRows) {
		return &commitError{fatal, errFenced}
	} else if err != nil {
		return err
	}
	c.seq = number << commitBits
	if finished {
		c.stage = "finish deliveries"
		rows, err := r.Query()
		if err != nil {
			return err
		}
		taken, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for _, seq := range taken {
			c.open[seq] = true
		}
	}
	if len(c.ids.digests) == 0 {
		return nil
	}
	c.stage = "keep event ids"
	rows, err := r.Query()
	if err != nil {
		return err
	}
	return c.ids.readNew(rows)
}

// second writes everything else and commits.
func (c *pgCommit) second(ctx context.Context) error {
	var batch pgx.Batch
	c.queueOutcomes(&batch)
	c.queueAccepts(&batch)
	if err := c.queueRequests(&batch); err != nil {
		return err
	}
	for k := range slices.Values(c.h.blocks.fresh) {
		batch.Queue(pgAddBlock, k.target, string(k.state), k.block)
	}
	batch.Queue(`COMMIT`)
	c.stage = "commit"
	r := c.h.conn.SendBatch(ctx, &batch)
	for range batch.Len() {
		if _, err := r.Exec(); err != nil {
			_ = r.Close()
			return err
		}
	}
	return r.Close()
}

const (
	pgAddBlock = `
		INSERT INTO done_block (target_no, state, block)
		VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`
	pgAddDone = `
		INSERT INTO delivery_done (seq, target_no, event_id, gen, state, reason, at, tries, status, took, settings_version, evidence)
		SELECT *
		FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
			$9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[])`
	pgDelay = `
		UPDATE delivery d
		SET due_at = x.due_at, tries = x.tries, plan = x.plan, asked_until = x.asked_until
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
			AS x(target_no, seq, due_at, tries, plan, asked_until)
		WHERE d.target_no = x.target_no AND d.seq = x.seq`
	pgAddAttempts = `
		INSERT INTO attempt (seq, n, at, result, evidence)
		SELECT DISTINCT ON (seq, n) *
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) AS x(seq, n, at, result, evidence)
		ORDER BY seq, n, at DESC
		ON CONFLICT (seq, n) DO UPDATE SET at = excluded.at, result = excluded.result, evidence = excluded.evidence`
	pgHealth = `
		UPDATE target
		SET failures = $1, hard = $2, probes = $3, failing_since = $4, backoff_until = $5, tripped = $6, recoveries = $7, recovered_at = $8
		WHERE no = $9`
)

func (c *pgCommit) queueOutcomes(batch *pgx.Batch) {
	var done doneRows
	var target, seq, due, tries, plan, asked []int64
	var attemptSeq, n, at []int64
	var result []string
	var evidence [][]byte
	healths := map[int64]*Outcome{}
	for _, o := range c.b.outcomes {
		d := &o.Delivery
		if o.Health != nil {
			healths[d.Target] = o
		}
		switch {
		case o.Stateful && o.Next.State != hub.Pending:
			batch.Queue(dropProgress, d.Target, d.Seq)
		case o.Stateful && o.Progress != nil:
			batch.Queue(keepProgress, d.Target, d.Seq, o.Progress)
		}
		switch {
		case o.Next.State == hub.Pending:
			target, seq = append(target, d.Target), append(seq, d.Seq)
			due, tries = append(due, millis(o.Next.DueAt)), append(tries, int64(o.Next.Tries))
			plan, asked = append(plan, int64(o.Next.Plan)), append(asked, millis(o.Next.AskedUntil))
		case c.open[d.Seq]:
			delete(c.open, d.Seq) // a second outcome of the same delivery finds it done
			c.b.moved.add(d.Target, -1)
			done.add(o)
			c.h.blocks.note(blockKey{d.Target, o.Next.State, d.Seq >> postgresBlockBits})
			if firstTry(o) {
				continue
			}
		}
		if o.Attempt != nil {
			attemptSeq, n, at = append(attemptSeq, d.Seq), append(n, int64(o.Attempt.N)), append(at, millis(o.Attempt.At))
			result, evidence = append(result, string(o.Attempt.Result)), append(evidence, o.evidence)
		}
	}
	done.queue(batch)
	if len(seq) > 0 {
		batch.Queue(pgDelay, target, seq, due, tries, plan, asked)
	}
	if len(n) > 0 {
		batch.Queue(pgAddAttempts, attemptSeq, n, at, result, evidence)
	}
	for no, o := range healths {
		x := o.Health
		batch.Queue(pgHealth, x.Failures, x.Hard, x.Probes, nullMillis(x.FailingSince), nullMillis(x.BackoffUntil),
			oneIf(x.Tripped), o.Release.Recoveries, nullMillis(o.Release.RecoveredAt), no)
	}
}

const (
	pgAddEvents = `
		INSERT INTO event (no, id, tenant_no, seq, owed, type, source, caller_id, key, time, received_at, routing_rev, parent_id,
			hops, extra, codec, content_type, payload)
		SELECT x.no, x.id, x.tenant_no, x.seq, x.owed, x.type, x.source, x.caller_id, x.key, x.time, x.received_at, x.routing_rev,
			x.parent_id, x.hops, x.extra, 0, x.content_type, x.payload
		FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
			$9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[], $14::bigint[], $15::text[], $16::text[], $17::bytea[])
			AS x(no, id, tenant_no, seq, owed, type, source, caller_id, key, time, received_at, routing_rev, parent_id,
				hops, extra, content_type, payload)`
	pgAddDeliveries = `
		INSERT INTO delivery (target_no, seq, event_id, gen, due_at, tries, key)
		SELECT x.target_no, x.seq, x.event_id, x.gen, x.due_at, 0, x.key
		FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::text[])
			AS x(target_no, seq, event_id, gen, due_at, key)`
	pgAddReplays = `
		INSERT INTO redelivery (event_id, target_no, gen, seq)
		SELECT *
		FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[])`
	pgAddRefs = `
		INSERT INTO ref (bucket, tenant_no, value, event_id)
		SELECT DISTINCT $1::bigint, x.tenant_no, x.value, x.event_id
		FROM unnest($2::bigint[], $3::text[], $4::bytea[]) AS x(tenant_no, value, event_id)
		ON CONFLICT DO NOTHING`
	// An old key gives way; a young one makes the insert fail, and with it only the event that bears it.
	pgDropIdem = `DELETE FROM idempotency WHERE scope = $1 AND at < $2`
	pgAddIdem  = `INSERT INTO idempotency (scope, body, status, answer, at) VALUES ($1, $2, $3, $4, $5)`
)

func (c *pgCommit) queueAccepts(batch *pgx.Batch) {
	var events eventRows
	var owed, replays owedRows
	var failed doneRows
	var refTenant []int64
	var refValue []string
	var refEvent [][]byte
	var keys []*Accept
	for _, a := range c.kept {
		e := a.Event
		a.Result, a.owed = Accepted{Deliveries: len(a.Owed)}, nil
		if !a.Replay {
			events.add(a, c.seq)
			if len(a.Owed) == 0 {
				c.seq++
			}
			for _, value := range append([]string{e.Key}, e.Refs...) {
				if value != "" {
					refTenant, refValue, refEvent = append(refTenant, e.Tenant), append(refValue, value), append(refEvent, e.ID[:])
				}
			}
		}
		for i := range a.Owed {
			d := hub.Delivery{Target: a.Owed[i].Target, Seq: c.seq, Event: e.ID, Gen: a.Gen, DueAt: e.ReceivedAt, Key: a.Owed[i].Key}
			c.seq++
			if a.Replay {
				d.DueAt = c.now
				replays.add(&d)
			}
			if why := a.Owed[i].Failed; why != "" {
				failed.add(&Outcome{Delivery: d, Next: hub.Next{State: hub.Failed, Reason: why}, At: e.ReceivedAt})
				c.h.blocks.note(blockKey{d.Target, hub.Failed, d.Seq >> postgresBlockBits})
				continue
			}
			owed.add(&d)
			c.b.moved.add(d.Target, 1)
			a.owed = append(a.owed, d)
			c.b.fresh = append(c.b.fresh, Fresh{Delivery: d, Event: e})
		}
		if len(a.owed) == 0 && !a.Replay {
			c.b.fresh = append(c.b.fresh, Fresh{Event: e})
		}
		if a.Idempotency != nil {
			keys = append(keys, a)
		}
	}
	events.queue(batch)
	if len(owed.seq) > 0 {
		batch.Queue(pgAddDeliveries, owed.target, owed.seq, owed.event, owed.gen, owed.due, owed.key)
	}
	failed.queue(batch)
	if len(replays.seq) > 0 {
		batch.Queue(pgAddReplays, replays.event, replays.target, replays.gen, replays.seq)
	}
	if len(refValue) > 0 {
		batch.Queue(pgAddRefs, dayBucket(c.now), refTenant, refValue, refEvent)
	}
	for _, a := range keys {
		i, at := a.Idempotency, millis(a.Event.ReceivedAt)
		answer := i.Answer
		if answer == nil {
			answer = []byte{}
		}
		batch.Queue(pgDropIdem, i.Scope[:], at-day.Milliseconds())
		batch.Queue(pgAddIdem, i.Scope[:], i.Body[:], i.Status, answer, at)
	}
}

// queueRequests keeps the requests that this commit's events came with, and those that led to none.
func (c *pgCommit) queueRequests(batch *pgx.Batch) error {
	for _, a := range c.b.accepts {
		if a.Request == nil {
			continue
		}
		values, err := a.requestRowValues()
		if err != nil {
			return err
		}
		batch.Queue(insertRequest, values...)
	}
	return nil
}

// found tells which events of a commit of unknown outcome are stored: the number of their first delivery must be
// the one that commit gave.
func (h *postgresHot) found(ctx context.Context, b *batch) ([]*Accept, error) {
	ctx, cancel := context.WithTimeout(ctx, hotTimeout)
	defer cancel()
	if err := h.connect(ctx); err != nil {
		return nil, err
	}
	var seqs []int64
	for _, a := range b.accepts {
		if len(a.owed) > 0 {
			seqs = append(seqs, a.owed[0].Seq)
		}
	}
	// Nobody but us works our numbers, and we have offered none of them.
	rows, err := h.conn.Query(ctx, `SELECT seq FROM delivery WHERE seq = ANY($1)`, seqs)
	if err != nil {
		return nil, err
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	var out []*Accept
	for _, a := range b.accepts {
		if len(a.owed) > 0 && slices.Contains(stored, a.owed[0].Seq) {
			out = append(out, a)
		}
	}
	return out, nil
}
