package store

import (
	"github.com/jackc/pgx/v5"

	"hacek/internal/hub"
)

// doneRows are the columns of delivery_done.
type doneRows struct {
	seq, target, gen, at, tries, status, took, version []int64
	event, evidence                                    [][]byte
	state, reason                                      []string
}

func (d *doneRows) add(o *Outcome) {
	var status, took, version int64
	var evidence []byte
	if a := o.Attempt; a != nil {
		status, took, version = int64(a.Status), int64(a.Took), a.SettingsVersion
	}
	if firstTry(o) {
		evidence = o.evidence
	}
	d.seq, d.target, d.gen = append(d.seq, o.Delivery.Seq), append(d.target, o.Delivery.Target), append(d.gen, int64(o.Delivery.Gen))
	d.at, d.tries = append(d.at, millis(o.At)), append(d.tries, int64(o.Next.Tries))
	d.status, d.took, d.version = append(d.status, status), append(d.took, took), append(d.version, version)
	d.event, d.evidence = append(d.event, o.Delivery.Event[:]), append(d.evidence, evidence)
	d.state, d.reason = append(d.state, string(o.Next.State)), append(d.reason, o.Next.Reason)
}

func (d *doneRows) queue(batch *pgx.Batch) {
	if len(d.seq) > 0 {
		batch.Queue(pgAddDone, d.seq, d.target, d.event, d.gen, d.state, d.reason, d.at, d.tries, d.status, d.took, d.version, d.evidence)
	}
}

// eventRows are the columns of event.
type eventRows struct {
	no, tenant, seq, owed, time, received, rev, hops []int64
	id, parent, payload                              [][]byte
	kind, source, callerID, key, contentType         []string
	extra                                            []*string
}

func (r *eventRows) add(a *Accept, seq int64) {
	e := a.Event
	r.no, r.tenant, r.seq, r.owed = append(r.no, eventNo(e.ID)), append(r.tenant, e.Tenant), append(r.seq, seq), append(r.owed, int64(len(a.Owed)))
	r.time, r.received, r.rev = append(r.time, millis(e.Time)), append(r.received, millis(e.ReceivedAt)), append(r.rev, e.RoutingRev)
	r.hops, r.id = append(r.hops, int64(e.Hops)), append(r.id, e.ID[:])
	var parent []byte
	if !e.Parent.IsZero() {
		parent = e.Parent[:]
	}
	payload := e.Data
	if payload == nil {
		payload = []byte{}
	}
	r.parent, r.payload = append(r.parent, parent), append(r.payload, payload)
	r.kind, r.source, r.callerID = append(r.kind, e.Type), append(r.source, e.Source), append(r.callerID, e.CallerID)
	r.key, r.contentType = append(r.key, e.Key), append(r.contentType, e.ContentType)
	var extra *string
	if text := encodeExtra(e); text != nil {
		s := string(text)
		extra = &s
	}
	r.extra = append(r.extra, extra)
}

func (r *eventRows) queue(batch *pgx.Batch) {
	if len(r.no) > 0 {
		batch.Queue(pgAddEvents, r.no, r.id, r.tenant, r.seq, r.owed, r.kind, r.source, r.callerID, r.key, r.time, r.received, r.rev, r.parent,
			r.hops, r.extra, r.contentType, r.payload)
	}
}

// owedRows are the columns of delivery and of redelivery.
type owedRows struct {
	target, seq, gen, due []int64
	event                 [][]byte
	key                   []string
}

func (r *owedRows) add(d *hub.Delivery) {
	r.target, r.seq, r.gen, r.due = append(r.target, d.Target), append(r.seq, d.Seq), append(r.gen, int64(d.Gen)), append(r.due, millis(d.DueAt))
	r.event, r.key = append(r.event, d.Event[:]), append(r.key, d.Key)
}
