package receiver_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/receiver"
	"hacek/internal/settings"
	"hacek/internal/store/storetest"
	"hacek/packs"
)

// BenchmarkRequestIn is a rightly signed notice from its bytes to its answer, durable, 16 callers at once.
func BenchmarkRequestIn(b *testing.B) {
	st := storetest.SQLite(b)()
	storetest.Run(b, st)
	log := slog.New(slog.DiscardHandler)
	r := &receiver.Receiver{Ingest: &ingest.Publisher{Store: st, Log: log, Now: time.Now}, Store: st, Log: log, Now: time.Now,
		Provider: func(string) *packs.Provider { return &packs.Provider{Name: "shop", Scheme: shopScheme()} }}
	s := settings.Source{Object: hub.Object{No: 1, ID: hub.NewID(), Tenant: tenant}, Source: hub.DefaultSource()}
	s.Name, s.Path, s.EventType, s.Key, s.DuplicateOf.Fields = "shop", "shop", "body.event", "body.eventInstance", []string{"body.eventInstance"}
	s.Verify = hub.Verify{Scheme: "shop", Secrets: []hub.Secret{hub.NewSecret(secret)}}
	r.SetSource(s)
	var n atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Sprintf(`{"event":"order:create","eventInstance":"%d"}`, n.Add(1))
			req := httptest.NewRequest(http.MethodPost, "/in/shop", bytes.NewReader([]byte(body)))
			req.Header = signed(body, secret)
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			if w.Code != http.StatusOK {
				b.Fatal(w.Code, w.Body)
			}
		}
	})
}
