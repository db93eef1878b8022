package signature

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
)

func sum(algorithm func() hash.Hash, key, text string) []byte {
	h := hmac.New(algorithm, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func TestE7_HMACInEveryForm(t *testing.T) {
	m := Message{ID: "evt_1", Time: 1_700_000_000, Method: "POST", URL: "https://a.example/in?x=1", Body: []byte(`{"č":1}`)}
	const key = "It's a Secret to Everybody"
	for _, c := range []struct {
		form HMACForm
		want string
	}{
		{HMACForm{Algorithm: "sha256", Encoding: "hex", Prefix: "sha256="}, "sha256=" + hex.EncodeToString(sum(sha256.New, key, `{"č":1}`))},
		{HMACForm{Algorithm: "sha1", Encoding: "hex"}, hex.EncodeToString(sum(sha1.New, key, `{"č":1}`))},
		{HMACForm{Algorithm: "sha512", Encoding: "base64", Signed: "#timestamp#.#body#"}, base64.StdEncoding.EncodeToString(sum(sha512.New, key, `1700000000.{"č":1}`))},
		{HMACForm{Signed: "v0:#timestamp#:#body#"}, hex.EncodeToString(sum(sha256.New, key, `v0:1700000000:{"č":1}`))},
		{HMACForm{Signed: "#method##url##id##body#"}, hex.EncodeToString(sum(sha256.New, key, `POSThttps://a.example/in?x=1evt_1{"č":1}`))},
		{HMACForm{Signed: "## #1 # #body#"}, hex.EncodeToString(sum(sha256.New, key, `# #1 # {"č":1}`))},
	} {
		c.form.Secret = key
		h, err := NewHMAC(c.form)
		if err != nil {
			t.Fatalf("%+v: %v", c.form, err)
		}
		for range 2 { // the second time from the pool
			if got := string(h.AppendSignature(nil, m)); got != c.want {
				t.Errorf("%+v: got %s, want %s", c.form, got, c.want)
			}
		}
	}
}

func TestHMACFormsAreChecked(t *testing.T) {
	for _, c := range []struct {
		form  HMACForm
		field string
	}{
		{HMACForm{Secret: "s", Algorithm: "md5"}, "algorithm"},
		{HMACForm{Secret: "s", Encoding: "base32"}, "encoding"},
		{HMACForm{}, "secret"},
		{HMACForm{Secret: "s", Prefix: "a\r\nb"}, "prefix"},
		{HMACForm{Secret: "s", Signed: "#timestamp#"}, "signed"},
		{HMACForm{Secret: "s", Signed: "#bodyy##body#"}, "signed"},
	} {
		_, err := NewHMAC(c.form)
		if e, ok := err.(*FormError); !ok || e.Field != c.field {
			t.Errorf("%+v: got %v, want a problem at %s", c.form, err, c.field)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v repeats the secret", err)
		}
	}
}
