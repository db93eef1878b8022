package settings

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Key is an API key as it is shown: never the key itself.
type Key struct {
	ID        hub.ID     `json:"-"`
	Tenant    int64      `json:"-"`
	Name      string     `json:"name"`
	Role      hub.Role   `json:"role"`
	Scopes    []string   `json:"scopes"` // empty = all that the role may
	ExpiresAt *time.Time `json:"expires_at"`
	Shown     string     `json:"shown"` // its beginning, to tell keys apart
	CreatedAt time.Time  `json:"created_at"`
}

const keyPrefix = "hk_"

func (k *Key) validate(now time.Time) error {
	var p hub.Problems
	hub.CheckText(&p, "/name", k.Name, hub.MaxNameLen)
	if strings.TrimSpace(k.Name) == "" {
		p.Add("/name", "is missing; the audit shows it")
	}
	if !k.Role.Known() {
		p.Add("/role", "%q is none of viewer, operator, editor, administrator", k.Role)
	}
	for i, scope := range k.Scopes {
		if !slices.Contains(hub.Scopes(), scope) {
			p.Add(fmt.Sprintf("/scopes/%d", i), "%q is none of %s", scope, strings.Join(hub.Scopes(), ", "))
		}
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(now) {
		p.Add("/expires_at", "lies in the past")
	}
	return p.Err()
}

// CreateKey makes an API key. This is the only time that the key itself is seen; stored is its hash.
func (s *Service) CreateKey(ctx context.Context, tenant int64, k Key, by By) (Key, hub.Secret, error) {
	now := s.now()
	if k.Role == "" {
		k.Role = hub.Editor
	}
	if k.Scopes == nil {
		k.Scopes = []string{}
	}
	if err := k.validate(now); err != nil {
		return Key{}, hub.Secret{}, err
	}
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: the runtime ends the program instead
	text := keyPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	k.ID, k.Tenant, k.CreatedAt, k.Shown = hub.NewID(), tenant, now, text[:len(keyPrefix)+6]+"..."
	digest := sha256.Sum256([]byte(text))
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		return insertKey(ctx, tx, k, digest, by.Name)
	})
	if err != nil {
		return Key{}, hub.Secret{}, fmt.Errorf("create key: %w", err)
	}
	s.keysChanged()
	return k, hub.NewSecret(text), nil
}

// DeleteKey ends a key at once.
func (s *Service) DeleteKey(ctx context.Context, tenant int64, ref string, by By) error {
	id, err := hub.ParseID(hub.KeyPrefix, ref)
	if err != nil {
		return hub.Errorf(hub.NotFound, "no key %q", ref)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.key(ctx, tenant, id)
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		return deleteKey(ctx, tx, k, s.now(), by.Name)
	})
	if err != nil {
		return fmt.Errorf("delete key %s: %w", ref, err)
	}
	s.keysChanged()
	return nil
}
