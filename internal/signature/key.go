package signature

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// Prefixes of the keys' text forms.
const (
	SecretPrefix  = "whsec_"
	PrivatePrefix = "whsk_"
	PublicPrefix  = "whpk_"
)

// A shorter secret can be guessed; a longer one is most often a text pasted into the wrong field.
const (
	minSecret = 24
	maxSecret = 64
	newSecret = 32
)

// NewSecret makes a shared secret, "whsec_" and 32 random bytes.
func NewSecret() string {
	key := make([]byte, newSecret)
	rand.Read(key) // never fails: the runtime ends the program instead
	return SecretPrefix + base64.StdEncoding.EncodeToString(key)
}

// ParseSecret reads "whsec_" + base64; the prefix may be missing. No error repeats the secret.
func ParseSecret(text string) ([]byte, error) {
	for _, other := range []string{PrivatePrefix, PublicPrefix} {
		if strings.HasPrefix(text, other) {
			return nil, fmt.Errorf("is an ed25519 key (%s...), not a shared secret (%s...)", other, SecretPrefix)
		}
	}
	key, err := decodeKey(strings.TrimPrefix(text, SecretPrefix))
	switch {
	case err != nil:
		return nil, fmt.Errorf("is not %s followed by base64", SecretPrefix)
	case len(key) < minSecret:
		return nil, fmt.Errorf("is too short: %d bytes after base64, at least %d are needed", len(key), minSecret)
	case len(key) > maxSecret:
		return nil, fmt.Errorf("is too long: %d bytes after base64, at most %d are allowed", len(key), maxSecret)
	}
	return key, nil
}

// NewPrivateKey makes an ed25519 key, "whsk_" and 64 bytes (the seed and the public key).
func NewPrivateKey() string {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic("BUG: no random numbers: " + err.Error())
	}
	return PrivatePrefix + base64.StdEncoding.EncodeToString(key)
}

// ParsePrivateKey reads "whsk_" + base64 of a seed (32 bytes) or of seed and public key (64 bytes).
func ParsePrivateKey(text string) (ed25519.PrivateKey, error) {
	rest, ok := strings.CutPrefix(text, PrivatePrefix)
	if !ok {
		return nil, fmt.Errorf("is not an ed25519 private key (%s...)", PrivatePrefix)
	}
	raw, err := decodeKey(rest)
	if err != nil {
		return nil, fmt.Errorf("is not %s followed by base64", PrivatePrefix)
	}
	switch len(raw) {
	case ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(raw), nil
	case ed25519.PrivateKeySize:
		key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
		if !key.Equal(ed25519.PrivateKey(raw)) {
			return nil, fmt.Errorf("is damaged: its public half does not belong to its private half")
		}
		return key, nil
	}
	return nil, fmt.Errorf("has %d bytes after base64; an ed25519 private key has 32 or 64", len(raw))
}

// ParsePublicKey reads "whpk_" + base64 of 32 bytes.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	raw, err := decodeKey(strings.TrimPrefix(text, PublicPrefix))
	if err != nil || len(raw) != ed25519.PublicKeySize || !strings.HasPrefix(text, PublicPrefix) {
		return nil, fmt.Errorf("is not an ed25519 public key (%s and base64 of 32 bytes)", PublicPrefix)
	}
	return raw, nil
}

// PublicKey is the half of a private key that a receiver may know.
func PublicKey(private string) (string, error) {
	key, err := ParsePrivateKey(private)
	if err != nil {
		return "", err
	}
	return PublicPrefix + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
}

// decodeKey takes base64 with or without its padding.
func decodeKey(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
