package web

import (
	"encoding/json"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// tenantsView is what tenants.html shows: the firms whose data this hub keeps apart.
type tenantsView struct{ Lines []tenantLine }

type tenantLine struct {
	Name, UID, Path string
	CreatedAt       time.Time
}

func (v *visit) tenantsPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	all, err := v.Settings.Tenants(v.ctx())
	if err != nil {
		return err
	}
	var page tenantsView
	for i := range all {
		t := &all[i]
		page.Lines = append(page.Lines, tenantLine{t.Name, tenantUID(t), tenantPath(t), t.CreatedAt})
	}
	return v.show("tenants", v.lang.Text("web_settings.tenants"), page)
}

func tenantUID(t *settings.Tenant) string {
	if t.UID == nil {
		return ""
	}
	return *t.UID
}

func tenantPath(t *settings.Tenant) string { return "/settings/tenants/" + t.ID.Text(hub.TenantPrefix) }

// tenantView is what tenant.html shows: one of them.
type tenantView struct {
	Title     string
	New, Keep bool // Keep: this one cannot be deleted
	Form      *Form
	Delete    *Form
	Portal    *tenantPortal // nil while it is new
}

// tenantForm builds the form; t is nil for a new one.
func (v *visit) tenantForm(t *settings.Tenant, refusal error) tenantView {
	text := v.lang.Text
	page := tenantView{Title: text("web_settings.tenant_new"), New: t == nil}
	from, action := settings.Tenant{Metadata: json.RawMessage("{}")}, "/settings/tenants/new"
	if t != nil {
		from, action, page.Title = *t, tenantPath(t), t.Name
		page.Keep = tenantUID(t) == settings.DefaultTenant
		page.Delete = v.newForm(action+"/delete", nil)
		page.Delete.ETag = t.ETag()
		page.Portal = v.tenantPortal(t, nil, nil)
	}
	page.Form = v.newForm(action, refusal,
		Field{Name: "name", Pointer: "/name", Label: text("web.column.name"), Value: from.Name, Required: true},
		Field{Name: "uid", Pointer: "/uid", Label: text("web_settings.uid"), Hint: text("web_settings.uid_hint"), Value: tenantUID(&from), Mono: true},
		Field{Name: "metadata", Pointer: "/metadata", Label: text("web_settings.metadata"), Hint: text("web_settings.metadata_hint", "example", `{"customer": 4711}`), Type: "textarea", Value: string(from.Metadata), Mono: true, Code: codeJSON},
		Field{Name: "private", Pointer: "/allow_private", Label: text("web_settings.tenant_private"), Hint: text("web_settings.tenant_private_hint"), Type: "textarea", Value: narrowedLines(from.AllowPrivate), Mono: true})
	if t != nil {
		page.Form.ETag = v.heldAt(t.ETag(), refusal)
	}
	return page
}

func (v *visit) newTenantPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	page := v.tenantForm(nil, nil)
	return v.show("tenant", page.Title, page)
}

func (v *visit) theTenant() (settings.Tenant, error) {
	if err := v.installation(); err != nil {
		return settings.Tenant{}, err
	}
	return v.Settings.Tenant(v.ctx(), v.r.PathValue("tenant"))
}

func (v *visit) tenantPage() error {
	t, err := v.theTenant()
	if err != nil {
		return err
	}
	page := v.tenantForm(&t, nil)
	return v.show("tenant", page.Title, page)
}

// typedTenant reads the form; what is no JSON is refused beside its field.
func (v *visit) typedTenant() (settings.Tenant, error) {
	uid := strings.TrimSpace(v.form("uid"))
	metadata := strings.TrimSpace(v.form("metadata"))
	if metadata == "" {
		metadata = "{}"
	}
	if !json.Valid([]byte(metadata)) {
		var wrong hub.Problems
		wrong.Add("/metadata", "must be a JSON object")
		return settings.Tenant{}, wrong.Err()
	}
	return settings.Tenant{
		Name: strings.TrimSpace(v.form("name")), UID: &uid, Metadata: json.RawMessage(metadata), AllowPrivate: narrowedTo(v.form("private")),
	}, nil
}

// noNetwork in place of a list says that no private network may be called; nothing at all leaves all that the hub may.
const noNetwork = "-"

func narrowedLines(networks []string) string {
	if networks != nil && len(networks) == 0 {
		return noNetwork
	}
	return strings.Join(networks, "\n")
}

func narrowedTo(lines string) []string {
	switch networks := entries(lines); {
	case len(networks) == 0:
		return nil
	case len(networks) == 1 && networks[0] == noNetwork:
		return []string{}
	default:
		return networks
	}
}

func (v *visit) createTenant() error {
	if err := v.installation(); err != nil {
		return err
	}
	given, err := v.typedTenant()
	if err == nil {
		var made settings.Tenant
		var created bool
		made, created, err = v.Settings.CreateTenant(v.ctx(), given, v.by())
		if err == nil && created {
			return v.goTo("/settings/tenants", "web_settings.saved", "name", made.Name)
		}
		if err == nil {
			var wrong hub.Problems
			wrong.Add("/uid", "%q belongs to another tenant already", tenantUID(&made))
			err = wrong.Err()
		}
	}
	page := v.tenantForm(nil, err)
	return v.refuse(err, "tenant", page.Title, page)
}

func (v *visit) saveTenant() error {
	t, err := v.theTenant()
	if err != nil {
		return err
	}
	given, err := v.typedTenant()
	if err == nil {
		var patch json.RawMessage
		// Metadata is put whole: what is not in the field any more goes.
		if patch, err = wholeMetadata(given, t.Metadata); err == nil {
			if given, err = v.Settings.PatchTenant(v.ctx(), t.ID.Text(hub.TenantPrefix), patch, v.form("etag"), v.by()); err == nil {
				return v.goTo("/settings/tenants", "web_settings.saved", "name", given.Name)
			}
		}
	}
	page := v.tenantForm(&t, err)
	return v.refuse(err, "tenant", page.Title, page)
}

// wholeMetadata is a merge patch that removes what was there before and is not any more.
func wholeMetadata(given settings.Tenant, before json.RawMessage) (json.RawMessage, error) {
	var now, old map[string]json.RawMessage
	if err := json.Unmarshal(given.Metadata, &now); err != nil || now == nil {
		var wrong hub.Problems
		wrong.Add("/metadata", "must be a JSON object")
		return nil, wrong.Err()
	}
	if err := json.Unmarshal(before, &old); err != nil {
		return nil, err
	}
	for name := range old {
		if _, stays := now[name]; !stays {
			now[name] = json.RawMessage("null")
		}
	}
	return json.Marshal(map[string]any{"name": given.Name, "uid": given.UID, "metadata": now, "allow_private": given.AllowPrivate})
}

func (v *visit) deleteTenant() error {
	t, err := v.theTenant()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteTenant(v.ctx(), t.ID.Text(hub.TenantPrefix), v.form("etag"), v.by()); err != nil {
		page := v.tenantForm(&t, nil)
		page.Form = v.refusedAside(page.Form, err)
		return v.refuse(err, "tenant", page.Title, page)
	}
	return v.goTo("/settings/tenants", "web_settings.deleted", "name", t.Name)
}
