package store

import "hacek/internal/hub"

// A block of numbers is what a list reads at once when it looks for one target's finished deliveries.
const (
	sqliteBlockBits   = 12
	postgresBlockBits = 24 // 16 commits
)

func (s *Store) blockBits() uint {
	if s.pg {
		return postgresBlockBits
	}
	return sqliteBlockBits
}

type blockKey struct {
	target int64
	state  hub.DeliveryState
	block  int64
}

// blockMemory knows which rows of done_block exist for sure, so that they are not written again.
type blockMemory struct {
	known map[blockKey]bool
	fresh []blockKey // of the batch under way
}

func newBlockMemory() *blockMemory { return &blockMemory{known: map[blockKey]bool{}} }

// begin starts a batch; undo forgets what it noted.
func (m *blockMemory) begin() {
	m.fresh = m.fresh[:0]
	if len(m.known) > 100_000 {
		clear(m.known)
	}
}

func (m *blockMemory) undo() {
	for _, k := range m.fresh {
		delete(m.known, k)
	}
}

// note reports whether the row must be written.
func (m *blockMemory) note(k blockKey) bool {
	if m.known[k] {
		return false
	}
	m.known[k] = true
	m.fresh = append(m.fresh, k)
	return true
}
