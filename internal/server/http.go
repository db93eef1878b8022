package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"hacek/internal/hub"
)

// Limits of a connection. Bodies are capped by the doors, each by its own measure.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 75 * time.Second // of a whole request; longer than the longest attempt that a test call waits for
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	finishTime    = 10 * time.Second // for requests under way when the hub stops
)

// door is the listener with everything behind it.
type door struct {
	http     *http.Server
	listener net.Listener
}

func openDoor(c Config, handler http.Handler, log *slog.Logger) (*door, error) {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		var failed *net.OpError
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, hub.Errorf(hub.Conflict, "cannot listen on %s: %v", c.Listen, err).
			WithHint("choose another address with --listen, such as 127.0.0.1:8081")
	}
	d := &door{listener: callers{listener}}
	d.http = &http.Server{
		Handler:           unwatched(streams(handler)),
		ConnContext:       withCaller,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return d, nil
}

func (d *door) run(context.Context) error {
	if err := d.http.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// close stops listening, lets requests under way finish, and cuts off what takes too long.
func (d *door) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	if d.http.Shutdown(ctx) != nil {
		_ = d.http.Close()
	}
}

// streams lets answers that never end by themselves live longer than a request may take.
func streams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/stream") {
			// An error means a connection without deadlines, which is what is wanted.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		}
		next.ServeHTTP(w, r)
	})
}
