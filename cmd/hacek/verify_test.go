package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
	"hacek/packs"
)

// vector is a published or computed example of a provider's request.
type vector struct {
	Provider, Secret, Method, URL, Body, Expect, Mode string
	Headers                                           map[string]string
	Now                                               int64
}

func vectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob("../../packs/testdata/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []vector
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, list...)
	}
	if len(all) < 60 {
		t.Fatalf("%d vectors, want at least 60", len(all))
	}
	return all
}

// settings are those that the owner of a source would make.
func (v *vector) settings() []string {
	switch {
	case v.Provider == "adyen" && v.Mode == "header":
		return []string{"version=platform"}
	case v.Provider == "hubspot" && v.Headers["X-HubSpot-Signature-Version"] != "":
		return []string{"version=" + v.Headers["X-HubSpot-Signature-Version"]}
	}
	return nil
}

// run plays one call of the program in this process.
func run(t *testing.T, in string, environment []string, args ...string) (code int, out, said string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{in: strings.NewReader(in), out: &o, err: &e, environment: environment}
	code = a.run(args)
	return code, o.String(), e.String()
}

// The vectors of all providers, as saved requests: what fits ends with 0, what does not with 1, and no secret is shown.
func TestVerifyJudgesSavedRequestsOfEveryProvider(t *testing.T) {
	fits, refused := map[string]bool{}, 0
	for i, v := range vectors(t) {
		if v.Provider == "paypal" || v.Provider == "aws-sns" || v.Expect == "handshake" {
			continue // a certificate that leads to no public root; questions that are not signed
		}
		file, err := json.Marshal(map[string]any{"method": v.Method, "url": v.URL, "headers": v.Headers, "body": v.Body})
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"verify", "--provider", v.Provider, "--secret", v.Secret, "-"}
		for _, setting := range v.settings() {
			args = append(args, "--setting", setting)
		}
		if v.Now != 0 {
			args = append(args, "--at", time.Unix(v.Now, 0).UTC().Format(time.RFC3339))
		}
		code, out, said := run(t, string(file), nil, args...)
		want := exitFailed
		if v.Expect == "valid" {
			want = exitDone
		}
		if code != want {
			t.Errorf("%s %d: got exit code %d, want %d\n%s%s", v.Provider, i, code, want, out, said)
			continue
		}
		if len(v.Secret) >= shortestVeiled && strings.Contains(out+said, v.Secret) {
			t.Errorf("%s %d shows the secret:\n%s%s", v.Provider, i, out, said)
		}
		if fits[v.Provider] = fits[v.Provider] || code == exitDone; code == exitFailed {
			refused++
		}
	}
	if len(fits) < 26 || refused < 10 {
		t.Errorf("only %d providers and %d refusals were judged", len(fits), refused)
	}
}

// What is shown as the signed text is what is signed: its HMAC, computed here, stands in the request.
func TestVerifyShowsTheTextThatIsSigned(t *testing.T) {
	shown := map[string]bool{}
	for _, v := range vectors(t) {
		p, err := packs.OpenProvider(v.Provider)
		if err != nil {
			t.Fatal(err)
		}
		in := &signature.Incoming{Method: v.Method, URL: v.URL, Header: http.Header{}, Body: []byte(v.Body), Settings: map[string]string{}}
		for name, value := range v.Headers {
			in.Header.Set(name, value)
		}
		for _, setting := range v.settings() {
			name, value, _ := strings.Cut(setting, "=")
			in.Settings[name] = value
		}
		s := schemeOf(p.Scheme, in.Settings)
		if v.Expect != "valid" || s.Kind != "hmac" && s.Kind != "standard-webhooks" || s.Key == "nfkd" {
			continue
		}
		read := newReader(in)
		l := read.look(s, func(text string) string { return text })
		if l.Signed == nil {
			continue
		}
		text, _ := read.signed(l.Form, timestampOf(s, l.At))
		if sum := sha256.Sum256([]byte(text)); l.Signed.SHA256 != hex.EncodeToString(sum[:]) || l.Signed.Bytes != len(text) {
			t.Errorf("%s: length or SHA-256 is not that of the text", v.Provider)
		}
		key := []byte(v.Secret)
		switch {
		case s.Kind == "standard-webhooks":
			if strings.HasPrefix(v.Secret, signature.PublicPrefix) {
				continue
			}
			if key, err = signature.ParseSecret(v.Secret); err != nil {
				t.Fatal(err)
			}
		case s.Key == "hex":
			if key, err = hex.DecodeString(v.Secret); err != nil {
				t.Fatal(err)
			}
		case s.Key == "base64":
			if key, err = base64.StdEncoding.DecodeString(v.Secret); err != nil {
				t.Fatal(err)
			}
		}
		algorithm := func() hash.Hash { return sha256.New() }
		if s.Hash == "sha1" {
			algorithm = sha1.New
		}
		h := hmac.New(algorithm, key)
		h.Write([]byte(text))
		sum := h.Sum(nil)
		var everything strings.Builder
		for _, value := range v.Headers {
			everything.WriteString(value + "\n")
		}
		everything.WriteString(v.Body)
		all := everything.String()
		if !strings.Contains(all, hex.EncodeToString(sum)) && !strings.Contains(all, base64.StdEncoding.EncodeToString(sum)) {
			t.Errorf("%s: the text that is shown is not the one that is signed: %s %+v", v.Provider, l.Form, *l.Signed)
		}
		shown[v.Provider] = true
	}
	if len(shown) < 15 {
		t.Errorf("the text is shown of only %d providers", len(shown))
	}
}

// A text that would hold a secret, or of which a part is missing, is not shown as if it were whole.
func TestVerifyShowsNoTextThatIsNotWhole(t *testing.T) {
	in := &signature.Incoming{Method: "POST", URL: "https://h/in/x", Header: http.Header{"X-Id": {"7"}}, Body: []byte(`{"a":{"b":[1.50]}}`), Settings: map[string]string{}}
	stamp := &signature.Timestamp{Path: "header.X-Time"}
	for form, want := range map[string]string{
		"#body#":                         `{"a":{"b":[1.50]}}`,
		"##v0:#header.x-id#:#body.a.b.0": "#v0:7:#body.a.b.0",
		"#body.a.b.0#|#body.none#":       "1.50|",
		"#header.none#|#header.x-id#":    "",
		"#timestamp#.#header.x-id#":      "",
		"#setting.webhook_id##body#":     "",
		"#secret##body#":                 "",
		"#url##form.sorted#":             "",
		"#fields.sorted#":                "",
		"#item.a##body#":                 "",
	} {
		got, whole := newReader(in).signed(form, stamp)
		if whole != (want != "") || whole && got != want {
			t.Errorf("%s: got %q, %v; want %q", form, got, whole, want)
		}
	}
}

// What trigger sends, verify believes: with the same secret, and with no other.
func TestVerifyBelievesWhatTriggerSends(t *testing.T) {
	providers, err := packs.Providers()
	if err != nil {
		t.Fatal(err)
	}
	signed := 0
	for _, p := range providers {
		if p.Scheme.Kind == "none" {
			continue
		}
		secret, other := "a-secret-of-some-length-0123456789", "b-secret-of-some-length-0123456789"
		switch p.Scheme.Key {
		case "hex":
			secret, other = strings.Repeat("0a1b2c3d", 8), strings.Repeat("1a1b2c3d", 8)
		case "base64":
			secret, other = base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(other))
		}
		if p.Scheme.Kind == "standard-webhooks" {
			secret, other = signature.NewSecret(), signature.NewSecret()
		}
		data := `{"id":"1","data":{"amount":1234.50}}`
		if p.Scheme.Each != "" {
			data = `{"value":[{"id":"1"}],"notificationItems":[{"NotificationRequestItem":{"pspReference":"7","success":"true"}}]}`
		}
		if strings.HasPrefix(p.Scheme.Signature[0].Path, "form.") {
			data = "status=PAID&price=123450"
		}
		var saved []byte
		receiver := serve(t, func(_ http.ResponseWriter, r *http.Request) { saved = dump(t, r) })
		args := []string{"trigger", p.Name, "order.created", "--to", receiver + "/in/x", "--data", data}
		code, out, said := run(t, "", []string{verifySecret + "=" + secret}, args...)
		if isPair(p.Scheme.Kind) {
			if code != exitFailed || !strings.Contains(said, "only the provider can sign") || saved != nil {
				t.Errorf("%s: got exit code %d, %s", p.Name, code, said)
			}
			continue
		}
		if code != exitDone {
			t.Errorf("%s: trigger: got exit code %d: %s%s", p.Name, code, out, said)
			continue
		}
		if strings.Contains(out+said, secret) {
			t.Errorf("%s: trigger shows the secret: %s%s", p.Name, out, said)
		}
		code, out, said = run(t, string(saved), nil, "verify", "--provider", p.Name, "--url", receiver+"/in/x", "--secret", secret, "-")
		if code != exitDone {
			t.Errorf("%s: got exit code %d: %s%s\n%s", p.Name, code, out, said, saved)
		}
		if strings.Contains(out+said, secret) {
			t.Errorf("%s: verify shows the secret: %s%s", p.Name, out, said)
		}
		if code, out, said = run(t, string(saved), nil, "verify", "--provider", p.Name, "--url", receiver+"/in/x", "--secret", other, "-"); code != exitFailed || strings.Contains(out+said, secret) {
			t.Errorf("%s: another secret: got exit code %d: %s%s", p.Name, code, out, said)
		}
		signed++
	}
	if signed < 28 {
		t.Errorf("only %d providers were signed for", signed)
	}
}

// Whatever a file holds, it is a verdict or a line about the file, and never a crash.
func TestVerifyTakesHostileFiles(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	head := "POST /in/x HTTP/1.1\r\nHost: hooks.example.com\r\n"
	for what, file := range map[string]string{
		"empty":               "",
		"zeros":               strings.Repeat("\x00", 1<<16),
		"JSON that breaks":    `{"headers":{`,
		"JSON, wrong kinds":   `{"headers":{"a":{"b":1}},"body":7,"method":1}`,
		"deep JSON":           head + "Stripe-Signature: t=1,v1=00\r\n\r\n" + strings.Repeat("[", 100_000),
		"deep JSON file":      `{"headers":{},"body":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"a megabyte":          head + "Stripe-Signature: " + long + "\r\n\r\n{}",
		"a field of nothing":  head + ":\r\n\r\n{}",
		"no fields":           head + "no field here\r\n\r\n{}",
		"a lying length":      head + "Stripe-Signature: t=1,v1=00\r\nContent-Length: 99999999999999\r\n\r\n{}",
		"a negative length":   head + "Stripe-Signature: t=1,v1=00\r\nContent-Length: -1\r\n\r\n{}",
		"broken chunks":       head + "Stripe-Signature: t=1,v1=00\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
		"broken gzip":         head + "Stripe-Signature: t=1,v1=00\r\nContent-Encoding: gzip\r\n\r\n{}",
		"a far time":          head + "Stripe-Signature: t=9223372036854775807,v1=00\r\n\r\n{}",
		"a time that is none": head + "webhook-signature: v1,AA==\r\nwebhook-timestamp: -\r\nwebhook-id: \r\n\r\n{}",
		"a head alone":        "POST / HTTP/1.1",
		"control characters":  head + "Stripe-Signature: t=1,v1=00\x1b[2J\r\n\r\n\x1b[2J\u202e",
	} {
		for _, more := range [][]string{{}, {"--provider", "stripe"}, {"--provider", "adyen"}, {"--json"}} {
			code, out, said := run(t, file, nil, append([]string{"verify", "--secret", "some-secret", "-"}, more...)...)
			if code == exitDone {
				t.Errorf("%s %v: it fits:\n%s", what, more, out)
			}
			if strings.Contains(out+said, "\x1b") || strings.Contains(out, "\u202e") && !slices.Contains(more, "--json") || len(out+said) > 8<<10 {
				t.Errorf("%s %v: %d bytes were shown: %.300q", what, more, len(out+said), out+said)
			}
		}
	}
}

// A secret does not show by being cut in two at the end of what is shown.
func TestVerifyHidesASecretBeforeItShortens(t *testing.T) {
	secret := "planted-secret-that-is-quite-long-4799"
	file := "POST /in/x HTTP/1.1\nHost: h\nX-Hub-Signature-256: sha256=00\n\n" + strings.Repeat("x", shownSigned-20) + secret
	_, out, said := run(t, file, nil, "verify", "--provider", "github", "--secret", secret, "-")
	if strings.Contains(out+said, secret[:8]) || !strings.Contains(out, hub.Masked) {
		t.Errorf("got %s%s", out, said)
	}
}

// The body is what was sent, however the file frames it.
func TestSavedRequestsAreFramed(t *testing.T) {
	head := "POST /in/x?a=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n"
	for what, test := range map[string]struct{ file, body string }{
		"as it is":           {head + "\r\n{}\n", "{}\n"},
		"by its length":      {head + "Content-Length: 2\r\n\r\n{}\n", "{}"},
		"by its length, LF":  {strings.ReplaceAll(head, "\r\n", "\n") + "Content-Length: 2\n\n{}\n", "{}"},
		"cut off":            {head + "Content-Length: 9\r\n\r\n{}", "{}"},
		"in chunks":          {head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "{}"},
		"chunks taken apart": {head + "Transfer-Encoding: chunked\r\n\r\n{}", "{}"},
		"nothing":            {head + "\r\n", ""},
	} {
		r, err := readRequest([]byte(test.file))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if err := r.frame(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if string(r.body) != test.body || !slices.Equal(r.header["X-A"], []string{"1", "2"}) {
			t.Errorf("%s: got %q, %v; want %q", what, r.body, r.header, test.body)
		}
		if got := r.address(""); got != "https://h/in/x?a=1" {
			t.Errorf("%s: the address is %s", what, got)
		}
		if got := r.address("https://other/y"); got != "https://other/y?a=1" {
			t.Errorf("%s: the address is %s", what, got)
		}
	}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// dump is the request as it went over the wire.
func dump(t *testing.T, r *http.Request) []byte {
	raw, err := httputil.DumpRequest(r, true)
	if err != nil {
		t.Error(err)
	}
	return raw
}
