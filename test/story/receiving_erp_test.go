package story

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// shop is a pretend shop's API: it answers with orders, or does what its mood says.
type shop struct {
	*httptest.Server
	mu   sync.Mutex
	mood func(w http.ResponseWriter) // nil: answers with the order
	more string                      // further fields of an order, `"state":"a long one",`
}

func newShop(t *testing.T) *shop {
	s := &shop{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		mood, more := s.mood, s.more
		s.mu.Unlock()
		if mood != nil {
			mood(w)
			return
		}
		code := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		fmt.Fprintf(w, `{"data":{"order":{"code":%q,"changeTime":"2026-11-22T10:00:00+0100","note":"n-%s",%s"items":[{"itemId":1,"code":"A"},{"itemId":2,"code":"B"}]}},"errors":null}`, code, code, more)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) become(mood func(w http.ResponseWriter), more string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood, s.more = mood, more
}

// erp is a SQLite file below the hub's folder of connections.
type erp struct {
	t    *testing.T
	file string
}

func (e *erp) has(statements ...string) {
	e.t.Helper()
	db, err := sql.Open("sqlite", "file:"+e.file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			e.t.Fatalf("%s: %v", s, err)
		}
	}
}

// row answers what a query finds, "" when there is nothing.
func (e *erp) row(query string) (text string) {
	e.t.Helper()
	db, err := sql.Open("sqlite", "file:"+e.file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&text); err != nil && err != sql.ErrNoRows {
		e.t.Fatalf("%s: %v", query, err)
	}
	return text
}

const erpTables = `CREATE TABLE orders (number VARCHAR(12) PRIMARY KEY, state VARCHAR(10), note VARCHAR(20) UNIQUE, changed_at DATETIME)`
const erpLines = `CREATE TABLE order_lines (order_number VARCHAR(12), line_no INTEGER, sku VARCHAR(20), PRIMARY KEY (order_number, line_no))`

// connected is a hub with a shop, an ERP and the pipeline between them; it retries quickly and for long.
func connected(t *testing.T) (*session, *shop, *erp) {
	t.Helper()
	s := receiving(t)
	e := &erp{t: t, file: filepath.Join(s.dir, "hacek-data", "connections", "erp.db")}
	if err := os.MkdirAll(filepath.Dir(e.file), 0o700); err != nil {
		t.Fatal(err)
	}
	e.has(erpTables, erpLines)
	web := newShop(t)
	s.call("POST", "/v1/connections", `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`)
	s.call("POST", "/v1/pipelines", ordersInto("Orders", web.URL))
	return s, web, e
}

func ordersInto(name, shop string) string {
	tries := `"100ms"` + strings.Repeat(`,"250ms"`, 40)
	return `{"name":"` + name + `","subscription":{"sources":["Shop"]},"retry":{"intervals":[` + tries + `],"jitter":0},"steps":[
	 {"type":"fetch","as":"order","request":{"url":"` + shop + `/api/orders/#event.key#"},"success":{"status":["2xx"],"condition":"response.json.errors == null"}},
	 {"type":"upsert","connection":"erp","table":"orders","key":["number"],"newer":"changed_at",
	  "columns":{"number":"#order.data.order.code#","note":"#order.data.order.note#","state":"#order.data.order.state#","changed_at":"#order.data.order.changeTime#"},
	  "children":[{"table":"order_lines","parent":{"order_number":"number"},"each":"order.data.order.items","key":["line_no"],"replace":true,
	   "columns":{"line_no":"#itemId#","sku":"#code#"}}]}]}`
}

// ordered is a notice of the shop that the hub accepts; it answers the event.
func (s *session) ordered(key string) string {
	s.t.Helper()
	body := shopNotice("order:create", key, "2026-11-22T10:00:00+0100")
	if status, text := s.arrives("shop", body, shoptet(body)); status != 200 {
		s.t.Fatalf("the notice of %s was answered %d %s", key, status, text)
	}
	var list struct{ Data []struct{ ID string } }
	s.read("/v1/events?key="+key, &list)
	if len(list.Data) != 1 {
		s.t.Fatalf("%d events of order %s, want 1", len(list.Data), key)
	}
	return list.Data[0].ID
}

// works is a delivery of a pipeline as the API shows it.
type works struct {
	ID, State string
	Due       time.Time `json:"due_at"`
	Attempts  []struct {
		Result, Error, Hint string
		Steps               []struct {
			N                           int
			Type, Result, Error, Output string
		}
	}
}

// says waits until an attempt of the event's delivery shows a text, and answers the delivery.
func (s *session) says(event, text string) works {
	s.t.Helper()
	var d works
	waitFor(s.t, fmt.Sprintf("an attempt that says %q", text), func() bool {
		var list struct{ Data []works }
		s.read("/v1/deliveries?event="+event, &list)
		if len(list.Data) == 0 {
			return false
		}
		d = works{}
		s.read("/v1/deliveries/"+list.Data[0].ID, &d)
		for _, a := range d.Attempts {
			if strings.Contains(a.Error, text) {
				return true
			}
		}
		return false
	})
	return d
}

// Whatever the shop answers instead of the order: the attempt says it in words with a hint, the notice was answered long
// ago, and the order is in the ERP, header and lines, as soon as the shop is well.
func TestM9_WhateverTheShopAnswersNoOrderIsLost(t *testing.T) {
	s, web, e := connected(t)
	text := func(status int, body string, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for i, c := range []struct {
		name string
		mood func(http.ResponseWriter)
		says string
	}{
		{"not found", text(404, `{"errors":[{"errorCode":"not-found"}]}`), "404"},
		{"not let in", text(401, ``), "401"},
		{"an error inside a good answer", text(200, `{"data":null,"errors":[{"errorCode":"unknown"}]}`), "condition"},
		{"too many calls, for another second", func(w http.ResponseWriter) {
			text(429, ``, "Retry-After", time.Now().Add(1500*time.Millisecond).UTC().Format(http.TimeFormat))(w)
		}, "429"},
		{"a login page", text(200, `<!DOCTYPE html><p>Log in`, "Content-Type", "text/html"), ""},
		{"50 MB", func(w http.ResponseWriter) {
			part := strings.Repeat("x", 1<<20)
			_, err := io.WriteString(w, `{"data":"`)
			for n := 0; n < 50 && err == nil; n++ {
				_, err = io.WriteString(w, part)
			}
		}, "8 MiB"},
		{"nothing, and hangs up", func(w http.ResponseWriter) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				c.Close()
			}
		}, ""},
	} {
		web.become(c.mood, "")
		key := fmt.Sprintf("S-%d", i)
		event := s.ordered(key)
		d := s.says(event, c.says)
		a := d.Attempts[0]
		if a.Error+a.Hint == "" || (a.Hint == "" && c.says != "condition") || len(a.Steps) != 1 || a.Steps[0].Type != "fetch" || len(a.Steps[0].Output) > 20<<10 {
			t.Errorf("%s: %q %q, %d steps", c.name, a.Error, a.Hint, len(a.Steps))
		}
		if got := e.row(`SELECT count(*) FROM orders WHERE number = '` + key + `'`); got != "0" {
			t.Errorf("%s: something was written", c.name)
		}
		web.become(nil, "")
		s.settles(event, "delivered")
		if got := e.row(`SELECT number || ' ' || (SELECT count(*) FROM order_lines WHERE order_number = number) FROM orders WHERE number = '` + key + `'`); got != key+" 2" {
			t.Errorf("%s: the ERP has %q, want the order and two lines", c.name, got)
		}
	}
}

// What the ERP does: table and column vanish, the file is away, another program holds the lock. Each is told in words,
// nothing is half written, and all of it goes in by itself when the ERP is well again.
func TestM11_WhateverTheERPDoesNoOrderIsLost(t *testing.T) {
	s, _, e := connected(t)
	away := e.file + ".away"
	for i, c := range []struct {
		name        string
		break_, say string
		mend        string
	}{
		{"the table of lines vanished", `ALTER TABLE order_lines RENAME TO moved`, "order_lines", `ALTER TABLE moved RENAME TO order_lines`},
		{"a column vanished", `ALTER TABLE orders RENAME COLUMN state TO status`, "state", `ALTER TABLE orders RENAME COLUMN status TO state`},
		{"it is away", "", "cannot be found", ""},
	} {
		key := fmt.Sprintf("E-%d", i)
		if c.break_ != "" {
			e.has(c.break_)
		} else if err := os.Rename(e.file, away); err != nil {
			t.Fatal(err)
		}
		events := []string{s.ordered(key + "a"), s.ordered(key + "b")}
		d := s.says(events[0], c.say)
		a := d.Attempts[0]
		if a.Result != "step_failed" || a.Hint == "" || strings.Contains(a.Error, e.file) {
			t.Errorf("%s: %s %q %q", c.name, a.Result, a.Error, a.Hint)
		}
		if c.mend != "" {
			e.has(c.mend)
		} else {
			if _, err := os.Stat(e.file); err == nil {
				t.Error("the hub made an empty database of its own")
			}
			if err := os.Rename(away, e.file); err != nil {
				t.Fatal(err)
			}
		}
		for _, event := range events {
			s.settles(event, "delivered")
		}
		if got := e.row(`SELECT (SELECT count(*) FROM orders WHERE number LIKE '` + key + `_') || ' ' || (SELECT count(*) FROM order_lines WHERE order_number LIKE '` + key + `_')`); got != "2 4" {
			t.Errorf("%s: the ERP has %q orders and lines, want 2 4", c.name, got)
		}
	}
}

// A value that does not fit and a duplicate under another key fail that one order, with column and value; the others go on,
// and after a change in the ERP a retry brings it in.
func TestM5_AValueThatDoesNotFitIsToldAndKept(t *testing.T) {
	s, web, e := connected(t)
	web.become(nil, `"state":"much too long a state",`)
	long := s.ordered("L-1")
	d := s.settles(long, "failed")
	if a := d.Attempts[len(d.Attempts)-1]; !strings.Contains(a.Error, "orders.state") || !strings.Contains(a.Error, "much too long a state") || a.Hint == "" || len(d.Attempts) != 1 {
		t.Errorf("%d attempts, the last: %q %q", len(d.Attempts), a.Error, a.Hint)
	}
	if got := e.row(`SELECT count(*) FROM order_lines`); got != "0" {
		t.Errorf("%s lines without a header", got)
	}
	web.become(nil, "")
	s.settles(s.ordered("L-2"), "delivered")

	e.has(`INSERT INTO orders (number, note) VALUES ('OTHER', 'n-D-1')`)
	twice := s.ordered("D-1")
	d = s.settles(twice, "failed")
	if a := d.Attempts[0]; !strings.Contains(a.Error, "note") || a.Hint == "" {
		t.Errorf("a duplicate: %q %q", a.Error, a.Hint)
	}
	e.has(`UPDATE orders SET note = 'free' WHERE number = 'OTHER'`)
	s.call("POST", "/v1/deliveries/"+d.ID+"/retry", "")
	s.settles(twice, "delivered")
	if got := e.row(`SELECT group_concat(number) FROM (SELECT number FROM orders ORDER BY number)`); got != "D-1,L-2,OTHER" {
		t.Errorf("the ERP has %s", got)
	}
}

// Two pipelines write the same rows at the same moment, while another program locks the database now and then.
func TestM9_TwoPipelinesOfOneRow(t *testing.T) {
	s, web, e := connected(t)
	s.call("POST", "/v1/pipelines", ordersInto("Orders again", web.URL))
	var events []string
	for i := range 20 {
		events = append(events, s.ordered(fmt.Sprintf("P-%d", i%10)+strings.Repeat("x", i/10)))
		if i%5 == 0 {
			e.has(`BEGIN IMMEDIATE; UPDATE orders SET note = note; COMMIT`)
		}
	}
	for _, event := range events {
		waitFor(t, "both deliveries", func() bool {
			var list struct{ Data []works }
			s.read("/v1/deliveries?event="+event, &list)
			return len(list.Data) == 2 && list.Data[0].State == "delivered" && list.Data[1].State == "delivered"
		})
	}
	if got := e.row(`SELECT (SELECT count(*) FROM orders) || ' ' || (SELECT count(*) FROM order_lines)`); got != "20 40" {
		t.Errorf("orders and lines: %s, want 20 40", got)
	}
}

// The hub is killed while the ERP is away; what was accepted is there when both are back.
func TestM11_N8_KilledWhileTheERPIsAway(t *testing.T) {
	s, _, e := connected(t)
	if err := os.Rename(e.file, e.file+".away"); err != nil {
		t.Fatal(err)
	}
	events := []string{s.ordered("K-1"), s.ordered("K-2")}
	s.says(events[0], "cannot be found")
	s.hub.kill()
	if err := os.Rename(e.file+".away", e.file); err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, event := range events {
		s.settles(event, "delivered")
	}
	var fates struct {
		Data []struct{ Outcome string }
	}
	if err := json.Unmarshal([]byte(s.call("GET", "/v1/events/"+events[0]+"/fates", "")), &fates); err != nil || len(fates.Data) != 1 || fates.Data[0].Outcome != "delivered" {
		t.Errorf("fates: %+v", fates)
	}
	// The same notice once more is no second event.
	s.ordered("K-1")
}
