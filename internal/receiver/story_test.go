package receiver_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/await"
	"hacek/internal/hub"
	"hacek/internal/receiver"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

const created = `{"eshopId":1,"event":"order:create","eventInstance":"2018000057","eventCreated":"2026-01-05T10:00:00+0100"}`

func TestM2_N6_RawBytesAreKeptAndTheAnswerIsExact(t *testing.T) {
	eachStore(t, func(g *gate) {
		s := g.source(1, func(s *settings.Source) {
			s.Time = "body.eventCreated"
			s.Respond = hub.Respond{Status: 202, Body: `<ack>true</ack>`, ContentType: "text/xml"}
		})
		spaced := " " + created + "\n"
		got := g.post(spaced)
		g.want(got, 202, `<ack>true</ack>`)
		if got.body != `<ack>true</ack>` || got.header.Get("Content-Type") != "text/xml" {
			t.Errorf("answered %q as %s", got.body, got.header.Get("Content-Type"))
		}
		events := g.events()
		if len(events) != 1 {
			t.Fatalf("%d events", len(events))
		}
		e := events[0]
		if e.Type != "order.created" || e.VendorType != "order:create" || e.Key != "2018000057" || e.Source != "shop" || e.Unverified ||
			hub.TimeText(e.Time) != "2026-01-05T09:00:00.000Z" || string(e.Data) != created {
			t.Errorf("event %+v %s", e, e.Data)
		}
		kept := g.requests(s, 1)[0]
		g.wantRequest(kept, hub.RequestAccepted, 202, "")
		if !kept.Verified || string(kept.Body) != spaced || kept.Size != len(spaced) || kept.Peer != "127.0.0.1" || len(kept.Events) != 1 || kept.Events[0] != e.ID {
			t.Errorf("kept %+v", kept)
		}
	})
}

func TestM2_CompressedRequest(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(created))
	_ = w.Close()
	header := signed(created, secret)
	header.Set("Content-Encoding", "gzip")
	g.want(g.send("POST", "/in/shop", header, &b), 200, "")
	if kept := g.requests(s, 1)[0]; string(kept.Body) != created || kept.Outcome != hub.RequestAccepted {
		t.Errorf("kept %s %s", kept.Outcome, kept.Body)
	}
}

func TestM2_WrongSignatureGoesIntoQuarantine(t *testing.T) {
	eachStore(t, func(g *gate) {
		s := g.source(1)
		for _, header := range []http.Header{
			nil, {"Shop-Signature": {""}}, {"Shop-Signature": {"zz"}}, {"Shop-Signature": {"\xff\xfeř"}}, signed(created, "another"), signed(created, ""),
			{"Shop-Signature": {strings.Repeat("a", 60_000)}},
		} {
			got := g.send("POST", "/in/shop", header, strings.NewReader(created))
			g.want(got, 401, "the signature does not hold")
		}
		huge := g.send("POST", "/in/shop", http.Header{"Shop-Signature": {strings.Repeat("a", 1<<20)}}, strings.NewReader(created))
		if huge.status != 401 && huge.status != 431 {
			t.Errorf("a signature of 1 MB: %d", huge.status)
		}
		if n := len(g.events()); n != 0 {
			t.Errorf("%d events of wrongly signed requests", n)
		}
		n := 7
		if huge.status == 401 {
			n++
		}
		for _, r := range g.requests(s, n) {
			g.wantRequest(r, hub.RequestQuarantined, 401, "")
			if r.Verified || r.Reason == "" || string(r.Body) != created {
				t.Errorf("kept %+v", r)
			}
		}
	})
}

func TestRule6_ADowngradeIsRefused(t *testing.T) {
	g := onSQLite(t)
	sign := func(path string) answered {
		return g.send("POST", "/in/"+path, signed(created, ""), strings.NewReader(created))
	}
	g.source(1, func(s *settings.Source) { s.Path, s.Verify.Secrets = "no-secret", nil })
	g.want(sign("no-secret"), 401, "")
	g.source(2, func(s *settings.Source) { s.Path, s.Verify.Secrets = "empty", []hub.Secret{hub.NewSecret("")} })
	g.want(sign("empty"), 401, "")
	g.source(3, func(s *settings.Source) { s.Path, s.Verify.Scheme = "unknown", "nobody" })
	g.want(sign("unknown"), 503, "")
	g.source(4, func(s *settings.Source) { s.Path, s.Verify.Scheme = "unsaid", "" })
	g.want(sign("unsaid"), 503, "")
	g.source(5, func(s *settings.Source) { s.Path, s.Verify = "open", hub.Verify{Scheme: hub.SchemeNone} })
	g.want(sign("open"), 503, "")
	g.providers["bare"] = provider("bare", `{"kind":"none"}`)
	g.source(6, func(s *settings.Source) { s.Path, s.Verify = "bare", hub.Verify{Scheme: "bare"} })
	g.want(sign("bare"), 503, "")
	g.source(7, func(s *settings.Source) {
		s.Path, s.Verify, s.AllowNetworks = "hole", hub.Verify{Scheme: hub.SchemeNone}, []string{"nonsense"}
	})
	g.want(sign("hole"), 403, "")
	g.source(10, func(s *settings.Source) {
		s.Path, s.Verify, s.AllowNetworks = "half", hub.Verify{Scheme: hub.SchemeNone}, []string{"nonsense", "127.0.0.1"}
	})
	g.want(sign("half"), 503, "")
	if n := len(g.events()); n != 0 {
		t.Fatalf("%d events", n)
	}
	g.source(8, func(s *settings.Source) {
		s.Path, s.Verify, s.AllowNetworks = "inside", hub.Verify{Scheme: hub.SchemeNone}, []string{"127.0.0.0/8"}
	})
	g.want(sign("inside"), 200, "")
	g.source(9, func(s *settings.Source) {
		s.Path, s.Verify = "k7q2mzx4a6bt3cwd5yfe2ghjlr", hub.Verify{Scheme: hub.SchemeNone}
	})
	g.want(sign("k7q2mzx4a6bt3cwd5yfe2ghjlr"), 200, "")
}

func TestM1_OnlyAllowedNetworks(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1, func(s *settings.Source) { s.AllowNetworks = []string{"185.184.254.0/24", "127.0.0.2"} })
	g.want(g.post(created), 403, "not from this network")
	g.wantRequest(g.requests(s, 1)[0], hub.RequestQuarantined, 403, "127.0.0.1, which is in none of")
	s.AllowNetworks = append(s.AllowNetworks, "127.0.0.1")
	g.SetSource(s)
	g.want(g.post(created), 200, "")
}

func TestM3_AChangeCountsFromTheNextRequestOn(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	g.want(g.post(created), 200, "")
	s.Active = false
	g.SetSource(s)
	off := g.post(created)
	g.want(off, 503, "switched off")
	if off.header.Get("Retry-After") == "" {
		t.Error("nobody is told when to come again")
	}
	s.Active, s.Path = true, "new"
	s.Verify.Secrets = []hub.Secret{hub.NewSecret("new"), hub.NewSecret(secret)} // rotation: both are live
	g.SetSource(s)
	g.want(g.post(created), 404, "")
	g.want(g.send("POST", "/in/new", signed(created, secret), strings.NewReader(created)), 200, "")
	g.want(g.send("POST", "/in/new", signed(created, "new"), strings.NewReader(created)), 200, "")
	s.Verify.Secrets = s.Verify.Secrets[:1]
	g.SetSource(s)
	g.want(g.send("POST", "/in/new", signed(created, secret), strings.NewReader(created)), 401, "")
	s.Deleted = true
	g.SetSource(s)
	g.want(g.send("POST", "/in/new", signed(created, "new"), strings.NewReader(created)), 404, "")
	await.Until(g.t, "the counters", func() bool { c := g.counts(s); return c["accepted"] == 3 && c["off"] == 1 && c["quarantined"] == 1 })
	if c := g.Counts(); c["accepted"] != 3 || c["off"] != 1 || c["quarantined"] != 1 || len(c) != 3 {
		t.Errorf("counted since the start: %v", c)
	}
}

func TestM6_IgnoredRequestsAreKeptWithTheReason(t *testing.T) {
	eachStore(t, func(g *gate) {
		s := g.source(1, func(s *settings.Source) { s.Accept.EventTypes = []string{"order.*"} })
		g.want(g.post(`{"event":"stock:movement"}`), 200, "")
		g.want(g.post(created), 200, "")
		if n := len(g.events()); n != 1 {
			t.Errorf("%d events, want the accepted one", n)
		}
		kept := g.requests(s, 2)
		g.wantRequest(kept[0], hub.RequestIgnored, 200, "does not accept the event type stock:movement")
		g.wantRequest(kept[1], hub.RequestAccepted, 200, "")
		await.Until(g.t, "the counters", func() bool { c := g.counts(s); return c["ignored"] == 1 && c["accepted"] == 1 })
	})
}

func TestM6_RepeatsAreAnsweredAlikeAndBecomeNoSecondEvent(t *testing.T) {
	eachStore(t, func(g *gate) {
		s := g.source(1, func(s *settings.Source) {
			s.DuplicateOf = hub.DuplicateOf{Fields: []string{"body.event", "body.eventInstance", "body.eventCreated"}, Window: hub.Duration(48 * time.Hour)}
		})
		bad := strings.Replace(created, "2018000057", "9", 1)
		g.want(g.send("POST", "/in/shop", signed(created, secret), strings.NewReader(bad)), 401, "") // must not make the right one a repeat
		g.want(g.post(bad), 200, "")
		first := g.post(created)
		again := g.post(strings.Replace(created, `"eshopId":1`, `"eshopId":2`, 1))
		if first.status != again.status || first.body != again.body {
			t.Errorf("a repeat is answered %+v, the first %+v", again, first)
		}
		if n := len(g.events()); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
		g.clock.Advance(49 * time.Hour)
		g.want(g.post(created), 200, "")
		if n := len(g.events()); n != 3 {
			t.Errorf("%d events after the window, want 3", n)
		}
		var fates []string
		for _, r := range g.requests(s, 5) {
			fates = append(fates, r.Outcome)
		}
		if got := strings.Join(fates, " "); got != "quarantined accepted accepted duplicate accepted" {
			t.Errorf("fates: %s", got)
		}
	})
}

// Two sources that receive the same ids do not swallow each other's events.
func TestM6_RepeatsAreOfOneSource(t *testing.T) {
	g := onSQLite(t)
	same := func(s *settings.Source) { s.DuplicateOf.Fields = []string{"body.eventInstance"} }
	g.source(1, same)
	g.source(2, same, func(s *settings.Source) { s.Name, s.Path = "second", "second" })
	g.want(g.post(created), 200, "")
	g.want(g.send("POST", "/in/second", signed(created, secret), strings.NewReader(created)), 200, "")
	if n := len(g.events()); n != 2 {
		t.Errorf("%d events, want one of each source", n)
	}
}

func TestM8_UnknownTypesAreKept(t *testing.T) {
	g := onSQLite(t)
	g.source(1)
	g.want(g.post(`{"event":"tax:recalculated","eventInstance":"1"}`), 200, "")
	g.want(g.post(`{"eventInstance":"2"}`), 200, "")
	events := g.events()
	if len(events) != 2 || events[0].Type != "tax:recalculated" || events[1].Type != "unknown" {
		t.Errorf("events %+v", events)
	}
}

func TestM9_AMassEventBecomesManyInOneCommit(t *testing.T) {
	eachStore(t, func(g *gate) {
		s := g.source(1, func(s *settings.Source) {
			s.Split, s.Accept.Condition = "body.eventInstance", `data.eventInstance != "B"`
		})
		g.want(g.post(`{"event":"order:massUpdate","eventInstance":"[\"A\",\"B\",\"C\"]"}`), 200, "")
		events := g.events()
		if len(events) != 2 || events[0].Key != "A" || events[1].Key != "C" {
			t.Fatalf("events %+v", events)
		}
		kept := g.requests(s, 1)[0]
		g.wantRequest(kept, hub.RequestAccepted, 200, "1 of 3 parts are left out")
		if len(kept.Events) != 2 {
			t.Errorf("the request names %d events", len(kept.Events))
		}
	})
}

// Whatever comes, the answer is a plain one, and what was rightly signed is nowhere lost.
func TestRule11_BadBodiesAreNeverA500(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1, func(s *settings.Source) { s.MaxBody = 100_000 })
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"truncated", `{"event":`, 200},
		{"10,000 deep", strings.Repeat("[", 10_000), 200},
		{"invalid UTF-8", "{\"event\":\"\xff\"}", 200},
		{"NUL", "{\"event\":\"\x00\"}", 200},
		{"too large", strings.Repeat("x", 100_001), 413},
	} {
		g.want(g.post(c.body), c.status, "")
	}
	kept := g.requests(s, 5)
	for i, want := range []struct {
		verified bool
		size     int
		reason   string
	}{{true, 9, "ends too early"}, {true, 10_000, "nested deeper"}, {true, 13, "not UTF-8"}, {true, 13, "control character"}, {false, 0, "larger than 100000B"}} {
		if kept[i].Outcome != hub.RequestQuarantined || kept[i].Verified != want.verified || len(kept[i].Body) != want.size || !strings.Contains(kept[i].Reason, want.reason) {
			t.Errorf("%d: kept %s, verified %t, %d bytes", i, kept[i].Outcome, kept[i].Verified, len(kept[i].Body))
		}
	}
	g.want(g.post("\uFEFF"+created), 200, "")
	g.want(g.post(`{"event":"a\u0000b","eventInstance":"\u0000"}`), 200, "")
	if n := len(g.events()); n != 2 {
		t.Errorf("%d events", n)
	}
}

// A chunked body has no Content-Length to be judged by.
func TestRule11_ChunkedBodiesHaveTheSameCap(t *testing.T) {
	g := onSQLite(t)
	g.source(1, func(s *settings.Source) { s.MaxBody = 1000 })
	long := `{"event":"` + strings.Repeat("x", 2000) + `"}`
	g.want(g.send("POST", "/in/shop", signed(long, secret), io.MultiReader(strings.NewReader(long))), 413, "")
	g.want(g.send("POST", "/in/shop", signed(created, secret), io.MultiReader(strings.NewReader(created))), 200, "")
}

func TestRule12_AnAnswerIsNotAPage(t *testing.T) {
	g := onSQLite(t)
	g.source(1, func(s *settings.Source) {
		s.Respond = hub.Respond{Status: 200, Body: "<script>alert(1)</script>", ContentType: "text/html"}
	})
	for _, got := range []answered{g.post(created), g.send("GET", "/in/shop", nil, nil), g.send("GET", "/in/<script>", nil, nil)} {
		h := got.header
		if kind := h.Get("Content-Type"); got.body != "" && !strings.HasPrefix(kind, "text/plain") {
			t.Errorf("%d answered as %s", got.status, kind)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || strings.Contains(got.body, "script>alert") && got.status != 200 {
			t.Errorf("%d: header %v, body %q", got.status, h, got.body)
		}
	}
}

// What cannot be made durable is not answered as safe, and comes again.
func TestM10_NoGoodAnswerBeforeTheCommit(t *testing.T) {
	t.Parallel()
	st := storetest.SQLite(t)(func(o *store.Options) { o.Reserve = 1 << 60 }) // no disk has that much free
	storetest.Run(t, st)
	g := newGate(t, st)
	s := g.source(1)
	got := g.post(created)
	g.want(got, 503, "send it again later")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if n := len(g.events()); n != 0 {
		t.Errorf("%d events", n)
	}
	await.Until(g.t, "the count", func() bool { return g.counts(s)[receiver.RequestUnavailable] == 1 })
}

// A body that ends before its announced length is not taken for a whole one, whatever a signature says.
func TestRule11_ALieAboutTheLength(t *testing.T) {
	g := onSQLite(t)
	s := g.source(1)
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fmt.Fprintf(c, "POST /in/shop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nShop-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
		signed(created, secret).Get("Shop-Signature"), len(created)+10, created)
	_ = c.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("answered %.60q", answer)
	}
	g.wantRequest(g.requests(s, 1)[0], hub.RequestQuarantined, 400, "ended before its announced length")
}

// Where the address is signed, it is the one that was handed to the provider, not the one a proxy calls us by.
func TestM4_TheAddressIsTheOneThatWasHandedOut(t *testing.T) {
	g := onSQLite(t)
	g.source(1, func(s *settings.Source) {
		s.Verify = hub.Verify{Scheme: hub.SchemeHMAC, Secrets: []hub.Secret{hub.NewSecret(secret)},
			HMAC: &hub.HMAC{Header: "Shop-Signature", Algorithm: "sha1", Encoding: "hex", Signed: "#url#.#body#"}}
	})
	send := func(address string) answered {
		return g.send("POST", "/in/shop?shop=1", signed(address+"."+created, secret), strings.NewReader(created))
	}
	g.want(send("https://hooks.example/in/shop?shop=1"), 200, "")
	g.want(send(g.url+"/in/shop?shop=1"), 401, "")
	g.want(send("https://hooks.example/in/shop"), 401, "")
}

// A source may be served on one listener only; on every other address it is not there.
func TestM1_ASourceOfOneListener(t *testing.T) {
	g := onSQLite(t)
	g.source(1, func(s *settings.Source) { s.Listener = "shop only" })
	g.want(g.post(created), 404, "")
	ls := &receiver.Listeners{Handlers: map[string]http.Handler{hub.ServesReceiver: g.Receiver}, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = ls.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	for no, name := range []string{"shop only", "other"} {
		l := settings.Listener{Object: hub.Object{No: int64(no + 1), ID: hub.NewID()}, Listener: hub.DefaultListener()}
		l.Name, l.Address = name, "127.0.0.1:0"
		ls.Set(l)
		state, _ := ls.State(l.ID)
		g.url = "http://" + state.Address
		g.want(g.post(created), map[string]int{"shop only": 200, "other": 404}[name], "")
	}
}

// A provider that calls in parallel makes one event all the same.
func TestM6_RepeatsAtTheSameMoment(t *testing.T) {
	eachStore(t, func(g *gate) {
		s := g.source(1, func(s *settings.Source) { s.DuplicateOf.Fields = []string{"body.eventInstance"} })
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { g.want(g.post(created), 200, "") })
		}
		wg.Wait()
		if n := len(g.events()); n != 1 {
			t.Errorf("%d events of one notice", n)
		}
		g.requests(s, 16)
	})
}
