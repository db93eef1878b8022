package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A database that goes away in the middle of COMMIT: whether the commit got there or not, a publisher that repeats until
// 2xx has its event stored once and delivered.
func TestO2_TheDatabaseLeavesInTheMiddleOfCommit(t *testing.T) {
	server := os.Getenv("HACEK_TEST_POSTGRES")
	if server == "" {
		missing(t, "set HACEK_TEST_POSTGRES to cut a commit of PostgreSQL (make test does)")
	}
	database, drop, err := newDatabase(server)
	if err != nil {
		t.Fatal(err)
	}
	defer drop()
	cut, through, err := newCutter(t, database)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	arrived := map[string]int{} // by webhook-id
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		arrived[r.Header.Get("webhook-id")]++
	}))
	defer receiver.Close()
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0", flags: []string{"--database", through}}
	s.start()
	s.call("POST", "/v1/endpoints", `{"name":"Warehouse","request":{"url":"`+receiver.URL+`"}}`)

	refused := 0
	var ids []string
	for n := range 12 {
		cut.next.Store(int32(1 + n%2)) // once before the commit reached the database, once after it did
		for try := 0; ; try++ {
			status, text, err := s.ask("POST", "/v1/events", "application/json", fmt.Sprintf(`{"type":"order.created","id":"A-%d","data":%d}`, n, n))
			if err == nil && status/100 == 2 {
				var event struct{ ID string }
				if err := json.Unmarshal([]byte(text), &event); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, event.ID)
				break
			}
			if refused++; err != nil || status != 503 || !strings.Contains(text, `"code":"unavailable"`) {
				t.Fatalf("event %d was answered %d %s (%v); a database that is away is 503", n, status, text, err)
			}
			if try > 200 {
				t.Fatalf("event %d is refused for ever: %s", n, text)
			}
		}
	}
	if cuts := cut.done.Load(); cuts < 6 {
		t.Errorf("only %d commits were cut: the test proves little", cuts)
	}
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal([]byte(s.call("GET", "/v1/events", "")), &list); err != nil || len(list.Data) != len(ids) {
		t.Errorf("%d events are stored, want %d: each once", len(list.Data), len(ids))
	}
	waitFor(t, "every accepted event", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			if arrived[id] == 0 {
				return false
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	if len(arrived) != len(ids) {
		t.Errorf("%d different events arrived, want %d", len(arrived), len(ids))
	}
	t.Logf("%d commits cut, %d times told to come again", cut.done.Load(), refused)
}

// cutter stands between the hub and its database and breaks a connection at COMMIT when told to.
type cutter struct {
	next atomic.Int32 // 1: before it is passed on; 2: after it was answered, the answer kept back
	done atomic.Int32
	bind atomic.Value // []byte: how the prepared COMMIT is called
	dial func() (net.Conn, error)
}

// prepared finds the name under which the hub prepares its COMMIT.
var prepared = regexp.MustCompile(`([a-z0-9_]+)\x00COMMIT\x00`)

// commits tells whether a packet executes the COMMIT: a Bind names the portal, which is empty, and then the statement.
func (c *cutter) commits(packet []byte) bool {
	if found := prepared.FindSubmatch(packet); found != nil {
		c.bind.Store(slices.Concat([]byte{0}, found[1], []byte{0}))
		return false
	}
	name, _ := c.bind.Load().([]byte)
	return name != nil && bytes.Contains(packet, name)
}

func newCutter(t *testing.T, database string) (c *cutter, through string, err error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, "", err
	}
	q := u.Query()
	network, address := "tcp", u.Host
	if socket := q.Get("host"); strings.HasPrefix(socket, "/") {
		port := q.Get("port")
		if port == "" {
			port = "5432"
		}
		network, address = "unix", filepath.Join(socket, ".s.PGSQL."+port)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	t.Cleanup(func() { l.Close() })
	c = &cutter{dial: func() (net.Conn, error) { return net.Dial(network, address) }}
	go func() {
		for {
			hub, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(hub)
		}
	}()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return c, u.String(), nil
}

// pass carries bytes both ways. A packet with the COMMIT ends a transaction: the hub then waits.
func (c *cutter) pass(hub net.Conn) {
	defer hub.Close()
	database, err := c.dial()
	if err != nil {
		return
	}
	defer database.Close()
	var deaf atomic.Bool // from now on the hub hears nothing
	answered := make(chan struct{}, 1)
	go func() {
		defer hub.Close()
		for b := make([]byte, 64<<10); ; {
			n, err := database.Read(b)
			if err != nil {
				return
			}
			if deaf.Load() {
				if bytes.Contains(b[:n], []byte("COMMIT\x00")) {
					answered <- struct{}{}
				}
				continue
			}
			if _, err := hub.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	for b := make([]byte, 64<<10); ; {
		n, err := hub.Read(b)
		if err != nil {
			return
		}
		how := int32(0)
		if c.commits(b[:n]) {
			how = c.next.Swap(0)
		}
		if how == 1 {
			c.done.Add(1)
			return
		}
		deaf.Store(how == 2)
		if _, err := io.Copy(database, bytes.NewReader(b[:n])); err != nil {
			return
		}
		if how == 2 {
			<-answered
			c.done.Add(1)
			return
		}
	}
}
