package receiver

import (
	"context"
	"slices"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// MaxPreview is how many requests a preview looks at, DefaultPreview how many when nobody says, and MaxSince how many of a
// whole time.
const (
	MaxPreview     = 100
	DefaultPreview = 12
	MaxSince       = 500
)

// Preview applies settings, saved or not, to the source's last verified requests. It changes nothing.
func (r *Receiver) Preview(ctx context.Context, tenant int64, s settings.Source, last int) (hub.SourcePreview, error) {
	if last <= 0 {
		last = DefaultPreview
	}
	return r.preview(ctx, store.RequestFilter{Tenant: tenant, Source: s.No}, s, min(last, MaxPreview))
}

// PreviewSince is Preview for what came since a moment.
func (r *Receiver) PreviewSince(ctx context.Context, tenant int64, s settings.Source, since time.Time) (hub.SourcePreview, error) {
	return r.preview(ctx, store.RequestFilter{Tenant: tenant, Source: s.No, Since: since}, s, MaxSince)
}

func (r *Receiver) preview(ctx context.Context, f store.RequestFilter, s settings.Source, last int) (hub.SourcePreview, error) {
	l := r.compile(s)
	if l.broken != nil {
		return hub.SourcePreview{}, hub.Errorf(hub.Invalid, "these settings cannot be used: %v", l.broken)
	}
	if l.unreadable != nil {
		return hub.SourcePreview{}, hub.Errorf(hub.Invalid, "the accepting condition cannot be read: %v", l.unreadable)
	}
	f.Outcomes = []string{hub.RequestAccepted, hub.RequestDuplicate, hub.RequestIgnored, hub.RequestReleased}
	var list []hub.InRequest
	more := true
	for cursor := ""; more && len(list) < last; {
		page, next, err := r.Store.Requests(ctx, f, store.Page{Limit: min(last-len(list), MaxPreview), Cursor: cursor})
		if err != nil {
			return hub.SourcePreview{}, err
		}
		list = append(list, page...)
		cursor, more = next, next != ""
	}
	slices.Reverse(list)
	p := hub.SourcePreview{Requests: len(list), More: more, Each: []hub.PreviewRequest{}}
	seen := map[string]seenAt{}
	for _, kept := range list {
		whole, err := r.Store.InRequest(ctx, f.Tenant, s.No, kept.ID)
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
