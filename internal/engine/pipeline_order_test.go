package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/api"
	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// orders is an ERP that writes down each write it takes.
const orders = `
	CREATE TABLE orders (number TEXT PRIMARY KEY, version INTEGER);
	CREATE TABLE journal (no INTEGER PRIMARY KEY, entry TEXT);
	CREATE TRIGGER written_new AFTER INSERT ON orders
	BEGIN INSERT INTO journal (entry) VALUES (NEW.number || NEW.version); END;
	CREATE TRIGGER written AFTER UPDATE ON orders
	BEGIN INSERT INTO journal (entry) VALUES (NEW.number || NEW.version); END`

// shop is asked about each order before it is written; it has nothing to say about one that is sick.
type shop struct {
	*httptest.Server
	sick sync.Map
}

func (s *story) shop(sick ...string) *shop {
	w := &shop{}
	for _, key := range sick {
		w.sick.Store("/"+key, true)
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, q *http.Request) {
		if _, is := w.sick.Load(q.URL.Path); is {
			answer.WriteHeader(http.StatusInternalServerError)
		}
	}))
	s.t.Cleanup(w.Close)
	return w
}

// ordersPipeline asks the shop and writes into the ERP, with the order and the limits that a pipeline has by itself.
func (s *story) ordersPipeline(web *shop, change func(*hub.Pipeline)) (*database, hub.Target) {
	s.t.Helper()
	erp := newDatabase(s.t, orders)
	erp.known(s)
	if _, err := s.settings.CreateConnection(context.Background(), tenant,
		json.RawMessage(`{"name":"erp","driver":"sqlite","dsn":"erp.db"}`), settings.By{Name: "Jana"}); err != nil {
		s.t.Fatal(err)
	}
	target := s.pipeline(func(p *hub.Pipeline) {
		p.Steps = []hub.Step{
			{Type: hub.StepRequest, Request: ask(web.URL + "/#event.key#")},
			{Type: hub.StepUpsert, Connection: "erp", Table: "orders", Key: []string{"number"},
				Columns: map[string]string{"number": "#event.key#", "version": "#n#"}},
		}
		change(p)
	})
	return erp, target
}

// journal is what the ERP has taken so far, in its order.
func (d *database) journal() string {
	d.t.Helper()
	var text string
	if err := d.db.QueryRow(`SELECT coalesce(group_concat(entry, ' ' ORDER BY no), '') FROM journal`).Scan(&text); err != nil {
		d.t.Fatal(err)
	}
	return text
}

func (d *database) wantJournal(want string) {
	d.t.Helper()
	if got := d.journal(); got != want {
		d.t.Fatalf("the ERP took %q, want %q", got, want)
	}
}

// As a pipeline comes, eight runs at a time: one record's writes keep their order, also behind a head that fails, and other
// records go past it.
func TestM11_AStuckRecordHoldsItselfAndNoOther(t *testing.T) {
	eachStore(t, func(s *story) {
		web := s.shop("A")
		erp, _ := s.ordersPipeline(web, func(p *hub.Pipeline) {})
		for i := range 3 {
			s.publish("order.changed", "A", n(i))
			s.publish("order.changed", "B", n(i))
		}
		for range 4 {
			s.wait() // the head of A, and all of B
		}
		s.quiet()
		erp.wantJournal("B0 B1 B2")
		web.sick.Clear()
		s.clock.Advance(10 * time.Second)
		s.wantResults(hub.Succeeded, hub.Succeeded, hub.Succeeded)
		erp.wantJournal("B0 B1 B2 A0 A1 A2")
	})
}

// The API over the engine at work: what waits says for what, what was set aside says after how many tries and why, and by hand
// it is tried once more. Meanwhile the record's next write has gone in.
func TestM11_AStuckRecordIsSetAside(t *testing.T) {
	eachStore(t, func(s *story) {
		web := s.shop("A")
		erp, target := s.ordersPipeline(web, func(p *hub.Pipeline) { p.Order.Stuck.SetAsideAfter = 2 })
		read := s.api()
		first, second := s.publish("order.changed", "A", n(1)), s.publish("order.changed", "A", n(2))
		if o := s.wait(); o.Next.State != hub.Pending {
			s.t.Fatalf("after one try: %+v", o.Next)
		}
		head := s.shows(read, first, "pending", "")
		s.shows(read, second, "pending", "waits for "+head+", which comes before it and is set aside after 2 tries")
		s.clock.Advance(10 * time.Second)
		if o := s.wait(); o.Next.State != hub.Failed {
			s.t.Fatalf("after two tries: %+v", o.Next)
		}
		s.wait() // the second, for the first time
		s.quiet()
		s.shows(read, first, "failed", "set aside after 2 tries: step 1 (request): answered 500")
		s.shows(read, second, "pending", "")
		web.sick.Clear()
		s.clock.Advance(10 * time.Second)
		s.wantResults(hub.Succeeded)
		s.shows(read, second, "delivered", "all steps done")
		var state struct{ State string }
		read("GET", "/v1/pipelines/"+target.ID.Text(target.Prefix()), &state)
		if state.State != "active" {
			s.t.Errorf("the pipeline is %s", state.State)
		}
		read("POST", "/v1/deliveries/"+head+"/retry", nil)
		s.wantResults(hub.Succeeded)
		erp.wantJournal("A2 A1")
	})
}

// Held while paused, then at the pace of the resume, one run each 200 ms and none between; each record's writes in their order,
// and what came after the resume behind what was held of its record.
func TestM11_N4_AResumedPipelineKeepsOrderAndPace(t *testing.T) {
	eachStore(t, func(s *story) {
		erp, target := s.ordersPipeline(s.shop(), func(p *hub.Pipeline) {})
		s.publish("order.changed", "A", n(0))
		s.wantResults(hub.Succeeded)
		s.pause(target)
		want := []string{"A0"}
		for i := range 12 {
			key := string("ABC"[i%3])
			s.publish("order.changed", key, n(i+1))
			want = append(want, fmt.Sprint(key, i+1))
		}
		s.clock.Advance(14 * time.Hour) // a night
		s.quiet()
		erp.wantJournal("A0")
		s.resume(target, hub.Rate{Count: 5, Per: time.Second})
		s.publish("order.changed", "C", n(99))
		for i := range 12 {
			s.wantResults(hub.Succeeded)
			if i == 11 {
				break // the last of C that was held; what came later follows at once
			}
			s.calm()
			erp.wantJournal(strings.Join(want[:i+2], " "))
			s.clock.Advance(199 * time.Millisecond)
			s.calm()
			s.quiet()
			erp.wantJournal(strings.Join(want[:i+2], " "))
			s.clock.Advance(time.Millisecond)
		}
		s.wantResults(hub.Succeeded)
		erp.wantJournal(strings.Join(want, " ") + " C99")
	})
}

// api is the REST API over this hub; what it returns asks it once and reads the answer.
func (s *story) api() func(method, path string, into any) {
	const key = "hk_administrator_of_these_tests_0123456789"
	log := slog.New(slog.DiscardHandler)
	doors := api.New(api.Options{
		Auth:     &auth.Authenticator{Store: s.store, AdminKey: hub.NewSecret(key), Now: s.clock.Now},
		Settings: s.settings, Ingest: s.door, Store: s.store, Log: log, Stream: &api.Stream{}, Now: s.clock.Now,
	})
	return func(method, path string, into any) {
		s.t.Helper()
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		doors.ServeHTTP(w, r)
		if w.Code >= http.StatusBadRequest {
			s.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if into == nil {
			return
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			s.t.Fatalf("%s: %s", path, w.Body)
		}
	}
}

// shows holds the one delivery of an event, as the API lists it and by itself, against its state and a part of the reason.
func (s *story) shows(read func(method, path string, into any), event hub.ID, state, reason string) string {
	s.t.Helper()
	type delivery struct{ ID, State, Reason string }
	var list struct{ Data []delivery }
	read("GET", "/v1/deliveries?event="+event.Text(hub.EventPrefix), &list)
	if len(list.Data) != 1 {
		s.t.Fatalf("%d deliveries, want 1", len(list.Data))
	}
	var one delivery
	read("GET", "/v1/deliveries/"+list.Data[0].ID, &one)
	for _, got := range []delivery{list.Data[0], one} {
		if got.State != state || !strings.Contains(got.Reason, reason) {
			s.t.Fatalf("shown as %s, %q; want %s, %q", got.State, got.Reason, state, reason)
		}
	}
	return one.ID
}
