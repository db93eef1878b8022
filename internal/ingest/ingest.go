// Package ingest is the one door for events: whoever makes one - the API, a source, a pipeline, a replay - comes
// through here, where it is validated, matched with the targets it concerns, and committed with its deliveries.
// It must not know who published nor who delivers, and it never waits for a delivery.
package ingest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// DefaultMaxData is the largest payload taken, in bytes, when MaxData is zero.
const DefaultMaxData = 1 << 20

// Publisher is the door. Set the fields before the first Publish; SetTarget and SetEventTypes may be called at any time.
type Publisher struct {
	Store   *store.Store
	Log     *slog.Logger
	Now     func() time.Time
	MaxData int // bytes of one event's data; zero: DefaultMaxData
	// Discovered is told of event types nobody declared, once each; it must not block. May be nil.
	Discovered func(names ...string)
	// Touched has the engine look at a target again after a change made here (retry now, cancel). May be nil.
	Touched func(target int64)
	// Sending tells whether a delivery is in flight at this moment. May be nil.
	Sending func(target, seq int64) bool
	// Repeated is told of an event whose notice came once more, before anybody looks whether its work has begun: what is
	// read for it from now on must be read after this moment. May be nil.
	Repeated func(event hub.ID)

	routes  atomic.Pointer[map[int64]*routing] // by tenant
	started atomic.Int64                       // the newest revision at start, for tenants without targets
	types   atomic.Pointer[map[string]*rule]
	changes sync.Mutex // one change of routes or types at a time
	seen    sync.Map   // discovered type names
	replays replays

	counters counters
}

// Input is one event as its publisher gives it. Data is kept byte for byte.
type Input struct {
	Type     string
	Data     []byte
	Doc      expr.Doc // Data as it was read already; the zero Doc has Data read here
	Key      *string  // nil: taken from the data where the event type says so
	ID       string   // the caller's own id; the same again returns the original
	Time     time.Time
	Source   string // "" is "api"
	Channels []string
	Metadata []byte // a JSON object, or nil
	Refs     []string
	Hops     int
	Parent   hub.ID
	Only     int64 // one target, whatever the subscriptions say; 0 is the ordinary fan-out
	Own      bool  // one of the hub's own events, hacek.*

	// What sources add.
	VendorType string         // their own word for the type
	Unverified bool           // released from quarantine
	Window     time.Duration  // the same ID within it is a repeat, whatever the content; zero: the hub's, by content
	Request    *hub.InRequest // kept in the commit of the events it became
	// Idempotency gives the answer to keep with this event under the caller's Idempotency-Key. May be nil.
	Idempotency func(p *Published) *store.Idempotency
}

// Line is one event of several that came together, or what is wrong with it.
type Line struct {
	Raw   []byte // as it came
	Input Input
	Err   error
}

// Published is what became of one Input.
type Published struct {
	Event      *hub.Event
	Duplicate  bool // the caller's id was known with the same content; Event is the original
	Deliveries int
	Err        error // *hub.Error

	skipped skips
}

// Publish validates, matches and commits; it returns when everything that has no Err is durable. Each input
// stands on its own.
func (p *Publisher) Publish(ctx context.Context, tenant int64, inputs ...Input) []Published {
	out := make([]Published, len(inputs))
	accepts := make([]*store.Accept, 0, len(inputs))
	index := make([]int, 0, len(inputs))
	for i := range inputs {
		a, skipped, err := p.prepare(tenant, &inputs[i])
		if err != nil {
			out[i].Err = err
			continue
		}
		out[i] = Published{Event: a.Event, Deliveries: len(a.Owed), skipped: skipped}
		if inputs[i].Idempotency != nil {
			a.Idempotency = inputs[i].Idempotency(&out[i])
		}
		accepts, index = append(accepts, a), append(index, i)
	}
	if len(accepts) == 0 {
		return out
	}
	attachRequests(inputs, accepts, index)
	// A commit that has begun does not end with whoever waits for it, so nobody is told that it did.
	err := p.Store.Accept(context.WithoutCancel(ctx), accepts...)
	for n, i := range index {
		r := accepts[n].Result
		switch {
		case err != nil:
			out[i] = Published{Err: err}
		case r.Err != nil:
			out[i] = Published{Err: r.Err}
		case r.Duplicate:
			out[i] = Published{Event: r.Original, Duplicate: true, Deliveries: r.Deliveries}
			p.counters.repeated.Add(1)
		default:
			p.counters.accept(&out[i].skipped)
		}
	}
	return out
}

// attachRequests has each request kept with the last of the events it became, when all of them have their results.
func attachRequests(inputs []Input, accepts []*store.Accept, index []int) {
	var request *hub.InRequest
	first := 0
	for n, i := range index {
		if r := inputs[i].Request; r != request {
			request, first = r, n
		}
		if request != nil && (n+1 == len(index) || inputs[index[n+1]].Request != request) {
			accepts[n].Request, accepts[n].Siblings = request, accepts[first:n+1]
		}
	}
}

// KeepRequests keeps requests that became no event; they are durable when it returns.
func (p *Publisher) KeepRequests(ctx context.Context, requests ...*hub.InRequest) error {
	accepts := make([]*store.Accept, len(requests))
	for i, r := range requests {
		accepts[i] = &store.Accept{Request: r}
	}
	if err := p.Store.Accept(ctx, accepts...); err != nil {
		return err
	}
	for _, a := range accepts {
		if a.Result.Err != nil {
			return a.Result.Err
		}
	}
	return nil
}

// prepare turns an input into the rows of its commit, or says what is wrong with it.
func (p *Publisher) prepare(tenant int64, in *Input) (a *store.Accept, skipped skips, err error) {
	doc, err := p.check(in)
	if err != nil {
		return nil, skipped, err
	}
	now := p.Now()
	e := &hub.Event{
		ID: hub.NewID(), Tenant: tenant, Type: in.Type, Source: in.Source, CallerID: in.ID,
		Time: in.Time, ReceivedAt: now, Channels: in.Channels, Metadata: in.Metadata, Refs: in.Refs,
		Data: in.Data, Parent: in.Parent, Hops: in.Hops, OnlyTarget: in.Only, ContentType: "application/json",
		VendorType: in.VendorType, Unverified: in.Unverified,
	}
	if e.Source == "" {
		e.Source = "api"
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	rule := p.rule(in.Type)
	if err := rule.apply(e, in.Key, doc); err != nil {
		return nil, skipped, err
	}
	r := p.routing(tenant)
	e.RoutingRev = r.rev
	owed, skipped := r.match(e, doc)
	return &store.Accept{Event: e, Owed: owed, TimeGiven: !in.Time.IsZero(), Window: in.Window}, skipped, nil
}

// check refuses, before anything is queued, whatever a database, a header or a reader could not carry.
func (p *Publisher) check(in *Input) (expr.Doc, error) {
	var wrong hub.Problems
	if in.Type == "" {
		wrong.Add("/type", "is missing; give the event type, such as order.created")
	}
	hub.CheckLine(&wrong, "/type", in.Type, hub.MaxTypeLen)
	hub.CheckText(&wrong, "/vendor_type", in.VendorType, hub.MaxTypeLen)
	hub.CheckText(&wrong, "/id", in.ID, hub.MaxCallerID)
	hub.CheckText(&wrong, "/source", in.Source, hub.MaxSourceLen)
	if in.Key != nil {
		hub.CheckText(&wrong, "/key", *in.Key, hub.MaxKeyLen)
	}
	for _, ref := range in.Refs {
		hub.CheckText(&wrong, "/refs", ref, hub.MaxKeyLen)
	}
	for _, channel := range in.Channels {
		hub.CheckText(&wrong, "/channels", channel, hub.MaxTypeLen)
	}
	if strings.HasPrefix(in.Type, hub.OwnPrefix) && !in.Own {
		wrong.Add("/type", "hacek.* are the hub's own events; choose another name")
	}
	if in.Hops > hub.MaxHops {
		wrong.Add("/type", "this event has passed %d hubs; more than %d is a loop", in.Hops, hub.MaxHops)
	}
	if err := wrong.Err(); err != nil {
		return expr.Doc{}, err
	}
	limit := p.MaxData
	if limit == 0 {
		limit = DefaultMaxData
	}
	if len(in.Data) > limit {
		return expr.Doc{}, hub.Errorf(hub.TooLarge, "the data are %d bytes; at most %d are taken", len(in.Data), limit).
			WithHint("send a reference to the document instead, or raise max_data")
	}
	if in.Doc.Raw() != nil {
		return in.Doc, nil
	}
	doc, err := expr.ParseDoc(in.Data)
	if err != nil {
		wrong.Add("/data", "%v", err)
		return expr.Doc{}, wrong.Err()
	}
	return doc, nil
}
