package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const secret = "tajemství"

// hexOf signs a text with the secret of these tests.
func hexOf(text string) string {
	return hex.EncodeToString(sum(sha256.New, secret, text))
}

func simple() Scheme {
	return Scheme{Kind: "hmac", Signature: []Place{{Path: "header.X-Sig"}}}
}

func incoming(body string, header ...string) *Incoming {
	in := &Incoming{Method: "POST", URL: "https://hub.example/in/a", Header: http.Header{}, Body: []byte(body), At: noon}
	for i := 0; i < len(header); i += 2 {
		in.Header.Add(header[i], header[i+1])
	}
	return in
}

func TestM2_ARefusalSaysWhyInPlainWords(t *testing.T) {
	timed := simple()
	timed.Signed, timed.Timestamp = []string{"#timestamp#.#body#"}, &Timestamp{Path: "header.X-Time", Tolerance: "5m"}
	stamp := fmt.Sprint(noon.Unix())
	address := simple()
	address.Signed = []string{"#url##body#"}
	const body = `{"text": "č/1", "n": [1, 2]}`
	signed := func(text string) *Incoming { return incoming(body, "X-Sig", hexOf(text)) }
	proxied := "the secret is right, but a proxy or framework changed the body on the way"
	for _, c := range []struct {
		name   string
		scheme Scheme
		in     *Incoming
		secret string
		why    string
	}{
		{"no header", simple(), incoming(body), secret, "there is no header X-Sig"},
		{"empty header", simple(), incoming(body, "X-Sig", ""), secret, "the header X-Sig is empty"},
		{"doubled", simple(), incoming(body, "X-Sig", hexOf(body), "X-Sig", hexOf(body)), secret, "stands there 2 times"},
		{"not hex", simple(), incoming(body, "X-Sig", "č"), secret, "is not a signature in hexadecimal digits"},
		{"under another header", simple(), incoming(body, "X-Renamed", hexOf(body)), secret, "the signature stands under another header, X-Renamed"},
		{"under another header, with a prefix", simple(), incoming(body, "X-Hub-Signature-256", "sha256="+hexOf(body)), secret, "the signature stands under another header, X-Hub-Signature-256"},
		{"another provider's", simple(), incoming(body, "X-Other-Signature", "00"), secret, "X-Other-Signature, which looks like the signature of another provider"},
		{"no secret", simple(), signed(body), "", "the secret that is set at the source is empty"},
		{"another secret", simple(), signed(body), "jiné", "the secret is another one, or the body was changed on the way"},
		{"blank at the secret's end", simple(), signed(body), secret + "\n", "has a blank or a line break at its end"},
		{"line break lost", simple(), signed(body + "\n"), secret, proxied},
		{"CR LF lost", simple(), signed(body + "\r\n"), secret, proxied},
		{"JSON compact before", simple(), signed(`{"text":"č/1","n":[1,2]}`), secret, proxied + ": its JSON was read and written anew"},
		{"JSON indented before", simple(), signed("{\n  \"text\": \"č/1\",\n  \"n\": [\n    1,\n    2\n  ]\n}"), secret, proxied},
		{"JSON in ASCII before", simple(), signed(`{"text": "\u010d/1", "n": [1, 2]}`), secret, proxied},
		{"JSON of PHP before", simple(), signed(`{"text":"č\/1","n":[1,2]}`), secret, proxied},
		{"byte order mark lost", simple(), signed("\ufeff" + body), secret, proxied},
		{"right, but old", timed, incoming(body, "X-Time", fmt.Sprint(noon.Add(-7*time.Minute).Unix()), "X-Sig", hexOf(fmt.Sprint(noon.Add(-7*time.Minute).Unix())+"."+body)), secret, "the clock is 7 minutes off"},
		{"right, but to come", timed, incoming(body, "X-Time", fmt.Sprint(noon.Add(3*time.Hour).Unix()), "X-Sig", hexOf(fmt.Sprint(noon.Add(3*time.Hour).Unix())+"."+body)), secret, "the clock is 3 hours off"},
		{"no time", timed, incoming(body, "X-Sig", hexOf("."+body)), secret, "there is no header X-Time"},
		{"time is no number", timed, incoming(body, "X-Time", "now", "X-Sig", hexOf("now."+body)), secret, "which is not a time"},
		{"time with a sign", timed, incoming(body, "X-Time", "+"+stamp, "X-Sig", hexOf("+"+stamp+"."+body)), secret, "which is not a time"},
		{"address with a slash", address, signed("https://hub.example/in/a/" + body), secret, "the provider signs the address https://hub.example/in/a/"},
		{"address without TLS", address, signed("http://hub.example/in/a" + body), secret, "see public_url"},
		{"another address", address, signed("https://else.example" + body), secret, "or the address that the provider knows is another one"},
	} {
		got := compiled(t, c.scheme).Verify(c.in, []string{c.secret})
		if got.OK || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: got %+v, want %q", c.name, got, c.why)
		}
		if strings.Contains(got.Why, secret) {
			t.Errorf("%s: the reason repeats the secret: %s", c.name, got.Why)
		}
	}
	terse := signed(body + "\n")
	terse.Terse = true
	if got := compiled(t, simple()).Verify(terse, []string{secret}); got.Why != errMismatch.Error() {
		t.Errorf("terse: got %q", got.Why)
	}
}

func TestTheSourcesOwnToleranceHasALimit(t *testing.T) {
	s := simple()
	s.Signed, s.Timestamp = []string{"#timestamp#.#body#"}, &Timestamp{Path: "header.X-Time", Tolerance: "5m"}
	v := compiled(t, s)
	for _, c := range []struct {
		own string
		off time.Duration
		ok  bool
	}{
		{"", 5 * time.Minute, true}, {"", 5*time.Minute + time.Second, false}, {"1h", 59 * time.Minute, true}, {"1m", 2 * time.Minute, false},
		{"1000h", 23 * time.Hour, true}, {"1000h", 25 * time.Hour, false}, {"never", 6 * time.Minute, false}, {"-1h", 6 * time.Minute, false},
	} {
		stamp := fmt.Sprint(noon.Unix())
		in := incoming("b", "X-Time", stamp, "X-Sig", hexOf(stamp+".b"))
		in.At, in.Settings = noon.Add(c.off), map[string]string{"tolerance": c.own}
		if got := v.Verify(in, []string{secret}); got.OK != c.ok {
			t.Errorf("%q at %s: got %+v", c.own, c.off, got)
		}
	}
}

func publicOf(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Whoever knows a public key must not be able to sign with it as if it were a shared secret.
func TestRule6_TheTypeOfTheKeyBindsTheAlgorithm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	rsaPEM, edPEM := publicOf(t, &rsaKey.PublicKey), publicOf(t, public)
	der, _ := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	for _, key := range []string{rsaPEM, edPEM, base64.StdEncoding.EncodeToString(der), "whpk_" + base64.StdEncoding.EncodeToString(public), "whsk_x", "", " "} {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte("b"))
		in := incoming("b", "X-Sig", hex.EncodeToString(h.Sum(nil)))
		if got := compiled(t, simple()).Verify(in, []string{key}); got.OK {
			t.Errorf("an HMAC with the key %.30q is taken", key)
		}
		if err := compiled(t, simple()).CheckSecret(key, nil); err == nil {
			t.Errorf("the key %.30q may be set as a shared secret", key)
		}
		if got := compiled(t, Scheme{Kind: "token", Signature: []Place{{Path: "header.X-Sig"}}}).Verify(incoming("b", "X-Sig", key), []string{key}); got.OK {
			t.Errorf("the token %.30q is taken", key)
		}
	}
	ed := Scheme{Kind: "ed25519", Key: "hex", Signature: []Place{{Path: "header.X-Sig"}}}
	in := incoming("b", "X-Sig", hex.EncodeToString(ed25519.Sign(private, []byte("b"))))
	if got := compiled(t, ed).Verify(in, []string{hex.EncodeToString(public)}); !got.OK {
		t.Errorf("ed25519: %s", got.Why)
	}
	ed.Key = "pem"
	if got := compiled(t, ed).Verify(in, []string{edPEM}); !got.OK {
		t.Errorf("ed25519 from PEM: %s", got.Why)
	}
	if got := compiled(t, ed).Verify(in, []string{rsaPEM}); got.OK || !strings.Contains(got.Why, "another type") {
		t.Errorf("an RSA key for ed25519: %+v", got)
	}
	for _, s := range []Scheme{
		{Kind: "hmac", Key: "pem"}, {Kind: "token", Key: "base64-der"}, {Kind: "rsa", Key: "raw"}, {Kind: "rsa"}, {Kind: "ecdsa", Key: "hex"},
		{Kind: "hmac", Fetched: &Certificate{}},
	} {
		s.Signature = []Place{{Path: "header.X-Sig"}}
		if _, err := s.Compile(); err == nil {
			t.Errorf("it compiles: %+v", s)
		}
	}
}

// A public key that the provider gives as PEM, such as Adobe Commerce's.
func TestRSAFromPEMOverTheBodyInBase64(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha512.Sum512([]byte(base64.StdEncoding.EncodeToString([]byte("č"))))
	sig, err := rsa.SignPKCS1v15(nil, rsaKey, 7, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	v := compiled(t, Scheme{Kind: "rsa", Hash: "sha512", Key: "pem", Signature: []Place{{Path: "header.X-Sig", Encoding: "base64url"}}, Signed: []string{"#body.base64#"}})
	if got := v.Verify(incoming("č", "X-Sig", base64.RawURLEncoding.EncodeToString(sig)), []string{publicOf(t, &rsaKey.PublicKey)}); !got.OK {
		t.Error(got.Why)
	}
}

func TestRule6_TheSettingsChooseTheVersionNeverTheRequest(t *testing.T) {
	s := simple()
	weak := Scheme{Kind: "hash", Hash: "sha1", Signature: []Place{{Path: "header.X-Sig"}}, Signed: []string{"#secret##body#"}, Fixed: map[string]string{"header.X-Version": "v1"}}
	s.Versions = map[string]Scheme{"v1": weak}
	v := compiled(t, s)
	a, _ := algorithmOf("sha1")
	in := incoming("b", "X-Version", "v1", "X-Sig", hex.EncodeToString(a.digest([]byte(secret+"b"))))
	if got := v.Verify(in, []string{secret}); got.OK || !strings.Contains(got.Why, `signed in the form "v1"`) {
		t.Errorf("the request chose: %+v", got)
	}
	in.Settings = map[string]string{"version": "v1"}
	if got := v.Verify(in, []string{secret}); !got.OK {
		t.Errorf("the settings chose: %s", got.Why)
	}
	in.Header.Set("X-Version", "v2")
	if got := v.Verify(in, []string{secret}); got.OK {
		t.Error("a request of another version is taken")
	}
	in.Settings["version"] = "v9"
	if got := v.Verify(in, []string{secret}); got.OK || !strings.Contains(got.Why, "known are: v1") {
		t.Errorf("an unknown version: %+v", got)
	}
}

// A body that two readers could read differently is refused where fields of it are signed.
func TestM2_HostileBodiesAreRefusedNotPanics(t *testing.T) {
	v := compiled(t, Scheme{Kind: "hmac", Signature: []Place{{Path: "body.sig"}}, Signed: []string{"#body.a#"}})
	right := `{"a":"1","sig":"` + hexOf("1") + `"}`
	if got := v.Verify(incoming(right), []string{secret}); !got.OK {
		t.Fatalf("the right one: %s", got.Why)
	}
	deep := func(open, close string, n int) string { return strings.Repeat(open, n) + strings.Repeat(close, n) }
	form := incoming("a=1&a=1&sig="+hexOf("1"), "Content-Type", "application/x-www-form-urlencoded")
	for name, in := range map[string]*Incoming{
		"doubled field": incoming(`{"a":"1","a":"1","sig":"` + hexOf("1") + `"}`), "more after the end": incoming(right + "{}"), "truncated": incoming(right[:len(right)-2]),
		"depth": incoming(`{"a":"1","sig":"` + hexOf("1") + `","x":` + deep("[", "]", 10_000) + "}"), "not closed": incoming(strings.Repeat(`{"a":`, 100_000)),
		"a list": incoming(`{"a":["1"],"sig":"` + hexOf("1") + `"}`), "invalid UTF-8": incoming(`{"a":"1","sig":"` + hexOf("1") + `","x":"` + "\xff" + `"}`),
		"NUL": incoming("\x00" + right), "empty": incoming(""), "blank": incoming("   "), "doubled in a form": form,
		"deep XML":         incoming(deep("<a>", "</a>", 5000)),
		"XML without ends": incoming(strings.Repeat("<a>", 5000)), "XML that ends twice": incoming("<a></a></a>"),
		"parts without boundary": incoming("x", "Content-Type", "multipart/form-data"), "bad parts": incoming("--b\r\n", "Content-Type", "multipart/form-data; boundary=b"),
		"bad form": incoming("a=%zz", "Content-Type", "application/x-www-form-urlencoded"),
	} {
		if got := v.Verify(in, []string{secret}); got.OK || got.Why == "" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	parts := "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=sig\r\n\r\n" + hexOf("1") + "\r\n--b--\r\n"
	for name, in := range map[string]*Incoming{
		"form": incoming("a=1&sig="+hexOf("1"), "Content-Type", "application/x-www-form-urlencoded; charset=utf-8"), "parts": incoming(parts, "Content-Type", "multipart/form-data; boundary=b"),
		"byte order mark": incoming("\ufeff" + right),
	} {
		if got := v.Verify(in, []string{secret}); !got.OK {
			t.Errorf("%s: got %s", name, got.Why)
		}
	}
}

func TestRule11_XMLWithADocumentTypeIsRefused(t *testing.T) {
	v := compiled(t, Scheme{Kind: "hmac", Signature: []Place{{Path: "body.r.sig"}}, Signed: []string{"#body.r.a#"}})
	const doctype = `<!DOCTYPE r [<!ENTITY b "c">]>`
	text := `<r xmlns="urn:x"><a>1</a><sig>` + hexOf("1") + `</sig><n/><n/></r>`
	for body, why := range map[string]string{
		text: "", doctype + text: "document type",
		strings.Replace(text, "<n/>", "<a>1</a>", 1):                                             `"a" stands there twice`,
		strings.Replace(text, "<n/>", strings.Repeat("<n>", 200)+strings.Repeat("</n>", 200), 1): "nested deeper than 128",
		strings.Replace(text, "<n/>", strings.Repeat("<n>", 100)+strings.Repeat("</n>", 100), 1): "",
		strings.Replace(text, "<a>1</a>", "<a><b>1</b></a>", 1):                                  "is not a plain value",
		strings.Replace(text, "<a>1</a>", "", 1):                                                 "the secret is another one",
		strings.Replace(text, "</r>", "", 1):                                                     "is not XML",
		strings.Replace(text, "<a>1</a>", "<a>&b;</a>", 1):                                       "is not XML",
	} {
		if got := v.Verify(incoming(body), []string{secret}); got.OK != (why == "") || !strings.Contains(got.Why, why) {
			t.Errorf("%.80s: got %+v, want %q", body, got, why)
		}
	}
}

func TestStandardWebhooksOfEitherKey(t *testing.T) {
	v := compiled(t, Scheme{Kind: "standard-webhooks", Signature: []Place{{Path: "header.webhook-signature"}}})
	shared, private := NewSecret(), NewPrivateKey()
	public, err := PublicKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var s Standard
	for _, err := range []error{s.AddSecret(shared, time.Time{}), s.AddPrivateKey(private, time.Time{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := Message{ID: "msg_1", Time: noon.Unix(), Body: []byte("č")}
	both := string(s.AppendSignature(nil, m, noon))
	v1, v1a, _ := strings.Cut(both, " ")
	for _, c := range []struct {
		key, signatures, why string
	}{
		{shared, both, ""}, {public, both, ""}, {shared, v1, ""}, {public, v1a, ""},
		{shared, v1a, "key's kind"}, {public, v1, "key's kind"},
		{shared, "v1a," + strings.TrimPrefix(v1, "v1,"), "key's kind"}, {public, "v1," + strings.TrimPrefix(v1a, "v1a,"), "key's kind"},
		{shared, strings.TrimPrefix(v1, "v1,"), "begins with v1"}, {NewSecret(), both, "another one"}, {private, both, "pair"},
		{shared, strings.Repeat("v1,AAAA ", 1100) + v1, "longer than any signature"},
	} {
		in := incoming("č", HeaderID, "msg_1", HeaderTimestamp, fmt.Sprint(noon.Unix()), HeaderSignature, c.signatures)
		if got := v.Verify(in, []string{c.key}); got.OK != (c.why == "") || !strings.Contains(got.Why, c.why) {
			t.Errorf("%.20s: got %+v, want %q", c.signatures, got, c.why)
		}
	}
}

func TestASignedHeaderMustBeThere(t *testing.T) {
	s := simple()
	s.Signed = []string{"#header.X-Id#.#body#"}
	if got := compiled(t, s).Verify(incoming("b", "X-Sig", hexOf(".b")), []string{secret}); got.OK || !strings.Contains(got.Why, "there is no header X-Id") {
		t.Errorf("got %+v", got)
	}
}

func TestRepeatedFieldsOfAFormAreSignedSorted(t *testing.T) {
	s := simple()
	s.Signed = []string{"#form.sorted#"}
	in := incoming("b=2&a=z&b=10&b=2&a=%C4%8D", "Content-Type", "application/x-www-form-urlencoded", "X-Sig", hexOf("azačb10b2"))
	if got := compiled(t, s).Verify(in, []string{secret}); !got.OK {
		t.Error(got.Why)
	}
}

func TestEachItemIsVerified(t *testing.T) {
	v := compiled(t, Scheme{Kind: "hmac", Each: "body.list", Signature: []Place{{Path: "item.sig"}}, Signed: []string{"#item.a#:#item.b#"}, Separator: ":", Free: "item.b"})
	item := func(a, b, text string) string { return `{"a":"` + a + `","b":"` + b + `","sig":"` + hexOf(text) + `"}` }
	for _, c := range []struct {
		body, why string
	}{
		{`{"list":[` + item("1", "2", "1:2") + `,` + item("1", "2:3", "1:2:3") + `]}`, ""},
		{`{"list":[` + item("1", "2", "1:2") + `,` + item("1", "4", "1:2") + `]}`, "item 2"},
		{`{"list":[` + item("1:2", "3", "1:2:3") + `]}`, "separates signed values"},
		{`{"list":[{}]}`, "there is no field sig"}, {`{"list":[]}`, "nothing is signed"}, {`{}`, "nothing is signed"}, {`{"list":{}}`, "nothing is signed"}, {`{"list":[null]}`, "item 1"},
	} {
		if got := v.Verify(incoming(c.body), []string{secret}); got.OK != (c.why == "") || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: got %+v, want %q", c.body, got, c.why)
		}
	}
}

func TestTheFormOfASourcesOwnHMAC(t *testing.T) {
	stamp := fmt.Sprint(noon.Unix())
	v := compiled(t, FromHMAC(HMACForm{Header: "X-Own", Algorithm: "sha256", Encoding: "base64", Prefix: "s=", Signed: "##1 #id#.#timestamp#.#body#"}))
	in := incoming("b", HeaderID, "m1", HeaderTimestamp, stamp, "X-Own", "s="+base64.StdEncoding.EncodeToString(sum(sha256.New, secret, "#1 m1."+stamp+".b")))
	if got := v.Verify(in, []string{secret}); !got.OK {
		t.Error(got.Why)
	}
	in.At = noon.Add(6 * time.Minute)
	if got := v.Verify(in, []string{secret}); got.OK || !strings.Contains(got.Why, "clock") {
		t.Errorf("an old one: %+v", got)
	}
	for field, f := range map[string]HMACForm{
		"header": {}, "algorithm": {Header: "X", Algorithm: "md5"}, "encoding": {Header: "X", Encoding: "base32"}, "signed": {Header: "X", Signed: "#timestamp#"},
	} {
		_, err := FromHMAC(f).Compile()
		if e, ok := err.(*FormError); !ok || e.Field != field {
			t.Errorf("%+v: got %v, want a problem at %s", f, err, field)
		}
	}
}

func TestSchemesAreChecked(t *testing.T) {
	for field, change := range map[string]func(*Scheme){
		"kind": func(s *Scheme) { s.Kind = "md5" }, "key": func(s *Scheme) { s.Key = "rot13" }, "signature": func(s *Scheme) { s.Signature = nil },
		"list": func(s *Scheme) { s.Signature[0].List = "lines" }, "pair": func(s *Scheme) { s.Signature[0].List = "pairs" }, "header": func(s *Scheme) { s.Signature[0].Path = "X-Sig" },
		"signed":              func(s *Scheme) { s.Signed = []string{"#bodyy##body#"} },
		"timestamp":           func(s *Scheme) { s.Signed = []string{"#timestamp##body#"} },
		"timestamp.unit":      func(s *Scheme) { s.Timestamp = &Timestamp{Path: "header.T", Unit: "h"} },
		"timestamp.tolerance": func(s *Scheme) { s.Timestamp = &Timestamp{Path: "header.T", Tolerance: "soon"} },
		"each":                func(s *Scheme) { s.Each = "list" },
		"match":               func(s *Scheme) { s.Match = map[string]string{"x": "y"} },
		"digest.path":         func(s *Scheme) { s.Digest = &Digest{Path: "x"} },
		"versions.v1":         func(s *Scheme) { s.Versions = map[string]Scheme{"v1": {}} },
		"encoding":            func(s *Scheme) { s.Signature[0].Encoding = "plain" },
	} {
		s := simple()
		change(&s)
		_, err := s.Compile()
		if e, ok := err.(*FormError); !ok || e.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	hash := simple()
	hash.Kind = "hash"
	if _, err := hash.Compile(); err == nil {
		t.Error("a plain digest without the secret would verify whoever knows the body")
	}
}
