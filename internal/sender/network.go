package sender

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"hacek/internal/hub"
)

// Limits of connections.
const (
	tlsTimeout  = 10 * time.Second
	idleTimeout = 90 * time.Second
	idlePerHost = 512
)

// network is everything that was opened under one policy; when the policy changes, a new one takes its place.
type network struct {
	sender *Sender
	policy Policy

	mu    sync.Mutex
	lines map[lineKey]*line
}

// lineKey keeps identities apart: no connection is shared by two tenants, two client certificates or two sets of
// authorities.
type lineKey struct {
	tenant          int64
	certificate, ca [sha256.Size]byte
}

// tlsKey is what an endpoint brings for TLS.
type tlsKey struct {
	certificate, ca [sha256.Size]byte
	client          *tls.Certificate
	roots           *x509.CertPool
}

// line is the connections of one identity.
type line struct {
	network   *network
	guard     *Guard
	config    *tls.Config
	transport *http.Transport
	lean      leanPool
	oldHosts  sync.Map // https addresses that chose HTTP/1.1
}

func newNetwork(s *Sender, p Policy) *network {
	return &network{sender: s, policy: p, lines: map[lineKey]*line{}}
}

func (n *network) guard(tenant int64) *Guard {
	return &Guard{Policy: n.policy, Tenant: tenant, Resolver: n.sender.Resolver}
}

// drop closes idle connections; for good when the network is replaced.
func (n *network) drop(forGood bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lines {
		l.transport.CloseIdleConnections()
		l.lean.drop(forGood)
	}
}

// line finds the endpoint's connections under the policy of this moment.
func (c *Compiled) line(s *Sender) *line {
	n := s.current()
	if l := c.connected.Load(); l != nil && l.network == n {
		return l
	}
	key := lineKey{c.tenant, c.tls.certificate, c.tls.ca}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lines[key]
	if l == nil {
		l = newLine(n, c)
		n.lines[key] = l
	}
	c.connected.Store(l)
	return l
}

func newLine(n *network, c *Compiled) *line {
	l := &line{network: n, guard: n.guard(c.tenant)}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.sender.Roots}
	if c.tls.roots != nil {
		config.RootCAs = c.tls.roots
	}
	if c.tls.client != nil {
		config.Certificates = []tls.Certificate{*c.tls.client}
	}
	l.config = config.Clone()
	l.config.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	l.transport = &http.Transport{
		Proxy:                  nil, // what the environment names is not ours
		DialContext:            l.guard.DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    tlsTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: HeadersRead,
		ForceAttemptHTTP2:      true,
	}
	return l
}

// phase is how far a call came.
type phase int32

const (
	resolving phase = iota
	connecting
	securing
	writing
	waiting
	reading
)

// outcome is what the network showed of a call.
type outcome struct {
	answer hub.Answer
	timing hub.Timing
	peer   hub.Peer
	phase  phase
	reused bool
}

// brokenAnswer is an answer that broke off inside its body.
type brokenAnswer struct{ cause error }

func (e *brokenAnswer) Error() string { return e.cause.Error() }
func (e *brokenAnswer) Unwrap() error { return e.cause }

// exchange makes one call, without redirects, and reads the answer up to its cap.
func (s *Sender) exchange(ctx context.Context, l *line, out *outgoing) (outcome, error) {
	if l.leanServes(out) {
		return l.viaLean(ctx, out)
	}
	return l.viaHTTP(ctx, out)
}

// leanServes tells whether the receiver speaks HTTP/1.1: always without TLS, and with it once it has chosen so. A name
// in letters of another alphabet is left to net/http, which knows how to spell it.
func (l *line) leanServes(out *outgoing) bool {
	for i := range len(out.host) {
		if out.host[i] >= 0x80 {
			return false
		}
	}
	if !out.secure {
		return true
	}
	_, old := l.oldHosts.Load(out.address)
	return old
}

// viaHTTP makes the call with net/http.
func (l *line) viaHTTP(ctx context.Context, out *outgoing) (outcome, error) {
	ctx, cancel := alarmed(ctx)
	defer cancel()
	w := &watcher{start: time.Now()}
	u, err := url.Parse(out.url)
	if err != nil {
		return outcome{}, err
	}
	request := &http.Request{
		Method: out.method, URL: u, Host: out.host, Header: make(http.Header, len(out.headers)+1),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	for _, h := range out.headers {
		name := canonical(h.Name)
		request.Header[name] = append(request.Header[name], h.Value)
	}
	if len(out.body) > 0 {
		request.ContentLength = int64(len(out.body))
		request.Body = io.NopCloser(bytes.NewReader(out.body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.body)), nil }
	}
	request = request.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	answer, err := l.transport.RoundTrip(request)
	if err != nil {
		return w.outcome(), err
	}
	w.enter(reading)
	if out.secure && answer.ProtoMajor == 1 {
		l.oldHosts.Store(out.address, true)
	}
	got := w.outcome()
	got.answer.Status, got.answer.Headers = answer.StatusCode, answer.Header
	if answer.StatusCode != http.StatusSwitchingProtocols { // there the "body" is the bare connection, without a deadline
		got.answer.Body, got.answer.Truncated, err = readAnswer(answer.Body, out.keep)
	}
	answer.Body.Close()
	if answer.TLS != nil {
		got.peer = securedPeer(got.peer.Address, answer.TLS)
	}
	if err != nil {
		return got, &brokenAnswer{err}
	}
	return got, nil
}

// readAnswer keeps the first bytes, counts on up to a limit, and then leaves the rest where it is. Keep zero is
// AnswerKept.
func readAnswer(r io.Reader, keep int) (kept []byte, truncated bool, err error) {
	if keep == 0 {
		keep = AnswerKept
	}
	kept, err = io.ReadAll(io.LimitReader(r, int64(keep)+1))
	if len(kept) <= keep {
		return kept, false, err
	}
	if err == nil && keep < AnswerRead {
		_, err = io.CopyN(io.Discard, r, int64(AnswerRead-keep-1))
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return kept[:keep:keep], true, err
}

func securedPeer(address string, state *tls.ConnectionState) hub.Peer {
	p := hub.Peer{Address: address, TLSVersion: tls.VersionName(state.Version)}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		p.Issuer, p.Expires = issuerName(leaf), leaf.NotAfter
	}
	return p
}

func issuerName(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return c.Issuer.CommonName
	}
	return c.Issuer.String()
}

// watcher notes when each phase of a call began; net/http reports from its own goroutines.
type watcher struct {
	start time.Time

	mu              sync.Mutex
	seen            outcome
	dns, dial, hand time.Time
}

func (w *watcher) enter(p phase) {
	w.mu.Lock()
	w.seen.phase = max(w.seen.phase, p)
	w.mu.Unlock()
}

func (w *watcher) outcome() outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func (w *watcher) trace() *httptrace.ClientTrace {
	note := func(f func()) {
		w.mu.Lock()
		f()
		w.mu.Unlock()
	}
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { note(func() { w.dns = time.Now() }) },
		DNSDone:  func(httptrace.DNSDoneInfo) { note(func() { w.seen.timing.DNS = time.Since(w.dns) }) },
		ConnectStart: func(_, _ string) {
			note(func() {
				w.seen.phase = max(w.seen.phase, connecting)
				if w.dial.IsZero() {
					w.dial = time.Now()
				}
			})
		},
		ConnectDone: func(_, address string, err error) {
			note(func() {
				w.seen.timing.Connect = time.Since(w.dial)
				if err == nil {
					w.seen.peer.Address = address
				}
			})
		},
		TLSHandshakeStart: func() { note(func() { w.hand = time.Now(); w.seen.phase = max(w.seen.phase, securing) }) },
		TLSHandshakeDone: func(tls.ConnectionState, error) {
			note(func() { w.seen.timing.TLS = time.Since(w.hand) })
		},
		GotConn: func(info httptrace.GotConnInfo) {
			note(func() {
				w.seen.phase = max(w.seen.phase, writing)
				w.seen.reused = info.Reused
				w.seen.peer.Address = info.Conn.RemoteAddr().String()
			})
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { w.enter(waiting) },
		GotFirstResponseByte: func() {
			note(func() { w.seen.phase = max(w.seen.phase, reading); w.seen.timing.FirstByte = time.Since(w.start) })
		},
	}
}
