package api

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
)

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

// BenchmarkCreateEvent is POST /v1/events without net/http and without the commit: whatever ingest would queue
// is refused by its last check, the size of the data.
func BenchmarkCreateEvent(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), SecretKey: make([]byte, 32), Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	go func() { _ = s.Run(b.Context()) }()
	service := &settings.Service{Store: s, Sender: &sender.Sender{}, Log: log, Now: time.Now}
	if err := service.Ensure(b.Context()); err != nil {
		b.Fatal(err)
	}
	a := New(Options{
		Auth:   &auth.Authenticator{Store: s, AdminKey: hub.NewSecret("hk_bench"), Now: time.Now},
		Ingest: &ingest.Publisher{Store: s, Log: log, Now: time.Now, MaxData: 1},
		Store:  s, Settings: service, Log: log, MaxData: 1 << 20,
	})
	body := []byte(`{"type":"bench.1","id":"0123456789abcdef","key":"2018000057","data":{"total":"1234.50","items":[` + strings.Repeat(`{"sku":"A-1","n":1},`, 40) + `{}]}}`)
	r, err := http.NewRequestWithContext(b.Context(), "POST", "/v1/events", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer hk_bench")
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	w := &nowhere{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.ServeHTTP(w, r)
	}
	if w.header.Get("Content-Type") != "application/problem+json" {
		b.Fatal("ingest took it")
	}
}
