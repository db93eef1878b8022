package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Kinds of objects in the audit, beside the kinds of targets.
const (
	kindEventType = "event_type"
	kindTenant    = "tenant"
	kindKey       = "key"
)

// installation is the tenant number of what belongs to no tenant.
const installation = 0

// EventTypes lists the catalogue by name, discovered types included.
func (s *Service) EventTypes(ctx context.Context) ([]EventType, error) {
	rows, err := s.Store.EventTypes(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]EventType, len(rows))
	for i, row := range rows {
		all[i] = fromTypeRow(row)
	}
	return all, nil
}

// EventType finds one by name.
func (s *Service) EventType(ctx context.Context, name string) (EventType, error) {
	row, err := s.Store.EventType(ctx, name)
	if err != nil {
		return EventType{}, err
	}
	return fromTypeRow(row), nil
}

func fromTypeRow(r store.EventType) EventType {
	t := EventType{
		Name: r.Name, Title: r.Title, Group: r.Group, Schema: r.Schema, Sample: r.Sample, Key: r.Key, Refs: r.Refs,
		Deprecated: r.Deprecated, VisibleInPortal: r.VisibleInPortal, Discovered: r.Discovered, Pack: r.Pack,
		Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	t.complete()
	return t
}

func putEventType(ctx context.Context, tx *store.Tx, action string, prev *EventType, t EventType, who string) error {
	row := store.EventType{
		Name: t.Name, Title: t.Title, Group: t.Group, Schema: t.Schema, Sample: t.Sample, Key: t.Key, Refs: t.Refs,
		Deprecated: t.Deprecated, VisibleInPortal: t.VisibleInPortal, Discovered: t.Discovered, Pack: t.Pack,
		Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
	if err := tx.PutEventType(ctx, &row); err != nil {
		return err
	}
	r := store.Revision{Tenant: installation, At: t.UpdatedAt, Who: who, Action: action, Kind: kindEventType, Object: t.Name}
	return revise(ctx, tx, r, prev, &t)
}

func deleteEventType(ctx context.Context, tx *store.Tx, t EventType, at time.Time, who string) error {
	if err := tx.DeleteEventType(ctx, t.Name); err != nil {
		return err
	}
	r := store.Revision{Tenant: installation, At: at, Who: who, Action: "deleted", Kind: kindEventType, Object: t.Name}
	return revise(ctx, tx, r, &t, nil)
}

// Tenants lists all, oldest first.
func (s *Service) Tenants(ctx context.Context) ([]Tenant, error) {
	rows, err := s.Store.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	portals, err := s.Store.AllPortalSettings(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Tenant, len(rows))
	for i, row := range rows {
		if all[i], err = fromTenantRow(row, portals[row.No]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Tenant finds one by id or uid.
func (s *Service) Tenant(ctx context.Context, ref string) (Tenant, error) {
	row, err := s.Store.TenantByRef(ctx, ref)
	if err != nil {
		return Tenant{}, err
	}
	portal, err := s.Store.PortalSettings(ctx, row.No)
	if err != nil {
		return Tenant{}, err
	}
	return fromTenantRow(row, portal)
}

func fromTenantRow(r store.Tenant, portal []byte) (Tenant, error) {
	t := Tenant{ID: r.ID, No: r.No, Name: r.Name, Metadata: r.Metadata, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if r.UID != "" {
		t.UID = &r.UID
	}
	if r.Private != nil {
		if err := json.Unmarshal(r.Private, &t.AllowPrivate); err != nil {
			return t, fmt.Errorf("read the networks of tenant %s: %w", r.ID.Text(hub.TenantPrefix), err)
		}
	}
	if portal != nil {
		if err := json.Unmarshal(portal, &t.Portal); err != nil {
			return t, fmt.Errorf("read the portal of tenant %s: %w", r.ID.Text(hub.TenantPrefix), err)
		}
	}
	t.Portal.Complete()
	return t, nil
}

// putTenant writes a new tenant (prev nil), a changed one, or a deletion (next nil).
func putTenant(ctx context.Context, tx *store.Tx, action string, prev, next *Tenant, at time.Time, who string) error {
	t := next
	if t == nil {
		t = prev
	}
	portal, err := asJSON(t.Portal)
	if err != nil {
		return err
	}
	row := store.Tenant{No: t.No, ID: t.ID, UID: t.uid(), Name: t.Name, Metadata: t.Metadata, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}
	if t.AllowPrivate != nil {
		if row.Private, err = asJSON(t.AllowPrivate); err != nil {
			return err
		}
	}
	switch {
	case prev == nil:
		err = tx.InsertTenant(ctx, &row)
		t.No = row.No
	case next == nil:
		err = tx.DeleteTenant(ctx, t.No, at)
	default:
		err = tx.UpdateTenant(ctx, &row, prev.Version)
	}
	if err == nil && next != nil {
		t.Version = row.Version
		err = tx.PutPortalSettings(ctx, t.No, portal)
	}
	if err != nil {
		return err
	}
	r := store.Revision{Tenant: t.No, At: at, Who: who, Action: action, Kind: kindTenant, Object: t.ID.Text(hub.TenantPrefix)}
	return revise(ctx, tx, r, prev.noted(), next.noted())
}

// Keys lists a tenant's API keys, oldest first.
func (s *Service) Keys(ctx context.Context, tenant int64) ([]Key, error) {
	rows, err := s.Store.APIKeys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all := make([]Key, len(rows))
	for i, row := range rows {
		all[i] = fromKeyRow(row)
	}
	return all, nil
}

func (s *Service) key(ctx context.Context, tenant int64, id hub.ID) (Key, error) {
	row, err := s.Store.APIKey(ctx, tenant, id)
	if err != nil {
		return Key{}, err
	}
	return fromKeyRow(row), nil
}

func fromKeyRow(r store.APIKey) Key {
	k := Key{ID: r.ID, Tenant: r.Tenant, Name: r.Name, Role: hub.Role(r.Role), Scopes: r.Scopes, Shown: r.Shown, CreatedAt: r.CreatedAt}
	if k.Scopes == nil {
		k.Scopes = []string{}
	}
	if !r.ExpiresAt.IsZero() {
		k.ExpiresAt = &r.ExpiresAt
	}
	return k
}

func insertKey(ctx context.Context, tx *store.Tx, k Key, digest [32]byte, who string) error {
	row := store.APIKey{
		ID: k.ID, Tenant: k.Tenant, Name: k.Name, Role: string(k.Role), Scopes: k.Scopes, Digest: digest, Shown: k.Shown, CreatedAt: k.CreatedAt,
	}
	if k.ExpiresAt != nil {
		row.ExpiresAt = *k.ExpiresAt
	}
	if err := tx.InsertAPIKey(ctx, row); err != nil {
		return err
	}
	r := store.Revision{Tenant: k.Tenant, At: k.CreatedAt, Who: who, Action: "created", Kind: kindKey, Object: k.ID.Text(hub.KeyPrefix)}
	return revise[Key](ctx, tx, r, nil, &k)
}

func deleteKey(ctx context.Context, tx *store.Tx, k Key, at time.Time, who string) error {
	if err := tx.DeleteAPIKey(ctx, k.Tenant, k.ID); err != nil {
		return err
	}
	r := store.Revision{Tenant: k.Tenant, At: at, Who: who, Action: "deleted", Kind: kindKey, Object: k.ID.Text(hub.KeyPrefix)}
	return revise(ctx, tx, r, &k, nil)
}

// revise adds a revision with the JSON of both sides; nil is "was not there".
func revise[T any](ctx context.Context, tx *store.Tx, r store.Revision, before, after *T) error {
	for _, side := range []struct {
		from *T
		to   *[]byte
	}{{before, &r.Before}, {after, &r.After}} {
		if side.from == nil {
			continue
		}
		raw, err := asJSON(side.from)
		if err != nil {
			return err
		}
		*side.to = raw
	}
	if _, err := tx.AddRevision(ctx, r); err != nil {
		return fmt.Errorf("add revision: %w", err)
	}
	return nil
}
