package sender

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// raw is a server that speaks whatever a test wants, after it has read a request.
func raw(t *testing.T, speak func(c net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wait.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					q, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, q.Body)
					speak(c)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return "http://" + l.Addr().String()
}

func say(text string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, text) }
}

func sayAndClose(text string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, text); c.Close() }
}

func TestHostileAnswers(t *testing.T) {
	endless := func(prefix, part string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, prefix)
			for {
				if _, err := io.WriteString(c, part); err != nil {
					return
				}
			}
		}
	}
	drip := func(prefix, part string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, prefix)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := io.WriteString(c, part); err != nil {
					return
				}
			}
		}
	}
	big := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		name  string
		speak func(net.Conn)
		want  hub.Result
		says  string
	}{
		{"garbage", say("SSH-2.0-OpenSSH_9.2\r\n"), hub.Garbage, ""},
		{"binary garbage", say("\x16\x03\x01\x02\x00\x00\x00\x00\r\n\r\n"), hub.Garbage, ""},
		{"hangs up", func(c net.Conn) { c.Close() }, hub.NoConnection, "without an answer"},
		{"resets", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }, hub.NoConnection, ""},
		{"says nothing", func(net.Conn) {}, hub.TimedOut, "did not answer"},
		{"drips a header", drip("HTTP/1.1 200 OK\r\nX-A: ", "a"), hub.TimedOut, ""},
		{"drips a body", drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "a"), hub.TimedOut, "did not finish"},
		{"endless headers", endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("a", 1000)+"\r\n"), hub.Garbage, ""},
		{"an endless header line", endless("HTTP/1.1 200 OK\r\nX-A: ", big), hub.Garbage, ""},
		{"an endless status line", endless("HTTP/1.1 200 ", big), hub.Garbage, ""},
		{"4 GB", endless("HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n", big), hub.Succeeded, ""},
		{"endless without a length", endless("HTTP/1.1 200 OK\r\n\r\n", big), hub.Succeeded, ""},
		{"endless chunks", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n"+big+"\r\n"), hub.Succeeded, ""},
		{"body broken off", sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), hub.Garbage, "broke off"},
		{"chunk broken off", sayAndClose("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"), hub.Garbage, "broke off"},
		{"a chunk's length is a lie", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdefg\r\n0\r\n\r\n"), hub.Garbage, ""},
		{"a chunk's length is a word", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"), hub.Garbage, ""},
		{"a chunk's length overflows", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n"), hub.Garbage, ""},
		{"endless chunk extension", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", big), hub.Garbage, ""},
		{"two different lengths", say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"), hub.Garbage, ""},
		{"a negative length", say("HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc"), hub.Garbage, ""},
		{"a length with a plus", say("HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"), hub.Garbage, ""},
		{"an unknown transfer encoding", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc"), hub.Garbage, ""},
		{"a header without a colon", say("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"), hub.Garbage, ""},
		{"a blank before the colon", say("HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc"), hub.Garbage, ""},
		{"a status that is no number", say("HTTP/1.1 abc OK\r\n\r\n"), hub.Garbage, ""},
		{"a status too short", say("HTTP/1.1 20 OK\r\n\r\n"), hub.Garbage, ""},
		{"a version that is none", say("HTTP/x.y 200 OK\r\n\r\n"), hub.Garbage, ""},
		{"continue, then the answer", say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), hub.Succeeded, ""},
		{"continue for ever", endless("", "HTTP/1.1 100 Continue\r\n\r\n"), hub.Garbage, ""},
		{"switching protocols", say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), hub.Refused, ""},
		{"204 with a lie about its length", say("HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n"), hub.Succeeded, ""},
		{"old HTTP", sayAndClose("HTTP/1.0 200 OK\r\n\r\nold"), hub.Succeeded, ""},
		{"no length, closed", sayAndClose("HTTP/1.1 200 OK\r\n\r\nbye"), hub.Succeeded, ""},
		{"bare line feeds", say("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), hub.Succeeded, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := newSender(t)
			compiled := compile(t, fmt.Sprintf(`{"request":{"url":"%s","timeout":"700ms"}}`, raw(t, c.speak)))
			started := time.Now()
			a := send(t, s, compiled, newCall(order))
			wantResult(t, a, c.want)
			if !strings.Contains(a.Error, c.says) {
				t.Errorf("%q does not say %q", a.Error, c.says)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if len(a.Response.Body) > AnswerKept {
				t.Errorf("kept %d bytes", len(a.Response.Body))
			}
			if a.Result != hub.Succeeded && a.Hint == "" && a.Status == 0 {
				t.Error("no hint")
			}
		})
	}
}

// The frames of chunks count against the cap too: a little data in a lot of frames is no way around it.
func TestRule1_FramesOfChunksCountToo(t *testing.T) {
	const endless = 128 << 20
	part := strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\ny\r\n", 60)
	var written atomic.Int64
	ended := make(chan struct{})
	address := raw(t, func(c net.Conn) {
		defer close(ended)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for written.Load() < endless {
			n, err := io.WriteString(c, part)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
		c.Close()
	})
	s, _ := newSender(t)
	send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, address)), newCall(order))
	if <-ended; written.Load() >= endless {
		t.Errorf("%d bytes of frames were read", written.Load())
	}
}

func TestAnswersAreCappedAndTheConnectionDropped(t *testing.T) {
	for _, c := range []struct {
		size        int
		connections int
	}{{AnswerKept, 1}, {AnswerKept + 1, 1}, {AnswerRead / 2, 1}, {AnswerRead * 4, 2}} {
		body := bytes.Repeat([]byte("y"), c.size)
		var mu sync.Mutex
		n := 0
		r := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Write(body)
		}))
		r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if s == http.StateNew {
				n++
			}
		}
		r.Start()
		t.Cleanup(r.Close)
		s, _ := newSender(t)
		compiled := compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL))
		for range 2 {
			a := send(t, s, compiled, newCall(order))
			wantResult(t, a, hub.Succeeded)
			if len(a.Response.Body) != min(c.size, AnswerKept) || a.Response.Truncated != (c.size > AnswerKept) {
				t.Errorf("%d bytes: kept %d, truncated %v", c.size, len(a.Response.Body), a.Response.Truncated)
			}
		}
		mu.Lock()
		if n != c.connections {
			t.Errorf("%d bytes: %d connections for two calls, want %d", c.size, n, c.connections)
		}
		mu.Unlock()
	}
}

// A receiver may close an idle connection at the very moment it is used again; that is no failed attempt.
func TestAnIdleConnectionThatWasClosedIsReplaced(t *testing.T) {
	s, _ := newSender(t)
	closed := make(chan struct{}, 10)
	address := raw(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		c.Close()
		closed <- struct{}{}
	})
	compiled := compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, address))
	for range 5 {
		wantResult(t, send(t, s, compiled, newCall(order)), hub.Succeeded)
		<-closed
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s, _ := newSender(t)
	a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"http://%s/"}}`, address)), newCall(order))
	wantResult(t, a, hub.NoConnection)
	if !strings.Contains(a.Error, "refused") || !strings.Contains(a.Hint, "port") {
		t.Errorf("got %q %q", a.Error, a.Hint)
	}
}
