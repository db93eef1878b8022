package hub

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestRule6_OnlyARandomPathIsUnguessable(t *testing.T) {
	for range 1000 {
		raw := make([]byte, 16)
		rand.Read(raw)
		if path := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)); !Unguessable(path) {
			t.Fatalf("%q is one of ours", path)
		}
	}
	for _, path := range []string{"", "erp", "a", strings.Repeat("ab", 13), "shoptetshoptetshoptetshopt", strings.Repeat("abcdefghijklm", 3)} {
		if Unguessable(path) {
			t.Errorf("%q can be guessed", path)
		}
	}
}

func TestNetworksAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "203.0.113.7": "203.0.113.7/32", "2001:db8::/32": "2001:db8::/32",
		"::1": "::1/128", "::ffff:10.0.0.1": "10.0.0.1/32", "::ffff:10.0.0.0/104": "10.0.0.0/8",
	} {
		if got, err := ParseNetwork(text); err != nil || got.String() != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, wrong := range []string{"", "10.0.0.1/8", "10.0.0.0/33", "::ffff:0:0/95", "fe80::1%eth0", "localhost", "10.0.0.0 /8"} {
		if got, err := ParseNetwork(wrong); err == nil {
			t.Errorf("%q was read as %s", wrong, got)
		}
	}
}

func TestASourceIsCompleteAndPutBackAsItWasRead(t *testing.T) {
	s := DefaultSource()
	s.Path, s.Verify = "shop", Verify{Scheme: SchemeHMAC, Secrets: []Secret{NewSecret("x")}, HMAC: &HMAC{Header: "X-Sign"}}
	s.Complete()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.Name != "shop" || s.Verify.HMAC.Algorithm != "sha256" || s.Respond.Status != 200 {
		t.Errorf("got %+v", s)
	}
	first, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again := DefaultSource()
	if err := json.Unmarshal(first, &again); err != nil {
		t.Fatal(err)
	}
	again.Complete()
	if err := again.Validate(); err != nil {
		t.Fatal(err)
	}
	if second, err := json.Marshal(again); err != nil || !slices.Equal(first, second) {
		t.Errorf("%v: read\n%s\nput back\n%s", err, first, second)
	}
}

func TestRule12_AnAnswerIsNeverAPage(t *testing.T) {
	for contentType, ok := range map[string]bool{
		"text/plain": true, "text/plain; charset=utf-8": true, "application/json": true, "text/xml": true, "application/soap+xml": true,
		"text/html": false, "application/xhtml+xml": false, "image/svg+xml": false, "": false, "text/plain\r\nX: y": false, "multipart/mixed": false,
	} {
		var p Problems
		(&Respond{Status: 200, ContentType: contentType}).validate(&p)
		if (len(p) == 0) != ok {
			t.Errorf("%q: %v", contentType, p)
		}
	}
}
