package sender

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

// Every kind of signature at once, as it arrives, computed again with nothing of ours: the current and the retired secret, an
// ed25519 key, and two forms of the receiver's own.
func TestE7_SeveralSignaturesAtOnceAsTheyArrive(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	now := time.Now()
	secret, retired, expired := strings.Repeat("s", 32), strings.Repeat("r", 32), strings.Repeat("e", 32)
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	shared := func(raw string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(raw)) }
	settings := fmt.Sprintf(`{"request":{"url":"%s/in?shop=%%C5%%99"},"signature":{"schemes":["standard-webhooks","ed25519","hmac"],
		"secret":"%s","private_key":"whsk_%s","previous":[{"secret":"%s","expires_at":"%s"},{"secret":"%s","expires_at":"%s"}],
		"hmac":[{"header":"X-Shop-Signature","algorithm":"sha512","encoding":"base64","prefix":"","signed":"#method# #url# #timestamp#.#body#","secret":"0123456789abcdef"},
			{"header":"X-Hub-Signature-256","algorithm":"sha256","encoding":"hex","prefix":"sha256=","signed":"#body#","secret":"fedcba9876543210"}]}}`,
		r.URL, shared(secret), base64.StdEncoding.EncodeToString(key), shared(retired), now.Add(time.Hour).Format(time.RFC3339),
		shared(expired), now.Add(-time.Hour).Format(time.RFC3339))
	call := newCall(order)
	call.Now = now
	wantResult(t, send(t, s, compile(t, settings), call), hub.Succeeded)

	got := r.last(t)
	stamp := got.Header.Get("Webhook-Timestamp")
	signed := got.Header.Get("Webhook-Id") + "." + stamp + "." + string(got.Body)
	sum := func(raw string) string {
		mac := hmac.New(sha256.New, []byte(raw))
		mac.Write([]byte(signed))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	want := []string{sum(secret), "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(signed))), sum(retired)}
	if text := got.Header.Get("Webhook-Signature"); text != strings.Join(want, " ") {
		t.Errorf("webhook-signature: got %s, want %s", text, want)
	}
	own := hmac.New(sha512.New, []byte("0123456789abcdef"))
	fmt.Fprintf(own, "POST %s %s.%s", r.URL+"/in?shop=%C5%99", stamp, got.Body)
	if text, want := got.Header.Get("X-Shop-Signature"), base64.StdEncoding.EncodeToString(own.Sum(nil)); text != want {
		t.Errorf("X-Shop-Signature: got %s, want %s", text, want)
	}
	mac := hmac.New(sha256.New, []byte("fedcba9876543210"))
	mac.Write(got.Body)
	if text, want := got.Header.Get("X-Hub-Signature-256"), "sha256="+hex.EncodeToString(mac.Sum(nil)); text != want {
		t.Errorf("X-Hub-Signature-256: got %s, want %s", text, want)
	}
}
