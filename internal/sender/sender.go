// Package sender calls their URLs: it builds a request from an endpoint's settings and an event, signs it, calls
// through the guarded dialer, caps what comes back, and writes down what happened.
// It must not know deliveries, retries or the database: one request in, one Attempt out; a refusal is data, never an
// error.
package sender

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// Limits of one call.
const (
	DefaultTimeout = 15 * time.Second
	MaxTimeout     = 5 * time.Minute
	AnswerKept     = 64 << 10 // bytes of an answer's body that are kept
	AnswerRead     = 1 << 20  // bytes that are read at all; then the connection is dropped
	HeadersRead    = 64 << 10 // bytes of an answer's headers
)

// Sender makes calls. Its fields are set before the first call; SetPolicy may come at any time.
type Sender struct {
	Log       *slog.Logger
	Policy    Policy
	UserAgent string         // "" is "hacek"
	Resolver  *net.Resolver  // nil: the system's
	Roots     *x509.CertPool // nil: the system's

	network atomic.Pointer[network]
	opening sync.Mutex
	tokens  tokens
}

// Call is one event on its way to one endpoint.
type Call struct {
	Event           *hub.Event
	EventID         string // as the receiver sees it; "" is Event.ID's text
	DeliveryID      string
	AttemptID       string
	Table           string // the watched table the event came from; "" is the endpoint's own setting
	Number          int    // of the attempt, from 1
	SettingsVersion int64
	Test            bool
	Now             time.Time // zero: the system's clock

	Scope          *expr.Scope // what the templates see in place of the event alone: a pipeline's steps too
	Plain          bool        // without the headers that name event and delivery: the call asks, it does not tell
	IdempotencyKey string      // sent as Idempotency-Key, unless the settings send that header
	Lasting        bool        // the context outlives the call, and comes with the next ones too

	whole *Whole // where Fetch wants the answer
	limit int    // bytes of it
}

// SetPolicy changes where calls may go, at once: connections of the old policy are not used again.
func (s *Sender) SetPolicy(p Policy) {
	s.opening.Lock()
	old := s.network.Swap(newNetwork(s, p))
	s.opening.Unlock()
	if old != nil {
		old.drop(true)
	}
}

// Narrow tells which private networks the calls of some tenants are narrowed to, at once; the others may call what the
// policy allows.
func (s *Sender) Narrow(tenants map[int64][]netip.Prefix) {
	s.opening.Lock()
	n := s.network.Load()
	if n == nil { // nothing was called yet
		s.Policy.Tenants = tenants
	}
	s.opening.Unlock()
	if n == nil {
		return
	}
	if p := n.policy; !maps.EqualFunc(p.Tenants, tenants, slices.Equal) {
		p.Tenants = tenants
		s.SetPolicy(p)
	}
}

// Close drops the idle connections; the next call opens new ones.
func (s *Sender) Close() {
	if n := s.network.Load(); n != nil {
		n.drop(false)
	}
}

// Guard is the guarded dialer of one tenant under the policy of this moment.
func (s *Sender) Guard(tenant int64) *Guard { return s.current().guard(tenant) }

func (s *Sender) current() *network {
	if n := s.network.Load(); n != nil {
		return n
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	if n := s.network.Load(); n != nil {
		return n
	}
	n := newNetwork(s, s.Policy)
	s.network.Store(n)
	return n
}

func (s *Sender) userAgent() string {
	if s.UserAgent == "" {
		return "hacek"
	}
	return s.UserAgent
}

// Send makes one call and tells how it ended. It never panics: a bug of ours is an attempt that says so.
func (s *Sender) Send(ctx context.Context, c *Compiled, call Call) *hub.Attempt {
	if call.Now.IsZero() {
		call.Now = time.Now()
	}
	started := time.Now()
	a := &hub.Attempt{N: call.Number, At: call.Now, SettingsVersion: call.SettingsVersion, Test: call.Test}
	defer func() {
		if bug := recover(); bug != nil {
			if s.Log != nil {
				s.Log.Error("BUG: panic while sending", "delivery", call.DeliveryID, "panic", c.mask.text(fmt.Sprint(bug)), "stack", string(debug.Stack()))
			}
			a.Result, a.Error = hub.RenderFailed, c.mask.text(fmt.Sprintf("BUG: %v", bug))
			a.Hint = "this is a fault of the hub; report it"
		}
		a.Took = time.Since(started)
		a.Timing.Total = a.Took
	}()
	s.attempt(ctx, limited{ctx, started.Add(c.timeout), call.Lasting}, c, &call, a)
	return a
}

// limited knows when a call must have ended and sets no alarm for it: nearly every call is made on a connection that
// keeps the deadline itself, and an alarm for each costs more than signing the request.
type limited struct {
	context.Context
	until   time.Time
	lasting bool
}

func lasting(ctx context.Context) bool {
	l, ok := ctx.(limited)
	return ok && l.lasting
}

func (l limited) Deadline() (time.Time, bool) {
	if earlier, set := l.Context.Deadline(); set && earlier.Before(l.until) {
		return earlier, true
	}
	return l.until, true
}

// alarmed is the context for what only stops when it is told.
func alarmed(ctx context.Context) (context.Context, context.CancelFunc) {
	if l, ok := ctx.(limited); ok {
		return context.WithDeadline(l.Context, l.until)
	}
	return ctx, func() {}
}

func (s *Sender) attempt(parent, ctx context.Context, c *Compiled, call *Call, a *hub.Attempt) {
	var token string
	for again := false; ; again = true {
		if c.auth.exchange != nil {
			var err error
			if token, err = s.tokens.get(ctx, s, c, again, token); err != nil {
				tokenFailure(parent, c, err, a)
				return
			}
		}
		out, err := c.build(s, call, token)
		if err != nil {
			renderFailure(c, err, a)
			return
		}
		out.keep = call.limit
		hidden := c.mask.with(out.hide...)
		a.Request = out.evidence(hidden)
		got, err := s.exchange(ctx, c.line(s), &out)
		a.Timing, a.Peer = got.timing, got.peer
		if err != nil {
			f := explain(parent, &out, &got, err, c.timeout)
			a.Result, a.Error, a.Hint = f.result, hidden.text(f.text), hidden.text(f.hint)
			return
		}
		// A token may have been withdrawn before its time: get one new one, once.
		if got.answer.Status == 401 && c.auth.exchange != nil && !again {
			continue
		}
		c.judge(&got.answer, call.Now, a)
		if call.whole != nil {
			call.whole.take(&got.answer, &out, call.limit, a)
		}
		a.Error = hidden.text(a.Error)
		a.Response = hidden.answer(got.answer)
		return
	}
}

// Preview is what would be sent, secrets masked; nothing is called, and a token that would be fetched reads "***".
func (s *Sender) Preview(c *Compiled, call Call) (hub.SentRequest, error) {
	if call.Now.IsZero() {
		call.Now = time.Now()
	}
	out, err := c.build(s, &call, hub.Masked)
	if err != nil {
		var a hub.Attempt
		renderFailure(c, err, &a)
		return hub.SentRequest{}, hub.Errorf(hub.Invalid, "%s", a.Error).WithHint("%s", a.Hint)
	}
	return out.evidence(c.mask.with(out.hide...)), nil
}
