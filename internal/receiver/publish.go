package receiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/store"
)

// publish makes the events of a verified request durable and then answers.
func (r *Receiver) publish(ctx context.Context, a *arrival, p plan) answer {
	told := a.accepted()
	switch {
	case p.err != nil:
		// As above; a person can mend the rule and release it.
		return r.keep(ctx, a, hub.RequestQuarantined, p.err.Error(), told)
	case len(p.inputs) == 0:
		return r.keep(ctx, a, hub.RequestIgnored, p.why, told)
	}
	a.in.Outcome, a.in.Status, a.in.Reason = hub.RequestAccepted, told.status, p.note()
	out := r.Ingest.Publish(ctx, a.Tenant, p.inputs...)
	if err := broken(out); err != nil {
		return r.busy(a, err)
	}
	if a.Thin {
		if err := r.runAgain(ctx, a.Tenant, out); err != nil {
			return r.busy(a, err)
		}
	}
	if wrong := refusedEvents(out); wrong != nil {
		return r.partly(ctx, a, out, wrong, told)
	}
	if allRepeats(out) {
		r.ring.count(a.No, hub.RequestDuplicate)
	} else {
		r.ring.count(a.No, hub.RequestAccepted)
	}
	return told
}

// note says how much of a split request was left out.
func (p *plan) note() string {
	if p.left == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d parts are left out: %s", p.left, p.pieces, p.why)
}

// broken is the error that says that something is not durable.
func broken(out []ingest.Published) error {
	for i := range out {
		if err := out[i].Err; err != nil && !settled(err) {
			return err
		}
	}
	return nil
}

// settled tells an error of the event itself, which another try would meet again.
func settled(err error) bool {
	switch hub.CodeOf(err) {
	case hub.Invalid, hub.SchemaViolated, hub.TooLarge, hub.NotJSON, hub.IDReused:
		return true
	}
	return false
}

func refusedEvents(out []ingest.Published) error {
	n := 0
	var first error
	for i := range out {
		if err := out[i].Err; err != nil {
			if n++; first == nil {
				first = err
			}
		}
	}
	if first == nil || len(out) == 1 {
		return first
	}
	return fmt.Errorf("%d of %d events cannot be taken: %w", n, len(out), first)
}

func allRepeats(out []ingest.Published) bool {
	for i := range out {
		if !out[i].Duplicate {
			return false
		}
	}
	return true
}

// partly keeps a request of which not every event could be taken where a person sees it. Nothing of it is lost, and
// sending it again would change nothing, so it is answered as safe.
func (r *Receiver) partly(ctx context.Context, a *arrival, out []ingest.Published, wrong error, told answer) answer {
	a.in.Events = events(out)
	if len(a.in.Events) == 0 {
		return r.keep(ctx, a, hub.RequestQuarantined, wrong.Error(), told)
	}
	a.in.Outcome, a.in.Reason = hub.RequestQuarantined, wrong.Error()
	if err := r.Store.Write(ctx, func(tx *store.Tx) error { return tx.SettleRequest(ctx, a.in) }); err != nil {
		return r.busy(a, err)
	}
	r.ring.count(a.No, hub.RequestQuarantined)
	return told
}

func events(out []ingest.Published) []hub.ID {
	var ids []hub.ID
	for i := range out {
		if out[i].Err == nil {
			ids = append(ids, out[i].Event.ID)
		}
	}
	return ids
}

// runAgain has the pipelines read once more what a repeated notice without content is about.
func (r *Receiver) runAgain(ctx context.Context, tenant int64, out []ingest.Published) error {
	for i := range out {
		if !out[i].Duplicate {
			continue
		}
		if _, err := r.Ingest.RunAgain(ctx, tenant, out[i].Event); err != nil && hub.CodeOf(err) != hub.NotFound {
			return fmt.Errorf("run %s again: %w", out[i].Event.ID.Text(hub.EventPrefix), err)
		}
	}
	return nil
}

func retryAfter(err error) time.Duration {
	var e *hub.Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
