package receiver

import (
	"context"
	"crypto/x509"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/packs"
)

// Receiver is everything below /in/. Set the fields before the first request; SetSource may be called at any time.
type Receiver struct {
	Ingest *ingest.Publisher
	Store  *store.Store
	Log    *slog.Logger
	Now    func() time.Time

	// Provider finds a provider by its name; nil when unknown.
	Provider func(name string) *packs.Provider
	// Fetch gets a certificate through the guarded dialer, at most 64 KiB. The address was matched in full before.
	Fetch func(ctx context.Context, tenant int64, address string) ([]byte, error)
	Roots *x509.CertPool // issuers of those certificates; nil: the system's
	// Confirm calls the address that confirms a subscription, through the guarded dialer.
	Confirm func(ctx context.Context, tenant int64, address string) error
	// PublicURL is the address under which the outside knows a listener, without a slash at its end; "" when nobody
	// has set one.
	PublicURL func(listener string) string

	sources atomic.Pointer[map[string]*live] // by path
	changes sync.Mutex                       // one change of sources at a time
	bodies  atomic.Int64                     // bytes of large bodies in memory
	ring    ring
	rings   map[ringOf]*bounds // what the database holds of it; Run's alone
	emptied atomic.Bool        // something was released from a ring since
	certs   certificates
}

// How long a provider is asked to wait before it comes again.
const (
	afterOff  = 5 * time.Minute
	afterBusy = 30 * time.Second
)

// RequestOff counts requests to a source that is switched off; none of them is kept.
const RequestOff = "off"

// SetSource makes a source's newest settings count from the next request on.
func (r *Receiver) SetSource(s settings.Source) {
	r.changes.Lock()
	defer r.changes.Unlock()
	next := map[string]*live{}
	if old := r.sources.Load(); old != nil {
		maps.Copy(next, *old)
	}
	for path, l := range next {
		if l.No == s.No {
			delete(next, path) // the path may have changed
		}
	}
	if !s.Deleted {
		l := r.compile(s)
		if l.broken != nil {
			r.Log.Warn("source takes nothing", "source", s.ID.Text(hub.SourcePrefix), "err", l.broken)
		}
		next[s.Path] = l
	}
	r.sources.Store(&next)
}

func (r *Receiver) at(path string) *live {
	if all := r.sources.Load(); all != nil {
		return (*all)[path]
	}
	return nil
}

// byID finds one of a tenant's sources.
func (r *Receiver) byID(tenant int64, id hub.ID) (*live, error) {
	if all := r.sources.Load(); all != nil {
		for _, l := range *all {
			if l.Tenant == tenant && l.ID == id {
				return l, nil
			}
		}
	}
	return nil, hub.Errorf(hub.NotFound, "no source %s", id.Text(hub.SourcePrefix))
}

// ServeHTTP takes requests to /in/{path}.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	from := originOf(req)
	l := r.at(strings.TrimSuffix(strings.TrimPrefix(req.URL.Path, "/in/"), "/"))
	if l == nil || l.Listener != "" && l.Listener != from.listener {
		say(http.StatusNotFound, "no webhook is received at this address").write(w)
		return
	}
	if !l.Active {
		r.ring.count(l.No, RequestOff)
		a := say(http.StatusServiceUnavailable, "this webhook is switched off; send it again later")
		a.again = afterOff
		a.write(w)
		return
	}
	a := r.arrive(l, from, req)
	defer a.hold.release()
	// From here on it does not depend on whether the sender waits: what is durable, fetched for everybody or confirmed is
	// so, and a sender who hangs up is no error of ours. Each step has a limit of its own.
	r.take(context.WithoutCancel(req.Context()), a).write(w)
}

// take follows one request from its bytes to its answer. Whatever is 2xx is durable when it returns.
func (r *Receiver) take(ctx context.Context, a *arrival) answer {
	switch {
	case a.refused != nil:
		told := say(a.refused.status, a.refused.reason)
		if told.status == http.StatusServiceUnavailable {
			told.again = afterBusy
		}
		return r.quarantine(a, a.refused.reason, told)
	case !a.allows(a.peer):
		return r.quarantine(a, "it comes from "+a.in.Peer+", which is in none of the source's allowed networks",
			say(http.StatusForbidden, "not from this network"))
	case a.broken != nil:
		late := say(http.StatusServiceUnavailable, "not ready; send it again later")
		late.again = afterBusy
		return r.quarantine(a, "the source's settings cannot be used: "+a.broken.Error(), late)
	}
	if h := a.handshake(false); h != nil {
		return r.shake(a, h)
	}
	if refusal, why := r.verify(ctx, a); why != "" {
		return r.quarantine(a, why, refusal)
	}
	a.in.Verified = true
	if h := a.handshake(true); h != nil {
		return r.shakeVerified(ctx, a, h)
	}
	if a.decode(); a.unread != nil {
		// The sender did mean these bytes. Sending them again would change nothing, and they are safe here.
		return r.keep(ctx, a, hub.RequestQuarantined, a.unread.Error(), a.accepted())
	}
	return r.publish(ctx, a, a.plan(&a.roots, a.doc))
}

// quarantine hands what nobody has proved to the ring, outside the accepting commits.
func (r *Receiver) quarantine(a *arrival, reason string, told answer) answer {
	a.in.Outcome, a.in.Reason, a.in.Status = hub.RequestQuarantined, reason, told.status
	r.ring.offer(a.in)
	return told
}

// keep writes a verified request that becomes no event, and answers once it is durable.
func (r *Receiver) keep(ctx context.Context, a *arrival, outcome, reason string, told answer) answer {
	a.in.Outcome, a.in.Reason, a.in.Status = outcome, reason, told.status
	if err := r.Ingest.KeepRequests(ctx, &a.in); err != nil {
		return r.busy(a, err)
	}
	r.ring.count(a.No, outcome)
	return told
}

// busy asks the provider to come again: its request is not safe with us.
func (r *Receiver) busy(a *arrival, err error) answer {
	told := say(http.StatusServiceUnavailable, "cannot be stored at the moment; send it again later")
	told.again = afterBusy
	if wait := retryAfter(err); wait > 0 {
		told.again = wait
	}
	r.Log.Error("request not stored", "source", a.ID.Text(hub.SourcePrefix), "request", a.in.ID.Text(hub.RequestPrefix), "err", err)
	r.ring.count(a.No, RequestUnavailable)
	return told
}

// RequestUnavailable counts requests that could not be stored and were asked to come again.
const RequestUnavailable = "unavailable"

func (r *Receiver) shake(a *arrival, h *handshake) answer {
	told, why := h.reply(&a.roots, a.Verify.Settings, a.firstSecret())
	if why != "" {
		return r.quarantine(a, why, told)
	}
	a.in.Outcome, a.in.Reason, a.in.Status = hub.RequestHandshake, h.Name, told.status
	r.ring.offer(a.in)
	return told
}

// confirmTime is how long the call that confirms a subscription may take; the provider waits meanwhile.
const confirmTime = 10 * time.Second

func (r *Receiver) shakeVerified(ctx context.Context, a *arrival, h *handshake) answer {
	told, why := h.reply(&a.roots, a.Verify.Settings, a.firstSecret())
	if why != "" {
		return r.quarantine(a, why, told)
	}
	if h.Handshake.Confirm == "" {
		return r.keep(ctx, a, hub.RequestHandshake, h.Name, told)
	}
	address := fill(h.Handshake.Confirm, &a.roots, a.given(h), escapeQuery)
	calling, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	if r.Confirm == nil {
		return r.unconfirmed(a, h, "nobody can call it")
	}
	if err := r.Confirm(calling, a.Tenant, address); err != nil {
		return r.unconfirmed(a, h, err.Error())
	}
	return r.keep(ctx, a, hub.RequestHandshake, h.Name+": confirmed", told)
}

func (r *Receiver) unconfirmed(a *arrival, h *handshake, why string) answer {
	told := say(http.StatusServiceUnavailable, "not confirmed; send it again later")
	told.again = afterBusy
	return r.quarantine(a, "the "+h.Name+" could not be confirmed: "+why, told)
}
