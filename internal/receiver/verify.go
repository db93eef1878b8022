package receiver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"hacek/internal/hub"
)

// verify proves whom a request comes from. why is "" when it holds; refusal is what the caller is told else.
func (r *Receiver) verify(ctx context.Context, a *arrival) (refusal answer, why string) {
	in := a.incoming()
	address, err := a.verifier.Certificate(in)
	if err != nil {
		return a.live.refused(), err.Error()
	}
	if address != "" {
		in.Roots = r.Roots
		in.Certificates, err = r.certs.get(a.Source.No, address, r.Now(), func() ([]byte, error) {
			if r.Fetch == nil {
				return nil, errors.New("nobody can fetch it")
			}
			return r.Fetch(ctx, a.Tenant, address)
		})
		if err != nil {
			late := say(http.StatusServiceUnavailable, "cannot be verified at the moment; send it again later")
			late.again = afterBusy
			return late, "the certificate that it names cannot be fetched: " + err.Error()
		}
		if u, err := url.Parse(address); err == nil {
			a.certificateHost = u.Host
		}
	}
	in.Terse = r.ring.crowded(a.No, a.in.At) // nobody would read the explanation
	verdict := a.verifier.Verify(in, a.secrets)
	if verdict.OK {
		return answer{}, ""
	}
	if verdict.Why == "" {
		verdict.Why = "the signature does not hold"
	}
	return a.live.refused(), verdict.Why
}

// Certificates are fetched once for everybody and kept; a source fetches so many a minute, and no address twice at a
// time.
const (
	certificateTime  = 24 * time.Hour
	certificateAgain = time.Minute // after a failure
	certificateRate  = 10
	certificateMost  = 200
	certificateSize  = 64 << 10
)

var errTooManyCertificates = hub.Errorf(hub.TooMany, "the source has asked for %d new certificates within a minute", certificateRate)

type certificates struct {
	mu      sync.Mutex
	known   map[string]*certificate
	fetches map[int64][]time.Time // by source, of the last minute
}

type certificate struct {
	ready chan struct{} // closed when the rest is filled in
	until time.Time
	pem   []byte
	err   error
}

func (c *certificates) get(source int64, address string, now time.Time, fetch func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	if c.known == nil {
		c.known, c.fetches = map[string]*certificate{}, map[int64][]time.Time{}
	}
	if k := c.known[address]; k != nil && now.Before(k.until) {
		c.mu.Unlock()
		<-k.ready
		return k.pem, k.err
	}
	recent := c.fetches[source][:0]
	for _, at := range c.fetches[source] {
		if now.Sub(at) < time.Minute {
			recent = append(recent, at)
		}
	}
	if c.fetches[source] = recent; len(recent) >= certificateRate {
		c.mu.Unlock()
		return nil, errTooManyCertificates
	}
	c.fetches[source] = append(recent, now)
	if len(c.known) >= certificateMost {
		for old := range c.known { // any one: they are cheap to fetch again
			delete(c.known, old)
			break
		}
	}
	k := &certificate{ready: make(chan struct{}), until: now.Add(certificateTime)}
	c.known[address] = k
	c.mu.Unlock()

	k.pem, k.err = fetch()
	if k.err == nil && len(k.pem) > certificateSize {
		k.pem, k.err = nil, hub.Errorf(hub.TooLarge, "the certificate is larger than 64 KiB")
	}
	close(k.ready)
	if k.err != nil {
		c.mu.Lock()
		k.until = now.Add(certificateAgain)
		c.mu.Unlock()
	}
	return k.pem, k.err
}
