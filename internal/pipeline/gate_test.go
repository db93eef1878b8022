package pipeline

import (
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

const withToken = `[{"type":"fetch","as":"o","request":{"url":"$URL/%s/#n#"},"limits":{"concurrency":%d},
	"auth":{"type":"exchange","request":{"method":"GET","url":"$URL/token","headers":{"Authorization":"Bearer of-the-shop"}},"token_path":"t","header":"Shoptet-Access-Token: #token#"}}]`

// named compiles a pipeline of a tenant under a name.
func (r *rig) named(tenant int64, name, steps string) *Compiled {
	r.t.Helper()
	p := settings(r.t, strings.ReplaceAll(steps, "$URL", r.web.URL))
	p.Name = name
	c, err := Compile(p, tenant)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// atGates is how many calls are inside the gates, and how many wait before them.
func (r *rig) atGates() (inside, waiting int) {
	r.runner.mu.Lock()
	defer r.runner.mu.Unlock()
	for _, g := range r.runner.gates {
		g.mu.Lock()
		inside, waiting = inside+g.running, waiting+len(g.queue)
		g.mu.Unlock()
	}
	return inside, waiting
}

// A shop counts the calls of a token, whoever makes them: two pipelines that share one keep to three together.
func TestM9_PipelinesThatShareATokenShareItsLimits(t *testing.T) {
	r := newRig(t)
	var now, most, refused atomic.Int32
	release := make(chan bool) // closed when all have come, and those who were let in are at the shop
	r.web.answer = func(w http.ResponseWriter, q *http.Request, _ int) {
		if q.URL.Path == "/token" {
			fmt.Fprint(w, `{"t":"222651-a"}`)
			return
		}
		n := now.Add(1)
		if n > 3 {
			now.Add(-1)
			refused.Add(1)
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		now.Add(-1)
		fmt.Fprint(w, `{}`)
	}
	orders, customers := r.named(1, "orders", fmt.Sprintf(withToken, "orders", 3)), r.named(1, "customers", fmt.Sprintf(withToken, "customers", 3))
	var wg sync.WaitGroup
	for i := range 20 {
		for _, c := range []*Compiled{orders, customers} {
			e := r.event(fmt.Sprintf(`{"n":%d}`, i))
			wg.Go(func() {
				if a := r.runner.Run(t.Context(), c, call(e)).Attempt; a.Result != hub.Succeeded {
					t.Errorf("%s: %s: %s", c.name, a.Result, a.Error)
				}
			})
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		inside, waiting := r.atGates()
		if inside+waiting+int(refused.Load()) == 40 && inside == int(now.Load()) {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d and %d came to the gate, want 40", inside, waiting)
			break
		}
	}
	close(release)
	wg.Wait()
	if most.Load() != 3 || refused.Load() != 0 {
		t.Errorf("%d calls at once, want 3; %d were refused", most.Load(), refused.Load())
	}
}

// Whose calls are counted together: one tenant's, to one host, as one caller.
func TestRule2_LimitsAreSharedByNobodyElse(t *testing.T) {
	r := newRig(t)
	gate := func(tenant int64, name, steps string) gateKey {
		key, limited := r.named(tenant, name, steps).gateOf(&r.named(tenant, name, steps).steps[0])
		if !limited {
			t.Errorf("%s has no gate", name)
		}
		return key
	}
	steps := fmt.Sprintf(withToken, "orders", 3)
	first := gate(1, "orders", steps)
	bare := `[{"type":"fetch","as":"o","request":{"url":"$URL/#n#"},"limits":{"concurrency":2}}]`
	for name, c := range map[string]struct {
		key  gateKey
		same bool
	}{
		"another pipeline, path and limit": {gate(1, "customers", fmt.Sprintf(withToken, "customers", 1)), true},
		"without limits of its own":        {gate(1, "free", strings.Replace(steps, `"limits":{"concurrency":3},`, "", 1)), true},
		"the host in capitals":             {gate(1, "orders", strings.Replace(steps, `"$URL/orders`, `"`+strings.Replace(r.web.URL, "http", "HTTP", 1)+`/orders`, 1)), true},
		"another tenant":                   {gate(2, "orders", steps), false},
		"another secret":                   {gate(1, "orders", strings.Replace(steps, "of-the-shop", "of-another", 1)), false},
		"another host":                     {gate(1, "orders", strings.Replace(steps, "$URL/orders", "http://127.0.0.1:9/orders", 1)), false},
		"nobody":                           {gate(1, "orders", bare), false},
	} {
		if got := c.key == first; got != c.same {
			t.Errorf("%s: shares the gate: %v, want %v", name, got, c.same)
		}
	}
	if gate(1, "a", bare) == gate(1, "b", bare) {
		t.Error("two steps without credentials share a gate")
	}
	two := r.named(1, "two", `[{"type":"fetch","as":"a","request":{"url":"$URL/a"},"limits":{"concurrency":2}},{"type":"fetch","as":"b","request":{"url":"$URL/b"},"limits":{"concurrency":2}}]`)
	one, _ := two.gateOf(&two.steps[0])
	if next, _ := two.gateOf(&two.steps[1]); one == next {
		t.Error("two steps of a pipeline, without credentials, share a gate")
	}
	// Each part of the credentials counts: who it is, and what it is proved by.
	callers := map[gateKey]string{}
	for _, auth := range []string{
		`"type":"basic","username":"one","password":"planted-1"`, `"type":"basic","username":"two","password":"planted-1"`,
		`"type":"basic","username":"one","password":"planted-2"`, `"type":"bearer","token":"planted-1"`, `"type":"bearer","token":"planted-2"`,
		`"type":"api_key","in":"header","name":"X-Key","value":"planted-1"`, `"type":"api_key","in":"header","name":"X-Token","value":"planted-1"`,
	} {
		key := gate(1, "orders", `[{"type":"fetch","as":"o","request":{"url":"$URL/#n#"},"auth":{`+auth+`}}]`)
		if old, shared := callers[key]; shared {
			t.Errorf("%s shares the gate of %s", auth, old)
		}
		callers[key] = auth
	}
}

// Where steps that share a gate differ, the strictest holds, for as long as such a step is about.
func TestM9_TheStrictestLimitHolds(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	g := &gate{}
	loose, strict, free := member{"orders", 1}, member{"stock", 1}, member{"audit", 2}
	g.join(loose, limits{concurrency: 3, rate: hub.Rate{Count: 10, Per: time.Second}, at: at})
	g.join(strict, limits{concurrency: 1, rate: hub.Rate{Count: 2, Per: time.Minute}, at: at})
	g.join(free, limits{at: at})
	if g.limit != 1 {
		t.Errorf("the limit is %d, want 1", g.limit)
	}
	var waits []time.Duration
	for range 4 {
		turn, _ := g.plan(at)
		waits = append(waits, turn.Sub(at))
	}
	if got, want := fmt.Sprint(waits), "[0s 0s 1m0s 1m0s]"; got != want {
		t.Errorf("waits %s, want %s", got, want)
	}
	if _, by := g.plan(at); by.String() != "2/m" {
		t.Errorf("it waits for the rate %s", by)
	}
	// The strict step passes no more: after a while the others hold, and what it had planned holds nobody up.
	at = at.Add(limitsLast)
	g.join(loose, limits{concurrency: 3, rate: hub.Rate{Count: 10, Per: time.Second}, at: at})
	if turn, _ := g.plan(at); g.limit != 3 || !turn.Equal(at) || len(g.members) != 1 {
		t.Errorf("the limit is %d, the turn in %s, %d members", g.limit, turn.Sub(at), len(g.members))
	}
	// Nobody keeps a gate that nobody uses.
	r := &Runner{}
	a, b := gateKey{tenant: 1}, gateKey{tenant: 2}
	r.gate(a, loose, limits{concurrency: 1, at: at})
	inside := r.gate(a, loose, limits{concurrency: 1, at: at})
	leave, err := inside.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.gate(b, loose, limits{at: at.Add(time.Hour)})
	if len(r.gates) != 2 {
		t.Errorf("a gate is gone while somebody is inside")
	}
	leave()
	r.gate(gateKey{tenant: 3}, loose, limits{at: at.Add(2 * time.Hour)})
	if len(r.gates) != 1 {
		t.Errorf("%d gates are kept, want 1", len(r.gates))
	}
}
