package story

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// moody is a receiver that takes requests and then does what its mood says; a later mood holds from the next request on.
type moody struct {
	url  string
	mu   sync.Mutex
	mood func(net.Conn)
}

func newMoody(t *testing.T, mood func(net.Conn)) *moody {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &moody{url: "http://" + l.Addr().String(), mood: mood}
	var open sync.Map
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			serving.Go(func() {
				defer c.Close()
				q, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, q.Body)
				m.mu.Lock()
				answer := m.mood
				m.mu.Unlock()
				answer(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		serving.Wait()
	})
	return m
}

func (m *moody) become(mood func(net.Conn)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// hangsAfter says something and then keeps the connection until the hub gives up.
func hangsAfter(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

func endless(head string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, head)
		for part := strings.Repeat("x", 64<<10); err == nil; {
			_, err = io.WriteString(c, part)
		}
	}
}

// Whatever a receiver does, the attempt says what happened and what to do, the event is kept, and a retry delivers it
// once the receiver is well.
func TestO2_N9_HostileReceiversLeaveAClearAttempt(t *testing.T) {
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	metadata := "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name   string
		mood   func(net.Conn)
		result string
		error  string
	}{
		{"never answers", hangsAfter(""), "timed_out", "did not answer"},
		{"drips", hangsAfter("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"), "timed_out", "did not finish"},
		{"resets", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, "connect_failed", ""},
		{"garbage", says("SSH-2.0-OpenSSH_9.2\r\n"), "invalid_answer", ""},
		{"4 GB of a refusal", endless("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4294967296\r\n\r\n"), "refused", "500"},
		{"redirects to the metadata address", says(metadata), "redirected", "302"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &session{t: t, address: s.address}
			receiver := newMoody(t, c.mood)
			s.call("POST", "/v1/endpoints", fmt.Sprintf(`{"name":%q,"subscription":{"event_types":[%q]},"retry":{"intervals":[]},
				"request":{"url":%q,"timeout":"400ms"}}`, c.name, strings.ReplaceAll(c.name, " ", "_"), receiver.url))
			text := s.call("POST", "/v1/events", `{"type":"`+strings.ReplaceAll(c.name, " ", "_")+`","data":{"n":1}}`)
			var event struct{ ID string }
			if err := json.Unmarshal([]byte(text), &event); err != nil {
				t.Fatal(err)
			}
			delivery := s.settles(event.ID, "failed")
			a := delivery.Attempts[0]
			if a.Result != c.result || a.Error == "" || !strings.Contains(a.Error, c.error) || a.Hint == "" {
				t.Errorf("got %s %q %q, want %s with %q and a hint", a.Result, a.Error, a.Hint, c.result, c.error)
			}
			if a.Response != nil && len(a.Response.Body) > 64<<10 {
				t.Errorf("%d bytes of the answer are kept", len(a.Response.Body))
			}
			receiver.become(says("HTTP/1.1 204 No Content\r\n\r\n"))
			s.call("POST", "/v1/deliveries/"+delivery.ID+"/retry", "")
			s.settles(event.ID, "delivered")
		})
	}
}

// A value that would leave the path of the address sends nothing; the attempt names the place, and the next event goes.
func TestRule4_AValueThatLeavesThePathIsNotSent(t *testing.T) {
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	receiver := newMoody(t, says("HTTP/1.1 204 No Content\r\n\r\n"))
	s.call("POST", "/v1/endpoints", `{"name":"WMS","retry":{"intervals":[]},"request":{"url":"`+receiver.url+`/in/#code#/x"}}`)
	publish := func(code string) string {
		var event struct{ ID string }
		if err := json.Unmarshal([]byte(s.call("POST", "/v1/events", `{"type":"a","data":{"code":"`+code+`"}}`)), &event); err != nil {
			t.Fatal(err)
		}
		return event.ID
	}
	a := s.settles(publish(".."), "failed").Attempts[0]
	if a.Result != "render_failed" || !strings.Contains(a.Error, "request.url") || a.Hint == "" {
		t.Errorf("got %s %q %q", a.Result, a.Error, a.Hint)
	}
	s.settles(publish("2018000057"), "delivered")
}

// owed is a delivery with its attempts.
type owed struct {
	ID, State string
	Attempts  []struct {
		Result, Error, Hint string
		Response            *struct{ Body string }
	}
}

// settles waits until the newest delivery of an event is in a state.
func (s *session) settles(event, state string) owed {
	s.t.Helper()
	var list struct{ Data []owed }
	waitFor(s.t, "the delivery in state "+state, func() bool {
		list.Data = nil
		if err := json.Unmarshal([]byte(s.call("GET", "/v1/deliveries?event="+event, "")), &list); err != nil {
			s.t.Fatal(err)
		}
		return len(list.Data) > 0 && list.Data[0].State == state
	})
	var d owed
	if err := json.Unmarshal([]byte(s.call("GET", "/v1/deliveries/"+list.Data[0].ID, "")), &d); err != nil {
		s.t.Fatal(err)
	}
	if len(d.Attempts) == 0 {
		s.t.Fatalf("delivery %s shows no attempt", d.ID)
	}
	return d
}
