package ingest

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// routing is one tenant's targets as they are at one revision. It never changes; a change makes a new one.
type routing struct {
	rev    int64
	routes map[int64]*route    // by target number
	exact  map[string][]*route // subscriptions that name their types in full
	wide   []*route            // subscriptions with a wildcard, or without types
}

// route is what matching needs of one target.
type route struct {
	target       int64
	state        hub.TargetState
	byKey        bool
	pipeline     bool
	unverified   bool // takes events that nobody has proved
	subscription hub.Subscription
	condition    *expr.Condition
	asksEvent    bool  // the condition looks at event or source
	broken       error // the saved condition does not parse any more: its events fail, visibly and retryably
}

// SetTarget makes a target's newest settings count from the next event on; rev is the revision that made them.
func (p *Publisher) SetTarget(t hub.Target, rev int64) {
	p.changes.Lock()
	defer p.changes.Unlock()
	old := p.routing(t.Tenant)
	next := &routing{rev: max(rev, old.rev), routes: make(map[int64]*route, len(old.routes)+1), exact: map[string][]*route{}}
	for no, r := range old.routes {
		next.routes[no] = r
	}
	if t.Deleted {
		delete(next.routes, t.No)
	} else {
		next.routes[t.No] = newRoute(t)
	}
	next.index()
	p.replace(t.Tenant, next)
}

// SetTargets is SetTarget for all targets at once, at start.
func (p *Publisher) SetTargets(targets []hub.Target, rev int64) {
	p.changes.Lock()
	defer p.changes.Unlock()
	tenants := map[int64]*routing{}
	for _, t := range targets {
		r := tenants[t.Tenant]
		if r == nil {
			r = &routing{rev: rev, routes: map[int64]*route{}, exact: map[string][]*route{}}
			tenants[t.Tenant] = r
		}
		r.routes[t.No] = newRoute(t)
	}
	for _, r := range tenants {
		r.index()
	}
	p.started.Store(rev)
	p.routes.Store(&tenants)
}

func (p *Publisher) replace(tenant int64, r *routing) {
	all := map[int64]*routing{}
	if old := p.routes.Load(); old != nil {
		for no, o := range *old {
			all[no] = o
		}
	}
	all[tenant] = r
	p.routes.Store(&all)
}

func (p *Publisher) routing(tenant int64) *routing {
	if all := p.routes.Load(); all != nil {
		if r := (*all)[tenant]; r != nil {
			return r
		}
	}
	return &routing{rev: p.started.Load()}
}

func newRoute(t hub.Target) *route {
	policy := t.Policy()
	r := &route{
		target: t.No, state: t.State, subscription: policy.Subscription, byKey: policy.Order.By == hub.OrderKey,
		pipeline: t.Kind == hub.KindPipeline, unverified: t.Kind != hub.KindPipeline || t.Pipeline.Unverified,
	}
	if c := r.subscription.Condition; c != "" {
		r.condition, r.broken = expr.ParseCondition(c)
		r.asksEvent = r.broken == nil && (r.condition.Uses("event") || r.condition.Uses("source"))
	}
	return r
}

func (r *routing) index() {
	for _, route := range r.routes {
		types := route.subscription.EventTypes
		wide := len(types) == 0
		for _, pattern := range types {
			wide = wide || strings.HasSuffix(pattern, "*")
		}
		if wide {
			r.wide = append(r.wide, route)
			continue
		}
		for i, name := range types {
			if !slices.Contains(types[:i], name) { // named twice, owed once
				r.exact[name] = append(r.exact[name], route)
			}
		}
	}
}

// match finds the targets an event is owed to, and counts the others.
func (r *routing) match(e *hub.Event, doc expr.Doc) (owed []store.Owed, skipped skips) {
	if e.OnlyTarget != 0 {
		if route := r.routes[e.OnlyTarget]; route != nil {
			return []store.Owed{{Target: route.target, Key: route.lane(e)}}, skipped
		}
		return nil, skipped
	}
	others := len(r.routes) // that no reason is known of yet
	var scope *expr.Scope
	left := conditionWork
	described := false // the scope holds event and source, which few conditions ask for
	for i, routes := range [][]*route{r.exact[e.Type], r.exact[e.VendorType], r.wide} {
		for _, route := range routes {
			if i == 1 && slices.Contains(route.subscription.EventTypes, e.Type) {
				continue // found by the catalogue's name already
			}
			miss := route.misses(e)
			if miss == skipType {
				continue // counted at the end, with those that were not looked at
			}
			others--
			if route.state == hub.Off {
				miss = skipOff
			}
			if miss != taken {
				skipped[miss]++
				continue
			}
			if scope == nil && route.conditional() {
				scope = expr.NewScope()
				scope.SetDoc("data", doc)
			}
			if !described && route.asksEvent {
				describe(scope, e)
				described = true
			}
			verdict := verdict{err: errSlowConditions}
			if !route.conditional() || left > 0 {
				verdict = route.judge(scope)
				left -= verdict.work
			}
			switch {
			case verdict.err != nil:
				owed = append(owed, store.Owed{Target: route.target, Key: route.lane(e), Failed: conditionFailed(verdict.err)})
			case verdict.matched:
				owed = append(owed, store.Owed{Target: route.target, Key: route.lane(e)})
			default:
				skipped[skipCondition]++
			}
		}
	}
	skipped[skipType] = others
	return owed, skipped
}

// conditionWork is what the conditions of one event may cost in sum, as expr weighs it: about 50 ms of one processor. What comes
// later fails visibly, never silently. A clock would fail innocent events of a busy machine.
const conditionWork = 32 << 20

var errSlowConditions = errors.New("the conditions on this event took more than 50 ms")

// conditionFailed is the reason of a delivery whose condition could not be judged. It may quote the data, in which
// stands what no database takes as text.
func conditionFailed(err error) string {
	reason := strings.ToValidUTF8(string(hub.ConditionError)+": "+strings.TrimPrefix(err.Error(), "condition: "), "\uFFFD")
	return strings.ReplaceAll(reason, "\x00", "\uFFFD")
}

// lane is the key whose order the target keeps; an event without one waits for nobody.
func (r *route) lane(e *hub.Event) string {
	if r.byKey {
		return e.Key
	}
	return ""
}

func (r *route) conditional() bool { return r.condition != nil || r.broken != nil }

type verdict struct {
	matched bool
	work    int // what judging cost
	err     error
}

func (r *route) judge(scope *expr.Scope) verdict {
	switch {
	case r.broken != nil:
		return verdict{err: r.broken}
	case r.condition == nil:
		return verdict{matched: true}
	}
	matched, work, err := r.condition.Weigh(scope)
	return verdict{matched, work, err}
}

func overlap(a, b []string) bool {
	for _, w := range b {
		if slices.Contains(a, w) {
			return true
		}
	}
	return false
}

// Scope is what conditions see of an event. The only clock is received_at.
func Scope(e *hub.Event, doc expr.Doc) *expr.Scope {
	s := expr.NewScope()
	s.SetDoc("data", doc)
	describe(s, e)
	return s
}

func describe(s *expr.Scope, e *hub.Event) {
	s.SetText("event", "id", e.ID.Text(hub.EventPrefix))
	s.SetText("event", "type", e.Type)
	s.SetText("event", "key", e.Key)
	s.SetText("event", "source", e.Source)
	s.SetText("event", "time", hub.TimeText(e.Time))
	s.SetText("event", "received_at", hub.TimeText(e.ReceivedAt))
	s.SetText("event", "hops", strconv.Itoa(e.Hops))
	s.SetText("source", "name", e.Source)
}
