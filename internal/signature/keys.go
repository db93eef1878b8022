package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Kinds of schemes.
const (
	kindHMAC     = "hmac"
	kindHash     = "hash"
	kindRSA      = "rsa"
	kindECDSA    = "ecdsa"
	kindEd25519  = "ed25519"
	kindToken    = "token"
	kindStandard = "standard-webhooks"
	kindNone     = "none"
)

type algorithm struct {
	id  crypto.Hash
	new func() hash.Hash
}

func algorithmOf(name string) (algorithm, bool) {
	switch name {
	case "sha1":
		return algorithm{crypto.SHA1, sha1.New}, true
	case "sha256", "":
		return algorithm{crypto.SHA256, sha256.New}, true
	case "sha512":
		return algorithm{crypto.SHA512, sha512.New}, true
	}
	return algorithm{}, false
}

func (a algorithm) digest(text []byte) []byte {
	h := a.new()
	h.Write(text)
	return h.Sum(nil)
}

// key is one secret, made ready. Its type decides what it may verify, never the request.
type key struct {
	secret string // as written, for "hash" and "token"
	shared []byte
	rsa    *rsa.PublicKey
	ecdsa  *ecdsa.PublicKey
	ed     ed25519.PublicKey
	prefix string // of the signatures that count, in Standard Webhooks
}

// parseKey makes a secret ready. No error repeats it.
func (r *rules) parseKey(text string) (*key, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("is empty")
	}
	switch r.Kind {
	case kindRSA, kindECDSA, kindEd25519:
		return r.parsePublic(text)
	case kindStandard:
		return parseStandardKey(text)
	}
	if looksPublic(text) {
		return nil, errors.New("is a public or private key, not a shared secret: whoever knows a public key could sign with it")
	}
	shared, err := r.shared(text)
	if err == nil && len(shared) == 0 {
		err = errors.New("is empty")
	}
	return &key{secret: text, shared: shared}, err
}

func (r *rules) shared(text string) ([]byte, error) {
	switch r.Key {
	case "hex":
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("is not written in hexadecimal digits, as this provider writes its key")
		}
		return raw, nil
	case "base64":
		raw, err := decodeKey(text)
		if err != nil {
			return nil, errors.New("is not written in base64, as this provider writes its key")
		}
		return raw, nil
	case "nfkd":
		return norm.NFKD.Bytes([]byte(text)), nil
	case "whsec":
		return ParseSecret(text)
	}
	return []byte(text), nil
}

// looksPublic tells a key of a pair from a shared secret.
func looksPublic(text string) bool {
	if strings.Contains(text, "-----BEGIN") || strings.HasPrefix(text, PublicPrefix) || strings.HasPrefix(text, PrivatePrefix) {
		return true
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return false
	}
	_, err = x509.ParsePKIXPublicKey(der)
	return err == nil
}

func parseStandardKey(text string) (*key, error) {
	if strings.HasPrefix(text, PublicPrefix) {
		public, err := ParsePublicKey(text)
		return &key{ed: public, prefix: "v1a,"}, err
	}
	if looksPublic(text) {
		return nil, fmt.Errorf("is a key of a pair, but does not begin with %s", PublicPrefix)
	}
	shared, err := ParseSecret(text)
	return &key{secret: text, shared: shared, prefix: "v1,"}, err
}

// parsePublic reads a public key and refuses one of another type than the scheme's.
func (r *rules) parsePublic(text string) (*key, error) {
	public, err := readPublic(r.Key, text)
	if err != nil {
		return nil, err
	}
	return r.publicKey(public)
}

func (r *rules) publicKey(public any) (*key, error) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if r.Kind == kindRSA {
			return &key{rsa: p}, nil
		}
	case *ecdsa.PublicKey:
		if r.Kind == kindECDSA {
			return &key{ecdsa: p}, nil
		}
	case ed25519.PublicKey:
		if r.Kind == kindEd25519 {
			return &key{ed: p}, nil
		}
	}
	return nil, fmt.Errorf("is a key of another type than this provider signs with (%s)", r.Kind)
}

func readPublic(form, text string) (any, error) {
	text = strings.TrimSpace(text)
	if form == "hex" || form == "base64" { // the bare 32 bytes of ed25519
		raw, err := hex.DecodeString(text)
		if form == "base64" {
			raw, err = decodeKey(text)
		}
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("is not a public key of 32 bytes in %s", form)
		}
		return ed25519.PublicKey(raw), nil
	}
	der := []byte(nil)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		switch block.Type {
		case "PUBLIC KEY":
			der = block.Bytes
		case "RSA PUBLIC KEY":
			if public, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
				return public, nil
			}
		case "CERTIFICATE":
			if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
				return certificate.PublicKey, nil
			}
		}
		if der == nil {
			return nil, errors.New("is not a public key that can be read: -----BEGIN PUBLIC KEY----- is expected")
		}
	} else if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
		der = raw
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("is not a public key that can be read")
	}
	return public, nil
}

// sum is what a shared key makes of a text; nil when the key is not shared.
func (r *rules) sum(k *key, text []byte) []byte {
	switch {
	case k.shared == nil:
		return nil
	case r.Kind == kindHash:
		return r.algorithm.digest(text)
	}
	h := hmac.New(r.algorithm.new, k.shared)
	h.Write(text)
	return h.Sum(nil)
}

// fits compares in constant time.
func (r *rules) fits(k *key, text, signature, sum []byte) bool {
	switch {
	case r.Kind == kindToken:
		given, kept := sha256.Sum256(signature), sha256.Sum256(k.shared)
		return hmac.Equal(given[:], kept[:])
	case k.shared != nil:
		return hmac.Equal(signature, sum)
	case k.rsa != nil:
		return rsa.VerifyPKCS1v15(k.rsa, r.algorithm.id, r.algorithm.digest(text), signature) == nil
	case k.ecdsa != nil:
		return ecdsa.VerifyASN1(k.ecdsa, r.algorithm.digest(text), signature)
	case k.ed != nil:
		return ed25519.Verify(k.ed, text, signature)
	}
	return false
}
