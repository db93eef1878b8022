package store_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestEvidenceIsReadBackExactly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		pieces := []string{"", "a", `"quoted\"`, "řeřicha", "\x00\x01\x1f", "\xff\xfe", "\r\n\t", "\u2028", "</script>", "x\x80"}
		s := ""
		for range random.IntN(4) {
			s += pieces[random.IntN(len(pieces))]
		}
		return s
	}
	raw := func() []byte {
		if s := text(); s != "" {
			return []byte(s)
		}
		return nil
	}
	moment := func() time.Time {
		if random.IntN(3) == 0 {
			return time.Time{}
		}
		return noon.Add(time.Duration(random.Int64N(1 << 50)))
	}
	for i := range 2000 {
		data := raw()
		before, after := raw(), raw()
		a := hub.Attempt{N: random.IntN(9), At: moment(), Took: time.Duration(random.IntN(1e9)), Result: hub.Refused, Status: random.IntN(600),
			RetryAfter: time.Duration(random.IntN(2)) * time.Second, Final: random.IntN(2) == 0, Error: text(), Hint: text(),
			SettingsVersion: random.Int64N(5), Test: random.IntN(2) == 0,
			Request:  hub.SentRequest{Method: "POST", URL: text(), Body: before},
			Response: hub.Answer{Status: random.IntN(600), Body: raw(), Truncated: random.IntN(2) == 0},
			Timing:   hub.Timing{DNS: time.Duration(random.IntN(3)), Total: time.Duration(random.IntN(3))},
			Peer:     hub.Peer{Address: text(), TLSVersion: text(), Issuer: text(), Expires: moment()}}
		if len(data) > 0 && random.IntN(2) == 0 {
			a.Request.DataAt, a.Request.DataLen = len(before), len(data)
			a.Request.Body = append(append(append([]byte{}, before...), data...), after...)
		}
		for range random.IntN(3) {
			a.Request.Headers = append(a.Request.Headers, hub.Header{Name: text(), Value: text()})
			if a.Response.Headers == nil {
				a.Response.Headers = http.Header{}
			}
			name := text()
			a.Response.Headers[name] = append(a.Response.Headers[name], text(), text())
		}
		coded := store.EncodeAttempt(&a)
		got, err := store.DecodeAttempt(coded, data)
		if err != nil {
			t.Fatalf("case %d: %v\n%s", i, err, coded)
		}
		if !reflect.DeepEqual(got, a) {
			t.Fatalf("case %d:\n got %#v\nwant %#v\n%s", i, got, a, coded)
		}
		if i%100 == 0 {
			for cut := range coded {
				if _, err := store.DecodeAttempt(coded[:cut], data); err == nil {
					t.Fatalf("case %d: the first %d of %d bytes are taken for all", i, cut, len(coded))
				}
			}
		}
	}
}

// Databases from before November 2026 hold attempts as JSON.
func TestEvidenceOfBeforeIsRead(t *testing.T) {
	const evidence = `{"n":2,"at":1795413139463760140,"took":3558027,"result":"refused","status":500,"retry_after":1000000000,"final":true,` +
		`"error":"answered 500","hint":["/w=="],"version":3,"test":true,"request":{"method":"POST","url":"http://127.0.0.1/r",` +
		`"headers":[["User-Agent","hacek/1"]],"data":7,"body":"{\"data\":","tail":"}"},"response":{"status":500,` +
		`"headers":[["Date","Mon"],["Date","Tue"]],"body":"no","truncated":true},"timing":{"dns":1,"connect":2,"tls":3,"first_byte":4,"total":5},` +
		`"peer":{"address":"127.0.0.1:1","tls":"TLS 1.3","issuer":"CA","expires":1795413139463760140},"steps":[{"n":1,"type":"fetch","result":"done","took":"5s"}]}`
	at := time.Unix(0, 1795413139463760140).UTC()
	want := hub.Attempt{N: 2, At: at, Took: 3558027, Result: hub.Refused, Status: 500, RetryAfter: time.Second, Final: true,
		Error: "answered 500", Hint: "\xff", SettingsVersion: 3, Test: true,
		Request: hub.SentRequest{Method: "POST", URL: "http://127.0.0.1/r", Headers: []hub.Header{{Name: "User-Agent", Value: "hacek/1"}},
			Body: []byte(`{"data":{"a":1}}`), DataAt: 8, DataLen: 7},
		Response: hub.Answer{Status: 500, Headers: http.Header{"Date": {"Mon", "Tue"}}, Body: []byte("no"), Truncated: true},
		Timing:   hub.Timing{DNS: 1, Connect: 2, TLS: 3, FirstByte: 4, Total: 5},
		Peer:     hub.Peer{Address: "127.0.0.1:1", TLSVersion: "TLS 1.3", Issuer: "CA", Expires: at},
		Steps:    []hub.StepRecord{{N: 1, Type: "fetch", Result: "done", Took: hub.Duration(5 * time.Second)}}}
	got, err := store.DecodeAttempt([]byte(evidence), []byte(`{"a":1}`))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\n got %#v\nwant %#v", err, got, want)
	}
	if _, err := store.DecodeAttempt([]byte(evidence), []byte(`{}`)); err == nil {
		t.Error("other data are put back")
	}
	if _, err := store.DecodeAttempt([]byte{2, 0, 0}, nil); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("the record of a newer hub: %v", err)
	}
}

// What is stored is read by every later hub: a word that changes its number would turn one header into another.
func TestWordsOfEvidenceKeepTheirNumbers(t *testing.T) {
	evidence := []byte{1, 2, 0, 0, 7, 0, 0, 0, 0, 0, 0, 2, 1, 'u', 62}
	for number := range byte(31) {
		evidence = append(evidence, number+1, 0, 1, 'v')
	}
	evidence = append(evidence, make([]byte, 16)...)
	got, err := store.DecodeAttempt(evidence, nil)
	if err != nil || got.Request.Method != "POST" || got.Result != hub.Refused {
		t.Fatalf("%v: %+v", err, got)
	}
	var names []string
	for _, h := range got.Request.Headers {
		names = append(names, h.Name)
	}
	const want = "GET POST PUT PATCH DELETE succeeded refused redirected timed_out connect_failed User-Agent Content-Type Content-Encoding Authorization " +
		"Idempotency-Key webhook-id webhook-timestamp webhook-signature hacek-delivery hacek-attempt hacek-hops Date Server Content-Length Connection Vary " +
		"Cache-Control Etag X-Request-Id application/json 0"
	if strings.Join(names, " ") != want {
		t.Errorf("the words are %q", names)
	}
}

func TestRetentionKeepsWhatIsOwed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		target := w.target(1, "a")
		done, owed, replayed, young := w.event(1, "x", `1`), w.event(1, "x", `2`), w.event(1, "x", `3`), w.event(1, "x", `4`)
		young.ReceivedAt = noon.Add(time.Hour)
		for _, e := range []*hub.Event{done, owed, replayed, young} {
			w.accept(e, target)
		}
		again := &store.Accept{Event: replayed, Replay: true, Gen: 1, Owed: []store.Owed{{Target: target.No}}}
		w.must(w.Accept(w.ctx, again))
		for _, d := range w.owed(target) {
			if d.Event != owed.ID && d.Gen == 0 {
				w.Record(w.tried(d, hub.Refused, 500, hub.Next{State: hub.Failed, Tries: 1, Reason: "x"}))
			}
		}
		w.drain()
		for {
			n, err := w.Retain(w.ctx, noon.Add(time.Minute))
			w.must(err)
			if n == 0 {
				break
			}
		}
		for _, x := range []struct {
			name string
			e    *hub.Event
			kept bool
		}{{"done", done, false}, {"owed", owed, true}, {"replayed", replayed, true}, {"young", young, true}} {
			_, err := w.Event(w.ctx, 1, x.e.ID)
			if kept := err == nil; kept != x.kept {
				t.Errorf("%s: kept %v, want %v (%v)", x.name, kept, x.kept, err)
			}
		}
		rows, _, err := w.Deliveries(w.ctx, store.DeliveryFilter{Tenant: 1}, store.Page{})
		w.must(err)
		if len(rows) != 4 {
			t.Errorf("%d deliveries are left, want 4", len(rows))
		}
	})
}

func TestReplaysCancellationsAndFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		a, b, late := w.target(1, "a"), w.target(1, "b"), w.target(1, "late")
		e := w.event(1, "k", `{"n":1}`)
		accept := &store.Accept{Event: e, Owed: []store.Owed{{Target: a.No, Key: "k"}, {Target: b.No, Failed: "condition: no such key: total"}}}
		w.must(w.Accept(w.ctx, accept))
		failed, found, err := w.NewestDelivery(w.ctx, e.ID, b.No)
		w.must(err)
		if !found || failed.State != hub.Failed || failed.Reason != "condition: no such key: total" || failed.Tries != 0 {
			t.Errorf("a condition that failed: %+v", failed)
		}
		if gen, err := w.NextGen(w.ctx, e.ID, b.No); err != nil || gen != 1 {
			t.Errorf("next generation for b: %d %v", gen, err)
		}
		if gen, err := w.NextGen(w.ctx, e.ID, late.No); err != nil || gen != 0 {
			t.Errorf("next generation for a target that had none: %d %v", gen, err)
		}
		// Again to b, and for the first time to one that was skipped.
		again := []*store.Accept{
			{Event: e, Replay: true, Gen: 1, Owed: []store.Owed{{Target: b.No}}},
			{Event: e, Replay: true, Gen: 0, Owed: []store.Owed{{Target: late.No}}},
		}
		w.must(w.Accept(w.ctx, again...))
		twice := &store.Accept{Event: e, Replay: true, Gen: 1, Owed: []store.Owed{{Target: b.No}}}
		w.must(w.Accept(w.ctx, twice))
		if hub.CodeOf(twice.Result.Err) != hub.Conflict {
			t.Errorf("the same generation twice: %v", twice.Result.Err)
		}
		of, err := w.DeliveriesOf(w.ctx, 1, e.ID)
		w.must(err)
		if len(of) != 3 {
			t.Fatalf("deliveries of the event: %+v", of)
		}
		for _, d := range of {
			if d.State != hub.Pending || d.Target == b.No && d.Gen != 1 {
				t.Errorf("newest: %+v", d)
			}
		}

		id := w.owed(b)[0].ID()
		lane, err := w.Lane(w.ctx, a.No, "k", 0, 10)
		w.must(err)
		if len(lane) != 1 {
			t.Errorf("lane: %+v", lane)
		}
		w.settle(w.tried(w.owed(b)[0], hub.Refused, 500, hub.Next{State: hub.Pending, Tries: 1, DueAt: noon.Add(time.Hour)}))
		w.write(func(tx *store.Tx) error { return tx.RetryNow(w.ctx, 1, id, noon) })
		due, err := w.DueRetries(w.ctx, b.No, hub.Release{}, noon, 10)
		w.must(err)
		if len(due) != 1 {
			t.Fatalf("due after retry now: %+v", due)
		}
		w.write(func(tx *store.Tx) error { return tx.Cancel(w.ctx, 1, id, "cancelled by Jana", noon) })
		if err := w.Write(w.ctx, func(tx *store.Tx) error { return tx.Cancel(w.ctx, 1, id, "", noon) }); hub.CodeOf(err) != hub.Conflict {
			t.Errorf("cancelled twice: %v", err)
		}
		// An attempt that was in flight when it was cancelled is still written down, and changes nothing.
		w.settle(w.tried(due[0], hub.Succeeded, 200, delivered(2)))
		row, err := w.Delivery(w.ctx, 1, id)
		w.must(err)
		tries, err := w.Attempts(w.ctx, 1, id)
		w.must(err)
		if row.State != hub.Cancelled || row.Reason != "cancelled by Jana" || len(tries) != 2 {
			t.Errorf("after the cancellation: %+v, %d attempts", row, len(tries))
		}

		w.write(func(tx *store.Tx) error { return tx.DeleteTarget(w.ctx, a, 99) })
		w.must(w.CancelOpen(w.ctx, a.No))
		row, err = w.Delivery(w.ctx, 1, hub.DeliveryID{Event: e.ID, Target: a.No})
		w.must(err)
		if row.State != hub.Cancelled || len(w.owed(a)) != 0 {
			t.Errorf("owed to a deleted target: %+v", row)
		}
	})
}

func TestATargetIsSeenAsItWas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		old := w.target(1, "old")
		then, err := w.NewestRevision(w.ctx)
		w.must(err)
		w.write(func(tx *store.Tx) error {
			return tx.ChangeState(w.ctx, 1, old.No, hub.Active, hub.Off, "Jana", "stock-taking", noon)
		})
		off, err := w.NewestRevision(w.ctx)
		w.must(err)
		w.target(1, "new")
		w.write(func(tx *store.Tx) error { return tx.DeleteTarget(w.ctx, old, off+1) })
		at := func(rev int64) map[string]store.TargetAt {
			t.Helper()
			all, err := w.TargetsAt(w.ctx, 1, rev)
			w.must(err)
			m := map[string]store.TargetAt{}
			for _, x := range all {
				m[x.Name] = x
			}
			return m
		}
		if x := at(then); x["old"].State != hub.Active || x["old"].Now.State != hub.Off || !x["old"].Now.Deleted || x["old"].Later || !x["new"].Later {
			t.Errorf("at revision %d: %+v", then, x)
		}
		if x := at(off); x["old"].State != hub.Off || x["old"].StateBy != "Jana" || x["old"].Endpoint.Request.URL != "https://old.example/in" {
			t.Errorf("at revision %d: %+v", off, x["old"])
		}
		if x := at(off + 1); len(x) != 1 {
			t.Errorf("after the deletion: %+v", x)
		}
	})
}

func TestRule16_AnIdempotencyKeyIsKeptInTheEffectsCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		key := func(at time.Time) *store.Accept {
			e := w.event(1, "", `1`)
			e.ReceivedAt = at
			return &store.Accept{Event: e, Idempotency: &store.Idempotency{Scope: [32]byte{1}, Body: [32]byte{2}, Status: 202, Answer: []byte(`{"id":1}`)}}
		}
		first := key(noon)
		w.must(w.Accept(w.ctx, first))
		kept, err := w.Idempotent(w.ctx, [32]byte{1}, noon.Add(-time.Hour))
		w.must(err)
		if kept == nil || kept.Status != 202 || kept.Body != [32]byte{2} || string(kept.Answer) != `{"id":1}` {
			t.Errorf("kept: %+v", kept)
		}
		second := key(noon.Add(time.Minute))
		w.must(w.Accept(w.ctx, second))
		if hub.CodeOf(second.Result.Err) != hub.InFlight {
			t.Errorf("the same key at the same moment: %v", second.Result.Err)
		}
		if _, err := w.Event(w.ctx, 1, second.Event.ID); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("the event of the refused request: %v", err)
		}
		third := key(noon.Add(25 * time.Hour))
		w.must(w.Accept(w.ctx, third))
		if third.Result.Err != nil {
			t.Errorf("a day later: %v", third.Result.Err)
		}
		if old, err := w.Idempotent(w.ctx, [32]byte{3}, noon); err != nil || old != nil {
			t.Errorf("an unknown key: %+v %v", old, err)
		}
	})
}

func TestTheCatalogueTenantsKeysAndReplays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		tenant := store.Tenant{ID: hub.NewID(), UID: "default", Name: "Default", CreatedAt: noon, UpdatedAt: noon}
		w.write(func(tx *store.Tx) error { return tx.InsertTenant(w.ctx, &tenant) })
		for _, ref := range []string{"default", tenant.ID.Text(hub.TenantPrefix)} {
			got, err := w.TenantByRef(w.ctx, ref)
			w.must(err)
			tenant.Metadata = []byte("{}")
			if !reflect.DeepEqual(got, tenant) {
				t.Errorf("tenant %q: %+v, want %+v", ref, got, tenant)
			}
		}
		err := w.Write(w.ctx, func(tx *store.Tx) error { x := tenant; x.ID = hub.NewID(); return tx.InsertTenant(w.ctx, &x) })
		if hub.CodeOf(err) != hub.Conflict {
			t.Errorf("a second tenant with the uid: %v", err)
		}
		k := store.APIKey{ID: hub.NewID(), Tenant: tenant.No, Name: "ci", Role: "editor", Scopes: []string{"events"}, Digest: [32]byte{9}, Shown: "hk_abc...", ExpiresAt: noon, CreatedAt: noon}
		w.write(func(tx *store.Tx) error { return tx.InsertAPIKey(w.ctx, k) })
		got, err := w.APIKeyByDigest(w.ctx, [32]byte{9})
		w.must(err)
		if !reflect.DeepEqual(got, k) {
			t.Errorf("key: %+v, want %+v", got, k)
		}
		w.write(func(tx *store.Tx) error { return tx.DeleteTenant(w.ctx, tenant.No, noon) })
		if _, err := w.APIKeyByDigest(w.ctx, [32]byte{9}); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("a key outlived its tenant: %v", err)
		}
		if n, err := w.CountTenants(w.ctx); n != 0 || err != nil {
			t.Errorf("tenants: %d %v", n, err)
		}

		kind := store.EventType{Name: "order.created", Title: map[string]string{"cs": "Nová objednávka"}, Group: "order", Schema: []byte(`{"type":"object"}`),
			Key: "order.code", Refs: []string{"order.parcel"}, VisibleInPortal: true, Version: 3, CreatedAt: noon, UpdatedAt: noon}
		w.write(func(tx *store.Tx) error { return tx.PutEventType(w.ctx, &kind) })
		w.must(w.Discover(w.ctx, "order.created", "order.seen"))
		all, err := w.EventTypes(w.ctx)
		w.must(err)
		if len(all) != 2 || !reflect.DeepEqual(all[0], kind) || !all[1].Discovered {
			t.Errorf("event types: %+v", all)
		}
		r := store.Replay{ID: hub.NewID(), Tenant: 1, Target: 2, To: 2, Filter: []byte(`{}`), State: "running", By: "Jana", CreatedAt: noon, UpdatedAt: noon}
		w.write(func(tx *store.Tx) error { return tx.InsertReplay(w.ctx, r) })
		r.Done, r.Position = 7, []byte("abc")
		w.write(func(tx *store.Tx) error { return tx.UpdateReplay(w.ctx, r) })
		running, err := w.ReplaysIn(w.ctx, "running")
		w.must(err)
		if len(running) != 1 || !reflect.DeepEqual(running[0], r) {
			t.Errorf("replays: %+v, want %+v", running, r)
		}
		w.must(w.Canary(w.ctx))
	})
}

func TestANewerSchemaIsNotTouched(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s := storetest.Open(t, o)
		stop := storetest.Run(t, s)
		w := tell(t, s)
		w.write(func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, ` + map[bool]string{true: "true", false: "1"}[s.Postgres()] + `)`)
			return err
		})
		stop()
		_, err := store.Open(t.Context(), o)
		if hub.CodeOf(err) != hub.Conflict {
			t.Errorf("opened a database of a newer program: %v", err)
		}
	})
}

func TestANumberGivenTwiceIsAskedForAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		first, beside := w.event(1, "first", `1`), w.event(1, "beside", `1`)
		again := w.event(1, "again", `1`)
		again.ID = first.ID
		w.accept(first)
		a := []*store.Accept{{Event: again}, {Event: beside}}
		w.must(w.Accept(w.ctx, a...))
		var refused *hub.Error
		if !errors.As(a[0].Result.Err, &refused) || refused.Code != hub.Unavailable || refused.RetryAfter == 0 {
			t.Errorf("an event whose number is another's: %v, want one to be sent again", a[0].Result.Err)
		}
		if a[1].Result.Err != nil {
			t.Errorf("the event beside it: %v", a[1].Result.Err)
		}
	})
}
