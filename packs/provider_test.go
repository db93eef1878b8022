package packs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

func everyProvider(t *testing.T) []*Provider {
	t.Helper()
	all, err := Providers()
	wantNil(t, err)
	return all
}

// preset reads the part of a source as the API would, over the defaults.
func preset(t *testing.T, p *Provider) hub.Source {
	t.Helper()
	s := hub.DefaultSource()
	d := json.NewDecoder(bytes.NewReader(p.Source))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Errorf("%s: the preset is no part of a source: %v", p.Name, err)
	}
	return s
}

func TestM2_EveryPresetFitsASource(t *testing.T) {
	for _, p := range everyProvider(t) {
		wantPresetFits(t, p)
	}
}

func wantPresetFits(t *testing.T, p *Provider) {
	t.Helper()
	headerTag := regexp.MustCompile(`#((?:if )?header\.)([A-Za-z0-9_-]+)`)
	s := preset(t, p)
	if s.Verify.Scheme != p.Name || len(s.Verify.Secrets) > 0 {
		t.Errorf("%s: the preset’s scheme is %q, with %d secrets", p.Name, s.Verify.Scheme, len(s.Verify.Secrets))
	}
	if s.Respond.Status < 200 || s.Respond.Status > 299 {
		t.Errorf("%s: a request that was taken is answered %d", p.Name, s.Respond.Status)
	}
	paths := append(slices.Clone(s.DuplicateOf.Fields), s.Split)
	for name, text := range map[string]string{"event_type": s.EventType, "key": s.Key, "time": s.Time} {
		if !strings.Contains(text, "#") {
			paths = append(paths, text)
			continue
		}
		if _, err := expr.ParseTemplate(headerTag.ReplaceAllStringFunc(text, strings.ToLower), expr.Text); err != nil {
			t.Errorf("%s: %s: %v in %s", p.Name, name, err, text)
		}
	}
	for _, path := range paths {
		root, _, _ := strings.Cut(path, ".")
		if path != "" && !slices.Contains([]string{"body", "item", "header", "query"}, root) {
			t.Errorf("%s: no path: %s", p.Name, path)
		}
	}
	if len(s.DuplicateOf.Fields) == 0 {
		t.Errorf("%s: nothing tells a repeat", p.Name)
	}
	if p.Secret.Where["en"] == "" || p.Page == "" || p.Title["en"] == "" || p.Waits == "" || p.Retry == "" {
		t.Errorf("%s: page, title, waits, retry and where the secret is in English are needed", p.Name)
	}
	for language := range p.Secret.Where {
		if !slices.Contains(Languages(), language) {
			t.Errorf("%s: no language %s", p.Name, language)
		}
	}
	if !slices.Contains([]string{"there", "here", "both", "none"}, p.Secret.Made) {
		t.Errorf("%s: the secret is made %q", p.Name, p.Secret.Made)
	}
	if (p.Secret.Made == "none") == p.Scheme.NeedsSecret() {
		t.Errorf("%s: a secret is made %s, and needed: %v", p.Name, p.Secret.Made, p.Scheme.NeedsSecret())
	}
}

func TestM9_ThePresetOfShoptet(t *testing.T) {
	s := preset(t, provider(t, "shoptet"))
	if !s.Thin || s.Split != "body.eventInstance" || s.TimeZone != "Europe/Prague" || s.DuplicateOf.Window.D().Hours() != 48 ||
		strings.Join(s.DuplicateOf.Fields, " ") != "body.eshopId body.event body.eventInstance body.eventCreated" {
		t.Errorf("got %+v", s)
	}
}

// Of what no signature covers, an id alone is no identity: the whole body has to join it.
func TestRule7_AnUnsignedIDIsAnIdentityOnlyWithTheBody(t *testing.T) {
	for _, p := range everyProvider(t) {
		fields := preset(t, p).DuplicateOf.Fields
		for _, field := range fields {
			header, is := strings.CutPrefix(field, "header.")
			open := slices.Contains(p.Unsigned, field) || !speaksOf(p.Scheme, http.CanonicalHeaderKey(header))
			if is && open && !slices.Contains(fields, "body") && p.Scheme.Kind != "token" {
				t.Errorf("%s: %s is not signed and stands without the body in duplicate_of", p.Name, field)
			}
		}
	}
}

func TestTypesOfProvidersAreInTheCatalogue(t *testing.T) {
	known := map[string]bool{}
	for _, p := range everyPack(t) {
		for _, typ := range p.Types {
			known[typ.Name] = true
		}
	}
	for _, p := range everyProvider(t) {
		for word, name := range p.Types {
			if !known[name] {
				t.Errorf("%s: %s becomes %s, which no pack has", p.Name, word, name)
			}
		}
	}
}

// A handshake that signs what it is given would be a signing oracle: the question must be signed itself, and what is
// given back is never free text in anything but text/plain.
func TestRule5_HandshakesAreNoSigningOracle(t *testing.T) {
	seen := 0
	for _, p := range everyProvider(t) {
		for _, h := range p.Handshakes {
			seen++
			answers := h.Answer.Body
			for _, text := range h.Answer.Headers {
				answers += text
			}
			switch {
			case h.HMAC != nil && !h.Verified:
				t.Errorf("%s, %s: signs for everybody who asks", p.Name, h.Name)
			case h.HMAC != nil && h.Plain:
				t.Errorf("%s, %s: signs any text", p.Name, h.Name)
			case h.Plain && h.Answer.ContentType != "text/plain":
				t.Errorf("%s, %s: any text comes back as %s", p.Name, h.Name, h.Answer.ContentType)
			case strings.Contains(answers, "#body.") || strings.Contains(answers, "#secret"):
				t.Errorf("%s, %s: the answer holds more than its token: %s", p.Name, h.Name, answers)
			case h.Confirm != "" && (!h.Verified || !strings.HasPrefix(h.Confirm, "https://#certificate.host#/")):
				t.Errorf("%s, %s: the confirmation is not built by us: %s", p.Name, h.Name, h.Confirm)
			case h.Method == "" && len(h.Paths) == 0:
				t.Errorf("%s, %s: would swallow every request", p.Name, h.Name)
			}
		}
	}
	if seen < 13 {
		t.Errorf("only %d handshakes", seen)
	}
}

// The check of X is signed over its query, so a stranger gets no answer.
func TestRule5_AnUnsignedCheckOfXIsRefused(t *testing.T) {
	v := verifier(t, "x")
	query := "crc_token=abc&nonce=42"
	in := &signature.Incoming{Method: "GET", URL: anyURL + "?" + query, Header: http.Header{}, At: noon}
	if got := v.Verify(in, []string{"consumer secret"}); got.OK {
		t.Error("an unsigned check is taken")
	}
	in.Header.Set("x-twitter-webhooks-signature", "sha256="+b64(hmac256("consumer secret", query)))
	if got := v.Verify(in, []string{"consumer secret"}); !got.OK {
		t.Errorf("a signed check: %s", got.Why)
	}
}

// What trigger signs, the same source takes.
func TestSignedSamplesAreTaken(t *testing.T) {
	signed := 0
	for _, p := range everyProvider(t) {
		r := theirs(t, p.Name, noon)
		in, secrets := r.incoming(noon), []string{r.secret}
		if r.method == "" { // its file and its vectors are all there is
			examples := firstValid(t, p.Name)
			if len(examples) == 0 {
				t.Errorf("%s: no vector is valid", p.Name)
				continue
			}
			in, secrets = examples[0].request()
		}
		signed += wantSigned(t, p, in, secrets)
		for word, sample := range p.Samples {
			if !json.Valid(sample.Body) {
				t.Errorf("%s: sample %s is not JSON", p.Name, word)
			}
		}
	}
	if signed < 30 {
		t.Errorf("only %d were signed", signed)
	}
}

// wantSigned takes everything but the content away from a request, and has it signed in each version of the provider.
func wantSigned(t *testing.T, p *Provider, of *signature.Incoming, secrets []string) (signed int) {
	t.Helper()
	secret := strings.Join(secrets, "") // there is one, or none where a certificate is fetched
	v, err := p.Scheme.Compile()
	wantNil(t, err)
	for _, version := range append([]string{""}, slices.Sorted(maps.Keys(p.Scheme.Versions))...) {
		in := &signature.Incoming{Method: "POST", URL: of.URL, Header: http.Header{"Content-Type": of.Header["Content-Type"]}, Body: of.Body, At: of.At,
			Settings: maps.Clone(of.Settings)}
		if in.Settings == nil {
			in.Settings = map[string]string{}
		}
		in.Settings["version"] = version
		if p.Name == "gitlab" && version != "" {
			secret = signature.NewSecret()
		}
		err := v.Sign(in, secret)
		if p.Scheme.Fetched != nil || slices.Contains([]string{"rsa", "ecdsa", "ed25519"}, p.Scheme.Kind) {
			if err == nil || !strings.Contains(err.Error(), "only the provider") {
				t.Errorf("%s: only the provider can sign, got %v", p.Name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", p.Name, version, err)
			continue
		}
		if got := v.Verify(in, []string{secret}); !got.OK {
			t.Errorf("%s %s: what we signed ourselves is refused: %s\n%v %s", p.Name, version, got.Why, in.Header, in.Body)
		}
		signed++
	}
	return signed
}

func TestASampleInPartsOfTheAddressIsSignedThere(t *testing.T) {
	in := &signature.Incoming{Method: "POST", URL: anyURL + "?a=1", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a":1}`), At: noon}
	v := verifier(t, "twilio")
	wantNil(t, v.Sign(in, "12345"))
	u, err := url.Parse(in.URL)
	wantNil(t, err)
	if got := v.Verify(in, []string{"12345"}); !got.OK || u.Query().Get("bodySHA256") == "" {
		t.Errorf("got %+v for %s", got, in.URL)
	}
	in.Body = []byte(`{"a":2}`)
	if got := v.Verify(in, []string{"12345"}); got.OK || !strings.Contains(got.Why, "body was changed") {
		t.Errorf("another body: %+v", got)
	}
	in.URL = anyURL + "?a=1"
	in.Header.Set("X-Twilio-Signature", b64(hmac1("12345", in.URL)))
	if got := v.Verify(in, []string{"12345"}); got.OK || !strings.Contains(got.Why, "body is not signed") {
		t.Errorf("a body that nothing covers: %+v", got)
	}
}

func TestOpenProviderTellsTheNearest(t *testing.T) {
	for given, want := range map[string]string{"strip": `"stripe"`, "shopptet": `"shoptet"`, "zzzzzzzz": "adyen"} {
		if _, err := OpenProvider(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", given, err, want)
		}
	}
}

func TestAProviderFileWithATypingErrorIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"name: a\nschema: {kind: none}", "schema"},
		{"name: a\nscheme: {kind: hmac, signatur: []}", "signatur"},
		{"name: a\nscheme: {kind: hmac}", "where does it stand"},
		{"name: a\nscheme: {kind: none, versions: {v1: {hsah: sha1}}}", "hsah"},
		{"name: a\nscheme: {kind: none}\ntypes_of: shopptet", "shoptet"},
		{"", "empty"},
	} {
		if _, err := parseProvider([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
}

// The page's own example is a provider like any other: its file and its vectors, without a line of Go.
func TestThePagesExampleIsAProvider(t *testing.T) {
	page, err := os.ReadFile("../docs/providers.md")
	wantNil(t, err)
	block := func(opening, begins string) []byte {
		_, text, found := strings.Cut(string(page), opening+begins)
		text, _, ends := strings.Cut(text, "```")
		if !found || !ends {
			t.Fatalf("docs/providers.md has no block that begins %s", begins)
		}
		return []byte(begins + text)
	}
	p, err := parseProvider(block("```yaml\n", "name: myshop"))
	wantNil(t, err)
	wantPresetFits(t, p)
	var list []vector
	wantNil(t, json.Unmarshal(block("```json\n", `[{"provider": "myshop"`), &list))
	if valid := wantVectors(t, p, list); valid != 1 {
		t.Fatalf("%d of the page’s vectors are valid, want 1", valid)
	}
	in, secrets := list[0].request()
	if text := fmt.Sprint(list[0].Now) + "." + string(in.Body); in.Header.Get("X-My-Signature") != "v1="+b64(hmac256(secrets[0], text)) {
		t.Errorf("the page’s vector is not signed as the page says, over %s", text)
	}
	if signed := wantSigned(t, p, in, secrets); signed != 1 {
		t.Errorf("%d requests were signed, want 1", signed)
	}
}
