package settings

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
	"hacek/internal/store"
)

// How long a rotated secret may go on signing, and how many may do so at once.
const (
	longestOverlap = 30 * 24 * time.Hour
	mostRetired    = 5
)

// Secret shows the signing secret; that somebody looked is written down before it is shown.
func (s *Service) Secret(ctx context.Context, tenant int64, ref string, by By) (string, error) {
	t, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return "", err
	}
	if t.Endpoint.Signature.Secret.IsZero() {
		return "", hub.Errorf(hub.NotFound, "the endpoint has no signing secret; its schemes need none")
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.AddRevision(ctx, store.Revision{
			Tenant: tenant, At: s.now(), Who: by.Name, Action: "secret read", Kind: string(t.Kind), Object: t.ID.Text(t.Prefix()),
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("audit the reading of a secret: %w", err)
	}
	return t.Endpoint.Signature.Secret.Reveal(), nil
}

// RotateSecret changes the signing secret, to the given one or a new one; the old one signs beside it for the overlap.
func (s *Service) RotateSecret(ctx context.Context, tenant int64, ref, secret string, overlap time.Duration, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return hub.Target{}, err
	}
	var p hub.Problems
	if overlap < 0 || overlap > longestOverlap {
		p.Add("/overlap", "is %s; from 0s to 30d are allowed", hub.Duration(overlap))
	}
	checkSigningSecret(&p, "/secret", hub.NewSecret(secret))
	if err := p.Err(); err != nil {
		return hub.Target{}, err
	}
	now := s.now()
	sig := prev.Endpoint.Signature
	retired := hub.RetiredSecret{ExpiresAt: now.Add(overlap)}
	switch {
	case slices.Contains(sig.Schemes, hub.SchemeStandard) || secret != "":
		retired.Secret = sig.Secret
		if secret == "" {
			secret = signature.NewSecret()
		}
		sig.Secret = hub.NewSecret(secret)
	case slices.Contains(sig.Schemes, hub.SchemeEd25519):
		retired.PrivateKey = sig.PrivateKey
		sig.PrivateKey = hub.NewSecret(signature.NewPrivateKey())
		if sig.PublicKey, err = signature.PublicKey(sig.PrivateKey.Reveal()); err != nil {
			return hub.Target{}, err
		}
	default:
		return hub.Target{}, hub.Errorf(hub.Conflict, "the endpoint signs with no secret that could be rotated here").
			WithHint("Change the secret of an hmac signature in the endpoint's settings.")
	}
	sig.Previous = unexpired(sig.Previous, now)
	if overlap > 0 && !(retired.Secret.IsZero() && retired.PrivateKey.IsZero()) {
		sig.Previous = append(sig.Previous, retired)
	}
	if len(sig.Previous) > mostRetired {
		return hub.Target{}, hub.Errorf(hub.Conflict, "%d old secrets still sign; at most %d may", len(sig.Previous)-1, mostRetired).
			WithHint("Wait until one expires, or rotate with overlap 0s.")
	}
	t := prev
	t.Endpoint.Signature = sig
	t.Version++
	t.UpdatedAt = now
	return s.commit(ctx, "secret rotated", &prev, t, by)
}
