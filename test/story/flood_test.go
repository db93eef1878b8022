package story

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What the hub may keep of a source's strangers, as the documentation says.
const (
	ringRows  = 1000
	ringBytes = 50 << 20
)

// Strangers send 20,000 badly signed requests (the benchmark sends 100,000), and to another source large ones, twice what it may keep: the disk and
// the memory stay bounded, all are counted, the newest are shown, and the shop beside them is answered.
func TestRule10_AFloodOfBadSignaturesFillsNothingAndKeepsNobodyOut(t *testing.T) {
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	const secret = "planted-flood-secret-0123"
	for _, path := range []string{"small", "large"} {
		s.call("POST", "/v1/sources", `{"name":"`+path+`","path":"`+path+`","preset":"shoptet","verify":{"scheme":"shoptet","secrets":["`+secret+`"]}}`)
	}
	before := sizeOf(t, s.dir)

	const small, large, pad = 20_000, 400, 256 << 10
	var sent atomic.Int64
	var strangers, shop sync.WaitGroup
	for range 8 {
		strangers.Go(func() {
			c := &flooder{address: s.address}
			defer c.close()
			for n := sent.Add(1); n <= small; n = sent.Add(1) {
				c.wants(t, 401, "small", flooding(n, 0), "another secret")
			}
		})
	}
	strangers.Go(func() {
		c := &flooder{address: s.address}
		defer c.close()
		for n := range int64(large) {
			c.wants(t, 401, "large", flooding(n, pad), "another secret")
		}
	})
	// The shop, beside them, a notice every few milliseconds.
	ctx, over := context.WithCancel(t.Context())
	var took []time.Duration
	shop.Go(func() {
		c := &flooder{address: s.address}
		defer c.close()
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for n := int64(1_000_000); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			began := time.Now()
			c.wants(t, 200, "small", flooding(n, 0), secret)
			took = append(took, time.Since(began))
		}
	})
	strangers.Wait()
	over()
	shop.Wait()

	accepted := len(took)
	if accepted < 50 {
		t.Errorf("only %d notices of the shop were taken beside the flood: this proves little", accepted)
	}
	type source struct{ Counts map[string]int }
	read := func(name string) (at source) {
		if err := json.Unmarshal([]byte(s.call("GET", "/v1/sources/"+name, "")), &at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	waitFor(t, "every request counted", func() bool {
		counts := read("small").Counts
		return counts["quarantined"] >= small && counts["accepted"] >= accepted && read("large").Counts["quarantined"] >= large
	})
	if got := read("small").Counts; got["quarantined"] != small || got["accepted"] != accepted || got["duplicate"] != 0 {
		t.Errorf("counted %v, want %d quarantined and %d accepted", got, small, accepted)
	}
	if got := read("large").Counts; got["quarantined"] != large {
		t.Errorf("counted %v, want %d quarantined", got, large)
	}

	// The newest one is kept, and pushes out the oldest.
	c := &flooder{address: s.address}
	defer c.close()
	waitFor(t, "the newest request at the top of the ring", func() bool {
		c.wants(t, 401, "small", flooding(7_777_777, 0), "another secret")
		newest := s.requests("small", 1)
		return len(newest) == 1 && strings.Contains(s.call("GET", "/v1/sources/small/requests/"+newest[0].ID, ""), "7777777")
	})
	if kept := s.requests("small", 1<<30); len(kept) > ringRows || len(kept) < ringRows/2 {
		t.Errorf("the ring holds %d requests, want at most %d, and not next to nothing", len(kept), ringRows)
	}
	sum := 0
	for _, r := range s.requests("large", 1<<30) {
		sum += r.Size
	}
	if sum > ringBytes || sum < ringBytes/2 {
		t.Errorf("the ring holds %d bytes, want at most %d, and not next to nothing", sum, ringBytes)
	}
	// The rightly signed ones and the log that SQLite writes ahead take their place too.
	if grown := sizeOf(t, s.dir) - before; grown > 2*ringBytes {
		t.Errorf("the data grew by %d MiB, want at most %d", grown>>20, 2*ringBytes>>20)
	}
	memory := mostMemory(s.hub.cmd.Process.Pid)
	if memory > 512<<20 {
		t.Errorf("the hub took %d MiB of memory", memory>>20)
	}
	slowest := time.Duration(0)
	for _, d := range took {
		slowest = max(slowest, d)
	}
	if slowest > 4*time.Second { // Shoptet waits no longer
		t.Errorf("a rightly signed notice took %s", slowest)
	}
	t.Logf("%d notices of the shop taken, the slowest in %s; memory %d MiB; the data grew by %d MiB", accepted, slowest, memory>>20, (sizeOf(t, s.dir)-before)>>20)
}

type keptRequest struct {
	ID   string
	Size int
}

// requests are the quarantined ones of a source, newest first, up to most.
func (s *session) requests(source string, most int) (all []keptRequest) {
	s.t.Helper()
	for cursor := ""; len(all) < most; {
		var page struct {
			Data []keptRequest
			Next *string `json:"next_cursor"`
		}
		path := "/v1/sources/" + source + "/requests?outcome=quarantined&limit=" + strconv.Itoa(min(most, 250)) + "&cursor=" + url.QueryEscape(cursor)
		if err := json.Unmarshal([]byte(s.call("GET", path, "")), &page); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, page.Data...)
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	return all
}

// flooding is one of Shoptet's, with so much of nothing in it.
func flooding(n int64, pad int) []byte {
	return fmt.Appendf(nil, `{"eshopId":222651,"event":"order:create","eventCreated":"2026-11-22T10:00:00+0100","eventInstance":"%d"%*s}`, n, pad, "")
}

// flooder sends requests over one connection that stays open.
type flooder struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func (c *flooder) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

func (c *flooder) wants(t *testing.T, status int, path string, body []byte, secret string) {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	got, err := c.send(path, body, hex.EncodeToString(mac.Sum(nil)))
	if err != nil || got != status {
		t.Errorf("a request to %s was answered %d %v, want %d", path, got, err, status)
	}
}

func (c *flooder) send(path string, body []byte, signature string) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.address); err != nil {
			return 0, err
		}
		c.in = bufio.NewReader(c.conn)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /in/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nShoptet-Webhook-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
		path, c.address, signature, len(body), body)
	if _, err := c.conn.Write(b.Bytes()); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// sizeOf is what all files below a directory hold.
func sizeOf(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if info, err := entry.Info(); err == nil { // else it went while we looked
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// mostMemory is the most a process has ever taken, in bytes; 0 where nobody tells.
func mostMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
