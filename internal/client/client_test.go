package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

func TestRefusalsComeBackAsTheErrorTheyWere(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter){
		"/problem": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(503)
			fmt.Fprint(w, `{"code":"unavailable","detail":"the disk is full","hint":"free some space","errors":[{"pointer":"/a","detail":"b"}]}`)
		},
		"/proxy":   func(w http.ResponseWriter) { w.WriteHeader(502); fmt.Fprint(w, "<h1>Bad gateway</h1>") },
		"/garbage": func(w http.ResponseWriter) { fmt.Fprint(w, "no JSON") },
		"/ok":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"n":12345678901234567890}`) },
		"/empty":   func(w http.ResponseWriter) { w.WriteHeader(204) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer geheim" || r.Header.Get("Hacek-Tenant") != "jana" {
			t.Errorf("%s: headers %v", r.URL.Path, r.Header)
		}
		answers[r.URL.Path](w)
	}))
	defer server.Close()
	c := &Client{Base: server.URL + "/", Key: hub.NewSecret("geheim"), Tenant: "jana"}
	var out struct{ N uint64 }

	var e *hub.Error
	err := c.Do(t.Context(), "GET", "/problem", nil, &out)
	if !errors.As(err, &e) || e.Code != hub.Unavailable || e.Hint != "free some space" || e.RetryAfter != 7*time.Second || len(e.Fields) != 1 {
		t.Errorf("a problem: got %#v", err)
	}
	if err := c.Do(t.Context(), "GET", "/proxy", nil, &out); hub.CodeOf(err) != "status_502" || !strings.Contains(err.Error(), "Bad gateway") {
		t.Errorf("a proxy's page: got %v", err)
	}
	if err := c.Do(t.Context(), "GET", "/garbage", nil, &out); err == nil {
		t.Error("an answer that is no JSON was taken")
	}
	if err := c.Do(t.Context(), "GET", "/ok", nil, &out); err != nil || out.N != 12345678901234567890 {
		t.Errorf("an answer: got %v, %v", out, err)
	}
	if err := c.Do(t.Context(), "DELETE", "/empty", nil, nil); err != nil {
		t.Errorf("no content: %v", err)
	}
	server.Close()
	if err := c.Do(t.Context(), "GET", "/ok", nil, &out); hub.CodeOf(err) != Unreachable || strings.Contains(err.Error(), "geheim") {
		t.Errorf("nobody there: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Do(ctx, "GET", "/ok", nil, &out); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
}

func TestStreamReadsServerSentEvents(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") != "evt_0" {
			t.Errorf("Last-Event-ID: %q", r.Header.Get("Last-Event-ID"))
		}
		fmt.Fprint(w, ": hello\n\nid: evt_1\nevent: event\ndata: {\"a\":\ndata: 1}\n\nevent: delivery\ndata:{}\n\nid: evt_2\nevent: event\ndata: cut off")
	}))
	defer server.Close()
	c := &Client{Base: server.URL}
	var got []Message
	err := c.Stream(t.Context(), "evt_0", nil, func(m Message) error { got = append(got, m); return nil })
	if hub.CodeOf(err) != Unreachable {
		t.Errorf("the end of the connection: got %v", err)
	}
	want := []Message{{"evt_1", "event", "{\"a\":\n1}"}, {"evt_1", "delivery", "{}"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, want %q", got, want)
	}
	stop := errors.New("enough")
	if err := c.Stream(t.Context(), "evt_0", nil, func(Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's own error: got %v", err)
	}
}
