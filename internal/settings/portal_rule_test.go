package settings_test

import (
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// No link makes an administrator, whichever door it is asked for at.
func TestRule17_APortalLinkGivesNoMoreThanAnEditorsRights(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		for _, role := range settings.PortalRoles() {
			l, secret, err := o.CreatePortalLink(o.ctx, o.tenant, settings.PortalLink{Role: role}, jana)
			o.ok(err)
			if l.Role != role || secret.IsZero() {
				t.Errorf("a link for %s gives %s", role, l.Role)
			}
		}
		for _, role := range []hub.Role{hub.Administrator, "owner"} {
			_, secret, err := o.CreatePortalLink(o.ctx, o.tenant, settings.PortalLink{Role: role}, jana)
			o.refused(err, hub.Invalid, "/role")
			if !secret.IsZero() {
				t.Errorf("a link for %s was made", role)
			}
		}
	})
}
