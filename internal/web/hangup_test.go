package web_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"hacek/internal/hub"
)

// Whoever closes the page while it is made is no error of ours.
func TestABrowserThatHasGoneIsNoError(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	target := h.endpoint(h.tenant, "WMS").ID.Text(hub.EndpointPrefix)
	b := h.as("administrator@example.com")
	at, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h.console.Log = slog.New(slog.NewTextHandler(&log, nil))
	pages := h.console.Handler()
	for _, path := range []string{"/", "/webhooks", "/webhooks/" + target, "/webhooks/" + target + "/edit", "/events", "/deliveries", "/sources", "/pipelines",
		"/catalogue", "/search?q=1", "/settings", "/audit", "/nowhere"} {
		ctx, goAway := context.WithCancel(t.Context())
		goAway()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		for _, cookie := range b.client.Jar.Cookies(at) {
			r.AddCookie(cookie)
		}
		pages.ServeHTTP(httptest.NewRecorder(), r)
		if log.Len() > 0 {
			t.Errorf("%s: the log says %s", path, log.String())
			log.Reset()
		}
	}
}
