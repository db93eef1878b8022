package signature

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// vector is a published example of a signed request.
type vector struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Expect  string            `json:"expect"`
	Source  string            `json:"source"`
	Now     int64             `json:"now"`
}

func vectors(t *testing.T, file string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestE7_VerifiesThePublishedVectors(t *testing.T) {
	for file, prefix := range map[string]string{"standard-webhooks.json": "webhook-", "svix.json": "svix-"} {
		valid := 0
		for i, v := range vectors(t, file) {
			err := VerifyStandard(v.Secret, v.Headers[prefix+"id"], v.Headers[prefix+"timestamp"], v.Headers[prefix+"signature"], []byte(v.Body), time.Unix(v.Now, 0))
			if got := err == nil; got != (v.Expect == "valid") {
				t.Errorf("%s %d (%s): got %v, want %s", file, i, v.Source, err, v.Expect)
			}
			if err == nil {
				valid++
			}
		}
		if valid == 0 {
			t.Errorf("%s: no valid vector was read", file)
		}
	}
}

func TestE7_AnotherImplementationAcceptsOurSignature(t *testing.T) {
	now := time.Now()
	for _, body := range []string{"", `{"id":7}`, "příliš žluťoučký kůň", strings.Repeat("x", 100_000)} {
		secret := NewSecret()
		var s Standard
		if err := s.AddSecret(secret, time.Time{}); err != nil {
			t.Fatal(err)
		}
		m := Message{ID: "evt_1", Time: now.Unix(), Body: []byte(body)}
		headers := http.Header{}
		headers.Set(HeaderID, m.ID)
		headers.Set(HeaderTimestamp, strconv.FormatInt(m.Time, 10))
		headers.Set(HeaderSignature, string(s.AppendSignature(nil, m, now)))
		other, err := oracle.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Verify([]byte(body), headers); err != nil {
			t.Errorf("the oracle refuses %v over %.20q: %v", headers, body, err)
		}
		if err := other.Verify([]byte(body+" "), headers); err == nil {
			t.Error("the oracle accepts a changed body")
		}
	}
}

func TestE7_SignsWithEveryKeyUntilItExpires(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	current, retired, private := NewSecret(), NewSecret(), NewPrivateKey()
	public, err := PublicKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var s Standard
	for _, err := range []error{
		s.AddSecret(current, time.Time{}), s.AddSecret(retired, now.Add(time.Hour)), s.AddPrivateKey(private, time.Time{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	body := []byte(`{"a":1}`)
	holds := func(key string, at time.Time) bool {
		m := Message{ID: "evt_1", Time: at.Unix(), Body: body}
		header := string(s.AppendSignature(nil, m, at))
		return VerifyStandard(key, m.ID, strconv.FormatInt(m.Time, 10), header, body, at) == nil
	}
	for _, c := range []struct {
		name, key string
		at        time.Time
		want      bool
	}{
		{"current", current, now, true},
		{"retired, before its end", retired, now.Add(59 * time.Minute), true},
		{"retired, at its end", retired, now.Add(time.Hour), false},
		{"current, later", current, now.Add(time.Hour), true},
		{"ed25519", public, now, true},
		{"a stranger's", NewSecret(), now, false},
	} {
		if got := holds(c.key, c.at); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRule6_TheKeyDecidesTheScheme(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	private := NewPrivateKey()
	public, _ := PublicKey(private)
	var hmacOnly Standard
	// Somebody who knows the public key signs with it as if it were a shared secret.
	if err := hmacOnly.AddSecret(strings.TrimPrefix(public, PublicPrefix), time.Time{}); err != nil {
		t.Fatal(err)
	}
	m := Message{ID: "evt_1", Time: now.Unix(), Body: []byte("{}")}
	forged := string(hmacOnly.AppendSignature(nil, m, now))
	for _, header := range []string{forged, strings.Replace(forged, "v1,", "v1a,", 1), "", "v1a", "v1a,", "v1,,", " "} {
		if err := VerifyStandard(public, m.ID, "1700000000", header, m.Body, now); err == nil {
			t.Errorf("accepted %q", header)
		}
	}
	shared := NewSecret()
	var own Standard
	if err := own.AddSecret(shared, time.Time{}); err != nil {
		t.Fatal(err)
	}
	relabelled := strings.Replace(string(own.AppendSignature(nil, m, now)), "v1,", "v1a,", 1)
	if err := VerifyStandard(shared, m.ID, "1700000000", relabelled, m.Body, now); !errors.Is(err, ErrOtherScheme) {
		t.Errorf("an HMAC that calls itself ed25519: got %v", err)
	}
	if err := VerifyStandard("", m.ID, "1700000000", forged, m.Body, now); err == nil {
		t.Error("an empty secret matched")
	}
}

func TestSecretsAreCheckedAtSave(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"whsec_" + strings.Repeat("QUJD", 8), ""},
		{strings.Repeat("QUJD", 8), ""},
		{"whsec_" + strings.Repeat("QUJD", 7) + "QUI=", "too short: 23 bytes"},
		{"whsec_" + strings.Repeat("QUJD", 22), "too long: 66 bytes"},
		{"whsec_not base64!", "base64"},
		{"", "too short"},
		{NewPrivateKey(), "ed25519"},
		{NewSecret(), ""},
	} {
		_, err := ParseSecret(c.text)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
	damaged := []byte(NewPrivateKey())
	damaged[len(damaged)-10] ^= 1
	if _, err := ParsePrivateKey(string(damaged)); err == nil {
		t.Error("a damaged private key was accepted")
	}
}

func BenchmarkStandard(b *testing.B) {
	var s Standard
	if err := s.AddSecret(NewSecret(), time.Time{}); err != nil {
		b.Fatal(err)
	}
	m := Message{ID: "evt_01h00000000000000000000000", Time: 1_700_000_000, Body: make([]byte, 900)}
	dst := make([]byte, 0, 64)
	now := time.Unix(m.Time, 0)
	b.ReportAllocs()
	for b.Loop() {
		s.AppendSignature(dst, m, now)
	}
}
