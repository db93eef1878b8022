package sender

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// auth is how a request shows who we are.
type auth struct {
	header   hub.Header // static; Name "" without one
	query    string     // "name=value", encoded; "" without one
	exchange *exchange  // gets a token; nil without one
}

// exchange is a call that yields a token, and where the token then stands.
type exchange struct {
	key           [sha256.Size]byte // whose token: tenant, address, client, scopes, secret
	requests      []outgoing        // tried in turn: OAuth2 servers differ in where they want the secret
	tokenPath     string
	expiresPath   string
	header        string
	before, after string // around the token in the header's value
}

func (a *auth) addHeader(out *outgoing, token string) {
	switch {
	case a.header.Name != "":
		out.headers = append(out.headers, a.header)
		out.conceal()
	case a.exchange != nil:
		out.headers = append(out.headers, hub.Header{Name: a.exchange.header, Value: a.exchange.before + token + a.exchange.after})
		out.conceal()
		if token != hub.Masked {
			out.hide = append(out.hide, token)
		}
	}
}

func (a *auth) addQuery(out *outgoing) {
	if a.query == "" {
		return
	}
	joint := "?"
	if strings.Contains(out.url, "?") {
		joint = "&"
	}
	out.url += joint + a.query
}

func (c *compiler) compileAuth() {
	a := &c.e.Auth
	need := func(pointer, value, what string) bool {
		switch {
		case value == "":
			c.problems.Add(pointer, "is missing: %s", what)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			c.problems.Add(pointer, "contains a control character, perhaps a line break at its end")
		default:
			return true
		}
		return false
	}
	switch a.Type {
	case "", "none":
	case "bearer":
		if need("/auth/token", a.Token.Reveal(), "the token to send") && c.header("/auth/type", "Authorization", "auth") {
			c.auth.header = hub.Header{Name: "Authorization", Value: "Bearer " + a.Token.Reveal()}
		}
	case "basic":
		name := a.Header
		if name == "" {
			name = "Authorization"
		}
		ok := need("/auth/username", a.Username, "the user's name")
		if strings.Contains(a.Username, ":") {
			c.problems.Add("/auth/username", "contains a colon, which basic authentication cannot carry")
		}
		if a.Password.Reveal() != "" {
			ok = need("/auth/password", a.Password.Reveal(), "") && ok
		}
		if c.header("/auth/header", name, "auth") && ok {
			text := base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + a.Password.Reveal()))
			c.auth.header = hub.Header{Name: name, Value: "Basic " + text}
		}
	case "api_key":
		ok := need("/auth/name", a.Name, "the header or parameter that holds the key")
		ok = need("/auth/value", a.Value.Reveal(), "the key") && ok
		switch a.In {
		case "header", "":
			if ok && c.header("/auth/name", a.Name, "auth") {
				c.auth.header = hub.Header{Name: a.Name, Value: a.Value.Reveal()}
			}
		case "query":
			if ok {
				b := append(expr.AppendQuery(nil, a.Name), '=')
				c.auth.query = string(expr.AppendQuery(b, a.Value.Reveal()))
			}
		default:
			c.problems.Add("/auth/in", "%q is not known: choose header or query", a.In)
		}
	case "oauth2":
		c.compileOAuth2(need)
	case "exchange":
		c.compileExchange(need)
	case "client_certificate":
		if a.Certificate == "" {
			c.problems.Add("/auth/certificate", "is missing: the certificate in PEM form")
		}
		if a.Key.IsZero() {
			c.problems.Add("/auth/key", "is missing: the certificate's private key in PEM form")
		}
	default:
		c.problems.Add("/auth/type", "%q is not known: choose none, bearer, basic, api_key, oauth2, exchange or client_certificate", a.Type)
	}
	c.compileTLS()
}

// compileTLS reads the client certificate and the authorities; a CA of one's own may stand beside any type.
func (c *compiler) compileTLS() {
	a := &c.e.Auth
	if a.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(a.CA)) {
			c.problems.Add("/auth/ca", "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
		}
		c.tls.ca = sha256.Sum256([]byte(a.CA))
		c.tls.roots = pool
	}
	if a.Type != "client_certificate" || a.Certificate == "" || a.Key.IsZero() {
		return
	}
	certificate, err := tls.X509KeyPair([]byte(a.Certificate), []byte(a.Key.Reveal()))
	if err != nil {
		c.problems.Add("/auth/certificate", "does not fit its key, or one of them is not in PEM form")
		return
	}
	c.tls.client = &certificate
	c.tls.certificate = sha256.Sum256([]byte(a.Certificate + "\x00" + a.Key.Reveal()))
}

func (c *compiler) compileOAuth2(need func(pointer, value, what string) bool) {
	a := &c.e.Auth
	ok := need("/auth/client_id", a.ClientID, "the client's id")
	ok = need("/auth/client_secret", a.ClientSecret.Reveal(), "the client's secret") && ok
	address, fine := c.tokenAddress("/auth/token_url", a.TokenURL)
	if !c.header("/auth/type", "Authorization", "auth") || !ok || !fine {
		return
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(a.Scopes) > 0 {
		form.Set("scope", strings.Join(a.Scopes, " "))
	}
	inHeader := tokenRequest("POST", address, "application/x-www-form-urlencoded", form.Encode())
	inHeader.headers = append(inHeader.headers, hub.Header{Name: "Authorization", Value: "Basic " + clientCredentials(a)})
	form.Set("client_id", a.ClientID)
	form.Set("client_secret", a.ClientSecret.Reveal())
	inBody := tokenRequest("POST", address, "application/x-www-form-urlencoded", form.Encode())
	scopes := append([]string(nil), a.Scopes...)
	slices.Sort(scopes)
	c.auth.exchange = &exchange{
		key:       c.tokenKey("oauth2", address, a.ClientID, strings.Join(scopes, " "), a.ClientSecret.Reveal()),
		requests:  []outgoing{inHeader, inBody},
		tokenPath: "access_token", expiresPath: "expires_in",
		header: "Authorization", before: "Bearer ",
	}
}

// clientCredentials are client and secret as OAuth 2 writes them into a header: RFC 6749, section 2.3.1.
func clientCredentials(a *hub.Auth) string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.ClientID) + ":" + url.QueryEscape(a.ClientSecret.Reveal())))
}

func (c *compiler) compileExchange(need func(pointer, value, what string) bool) {
	a := &c.e.Auth
	if a.Request == nil {
		c.problems.Add("/auth/request", "is missing: the call that gets the token")
		return
	}
	ok := need("/auth/token_path", a.TokenPath, "where the token stands in the answer, such as data.token")
	address, fine := c.tokenAddress("/auth/request/url", a.Request.URL)
	name, value, found := strings.Cut(a.Header, ":")
	if a.Header == "" {
		name, value, found = "Authorization", "Bearer #token#", true
	}
	before, after, hasToken := strings.Cut(strings.TrimSpace(value), "#token#")
	if !found || !hasToken || !validHeaderText(before+after) {
		c.problems.Add("/auth/header", "is to look like Authorization: Bearer #token#")
		fine = false
	}
	method := a.Request.Method
	if method == "" {
		method = "POST"
	}
	if !slices.Contains([]string{"POST", "GET", "PUT", "PATCH"}, method) {
		c.problems.Add("/auth/request/method", "%q is none of GET, POST, PUT, PATCH", method)
	}
	contentType := a.Request.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	if !validHeaderText(contentType) {
		c.problems.Add("/auth/request/content_type", "is not a content type")
	}
	out := tokenRequest(method, address, contentType, a.Request.Body.Reveal())
	keyed := []string{"exchange", method, address, a.Request.Body.Reveal(), a.TokenPath}
	for _, name := range slices.Sorted(maps.Keys(a.Request.Headers)) {
		pointer := "/auth/request/headers/" + hub.EscapePointer(name)
		text := a.Request.Headers[name].Reveal()
		switch {
		case !validToken(name):
			c.problems.Add(pointer, "%q is not a header name", name)
		case reserved(strings.ToLower(name)) != "":
			c.problems.Add(pointer, "%s %s", name, reserved(strings.ToLower(name)))
		case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
			c.problems.Add(pointer, "contains a control character")
		}
		out.headers = append(out.headers, hub.Header{Name: name, Value: text})
		keyed = append(keyed, name, text)
	}
	if !fine || !c.header("/auth/header", name, "auth") || !ok {
		return
	}
	c.auth.exchange = &exchange{
		key: c.tokenKey(keyed...), requests: []outgoing{out},
		tokenPath: a.TokenPath, expiresPath: a.ExpiresPath, header: name, before: before, after: after,
	}
}

// tokenAddress checks an address that must not hold variables: whose token it is may not depend on an event.
func (c *compiler) tokenAddress(pointer, text string) (string, bool) {
	if strings.TrimSpace(text) == "" {
		c.problems.Add(pointer, "is missing: the address that gives the token")
		return "", false
	}
	u, err := expr.ParseURL(text)
	if err != nil {
		c.templateProblem(pointer, err)
		return "", false
	}
	if len(u.Paths()) > 0 {
		c.problems.Add(pointer, "may not contain variables")
		return "", false
	}
	address, err := u.Render(expr.NewScope(), expr.MissingEmpty)
	if err != nil {
		c.templateProblem(pointer, err)
		return "", false
	}
	return address, true
}

func tokenRequest(method, address, contentType, body string) outgoing {
	out := outgoing{method: method, url: address, headers: []hub.Header{{Name: "Accept", Value: "application/json"}}}
	if body != "" {
		out.body = []byte(body)
		out.headers = append(out.headers, hub.Header{Name: "Content-Type", Value: contentType})
	}
	if address != "" {
		if err := out.split(); err != nil {
			panic(fmt.Sprintf("BUG: a checked address does not split: %v", err))
		}
	}
	return out
}

// tokenKey keeps the tokens of different identities apart. The parts' lengths are hashed too, so that no two lists
// look alike.
func (c *Compiled) tokenKey(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d\x00%s\x00%s", c.tenant, hex.EncodeToString(c.tls.ca[:]), hex.EncodeToString(c.tls.certificate[:]))
	for _, p := range parts {
		fmt.Fprintf(h, "\x00%d\x00%s", len(p), p)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
