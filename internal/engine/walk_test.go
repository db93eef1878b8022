package engine_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
)

// walk is a random life of one endpoint, and what the rules say must come of it.
type walk struct {
	*story
	random *rand.Rand
	r      *receiver
	target hub.Target
	order  string
	rate   hub.Rate

	ids     []hub.ID       // owed, in order of acceptance
	place   map[string]int // webhook-id -> place in ids
	want    map[string]int // deliveries owed of it
	excused map[string]bool
	done    []string // what was done, to read a failure by
}

// Whatever happens between acceptance and arrival - pauses, outages, restarts, people who cancel and retry - each
// event arrives exactly once, in its order, within its rate. HACEK_WALK repeats the walk of one seed.
func TestO2_O3_C6_RandomWalk(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("HACEK_WALK"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	rate := hub.Rate{Count: 10, Per: time.Second}
	for _, c := range []struct {
		name, order string
		rate        hub.Rate
	}{
		{"no order", hub.OrderNone, hub.Rate{}},
		{"rate", hub.OrderNone, rate},
		{"by key", hub.OrderKey, hub.Rate{}},
		{"all", hub.OrderAll, hub.Rate{}},
		{"order changes", "", hub.Rate{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachWindow(t, 4, func(s *story) {
				w := &walk{
					story: s, random: rand.New(rand.NewPCG(seed, 0)), r: s.receiver(200), order: c.order, rate: c.rate,
					place: map[string]int{}, want: map[string]int{}, excused: map[string]bool{},
				}
				w.target = s.endpoint(w.r.URL, func(e *hub.Endpoint) {
					e.Order.By = c.order
					if c.order == "" {
						e.Order.By = hub.OrderNone
					}
					e.Limits = hub.Limits{Rate: c.rate, Concurrency: 3}
					e.Retry.Intervals = nil
					for range 50 {
						e.Retry.Intervals = append(e.Retry.Intervals, hub.Duration(time.Second))
					}
				})
				for range 60 {
					w.step()
				}
				w.finish()
				if t.Failed() {
					t.Logf("HACEK_WALK=%d: %v", seed, w.done)
				}
			})
		})
	}
}

func (w *walk) step() {
	ctx := context.Background()
	jana := settings.By{Name: "Jana"}
	ref := w.target.ID.Text(hub.EndpointPrefix)
	did := ""
	// Some changes are refused in some states (an endpoint that is off cannot be paused): then nothing happens.
	switch n := w.random.IntN(100); {
	case n < 40:
		did = "publish"
		w.accept(1 + w.random.IntN(12))
	case n < 60:
		w.answerAtRandom()
		did = "answer"
	case n < 80:
		did = "advance"
		w.advance(time.Duration(w.random.IntN(3000)) * time.Millisecond)
	case n < 84:
		did = "pause"
		_, _ = w.settings.Pause(ctx, tenant, ref, jana, "repair")
	case n < 89:
		did = "resume"
		_, _ = w.settings.Resume(ctx, tenant, ref, hub.Rate{Count: 20 * w.random.IntN(2), Per: time.Second}, jana)
	case n < 90:
		did = "switch off"
		w.patch(w.target, `{"active":false}`)
	case n < 93:
		did = "switch on"
		w.patch(w.target, `{"active":true}`)
	case n < 96:
		did = "cancel or retry"
		w.meddle()
	case n < 98:
		did = "restart"
		w.stop()
		w.clock.Advance(w.rate.Per) // a restart forgets the starts before it
		w.start()
	case w.order == "":
		by := []string{hub.OrderNone, hub.OrderKey, hub.OrderAll}[w.random.IntN(3)]
		did = "order " + by
		w.patch(w.target, `{"order":{"by":"`+by+`"}}`)
	}
	w.done = append(w.done, did)
	if w.random.IntN(4) == 0 {
		w.settle()
	}
}

func (w *walk) accept(count int) {
	inputs := make([]ingest.Input, count)
	for i := range inputs {
		key := []string{"A", "A", "B", "C", ""}[w.random.IntN(5)]
		inputs[i] = ingest.Input{Type: "order.updated", Key: &key, Data: []byte(`{"n":1}`)}
	}
	for _, p := range w.door.Publish(context.Background(), tenant, inputs...) {
		if p.Err != nil {
			w.t.Fatalf("publish: %v", p.Err)
		}
		if p.Deliveries == 1 {
			id := p.Event.ID.Text(hub.EventPrefix)
			w.place[id] = len(w.ids)
			w.ids = append(w.ids, p.Event.ID)
			w.want[id] = 1
		}
	}
}

func (w *walk) answerAtRandom() {
	var answers []int
	for range w.random.IntN(6) {
		answers = append(answers, []int{200, 400, 500, 503}[w.random.IntN(4)])
	}
	w.r.mu.Lock()
	w.r.answers = append(answers, 200)
	w.r.mu.Unlock()
}

// advance lets everything arrive first where the rate is looked at, so that a call's time is that of its start.
func (w *walk) advance(d time.Duration) {
	if !w.rate.IsZero() {
		w.settle()
	}
	w.clock.Advance(d)
}

// meddle is a person who cancels a delivery, or has it tried now.
func (w *walk) meddle() {
	if len(w.ids) == 0 {
		return
	}
	id := w.ids[len(w.ids)-1-w.random.IntN(min(20, len(w.ids)))]
	d := hub.DeliveryID{Event: id, Target: w.target.No}
	if w.random.IntN(2) == 0 {
		if w.door.Cancel(context.Background(), tenant, d, "Jana") == nil {
			w.excused[id.Text(hub.EventPrefix)] = true
		}
		return
	}
	switch again, err := w.door.Retry(context.Background(), tenant, d); {
	case err != nil: // it was finished in between
	case again.Gen > 0:
		w.want[id.Text(hub.EventPrefix)]++
		w.excused[id.Text(hub.EventPrefix)] = true // it comes out of order
	}
}

// finish lets everything through and counts.
func (w *walk) finish() {
	w.patch(w.target, `{"active":true}`)
	w.resume(w.target, hub.Rate{})
	w.r.answer(200)
	left := int64(1)
	for range 300 {
		w.settle()
		var err error
		if left, _, err = w.store.Waiting(context.Background(), w.target.No); err != nil {
			w.t.Fatal(err)
		}
		if left == 0 {
			break
		}
		w.clock.Advance(10 * time.Second)
	}
	if left > 0 {
		w.t.Errorf("%d deliveries are owed and nobody sends them", left)
	}
	got := map[string]int{}
	last := map[string]int{}
	var starts []time.Time
	for _, c := range w.r.calls() {
		starts = append(starts, c.at)
		if c.status != 200 {
			continue
		}
		got[c.id]++
		lane := c.key
		if w.order == hub.OrderAll {
			lane = "all"
		}
		if lane == "" || w.excused[c.id] || w.order != hub.OrderKey && w.order != hub.OrderAll {
			continue
		}
		if w.place[c.id] < last[lane] {
			w.t.Errorf("number %d of lane %q arrived after number %d", w.place[c.id], lane, last[lane])
		}
		last[lane] = w.place[c.id]
	}
	for id, want := range w.want {
		if got[id] != want && !(w.excused[id] && got[id] < want) {
			w.t.Errorf("number %d arrived %d times, want %d", w.place[id], got[id], want)
		}
	}
	for i := w.rate.Count; !w.rate.IsZero() && i < len(starts); i++ {
		if took := starts[i].Sub(starts[i-w.rate.Count]); took < w.rate.Per {
			w.t.Errorf("%d starts within %s, want at most %d in %s", w.rate.Count+1, took, w.rate.Count, w.rate.Per)
		}
	}
}
