package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"hacek/internal/hub"
)

// Cost of a password: argon2id with 19 MiB, two passes, one lane, as the OWASP password storage cheat sheet has it.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	hashLength = 32
	saltLength = 16
)

// Lengths of a password, in characters. The upper one keeps a request from being work without end.
const (
	MinPassword = 10
	MaxPassword = 200
)

// atOnce is how many passwords are worked at the same moment; mostWaiting is how many may stand in line.
const (
	atOnce      = 2
	mostWaiting = 32
)

// hashing bounds what signing in may cost the machine. The zero value is ready.
type hashing struct {
	waiting atomic.Int32
	turns   atomic.Pointer[chan struct{}]
	worked  atomic.Int64 // how many were, for the tests
}

// enter waits for a turn.
func (h *hashing) enter(ctx context.Context) (leave func(), err error) {
	turns := h.turns.Load()
	if turns == nil {
		made := make(chan struct{}, atOnce)
		h.turns.CompareAndSwap(nil, &made)
		turns = h.turns.Load()
	}
	if h.waiting.Add(1) > mostWaiting {
		h.waiting.Add(-1)
		return nil, hub.Errorf(hub.TooMany, "too many people sign in at this moment").WithHint("Try again in a minute.")
	}
	defer h.waiting.Add(-1)
	select {
	case *turns <- struct{}{}:
		return func() { <-*turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *hashing) work(ctx context.Context, password string, salt []byte) ([]byte, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	h.worked.Add(1)
	return argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashLanes, hashLength), nil
}

// format is the PHC string of a hash: $argon2id$v=19$m=19456,t=2,p=1$salt$hash, both in base64 without padding.
const format = "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s"

var plain64 = base64.RawStdEncoding

// CheckPassword says what is wrong with a new password; pointer is where it stands. The password is not repeated.
func CheckPassword(p *hub.Problems, pointer, password string) {
	switch n := len([]rune(password)); {
	case n < MinPassword:
		p.Add(pointer, "has %d characters; at least %d are needed", n, MinPassword)
	case n > MaxPassword:
		p.Add(pointer, "has %d characters; at most %d are allowed", n, MaxPassword)
	}
}

// HashPassword makes what is kept of a password.
func (a *Authenticator) HashPassword(ctx context.Context, password string) (hub.Secret, error) {
	var p hub.Problems
	if CheckPassword(&p, "/password", password); len(p) > 0 {
		return hub.Secret{}, p.Err()
	}
	salt := make([]byte, saltLength)
	rand.Read(salt) // never fails: the runtime ends the program instead
	key, err := a.hashing.work(ctx, password, salt)
	if err != nil {
		return hub.Secret{}, err
	}
	text := fmt.Sprintf(format, argon2.Version, hashMemory, hashPasses, hashLanes, plain64.EncodeToString(salt), plain64.EncodeToString(key))
	return hub.NewSecret(text), nil
}

// nobody is what an unknown user's password is compared with, so that it takes as long as a known one's.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// matches compares a password with what is kept of it.
func (a *Authenticator) matches(ctx context.Context, password, kept string) (bool, error) {
	salt, want, ok := parseHash(kept)
	if !ok {
		salt, want, _ = parseHash(nobody)
	}
	if len([]rune(password)) > MaxPassword {
		password, ok = "", false
	}
	key, err := a.hashing.work(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, want) == 1 && ok && kept != nobody, nil
}

// parseHash reads a hash of the cost there is now; another cost would make some users cheaper to try than others.
func parseHash(kept string) (salt, key []byte, ok bool) {
	part := strings.Split(kept, "$")
	if len(part) != 6 || strings.Join(part[:4], "$") != "$argon2id$v=19$m=19456,t=2,p=1" {
		return nil, nil, false
	}
	salt, errSalt := plain64.DecodeString(part[4])
	key, errKey := plain64.DecodeString(part[5])
	return salt, key, errSalt == nil && errKey == nil && len(key) == hashLength
}
