package settings

import (
	"maps"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
)

// keepSecrets puts the stored values where next says "***". A value stays only at the same place of the same
// object, and only while it goes to the same address: otherwise whoever may edit could have it sent to themselves.
//
// moved tells of a place whose address has changed; prev is nil for what is new.
func keepSecrets(next, prev hub.Secretive, moved func(pointer string) bool) error {
	var p hub.Problems
	old := map[string]hub.Secret{}
	if prev != nil {
		for pointer, secret := range prev.Secrets() {
			old[pointer] = *secret
		}
		for pointer, headers := range prev.HeaderSecrets() {
			for name, secret := range headers {
				old[pointer+"/"+hub.EscapePointer(name)] = secret
			}
		}
	}
	keep := func(pointer string, given hub.Secret) hub.Secret {
		switch {
		case given.Reveal() != hub.Masked:
		case old[pointer].IsZero():
			p.Add(pointer, "is *** although nothing is stored there; give the secret")
		case moved(pointer):
			p.Add(pointer, "must be given again, because it would go to another address than before")
		default:
			return old[pointer]
		}
		return given
	}
	secrets := next.Secrets()
	for _, pointer := range slices.Sorted(maps.Keys(secrets)) {
		*secrets[pointer] = keep(pointer, *secrets[pointer])
	}
	for pointer, headers := range next.HeaderSecrets() {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			headers[name] = keep(pointer+"/"+hub.EscapePointer(name), headers[name])
		}
	}
	if len(p) == 0 {
		return nil
	}
	err := hub.Errorf(hub.SecretRequired, "%s %s", p[0].Pointer, p[0].Detail).
		WithHint("*** keeps a secret only at the same place of the same object, and only while scheme, host and port stay.")
	err.Fields = p
	return err
}

// movedSecrets tells which secrets would go to another scheme, host or port. Whatever identifies us to the
// endpoint's address counts, also what only buys a token that is then sent there.
func movedSecrets(next, prev *hub.Endpoint) func(pointer string) bool {
	if prev == nil {
		return func(string) bool { return false }
	}
	moved := elsewhere(next.Request.URL, prev.Request.URL) || authMoved(&next.Auth, &prev.Auth)
	return func(pointer string) bool { return strings.HasPrefix(pointer, "/auth/") && moved }
}

func authMoved(next, prev *hub.Auth) bool {
	return elsewhere(next.TokenURL, prev.TokenURL) || elsewhere(exchangeURL(next), exchangeURL(prev))
}

func exchangeURL(a *hub.Auth) string {
	if a.Request == nil {
		return ""
	}
	return a.Request.URL
}

// elsewhere compares two addresses by scheme, host and port. One that cannot be read is elsewhere, so that it fails
// closed.
func elsewhere(next, prev string) bool {
	if next == prev {
		return false
	}
	a, errA := hub.Origin(next)
	b, errB := hub.Origin(prev)
	return errA != nil || errB != nil || a != b
}

// completeSignature makes the keys that are needed and absent, and carries what only the hub may write.
func completeSignature(next, prev *hub.Endpoint, now time.Time) error {
	sig := &next.Signature
	sig.Previous, sig.PublicKey = nil, ""
	if prev != nil {
		sig.Previous = unexpired(prev.Signature.Previous, now)
		if sig.Secret.IsZero() {
			sig.Secret = prev.Signature.Secret
		}
		if sig.PrivateKey.IsZero() {
			sig.PrivateKey = prev.Signature.PrivateKey
		}
	}
	if sig.Secret.IsZero() && slices.Contains(sig.Schemes, hub.SchemeStandard) {
		sig.Secret = hub.NewSecret(signature.NewSecret())
	}
	if sig.PrivateKey.IsZero() && slices.Contains(sig.Schemes, hub.SchemeEd25519) {
		sig.PrivateKey = hub.NewSecret(signature.NewPrivateKey())
	}
	var p hub.Problems
	checkSigningSecret(&p, "/signature/secret", sig.Secret)
	if !sig.PrivateKey.IsZero() {
		public, err := signature.PublicKey(sig.PrivateKey.Reveal())
		if err != nil {
			p.Add("/signature/private_key", "%s", err)
		}
		sig.PublicKey = public
	}
	return p.Err()
}

func checkSigningSecret(p *hub.Problems, pointer string, secret hub.Secret) {
	if secret.IsZero() {
		return
	}
	if _, err := signature.ParseSecret(secret.Reveal()); err != nil {
		p.Add(pointer, "%s; leave it out to have one made", err)
	}
}

func unexpired(retired []hub.RetiredSecret, now time.Time) []hub.RetiredSecret {
	var left []hub.RetiredSecret
	for _, r := range retired {
		if r.ExpiresAt.After(now) {
			left = append(left, r)
		}
	}
	return left
}

// sameSecrets compares the values themselves; the JSON of two endpoints shows only ***.
func sameSecrets(a, b hub.Secretive) bool {
	return maps.Equal(revealed(a), revealed(b))
}

func revealed(e hub.Secretive) map[string]string {
	all := map[string]string{}
	for pointer, secret := range e.Secrets() {
		all[pointer] = secret.Reveal()
	}
	for pointer, headers := range e.HeaderSecrets() {
		for name, secret := range headers {
			all[pointer+"/"+name] = secret.Reveal()
		}
	}
	return all
}
