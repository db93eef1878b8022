package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// Limits of a connection. Bodies are capped by the doors, each by its own measure.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 75 * time.Second // of a whole request
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	finishTime    = 10 * time.Second // for requests under way when a listener closes
	lookAgain     = 2 * time.Second  // at certificate files, and at addresses that could not be opened
)

// Listeners are the addresses that are set up beside the one of the start. Set the fields before the first Set; Run
// looks after certificates and closes everything at its end.
type Listeners struct {
	// Handlers are the doors by what a listener serves: receiver, api, console, portal. Room says whose a path is; nil knows
	// /in/ and gives the rest to the API.
	Handlers map[string]http.Handler
	Room     func(path string) string
	// Along are the doors that come with another: files with the pages that need them.
	Along map[string][]string
	Log   *slog.Logger

	mu   sync.Mutex
	all  map[int64]*listener // by the listener's number
	ends sync.WaitGroup      // servers that finish their last requests
}

// listener is one address with its server. Only Listeners touches it, under its lock; requests see conf and pair.
type listener struct {
	set     settings.Listener
	room    func(path string) string
	tcp     net.Listener
	since   time.Time
	server  *http.Server
	conf    atomic.Pointer[listening]
	pair    *pair // nil: plain HTTP
	problem string
}

// listening is what requests need to know; a change makes a new one.
type listening struct {
	name    string
	serves  map[string]http.Handler
	trusted []netip.Prefix
}

// Set opens, changes or closes a listener. What goes wrong stands in State; opening is tried again by Run.
func (ls *Listeners) Set(s settings.Listener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.all == nil {
		ls.all = map[int64]*listener{}
	}
	l := ls.all[s.No]
	if l == nil {
		l = &listener{room: ls.Room}
		if l.room == nil {
			l.room = roomOf
		}
		ls.all[s.No] = l
	}
	before := l.set
	l.set = s
	if s.Deleted || !s.Active {
		ls.close(l)
		l.problem = ""
		if s.Deleted {
			delete(ls.all, s.No)
		}
		return
	}
	if l.tcp != nil && before.Address != s.Address {
		old := &listener{tcp: l.tcp, server: l.server}
		l.tcp, l.server, l.pair = nil, nil, nil
		defer ls.close(old) // the new address first
	}
	ls.open(l)
}

// open makes a listener what its settings say, as far as that goes.
func (ls *Listeners) open(l *listener) {
	err := ls.tryOpen(l)
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if problem != "" && problem != l.problem {
		ls.Log.Error("listener not as set up", "listener", l.set.ID.Text(hub.ListenerPrefix), "address", l.set.Address, "err", err)
	}
	l.problem = problem
}

func (ls *Listeners) tryOpen(l *listener) error {
	trusted, err := parseNetworks(l.set.TrustedProxies)
	if err != nil {
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	next := &listening{name: l.set.Name, serves: map[string]http.Handler{}, trusted: trusted}
	for _, named := range l.set.Serves {
		for _, what := range append([]string{named}, ls.Along[named]...) {
			if door := ls.Handlers[what]; door != nil {
				next.serves[what] = door
			}
		}
	}
	wanted, failed := ls.certificate(l)
	if failed != nil && wanted == nil {
		ls.close(l) // never plain HTTP where TLS is asked for
		return failed
	}
	l.conf.Store(next)
	if l.tcp != nil && (l.pair == nil) != (wanted == nil) {
		ls.close(l) // from TLS to plain or back: connections of the other kind cannot go on
	}
	l.pair = wanted
	if l.tcp != nil {
		l.tcp.(*door).pair.Store(wanted)
		return failed
	}
	tcp, err := net.Listen("tcp", l.set.Address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("cannot listen on %s: %w", l.set.Address, err)
	}
	d := &door{Listener: tcp}
	d.pair.Store(wanted)
	l.tcp, l.since = d, time.Now()
	l.server = &http.Server{
		Handler:           http.HandlerFunc(l.serve),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(ls.Log.Handler(), slog.LevelDebug),
	}
	server := l.server
	ls.ends.Go(func() {
		if err := server.Serve(d); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			ls.Log.Error("listener ended", "address", tcp.Addr().String(), "err", err)
		}
	})
	ls.Log.Info("listener opened", "listener", l.set.ID.Text(hub.ListenerPrefix), "address", tcp.Addr().String(), "tls", wanted != nil)
	return failed
}

// close stops listening at once and lets requests under way finish, also when the caller is ending.
//
//nolint:contextcheck // that is why
func (ls *Listeners) close(l *listener) {
	if l.server == nil {
		return
	}
	server, tcp := l.server, l.tcp
	l.server, l.tcp, l.pair = nil, nil, nil
	_ = tcp.Close() // so that the address is free when this returns
	ls.ends.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), finishTime)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	})
}

// serve shows a request the doors that its listener serves, and no others.
func (l *listener) serve(w http.ResponseWriter, req *http.Request) {
	c := l.conf.Load()
	room := l.room(req.URL.Path)
	door := c.serves[room]
	if door == nil {
		say(http.StatusNotFound, "nothing is served at this address").write(w)
		return
	}
	if room != hub.ServesReceiver && strings.HasSuffix(req.URL.Path, "/stream") {
		// Answers that never end by themselves; an error means a connection without deadlines, which is what is wanted.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	door.ServeHTTP(w, withOrigin(req, c.name, c.trusted))
}

func roomOf(path string) string {
	if strings.HasPrefix(path, "/in/") {
		return hub.ServesReceiver
	}
	return hub.ServesAPI
}

// PublicURL is the address under which the outside knows a listener, "" when nobody has set one.
func (ls *Listeners) PublicURL(name string) string {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		if l.set.Name == name {
			return strings.TrimSuffix(l.set.PublicURL, "/")
		}
	}
	return ""
}

// State tells of one listener; false when nobody has set it up.
func (ls *Listeners) State(id hub.ID) (hub.Listening, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		if l.set.ID != id {
			continue
		}
		s := hub.Listening{Problem: l.problem}
		if l.tcp != nil {
			s.Address, s.Since = l.tcp.Addr().String(), l.since
		}
		if l.pair != nil && l.pair.current() != nil {
			s.Expires = l.pair.current().Leaf.NotAfter
		}
		return s, true
	}
	return hub.Listening{}, false
}

// Run reads changed certificates and opens what could not be opened before, until ctx ends; then it closes everything
// and waits for the requests under way.
func (ls *Listeners) Run(ctx context.Context) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			ls.look()
		case <-ctx.Done():
			ls.mu.Lock()
			for _, l := range ls.all {
				ls.close(l)
			}
			ls.mu.Unlock()
			ls.ends.Wait()
			return nil
		}
	}
}

// look brings every listener nearer to its settings.
func (ls *Listeners) look() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		if l.set.Active && (l.problem != "" || l.set.Certificate != "") {
			ls.open(l)
		}
	}
}
