package sender

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"hacek/internal/hub"
)

// The lean path speaks HTTP/1.1 itself: one write a request and a small strict reader, without the goroutines and
// copies of a general client. BenchmarkSend compares it with net/http, which remains for HTTP/2.

// maxWriteBuffer is the largest request kept in one buffer of a connection for the next.
const maxWriteBuffer = 64 << 10

// leanConn is one connection; whoever took it from the pool owns it.
type leanConn struct {
	conn      net.Conn
	r         *bufio.Reader
	w         []byte
	peer      hub.Peer
	idleSince time.Time
	until     time.Time // the deadline that is set

	// Registering with a context for each call costs more than signing the request, so a connection stays registered
	// with one that outlives the call.
	told   <-chan struct{} // the Done of the context whose end interrupts it
	forget func() bool     // nil: there is none
}

// obey makes the end of ctx interrupt what the connection is doing. False: it may have been interrupted already, and
// is of no use any more.
func (c *leanConn) obey(ctx context.Context) bool {
	if c.forget != nil && c.told == ctx.Done() {
		return ctx.Err() == nil
	}
	if !c.release() {
		return false
	}
	c.told, c.forget = ctx.Done(), context.AfterFunc(ctx, func() { c.conn.SetDeadline(past()) })
	return true
}

// lateBy is how much later than it should a call may be ended; the calls of so long share a timer.
const lateBy = 50 * time.Millisecond

// limit makes what the connection does end with ctx's deadline, or up to lateBy after it.
func (c *leanConn) limit(ctx context.Context) {
	deadline, limited := ctx.Deadline()
	if limited && !c.until.Before(deadline) && c.until.Sub(deadline) <= lateBy {
		return
	}
	if c.until = deadline; limited {
		c.until = deadline.Add(lateBy)
	}
	c.conn.SetDeadline(c.until)
}

// release ends the obedience, with the same answer.
func (c *leanConn) release() bool {
	free := c.forget == nil || c.forget()
	c.forget = nil
	return free
}

func (c *leanConn) close() {
	c.release()
	c.conn.Close()
}

// leanPool keeps idle connections of one line.
type leanPool struct {
	mu     sync.Mutex
	idle   map[string][]*leanConn // by scheme and address; the last one used stands last
	closed bool
	sweep  *time.Timer
}

func (p *leanPool) take(key string) *leanConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[key]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	list[len(list)-1] = nil
	p.idle[key] = list[:len(list)-1]
	return c
}

func (p *leanPool) put(key string, c *leanConn, now time.Time) {
	c.idleSince = now
	p.mu.Lock()
	if !p.closed && len(p.idle[key]) < idlePerHost {
		if p.idle == nil {
			p.idle = map[string][]*leanConn{}
		}
		p.idle[key] = append(p.idle[key], c)
		if p.sweep == nil {
			p.sweep = time.AfterFunc(idleTimeout, p.clean)
		}
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	c.close()
}

// clean closes what was not used for long. The oldest stand first.
func (p *leanPool) clean() {
	limit := time.Now().Add(-idleTimeout)
	p.mu.Lock()
	defer p.mu.Unlock()
	left := 0
	for key, list := range p.idle {
		n := 0
		for n < len(list) && list[n].idleSince.Before(limit) {
			list[n].close()
			n++
		}
		if n == len(list) {
			delete(p.idle, key)
			continue
		}
		p.idle[key] = append(list[:0:0], list[n:]...)
		left += len(list) - n
	}
	p.sweep = nil
	if left > 0 && !p.closed {
		p.sweep = time.AfterFunc(idleTimeout/3, p.clean)
	}
}

// drop closes what is idle; a closed pool takes nothing back.
func (p *leanPool) drop(forGood bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = p.closed || forGood
	for _, list := range p.idle {
		for _, c := range list {
			c.close()
		}
	}
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
		p.sweep = nil
	}
}

// viaLean makes the call on a connection of its own pool.
func (l *line) viaLean(ctx context.Context, out *outgoing) (outcome, error) {
	key := out.address
	if out.secure {
		key = "s " + key
	}
	start := time.Now()
	if c := l.lean.take(key); c != nil {
		got, err, untouched := l.speak(ctx, c, key, out, start)
		// The receiver may have closed the idle connection just now. Nothing came back, so it is tried once on a new
		// one; the ids are the same.
		if err == nil || !untouched || ctx.Err() != nil {
			return got, err
		}
	}
	c, got, err := l.dialLean(ctx, out)
	if err != nil {
		return got, err
	}
	timing := got.timing
	got, err, _ = l.speak(ctx, c, key, out, start)
	got.timing.DNS, got.timing.Connect, got.timing.TLS = timing.DNS, timing.Connect, timing.TLS
	return got, err
}

func (l *line) dialLean(ctx context.Context, out *outgoing) (*leanConn, outcome, error) {
	ctx, cancel := alarmed(ctx)
	defer cancel()
	w := &watcher{start: time.Now()}
	conn, err := l.guard.DialContext(httptrace.WithClientTrace(ctx, w.trace()), "tcp", out.address)
	if err != nil {
		return nil, w.outcome(), err
	}
	got := w.outcome()
	got.peer.Address = conn.RemoteAddr().String()
	c := &leanConn{conn: conn, peer: got.peer}
	if out.secure {
		got.phase = securing
		began := time.Now()
		host, _, err := net.SplitHostPort(out.address)
		if err != nil {
			conn.Close()
			return nil, got, err
		}
		config := l.config.Clone()
		config.ServerName, config.NextProtos = host, []string{"http/1.1"}
		secured := tls.Client(conn, config)
		shaking, cancel := context.WithTimeout(ctx, tlsTimeout)
		err = secured.HandshakeContext(shaking)
		cancel()
		got.timing.TLS = time.Since(began)
		if err != nil {
			conn.Close()
			l.oldHosts.Delete(out.address)
			return nil, got, err
		}
		state := secured.ConnectionState()
		c.conn, c.peer = secured, securedPeer(got.peer.Address, &state)
	}
	c.r = bufio.NewReaderSize(c.conn, 4<<10)
	return c, got, nil
}

// past is a deadline that interrupts whatever a connection is doing.
func past() time.Time { return time.Unix(1, 0) }

// speak makes one exchange on a connection and gives it back or closes it. Untouched reports a failure before any byte
// of an answer.
func (l *line) speak(ctx context.Context, c *leanConn, key string, out *outgoing, start time.Time) (got outcome, err error, untouched bool) {
	got = outcome{peer: c.peer, phase: writing}
	c.limit(ctx)
	reuse := false
	defer func() {
		if reuse && (lasting(ctx) || c.release()) {
			l.lean.put(key, c, time.Now())
		} else {
			c.close()
		}
	}()
	if !c.obey(ctx) {
		return got, errInterrupted, true
	}
	if c.w, err = appendRequest(c.w[:0], out); err != nil {
		return got, err, false
	}
	_, writeErr := c.conn.Write(c.w)
	if writeErr == nil && len(out.body) > maxWriteBuffer {
		_, writeErr = c.conn.Write(out.body)
	}
	if cap(c.w) > 2*maxWriteBuffer {
		c.w = nil
	}
	if writeErr == nil {
		got.phase = waiting
	}
	// A read before the answer has come is a call to the kernel for nothing: whoever is ready goes first.
	runtime.Gosched()
	// Even when the request could not be written whole, there may be an answer that says why.
	if _, err = c.r.Peek(1); err != nil {
		if writeErr != nil {
			err = writeErr
		}
		return got, err, !isTimeout(err)
	}
	got.phase = reading
	got.timing.FirstByte = time.Since(start)
	reader := answerReader{r: c.r, keep: AnswerKept}
	if out.keep > 0 {
		reader.keep = out.keep
	}
	if err = reader.head(&got.answer); err != nil {
		return got, err, false
	}
	if err = reader.body(&got.answer); err != nil {
		return got, &brokenAnswer{err}, false
	}
	reuse = writeErr == nil && reader.whole && c.r.Buffered() == 0
	return got, nil, false
}

var errInterrupted = errors.New("the call was given up")

var errHeaderText = errors.New("a header with a control character was about to be sent")

// appendRequest writes a request's head, and its body when one write can carry both.
func appendRequest(b []byte, out *outgoing) ([]byte, error) {
	b = append(b, out.method...)
	b = append(b, ' ')
	b = append(b, out.target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, out.host...)
	b = append(b, "\r\n"...)
	for i := range out.headers {
		h := &out.headers[i]
		if strings.IndexByte(h.Value, '\n') >= 0 || strings.IndexByte(h.Value, '\r') >= 0 || strings.IndexByte(h.Value, 0) >= 0 {
			return b, errHeaderText
		}
		b = append(b, h.Name...)
		b = append(b, ": "...)
		b = append(b, h.Value...)
		b = append(b, "\r\n"...)
	}
	if len(out.body) > 0 || out.method == "POST" || out.method == "PUT" || out.method == "PATCH" {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(out.body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	if len(out.body) <= maxWriteBuffer {
		b = append(b, out.body...)
	}
	return b, nil
}

// discard reads n bytes and forgets them.
func discard(r *bufio.Reader, n int64) error {
	for n > 0 {
		step := int(min(n, 1<<20))
		done, err := r.Discard(step)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		n -= int64(done)
	}
	return nil
}
