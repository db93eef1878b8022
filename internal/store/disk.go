package store

import (
	"golang.org/x/sys/unix"

	"hacek/internal/hub"
)

// Free is the space left for the database in bytes; -1 when it is not ours to know. Asking costs about a
// microsecond, so each commit asks.
func (s *Store) Free() int64 {
	if s.pg {
		return -1
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.opt.Dir, &st); err != nil {
		s.log.Warn("free space unknown", "err", err)
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize)
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
