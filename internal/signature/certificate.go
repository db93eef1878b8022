package signature

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Limits of what a request may name and of what stands there.
const (
	maxAddress      = 1024
	maxCertificates = 10
)

// certificateRules is a compiled Certificate.
type certificateRules struct {
	path  path
	hosts []*regexp.Regexp
	file  *regexp.Regexp
	names []*regexp.Regexp
	whole bool // the chain must be in the file
}

func compileCertificate(c *Certificate) (*certificateRules, error) {
	r := &certificateRules{whole: c.Chain != "host"}
	var err error
	if r.path, err = parsePath(c.Path); err != nil {
		return nil, &FormError{"certificate.path", err.Error()}
	}
	if c.Chain != "" && c.Chain != "full" && c.Chain != "host" {
		return nil, &FormError{"certificate.chain", "is full or host"}
	}
	if len(c.Hosts) == 0 || c.PathMatch == "" {
		return nil, &FormError{"certificate.hosts", "and pathmatch are needed: else a request could name any address"}
	}
	if r.file, err = regexp.Compile(`^(?:` + c.PathMatch + `)$`); err != nil {
		return nil, &FormError{"certificate.pathmatch", "is not a regular expression"}
	}
	r.hosts, r.names = hostPatterns(c.Hosts), hostPatterns(c.Names)
	return r, nil
}

// hostPatterns match in full; * is one label.
func hostPatterns(patterns []string) []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, p := range patterns {
		all = append(all, regexp.MustCompile(`^`+strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, `[a-z0-9-]+`)+`$`))
	}
	return all
}

func anyMatches(patterns []*regexp.Regexp, text string) bool {
	for _, p := range patterns {
		if p.MatchString(text) {
			return true
		}
	}
	return false
}

// address is where the certificate is. It is built anew from the host and the path, which were matched in full.
func (r *certificateRules) address(v *view) (address, host string, err error) {
	text, there, err := v.lookup(r.path)
	switch {
	case err != nil:
		return "", "", err
	case !there || text == "":
		return "", "", fmt.Errorf("there is no %s, the address of the certificate", r.path.words())
	case len(text) > maxAddress:
		return "", "", errors.New("the address of the certificate is too long")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", errors.New("the address of the certificate is not a plain https address")
	}
	if host = strings.ToLower(u.Host); !anyMatches(r.hosts, host) {
		return "", "", fmt.Errorf("the certificate lies on %s, which is not an address of this provider", quoted(u.Host))
	}
	if !r.file.MatchString(u.EscapedPath()) {
		return "", "", errors.New("the path of the certificate's address is not one that this provider uses")
	}
	return "https://" + host + u.EscapedPath(), host, nil
}

// leaf reads the file and judges it at the moment of receipt.
func (r *certificateRules) leaf(in *Incoming, host string) (*x509.Certificate, error) {
	var chain []*x509.Certificate
	for rest := in.Certificates; len(chain) < maxCertificates; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("the certificate cannot be read")
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, errors.New("the file at the certificate's address holds no certificate")
	}
	leaf := chain[0]
	if !r.named(leaf, host) {
		return nil, errors.New("the certificate was issued for another name than the provider's")
	}
	switch {
	case in.At.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	case in.At.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate holds only from %s", leaf.NotBefore.UTC().Format(time.DateOnly))
	case len(chain) == 1 && !r.whole:
		return leaf, nil
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: in.Roots, Intermediates: between, CurrentTime: in.At, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, errors.New("the certificate does not lead to an issuer that is trusted here, or one of its issuers has expired")
	}
	return leaf, nil
}

// named looks at the common name only in a certificate that lists no names.
func (r *certificateRules) named(leaf *x509.Certificate, host string) bool {
	names := leaf.DNSNames
	if len(names) == 0 {
		names = []string{leaf.Subject.CommonName}
	}
	for _, name := range names {
		name = strings.ToLower(name)
		if name == host && len(r.names) == 0 || anyMatches(r.names, name) {
			return true
		}
	}
	return false
}
