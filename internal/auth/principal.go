// Package auth says who is calling: it turns an API key or a session into a Principal with a tenant, a role and scopes.
// It must not know what the caller wants to do, nor how keys are made.
package auth

import (
	"slices"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Role is how much a caller may do.
type Role = hub.Role

// Principal is who is calling, and for which tenant.
type Principal struct {
	Tenant   int64
	TenantID hub.ID
	Role     Role
	Scopes   []string // empty = all that the role may
	Name     string   // for the audit: the key's or the user's name
	KeyID    hub.ID   // zero for the key of the installation, and for users

	User *store.UserRow // who is signed in to the console; nil for a key

	// Portal is who came in by a portal link; nil for everybody else.
	Portal *store.PortalGuest

	// Installation marks an administrator of the whole hub, who may act for any tenant.
	Installation bool
}

// Require refuses a caller whose role is less.
func (p Principal) Require(least Role) error {
	if p.Role.AtLeast(least) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "this needs the role %s; the key %q has %s", least, p.Name, p.Role).
		WithHint("Ask an administrator for a key with more rights.")
}

// Scope refuses a key that was narrowed to other things.
func (p Principal) Scope(needed string) error {
	if len(p.Scopes) == 0 || slices.Contains(p.Scopes, needed) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "this needs the scope %s, which the key %q lacks", needed, p.Name).
		WithHint("Ask an administrator for a key with that scope.")
}
