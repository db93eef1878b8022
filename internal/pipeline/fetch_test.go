package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
)

const fetchOnly = `[{"type":"fetch","as":"order","request":{"url":"$URL/orders/#event.key#"},"auth":{"type":"bearer","token":"planted-geheim"},
	"success":{"status":["2xx"],"condition":"!has(response.json.errors) || response.json.errors == null"}%s}, {"type":"publish","event":{"type":"done","data":"#order#"}}]`

// What an API may answer instead of the record, and what becomes of the delivery.
func TestM9_BadAnswersOfTheShop(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(fmt.Sprintf(fetchOnly, ""))
	date := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	r.runner.Now = time.Now
	for name, bad := range map[string]struct {
		answer func(w http.ResponseWriter)
		result hub.Result
		words  string
		blame  bool
	}{
		"not found":          {func(w http.ResponseWriter) { w.WriteHeader(404) }, hub.Refused, "404", false},
		"not let in":         {func(w http.ResponseWriter) { w.WriteHeader(401) }, hub.Refused, "authentication of the step", false},
		"gone for good":      {func(w http.ResponseWriter) { w.WriteHeader(410) }, hub.StepFailed, "410", false},
		"an error inside":    {func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":null,"errors":[{"x":1}]}`) }, hub.Refused, "success condition", false},
		"a login page":       {func(w http.ResponseWriter) { fmt.Fprint(w, "<!DOCTYPE html><html>Přihlášení</html>") }, hub.Refused, "condition", false},
		"fewer calls please": {func(w http.ResponseWriter) { w.Header().Set("Retry-After", date); w.WriteHeader(429) }, hub.Refused, "429", true},
		"half a record":      {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); fmt.Fprint(w, `{"a":`) }, hub.Garbage, "broke off", true},
		"50 MB": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"a":"`)
			for range 50 {
				if _, err := fmt.Fprint(w, strings.Repeat("x", 1<<20)); err != nil {
					return
				}
			}
			fmt.Fprint(w, `"}`)
		}, hub.Refused, "more than 8 MiB", false},
	} {
		r.web.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { bad.answer(w) }
		res := r.run(c, call(r.event(`{}`)))
		a := res.Attempt
		if a.Result != bad.result || !strings.Contains(a.Error+a.Hint, bad.words) || a.BlamesTarget() != bad.blame || a.Final || len(r.published) > 0 {
			t.Errorf("%s: got %q (final %v, blames %v) %s; %s", name, a.Result, a.Final, a.BlamesTarget(), a.Error, a.Hint)
		}
		if name == "fewer calls please" && (a.RetryAfter < 80*time.Second || a.RetryAfter > 91*time.Second) {
			t.Errorf("the date asks for %s", a.RetryAfter)
		}
		if _, off := (hub.Health{}).ShouldDisable(&a, 0, time.Time{}, time.Now()); off {
			t.Errorf("%s: one record switches the pipeline off", name)
		}
		if len(a.Response.Body) > 64<<10 || len(a.Steps[0].Output) > maxEvidence+10 {
			t.Errorf("%s: %d bytes of evidence", name, len(a.Response.Body))
		}
	}
	// A record of several MiB is taken whole, byte for byte.
	large := `{"n":12345678901234567890,"text":"` + strings.Repeat("ž", 1<<20) + `<>&"}`
	r.web.answers(large)
	want(t, r.run(c, call(r.event(`{}`))), hub.Succeeded)
	if string(r.published[0].Data) != large {
		t.Errorf("got %d bytes, want %d", len(r.published[0].Data), len(large))
	}
	// XML is a record too; what is neither is none.
	r.pipelineWants(`<order><code>7</code><item>a</item><item>b</item></order>`, `{"order":{"code":"7","item":["a","b"]}}`)
	plain := r.pipeline(`[{"type":"fetch","as":"o","request":{"url":"$URL/plain"}}]`)
	r.web.answers("OK")
	want(t, r.run(plain, call(r.event(`{}`))), hub.StepFailed, "neither with JSON nor with XML")
}

// pipelineWants fetches an answer and looks at what the next step sees.
func (r *rig) pipelineWants(answer, seen string) {
	r.t.Helper()
	r.web.answers(answer)
	e := r.event(`{}`)
	want(r.t, r.run(r.pipeline(`[{"type":"fetch","as":"order","request":{"url":"$URL/xml"}},{"type":"publish","event":{"type":"done","data":"#order#"}}]`), call(e)), hub.Succeeded)
	if got := string(r.published[len(r.published)-1].Data); got != seen {
		r.t.Errorf("got %s, want %s", got, seen)
	}
}

func TestM9_FetchWithExchangedToken(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"fetch","as":"o","request":{"url":"$URL/o/#key#"},"auth":{"type":"exchange","request":{"method":"GET","url":"$URL/token","headers":{"Authorization":"Bearer long-lived-secret"}},"token_path":"access_token"}},
		{"type":"map","as":"m","fields":{"echo":"#o.echo#"}}]`)
	r.web.answer = func(w http.ResponseWriter, q *http.Request, _ int) {
		if q.URL.Path == "/token" {
			fmt.Fprintf(w, `{"access_token":"short-lived-%s"}`, q.Header.Get("Authorization")[7:])
			return
		}
		fmt.Fprintf(w, `{"echo":"%s"}`, q.Header.Get("Authorization"))
	}
	for i := range 2 {
		res := r.run(c, call(r.event(fmt.Sprintf(`{"key":%d}`, i))))
		want(t, res, hub.Succeeded)
		if text := fmt.Sprintf("%+v", res.Attempt); strings.Contains(text, "lived") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	if n := len(r.web.calls()); n != 3 {
		t.Errorf("%d calls, want one for the token and two for the records", n)
	}
	if got := r.web.calls()[1].Header.Get("Authorization"); got != "Bearer short-lived-long-lived-secret" {
		t.Errorf("asked with %q", got)
	}
}

// Several notices for one record are answered by one fetch, if it began after they came.
func TestM9_NoticesShareAFetch(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(fmt.Sprintf(fetchOnly, ""))
	began, release := make(chan bool, 10), make(chan bool)
	var served atomic.Int32
	r.web.answer = func(w http.ResponseWriter, _ *http.Request, n int) {
		served.Add(1)
		began <- true
		if n == 1 {
			<-release
		}
		fmt.Fprintf(w, `{"n":%d}`, n)
	}
	early := r.event(`{}`)
	r.advance(time.Second)
	late := r.event(`{}`) // also before the fetch
	r.advance(time.Second)
	var wg sync.WaitGroup
	results := make([]Result, 3)
	run := func(i int, e *hub.Event) { wg.Go(func() { results[i] = r.runner.Run(t.Context(), c, call(e)) }) }
	run(0, early)
	<-began
	run(1, late)
	r.advance(time.Second)
	newest := r.event(`{}`) // while the fetch is under way: its answer may be older than this
	r.advance(time.Second)
	run(2, newest)
	<-began // it waits for nobody's older answer
	close(release)
	wg.Wait()
	if n := served.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
	// The run in the middle may take either answer; the one whose event came last may not take the first.
	for i, n := range []string{"1", "12", "2"} {
		want(t, results[i], hub.Succeeded)
		var got string
		if _, err := fmt.Sscanf(string(r.publishedFor(results[i])), `{"n":%1s}`, &got); err != nil || !strings.Contains(n, got) {
			t.Errorf("run %d was answered %q (%v), want %s", i, got, err, n)
		}
	}
	if got := results[1].Attempt.Steps[0].Input; !strings.Contains(got, "for another event") {
		t.Errorf("the evidence does not say whose fetch it was: %s", got)
	}
	// Another caller, another record, or later: a fetch of its own.
	other := r.pipeline(strings.ReplaceAll(fmt.Sprintf(fetchOnly, ""), "planted-geheim", "another-secret"))
	want(t, r.run(other, call(late)), hub.Succeeded)
	foreign, err := Compile(settings(t, strings.ReplaceAll(fmt.Sprintf(fetchOnly, ""), "$URL", r.web.URL)), 2)
	if err != nil {
		t.Fatal(err)
	}
	want(t, r.run(foreign, call(late)), hub.Succeeded)
	r.advance(time.Hour)
	want(t, r.run(c, call(late)), hub.Succeeded)
	if n := served.Load(); n != 5 {
		t.Errorf("%d fetches, want 5: identities must not be mixed, and nothing is kept for ever", n)
	}
}

// A notice that comes again makes no second event, but the original's run asks once more: the answer to the first may
// be older than the second notice. The same holds for a replay by a person.
func TestRule8_RepeatedNoticeIsFetchedAnew(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(fmt.Sprintf(fetchOnly, ""))
	r.web.answers(`{"n":1}`, `{"n":2}`)
	e := r.event(`{}`)
	r.advance(time.Second)
	in := call(e)
	for gen, seen := range []string{`{"n":1}`, `{"n":2}`} {
		in.DeliveryID = hub.DeliveryID{Event: e.ID, Target: 1, Gen: gen}.Text()
		want(t, r.run(c, in), hub.Succeeded)
		if got := string(r.published[gen].Data); got != seen {
			t.Errorf("run %d saw %s, want %s", gen, got, seen)
		}
		r.advance(time.Second)
	}
}

// publishedFor is the data that a run published, as its evidence shows it.
func (r *rig) publishedFor(res Result) []byte {
	_, data, _ := strings.Cut(res.Attempt.Steps[1].Input, `"data":`)
	return []byte(data)
}

// A failed fetch serves nobody later, and a stopped one nobody at all.
func TestM9_FailedFetchIsNotShared(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(fmt.Sprintf(fetchOnly, ""))
	r.web.answers("500 ", `{"n":1}`)
	e := r.event(`{}`)
	r.advance(time.Second)
	want(t, r.run(c, call(e)), hub.Refused)
	want(t, r.run(c, call(e)), hub.Succeeded)

	began := make(chan bool, 2)
	release := make(chan bool)
	r.web.answer = func(w http.ResponseWriter, q *http.Request, n int) {
		began <- true
		select {
		case <-release:
		case <-q.Context().Done():
		}
		fmt.Fprint(w, `{"n":2}`)
	}
	r.advance(time.Hour)
	e = r.event(`{}`)
	r.advance(time.Second)
	ctx, stop := context.WithCancel(t.Context())
	results := make([]Result, 2)
	var wg sync.WaitGroup
	wg.Go(func() { results[0] = r.runner.Run(ctx, c, call(e)) })
	<-began
	wg.Go(func() { results[1] = r.runner.Run(t.Context(), c, call(e)) })
	stop()
	<-began
	close(release)
	wg.Wait()
	want(t, results[0], hub.Interrupted)
	want(t, results[1], hub.Succeeded)
}

// The shop's API may be behind its own notice: again, until the record is there or has changed.
func TestM9_FetchedAgainUntilItIsThere(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(fmt.Sprintf(fetchOnly, `,"again":{"status":["404"],"version":"order.changed","every":"10s","for":"30s"}`))
	r.web.answers("404 ", "404 ", `{"changed":"1"}`)
	in := call(r.event(`{}`))
	for i := range 2 {
		res := r.run(c, in)
		want(t, res, hub.Waiting, "404")
		if res.Attempt.Wait != 10*time.Second || len(r.published) > 0 {
			t.Errorf("try %d: wait %s", i, res.Attempt.Wait)
		}
		in.Progress = res.Progress
		r.advance(res.Attempt.Wait)
	}
	want(t, r.run(c, in), hub.Succeeded)

	// The next notice finds the same version: asked again, then taken as it is.
	r.advance(time.Second)
	in = call(r.event(`{}`))
	r.web.answers(`{"changed":"1"}`, `{"changed":"2"}`)
	r.advance(time.Second)
	res := r.run(c, in)
	want(t, res, hub.Waiting, "version is still 1")
	in.Progress = res.Progress
	r.advance(res.Attempt.Wait)
	want(t, r.run(c, in), hub.Succeeded)
	if got := string(r.published[1].Data); got != `{"changed":"2"}` {
		t.Errorf("published %s", got)
	}
	r.advance(time.Second)
	in = call(r.event(`{}`))
	waits := 0
	for {
		r.advance(time.Millisecond)
		res = r.run(c, in)
		if res.Attempt.Result != hub.Waiting || waits > 10 {
			break
		}
		waits++
		in.Progress = res.Progress
		r.advance(res.Attempt.Wait)
	}
	want(t, res, hub.Succeeded)
	if waits != 3 {
		t.Errorf("waited %d times, want 3: 30 s, every 10 s", waits)
	}

	// It never comes: then the step has failed.
	r.web.answers("404 ")
	r.advance(time.Hour)
	in = call(r.event(`{}`))
	for range 3 {
		res = r.run(c, in)
		in.Progress = res.Progress
		r.advance(res.Attempt.Wait)
	}
	want(t, r.run(c, in), hub.Refused, "404")
}

// No more than the step's limits let through, whatever the pipeline's own.
func TestM9_FetchLimits(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"fetch","as":"o","request":{"url":"$URL/#n#"},"limits":{"concurrency":2}}]`)
	var now, most atomic.Int32
	two := make(chan bool) // closed when two are inside
	var once sync.Once
	r.web.answer = func(w http.ResponseWriter, _ *http.Request, _ int) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == 2 {
			once.Do(func() { close(two) })
		}
		<-two
		now.Add(-1)
		fmt.Fprint(w, `{}`)
	}
	var wg sync.WaitGroup
	for i := range 12 {
		e := r.event(fmt.Sprintf(`{"n":%d}`, i))
		wg.Go(func() {
			if a := r.runner.Run(t.Context(), c, call(e)).Attempt; a.Result != hub.Succeeded {
				t.Errorf("%s: %s", a.Result, a.Error)
			}
		})
	}
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("%d calls at once, want 2", most.Load())
	}

	// A rate: who comes too early is told when to come, and then is not told again.
	r.web.answers(`{}`)
	c = r.pipeline(`[{"type":"fetch","as":"p","request":{"url":"$URL/#n#"},"limits":{"rate":"2/m"}}]`)
	var waits []time.Duration
	var calls []Call
	for i := range 5 {
		in := call(r.event(fmt.Sprintf(`{"n":%d}`, 100+i)))
		res := r.run(c, in)
		waits = append(waits, res.Attempt.Wait.Round(time.Second))
		in.Progress = res.Progress
		calls = append(calls, in)
	}
	if got, want := fmt.Sprint(waits), "[0s 0s 1m0s 1m0s 2m0s]"; got != want {
		t.Errorf("waits %s, want %s", got, want)
	}
	r.advance(time.Minute + 2*time.Millisecond)
	for _, in := range calls[2:4] {
		want(t, r.run(c, in), hub.Succeeded)
	}
	r.advance(time.Minute)
	want(t, r.run(c, calls[4]), hub.Succeeded)

	// A faster rate helps at once, also those that had been given a late turn.
	in := call(r.event(`{"n":200}`))
	for i := range 6 {
		in = call(r.event(fmt.Sprintf(`{"n":%d}`, 200+i)))
		in.Progress = r.run(c, in).Progress
	}
	c = r.pipeline(`[{"type":"fetch","as":"p","request":{"url":"$URL/#n#"},"limits":{"rate":"2/s"}}]`)
	want(t, r.run(c, in), hub.Succeeded)
}

// A place that is free goes to who waits longest; who gives up waiting takes none with him.
func TestM9_GateHandsOnItsPlaces(t *testing.T) {
	g := &gate{}
	g.join(member{"orders", 1}, limits{concurrency: 2})
	waiting := func(n int) {
		t.Helper()
		deadline := time.Now().Add(5 * time.Second)
		for {
			g.mu.Lock()
			got := len(g.queue)
			g.mu.Unlock()
			if got == n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d are waiting, want %d", got, n)
			}
			runtime.Gosched()
		}
	}
	var leave [2]func()
	for i := range leave {
		var err error
		if leave[i], err = g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	gaveUp, entered := make(chan error), make(chan func())
	go func() { _, err := g.enter(ctx); gaveUp <- err }()
	waiting(1)
	go func() {
		leave, err := g.enter(t.Context())
		if err != nil {
			t.Error(err)
		}
		entered <- leave
	}()
	waiting(2)
	stop()
	if err := <-gaveUp; err == nil {
		t.Error("a stopped run got a place")
	}
	leave[0]()
	(<-entered)()
	leave[1]()
	if g.running != 0 || len(g.queue) != 0 {
		t.Errorf("%d inside, %d waiting", g.running, len(g.queue))
	}
}
