package receiver

import (
	"context"
	"slices"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// MaxPreview is how many requests a preview looks at, and DefaultPreview how many when nobody says.
const (
	MaxPreview     = 100
	DefaultPreview = 12
)

// Preview applies settings, saved or not, to the source's last verified requests. It changes nothing.
func (r *Receiver) Preview(ctx context.Context, tenant int64, s settings.Source, last int) (hub.SourcePreview, error) {
	if last <= 0 {
		last = DefaultPreview
	}
	last = min(last, MaxPreview)
	l := r.compile(s)
	if l.broken != nil {
		return hub.SourcePreview{}, hub.Errorf(hub.Invalid, "these settings cannot be used: %v", l.broken)
	}
	if l.unreadable != nil {
		return hub.SourcePreview{}, hub.Errorf(hub.Invalid, "the accepting condition cannot be read: %v", l.unreadable)
	}
	wanted := []string{hub.RequestAccepted, hub.RequestDuplicate, hub.RequestIgnored, hub.RequestReleased}
	list, _, err := r.Store.Requests(ctx, store.RequestFilter{Tenant: tenant, Source: s.No, Outcomes: wanted}, store.Page{Limit: last})
	if err != nil {
		return hub.SourcePreview{}, err
	}
	slices.Reverse(list)
	p := hub.SourcePreview{Requests: len(list), Each: []hub.PreviewRequest{}}
	seen := map[string]seenAt{}
	for _, kept := range list {
		whole, err := r.Store.InRequest(ctx, tenant, s.No, kept.ID)
		if hub.CodeOf(err) == hub.NotFound {
			p.Requests-- // it has just gone
			continue
		}
		if err != nil {
			return hub.SourcePreview{}, err
		}
		previewOne(&p, l, whole, seen)
	}
	return p, nil
}

type seenAt struct {
	request hub.ID
	at      time.Time
}

func previewOne(p *hub.SourcePreview, l *live, kept hub.InRequest, seen map[string]seenAt) {
	one := hub.PreviewRequest{ID: kept.ID, At: kept.At, Events: []hub.PreviewEvent{}}
	defer func() { p.Each = append(p.Each, one) }()
	a := l.again(kept)
	if a.decode(); a.unread != nil {
		one.Reason = a.unread.Error()
		return
	}
	plan := a.plan(&a.roots, a.doc)
	p.Ignored += plan.left
	one.Reason = plan.why
	if plan.err != nil {
		one.Reason = plan.err.Error()
		return
	}
	for i := range plan.inputs {
		in := &plan.inputs[i]
		e := hub.PreviewEvent{Type: in.Type, VendorType: in.VendorType, Time: in.Time}
		if in.Key != nil {
			e.Key = *in.Key
		}
		first, known := seen[in.ID]
		if in.ID != "" && known && kept.At.Sub(first.at) < in.Window {
			e.RepeatOf = first.request
			p.Repeats++
		} else {
			seen[in.ID] = seenAt{kept.ID, kept.At}
			p.Events++
		}
		one.Events = append(one.Events, e)
	}
}
