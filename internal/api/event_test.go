package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

func TestDataStayAsTheyCame(t *testing.T) {
	for _, data := range []string{
		`{"total": 1234.50, "id":12345678901234567890, "ř" : "ß þ 🎣"}`,
		`"` + "\u2028" + `"`, `[ ]`, `null`, `-0.0e+10`, `{"b":1,"a":2,"b":3}`, `"\u0000\ud83d"`,
	} {
		in, err := readNative([]byte(` { "data" :` + data + ` , "type":"a"}`))
		if err != nil {
			t.Errorf("%s: %v", data, err)
			continue
		}
		if string(in.Data) != data {
			t.Errorf("data came as %s and became %s", data, in.Data)
		}
	}
}

func TestEveryMemberOfAnEventIsRead(t *testing.T) {
	in, err := readNative([]byte(`{"type":"order.\u010d","data":1,"key":"A\"1","id":"x","time":"2026-01-02T03:04:05.678+02:00","channels":["a","b"],"metadata":{"n":1.0}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 1, 2, 1, 4, 5, 678e6, time.UTC)
	if in.Type != "order.č" || *in.Key != `A"1` || in.ID != "x" || !in.Time.Equal(want) || len(in.Channels) != 2 || string(in.Metadata) != `{"n":1.0}` {
		t.Errorf("got %+v", in)
	}
	empty, err := readNative([]byte(`{"type":"a","data":null,"key":null,"id":null,"time":null,"channels":null,"metadata":null}`))
	if err != nil || empty.Key != nil || empty.ID != "" || !empty.Time.IsZero() || empty.Metadata != nil {
		t.Errorf("null is not absent: %+v, %v", empty, err)
	}
}

func TestWrongEventsAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct {
		body string
		code hub.Code
		want string // in detail or a pointer
	}{
		{``, hub.NotJSON, "empty"},
		{`{"type":"a","data":}`, hub.NotJSON, "byte 19"},
		{`{"type":"a","data":1} x`, hub.NotJSON, "byte 22"},
		{"{\"type\":\"\xff\",\"data\":1}", hub.NotJSON, "byte 9"},
		{`{"type":"a","data":` + strings.Repeat("[", 100_000), hub.NotJSON, "deeper than 256"},
		{`[1]`, hub.Invalid, "object"},
		{`{}`, hub.Invalid, "/type"},
		{`{"type":"a"}`, hub.Invalid, "/data"},
		{`{"type":7,"data":1}`, hub.Invalid, "/type"},
		{`{"type":"a","type":"b","data":1}`, hub.Invalid, "twice"},
		{`{"type":"a","data":1,"dta":1}`, hub.Invalid, `did you mean "data"`},
		{`{"type":"a","data":1,"a~/b":1}`, hub.Invalid, "/a~0~1b"},
		{`{"type":"a","data":1,"time":"yesterday"}`, hub.Invalid, "/time"},
		{`{"type":"a","data":1,"channels":["a",1]}`, hub.Invalid, "/channels/1"},
		{`{"type":"a","data":1,"metadata":[]}`, hub.Invalid, "/metadata"},
	} {
		_, err := readNative([]byte(c.body))
		var e *hub.Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%.60s: got %v, want %s", c.body, err, c.code)
			continue
		}
		text := e.Detail
		for _, f := range e.Fields {
			text += " " + f.Pointer + " " + f.Detail
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%.60s: got %q, want %q in it", c.body, text, c.want)
		}
	}
}

func TestAcceptedIsJSON(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	p := &ingest.Published{Event: &hub.Event{ID: hub.NewID(), Type: "a\"<ř\u2028", Key: "k\\", Time: now, ReceivedAt: now}, Deliveries: 3, Duplicate: true}
	var got struct {
		ID, Type, Key, Time string
		Deliveries          int
		Duplicate           bool
	}
	if err := json.Unmarshal(appendAccepted(nil, p), &got); err != nil {
		t.Fatalf("%s: %v", appendAccepted(nil, p), err)
	}
	if got.Type != p.Event.Type || got.Key != p.Event.Key || got.Time != "2026-01-02T03:04:05.006Z" || got.Deliveries != 3 || !got.Duplicate {
		t.Errorf("got %+v", got)
	}
}

func BenchmarkReadEvent(b *testing.B) {
	body := []byte(`{"type":"bench.1","id":"0123456789abcdef","key":"2018000057","data":{"total":"1234.50","items":[` + strings.Repeat(`{"sku":"A-1","n":1},`, 40) + `{}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readNative(body); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever a batch holds, reading it ends, and every line is an event or an error that says why.
func FuzzBatch(f *testing.F) {
	for _, seed := range []string{
		`[{"type":"a","data":1},{"type":"a"}]`, "{\"type\":\"a\",\"data\":1}\n\n{\"type\":\"b\",\"data\":[]}\r\n", `[]`, `[[[[`, "\xff", `{"a":`,
		`[{"specversion":"1.0","id":"1","source":"/s","type":"t"}]`,
	} {
		for kind := range uint8(3) {
			f.Add(kind, []byte(seed))
		}
	}
	kinds := []string{"application/json", "application/x-ndjson", "application/cloudevents-batch+json"}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		lines, err := ReadBatch(kinds[int(kind)%len(kinds)], bytes.Clone(body))
		if err != nil {
			wantHubError(t, err)
			return
		}
		if len(lines) == 0 || len(lines) > maxBatch {
			t.Fatalf("%d lines", len(lines))
		}
		for _, l := range lines {
			wantEvent(t, l.Input, l.Err)
		}
	})
}

func FuzzCloudEvent(f *testing.F) {
	f.Add(`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"k","time":"2026-01-02T03:04:05Z","data":{"a":1},"ext":"x"}`, "", []byte(nil))
	f.Add(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAE="}`, "", []byte(nil))
	f.Add("%C4%8D", "text/plain", []byte("hello"))
	f.Add(`"a\"b"`, "application/json", []byte(`{"a":1}`))
	f.Fuzz(func(t *testing.T, text, media string, body []byte) {
		if doc, err := expr.ParseDoc([]byte(text)); err == nil {
			in, err := readCloud(doc.Value())
			wantEvent(t, in, err)
		}
		header := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {text}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Ce-Subject": {text}, "Ce-Extra": {text}}
		in, err := readCloudBinary(header, media, bytes.Clone(body))
		wantEvent(t, in, err)
	})
}

func wantHubError(t *testing.T, err error) {
	t.Helper()
	var e *hub.Error
	if !errors.As(err, &e) || e.Detail == "" {
		t.Fatalf("not an error for its reader: %T %v", err, err)
	}
}

func wantEvent(t *testing.T, in ingest.Input, err error) {
	t.Helper()
	if err != nil {
		wantHubError(t, err)
		return
	}
	if _, err := expr.ParseDoc(in.Data); err != nil {
		t.Fatalf("data are not JSON: %q: %v", in.Data, err)
	}
	if in.Metadata != nil && !json.Valid(in.Metadata) {
		t.Fatalf("metadata are not JSON: %q", in.Metadata)
	}
}
