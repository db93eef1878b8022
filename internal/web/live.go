package web

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Live tells open pages that something of their tenant has changed; they ask again for what they show. It carries no
// data, so there is nothing in it that somebody else might see. The zero value is ready.
type Live struct {
	mu      sync.Mutex
	waiting map[int64]map[chan struct{}]bool
	closed  bool
	changes atomic.Uint64
}

// Changes counts what has changed so far, for all tenants together. A page says up to where it knows, so that what
// happens before its stream is open, or while it is broken off, is not missed.
func (l *Live) Changes() uint64 {
	if l == nil {
		return 0
	}
	return l.changes.Load()
}

// Accepted is told of new events and deliveries right after their commit; it never blocks.
func (l *Live) Accepted(fresh []store.Fresh) {
	for i := range fresh {
		if e := fresh[i].Event; e != nil {
			l.wake(e.Tenant)
		}
	}
}

// Recorded is told of outcomes right after their commit; it never blocks.
func (l *Live) Recorded(outcomes []*store.Outcome) {
	for i, o := range outcomes {
		if i == 0 || o.Tenant != outcomes[i-1].Tenant { // a batch is mostly one tenant's
			l.wake(o.Tenant)
		}
	}
}

// Close ends every stream, for a stop.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, all := range l.waiting {
		for one := range all {
			close(one)
		}
	}
	l.waiting = nil
}

func (l *Live) wake(tenant int64) {
	l.changes.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.waiting[tenant] {
		select {
		case one <- struct{}{}:
		default: // it is awake already
		}
	}
}

// mostStreams of one tenant bounds what forgotten tabs cost.
const mostStreams = 200

func (l *Live) join(tenant int64) (chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting[tenant]) >= mostStreams {
		return nil, hub.Errorf(hub.Unavailable, "no more open pages")
	}
	one := make(chan struct{}, 1)
	if l.waiting == nil {
		l.waiting = map[int64]map[chan struct{}]bool{}
	}
	if l.waiting[tenant] == nil {
		l.waiting[tenant] = map[chan struct{}]bool{}
	}
	l.waiting[tenant][one] = true
	return one, nil
}

func (l *Live) leave(tenant int64, one chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting[tenant], one)
}

// Pace of the stream: at most one word a second; who watches is asked about again every half minute (rule 17).
const (
	livePace  = time.Second
	liveCheck = 30 * time.Second
)

// stream is server-sent events: `changed` when there is something new.
func (v *visit) stream() error {
	if v.Live == nil {
		return hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	tenant := v.tenant()
	changed, err := v.Live.join(tenant)
	if err != nil {
		return err
	}
	v.seen = v.Live.Changes() // what comes later wakes us
	defer v.Live.leave(tenant, changed)
	control := http.NewResponseController(v.w)
	v.w.Header().Set("Content-Type", "text/event-stream")
	say := func(text string) bool {
		_, err := fmt.Fprint(v.w, text)
		return err == nil && control.Flush() == nil
	}
	check := time.NewTicker(cmp.Or(v.CheckEvery, liveCheck))
	defer check.Stop()
	if !say("retry: 3000\n\n") {
		return nil
	}
	if v.r.URL.Query().Get("after") != strconv.FormatUint(v.seen, 10) && !say("event: changed\ndata: \n\n") {
		return nil
	}
	for {
		select {
		case <-v.ctx().Done():
			return nil
		case <-check.C:
			who, err := v.session()
			if err != nil || who.Tenant != tenant || !say(": still here\n\n") {
				return nil
			}
		case _, open := <-changed:
			if !open || !say("event: changed\ndata: \n\n") {
				return nil
			}
			select {
			case <-time.After(livePace):
			case <-v.ctx().Done():
				return nil
			}
		}
	}
}
