package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Why a signature does not hold.
var (
	ErrNoHeaders   = errors.New("a header is missing: webhook-id, webhook-timestamp and webhook-signature are needed")
	ErrBadTime     = errors.New("webhook-timestamp is not a whole number of seconds")
	ErrTooOld      = errors.New("the timestamp is more than 5 minutes old: a replay, or a clock that is wrong")
	ErrTooNew      = errors.New("the timestamp lies more than 5 minutes ahead: one of the clocks is wrong")
	ErrNoMatch     = errors.New("no signature matches: another secret, or the body was changed on its way")
	ErrOtherScheme = errors.New("no signature of this key's kind: the key's type decides between v1 (whsec_) and v1a (whpk_)")
)

// VerifyStandard checks the three headers of a Standard Webhooks request against a shared secret (whsec_...) or a
// public key (whpk_...). The key's type alone decides which signatures count, never the request.
func VerifyStandard(key, id, timestamp, signatures string, body []byte, now time.Time) error {
	if id == "" || timestamp == "" || signatures == "" {
		return ErrNoHeaders
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrBadTime
	}
	switch at := time.Unix(seconds, 0); {
	case at.Before(now.Add(-Tolerance)):
		return ErrTooOld
	case at.After(now.Add(Tolerance)):
		return ErrTooNew
	}
	version, holds, err := verifier(key, id+"."+timestamp+".", body)
	if err != nil {
		return err
	}
	tried := false
	for entry := range strings.SplitSeq(signatures, " ") {
		v, text, _ := strings.Cut(entry, ",")
		if v != version {
			continue
		}
		tried = true
		if sum, err := base64.StdEncoding.DecodeString(text); err == nil && holds(sum) {
			return nil
		}
	}
	if !tried {
		return ErrOtherScheme
	}
	return ErrNoMatch
}

func verifier(key, prefix string, body []byte) (version string, holds func(sum []byte) bool, err error) {
	if strings.HasPrefix(key, PublicPrefix) {
		public, err := ParsePublicKey(key)
		if err != nil {
			return "", nil, err
		}
		signed := append([]byte(prefix), body...)
		return "v1a", func(sum []byte) bool { return ed25519.Verify(public, signed, sum) }, nil
	}
	secret, err := ParseSecret(key)
	if err != nil {
		return "", nil, err
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(prefix))
	h.Write(body)
	want := h.Sum(nil)
	return "v1", func(sum []byte) bool { return hmac.Equal(sum, want) }, nil
}
