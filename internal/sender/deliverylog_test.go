package sender

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hacek/internal/await"
	"hacek/internal/hub"
)

// logged is a line as a reader's program sees it.
type logged struct {
	Time, Tenant, Delivery, Attempt, Event, Type, Key string
	Number                                            int
	Endpoint                                          struct{ ID, Name string }
	Result                                            string
	Status                                            int
	TookMS                                            float64 `json:"took_ms"`
	Request                                           struct {
		Method, URL string
		Headers     map[string]string
		Body        string
		BodyBase64  string `json:"body_base64"`
	}
	Response struct {
		Status    int
		Body      string
		Truncated bool
	}
	Error   string
	Dropped int
}

func readLog(t *testing.T, path string) []logged {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []logged
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 10<<20)
	for lines.Scan() {
		var l logged
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		list = append(list, l)
	}
	return list
}

// run runs the log until stop is called, which waits for the last line.
func run(t *testing.T, l *DeliveryLog) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestP7_TheLogSaysWhichDataWentToWhomAndWhen(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(422)
		fmt.Fprint(w, "neznámé \x1b[31mčíslo")
	})
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"name":"WMS \"hala 2\"","request":{"url":"%s/in?apikey=planted-Secret"},"auth":{"type":"bearer","token":"planted-T0ken"}}`, r.URL))
	path := filepath.Join(t.TempDir(), "logs", "webhooks.log")
	l := &DeliveryLog{Path: path}
	stop := run(t, l)
	call := newCall(`{"text":"a\u001b[2Jb\u202E","n":1234.50}`)
	call.Now = time.Date(2026, 3, 4, 5, 6, 8, 9e6, time.UTC)
	a := send(t, s, c, call)
	l.Write(Record{Attempt: a, Event: call.Event, EventID: "evt_1", DeliveryID: "dlv_1", AttemptID: "att_1", Tenant: "default", EndpointID: "ep_1", EndpointName: `WMS "hala 2"`})
	a.Request.Body = []byte("\xff\x00binary")
	l.Write(Record{Attempt: a, Event: call.Event})
	stop()

	list := readLog(t, path)
	if len(list) != 2 {
		t.Fatalf("%d lines", len(list))
	}
	got := list[0]
	if got.Time != "2026-03-04T05:06:08.009Z" || got.Tenant != "default" || got.Delivery != "dlv_1" || got.Attempt != "att_1" || got.Number != 1 || got.Event != "evt_1" ||
		got.Type != "order.created" || got.Key != "2018000057" || got.Endpoint.ID != "ep_1" || got.Endpoint.Name != `WMS "hala 2"` || got.Result != "refused" || got.Status != 422 || got.TookMS <= 0 {
		t.Errorf("got %+v", got)
	}
	if q := got.Request; q.Method != "POST" || q.URL != r.URL+"/in?apikey=***" || q.Headers["Authorization"] != "Bearer ***" || !strings.Contains(q.Body, `"n":1234.50`) || q.Body != string(r.last(t).Body) {
		t.Errorf("got %+v", q)
	}
	if got.Response.Status != 422 || got.Response.Body != "neznámé \x1b[31mčíslo" || !strings.Contains(got.Error, "422") {
		t.Errorf("got %+v %s", got.Response, got.Error)
	}
	if body, err := base64.StdEncoding.DecodeString(list[1].Request.BodyBase64); err != nil || string(body) != "\xff\x00binary" {
		t.Errorf("got %q, %v", body, err)
	}
	raw, _ := os.ReadFile(path)
	for _, bad := range []string{"planted-Secret", "planted-T0ken", "\x1b", "\u202e"} {
		if bytes.Contains(raw, []byte(bad)) {
			t.Errorf("%q stands in the log: %s", bad, raw)
		}
	}
	info, _ := os.Stat(path)
	folder, _ := os.Stat(filepath.Dir(path))
	if info.Mode().Perm() != 0o600 || folder.Mode().Perm() != 0o700 {
		t.Errorf("rights: file %o, folder %o", info.Mode().Perm(), folder.Mode().Perm())
	}
}

func TestP7_TheLogIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.log")
	l := &DeliveryLog{Path: path, Megabytes: 1, Files: 2, Buffer: 64 << 20}
	stop := run(t, l)
	a := hub.Attempt{Result: hub.Succeeded, Request: hub.SentRequest{Body: bytes.Repeat([]byte("x"), 900<<10)}}
	for range 6 {
		l.Write(Record{Attempt: &a})
		await.Until(t, "the lines to be taken", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.waiting) == 0 })
	}
	stop()
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if len(files) < 2 || len(files) > 4 {
		t.Errorf("got %v", files)
	}
	for _, f := range files {
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 || info.Size() > 2<<20 {
			t.Errorf("%s: %o, %d bytes", f, info.Mode().Perm(), info.Size())
		}
	}
}

func TestP7_ASlowDiskDropsLinesAndSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.log")
	l := &DeliveryLog{Path: path, Buffer: 1000}
	a := hub.Attempt{N: 1, Result: hub.Succeeded, At: time.Unix(1, 0)}
	for range 50 { // nobody writes yet; Write does not wait
		l.Write(Record{Attempt: &a})
	}
	stop := run(t, l)
	await.Until(t, "the lines to be taken", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.waiting) == 0 })
	a.N = 2
	l.Write(Record{Attempt: &a})
	stop()
	kept, dropped := 0, 0
	for _, line := range readLog(t, path) {
		dropped += line.Dropped
		if line.Dropped == 0 {
			kept++
		} else if kept == 0 {
			t.Error("the drops are told before the lines they follow")
		}
	}
	if kept+dropped != 51 || dropped == 0 {
		t.Errorf("%d lines, %d dropped; want 51 together", kept, dropped)
	}
}

func TestRule18_NothingInTheLogMovesATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"příliš\t\"x\"\\": `"příliš\t\"x\"\\"`, "a\x00\x1b\x7f\u0085": `"a\u0000\u001b\u007f\u0085"`, "\u202ea\u2066b\u200f\ufeff": `"\u202ea\u2066b\u200f\ufeff"`,
		"a\xffb": `"a\ufffdb"`, "😀\u2028": `"😀\u2028"`, "": `""`,
	} {
		if got := string(appendShown(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	body := []byte(strings.Repeat(`{"code":"2018000057","name":"Žluťoučký"},`, 22))
	a := hub.Attempt{N: 1, Result: hub.Succeeded, Status: 200, Took: 1234567, At: time.Unix(1_700_000_000, 0),
		Request: hub.SentRequest{Method: "POST", URL: "https://wms.example/in", Body: body, Headers: make([]hub.Header, 9)}, Response: hub.Answer{Status: 200, Body: []byte("ok")}}
	l := &DeliveryLog{Buffer: 1 << 20}
	event := &hub.Event{Type: "order.created", Key: "2018000057"}
	b.ReportAllocs()
	for b.Loop() {
		l.waiting = l.waiting[:0]
		l.Write(Record{Attempt: &a, Event: event, EventID: "evt_01h00000000000000000000000", EndpointID: "ep_01h00000000000000000000000", EndpointName: "WMS"})
	}
}
