package tour

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// received is one request as a receiver saw it.
type received struct {
	by     string // the receiver's name
	at     time.Time
	method string
	url    *url.URL
	header http.Header
	body   []byte
	answer int
}

// receiver is a pretend system on this machine that takes webhooks.
type receiver struct {
	name   string
	base   string // http://127.0.0.1:port
	server *http.Server

	mu       sync.Mutex
	answers  []int // statuses of the next answers; then 200
	watching func(received)
	arrivals chan received
}

// receive starts a receiver; failing answers come first, then 200.
func (t *Tour) receive(name string, failing ...int) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start receiver %s: %w", name, err)
	}
	r := &receiver{name: name, base: "http://" + listener.Addr().String(), answers: failing, arrivals: make(chan received, 64)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: patience}
	go func() { _ = r.server.Serve(listener) }() // ends with close
	t.receivers = append(t.receivers, r)
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// watch hands over what arrives from now on, instead of keeping it for the step.
func (r *receiver) watch(see func(received)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watching = see
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 1<<20))
	if err != nil {
		http.Error(w, "not read", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	status := http.StatusOK
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	got := received{by: r.name, at: at, method: request.Method, url: request.URL, header: request.Header, body: body, answer: status}
	if r.watching != nil {
		r.watching(got)
	} else {
		select {
		case r.arrivals <- got:
		default: // nobody reads more than a step expects
		}
	}
	r.mu.Unlock()
	w.WriteHeader(status)
	fmt.Fprintln(w, http.StatusText(status))
}

// next waits for the next request.
func (r *receiver) next(ctx context.Context) (received, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case got := <-r.arrivals:
		return got, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return received{}, ctx.Err()
		}
		return received{}, fmt.Errorf("nothing arrived at %s within %s", r.name, patience)
	}
}

// quiet waits a while and reports whether nothing arrived.
func (r *receiver) quiet(ctx context.Context, while time.Duration) (bool, error) {
	select {
	case <-r.arrivals:
		return false, nil
	case <-time.After(while):
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
