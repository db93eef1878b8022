package api

import (
	"net/http"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// portalLinkView is a new link; the address is seen in this answer only.
type portalLinkView struct {
	URL       string `json:"url"`
	ExpiresAt string `json:"expires_at"`
}

func (a *API) createPortalLink(c *call) (answer, error) {
	// A link has no scopes, so a narrowed key must hold what the portal allows: nobody lets in who may do more.
	for _, scope := range [...]string{"endpoints:write", "deliveries:write", "secrets:read"} {
		if err := c.principal.Scope(scope); err != nil {
			return answer{}, err
		}
	}
	var given settings.PortalLink
	if err := c.decode(&given); err != nil {
		return answer{}, err
	}
	link, secret, err := a.Settings.CreatePortalLink(c.r.Context(), c.tenant(), given, c.by())
	if err != nil {
		return answer{}, err
	}
	listener, err := a.Settings.PortalListener(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	shown := portalLinkView{a.PublicURL(listener) + "/portal/" + c.principal.TenantID.Text(hub.TenantPrefix) + "#" + secret.Reveal(), hub.TimeText(link.ExpiresAt)}
	masked := shown
	masked.URL = hub.Masked
	return answer{status: http.StatusCreated, body: shown, kept: masked}, nil
}

// endedPortalView says how many sessions and unused links ended.
type endedPortalView struct {
	Sessions int64 `json:"sessions"`
	Links    int64 `json:"links"`
}

func (a *API) endPortalSessions(c *call) (answer, error) {
	sessions, links, err := a.Settings.EndPortalSessions(c.r.Context(), c.tenant(), c.by())
	if err != nil {
		return answer{}, err
	}
	return answer{body: endedPortalView{sessions, links}}, nil
}
