package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/await"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/receiver"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/internal/store"
	"hacek/packs"
)

func TestRule13_ReleaseFromQuarantine(t *testing.T) {
	eachStore(t, func(g *gate) {
		pipelines := map[int64]string{}
		for name, unverified := range map[string]bool{"careful": false, "told to": true} {
			p := hub.DefaultPipeline()
			p.Name, p.Unverified = name, unverified
			target := hub.Target{ID: hub.NewID(), Tenant: tenant, Kind: hub.KindPipeline, Name: name, Pipeline: p, State: hub.Active, StateAt: g.clock.Now(), CreatedAt: g.clock.Now()}
			if err := g.store.Write(g.ctx, func(tx *store.Tx) error { return tx.InsertTarget(g.ctx, &target, 0) }); err != nil {
				t.Fatal(err)
			}
			g.Ingest.SetTarget(target, 0)
			pipelines[target.No] = name
		}
		s := g.source(1, func(s *settings.Source) { s.DuplicateOf.Fields = []string{"body.eventInstance"} })
		g.want(g.send("POST", "/in/shop", signed(created, "old secret"), strings.NewReader(created)), 401, "")
		g.want(g.send("POST", "/in/shop", signed(created, "old secret"), strings.NewReader(created)), 401, "")
		kept := g.requests(s, 2)
		ids, err := g.Release(g.ctx, tenant, s.ID, kept[0].ID, "the secret was changed in the shop", "Jana")
		if err != nil || len(ids) != 1 {
			t.Fatalf("released %v, %v", ids, err)
		}
		e, err := g.store.Event(g.ctx, tenant, ids[0])
		if err != nil || !e.Unverified || e.Type != "order.created" || e.Key != "2018000057" {
			t.Errorf("event %+v, %v; want an unverified one", e, err)
		}
		if rows, err := g.store.DeliveriesOf(g.ctx, tenant, ids[0]); err != nil || len(rows) != 1 || pipelines[rows[0].Target] != "told to" {
			t.Errorf("owed to %+v, %v; want the pipeline that takes such events, and no other", rows, err)
		}
		if same, err := g.Release(g.ctx, tenant, s.ID, kept[1].ID, "", "Jana"); err != nil || len(same) != 1 || same[0] != ids[0] {
			t.Errorf("the repeat releases %v, %v; want the first one's event", same, err)
		}
		if n := len(g.events()); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		after := g.requests(s, 2)
		g.wantRequest(after[0], hub.RequestReleased, 401, `released by Jana: "the secret was changed in the shop"`)
		g.wantRequest(after[1], hub.RequestReleased, 401, "repeat")

		for name, try := range map[string]func() error{
			"a second time":         func() error { _, err := g.Release(g.ctx, tenant, s.ID, kept[0].ID, "", "Jana"); return err },
			"another tenant's":      func() error { _, err := g.Release(g.ctx, 2, s.ID, kept[0].ID, "", "Jana"); return err },
			"of another source":     func() error { _, err := g.Release(g.ctx, tenant, hub.NewID(), kept[0].ID, "", "Jana"); return err },
			"one that is not there": func() error { _, err := g.Release(g.ctx, tenant, s.ID, hub.NewID(), "", "Jana"); return err },
		} {
			if code := hub.CodeOf(try()); code != hub.NotFound && code != hub.Conflict {
				t.Errorf("%s: %s", name, code)
			}
		}
	})
}

// Without fields that tell repeats apart a release is still done once.
func TestRule13_ReleaseOfTheUnreadable(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	g.want(g.post("{\"event\": \"\xff\"}"), 200, "")
	kept := g.requests(s, 1)[0]
	ids, err := g.Release(g.ctx, tenant, s.ID, kept.ID, "", "Jana")
	if err != nil || len(ids) != 1 {
		t.Fatalf("released %v, %v", ids, err)
	}
	e := g.events()[0]
	if e.Unverified || string(e.Data) != `{"base64":"eyJldmVudCI6ICL/In0="}` {
		t.Errorf("event %+v %s; the signature was right", e, e.Data)
	}
}

// What our own rules refuse is no fault of the provider's: it is told that all is well, and a person mends the rule.
func TestM6_WhatTheSchemaRefusesWaitsInQuarantine(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1, func(s *settings.Source) { s.Split = "body.eventInstance" })
	g.Ingest.SetEventTypes([]ingest.EventRule{{Name: "order.created", Schema: []byte(`{"properties":{"eventInstance":{"maxLength":3}}}`)}})
	g.want(g.post(created), 200, "")
	g.wantRequest(g.requests(s, 1)[0], hub.RequestQuarantined, 200, "do not fit the schema of order.created")
	g.want(g.post(`{"event":"order:create","eventInstance":["123","12345"]}`), 200, "")
	g.wantRequest(g.requests(s, 2)[1], hub.RequestQuarantined, 200, "1 of 2 events cannot be taken")
	if n := len(g.events()); n != 1 {
		t.Errorf("%d events, want the one that fits", n)
	}
	g.Ingest.SetEventTypes(nil)
	for _, r := range g.requests(s, 2)[:1] {
		if _, err := g.Release(g.ctx, tenant, s.ID, r.ID, "", "Jana"); err != nil {
			t.Error(err)
		}
	}
	if n := len(g.events()); n != 2 || g.events()[1].Unverified {
		t.Errorf("%d events after the release", n)
	}
}

// A repeat of a thin notice may stand for a later change within the same second.
func TestRule8_ThinNotices(t *testing.T) {
	eachStore(t, func(g *gate) {
		p := hub.DefaultPipeline()
		p.Name = "orders"
		target := hub.Target{ID: hub.NewID(), Tenant: tenant, Kind: hub.KindPipeline, Name: p.Name, Pipeline: p, State: hub.Active, StateAt: g.clock.Now(), CreatedAt: g.clock.Now()}
		if err := g.store.Write(g.ctx, func(tx *store.Tx) error { return tx.InsertTarget(g.ctx, &target, 0) }); err != nil {
			t.Fatal(err)
		}
		g.Ingest.SetTarget(target, 0)
		var begun atomic.Bool
		g.Ingest.Sending = func(int64, int64) bool { return begun.Load() }
		s := g.source(1, func(s *settings.Source) {
			s.Thin, s.DuplicateOf.Fields = true, []string{"body.eventInstance", "body.eventCreated"}
		})
		owed := func() int {
			rows, err := g.store.DeliveriesOf(g.ctx, tenant, g.events()[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			return rows[0].Gen + 1 // the newest stands for all
		}
		g.want(g.post(created), 200, "")
		g.want(g.post(created), 200, "")
		if n := owed(); n != 1 {
			t.Errorf("%d runs before the first began, want 1", n)
		}
		begun.Store(true)
		g.want(g.post(created), 200, "")
		if n := owed(); n != 2 {
			t.Errorf("%d runs after the first began, want 2", n)
		}
		other := strings.Replace(created, "2018000057", "2018000058", 1)
		g.want(g.post(other), 200, "")
		if rows, err := g.store.DeliveriesOf(g.ctx, tenant, g.events()[1].ID); err != nil || len(rows) != 1 || rows[0].Gen != 0 {
			t.Errorf("a new notice runs twice: %+v, %v", rows, err)
		}
		s.Thin = false
		g.SetSource(s)
		g.want(g.post(created), 200, "")
		if n, events := owed(), len(g.events()); n != 2 || events != 2 {
			t.Errorf("%d runs of %d events, want 2 of 2", n, events)
		}
	})
}

// A flood of badly signed requests is counted whole and kept in part, and the rightly signed come through meanwhile.
func TestRule10_StrangersCannotFillTheDisk(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1, func(s *settings.Source) { s.DuplicateOf = hub.DuplicateOf{} })
	other := g.source(2, func(s *settings.Source) { s.Name, s.Path = "other", "other" })
	g.want(g.send("POST", "/in/other", nil, strings.NewReader(created)), 401, "")

	const flood, callers = 6000, 8
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			body := fmt.Sprintf(`{"stranger":%d}`, c)
			for range flood / callers {
				req, _ := http.NewRequestWithContext(context.Background(), "POST", "/in/shop", strings.NewReader(body))
				req.RemoteAddr = "203.0.113.9:5"
				w := &nobody{header: http.Header{}}
				g.ServeHTTP(w, req)
				if w.status != 401 {
					t.Errorf("a stranger is answered %d", w.status)
				}
			}
		})
	}
	for range 20 {
		g.want(g.post(created), 200, "")
	}
	wg.Wait()
	await.Until(g.t, "the count of the flood", func() bool { return g.counts(s)["quarantined"] == flood })
	await.Until(g.t, "what is kept to be written", func() bool {
		_, waiting, more := g.list(s, "quarantined", 250)
		return waiting && more
	})
	g.clock.Advance(time.Hour) // room for a ring's worth again
	for range receiver.RingRows {
		w := &nobody{header: http.Header{}}
		req, _ := http.NewRequestWithContext(context.Background(), "POST", "/in/shop", strings.NewReader(`{"late":1}`))
		g.ServeHTTP(w, req)
	}
	kept := func() int { n, _, _ := g.list(s, "quarantined", 1<<20); return n }
	await.Until(g.t, "the late ones", func() bool { return g.counts(s)["quarantined"] == flood+receiver.RingRows })
	late := func() int { return g.sized(s, len(`{"late":1}`)) }
	await.Until(g.t, "the late ones to be written", func() bool { return late() == receiver.RingRows })
	if n := kept(); n != receiver.RingRows {
		t.Errorf("%d requests are kept, want the newest %d", n, receiver.RingRows)
	}
	if n := len(g.events()); n != 20 {
		t.Errorf("%d events, want those of 20 rightly signed requests", n)
	}
	if n, _, _ := g.list(s, "accepted", 250); n != 20 {
		t.Errorf("%d accepted requests are kept, want 20", n)
	}
	if n, _, _ := g.list(other, "quarantined", 250); n != 1 {
		t.Errorf("%d requests of the other source are kept, want its own one", n)
	}
	// What a person releases makes room again: nothing older is pushed out for it.
	list, _, err := g.store.Requests(g.ctx, store.RequestFilter{Tenant: tenant, Source: s.No, Outcomes: []string{"quarantined"}}, store.Page{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if _, err := g.Release(g.ctx, tenant, s.ID, r.ID, "", "Jana"); err != nil {
			t.Fatal(err)
		}
	}
	g.clock.Advance(10 * time.Second)
	for range list {
		g.want(g.send("POST", "/in/shop", nil, strings.NewReader(created)), 401, "")
	}
	await.Until(g.t, "the ones behind the released to be written", func() bool { return g.sized(s, len(created)) == len(list) })
	if n := kept(); n != receiver.RingRows {
		t.Errorf("%d requests are kept after %d were released, want %d", n, len(list), receiver.RingRows)
	}
	g.clock.Advance(8 * 24 * time.Hour)
	g.want(g.send("POST", "/in/shop", nil, strings.NewReader(created)), 401, "")
	await.Until(g.t, "the old ones to go", func() bool { return kept() == 1 })
}

// sized counts a source's requests in quarantine with bodies of so many bytes.
func (g *gate) sized(s settings.Source, size int) (n int) {
	g.t.Helper()
	cursor := ""
	for {
		list, next, err := g.store.Requests(g.ctx, store.RequestFilter{Tenant: tenant, Source: s.No, Outcomes: []string{"quarantined"}}, store.Page{Limit: 250, Cursor: cursor})
		if err != nil {
			g.t.Fatal(err)
		}
		for _, r := range list {
			if r.Size == size {
				n++
			}
		}
		if cursor = next; next == "" {
			return n
		}
	}
}

// list counts a source's kept requests of an outcome.
func (g *gate) list(s settings.Source, outcome string, most int) (n int, some, full bool) {
	g.t.Helper()
	cursor := ""
	for {
		list, next, err := g.store.Requests(g.ctx, store.RequestFilter{Tenant: tenant, Source: s.No, Outcomes: []string{outcome}}, store.Page{Limit: 250, Cursor: cursor})
		if err != nil {
			g.t.Fatal(err)
		}
		n += len(list)
		if cursor = next; next == "" || n >= most {
			return n, n > 0, n >= most
		}
	}
}

// nobody is a caller that looks at the status only.
type nobody struct {
	header http.Header
	status int
}

func (n *nobody) Header() http.Header         { return n.header }
func (n *nobody) WriteHeader(status int)      { n.status = status }
func (n *nobody) Write(b []byte) (int, error) { return len(b), nil }

func TestRule9_CertificatesAndConfirmations(t *testing.T) {
	g := onSQLite(t)
	confirm := `{"name":"subscription","paths":{"body.Type":"SubscriptionConfirmation"},"verified":true,"token":"body.Token",
		"confirm":"https://sns.example/?Action=ConfirmSubscription&TopicArn=#body.TopicArn#&Token=#token#","answer":{"status":200}}`
	g.providers["sns"] = provider("sns", bodyScheme, confirm)
	g.providers["cert"] = &packs.Provider{Name: "cert", Scheme: signature.Scheme{
		Kind: "rsa", Hash: "sha256", Signed: []string{"#body#"}, Signature: []signature.Place{{Path: "header.Sig", Encoding: "base64"}},
		Fetched: &signature.Certificate{Path: "header.Cert", Hosts: []string{"api.example"}, PathMatch: `/certs/[a-z0-9]+`},
	}}
	var mu sync.Mutex
	var fetched, confirmed []string
	fail := true
	g.Fetch = func(_ context.Context, tenant int64, address string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		fetched = append(fetched, address)
		return nil, errors.New("no such host")
	}
	g.Confirm = func(_ context.Context, tenant int64, address string) error {
		confirmed = append(confirmed, address)
		if fail {
			return errors.New("timed out")
		}
		return nil
	}
	s := g.source(1, func(s *settings.Source) { s.Verify.Scheme = "sns" })
	body := `{"Type":"SubscriptionConfirmation","Token":"2336412f37","TopicArn":"arn:aws:sns:eu:1:a&b","SubscribeURL":"http://169.254.169.254/"}`
	g.want(g.send("POST", "/in/shop", nil, strings.NewReader(body)), 401, "")
	if len(confirmed) > 0 {
		t.Fatal("an unsigned subscription was confirmed")
	}
	g.want(g.post(body), 503, "not confirmed")
	fail = false
	g.want(g.post(body), 200, "")
	want := "https://sns.example/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aeu%3A1%3Aa%26b&Token=2336412f37"
	if len(confirmed) != 2 || confirmed[1] != want {
		t.Errorf("called %q, want %s", confirmed, want)
	}
	if n := len(g.events()); n != 0 {
		t.Errorf("%d events", n)
	}
	g.requests(s, 3)

	g.source(2, func(s *settings.Source) { s.Path, s.Verify = "cert", hub.Verify{Scheme: "cert"} })
	send := func(address string) answered {
		return g.send("POST", "/in/cert", http.Header{"Cert": {address}, "Sig": {"AAAA"}}, strings.NewReader("{}"))
	}
	for _, bad := range []string{"", "http://api.example/certs/a", "https://api.example.evil/certs/a", "https://evil/certs/a?api.example", "https://api.example/other/a", "https://u@api.example/certs/a"} {
		g.want(send(bad), 401, "")
	}
	if len(fetched) > 0 {
		t.Fatalf("fetched %q", fetched)
	}
	for range 3 {
		g.want(send("https://api.example/certs/a"), 503, "")
	}
	if len(fetched) != 1 {
		t.Errorf("one address was fetched %d times within a minute", len(fetched))
	}
	for i := range 30 {
		send(fmt.Sprintf("https://api.example/certs/b%d", i))
	}
	if len(fetched) != 10 {
		t.Errorf("%d fetches within a minute, want 10", len(fetched))
	}
	g.clock.Advance(2 * time.Minute)
	send("https://api.example/certs/a")
	if len(fetched) != 11 {
		t.Errorf("%d fetches, want one more after a minute", len(fetched))
	}
}

func TestRule18_SecretsAreNotInTheEvidence(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	header := signed(created, secret)
	header.Set("X-Token", secret)
	header.Set("Authorization", "Bearer other-secret")
	header.Set("Cookie", "a=other-secret")
	g.want(g.send("POST", "/in/shop?token="+secret, header, strings.NewReader(created)), 200, "")
	text := fmt.Sprintf("%+v", g.requests(s, 1)[0])
	if strings.Contains(text, secret) || strings.Contains(text, "other-secret") || !strings.Contains(text, "Bearer ***") {
		t.Errorf("kept: %s", text)
	}
}

func TestM6_PreviewOfRepeats(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	for i := range 12 {
		g.clock.Advance(time.Second)
		g.want(g.post(fmt.Sprintf(`{"event":"order:create","eventInstance":"%d","eventCreated":"%d"}`, i%5, i)), 200, "")
	}
	g.want(g.send("POST", "/in/shop", nil, strings.NewReader("{}")), 401, "")
	g.requests(s, 13)
	preview := func(change func(*settings.Source), last int) hub.SourcePreview {
		draft := s
		change(&draft)
		p, err := g.Preview(g.ctx, tenant, draft, last)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := preview(func(s *settings.Source) { s.DuplicateOf.Fields = []string{"body.event", "body.eventInstance"} }, 0)
	if p.Requests != 12 || p.Events != 5 || p.Repeats != 7 || len(p.Each) != 12 || p.Each[5].Events[0].RepeatOf != p.Each[0].ID {
		t.Errorf("%d requests would be %d events (%d repeats), want 12, 5, 7", p.Requests, p.Events, p.Repeats)
	}
	p = preview(func(s *settings.Source) {
		s.DuplicateOf = hub.DuplicateOf{Fields: []string{"body.eventInstance"}, Window: hub.Duration(5 * time.Second)}
	}, 0)
	if p.Events != 12 {
		t.Errorf("%d events with a window of 5 s, want 12", p.Events)
	}
	p = preview(func(s *settings.Source) { s.Accept.Condition = `data.eventInstance == "1"` }, 10)
	if p.Requests != 10 || p.Events != 2 || p.Ignored != 8 {
		t.Errorf("accepting one order: %+v", p)
	}
	since, err := g.PreviewSince(g.ctx, tenant, s, g.clock.Now().Add(-time.Hour))
	if err != nil || since.Requests != 12 || since.More {
		t.Errorf("of the last hour %+v %v", since, err)
	}
	if since, err = g.PreviewSince(g.ctx, tenant, s, g.clock.Now().Add(time.Hour)); err != nil || since.Requests != 0 {
		t.Errorf("of what is to come %+v %v", since, err)
	}
	if p := preview(func(*settings.Source) {}, 3); !p.More || p.Requests != 3 {
		t.Errorf("of twelve, three are all: %+v", p)
	}
	if n := len(g.events()); n != 12 {
		t.Errorf("the preview published: %d events", n)
	}
}

func TestM2_TriggerGoesTheWholeWay(t *testing.T) {
	g := onSQLite(t)
	g.providers["shop"].Samples = map[string]packs.Request{"order:create": {Headers: map[string]string{"X-Shop": "1"}, Body: []byte(created)}}
	s := g.source(1, func(s *settings.Source) { s.AllowNetworks = []string{"185.184.254.0/24"} })
	for _, name := range []string{"order:create", "order.created", ""} {
		r, err := g.Trigger(g.ctx, s, name)
		if err != nil || r.Outcome != hub.RequestAccepted || !r.Verified || len(r.Events) != 1 {
			t.Errorf("%q: %s %s, %v", name, r.Outcome, r.Reason, err)
		}
	}
	if _, err := g.Trigger(g.ctx, s, "order:creat"); err == nil {
		t.Error("a sample that is not there was sent")
	}
	g.providers["sealed"] = &packs.Provider{Name: "sealed", Samples: g.providers["shop"].Samples, Scheme: signature.Scheme{
		Kind: "rsa", Hash: "sha256", Signed: []string{"#body#"}, Signature: []signature.Place{{Path: "header.Sig", Encoding: "base64"}},
		Fetched: &signature.Certificate{Path: "header.Cert", Hosts: []string{"api.example"}, PathMatch: `/certs`},
	}}
	sealed := g.source(2, func(s *settings.Source) { s.Path, s.Verify = "sealed", hub.Verify{Scheme: "sealed"} })
	if _, err := g.Trigger(g.ctx, sealed, "order:create"); hub.CodeOf(err) != hub.Invalid {
		t.Errorf("only the provider can sign: %v", err)
	}
}
