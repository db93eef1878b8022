package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"hacek/internal/api"
	"hacek/internal/hub"
)

// A caller who has gone is no error of the hub, whatever was asked for; and an event whose request came in whole is taken.
func TestACallerWhoHangsUpIsNoError(t *testing.T) {
	each(t, func(h *testHub) {
		var log bytes.Buffer
		h.listens = map[hub.ID]hub.Listening{}
		doors := api.New(api.Options{
			Auth: h.auth, Settings: h.settings, Ingest: h.ingest, Store: h.store, Stream: h.stream, Mail: &h.mailer,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		// early: before anything is looked at; else as soon as the body was read.
		gone := func(early bool, method, path, body string) int {
			ctx, hangUp := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, method, path, &readThen{strings.NewReader(body), hangUp})
			r.Header.Set("Authorization", "Bearer "+adminKey)
			r.Header.Set("Hacek-Tenant", "default")
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if early {
				hangUp()
			}
			doors.ServeHTTP(w, r)
			return w.Code
		}
		endpoint := h.endpoint(`,"name":"WMS"`)
		event := h.publish(`{"type":"a","key":"K","data":{"a":1}}`)
		ids := map[string]string{"endpoint": endpoint, "event": event, "delivery": h.deliver(event, hub.Refused, 500)}
		place := regexp.MustCompile(`\{(\w+)\}`)
		for _, op := range operations(h.T) {
			path := place.ReplaceAllStringFunc(op.path, func(name string) string {
				if id := ids[strings.Trim(name, "{}")]; id != "" {
					return id
				}
				return "some"
			})
			if op.id == "stream" || strings.HasSuffix(path, "/stream") {
				continue // it ends with its caller anyway
			}
			body := ""
			if op.method != http.MethodGet && op.method != http.MethodDelete {
				body = bodies(h)[op.id]
			}
			for _, early := range []bool{true, false} {
				if gone(early, op.method, path, body); strings.Contains(log.String(), "level=ERROR") {
					h.Errorf("%s, early: %v: the log says %s", op.id, early, log.String())
				}
				log.Reset()
			}
		}
		if status := gone(false, "POST", "/v1/events", `{"type":"a","id":"gone","data":1}`); status != http.StatusAccepted {
			h.Errorf("an event of a caller who has gone was answered %d", status)
		}
		h.post("/v1/events", `{"type":"a","id":"gone","data":1}`).want(http.StatusOK)
	})
}

// readThen tells when it was read to its end.
type readThen struct {
	io.Reader
	then func()
}

func (r *readThen) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		r.then()
	}
	return n, err
}
