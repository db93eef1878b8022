package pipeline

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/mail"
	"hacek/internal/mail/mailtest"
	"hacek/internal/sender"
)

// rig is a runner with everything around it: a real web server, a real SQLite file, a real mail server, a clock in hand.
type rig struct {
	t      *testing.T
	runner *Runner
	web    *web
	mail   *mailtest.Server
	sql    *sql.DB
	db     *connection.DB
	log    bytes.Buffer
	tables map[string]hub.TranslationTable

	mu        sync.Mutex
	now       time.Time
	published []Publish
	refuse    error // of the next publish
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, web: newWeb(t), now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), tables: map[string]hub.TranslationTable{}}
	s := &sender.Sender{Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	t.Cleanup(s.Close)
	post, err := mailtest.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { post.Close() })
	r.mail = post
	r.runner = &Runner{
		Sender: s, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Now: r.clock,
		Mail: &mail.Mailer{Server: hub.NewSecret("smtp://" + post.Address() + "?from=shop@example.cz"), Dial: (&net.Dialer{}).DialContext, Timeout: 5 * time.Second},
		Table: func(_ context.Context, _ int64, name string) (hub.TranslationTable, error) {
			table, ok := r.tables[name]
			if !ok {
				return table, hub.Errorf(hub.NotFound, "no table %s", name)
			}
			return table, nil
		},
		Publish: func(_ context.Context, _ *hub.Event, in Publish) (hub.ID, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.refuse != nil {
				return hub.ID{}, r.refuse
			}
			r.published = append(r.published, in)
			return hub.NewID(), nil
		},
	}
	return r
}

// database gives the rig an ERP: tables as written.
func (r *rig) database(schema string) {
	r.t.Helper()
	dir := r.t.TempDir()
	file := filepath.Join(dir, "erp.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(schema); err != nil {
		r.t.Fatal(err)
	}
	r.sql = db
	if r.db, err = connection.Open(r.t.Context(), hub.Connection{Name: "erp", Driver: hub.DriverSQLite, DSN: hub.NewSecret("erp.db")}, connection.Options{Dir: dir}); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.db.Close() })
	r.runner.Connection = func(_ context.Context, tenant int64, name string) (*connection.DB, error) {
		if name != "erp" || tenant != 1 {
			return nil, hub.Errorf(hub.NotFound, "no connection %s", name)
		}
		return r.db, nil
	}
}

// rows is what a query finds, one row a line.
func (r *rig) rows(query string) string {
	r.t.Helper()
	rows, err := r.sql.Query(query)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		names, _ := rows.Columns()
		values, places := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			r.t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintln(values...)))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	r.now = r.now.Add(d)
	r.mu.Unlock()
}

// pipeline compiles steps as the API takes them; $URL is the web server's address.
func (r *rig) pipeline(steps string) *Compiled {
	r.t.Helper()
	c, err := Compile(settings(r.t, strings.ReplaceAll(steps, "$URL", r.web.URL)), 1)
	if err != nil {
		r.t.Fatalf("%v\n%+v", err, err.(*hub.Error).Fields)
	}
	return c
}

func settings(t *testing.T, steps string) hub.Pipeline {
	t.Helper()
	p := hub.DefaultPipeline()
	p.Name = "orders"
	d := json.NewDecoder(strings.NewReader(steps))
	d.DisallowUnknownFields()
	if err := d.Decode(&p.Steps); err != nil {
		t.Fatalf("%v in %s", err, steps)
	}
	return p
}

func (r *rig) event(data string) *hub.Event {
	at := r.clock()
	return &hub.Event{ID: hub.NewID(), Tenant: 1, Type: "order.created", VendorType: "order:create", Source: "Shoptet", Key: "2018000057", Time: at, ReceivedAt: at, Data: []byte(data)}
}

func call(e *hub.Event) Call {
	return Call{Event: e, DeliveryID: "dlv_" + e.ID.Text("")[:8], AttemptID: "att_1", Pipeline: "orders", Number: 1, SettingsVersion: 3}
}

// run runs once and fails on a bug of ours.
func (r *rig) run(c *Compiled, call Call) Result {
	r.t.Helper()
	res := r.runner.Run(r.t.Context(), c, call)
	if strings.Contains(res.Attempt.Error, "BUG") {
		r.t.Fatal(res.Attempt.Error, r.log.String())
	}
	return res
}

func want(t *testing.T, res Result, result hub.Result, words ...string) {
	t.Helper()
	a := res.Attempt
	if a.Result != result {
		t.Fatalf("result %q (status %d): %s; %s\nwant %q", a.Result, a.Status, a.Error, a.Hint, result)
	}
	for _, w := range words {
		if !strings.Contains(a.Error+" "+a.Hint, w) {
			t.Errorf("error %q, hint %q: want %q", a.Error, a.Hint, w)
		}
	}
	if result == hub.Succeeded && res.Progress != nil {
		t.Errorf("progress is left after a success: %s", res.Progress)
	}
}

// stages is how the steps of an attempt ended.
func stages(a hub.Attempt) string {
	var list []string
	for _, s := range a.Steps {
		list = append(list, s.Type+" "+s.Result)
	}
	return strings.Join(list, ", ")
}

// web is a real web server that remembers what it got and answers as it is told.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, r *http.Request, n int)
}

type received struct {
	Method, URI string
	Header      http.Header
	Body        string
}

func newWeb(t *testing.T) *web {
	w := &web{}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.got = append(s.got, received{r.Method, r.RequestURI, r.Header.Clone(), string(body)})
	answer, n := s.answer, len(s.got)
	s.mu.Unlock()
	if answer != nil {
		answer(w, r, n)
	}
}

// answers sets what is answered, one after the other; the last one stays.
func (s *web) answers(list ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.got) + 1
	s.answer = func(w http.ResponseWriter, _ *http.Request, n int) {
		status, body := 200, list[min(n-first, len(list)-1)]
		if code, rest, ok := strings.Cut(body, " "); ok && len(code) == 3 {
			if _, err := fmt.Sscan(code, &status); err == nil {
				body = rest
			}
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (s *web) calls() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}
