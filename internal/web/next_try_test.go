package web_test

import (
	"net/http"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// A page must not send somebody to bed until 13:05 when the delivery goes at once.
func TestO3_PagesSayWhenAResumedDeliveryReallyGoes(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Operator, nil)
	wms := h.endpoint(h.tenant, "WMS")
	_, rows := h.happens(order("A1"))
	h.attempt(rows[0], hub.Attempt{Result: hub.Refused, Status: 404, Error: "answered 404"})
	b := h.as("operator@example.com")
	pages := []string{"/deliveries", "/deliveries/" + rows[0].ID().Text(), "/search?q=A1"}
	const now = "as soon as it is its turn"
	for _, page := range pages {
		b.get(page).want(http.StatusOK).has("Next try").hasNot(now)
	}
	ref, jana := wms.ID.Text(hub.EndpointPrefix), settings.By{Name: "Jana"}
	if _, err := h.settings.Resume(h.Context(), h.tenant.No, ref, hub.Rate{Count: 1, Per: time.Second}, jana); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		b.get(page).want(http.StatusOK).has("Next try", now)
	}
}
