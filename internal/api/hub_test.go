package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/api"
	"hacek/internal/api/apitest"
	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/mail"
	"hacek/internal/marked"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
	"hacek/internal/support"
)

// recorder sees every call of these tests; TestMain holds them against the document.
var recorder = func() *apitest.Recorder {
	r, err := apitest.New()
	if err != nil {
		panic(err)
	}
	return r
}()

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" &&
		flag.Lookup("test.list").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" && !testing.Short()
	if code == 0 {
		code = apitest.Coverage(os.Stderr, recorder, whole)
	}
	os.Exit(code)
}

const adminKey = "hk_planted_administrator_of_these_tests"

// testHub is the services on a real store, behind a real server; what is missing is the engine.
type testHub struct {
	*testing.T
	url      string
	key      string
	tenant   string // the Hacek-Tenant header
	client   *http.Client
	store    *store.Store
	settings *settings.Service
	ingest   *ingest.Publisher
	auth     *auth.Authenticator
	stream   *api.Stream
	receiver *receiver
	mailer   mail.Mailer // its Server is set by the story that needs one
	listens  map[hub.ID]hub.Listening

	stopStore func() // the database goes away
}

// each runs a story on both databases.
func each(t *testing.T, story func(h *testHub)) {
	t.Parallel() // stories wait for the disk, not for the processor
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		stream := &api.Stream{}
		s := open(func(o *store.Options) { o.Committed = stream.Accepted })
		stop := storetest.Run(t, s)
		h := newHub(t, s, stream)
		h.stopStore = stop
		story(h)
	})
}

func newHub(t *testing.T, s *store.Store, stream *api.Stream) *testHub {
	t.Helper()
	log := marked.Logger(t, slog.LevelError)
	h := &testHub{T: t, key: adminKey, store: s, stream: stream, receiver: newReceiver(t)}
	calls := &sender.Sender{Log: log, Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}}
	h.auth = &auth.Authenticator{Store: s, AdminKey: hub.NewSecret(adminKey), Now: time.Now}
	h.ingest = &ingest.Publisher{Store: s, Log: log, Now: time.Now}
	h.settings = &settings.Service{
		Store: s, Sender: calls, Log: log, Now: time.Now,
		Changed:      func(t hub.Target, rev int64) { h.ingest.SetTarget(t, rev) },
		TypesChanged: func(types []settings.EventType) { h.ingest.SetEventTypes(rules(types)) },
		KeysChanged:  h.auth.Forget,
		Matches:      h.ingest.Matches,
		MailReady:    true,
	}
	if err := h.settings.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	bundle := &support.Bundle{Settings: h.settings, Store: s, Now: time.Now, Secrets: []hub.Secret{hub.NewSecret(adminKey)}, Logger: log}
	h.listens = map[hub.ID]hub.Listening{}
	h.mailer.Dial = (&net.Dialer{}).DialContext
	doors := api.New(api.Options{
		Auth: h.auth, Settings: h.settings, Ingest: h.ingest, Store: s, Log: log, Stream: h.stream, Support: bundle.Serve, Mail: &h.mailer,
		Listening: func(id hub.ID) (hub.Listening, bool) { l, known := h.listens[id]; return l, known },
	})
	bundle.Metrics, bundle.Ready = doors.MetricsText, doors.Health
	server := httptest.NewServer(doors)
	t.Cleanup(func() {
		h.stream.Close()
		server.Close()
	})
	h.url = server.URL
	h.client = &http.Client{Transport: recorder.Transport(server.Client().Transport)}
	return h
}

func rules(types []settings.EventType) []ingest.EventRule {
	var all []ingest.EventRule
	for _, t := range types {
		if !t.Discovered {
			all = append(all, ingest.EventRule{Name: t.Name, Schema: t.Schema, Key: t.Key, Refs: t.Refs})
		}
	}
	return all
}

// receiver is somebody's URL.
type receiver struct {
	url string
	mu  sync.Mutex
	got []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.got = append(r.got, request.Method+" "+request.URL.RequestURI()+" "+string(body))
		r.mu.Unlock()
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// reply is an answer of the hub.
type reply struct {
	*testing.T
	status int
	header http.Header
	body   []byte
	call   string
}

// call sends a body as JSON; header pairs follow it.
func (h *testHub) call(method, path, body string, header ...string) reply {
	h.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if body == "" {
		request.Body = nil
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	if h.key != "" {
		request.Header.Set("Authorization", "Bearer "+h.key)
	}
	if h.tenant != "" {
		request.Header.Set("Hacek-Tenant", h.tenant)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := h.client.Do(request)
	if err != nil {
		h.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{h.T, response.StatusCode, response.Header, text, method + " " + path}
}

func (h *testHub) get(path string, header ...string) reply {
	h.Helper()
	return h.call("GET", path, "", header...)
}

func (h *testHub) post(path, body string, header ...string) reply {
	h.Helper()
	return h.call("POST", path, body, header...)
}

// as is the same hub for another caller.
func (h *testHub) as(key, tenant string) *testHub {
	other := *h
	other.key, other.tenant = key, tenant
	return &other
}

// want ends the test when the status is another.
func (r reply) want(status int) reply {
	r.Helper()
	if r.status != status {
		r.Fatalf("%s was answered %d, want %d: %.800s", r.call, r.status, status, r.body)
	}
	return r
}

// problem wants a refusal with a code; all the texts must be in it.
func (r reply) problem(status int, code hub.Code, texts ...string) reply {
	r.Helper()
	r.want(status)
	if got := r.text("code"); got != string(code) {
		r.Errorf("%s: code %q, want %q: %s", r.call, got, code, r.body)
	}
	for _, text := range texts {
		if !bytes.Contains(r.body, []byte(text)) {
			r.Errorf("%s: %q is not in %s", r.call, text, r.body)
		}
	}
	return r
}

// at finds a place such as data.0.id.
func (r reply) at(path string) any {
	r.Helper()
	var value any
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		r.Fatalf("%s: %v in %s", r.call, err, r.body)
	}
	for _, step := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if err := json.Unmarshal([]byte(step), &i); err != nil || i >= len(v) {
				r.Fatalf("%s: no %s in %s", r.call, path, r.body)
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func (r reply) text(path string) string {
	r.Helper()
	switch v := r.at(path).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case nil:
		return ""
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			r.Fatal(err)
		}
		return string(raw)
	}
}

// is compares a place with a text; numbers and objects are compared as JSON.
func (r reply) is(path, want string) reply {
	r.Helper()
	if got := r.text(path); got != want {
		r.Errorf("%s: %s is %q, want %q in %.800s", r.call, path, got, want, r.body)
	}
	return r
}

func (r reply) count(path string) int {
	r.Helper()
	list, _ := r.at(path).([]any)
	return len(list)
}

// endpoint adds an endpoint that calls the receiver.
func (h *testHub) endpoint(settings string) string {
	h.Helper()
	return h.post("/v1/endpoints", `{"request":{"url":"`+h.receiver.url+`/in"}`+settings+`}`).want(201).text("id")
}

func (h *testHub) publish(body string) string {
	h.Helper()
	return h.post("/v1/events", body).want(202).text("id")
}

// deliver writes down how an attempt at an event's newest delivery ended, as the engine would.
func (h *testHub) deliver(event string, result hub.Result, status int) string {
	h.Helper()
	id := h.get("/v1/deliveries?event=" + event).want(200).text("data.0.id")
	d, err := hub.ParseDeliveryID(id)
	if err != nil {
		h.Fatal(err)
	}
	tenant, err := h.settings.Tenant(h.Context(), tenantName(h.tenant))
	if err != nil {
		h.Fatal(err)
	}
	row, err := h.store.Delivery(h.Context(), tenant.No, d)
	if err != nil {
		h.Fatal(err)
	}
	now := time.Now()
	attempt := hub.Attempt{
		N: row.Tries + 1, At: now, Took: 12 * time.Millisecond, Result: result, Status: status, SettingsVersion: 1,
		Request:  hub.SentRequest{Method: "POST", URL: h.receiver.url + "/in", Headers: []hub.Header{{Name: "Webhook-Id", Value: event}}, Body: []byte(`{"a":1}`)},
		Response: hub.Answer{Status: status, Headers: http.Header{"Content-Type": {"text/plain"}}, Body: []byte("ř\x00")},
		Timing: hub.Timing{
			DNS: 1500 * time.Microsecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 4 * time.Millisecond,
			Total: 12 * time.Millisecond,
		},
		Peer: hub.Peer{
			Address: "127.0.0.1:9", TLSVersion: "TLS 1.3", Issuer: "CN=Test CA", Expires: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		},
	}
	if result != hub.Succeeded {
		attempt.Error, attempt.Hint, attempt.Final = "answered 500", "look at the receiver's log", true
	}
	target, err := h.store.TargetByNo(h.Context(), tenant.No, row.Target)
	if err != nil {
		h.Fatal(err)
	}
	health := target.Health.After(&attempt, false, now)
	outcome := &store.Outcome{
		Delivery: row.Delivery, Tenant: tenant.No, Attempt: &attempt, At: now,
		Next:   row.After(&attempt, hub.DefaultRetry(), hub.Stuck{}, now, 0.5),
		Health: &health, Release: target.Release,
	}
	h.store.Record(outcome)
	h.stream.Recorded([]*store.Outcome{outcome})
	// Writes are done in order: when this one is durable, so is the outcome.
	if err := h.store.Canary(h.Context()); err != nil {
		h.Fatal(err)
	}
	return id
}

func tenantName(header string) string {
	if header == "" {
		return settings.DefaultTenant
	}
	return header
}
