package tour

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// relay passes what comes to a port of this machine on to a server, until it is cut.
type relay struct {
	listener net.Listener
	network  string
	to       string
	under    sync.WaitGroup

	mu      sync.Mutex
	severed bool
	open    map[net.Conn]bool
}

func openRelay(network, to string) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a way to the database: %w", err)
	}
	r := &relay{listener: listener, network: network, to: to, open: map[net.Conn]bool{}}
	r.under.Go(r.accept)
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		caller, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		if !r.keep(caller) {
			continue
		}
		server, err := net.Dial(r.network, r.to)
		if err != nil {
			r.leave(caller)
			continue
		}
		if !r.keep(server) {
			r.leave(caller)
			continue
		}
		r.under.Go(func() { r.pass(server, caller) })
		r.under.Go(func() { r.pass(caller, server) })
	}
}

func (r *relay) pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // a cut in the middle is what the relay is for
	r.leave(to)
	r.leave(from)
}

// keep notes a connection, or closes it when the relay is cut.
func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.severed {
		_ = c.Close()
		return false
	}
	r.open[c] = true
	return true
}

func (r *relay) leave(c net.Conn) {
	r.mu.Lock()
	delete(r.open, c)
	r.mu.Unlock()
	_ = c.Close()
}

// cut breaks every connection and refuses new ones.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.severed = true
	for c := range r.open {
		_ = c.Close()
	}
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.severed = false
}

func (r *relay) close() {
	_ = r.listener.Close()
	r.cut()
	r.under.Wait()
}
