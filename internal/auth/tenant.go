package auth

import (
	"context"
	"fmt"

	"hacek/internal/hub"
)

// defaultTenant is where calls go that name no tenant, while it is the only one.
const defaultTenant = "default"

// ForTenant is the caller acting for a tenant, named by uid or id. Another tenant's name is as unknown as one that
// does not exist. An administrator of the installation must name one as soon as there are two; what belongs to the
// installation is asked for without ForTenant.
func (a *Authenticator) ForTenant(ctx context.Context, p Principal, tenant string) (Principal, error) {
	if tenant == "" {
		if !p.Installation {
			return p, nil
		}
		n, err := a.tenants(ctx)
		if err != nil {
			return Principal{}, err
		}
		if n > 1 {
			return Principal{}, hub.Errorf(hub.Invalid, "for which tenant? There are %d", n).
				WithHint("Name it: with --tenant of a command, in the header Hacek-Tenant, or in the path /v1/tenants/{tenant}/...")
		}
		return p, nil
	}
	t, err := a.Store.TenantByRef(ctx, tenant)
	if hub.CodeOf(err) == hub.NotFound || err == nil && !p.Installation && t.No != p.Tenant {
		return Principal{}, hub.Errorf(hub.NotFound, "no tenant %q", tenant)
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read tenant: %w", err)
	}
	p.Tenant, p.TenantID = t.No, t.ID
	return p, nil
}

// tenants counts them, and remembers: the hot path asks for every event of an administrator's key.
func (a *Authenticator) tenants(ctx context.Context) (int, error) {
	a.mu.RLock()
	n, round := a.count, a.round
	a.mu.RUnlock()
	if n > 0 {
		return n, nil
	}
	n, err := a.Store.CountTenants(ctx)
	if err != nil {
		return 0, fmt.Errorf("count tenants: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if round == a.round {
		a.count = n
	}
	return n, nil
}
