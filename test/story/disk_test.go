package story

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// On a full disk nothing new is accepted and the answer says so; what was accepted is still delivered and written down,
// and with room again the hub goes on by itself.
func TestO2_AFullDiskRefusesEventsAndLosesNone(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		missing(t, fmt.Sprintf("a small disk cannot be mounted here: %v", err))
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	var arrived atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	defer receiver.Close()
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0", flags: []string{"--data", filepath.Join(disk, "data"), "--disk-reserve", "4MiB"}}
	s.start()
	s.call("POST", "/v1/endpoints", `{"name":"Warehouse","request":{"url":"`+receiver.URL+`"}}`)
	s.call("POST", "/v1/endpoints/Warehouse/pause", `{}`)
	event := `{"type":"order.created","data":"` + strings.Repeat("x", 1000) + `"}`
	for range 20 {
		s.call("POST", "/v1/events", event)
	}

	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for s.free(disk) >= 4<<20 {
		if _, err := ballast.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	ballast.Close()
	status, text, err := s.ask("POST", "/v1/events", "application/json", event)
	if err != nil || status != 503 || !strings.Contains(text, `"code":"unavailable"`) || !strings.Contains(text, "Free some space") {
		t.Errorf("on a full disk: %d %s %v", status, text, err)
	}
	waitFor(t, "not ready", func() bool { // the last look may be a second old
		status, text, err := s.ask("GET", "/readyz", "", "")
		return err == nil && status == 503 && strings.Contains(text, "Free some space")
	})
	s.call("POST", "/v1/endpoints/Warehouse/resume", `{}`)
	waitFor(t, "every event accepted before", func() bool { return arrived.Load() == 20 })
	waitFor(t, "every outcome written down", func() bool {
		return strings.Contains(s.call("GET", "/v1/endpoints/Warehouse", ""), `"waiting":0,`)
	})

	if err := os.Remove(ballast.Name()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "ready again", func() bool {
		status, _, err := s.ask("GET", "/readyz", "", "")
		return err == nil && status == 200
	})
	s.call("POST", "/v1/events", event)
	waitFor(t, "the event sent when there was room again", func() bool { return arrived.Load() == 21 })
}

func (s *session) free(dir string) int64 {
	s.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		s.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}
