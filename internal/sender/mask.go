package sender

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"hacek/internal/hub"
)

// shortestHidden is the length below which a secret is hidden only where it stands: replacing every "abc" would make
// the evidence unreadable and protect nothing.
const shortestHidden = 6

// masker replaces known secrets, in every form they may take, wherever they turn up: a receiver that echoes its
// request must not carry them into the log.
type masker struct {
	secrets []hidden // longest first
}

// hidden is a secret in one of its forms, as text and as bytes, since every body is searched for it.
type hidden struct {
	text string
	raw  []byte
}

func newMasker(secrets []string) masker {
	var m masker
	seen := map[string]bool{}
	for _, s := range secrets {
		for _, form := range forms(s) {
			if len(form) >= shortestHidden && !seen[form] {
				seen[form] = true
				m.secrets = append(m.secrets, hidden{form, []byte(form)})
			}
		}
	}
	m.sort()
	return m
}

func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)),
	}
}

// with adds what became secret in this call, such as a token.
func (m *masker) with(more ...string) *masker {
	if len(more) == 0 {
		return m
	}
	n := newMasker(more)
	n.secrets = append(n.secrets, m.secrets...)
	n.sort()
	return &n
}

func (m *masker) sort() {
	sort.SliceStable(m.secrets, func(i, j int) bool { return len(m.secrets[i].raw) > len(m.secrets[j].raw) })
}

func (m *masker) text(s string) string {
	for _, secret := range m.secrets {
		if strings.Contains(s, secret.text) {
			s = strings.ReplaceAll(s, secret.text, hub.Masked)
		}
	}
	return s
}

// bytes returns b itself when nothing had to be hidden.
func (m *masker) bytes(b []byte) []byte {
	for _, secret := range m.secrets {
		if bytes.Contains(b, secret.raw) {
			b = bytes.ReplaceAll(b, secret.raw, []byte(hub.Masked))
		}
	}
	return b
}

func (m *masker) answer(a hub.Answer) hub.Answer {
	a.Body = m.bytes(a.Body)
	var headers http.Header
	for name, values := range a.Headers {
		for i, v := range values {
			shown := m.text(v)
			if secretName(name) {
				shown = hub.Masked
			}
			if shown == v {
				continue
			}
			if headers == nil {
				headers = a.Headers.Clone()
			}
			headers[name][i] = shown
		}
	}
	if headers != nil {
		a.Headers = headers
	}
	return a
}

// maskCredential hides a header's value and leaves its scheme: "Bearer ***".
func maskCredential(value string) string {
	if scheme, _, found := strings.Cut(value, " "); found && (scheme == "Bearer" || scheme == "Basic" || scheme == "Token") {
		return scheme + " " + hub.Masked
	}
	return hub.Masked
}

// secretName recognises headers and parameters that hold a key although nobody marked them so.
func secretName(name string) bool {
	switch name {
	case "Date", "Server", "Content-Type", "Content-Length", "Connection":
		return false // every answer has them
	}
	lower := strings.ToLower(name)
	switch lower {
	case "authorization", "proxy-authorization", "cookie", "set-cookie", "key", "pwd", "pass", "sig":
		return true
	}
	for _, word := range []string{"token", "secret", "apikey", "api-key", "api_key", "password", "passwd", "auth-key", "auth_key", "access-key", "access_key"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// secrets lists every secret of the endpoint as it might turn up in an output.
func (c *compiler) secrets() []string {
	var list []string
	for _, s := range c.e.Secrets() {
		list = append(list, s.Reveal())
	}
	for _, headers := range c.e.HeaderSecrets() {
		for _, s := range headers {
			list = append(list, credentials(s.Reveal())...)
		}
	}
	a := &c.e.Auth
	switch a.Type {
	case "basic":
		list = append(list, base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Password.Reveal())))
	case "oauth2":
		list = append(list, clientCredentials(a))
	case "exchange":
		if a.Request != nil {
			list = append(list, keysInBody(a.Request.Body.Reveal())...)
		}
	}
	list = append(list, keysInURL(c.e.Request.URL)...)
	for _, p := range c.query {
		if p.secret && p.value == nil {
			list = append(list, c.e.Request.Query[p.name])
		}
	}
	for i := range c.headers {
		if p := &c.headers[i]; p.secret && p.value == nil {
			list = append(list, credentials(p.static)...)
		}
	}
	return list
}

// credentials are the forms in which a careless server may repeat a header's value: all of it, without its first word, and
// the password inside "Basic".
func credentials(value string) []string {
	list := []string{value}
	kind, rest, found := strings.Cut(value, " ")
	if !found {
		return list
	}
	list = append(list, rest)
	if pair, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(kind, "basic") {
		if _, password, found := strings.Cut(string(pair), ":"); found {
			list = append(list, password)
		}
	}
	return list
}

// keysInBody finds the keys in what is given for a token: a careless server repeats one field, not the whole.
func keysInBody(body string) (list []string) {
	var visit func(name string, value any)
	visit = func(name string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				visit(name, member)
			}
		case []any:
			for _, item := range value {
				visit(name, item)
			}
		case string:
			if secretName(name) {
				list = append(list, value)
			}
		}
	}
	var document any
	if json.Unmarshal([]byte(body), &document) == nil {
		visit("", document)
		return list
	}
	form, _ := url.ParseQuery(body) // what is no form has no fields
	for name, values := range form {
		for _, value := range values {
			visit(name, value)
		}
	}
	return list
}

// keysInURL finds keys that were typed into an address.
func keysInURL(address string) []string {
	var list []string
	_, query, _ := strings.Cut(address, "?")
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(value); err == nil && secretName(name) && !strings.Contains(value, "#") {
			list = append(list, plain)
		}
	}
	return list
}
