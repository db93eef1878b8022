package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// behindDoor serves handler at the hub's own door, and returns its address.
func behindDoor(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	d, err := openDoor(Config{Listen: "127.0.0.1:0"}, handler, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = d.run(t.Context())
		close(done)
	}()
	t.Cleanup(func() {
		d.close(t.Context())
		<-done
	})
	return "http://" + d.listener.Addr().String()
}

// What waits for the disk alone does not watch its caller; everything else does, on the same connection too.
func TestOnlyWhoPublishesIsUnwatched(t *testing.T) {
	var asked int
	address := behindDoor(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked++
		c := r.Context().Value(callerKey{}).(*caller)
		if want := r.Header.Get("Want") == "unwatched"; c.unwatched.Load() != want {
			t.Errorf("%s %s: unwatched is %v", r.Method, r.URL.Path, !want)
		}
		if c.unwatched.Load() {
			if n, err := c.Read(make([]byte, 1)); n != 0 || err != nil {
				t.Errorf("the watch read %d, %v", n, err)
			}
		}
	})
	for range 2 {
		for _, call := range []struct{ method, path, want string }{
			{"POST", "/v1/events", "unwatched"},
			{"GET", "/v1/events", ""},
			{"POST", "/in/shop", "unwatched"},
			{"POST", "/v1/events/batch", ""},
			{"PUT", "/in/shop", ""},
		} {
			req, _ := http.NewRequestWithContext(t.Context(), call.method, address+call.path, strings.NewReader(`{"type":"a"}`))
			req.Header.Set("Want", call.want)
			answer, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}
	}
	if asked != 10 {
		t.Errorf("%d requests came in, want 10", asked)
	}
}

// Whoever is watched hears that its caller has gone.
func TestACallerWhoHangsUpIsHeard(t *testing.T) {
	in, heard := make(chan struct{}), make(chan struct{})
	address := behindDoor(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(in)
		<-r.Context().Done()
		close(heard)
	})
	ctx, hangUp := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", address+"/v1/endpoints", strings.NewReader("{}"))
	go func() {
		<-in
		hangUp()
	}()
	if answer, err := http.DefaultClient.Do(req); err == nil {
		answer.Body.Close()
		t.Error("it was answered")
	}
	<-heard
}
