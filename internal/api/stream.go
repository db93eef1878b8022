package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Stream hands what was just committed to those who watch. It never makes the committer wait: a watcher that
// cannot keep up is cut off and comes back with Last-Event-ID.
type Stream struct {
	CheckEvery time.Duration // how often a watcher's key is looked at again; zero: recheck

	mu       sync.Mutex
	watchers map[*watcher]bool
	count    atomic.Int32
	closed   bool
}

type watcher struct {
	tenant   int64
	messages chan news
	last     hub.ID // of the events shown; one with several deliveries is committed once and offered several times
}

// news is one entry of the stream, not yet written out: that is the watcher's work, not the committer's.
type news struct {
	event   *hub.Event
	outcome *store.Outcome
}

// watcherBuffer is how far a watcher may fall behind.
const watcherBuffer = 1024

// Accepted shows newly committed events; the server calls it after each commit.
func (s *Stream) Accepted(fresh []store.Fresh) {
	if s.count.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		for i := range fresh {
			e := fresh[i].Event
			if e == nil || e.Tenant != w.tenant || e.ID == w.last || fresh[i].Delivery.Gen > 0 {
				continue
			}
			w.last = e.ID
			s.send(w, news{event: e})
		}
	}
}

// Recorded shows outcomes of attempts; the server calls it after each commit.
func (s *Stream) Recorded(outcomes []*store.Outcome) {
	if s.count.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		for _, o := range outcomes {
			if o.Tenant == w.tenant {
				s.send(w, news{outcome: o})
			}
		}
	}
}

// Close ends every watcher's connection, and those to come: the program is stopping.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for w := range s.watchers {
		s.drop(w)
	}
}

// send must be called with the lock held.
func (s *Stream) send(w *watcher, m news) {
	if !s.watchers[w] {
		return
	}
	select {
	case w.messages <- m:
	default:
		s.drop(w)
	}
}

func (s *Stream) drop(w *watcher) {
	if s.watchers[w] {
		delete(s.watchers, w)
		s.count.Add(-1)
		close(w.messages)
	}
}

func (s *Stream) watch(tenant int64) *watcher {
	w := &watcher{tenant: tenant, messages: make(chan news, watcherBuffer)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers == nil {
		s.watchers = map[*watcher]bool{}
	}
	if s.closed {
		close(w.messages)
		return w
	}
	s.watchers[w] = true
	s.count.Add(1)
	return w
}

func (s *Stream) leave(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(w)
}

// recheck is how often a watcher's key is looked at again.
const recheck = 30 * time.Second

// stream shows the tenant's events and outcomes as they happen. With Last-Event-ID it first shows what was missed.
func (a *API) stream(c *call) (answer, error) {
	after := hub.ID{}
	if text := c.r.Header.Get("Last-Event-ID"); text != "" {
		var err error
		if after, err = hub.ParseID(hub.EventPrefix, text); err != nil {
			return answer{}, err
		}
	}
	control := http.NewResponseController(c.w)
	// A stream outlives every limit meant for ordinary answers.
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		return answer{}, fmt.Errorf("open a stream: %w", err)
	}
	w := a.Stream.watch(c.tenant())
	defer a.Stream.leave(w)

	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	out := &streamWriter{c: c, api: a, control: control, shown: map[hub.ID]bool{}}
	out.line(": hello\n\n")
	if !after.IsZero() {
		if err := out.history(after); err != nil {
			a.Log.Warn("stream broken off", "err", err)
			return answer{written: true}, nil
		}
	}
	out.run(w)
	return answer{written: true}, nil
}

type streamWriter struct {
	c       *call
	api     *API
	control *http.ResponseController
	shown   map[hub.ID]bool // what history has shown, and may have been committed meanwhile
	failed  bool
}

func (s *streamWriter) run(w *watcher) {
	ticker := time.NewTicker(cmp.Or(s.api.Stream.CheckEvery, recheck))
	defer ticker.Stop()
	ctx := s.c.r.Context()
	for !s.failed {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if !s.stillAllowed(ctx) {
				return
			}
			s.line(": still here\n\n")
		case m, open := <-w.messages:
			if !open {
				return
			}
			s.show(m)
		}
	}
}

// stillAllowed looks at the key again: one that was withdrawn ends its streams too.
func (s *streamWriter) stillAllowed(ctx context.Context) bool {
	p, err := s.api.principal(ctx, s.c.r)
	if err != nil {
		return false
	}
	now := s.c.principal
	return p.Require(hub.Viewer) == nil && p.Scope("events:read") == nil && p.KeyID == now.KeyID && (p.Installation || p.Tenant == now.Tenant)
}

// history shows what was accepted after an event, oldest first.
func (s *streamWriter) history(after hub.ID) error {
	ctx := s.c.r.Context()
	filter := store.EventFilter{Tenant: s.c.tenant(), Since: after.Time()}
	page := store.Page{Limit: maxLimit, Ascending: true}
	for {
		events, next, err := s.api.Store.Events(ctx, filter, page)
		if err != nil {
			return err
		}
		for _, e := range events {
			if bytes.Compare(e.ID[:], after[:]) <= 0 {
				continue
			}
			whole, err := s.api.Store.Event(ctx, s.c.tenant(), e.ID)
			if err != nil {
				return err
			}
			s.event(whole)
			s.shown[e.ID] = true
		}
		if next == "" || s.failed {
			return nil
		}
		page.Cursor = next
	}
}

func (s *streamWriter) show(m news) {
	if m.event != nil {
		if !s.shown[m.event.ID] {
			s.event(m.event)
		}
		return
	}
	o := m.outcome
	v := outcomeView{
		Delivery: o.Delivery.ID().Text(), Event: o.Delivery.Event.Text(hub.EventPrefix),
		State: string(o.Next.State), At: hub.TimeText(o.At), Tries: o.Next.Tries, Reason: o.Next.Reason,
	}
	if o.Attempt != nil {
		v.Result, v.Status = string(o.Attempt.Result), o.Attempt.Status
	}
	if o.Next.State == hub.Pending {
		v.DueAt = optionalTime(o.Next.DueAt)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		s.failed = true
		return
	}
	s.line("event: delivery\ndata: " + string(raw) + "\n\n")
}

// outcomeView is what the stream says of one attempt.
type outcomeView struct {
	Delivery string  `json:"delivery"`
	Event    string  `json:"event"`
	State    string  `json:"state"`
	At       string  `json:"at"`
	Tries    int     `json:"tries"`
	DueAt    *string `json:"due_at"`
	Result   string  `json:"result,omitempty"`
	Status   int     `json:"status,omitempty"`
	Reason   string  `json:"reason"`
}

func (s *streamWriter) event(e *hub.Event) {
	raw, err := wholeEvent(e)
	if err != nil {
		s.failed = true
		return
	}
	// A line of the stream ends at a line break; the lines of one message belong together.
	text := strings.NewReplacer("\r\n", "\ndata: ", "\n", "\ndata: ", "\r", "\ndata: ").Replace(string(raw))
	s.line("id: " + e.ID.Text(hub.EventPrefix) + "\nevent: event\ndata: " + text + "\n\n")
}

func (s *streamWriter) line(text string) {
	if _, err := s.c.w.Write([]byte(text)); err != nil {
		s.failed = true
		return
	}
	if err := s.control.Flush(); err != nil {
		s.failed = true
	}
}
