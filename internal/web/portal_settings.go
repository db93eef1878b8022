package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// portalSettingsRoutes are the console's side of the portal: how a tenant's looks, and links into it.
func portalSettingsRoutes() []route {
	return []route{
		{"POST", "/settings/tenants/{tenant}/portal", hub.Administrator, (*visit).savePortal, false},
		{"POST", "/settings/tenants/{tenant}/portal-link", hub.Administrator, (*visit).makePortalLink, false},
		{"POST", "/settings/tenants/{tenant}/portal-end", hub.Administrator, (*visit).endPortalSessions, false},
	}
}

// tenantPortal is the part of a tenant's page that is about its portal.
type tenantPortal struct {
	Form, Link, End *Form
	Logo            string // data: URI
}

// portalLinkView is what portal_link.html shows, once: the link itself is kept nowhere.
type portalLinkView struct {
	Tenant, Back, Link string
	Until              time.Time
}

// tenantPortal builds both forms; refusal is of the first, refused of the second.
func (v *visit) tenantPortal(t *settings.Tenant, refusal, refused error) *tenantPortal {
	text, p := v.lang.Text, &t.Portal
	side := &tenantPortal{Logo: deref(p.Logo)}
	side.Form = v.newForm(tenantPath(t)+"/portal", refusal,
		Field{Name: "accent", Pointer: "/portal/colours/accent", Label: text("web_portal.accent"), Hint: text("web_portal.colour_hint", "example", "#0d6073"), Value: deref(p.Colours.Accent), Mono: true},
		Field{Name: "paper", Pointer: "/portal/colours/paper", Label: text("web_portal.paper"), Hint: text("web_portal.colour_hint", "example", "#faf9f6"), Value: deref(p.Colours.Paper), Mono: true},
		Field{Name: "logo", Pointer: "/portal/logo", Label: text("web_portal.logo"), Hint: text("web_portal.logo_hint"), Type: "file"},
		Field{Name: "no_logo", Label: text("web_portal.logo_remove"), Type: "check"},
		Field{Name: "frames", Pointer: "/portal/frame_ancestors", Label: text("web_portal.frames"), Hint: text("web_portal.frames_hint", "example", "https://app.example.com"), Type: "textarea", Value: strings.Join(p.FrameAncestors, "\n"), Mono: true})
	side.Form.ETag = v.heldAt(t.ETag(), refusal)
	var roles []Option
	for _, role := range slices.Backward(settings.PortalRoles()) {
		roles = append(roles, Option{Value: string(role), Word: text("web_settings.role." + string(role))})
	}
	side.Link = v.newForm(tenantPath(t)+"/portal-link", refused,
		Field{Name: "guest", Pointer: "/name", Label: text("web_portal.guest"), Hint: text("web_portal.guest_hint")},
		Field{Name: "role", Pointer: "/role", Label: text("web_settings.role"), Type: "select", Value: string(hub.Editor), Options: roles},
		v.languageField(""))
	side.End = v.newForm(tenantPath(t)+"/portal-end", nil)
	return side
}

// endPortalSessions signs every customer of a tenant out of its portal.
func (v *visit) endPortalSessions() error {
	t, err := v.theTenant()
	if err != nil {
		return err
	}
	if _, _, err := v.Settings.EndPortalSessions(v.ctx(), t.No, v.by()); err != nil {
		return err
	}
	return v.goTo(tenantPath(&t), "web_portal.ended", "name", t.Name)
}

func (v *visit) savePortal() error {
	t, err := v.theTenant()
	if err != nil {
		return err
	}
	patch, err := v.typedPortal()
	if err == nil {
		_, err = v.Settings.PatchTenant(v.ctx(), t.ID.Text(hub.TenantPrefix), patch, v.form("etag"), v.by())
	}
	if err == nil {
		return v.goTo(tenantPath(&t), "web_settings.saved", "name", t.Name)
	}
	page := v.tenantForm(&t, nil)
	page.Portal = v.tenantPortal(&t, err, nil)
	return v.refuse(err, "tenant", page.Title, page)
}

// typedPortal reads the form as a merge patch. A logo that is not sent stays.
func (v *visit) typedPortal() (json.RawMessage, error) {
	set := map[string]any{
		"colours":         map[string]string{"accent": strings.TrimSpace(v.form("accent")), "paper": strings.TrimSpace(v.form("paper"))},
		"frame_ancestors": entries(v.form("frames")),
	}
	file, _, err := v.r.FormFile("logo")
	switch {
	case errors.Is(err, http.ErrMissingFile), errors.Is(err, http.ErrNotMultipart):
		if v.form("no_logo") != "" {
			set["logo"] = nil
		}
	case err != nil:
		return nil, hub.Errorf(hub.Invalid, "the form could not be read: %v", err)
	default:
		defer func() { _ = file.Close() }()
		image, err := io.ReadAll(io.LimitReader(file, hub.MaxLogo+1))
		if err != nil {
			return nil, hub.Errorf(hub.Invalid, "the logo could not be read: %v", err)
		}
		var wrong hub.Problems
		if len(image) > hub.MaxLogo {
			wrong.Add("/portal/logo", "%s", v.lang.Text("web_portal.logo_large"))
		} else if hub.LogoMedia(image) == "" {
			wrong.Add("/portal/logo", "%s", v.lang.Text("web_portal.logo_kind"))
		}
		if err := wrong.Err(); err != nil {
			return nil, err
		}
		set["logo"] = hub.LogoURI(image)
	}
	return json.Marshal(map[string]any{"portal": set})
}

func (v *visit) makePortalLink() error {
	t, err := v.theTenant()
	if err != nil {
		return err
	}
	given := settings.PortalLink{Name: v.form("guest"), Role: hub.Role(v.form("role")), Language: v.form("language")}
	link, secret, err := v.Settings.CreatePortalLink(v.ctx(), t.No, given, v.by())
	if err != nil {
		page := v.tenantForm(&t, nil)
		page.Portal = v.tenantPortal(&t, nil, err)
		return v.refuse(err, "tenant", page.Title, page)
	}
	base := v.base()
	if listener, err := v.Settings.PortalListener(v.ctx()); err != nil {
		return err
	} else if listener != "" && v.PublicURL != nil {
		base = v.PublicURL(listener)
	}
	return v.show("portal_link", v.lang.Text("web_history.share_made"), portalLinkView{
		Tenant: t.Name, Back: tenantPath(&t), Until: link.ExpiresAt,
		Link: base + portalPath + t.ID.Text(hub.TenantPrefix) + "#" + secret.Reveal(),
	})
}
