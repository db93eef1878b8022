package settings

import (
	"context"
	"slices"
	"sync"
	"time"
)

// discovery collects the names of event types that nobody declared, until Run writes them down.
type discovery struct {
	mu      sync.Mutex
	known   map[string]bool // written or waiting
	waiting []string
	wake    chan struct{}
}

// mostDiscovered keeps a publisher of random names from filling memory and catalogue.
const mostDiscovered = 1_000

func (d *discovery) signal() chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wake == nil {
		d.wake = make(chan struct{}, 1)
	}
	return d.wake
}

func (d *discovery) add(names []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]bool{}
	}
	fresh := false
	for _, name := range names {
		if !d.known[name] && len(d.known) < mostDiscovered {
			d.known[name], fresh = true, true
			d.waiting = append(d.waiting, name)
		}
	}
	return fresh
}

func (d *discovery) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.waiting
	d.waiting = nil
	return names
}

func (d *discovery) giveBack(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.Concat(names, d.waiting)
}

func (d *discovery) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, name)
}

// Discovered notes event types that came in undeclared. It never blocks; Run writes them down.
func (s *Service) Discovered(names ...string) {
	if s.discovery.add(names) {
		select {
		case s.discovery.signal() <- struct{}{}:
		default:
		}
	}
}

// Run writes discovered event types down until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	wake := s.discovery.signal()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
		names := s.discovery.take()
		if len(names) == 0 {
			continue
		}
		if err := s.discover(ctx, names); err != nil {
			s.discovery.giveBack(names)
			s.Log.Warn("event types not written down yet", "types", len(names), "err", err)
			again := time.NewTimer(10 * time.Second)
			select {
			case <-ctx.Done():
			case <-again.C:
				select {
				case wake <- struct{}{}:
				default:
				}
			}
			again.Stop()
		}
	}
}

func (s *Service) discover(ctx context.Context, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Store.Discover(ctx, names...); err != nil {
		return err
	}
	return s.typesChanged(ctx)
}
