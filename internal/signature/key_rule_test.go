package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A secret that is empty once it is decoded would be one that everybody knows.
func TestRule6_ASecretThatHoldsNothingMatchesNothing(t *testing.T) {
	h := hmac.New(sha256.New, nil)
	h.Write([]byte("b"))
	in := incoming("b", "X-Sig", hex.EncodeToString(h.Sum(nil)))
	for _, form := range []string{"raw", "hex", "base64", "nfkd"} {
		s := simple()
		s.Key = form
		v := compiled(t, s)
		for _, secret := range []string{"", " ", "=", "==", "===="} {
			if got := v.Verify(in, []string{secret}); got.OK {
				t.Errorf("the secret %q, written as %s, is taken", secret, form)
			}
		}
	}
	// A blank is not taken for a secret either, though it has a byte to sign with.
	blank := hmac.New(sha256.New, []byte(" "))
	blank.Write([]byte("b"))
	if got := compiled(t, simple()).Verify(incoming("b", "X-Sig", hex.EncodeToString(blank.Sum(nil))), []string{" "}); got.OK {
		t.Error("a blank is taken for a secret")
	}
	if got := compiled(t, simple()).Verify(in, nil); got.OK {
		t.Error("a request is taken where no secret is set")
	}
}

// In Standard Webhooks the kind of key says which signatures count; what they call themselves is the sender's word only.
func TestRule6_ASignatureCountsUnderItsOwnNameOnly(t *testing.T) {
	v := compiled(t, Scheme{Kind: "standard-webhooks", Signature: []Place{{Path: "header.webhook-signature"}}})
	m := Message{ID: "msg_1", Time: noon.Unix(), Body: []byte("{}")}
	shared, private := NewSecret(), NewPrivateKey()
	public, err := PublicKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var own, pair Standard
	if err := own.AddSecret(shared, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := pair.AddPrivateKey(private, time.Time{}); err != nil {
		t.Fatal(err)
	}
	// Whoever knows the public key, as everybody may, signs with it as with a shared secret.
	raw, err := ParsePublicKey(public)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		t.Fatal(raw, err)
	}
	h := hmac.New(sha256.New, raw)
	fmt.Fprintf(h, "%s.%d.%s", m.ID, m.Time, m.Body)
	forged := base64.StdEncoding.EncodeToString(h.Sum(nil))
	v1, v1a := string(own.AppendSignature(nil, m, noon)), string(pair.AppendSignature(nil, m, noon))
	for _, c := range []struct {
		secret, header string
		want           bool
	}{
		{shared, v1, true}, {public, v1a, true},
		{shared, strings.Replace(v1, "v1,", "v1a,", 1), false}, {public, strings.Replace(v1a, "v1a,", "v1,", 1), false},
		{public, "v1," + forged, false}, {public, "v1a," + forged, false}, {shared, v1a, false}, {public, v1, false},
	} {
		in := incoming("{}", "webhook-id", m.ID, "webhook-timestamp", fmt.Sprint(m.Time), "webhook-signature", c.header)
		if got := v.Verify(in, []string{c.secret}); got.OK != c.want {
			t.Errorf("the key %.5s, the signature %.4s: got %v (%s), want %v", c.secret, c.header, got.OK, got.Why, c.want)
		}
	}
}
