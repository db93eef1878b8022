package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hacek/internal/server"
)

// Whoever has seen the tour can look at it in the console: the address it names opens the page that makes them its
// administrator.
func TestTheTourLeadsToTheConsole(t *testing.T) {
	config, err := server.Load(server.Layers{Flags: map[string]string{
		"data": filepath.Join(t.TempDir(), "data"), "listen": "127.0.0.1:0", "log_level": "error",
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	a := &app{in: strings.NewReader(""), out: io.Discard, err: io.Discard}
	base, console, ended, err := a.demoHub(ctx, config)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	link := regexp.MustCompile(regexp.QuoteMeta(base) + `/first/\w+`).FindString(console)
	if link == "" {
		t.Errorf("no way into the console: %q", console)
	} else if answer, err := http.Get(link); err != nil {
		t.Error(err)
	} else {
		page, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(string(page), `name="password"`) {
			t.Errorf("the link leads to %s, %.200s", answer.Status, page)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
