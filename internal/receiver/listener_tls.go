package receiver

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"

	"hacek/internal/hub"
)

// door hands out connections, with TLS where there is a certificate. It is the server's only listener, so that a new
// certificate needs no new server.
type door struct {
	net.Listener
	pair atomic.Pointer[pair]
}

// Accept leaves the TLS handshake to the server, which gives each connection its own goroutine and deadlines.
func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if d.pair.Load() == nil {
		return c, nil
	}
	return tls.Server(c, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if p := d.pair.Load(); p != nil {
				return p.current(), nil
			}
			return nil, errors.New("no certificate")
		},
	}), nil
}

// pair is a certificate with its key, as the files were when they were last good.
type pair struct {
	files       [2]string
	certificate [2][]byte // what was read
	parsed      *tls.Certificate
}

func (p *pair) current() *tls.Certificate {
	if p == nil {
		return nil
	}
	return p.parsed
}

const maxPEM = 1 << 20

// certificate reads a listener's files again where they have changed. With an error the pair is the last good one of
// the same files, or nil.
func (ls *Listeners) certificate(l *listener) (*pair, error) {
	if l.set.Certificate == "" {
		return nil, nil
	}
	files := [2]string{l.set.Certificate, l.set.Key}
	last := l.pair
	var now [2][]byte
	for i, name := range files {
		text, err := readFile(name)
		if err != nil {
			return last, fmt.Errorf("certificate: %w", err)
		}
		now[i] = text
	}
	if last != nil && last.files == files && same(now, last.certificate) {
		return last, nil
	}
	parsed, err := tls.X509KeyPair(now[0], now[1])
	if err != nil {
		return last, fmt.Errorf("certificate %s with key %s: %w", files[0], files[1], err)
	}
	if last != nil {
		ls.Log.Info("certificate read again", "listener", l.set.ID.Text(hub.ListenerPrefix), "expires", parsed.Leaf.NotAfter)
	}
	return &pair{files: files, certificate: now, parsed: &parsed}, nil
}

func same(a, b [2][]byte) bool { return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) }

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxPEM))
}
