// Package browser plays the journeys of people in a real Chromium: they read words and press what the words say.
// It must not know how a page is made; what it uses is what one sees.
package browser

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hacek/internal/marked"
	"hacek/internal/server"
)

// chromium is the running browser; each test has a window of its own, without the cookies of others.
var chromium context.Context

func TestMain(m *testing.M) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		os.Exit(m.Run()) // each test says that it is missing
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox,
		// Whatever a page asks of the world outside fails, and is seen in the list of requests.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2"),
		// A frame of another site stays where a test can look into it; cookies and policies are the same.
		chromedp.Flag("disable-site-isolation-trials", true),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	window, closeWindow := chromedp.NewContext(allocator)
	code := 1
	if err := chromedp.Do(window); err != nil {
		fmt.Fprintln(os.Stderr, "start chromium:", err)
	} else {
		chromium = window
		code = m.Run()
	}
	closeWindow()
	stop()
	os.Exit(code)
}

// missing skips loudly; on CI nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("SKIPPED, nothing is known of the pages: " + what)
}

// testHub is a hub that runs in this process, on a free port and a database of its own.
type testHub struct {
	url       string
	firstLink string // of the first start
	key       string // an administrator's key, for what no page does
	data      string // its directory
}

func startHub(t *testing.T) *testHub {
	t.Helper()
	if chromium == nil {
		missing(t, "install chromium (scripts/install.sh does)")
	}
	h := &testHub{key: "hk_planted_browser_0123456789", data: filepath.Join(t.TempDir(), "data")}
	config, err := server.Load(server.Layers{Flags: map[string]string{
		"data": h.data, "listen": "127.0.0.1:0", "allow_private": "127.0.0.0/8",
	}, Environment: []string{"HACEK_API_KEY=" + h.key}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, config, server.Options{
			Log:       marked.Logger(t, slog.LevelWarn),
			FirstLink: func(address string) { h.firstLink = address },
			Listening: func(address net.Addr) { listening <- address },
			Fatal:     func(err error) { t.Errorf("durability lost: %v", err) },
		})
	}()
	select {
	case address := <-listening:
		h.url = "http://" + address.String()
	case err := <-ended:
		stop()
		t.Fatalf("the hub did not start: %v", err)
	case <-time.After(2 * patience):
		stop()
		t.Fatal("the hub did not start in time")
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the hub ended with %v", err)
		}
	})
	return h
}
