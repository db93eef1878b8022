package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// DefaultTenant is the uid of the tenant that is there from the first start.
const DefaultTenant = "default"

// Tenant is a customer of whoever runs the hub; nothing of one is seen by another.
type Tenant struct {
	ID       hub.ID          `json:"-"`
	No       int64           `json:"-"`
	UID      *string         `json:"uid"`
	Name     string          `json:"name"`
	Metadata json.RawMessage `json:"metadata"`
	Portal   hub.Portal      `json:"portal"`
	// AllowPrivate narrows the private networks that calls of this tenant may reach, within those the hub may call;
	// nil leaves all of these, an empty list none.
	AllowPrivate []string  `json:"allow_private"`
	Version      int64     `json:"-"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

const maxMetadata = 16 << 10

// ETag names a version of a tenant.
func (t Tenant) ETag() string { return etag(t.Version) }

func (t *Tenant) complete() {
	t.Metadata = absentNull(t.Metadata)
	if t.Metadata == nil {
		t.Metadata = json.RawMessage("{}")
	}
	if t.UID != nil && *t.UID == "" {
		t.UID = nil
	}
	if t.Name == "" && t.UID != nil {
		t.Name = *t.UID
	}
	t.Portal.Complete()
}

func (t *Tenant) uid() string {
	if t.UID == nil {
		return ""
	}
	return *t.UID
}

func (t *Tenant) validate() error {
	var p hub.Problems
	if t.UID != nil {
		hub.CheckUID(&p, "/uid", *t.UID)
	}
	hub.CheckText(&p, "/name", t.Name, hub.MaxNameLen)
	if strings.TrimSpace(t.Name) == "" {
		p.Add("/name", "is missing")
	}
	if len(t.Metadata) > maxMetadata {
		p.Add("/metadata", "is %d bytes long; at most %d are allowed", len(t.Metadata), maxMetadata)
	} else if _, err := object(t.Metadata); err != nil {
		p.Add("/metadata", "must be a JSON object")
	} else if _, err := expr.ParseDoc(t.Metadata); err != nil {
		p.Add("/metadata", "%s", err)
	}
	t.Portal.Validate(&p, "/portal")
	hub.CheckNetworks(&p, "/allow_private", t.AllowPrivate)
	return p.Err()
}

// Ensure makes what must be there before the first call: the tenant `default`, and the bounds of tenants' calls.
func (s *Service) Ensure(ctx context.Context) error {
	uid := DefaultTenant
	if _, _, err := s.CreateTenant(ctx, Tenant{UID: &uid, Name: "Default"}, By{Name: "hacek"}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tenants, err := s.Store.Tenants(ctx)
	if err != nil {
		return fmt.Errorf("narrow the calls of tenants: %w", err)
	}
	s.bounds = bounds{}
	for _, row := range tenants {
		t, err := fromTenantRow(row, nil)
		if err != nil {
			return err
		}
		s.bounds.set(&t)
	}
	s.Sender.Narrow(s.bounds)
	return nil
}

// bounds are the private networks that the calls of some tenants are narrowed to.
type bounds map[int64][]netip.Prefix

func (b bounds) set(t *Tenant) {
	delete(b, t.No)
	if t.AllowPrivate != nil {
		b[t.No] = hub.CheckNetworks(&hub.Problems{}, "", t.AllowPrivate)
	}
}

// narrow has a committed change of a tenant bound its calls. It reads nothing: a database that fails right after the
// commit must not leave the wider bounds of before.
func (s *Service) narrow(t *Tenant) {
	next := bounds{}
	maps.Copy(next, s.bounds) // the sender keeps the map it was given
	next.set(t)
	s.bounds = next
	s.Sender.Narrow(next)
}

// CreateTenant stores a tenant; one that has the uid already is returned as it is.
func (s *Service) CreateTenant(ctx context.Context, t Tenant, by By) (_ Tenant, created bool, err error) {
	t.complete()
	if err := t.validate(); err != nil {
		return Tenant{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.UID != nil {
		prev, err := s.Tenant(ctx, *t.UID)
		if err == nil || hub.CodeOf(err) != hub.NotFound {
			return prev, false, err
		}
	}
	now := s.now()
	t.ID, t.CreatedAt, t.UpdatedAt = hub.NewID(), now, now
	if err := s.commitTenant(ctx, "created", nil, &t, by); err != nil {
		return Tenant{}, false, err
	}
	return t, true, nil
}

// PatchTenant merges a JSON object into a tenant (RFC 7396).
func (s *Service) PatchTenant(ctx context.Context, ref string, patch json.RawMessage, ifMatch string, by By) (Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Tenant(ctx, ref)
	if err != nil {
		return Tenant{}, err
	}
	if !matches(prev.Version, ifMatch) {
		return Tenant{}, changedMeanwhile("the tenant has changed meanwhile: it is at %s now", prev.ETag())
	}
	changes, err := object(patch)
	if err != nil {
		return Tenant{}, err
	}
	raw, err := asJSON(prev)
	if err != nil {
		return Tenant{}, err
	}
	base, err := object(raw)
	if err != nil {
		return Tenant{}, err
	}
	var next Tenant
	if err := decode(merge(base, changes), &next); err != nil {
		return Tenant{}, err
	}
	next.complete()
	if err := next.validate(); err != nil {
		return Tenant{}, err
	}
	next.ID, next.No, next.Version, next.CreatedAt, next.UpdatedAt = prev.ID, prev.No, prev.Version, prev.CreatedAt, s.now()
	if next.uid() != prev.uid() {
		if prev.uid() == DefaultTenant {
			return Tenant{}, hub.Errorf(hub.Conflict, "the tenant %q keeps its uid: calls that name no tenant go there", DefaultTenant)
		}
		if _, err := s.Tenant(ctx, next.uid()); err == nil {
			return Tenant{}, hub.Errorf(hub.Conflict, "uid %q belongs to another tenant already", next.uid())
		} else if hub.CodeOf(err) != hub.NotFound {
			return Tenant{}, err
		}
	}
	if err := s.commitTenant(ctx, "changed", &prev, &next, by); err != nil { // counts the version up
		return Tenant{}, err
	}
	return next, nil
}

// DeleteTenant removes a tenant that has no endpoints, pipelines, sources and connections left; its keys, users and
// portal end at once.
func (s *Service) DeleteTenant(ctx context.Context, ref, ifMatch string, by By) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.Tenant(ctx, ref)
	if err != nil {
		return err
	}
	if !matches(t.Version, ifMatch) {
		return changedMeanwhile("the tenant has changed meanwhile: it is at %s now", t.ETag())
	}
	if t.uid() == DefaultTenant {
		return hub.Errorf(hub.Conflict, "the tenant %q cannot be deleted: calls that name no tenant go there", DefaultTenant)
	}
	if err := s.empty(ctx, t.No); err != nil {
		return err
	}
	return s.commitTenant(ctx, "deleted", &t, nil, by)
}

// empty refuses while a tenant still has something that works: nobody shall lose what waits, or what comes in, by
// mistake.
func (s *Service) empty(ctx context.Context, tenant int64) error {
	one := store.Page{Limit: 1}
	var what string
	for _, kind := range []hub.Kind{hub.KindEndpoint, hub.KindPipeline} {
		left, _, err := s.Targets(ctx, tenant, kind, one)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			what = string(kind)
		}
	}
	for _, kind := range []string{kindSource, kindConnection} {
		left, _, err := s.Store.ObjectPage(ctx, tenant, kind, one)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			what = kind
		}
	}
	if what == "" {
		return nil
	}
	return hub.Errorf(hub.Conflict, "the tenant still has a %s", what).WithHint("Delete everything of it first, so that nobody loses what waits by mistake.")
}

func (s *Service) commitTenant(ctx context.Context, action string, prev, next *Tenant, by By) error {
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		return putTenant(ctx, tx, action, prev, next, s.now(), by.Name)
	})
	if err != nil {
		return fmt.Errorf("%s tenant: %w", action, err)
	}
	s.keysChanged()
	if next != nil { // a deleted tenant calls nobody
		s.narrow(next)
	}
	return nil
}
