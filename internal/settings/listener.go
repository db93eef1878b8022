package settings

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"hacek/internal/hub"
	"hacek/internal/store"
)

const kindListener = "listener"

// Listener is one address the hub listens at, as it is set up.
type Listener struct {
	hub.Object
	hub.Listener
	Deleted bool
}

// ETag names a version of the settings.
func (l Listener) ETag() string { return etag(l.Version) }

func (s *Service) listeners() noun[hub.Listener] {
	return noun[hub.Listener]{
		s: s, kind: kindListener, prefix: hub.ListenerPrefix, blank: hub.DefaultListener,
		name:    func(l *hub.Listener) *string { return &l.Name },
		place:   func(l *hub.Listener) string { return l.Address },
		prepare: s.prepareListener,
		leave: func(ctx context.Context, t thing[hub.Listener]) error {
			return s.listenerIsFree(ctx, t.Set.Name, "deleted")
		},
		changed: func(t thing[hub.Listener]) {
			if s.ListenerChanged != nil {
				s.ListenerChanged(asListener(t))
			}
		},
	}
}

func asListener(t thing[hub.Listener]) Listener {
	return Listener{Object: t.Object, Listener: t.Set, Deleted: t.Deleted}
}

func asListeners(list []thing[hub.Listener]) []Listener {
	all := make([]Listener, len(list))
	for i, t := range list {
		all[i] = asListener(t)
	}
	return all
}

// CreateListener stores a new listener. raw is a JSON object over the defaults.
func (s *Service) CreateListener(ctx context.Context, raw json.RawMessage, by By) (Listener, error) {
	t, err := s.listeners().create(ctx, installation, raw, by)
	return asListener(t), err
}

// ReplaceListener puts a listener, or creates one at a name.
func (s *Service) ReplaceListener(ctx context.Context, ref string, raw json.RawMessage, ifMatch string, by By) (l Listener, created bool, err error) {
	t, created, err := s.listeners().replace(ctx, installation, ref, raw, ifMatch, by)
	return asListener(t), created, err
}

// PatchListener merges a JSON object into a listener (RFC 7396).
func (s *Service) PatchListener(ctx context.Context, ref string, patch json.RawMessage, ifMatch string, by By) (Listener, error) {
	t, err := s.listeners().patch(ctx, installation, ref, patch, ifMatch, by)
	return asListener(t), err
}

// DeleteListener closes an address. One that sources name stays.
func (s *Service) DeleteListener(ctx context.Context, ref, ifMatch string, by By) error {
	return s.listeners().remove(ctx, installation, ref, ifMatch, by)
}

// Listener finds one by id, name or address.
func (s *Service) Listener(ctx context.Context, ref string) (Listener, error) {
	t, err := s.listeners().find(ctx, installation, ref)
	return asListener(t), err
}

// Listeners lists them page by page.
func (s *Service) Listeners(ctx context.Context, p store.Page) ([]Listener, string, error) {
	list, next, err := s.listeners().page(ctx, installation, p)
	return asListeners(list), next, err
}

// AllListeners lists them all, for the start.
func (s *Service) AllListeners(ctx context.Context) ([]Listener, error) {
	list, err := s.listeners().all(ctx)
	return asListeners(list), err
}

func (s *Service) prepareListener(ctx context.Context, _ int64, next, prev *hub.Listener) error {
	next.Complete()
	plain := next.Validate()
	if code := hub.CodeOf(plain); code != "" && code != hub.Invalid {
		return plain
	}
	if prev != nil {
		what := ""
		if next.Name != prev.Name {
			what = "renamed"
		} else if receives(prev) && !receives(next) {
			what = "closed to them"
		}
		if what != "" {
			if err := s.listenerIsFree(ctx, prev.Name, what); err != nil {
				return err
			}
		}
	}
	var p hub.Problems
	checkCertificate(&p, next.Certificate, next.Key)
	return joined(plain, p.Err())
}

func receives(l *hub.Listener) bool { return slices.Contains(l.Serves, hub.ServesReceiver) }

// listenerIsFree refuses while sources are served at the listener and nowhere else.
func (s *Service) listenerIsFree(ctx context.Context, name, what string) error {
	sources, err := s.AllSources(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, source := range sources {
		if source.Listener == name {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return hub.Errorf(hub.Conflict, "%d sources are served at the listener %q only, so it cannot be %s", n, name, what).
		WithHint("Give these sources another listener first, or none.")
}

// checkCertificate reads both files as the listener will. What is in them is never repeated.
func checkCertificate(p *hub.Problems, certificate, key string) {
	if certificate == "" || key == "" {
		return
	}
	chain, ok := readPEM(p, "/certificate", certificate)
	private, fine := readPEM(p, "/key", key)
	if !ok || !fine {
		return
	}
	block, _ := pem.Decode(chain)
	if block == nil || block.Type != "CERTIFICATE" {
		p.Add("/certificate", "%s does not begin with a certificate in PEM form", certificate)
		return
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		p.Add("/certificate", "%s holds a certificate that cannot be read", certificate)
		return
	}
	if block, _ := pem.Decode(private); block == nil {
		p.Add("/key", "%s holds no key in PEM form", key)
		return
	}
	if _, err := tls.X509KeyPair(chain, private); err != nil {
		p.Add("/key", "%s is not the key of the certificate %s, or is sealed with a password", key, certificate)
	}
}

// maxPEM is the largest file of certificates that is read.
const maxPEM = 1 << 20

func readPEM(p *hub.Problems, pointer, name string) ([]byte, bool) {
	// Asked before it is opened: a pipe would be waited for.
	info, err := os.Stat(name)
	if err != nil {
		p.Add(pointer, "%s %s", name, whyNot(err))
		return nil, false
	}
	if !info.Mode().IsRegular() {
		p.Add(pointer, "%s is not a file", name)
		return nil, false
	}
	f, err := os.Open(name)
	if err != nil {
		p.Add(pointer, "%s %s", name, whyNot(err))
		return nil, false
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil || len(text) > maxPEM {
		p.Add(pointer, "%s cannot be read, or is larger than %s", name, hub.Size(maxPEM))
		return nil, false
	}
	return text, true
}

func whyNot(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist on the hub's machine"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by the hub"
	}
	return fmt.Sprintf("cannot be opened: %v", errors.Unwrap(err))
}
