package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority issues certificates for a test.
type authority struct {
	t     *testing.T
	key   *ecdsa.PrivateKey
	root  *x509.Certificate
	roots *x509.CertPool
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, roots: x509.NewCertPool()}
	a.root = a.issue("Root", key.Public(), noon.Add(365*24*time.Hour), nil)
	a.roots.AddCert(a.root)
	return a
}

// issue makes an issuer where it bears no names.
func (a *authority) issue(name string, public crypto.PublicKey, until time.Time, parent *x509.Certificate, names ...string) *x509.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: noon.Add(-24 * time.Hour), NotAfter: until,
		IsCA: len(names) == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, DNSNames: names,
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate
}

func file(chain ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func fetched(chain string) Scheme {
	return Scheme{
		Kind: "rsa", Signature: []Place{{Path: "body.sig", Encoding: "base64"}}, Signed: []string{"#body.text#"},
		Fetched: &Certificate{Path: "body.cert", Hosts: []string{"sns.*.amazonaws.com"}, PathMatch: `/c-[0-9a-f]{4}\.pem`, Names: []string{"sns.amazonaws.com"}, Chain: chain},
	}
}

func compiled(t *testing.T, s Scheme) *Verifier {
	t.Helper()
	v, err := s.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const rightAddress = "https://sns.eu-1.amazonaws.com/c-00ff.pem"

func bodyWith(t *testing.T, fields map[string]string) []byte {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestRule9_OnlyTheProvidersOwnAddressIsFetched(t *testing.T) {
	v := compiled(t, fetched(""))
	for address, allowed := range map[string]bool{
		rightAddress: true,
		"https://SNS.EU-1.amazonaws.com/c-00ff.pem":                     true,
		"http://sns.eu-1.amazonaws.com/c-00ff.pem":                      false,
		"https://sns.eu-1.amazonaws.com.evil.example/c-00ff.pem":        false,
		"https://evil.example/sns.eu-1.amazonaws.com/c-00ff.pem":        false,
		"https://sns.amazonaws.com/c-00ff.pem":                          false,
		"https://sns.a.b.amazonaws.com/c-00ff.pem":                      false,
		"https://xsns.eu-1.amazonaws.com/c-00ff.pem":                    false,
		"https://sns.eu-1.amazonaws.com:8443/c-00ff.pem":                false,
		"https://sns.eu-1.amazonaws.com:443/c-00ff.pem":                 false,
		"https://user@sns.eu-1.amazonaws.com/c-00ff.pem":                false,
		"https://sns.eu-1.amazonaws.com@evil.example/c-00ff.pem":        false,
		"https://evil.example\\@sns.eu-1.amazonaws.com/c-00ff.pem":      false,
		"https://sns.eu-1.amazonaws.com./c-00ff.pem":                    false,
		"https://sns.eu-1.amazonaws.com/c-00ff.pem?a=1":                 false,
		"https://sns.eu-1.amazonaws.com/c-00ff.pem#a":                   false,
		"https://sns.eu-1.amazonaws.com/x/../c-00ff.pem":                false,
		"https://sns.eu-1.amazonaws.com/c-00ff.pem/more":                false,
		"https://sns.eu-1.amazonaws.com/c%2D00ff.pem":                   false,
		"https://sns.eu-1.amazonaws.com/c-00ff.pem\n":                   false,
		"https://sns.eu-1\u3002amazonaws.com/c-00ff.pem":                false,
		"https://127.0.0.1/c-00ff.pem":                                  false,
		"https:sns.eu-1.amazonaws.com/c-00ff.pem":                       false,
		"//sns.eu-1.amazonaws.com/c-00ff.pem":                           false,
		"https://sns." + strings.Repeat("a", 5000) + ".amazonaws.com/c": false,
		"": false,
	} {
		in := &Incoming{Body: bodyWith(t, map[string]string{"cert": address, "text": "a", "sig": "AAAA"}), At: noon}
		got, err := v.Certificate(in)
		if (err == nil) != allowed || allowed && got != rightAddress {
			t.Errorf("%q: got %q, %v", address, got, err)
		}
		if !allowed && v.Verify(in, nil).OK {
			t.Errorf("%q: verified", address)
		}
	}
}

func TestRule9_TheCertificateIsJudgedAtReceipt(t *testing.T) {
	a := newAuthority(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	year := noon.Add(200 * 24 * time.Hour)
	issuer := a.issue("Issuer", a.key.Public(), year, a.root)
	shortIssuer := a.issue("Short", a.key.Public(), noon.Add(time.Hour), a.root)
	leaf := a.issue("leaf", key.Public(), year, issuer, "sns.amazonaws.com")
	later := noon.Add(48 * time.Hour)
	stranger := newAuthority(t)
	otherKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	sum := sha256.Sum256([]byte("a"))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	body := bodyWith(t, map[string]string{"cert": rightAddress, "text": "a", "sig": base64.StdEncoding.EncodeToString(sig)})
	for _, c := range []struct {
		name, chain string
		file        []byte
		at          time.Time
		why         string // "" is taken
	}{
		{"whole chain", "", file(leaf, issuer), noon, ""},
		{"whole chain, where a leaf would do", "host", file(leaf, issuer), noon, ""},
		{"leaf alone, trusted by its host", "host", file(leaf), noon, ""},
		{"leaf alone, where the chain is needed", "", file(leaf), noon, "does not lead"},
		{"before it holds", "host", file(leaf), noon.Add(-48 * time.Hour), "holds only from"},
		{"expired", "host", file(leaf), year.Add(time.Hour), "expired on"},
		{"its issuer expired", "", file(a.issue("l", key.Public(), year, shortIssuer, "sns.amazonaws.com"), shortIssuer), later, "does not lead"},
		{"its issuer expired, where a leaf would do", "host", file(a.issue("l", key.Public(), year, shortIssuer, "sns.amazonaws.com"), shortIssuer), later, "does not lead"},
		{"another name", "", file(a.issue("l", key.Public(), year, issuer, "sns.amazonaws.com.evil.example"), issuer), noon, "another name"},
		{"another name, leaf alone", "host", file(a.issue("sns.amazonaws.com", key.Public(), year, issuer, "evil.example")), noon, "another name"},
		{"another authority", "", file(stranger.issue("l", key.Public(), year, stranger.root, "sns.amazonaws.com"), stranger.root), noon, "does not lead"},
		{"another type of key", "", file(a.issue("l", otherKey.Public(), year, issuer, "sns.amazonaws.com"), issuer), noon, "another type"},
		{"no certificate", "", []byte("<html>"), noon, "holds no certificate"},
		{"damaged", "", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), noon, "cannot be read"},
		{"nothing fetched", "", nil, noon, "could not be fetched"},
	} {
		v := compiled(t, fetched(c.chain))
		in := &Incoming{Body: body, At: c.at, Certificates: c.file, Roots: a.roots, Header: http.Header{}}
		got := v.Verify(in, nil)
		if got.OK != (c.why == "") || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: got %+v, want %q", c.name, got, c.why)
		}
		if got.OK {
			in.Body = []byte(strings.Replace(string(body), `"a"`, `"b"`, 1))
			if v.Verify(in, nil).OK {
				t.Errorf("%s: the text may be another", c.name)
			}
		}
	}
}

func TestRule9_ASchemeMayNotFetchFromAnywhere(t *testing.T) {
	for _, change := range []func(*Certificate){
		func(c *Certificate) { c.Hosts = nil }, func(c *Certificate) { c.PathMatch = "" },
		func(c *Certificate) { c.PathMatch = "(" }, func(c *Certificate) { c.Path = "cert" }, func(c *Certificate) { c.Chain = "none" },
	} {
		s := fetched("")
		c := *s.Fetched
		c.Hosts = slices.Clone(c.Hosts)
		change(&c)
		s.Fetched = &c
		if _, err := s.Compile(); err == nil {
			t.Errorf("it compiles: %+v", c)
		}
	}
}
