package web_test

import (
	"net/http"
	"testing"

	"hacek/internal/hub"
)

// What is not there or not allowed is said in the words of the console: no kinds, ids and roles as programs name them.
func TestE8_ARefusalUsesTheWordsOfTheConsole(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, func(u *hub.User) { u.Email, u.Language = "jörg@example.com", "de" })
	h.user(h.tenant, hub.Viewer, nil)
	german, english := h.as("jörg@example.com"), h.as("viewer@example.com")
	for _, path := range []string{"/webhooks/ep_nobody", "/pipelines/pip_nobody", "/sources/src_nobody", "/events/evt_nobody", "/deliveries/dlv_nobody"} {
		german.get(path).want(http.StatusNotFound).has("Hier gibt es nichts", "Vielleicht wurde es gelöscht").hasNot("<p>no ", "nicht gefunden:", "is not the id")
		english.get(path).want(http.StatusNotFound).has("It may have been deleted").hasNot("<p>no ")
	}
	german.get("/webhooks/new").want(http.StatusForbidden).has("Dafür ist die Rolle „Bearbeitung“ nötig. Ihre Rolle ist „Lesen“.").hasNot("editor")
	english.get("/webhooks/new").want(http.StatusForbidden).has("This takes the role “Editor”. Yours is “Viewer”.").hasNot("the key", "a key with")
	h.browser().get("/s/nobody").want(http.StatusNotFound).has("This link is not known here", "Sign in").hasNot("Back to Today")
}

// A delivery that has not been tried has no reason yet, and none is made up.
func TestADeliveryWithoutAReasonShowsNone(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, nil)
	target := h.endpoint(h.tenant, "WMS")
	h.publish("order.created", "2018000057", `{}`)
	b := h.as("viewer@example.com")
	b.get("/webhooks/" + target.ID.Text(hub.EndpointPrefix)).want(http.StatusOK).has("2018000057").hasNot("\uFFFD")
	b.get("/deliveries").want(http.StatusOK).has("2018000057").hasNot("\uFFFD")
}
