package browser

import "testing"

func TestTheSettingsOfTheHub(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	w := h.open(t, "en")
	w.first()
	w.press("Just look around")
	w.inspect("start-look", "en")
	w.press("Make the sample shop")
	w.see("A real event has arrived")
	w.inspect("start-done", "en")

	w.press("Settings")
	w.see("People and roles", "Change history")
	w.inspect("settings", "en")
	w.press("People and roles")
	w.inspect("users", "en")
	w.press("Invite a helper for a day")
	w.fill("Name and surname", "Óskar Jónsson")
	w.fill("E-mail", "oskar@example.com")
	w.press("Let in")
	w.see("“Óskar Jónsson” may sign in now.", "Password for oskar@example.com")
	w.inspect("user", "en")

	w.visit("/settings/keys")
	w.see("No keys yet")
	w.press("New key")
	w.inspect("key-new", "en")
	w.fill("Name", "ERP")
	w.press("Make the key")
	w.see("The key “ERP” is valid now.")
	w.inspect("keys", "en")

	w.visit("/settings/tenants")
	w.inspect("tenants", "en")
	w.press("New tenant")
	w.fill("Name", "Ellity")
	w.press("Save")
	w.see("“Ellity” is saved.")
	w.press("Ellity")
	w.inspect("tenant", "en")

	w.visit("/settings/mail")
	w.see("No mail server is set")
	w.inspect("mail", "en")

	h.api(t, "POST", "/v1/tenants/default/endpoints", `{"name":"Sklad - WMS","request":{"url":"http://127.0.0.1:9/in"}}`)
	h.api(t, "PATCH", "/v1/tenants/default/endpoints/Sklad%20-%20WMS", `{"description":"moved"}`)
	w.visit("/settings/audit")
	w.see("Sklad - WMS", "Óskar Jónsson", "ERP")
	w.inspect("audit", "en")
	w.press("Undo this change of “Sklad - WMS”")
	w.see("“Sklad - WMS” is as it was before that change.")
}
