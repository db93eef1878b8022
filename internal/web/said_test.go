package web_test

import (
	"net/http"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// What is wrong in a form, and why a delivery is as it is, stand on the page in the language of whoever reads it; what
// the receiver said stays.
func TestE8_N7_ErrorsAndReasonsSpeakTheReadersLanguage(t *testing.T) {
	h := newHouse(t)
	for email, language := range map[string]string{"jana@example.com": "cs", "jörg@example.com": "de"} {
		h.user(h.tenant, hub.Editor, func(u *hub.User) { u.Email, u.Language = email, language })
	}
	target := h.endpoint(h.tenant, "WMS")
	h.publish("order.created", "2018000057", `{}`)
	rows, _, err := h.store.Deliveries(t.Context(), store.DeliveryFilter{Tenant: h.tenant.No, Targets: []int64{target.No}}, store.Page{})
	if err != nil || len(rows) != 1 {
		t.Fatal(len(rows), err)
	}
	h.attempt(rows[0], hub.Attempt{
		Result: hub.Refused, Status: 422, Final: true, Took: time.Second, Error: "answered 422, but the success condition says no",
		Hint: "the receiver does not understand the content; its answer often says what is missing",
	})
	h.publish("order.created", "2018000058", `{}`)
	waits, _, err := h.store.Deliveries(t.Context(), store.DeliveryFilter{Tenant: h.tenant.No, Targets: []int64{target.No}, Key: "2018000058"}, store.Page{})
	if err != nil || len(waits) != 1 {
		t.Fatal(len(waits), err)
	}
	// The webhook's own page says of what waits when it is tried next, as the list does, and nothing is a stray sign.
	page := "/webhooks/" + target.ID.Text(hub.EndpointPrefix)
	h.as("jana@example.com").get(page).want(http.StatusOK).hasNot("\ufffd", "Další pokus")
	h.attempt(waits[0], hub.Attempt{Result: hub.Refused, Status: 500, Took: time.Second, Error: "answered 500"})
	h.as("jana@example.com").get(page).want(http.StatusOK).has("Další pokus").hasNot("\ufffd")
	delivery := "/deliveries/" + rows[0].ID().Text()
	for email, want := range map[string][]string{
		"jana@example.com": {"musí začínat na https:// nebo http://", "Konečné podle pravidla: odpověď 422, ale podmínka úspěchu neplatí", "příjemce obsahu nerozumí"},
		"jörg@example.com": {"muss mit https:// oder http:// beginnen", "Endgültig nach Regel: Antwort 422, aber die Erfolgsbedingung ist nicht erfüllt", "der Empfänger versteht den Inhalt nicht"},
	} {
		b := h.as(email)
		path := "/webhooks/" + target.ID.Text(hub.EndpointPrefix) + "/edit"
		form := formOf(t, b.get(path).want(http.StatusOK).text, path)
		form.Set("url", "ftp://wms.example/in")
		form.Set("do", "save")
		b.do("POST", path, form).want(http.StatusUnprocessableEntity).has(want[0]).hasNot("must begin with")
		b.get(delivery).want(http.StatusOK).has(want[1], want[2]).hasNot("answered 422", "Final by rule")
		b.get("/deliveries/dlv_nothing").want(http.StatusNotFound).hasNot("is not the id of a delivery")
	}
}
