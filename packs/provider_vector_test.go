package packs

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hacek/internal/signature"
)

// vector is a published or computed example of a request; source says which.
type vector struct {
	Provider, Secret, Method, URL, Body, Expect, Source, Mode string
	Headers, Settings                                         map[string]string // Settings are those of the source that the request is for
	Now                                                       int64
	Offline                                                   *bool
	SecretKind                                                string          `json:"secret_kind"`
	CertPEM                                                   string          `json:"cert_pem"`
	CertURL                                                   string          `json:"cert_url"`
	StringToSign                                              string          `json:"string_to_sign"`
	ExpectResponse                                            json.RawMessage `json:"expect_response"`
}

func vectorsOf(t *testing.T, name string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func vectorFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files of vectors, want at least 30 (%v)", len(files), err)
	}
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), ".json")
	}
	return files
}

func provider(t *testing.T, name string) *Provider {
	t.Helper()
	p, err := OpenProvider(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func verifier(t *testing.T, name string) *signature.Verifier {
	t.Helper()
	v, err := provider(t, name).Scheme.Compile()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// request turns a vector into what a source of that provider would see, with the settings that its owner would make.
func (v *vector) request() (*signature.Incoming, []string) {
	in := &signature.Incoming{
		Method: v.Method, URL: v.URL, Body: []byte(v.Body), Header: http.Header{}, Settings: map[string]string{},
		At: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}
	maps.Copy(in.Settings, v.Settings)
	for name, value := range v.Headers {
		in.Header.Set(name, value)
	}
	if v.Now != 0 {
		in.At = time.Unix(v.Now, 0)
	}
	secrets := []string{v.Secret}
	switch v.Provider {
	case "adyen":
		if v.Mode == "header" {
			in.Settings["version"] = "platform"
		}
	case "hubspot":
		in.Settings["version"] = in.Header.Get("X-HubSpot-Signature-Version")
	case "paypal":
		in.Settings["webhook_id"], secrets = v.Secret, nil
		in.Certificates, in.Roots = []byte(v.CertPEM), x509.NewCertPool()
		in.Roots.AppendCertsFromPEM(in.Certificates)
	case "meta":
		if v.SecretKind == "verify token" {
			in.Settings["verify_token"], secrets = v.Secret, []string{"app secret"}
		}
	case "aws-sns":
		var body struct {
			TopicArn, SignatureVersion string
			Timestamp                  time.Time
		}
		_ = json.Unmarshal(in.Body, &body)
		in.Settings["topic_arns"], in.At, in.Certificates = body.TopicArn, body.Timestamp, []byte(v.Secret)
		if body.SignatureVersion == "1" {
			in.Settings["version"] = "1"
		}
		secrets = nil
	}
	return in, secrets
}

func TestM2_EveryVectorOfEveryProvider(t *testing.T) {
	for _, name := range vectorFiles(t) {
		if valid := wantVectors(t, provider(t, name), vectorsOf(t, name)); valid == 0 && name != "cloudevents" {
			t.Errorf("%s: no vector is valid", name)
		}
	}
}

// wantVectors holds a provider to its vectors, and tells how many are valid.
func wantVectors(t *testing.T, p *Provider, list []vector) (valid int) {
	t.Helper()
	v, err := p.Scheme.Compile()
	wantNil(t, err)
	for i, example := range list {
		if example.Offline != nil && !*example.Offline {
			continue // the certificate is not public: see TestM2_PayPalsOwnText
		}
		in, secrets := example.request()
		verdict := v.Verify(in, secrets)
		if example.Expect == "handshake" {
			wantHandshake(t, p, in, verdict)
			continue
		}
		if want := example.Expect == "valid"; verdict.OK != want {
			t.Errorf("%s %d: got %v (%s), want %s\n%s", p.Name, i, verdict.OK, verdict.Why, example.Expect, example.Source)
		}
		if verdict.OK == (verdict.Why != "") {
			t.Errorf("%s %d: a refusal has a reason, and nothing else has: %+v", p.Name, i, verdict)
		}
		if verdict.OK {
			valid++
		}
	}
	return valid
}

// wantHandshake: exactly one is meant, and one whose signature is asked first has a right one.
func wantHandshake(t *testing.T, p *Provider, in *signature.Incoming, verdict signature.Verdict) {
	t.Helper()
	met := 0
	for _, h := range p.Handshakes {
		if !concerns(&h, in) {
			continue
		}
		met++
		if h.Verified && !verdict.OK {
			t.Errorf("%s, %s: the handshake is signed, got %s", p.Name, h.Name, verdict.Why)
		}
	}
	if met != 1 {
		t.Errorf("%s: %d handshakes are meant by %s %s", p.Name, met, in.Method, in.URL)
	}
}

// concerns is a plain reading of a handshake's conditions.
func concerns(h *Handshake, in *signature.Incoming) bool {
	if h.Method != "" && h.Method != in.Method {
		return false
	}
	u, _ := url.Parse(in.URL)
	var body map[string]any
	if json.Unmarshal(in.Body, &body) != nil {
		body = map[string]any{}
		form, _ := url.ParseQuery(string(in.Body))
		for name := range form {
			body[name] = form.Get(name)
		}
	}
	for path, want := range h.Paths {
		root, rest, _ := strings.Cut(path, ".")
		got := ""
		switch root {
		case "header":
			got = in.Header.Get(rest)
		case "query":
			got = u.Query().Get(rest)
		case "body":
			text, _ := json.Marshal(body[rest])
			got = strings.Trim(string(text), `"`)
			if body[rest] == nil {
				got = ""
			}
		}
		if got == "" || want != "*" && got != want {
			return false
		}
	}
	return !h.Exactly || len(body) == len(h.Paths)
}

func TestM9_ShoptetsOwnVectors(t *testing.T) {
	v := verifier(t, "shoptet")
	for i, example := range vectorsOf(t, "shoptet") {
		in, secrets := example.request()
		if got := v.Verify(in, secrets); got.OK != (example.Expect == "valid") {
			t.Errorf("%d: got %+v, want %s", i, got, example.Expect)
		}
	}
	p := provider(t, "shoptet")
	if p.Types["order:create"] != "order.created" || len(p.Types) < 100 {
		t.Errorf("the catalogue’s types: order:create is %q, of %d", p.Types["order:create"], len(p.Types))
	}
}

// firstValid is a valid vector of each form that a provider has.
func firstValid(t *testing.T, name string) []vector {
	t.Helper()
	var all []vector
	for _, v := range vectorsOf(t, name) {
		if v.Expect == "valid" && (v.Offline == nil || *v.Offline) {
			all = append(all, v)
		}
	}
	return all
}
