package store

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hacek/internal/hub"
)

// disk remembers how much space was free at the last look.
type disk struct {
	mu   sync.Mutex
	at   time.Time
	free int64
}

// Free is the space left for the database in bytes, looked at once a second; -1 when it lies elsewhere.
func (s *Store) Free() int64 {
	if s.pg {
		return -1
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	// Real time, since a test's clock in hand says nothing of the disk.
	now := time.Now()
	if !s.disk.at.IsZero() && now.Sub(s.disk.at) < time.Second {
		return s.disk.free
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.opt.Dir, &st); err != nil {
		s.log.Warn("free space unknown", "err", err)
		return -1
	}
	s.disk.at, s.disk.free = now, int64(st.Bavail)*int64(st.Bsize)
	return s.disk.free
}

// noSpace says why nothing new is accepted, nil when there is room.
func (s *Store) noSpace() error {
	free := s.Free()
	if free < 0 || free >= s.opt.Reserve {
		return nil
	}
	e := hub.Errorf(hub.Unavailable, "only %d MiB are free on the hub's disk; nothing new is accepted below %d MiB", free>>20, s.opt.Reserve>>20).
		WithHint("Free some space; deliveries go on meanwhile.")
	e.RetryAfter = retryAfter
	return e
}
