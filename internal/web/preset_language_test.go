package web_test

import (
	"net/http"
	"strings"
	"testing"

	"hacek/internal/hub"
)

// Whoever sets up a ready pipeline finds its steps in their own language, and the targets of the gallery described in it.
func TestE8_AReadyPipelineSpeaksTheLanguageOfWhoeverSetsItUp(t *testing.T) {
	h := newHouse(t)
	h.erp()
	if _, err := h.settings.CreateSource(t.Context(), h.tenant.No, []byte(`{"name":"Shop","verify":{"scheme":"none"}}`), byTest); err != nil {
		t.Fatal(err)
	}
	h.user(h.tenant, hub.Editor, func(u *hub.User) { u.Email, u.Language = "jörg@example.com", "de" })
	b := h.as("jörg@example.com")
	b.post("/pipelines/ready", "pack", "shoptet", "name", "orders", "called", "Aufträge", "value_source", "Shop", "value_connection", "Money",
		"value_shop", "https://shop.example", "secret_token", "planted", "value_api", "https://api.example").want(http.StatusSeeOther)
	made, err := h.settings.Pipeline(t.Context(), h.tenant.No, "Aufträge")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, step := range made.Pipeline.Steps {
		names = append(names, step.Name)
	}
	if got, want := strings.Join(names, "; "), "Auftrag aus dem Shop lesen; Status zuordnen; Auftrag mit seinen Zeilen schreiben"; got != want {
		t.Errorf("the steps are %s, want %s", got, want)
	}
	b.get("/tables").want(http.StatusOK).has("Die Status, mit denen jeder tschechische Shoptet-Shop beginnt.").hasNot("The statuses")
	b.get("/webhooks/new").want(http.StatusOK).has("Alle zwölf Ereignisse").hasNot("All twelve events")
}
