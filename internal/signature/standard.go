package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// Standard signs as Standard Webhooks 1.0.0 says: `v1` for each shared secret and `v1a` for each ed25519 key. The
// zero Standard signs nothing.
type Standard struct {
	keys []standardKey
}

// standardKey is either a shared secret or an ed25519 key.
type standardKey struct {
	mac     *mac
	private ed25519.PrivateKey
	expires time.Time // zero: does not
}

// AddSecret lets a shared secret sign until it expires; the zero time is never.
func (s *Standard) AddSecret(text string, expires time.Time) error {
	key, err := ParseSecret(text)
	if err != nil {
		return err
	}
	s.keys = append(s.keys, standardKey{mac: newMAC(sha256.New, key), expires: expires})
	return nil
}

// AddPrivateKey lets an ed25519 key sign until it expires; the zero time is never.
func (s *Standard) AddPrivateKey(text string, expires time.Time) error {
	key, err := ParsePrivateKey(text)
	if err != nil {
		return err
	}
	s.keys = append(s.keys, standardKey{private: key, expires: expires})
	return nil
}

// Signs reports whether any key signs at all.
func (s *Standard) Signs() bool { return len(s.keys) > 0 }

// AppendSignature appends the value of the signature header: one signature a key, expired keys left out.
func (s *Standard) AppendSignature(dst []byte, m Message, now time.Time) []byte {
	var room [128]byte
	prefix := append(room[:0], m.ID...)
	prefix = append(prefix, '.')
	prefix = strconv.AppendInt(prefix, m.Time, 10)
	prefix = append(prefix, '.')
	start := len(dst)
	for i := range s.keys {
		k := &s.keys[i]
		if !k.expires.IsZero() && !now.Before(k.expires) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if k.mac != nil {
			var sum [sha256.Size]byte
			dst = append(dst, "v1,"...)
			dst = base64.StdEncoding.AppendEncode(dst, k.mac.sum(sum[:0], prefix, m.Body))
			continue
		}
		dst = append(dst, "v1a,"...)
		signed := append(append([]byte(nil), prefix...), m.Body...)
		dst = base64.StdEncoding.AppendEncode(dst, ed25519.Sign(k.private, signed))
	}
	return dst
}
