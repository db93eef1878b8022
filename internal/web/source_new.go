package web

import (
	"encoding/json"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// providersView is what source_new.html shows: whose webhooks the hub knows.
type providersView struct {
	Query     string
	Providers []providerLine
	Others    []providerLine
}

// providerLine is one system to receive from.
type providerLine struct{ Title, Text, Path, Icon string }

func (v *visit) newSourcePage() error {
	page := providersView{Query: v.r.URL.Query().Get("provider")}
	all, err := v.Settings.AllProviders()
	if err != nil {
		return err
	}
	wanted := strings.ToLower(strings.TrimSpace(page.Query))
	for _, p := range all {
		title := v.titleOf(p.Title)
		if !strings.Contains(strings.ToLower(title+" "+p.Name), wanted) {
			continue
		}
		page.Providers = append(page.Providers, providerLine{title, v.lang.Text("web_source.made." + madeWord(p)), "/sources/new/from/" + p.Name, "in"})
	}
	slices.SortStableFunc(page.Providers, func(a, b providerLine) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	page.Others = []providerLine{
		{v.lang.Text("web_source.other_hmac"), v.lang.Text("web_source.other_hmac_text"), "/sources/new/from/" + hub.SchemeHMAC, "shield"},
		{v.lang.Text("web_source.other_none"), v.lang.Text("web_source.other_none_text"), "/sources/new/from/" + hub.SchemeNone, "plug"},
	}
	return v.show("source_new", v.lang.Text("web_source.new"), page)
}

// madeWord says who makes the secret: there, here, both or none.
func madeWord(p *packs.Provider) string {
	if p.Secret.Made == "" {
		return "there"
	}
	return p.Secret.Made
}

// sourceStartView is what source_start.html shows: name and secret of a new source.
type sourceStartView struct {
	System, Where, Made string
	Page                string // of the provider's documentation
	Notes               []string
	Form                *Form
	Own                 []*Field // that only this provider asks for
}

func (v *visit) startSourcePage() error {
	page, err := v.sourceStart(nil)
	if err != nil {
		return err
	}
	return v.show("source_start", v.lang.Text("web_source.receive_from", "system", page.System), page)
}

// sourceStart builds the form; refusal is what it was answered.
func (v *visit) sourceStart(refusal error) (sourceStartView, error) {
	name := v.r.PathValue("provider")
	page := sourceStartView{Made: "there"}
	fields := []Field{{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Hint: v.lang.Text("web_source.name_hint")}}
	secret := Field{
		Name: "secret", Pointer: "/verify/secrets", Label: v.lang.Text("web_source.secret"), Type: "password", Autocomplete: "off", Mono: true, Required: true,
	}
	var own []string
	switch name {
	case hub.SchemeHMAC:
		page.System = v.lang.Text("web_source.other_hmac")
		page.Where = v.lang.Text("web_source.other_secret")
		fields = append(fields, secret)
		fields = append(fields, v.hmacFields(&hub.HMAC{Header: "X-Signature", Algorithm: "sha256", Encoding: "hex", Signed: "#body#"})...)
		fields = append(fields, v.pathField("event_type", "/event_type", "web_source.type_path", "body.event"), v.pathField("key", "/key", "web_source.key_path", "body.id"))
		own = []string{"header", "algorithm", "encoding", "prefix", "signed", "event_type", "key"}
	case hub.SchemeNone:
		page.System, page.Made = v.lang.Text("web_source.other_none"), "none"
		fields = append(fields, Field{
			Name: "networks", Pointer: "/allow_networks", Label: v.lang.Text("web_source.networks"), Hint: v.lang.Text("web_source.networks_hint"), Type: "textarea", Mono: true,
		}, v.pathField("event_type", "/event_type", "web_source.type_path", "body.event"), v.pathField("key", "/key", "web_source.key_path", "body.id"))
		own = []string{"networks", "event_type", "key"}
	default:
		p, err := v.Settings.OneProvider(name)
		if err != nil {
			return page, err
		}
		page.System, page.Where, page.Page, page.Made = v.titleOf(p.Title), v.titleOf(p.Secret.Where), p.Page, madeWord(p)
		fields[0].Value = page.System
		if page.Made == "both" {
			secret.Required, secret.Hint = false, v.lang.Text("web_source.secret_empty")
		}
		if page.Made == "there" || page.Made == "both" {
			fields = append(fields, secret)
		}
		known, needed := settings.ProviderSettings(p)
		for _, one := range known {
			if slices.Contains(needed, one) || settingOfHandshake(p, one) {
				fields = append(fields, Field{
					Name: "setting." + one, Pointer: "/verify/settings/" + hub.EscapePointer(one), Label: one, Hint: v.lang.Text("web_source.setting_hint"), Mono: true,
				})
				own = append(own, "setting."+one)
			}
		}
	}
	page.Form = v.newForm("/sources/new/from/"+name, refusal, fields...)
	for _, one := range own {
		page.Own = append(page.Own, page.Form.Fields[one])
	}
	return page, nil
}

// settingOfHandshake: a token that the provider asks back, such as Meta's verify_token.
func settingOfHandshake(p *packs.Provider, name string) bool {
	return slices.ContainsFunc(p.Handshakes, func(h packs.Handshake) bool {
		for _, setting := range h.Match {
			if setting == name {
				return true
			}
		}
		return false
	})
}

func (v *visit) pathField(name, pointer, label, example string) Field {
	return Field{Name: name, Pointer: pointer, Label: v.lang.Text(label), Hint: v.lang.Text("web_source.path_hint", "example", example), Mono: true}
}

func (v *visit) hmacFields(h *hub.HMAC) []Field {
	return []Field{
		{Name: "header", Pointer: "/verify/hmac", Label: v.lang.Text("web_source.hmac_header"), Value: h.Header, Mono: true},
		{Name: "algorithm", Pointer: "/verify/hmac/algorithm", Label: v.lang.Text("web_source.hmac_algorithm"), Type: "select", Value: h.Algorithm, Options: plain("sha256", "sha1", "sha512")},
		{Name: "encoding", Pointer: "/verify/hmac/encoding", Label: v.lang.Text("web_source.hmac_encoding"), Type: "select", Value: h.Encoding, Options: plain("hex", "base64")},
		{Name: "prefix", Pointer: "/verify/hmac/prefix", Label: v.lang.Text("web_source.hmac_prefix"), Hint: v.lang.Text("web_source.hmac_prefix_hint"), Value: h.Prefix, Mono: true},
		{Name: "signed", Pointer: "/verify/hmac/signed", Label: v.lang.Text("web_source.hmac_signed"), Hint: v.lang.Text("web_source.hmac_signed_hint"), Value: h.Signed, Mono: true},
	}
}

// plain are choices that are called what they are.
func plain(values ...string) []Option {
	var list []Option
	for _, one := range values {
		list = append(list, Option{Value: one, Word: one})
	}
	return list
}

// startSource makes the source and goes on to the page that waits for the first request.
func (v *visit) startSource() error {
	made, err := v.createSource()
	if err != nil {
		page, broken := v.sourceStart(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "source_start", v.lang.Text("web_source.receive_from", "system", page.System), page)
	}
	if !made.Made.IsZero() {
		v.made.keep(v.token, made.ID, made.Made, v.moment)
	}
	return v.goTo(sourcePath(&made)+"/connect", "")
}

func (v *visit) createSource() (settings.Source, error) {
	name := v.r.PathValue("provider")
	verify := map[string]any{"scheme": name}
	given := map[string]any{"verify": verify}
	if text := strings.TrimSpace(v.form("name")); text != "" {
		given["name"] = text
	}
	if secret := v.form("secret"); secret != "" {
		verify["secrets"] = []string{strings.TrimSpace(secret)}
	}
	switch name {
	case hub.SchemeHMAC:
		verify["hmac"] = v.typedHMAC()
		given["event_type"], given["key"] = v.form("event_type"), v.form("key")
	case hub.SchemeNone:
		given["allow_networks"] = entries(v.form("networks"))
		given["event_type"], given["key"] = v.form("event_type"), v.form("key")
	default:
		if _, err := v.Settings.OneProvider(name); err != nil {
			return settings.Source{}, err
		}
		given["preset"] = name
	}
	if own := v.typedSettings(); len(own) > 0 {
		verify["settings"] = own
	}
	raw, err := json.Marshal(given)
	if err != nil {
		return settings.Source{}, err
	}
	return v.Settings.CreateSource(v.ctx(), v.tenant(), raw, v.by())
}

func (v *visit) typedHMAC() map[string]string {
	form := map[string]string{}
	for _, name := range []string{"header", "algorithm", "encoding", "prefix", "signed"} {
		form[name] = v.form(name)
	}
	return form
}

// typedSettings are the fields setting.NAME that hold something.
func (v *visit) typedSettings() map[string]any {
	own := map[string]any{}
	for name, values := range v.r.PostForm {
		if rest, ok := strings.CutPrefix(name, "setting."); ok && len(values) > 0 && values[0] != "" {
			own[rest] = strings.TrimSpace(values[0])
		}
	}
	return own
}
