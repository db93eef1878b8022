package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"hacek/internal/clock"
	"hacek/internal/engine"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/pipeline"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

const tenant = 1

// story is a hub with a clock in hand: a real store, the real door, the real engine and sender.
type story struct {
	t        *testing.T
	store    *store.Store
	clock    *clock.Hand
	open     storetest.Opener
	door     *ingest.Publisher
	settings *settings.Service
	engine   *engine.Engine
	outcomes chan *store.Outcome
	notices  chan hub.Notice
	window   int // of the engine; zero is its own
	retain   time.Duration
	log      io.Writer // nil: nobody reads it
	stop     func()
}

func eachStore(t *testing.T, tell func(s *story)) { eachWindow(t, 0, tell) }

// eachWindow is eachStore with an engine that keeps little in memory, so that a few events are more than it holds.
func eachWindow(t *testing.T, window int, tell func(s *story)) {
	t.Parallel() // stories wait for disks and loopback, not for the processor
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		t.Parallel()
		s := &story{t: t, clock: clock.NewHand(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), open: open, window: window}
		s.start()
		tell(s)
	})
}

// receiver is a real HTTP server that answers as it is told and keeps what it got.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answers []int
	header  http.Header
	got     []call
	arrived chan call
	gate    chan struct{} // when set, every answer waits for it
}

type call struct {
	path, key, id string
	at            time.Time
	status        int
}

func (s *story) receiver(answers ...int) *receiver {
	r := &receiver{answers: answers, header: http.Header{}, arrived: make(chan call, 100_000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		var envelope struct{ Key string }
		_ = json.Unmarshal(body, &envelope)
		r.mu.Lock()
		status := 200
		if len(r.answers) > 0 {
			status = r.answers[0]
			if len(r.answers) > 1 {
				r.answers = r.answers[1:]
			}
		}
		c := call{path: q.URL.Path, key: envelope.Key, id: q.Header.Get("webhook-id"), at: s.clock.Now(), status: status}
		r.got = append(r.got, c)
		gate := r.gate
		for name, values := range r.header {
			w.Header()[name] = values
		}
		r.mu.Unlock()
		r.arrived <- c
		if gate != nil {
			<-gate
		}
		w.WriteHeader(status)
	}))
	s.t.Cleanup(r.Close)
	return r
}

// answer makes it answer one status from now on.
func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = []int{status}
}

func (r *receiver) calls() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call(nil), r.got...)
}

func (s *story) start() {
	s.outcomes = make(chan *store.Outcome, 100_000)
	s.notices = make(chan hub.Notice, 100)
	e := &engine.Engine{Clock: s.clock, Log: slog.New(slog.DiscardHandler), Window: s.window, Retain: s.retain}
	if s.log != nil {
		e.Log = slog.New(slog.NewTextHandler(s.log, nil))
	}
	e.Outcome = func(_ *hub.Target, o *store.Outcome) { s.outcomes <- o }
	e.Notice = func(_ context.Context, n hub.Notice) { s.notices <- n }
	s.engine = e
	s.store = s.open(func(o *store.Options) {
		o.Now = s.clock.Now
		o.Committed, o.Recorded = e.Offer, e.Recorded
	})
	e.Store = s.store
	e.Sender = &sender.Sender{Log: e.Log, Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}}
	e.Pipelines = &pipeline.Runner{Sender: e.Sender, Log: e.Log, Now: s.clock.Now}
	s.door = &ingest.Publisher{Store: s.store, Log: e.Log, Now: s.clock.Now, Touched: e.Touched}
	s.settings = &settings.Service{Store: s.store, Sender: e.Sender, Log: e.Log, Now: s.clock.Now, Changed: func(t hub.Target, rev int64) {
		e.SetTarget(t)
		s.door.SetTarget(t, rev)
	}}
	ctx, cancel := context.WithCancel(context.Background())
	storeCtx, closeStore := context.WithCancel(context.Background())
	var engineDone, storeDone sync.WaitGroup
	storeDone.Go(func() { _ = s.store.Run(storeCtx) })
	if err := s.settings.Ensure(ctx); err != nil {
		s.t.Fatal(err)
	}
	targets, err := s.store.Targets(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, t := range targets {
		e.SetTarget(t)
	}
	rev, err := s.store.NewestRevision(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	s.door.SetTargets(targets, rev)
	engineDone.Go(func() { _ = e.Run(ctx) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		engineDone.Wait()
		closeStore()
		storeDone.Wait()
		_ = s.store.Close()
	})
	// After each start anew: what is cleaned up first must be what was started last.
	s.t.Cleanup(s.stop)
}

func (s *story) endpoint(url string, change ...func(*hub.Endpoint)) hub.Target {
	s.t.Helper()
	e := hub.DefaultEndpoint()
	e.Name = "target"
	e.Request.URL = url
	e.Retry.Jitter = 0
	for _, c := range change {
		c(&e)
	}
	t, err := s.settings.CreateEndpoint(context.Background(), tenant, e, settings.By{Name: "Jana"})
	if err != nil {
		s.t.Fatalf("create endpoint: %v", err)
	}
	return t
}

func (s *story) publish(eventType, key, data string) hub.ID {
	s.t.Helper()
	p := s.door.Publish(context.Background(), tenant, ingest.Input{Type: eventType, Key: &key, Data: []byte(data)})[0]
	if p.Err != nil {
		s.t.Fatalf("publish: %v", p.Err)
	}
	return p.Event.ID
}

// wait returns the next durable outcome.
func (s *story) wait() *store.Outcome {
	s.t.Helper()
	select {
	case o := <-s.outcomes:
		return o
	case <-time.After(20 * time.Second):
		s.t.Fatal("no outcome within 20 s")
		return nil
	}
}

func (s *story) wantResults(want ...hub.Result) {
	s.t.Helper()
	for i, w := range want {
		if o := s.wait(); o.Attempt.Result != w {
			s.t.Fatalf("attempt %d: got %s (%s), want %s", i+1, o.Attempt.Result, o.Attempt.Error, w)
		}
	}
}

// quiet fails if an outcome comes although nothing should happen. It asks the engine twice, so that whatever was
// under way has been seen.
func (s *story) quiet() {
	s.t.Helper()
	ctx := context.Background()
	s.engine.Counts(ctx)
	if c := s.engine.Counts(ctx); c.Flights != 0 {
		s.t.Fatalf("%d attempts are in flight", c.Flights)
	}
	select {
	case o := <-s.outcomes:
		s.t.Fatalf("unexpected outcome: %+v", o.Attempt)
	default:
	}
}

// settle waits until no attempt is in flight and nothing changes any more without the clock.
func (s *story) settle() engine.Counts {
	s.t.Helper()
	ctx := context.Background()
	var last engine.Counts
	same := 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		// A write comes after everything committed before it, and after the word of it.
		if err := s.store.Write(ctx, func(*store.Tx) error { return nil }); err != nil {
			s.t.Fatal(err)
		}
		c := s.engine.Counts(ctx)
		if c != last || c.Flights+c.Reads > 0 || s.store.Backlog() > 0 {
			last, same = c, 0
			continue
		}
		if same++; same == 3 {
			return c
		}
	}
	s.t.Fatalf("it does not come to rest: %+v", last)
	return last
}

// calm settles, and answers what has ended.
func (s *story) calm() (ended []*store.Outcome) {
	s.t.Helper()
	s.settle()
	for {
		select {
		case o := <-s.outcomes:
			ended = append(ended, o)
		default:
			return ended
		}
	}
}

func (r *receiver) wait(t *testing.T) call {
	t.Helper()
	select {
	case c := <-r.arrived:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("nothing arrived within 20 s")
		return call{}
	}
}

func keys(calls []call) string {
	s := ""
	for _, c := range calls {
		s += c.key + " "
	}
	return s
}

func n(i int) string { return fmt.Sprintf(`{"n":%d}`, i) }

func (s *story) pause(t hub.Target) {
	s.t.Helper()
	if _, err := s.settings.PauseTarget(context.Background(), tenant, t.Kind, t.ID.Text(t.Prefix()), settings.By{Name: "Jana"}, "repair"); err != nil {
		s.t.Fatalf("pause: %v", err)
	}
}

func (s *story) resume(t hub.Target, rate hub.Rate) {
	s.t.Helper()
	if _, err := s.settings.ResumeTarget(context.Background(), tenant, t.Kind, t.ID.Text(t.Prefix()), rate, settings.By{Name: "Jana"}); err != nil {
		s.t.Fatalf("resume: %v", err)
	}
}

func (s *story) activate(t hub.Target) {
	s.t.Helper()
	if _, err := s.settings.PatchEndpoint(context.Background(), tenant, t.ID.Text(hub.EndpointPrefix), json.RawMessage(`{"active":true}`), "", settings.By{Name: "Jana"}); err != nil {
		s.t.Fatalf("activate: %v", err)
	}
}

// waitState reads the stored state until it is the one wanted: the engine writes it on a goroutine of its own.
func (s *story) waitState(t hub.Target, want hub.TargetState) {
	s.t.Helper()
	var got hub.Target
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var err error
		if got, err = s.store.Target(context.Background(), tenant, t.ID); err != nil {
			s.t.Fatal(err)
		}
		if got.State == want {
			return
		}
	}
	s.t.Fatalf("the endpoint is %s, want %s", got.State, want)
}

// wantOrder holds the calls of one key against their webhook-ids, which sort by time of acceptance.
func (s *story) wantOrder(r *receiver, key string) {
	s.t.Helper()
	last := ""
	for i, c := range r.calls() {
		if c.key != key {
			continue
		}
		if c.id < last {
			s.t.Fatalf("call %d: %s arrived after %s", i, c.id, last)
		}
		last = c.id
	}
}

// restart stops everything cleanly and starts it again on the same database.
func (s *story) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// publishOwn publishes one of the hub's own events.
func (s *story) publishOwn(eventType, data string) {
	s.t.Helper()
	if p := s.door.Publish(context.Background(), tenant, ingest.Input{Type: eventType, Data: []byte(data), Own: true})[0]; p.Err != nil {
		s.t.Fatalf("publish: %v", p.Err)
	}
}

// wantNotice waits for the next notice.
func (s *story) wantNotice(what string) hub.Notice {
	s.t.Helper()
	select {
	case n := <-s.notices:
		if n.What != what {
			s.t.Fatalf("notice %s, want %s", n.What, what)
		}
		return n
	case <-time.After(20 * time.Second):
		s.t.Fatalf("no notice %s within 20 s", what)
		return hub.Notice{}
	}
}

// noNotice fails when there is a notice that should not be.
func (s *story) noNotice() {
	s.t.Helper()
	s.engine.Counts(context.Background())
	select {
	case n := <-s.notices:
		s.t.Fatalf("unexpected notice %s: %s", n.What, n.Cause)
	default:
	}
}
