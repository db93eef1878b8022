package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Types of auth.
const (
	AuthNone        = "none"
	AuthBearer      = "bearer"
	AuthBasic       = "basic"
	AuthAPIKey      = "api_key"
	AuthOAuth2      = "oauth2"
	AuthExchange    = "exchange"
	AuthCertificate = "client_certificate"
)

// authFields says which settings belong to which type, needed ones first with "!". The authorities that are trusted (ca) may
// stand beside any.
var authFields = map[string][]string{
	AuthNone:        {},
	AuthBearer:      {"!token"},
	AuthBasic:       {"!username", "!password", "header"},
	AuthAPIKey:      {"!in", "!name", "!value"},
	AuthOAuth2:      {"!token_url", "!client_id", "!client_secret", "scopes"},
	AuthExchange:    {"!request", "!token_path", "expires_path", "header"},
	AuthCertificate: {"!certificate", "!key"},
}

func (a *Auth) validate(p *Problems) {
	fields, known := authFields[a.Type]
	if !known {
		p.Add("/auth/type", "%q is none of %s", a.Type, strings.Join(slices.Sorted(maps.Keys(authFields)), ", "))
		return
	}
	given := map[string]bool{
		"token": !a.Token.IsZero(), "username": a.Username != "", "password": !a.Password.IsZero(), "header": a.Header != "",
		"in": a.In != "", "name": a.Name != "", "value": !a.Value.IsZero(), "token_url": a.TokenURL != "",
		"client_id": a.ClientID != "", "client_secret": !a.ClientSecret.IsZero(), "scopes": len(a.Scopes) > 0,
		"request": a.Request != nil, "token_path": a.TokenPath != "", "expires_path": a.ExpiresPath != "",
		"certificate": a.Certificate != "", "key": !a.Key.IsZero(),
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case given[name] && !slices.Contains(fields, name) && !slices.Contains(fields, "!"+name):
			p.Add("/auth/"+name, "does not belong to auth type %s", a.Type)
		case !given[name] && slices.Contains(fields, "!"+name):
			p.Add("/auth/"+name, "is missing; auth type %s needs it", a.Type)
		}
	}
	a.validateValues(p)
}

func (a *Auth) validateValues(p *Problems) {
	for pointer, secret := range map[string]Secret{
		"/auth/token": a.Token, "/auth/password": a.Password, "/auth/value": a.Value, "/auth/client_secret": a.ClientSecret,
	} {
		CheckLine(p, pointer, secret.Reveal(), MaxSecretLen)
	}
	CheckText(p, "/auth/key", a.Key.Reveal(), MaxSecretLen)
	CheckLine(p, "/auth/username", a.Username, MaxNameLen)
	if strings.Contains(a.Username, ":") {
		p.Add("/auth/username", "must not contain a colon: Basic authentication ends the name there")
	}
	if a.Type == AuthBasic && a.Header != "" {
		checkHeaderName(p, "/auth/header", a.Header)
	}
	if a.Type == AuthAPIKey && a.In != "" {
		switch a.In {
		case "header":
			checkHeaderName(p, "/auth/name", a.Name)
		case "query":
			CheckLine(p, "/auth/name", a.Name, MaxNameLen)
		default:
			p.Add("/auth/in", "%q is neither header nor query", a.In)
		}
	}
	if a.Type == AuthOAuth2 && a.TokenURL != "" {
		checkURL(p, "/auth/token_url", a.TokenURL, false)
	}
	if a.Type == AuthExchange {
		CheckLine(p, "/auth/header", a.Header, MaxNameLen)
	}
	if a.Type == AuthExchange && a.Request != nil {
		a.Request.validate(p)
	}
}

func (x *Exchange) validate(p *Problems) {
	checkURL(p, "/auth/request/url", x.URL, false)
	if !slices.Contains([]string{"", "GET", "POST", "PUT", "PATCH"}, x.Method) {
		p.Add("/auth/request/method", "%q is none of GET, POST, PUT, PATCH", x.Method)
	}
	CheckText(p, "/auth/request/body", x.Body.Reveal(), MaxBodyLen)
	CheckLine(p, "/auth/request/content_type", x.ContentType, MaxNameLen)
	for _, name := range slices.Sorted(maps.Keys(x.Headers)) {
		at := "/auth/request/headers/" + EscapePointer(name)
		checkHeaderName(p, at, name)
		CheckLine(p, at, x.Headers[name].Reveal(), MaxSecretLen)
	}
}

// ShortestHMAC is the least length of an hmac secret in bytes: the receiver chose its form, but one that can be
// guessed proves nothing.
const ShortestHMAC = 16

// validate leaves the keys of Standard Webhooks to those who know their form.
func (s *Signature) validate(p *Problems) {
	seen := map[string]bool{}
	for i, scheme := range s.Schemes {
		at := fmt.Sprintf("/signature/schemes/%d", i)
		if scheme != SchemeStandard && scheme != SchemeEd25519 && scheme != SchemeHMAC {
			p.Add(at, "%q is none of %s, %s, %s", scheme, SchemeStandard, SchemeEd25519, SchemeHMAC)
		}
		if seen[scheme] {
			p.Add(at, "%s stands here twice", scheme)
		}
		seen[scheme] = true
	}
	switch {
	case seen[SchemeHMAC] && len(s.HMAC) == 0:
		p.Add("/signature/hmac", "is missing; scheme hmac needs it")
	case !seen[SchemeHMAC] && len(s.HMAC) > 0:
		p.Add("/signature/hmac", "is given, but hmac is not among the schemes")
	}
	for i := range s.HMAC {
		s.HMAC[i].validate(p, fmt.Sprintf("/signature/hmac/%d", i))
	}
}

func (h *HMAC) validate(p *Problems, pointer string) {
	checkHeaderName(p, pointer+"/header", h.Header)
	if why := elsewhere[strings.ToLower(h.Header)]; why != "" {
		p.Add(pointer+"/header", "%s cannot carry a signature", h.Header)
	}
	if !slices.Contains([]string{"sha1", "sha256", "sha512"}, h.Algorithm) {
		p.Add(pointer+"/algorithm", "%q is none of sha1, sha256, sha512", h.Algorithm)
	}
	if h.Encoding != "hex" && h.Encoding != "base64" {
		p.Add(pointer+"/encoding", "%q is neither hex nor base64", h.Encoding)
	}
	CheckLine(p, pointer+"/prefix", h.Prefix, MaxNameLen)
	CheckText(p, pointer+"/signed", h.Signed, MaxNameLen)
	if h.Signed == "" {
		p.Add(pointer+"/signed", "is missing; #body# is the usual one")
	} else if !strings.Contains(h.Signed, "#body#") && !strings.Contains(h.Signed, "#url#") {
		p.Add(pointer+"/signed", "contains neither #body# nor #url#, so that nothing of the call would be signed")
	}
	switch n := len(h.Secret.Reveal()); {
	case n == 0:
		p.Add(pointer+"/secret", "is missing")
	case n < ShortestHMAC:
		p.Add(pointer+"/secret", "is too short: at least %d bytes are needed", ShortestHMAC)
	}
	CheckText(p, pointer+"/secret", h.Secret.Reveal(), MaxSecretLen)
}
