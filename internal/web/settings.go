package web

import (
	"cmp"

	"hacek/internal/hub"
)

// settingsView is what settings.html shows: where everything about people and the hub itself is set.
type settingsView struct {
	Choices []startChoice
	Few     bool // somebody who may set nothing but their own profile
	Facts   []settingsFact
	Support bool // whoever looks after the whole hub may take the bundle
}

type settingsFact struct{ Name, Value string }

func (v *visit) settingsPage() error {
	text := v.lang.Text
	page := settingsView{Few: !v.may(hub.Administrator)}
	add := func(icon, title, sentence, path string) {
		page.Choices = append(page.Choices, startChoice{icon, text(title), text(sentence), path})
	}
	if !page.Few {
		add("users", "web_settings.users", "web_settings.users_text", "/settings/users")
		add("lock", "web_settings.keys", "web_settings.keys_text", "/settings/keys")
		add("book", "web_settings.audit", "web_settings.audit_text", "/settings/audit")
	}
	if v.who.Installation {
		add("inbox", "web_settings.tenants", "web_settings.tenants_text", "/settings/tenants")
		add("plug", "web_listener.title", "web_listener.lead", "/settings/listeners")
		add("mail", "web_settings.mail", "web_settings.mail_text", "/settings/mail")
		page.Support = v.Support != nil
		page.Facts = []settingsFact{{text("web_settings.version"), cmp.Or(v.Version, "–")}}
	}
	kept := text("web_settings.kept_forever")
	if v.Retain > 0 {
		kept = v.lang.Duration(v.Retain)
	}
	page.Facts = append(page.Facts, settingsFact{text("web_settings.kept"), kept}) // for everybody: it is about people's data
	add("settings", "web_profile.title", "web_settings.profile_text", "/profile")
	return v.show("settings", text("web.menu.settings"), page)
}
