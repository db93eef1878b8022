package web

import (
	"cmp"
	"slices"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// galleryView is what gallery.html shows: target systems that need only a few values, and the form for all others.
type galleryView struct{ Presets []galleryLine }

type galleryLine struct{ Title, Pack, Text, Path string }

func (v *visit) galleryPage() error {
	all, err := v.Settings.Presets()
	if err != nil {
		return err
	}
	known, err := v.Settings.Packs()
	if err != nil {
		return err
	}
	titles := map[string]string{}
	for _, pack := range known {
		titles[pack.Name] = v.titleOf(pack.Title)
	}
	var page galleryView
	for i := range all {
		p := &all[i]
		if p.Kind == settings.PresetTarget {
			if p.Preset, err = p.In(string(v.lang)); err != nil {
				return err
			}
			page.Presets = append(page.Presets, galleryLine{v.titleOf(p.Title), titles[p.Pack], p.Description, "/webhooks/new/" + p.Pack + "/" + p.Name})
		}
	}
	slices.SortFunc(page.Presets, func(a, b galleryLine) int { return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Title, b.Title)) })
	return v.show("gallery", v.lang.Text("web_webhook.gallery_title"), page)
}

// galleryPresetView is what gallery_preset.html shows: the few values that one system needs.
type galleryPresetView struct {
	Title, Text string
	Form        *Form
	Names       []string // of the fields, in their order
}

func (v *visit) presetWebhookPage() error { return v.showPreset(nil) }

func (v *visit) webhookPreset() (settings.Preset, error) {
	p, err := v.Settings.PresetNamed(v.r.PathValue("pack"), v.r.PathValue("preset"))
	if err == nil && p.Kind != settings.PresetTarget {
		err = hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	if err == nil {
		p.Preset, err = p.In(string(v.lang))
	}
	return p, err
}

func (v *visit) showPreset(refusal error) error {
	p, err := v.webhookPreset()
	if err != nil {
		return err
	}
	page := galleryPresetView{Title: v.titleOf(p.Title), Text: p.Description, Names: []string{"name"}}
	fields := []Field{{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Value: v.titleOf(p.Title)}}
	for _, one := range p.Variables {
		f := Field{Name: presetField(one), Pointer: "/variables/" + one.Name, Label: v.titleOf(one.Title), Value: one.Default, Required: one.Default == ""}
		if one.Kind == packs.VariableSecret {
			f.Type, f.Autocomplete = "password", "off"
		}
		if one.Kind == packs.VariableURL {
			f.Mono = true
		}
		if one.Example != "" {
			f.Hint = v.lang.Text("web_webhook.example", "example", one.Example)
		}
		fields = append(fields, f)
		page.Names = append(page.Names, f.Name)
	}
	page.Form = v.newForm("/webhooks/new/"+p.Pack+"/"+p.Name, refusal, fields...)
	if refusal != nil {
		return v.refuse(refusal, "gallery_preset", page.Title, page)
	}
	return v.show("gallery_preset", page.Title, page)
}

// presetField is named so that a secret is never sent back to a browser.
func presetField(one packs.Variable) string {
	if one.Kind == packs.VariableSecret {
		return "secret_" + one.Name
	}
	return "value_" + one.Name
}

func (v *visit) applyPresetWebhook() error {
	p, err := v.webhookPreset()
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, one := range p.Variables {
		if text := v.form(presetField(one)); text != "" {
			values[one.Name] = text
		}
	}
	made, err := v.Settings.ApplyPreset(v.ctx(), v.tenant(), p, values, v.form("name"), v.by())
	if err != nil {
		if ours(err) {
			return err
		}
		return v.showPreset(err)
	}
	return v.goTo(targetPath(&made.Target)+"/edit", "web_webhook.preset_made", "name", made.Target.Name)
}
