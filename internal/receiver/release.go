package receiver

import (
	"context"
	"fmt"
	"strconv"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/store"
)

// Release makes events of a request in quarantine, on the word of a person. They stay unverified unless the signature
// had held, and repeats stay repeats. The same request again releases nothing new.
func (r *Receiver) Release(ctx context.Context, tenant int64, source, request hub.ID, reason, by string) ([]hub.ID, error) {
	l, err := r.byID(tenant, source)
	if err != nil {
		return nil, err
	}
	kept, err := r.Store.InRequest(ctx, tenant, l.No, request)
	if err != nil {
		return nil, err
	}
	if kept.Outcome != hub.RequestQuarantined {
		return nil, hub.Errorf(hub.Conflict, "the request is %s, not in quarantine", kept.Outcome)
	}
	if len(kept.Body) == 0 && kept.Size > 0 {
		return nil, hub.Errorf(hub.Conflict, "the body was too large to be kept").WithHint("raise the source's max_body and have it sent again")
	}
	a := l.again(kept)
	if a.decode(); a.unread != nil {
		if a.doc, err = fallback(a.body, ""); err != nil {
			return nil, err
		}
		a.roots.body = a.doc.Value()
	}
	p := a.plan(&a.roots, a.doc)
	if p.err != nil {
		return nil, hub.Errorf(hub.Invalid, "%v", p.err).WithHint("mend the source's settings first")
	}
	if len(p.inputs) == 0 {
		return nil, hub.Errorf(hub.Conflict, "it would become no event: %s", p.why).WithHint("change what the source accepts first")
	}
	for i := range p.inputs {
		in := &p.inputs[i]
		in.Request = nil // it is kept already, and settled below
		if in.ID == "" {
			in.ID, in.Window = "release:"+request.Text(hub.RequestPrefix)+":"+strconv.Itoa(i), RingTime
		}
	}
	out := r.Ingest.Publish(ctx, tenant, p.inputs...)
	if err := broken(out); err != nil {
		return nil, err
	}
	if len(events(out)) == 0 {
		return nil, refusedEvents(out)
	}
	if a.Thin {
		if err := r.runAgain(ctx, tenant, out); err != nil {
			return nil, err
		}
	}
	kept.Outcome, kept.Events = hub.RequestReleased, events(out)
	kept.Reason = releasedReason(kept.Reason, reason, by, out)
	if err := r.Store.Write(ctx, func(tx *store.Tx) error { return tx.SettleRequest(ctx, kept) }); err != nil {
		return nil, fmt.Errorf("settle %s: %w", request.Text(hub.RequestPrefix), err)
	}
	r.emptied.Store(true)
	r.ring.count(l.No, hub.RequestReleased)
	return kept.Events, nil
}

func releasedReason(before, reason, by string, out []ingest.Published) string {
	text := "released by " + by
	if reason != "" {
		text += ": " + strconv.Quote(reason)
	}
	if allRepeats(out) {
		text += " (a repeat of an earlier one, so nothing new came of it)"
	}
	if wrong := refusedEvents(out); wrong != nil {
		text += " (" + wrong.Error() + ")"
	}
	return text + ". Before: " + before
}
