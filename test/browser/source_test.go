package browser

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
)

// theirs is a call as Shoptet makes it, signed with a secret.
func (h *testHub) theirs(t *testing.T, path, secret, body string) int {
	t.Helper()
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	request, err := http.NewRequestWithContext(t.Context(), "POST", h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Shoptet-Webhook-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

const (
	shoptetSecret = "4d1a7c3e9b5f8062"
	shoptetNotice = `{"eshopId":222651,"event":"order:create","eventCreated":"2026-03-03T14:05:06+0100","eventInstance":"2018000057"}`
)

// TestE8_AnAdministratorConnectsTheShop is the journey of the ERP's administrator: choose the shop, paste its secret,
// copy the address, and see the first order arrive.
func TestE8_AnAdministratorConnectsTheShop(t *testing.T) {
	for language, says := range map[string]struct {
		sources, add, find, secret, goOn, url, waiting, held, arrived, order string
	}{
		"cs": {"Zdroje", "Přidat zdroj", "Systém", "Tajný klíč", "Pokračovat", "Adresa pro webhook", "Čeká se na první požadavek", "Podpis nesouhlasí", "Funguje to: první událost je tu", "Nová objednávka"},
		"it": {"Origini", "Aggiungi origine", "Sistema", "Chiave segreta", "Continua", "Indirizzo per il webhook", "In attesa della prima richiesta", "La firma non corrisponde", "Funziona: il primo evento è arrivato", "Nuovo ordine"},
	} {
		t.Run(language, func(t *testing.T) {
			h := startHub(t)
			h.api(t, "POST", "/v1/packs/shoptet/install", `{}`)
			w := h.open(t, "en")
			w.first()
			h.api(t, "PATCH", "/v1/users/"+h.userID(t), `{"language":"`+language+`"}`)
			w.visit("/")
			w.press(says.sources)
			w.press(says.add)
			w.fill(says.find, "shoptet")
			w.press("Shoptet")
			w.see(says.goOn)
			w.inspectOnce("source-start", language)
			w.fill(says.secret, shoptetSecret)
			w.press(says.goOn)
			w.see(says.waiting)
			w.inspectOnce("source-connect", language)
			address := w.value(says.url)
			_, path, found := strings.Cut(address, "/in/")
			if !found {
				t.Fatalf("the address is %q", address)
			}
			path = "/in/" + path

			if status := h.theirs(t, path, "another secret", shoptetNotice); status != http.StatusUnauthorized {
				t.Fatalf("a wrong secret was answered %d", status)
			}
			w.see(says.held, says.waiting)
			if status := h.theirs(t, path, shoptetSecret, shoptetNotice); status != http.StatusOK {
				t.Fatalf("the shop was answered %d", status)
			}
			w.see(says.arrived, "2018000057", says.order)
			w.inspectOnce("source-arrived", language)
		})
	}
}

// userID is the id of the only user.
func (h *testHub) userID(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(h.api(t, "GET", "/v1/users", ""), `"id":"`)
	id, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("there is no user")
	}
	return id
}
