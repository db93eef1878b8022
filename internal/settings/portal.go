package settings

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/locale"
	"hacek/internal/store"
)

// PortalLink is what lets a tenant's own customer in, once. Whoever makes it sees its secret; stored is a digest.
type PortalLink struct {
	Role      hub.Role  `json:"role"`
	Language  string    `json:"language"` // "" is what the browser asks for
	Name      string    `json:"name"`     // whom the change history names
	ExpiresAt time.Time `json:"expires_at"`
}

const (
	// portalLinkLife is how long a link may be used. It is made for somebody who is about to click.
	portalLinkLife = 10 * time.Minute
	// mostPortalLinks of one tenant may wait to be used at the same time.
	mostPortalLinks = 100
)

// PortalRoles are those that a link may give: never the administrator's.
func PortalRoles() []hub.Role { return []hub.Role{hub.Viewer, hub.Operator, hub.Editor} }

func (l *PortalLink) validate() error {
	var p hub.Problems
	if !slices.Contains(PortalRoles(), l.Role) {
		p.Add("/role", "%q is none of viewer, operator, editor", l.Role)
	}
	if l.Language != "" && !slices.Contains(locale.Languages(), locale.Language(l.Language)) {
		p.Add("/language", "%q is none of en, cs, sk, de, it, is", l.Language)
	}
	hub.CheckText(&p, "/name", l.Name, hub.MaxNameLen)
	return p.Err()
}

// CreatePortalLink makes a link for a tenant's customer. The secret is what stands in its fragment; it is seen only here.
func (s *Service) CreatePortalLink(ctx context.Context, tenant int64, l PortalLink, by By) (PortalLink, hub.Secret, error) {
	if l.Role == "" {
		l.Role = hub.Editor
	}
	l.Name = strings.TrimSpace(l.Name)
	if err := l.validate(); err != nil {
		return PortalLink{}, hub.Secret{}, err
	}
	t, err := s.Store.TenantByNo(ctx, tenant)
	if err != nil {
		return PortalLink{}, hub.Secret{}, err
	}
	now, token := s.now(), rand.Text() // 130 bits
	l.ExpiresAt = now.Add(portalLinkLife)
	row := store.PortalLink{
		Digest: sha256.Sum256([]byte(token)), ExpiresAt: l.ExpiresAt, CreatedAt: now,
		PortalGuest: store.PortalGuest{Tenant: tenant, Role: l.Role, Name: l.Name, Language: l.Language},
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.CountPortalLinks(ctx, tenant, now)
		if err != nil {
			return err
		}
		if n >= mostPortalLinks {
			full := hub.Errorf(hub.TooMany, "%d portal links of this tenant have not been used yet", n).
				WithHint("Make a link when somebody asks for it; unused ones end after %s.", hub.Duration(portalLinkLife))
			full.RetryAfter = time.Minute
			return full
		}
		if err := tx.InsertPortalLink(ctx, row); err != nil {
			return err
		}
		r := store.Revision{Tenant: tenant, At: now, Who: by.Name, Action: "portal link made", Kind: kindTenant, Object: t.ID.Text(hub.TenantPrefix)}
		// Not under name: that is what the history calls the tenant by.
		return revise(ctx, tx, r, nil, &struct {
			For       string    `json:"for"`
			Role      hub.Role  `json:"role"`
			Language  string    `json:"language"`
			ExpiresAt time.Time `json:"expires_at"`
		}{l.Name, l.Role, l.Language, l.ExpiresAt})
	})
	if err != nil {
		return PortalLink{}, hub.Secret{}, fmt.Errorf("make a portal link: %w", err)
	}
	return l, hub.NewSecret(token), nil
}

// EndPortalSessions signs every customer of a tenant out of its portal; links that were made and not used yet open
// nothing any more. It says how many of each there were.
func (s *Service) EndPortalSessions(ctx context.Context, tenant int64, by By) (sessions, links int64, err error) {
	t, err := s.Store.TenantByNo(ctx, tenant)
	if err != nil {
		return 0, 0, err
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if sessions, links, err = tx.EndPortalSessions(ctx, tenant); err != nil {
			return err
		}
		r := store.Revision{Tenant: tenant, At: s.now(), Who: by.Name, Action: "portal sessions ended", Kind: kindTenant, Object: t.ID.Text(hub.TenantPrefix)}
		return revise(ctx, tx, r, nil, &struct {
			Sessions int64 `json:"sessions"`
			Links    int64 `json:"links"`
		}{sessions, links})
	})
	if err != nil {
		return 0, 0, fmt.Errorf("end portal sessions: %w", err)
	}
	return sessions, links, nil
}

// PortalListener is the name of the listener whose public address leads to the portal, "" for the hub's own.
func (s *Service) PortalListener(ctx context.Context) (string, error) {
	all, err := s.AllListeners(ctx)
	if err != nil {
		return "", err
	}
	for i := range all {
		if l := &all[i]; l.Active && l.PublicURL != "" && slices.Contains(l.Serves, hub.ServesPortal) {
			return l.Name, nil
		}
	}
	return "", nil
}

// PortalTypes are the event types that a tenant's customer may see and choose, by name.
func (s *Service) PortalTypes(ctx context.Context) (map[string]bool, error) {
	all, err := s.EventTypes(ctx)
	if err != nil {
		return nil, err
	}
	visible := map[string]bool{}
	for i := range all {
		visible[all[i].Name] = all[i].VisibleInPortal
	}
	return visible, nil
}

// checkPortal lets a tenant's customer save a webhook only when it takes nothing but event types meant for them. A
// pattern could come to match another one later, so each is named. Switching it off and on changes nothing of that.
func (s *Service) checkPortal(ctx context.Context, next, prev *hub.Target, by By) error {
	if !by.Portal {
		return nil
	}
	if next.Kind != hub.KindEndpoint {
		return hub.Errorf(hub.Forbidden, "a %s is set up in the console", next.Kind)
	}
	if prev != nil {
		switched := *prev
		switched.Endpoint.Active = next.Endpoint.Active
		if same, err := sameSettings(&switched, next); err != nil || same {
			return err
		}
	}
	visible, err := s.PortalTypes(ctx)
	if err != nil {
		return err
	}
	var p hub.Problems
	types := next.Endpoint.Subscription.EventTypes
	if len(types) == 0 {
		p.Add("/subscription/event_types", "is empty; choose one event at least")
	}
	for i, name := range types {
		if !visible[name] {
			p.Add(fmt.Sprintf("/subscription/event_types/%d", i), "%q is not offered here; choose from the list", name)
		}
	}
	return p.Err()
}

// noted is a tenant as the change history keeps it: of a logo, what it is rather than all of it.
func (t *Tenant) noted() *Tenant {
	if t == nil || t.Portal.Logo == nil {
		return t
	}
	kept := *t
	media, image, err := hub.ReadLogo(*t.Portal.Logo)
	sum := sha256.Sum256(image)
	short := fmt.Sprintf("%s, %d bytes, SHA-256 %s", media, len(image), hex.EncodeToString(sum[:8]))
	if err != nil {
		short = "unreadable"
	}
	kept.Portal.Logo = &short
	return &kept
}
