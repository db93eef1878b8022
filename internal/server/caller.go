package server

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// callers is a listener whose connections need not be watched.
//
// While a request is answered, net/http reads one byte from its connection, in a goroutine of its own, to hear when the caller hangs up
// (connReader.backgroundRead of net/http). Who publishes waits for the disk and nothing else, and what he published is written whether he
// waits or not: there the watch changes nothing, and costs as much as reading the request. If net/http watches in another way one day,
// it will just be watched again.
type callers struct{ net.Listener }

func (l callers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &caller{TCPConn: tcp}, err
	}
	return c, err
}

type caller struct {
	*net.TCPConn
	unwatched atomic.Bool
}

// Read of one byte is the watch; whoever reads a request has a buffer to fill.
func (c *caller) Read(p []byte) (int, error) {
	if len(p) == 1 && c.unwatched.Load() {
		return 0, nil
	}
	return c.TCPConn.Read(p)
}

type callerKey struct{}

func withCaller(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// unwatched does not ask whether the caller of a publishing or received request is still there.
func unwatched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(callerKey{}).(*caller)
		if ok && r.Method == http.MethodPost && (r.URL.Path == "/v1/events" || strings.HasPrefix(r.URL.Path, "/in/")) {
			c.unwatched.Store(true)
			defer c.unwatched.Store(false)
		}
		next.ServeHTTP(w, r)
	})
}
