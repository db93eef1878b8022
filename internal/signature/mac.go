package signature

import (
	"crypto/hmac"
	"hash"
	"sync"
)

// mac computes HMACs with one key. A keyed state is kept and reset, because keying costs as much as signing a
// kilobyte.
type mac struct {
	pool sync.Pool
}

func newMAC(algorithm func() hash.Hash, key []byte) *mac {
	return &mac{sync.Pool{New: func() any { return hmac.New(algorithm, key) }}}
}

func (m *mac) sum(dst []byte, parts ...[]byte) []byte {
	h := m.pool.Get().(hash.Hash)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	dst = h.Sum(dst)
	m.pool.Put(h)
	return dst
}
