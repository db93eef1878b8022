package sender

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

// Compiled is an endpoint's settings, checked and compiled once, used by any number of calls at once.
type Compiled struct {
	tenant int64
	name   string
	method string

	url       *expr.URLTemplate
	staticURL string // the whole address with query, when nothing in it depends on the event
	query     []pair
	headers   []pair
	body      body
	missing   expr.Missing

	condition  string
	table      string
	attributes []pairText
	auth       auth
	standard   signature.Standard
	hmacs      []hmacHeader
	success    success
	timeout    time.Duration
	tls        tlsKey

	needsScope bool
	ownRepeats bool // the settings send an Idempotency-Key of their own
	mask       masker
	used       []usedPaths
	connected  atomic.Pointer[line]
}

// pair is a header or a query parameter. A static one has no template.
type pair struct {
	name, static string
	value        *expr.Template
	secret       bool // by its name: a key somebody typed into an ordinary header
}

type pairText struct{ name, value string }

// usedPaths remembers which variables a field uses, for warnings at save.
type usedPaths struct {
	pointer string
	paths   []string
}

type hmacHeader struct {
	header string
	sign   *signature.HMAC
}

// compiler collects every problem of the settings, so that a form shows all of them at once.
type compiler struct {
	*Compiled
	e        *hub.Endpoint
	problems hub.Problems
	names    map[string]string // lower-case header name -> the setting that sends it
}

// Compile checks the settings of an endpoint and prepares them for sending. The error is a *hub.Error that points at
// every field that is wrong.
func Compile(e hub.Endpoint, tenant int64) (*Compiled, error) {
	c := compiler{Compiled: &Compiled{tenant: tenant, name: e.Name}, e: &e, names: map[string]string{}}
	c.compileBasics()
	c.compileURL()
	c.compileAuth()
	c.compileSignature()
	c.compileHeaders()
	c.compileBody()
	c.compileSuccess()
	c.ownRepeats = c.names["idempotency-key"] != ""
	c.mask = newMasker(c.secrets())
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return c.Compiled, nil
}

func (c *compiler) compileBasics() {
	r := &c.e.Request
	c.method = r.Verb()
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, c.method) {
		c.problems.Add("/request/method", "%q is not a method: choose GET, POST, PUT, PATCH or DELETE", r.Method)
	}
	c.missing = expr.Missing(r.Missing)
	switch c.missing {
	case "":
		c.missing = expr.MissingEmpty
	case expr.MissingEmpty, expr.MissingNull, expr.MissingOmit, expr.MissingFail:
	default:
		c.problems.Add("/request/missing", "%q is not known: choose empty, null, omit or fail", r.Missing)
	}
	c.timeout = r.Timeout.D()
	switch {
	case c.timeout == 0:
		c.timeout = DefaultTimeout
	case c.timeout > MaxTimeout:
		c.problems.Add("/request/timeout", "%s is too long: at most %s", r.Timeout, hub.Duration(MaxTimeout))
	}
	c.condition, c.table = c.e.Subscription.Condition, r.Table
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		c.attributes = append(c.attributes, pairText{name, r.Attributes[name]})
		hub.CheckText(&c.problems, "/request/attributes/"+hub.EscapePointer(name), name+r.Attributes[name], 64<<10)
	}
}

func (c *compiler) compileURL() {
	r := &c.e.Request
	if strings.TrimSpace(r.URL) == "" {
		c.problems.Add("/request/url", "is missing: the address to call, such as https://wms.example/in")
	} else if u, err := expr.ParseURL(r.URL); err != nil {
		c.templateProblem("/request/url", err)
	} else {
		c.url = u
		c.uses("/request/url", u.Paths())
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		pointer := "/request/query/" + hub.EscapePointer(name)
		if name == "" {
			c.problems.Add(pointer, "a query parameter needs a name")
			continue
		}
		if p, ok := c.pair(pointer, name, r.Query[name], expr.Query); ok {
			p.secret = secretName(name)
			c.query = append(c.query, p)
		}
	}
	static := c.url != nil && len(c.url.Paths()) == 0
	for _, p := range c.query {
		static = static && p.value == nil
	}
	if static && len(c.problems) == 0 {
		text, err := c.renderURL(expr.NewScope())
		if err != nil {
			c.templateProblem("/request/url", err)
		}
		c.staticURL = text
	}
}

// pair compiles a template; a static one is kept as the text it renders to.
func (c *compiler) pair(pointer, name, text string, place expr.Place) (pair, bool) {
	t, err := expr.ParseTemplate(text, place)
	if err != nil {
		c.templateProblem(pointer, err)
		return pair{}, false
	}
	c.uses(pointer, t.Paths())
	p := pair{name: name, value: t}
	if len(t.Paths()) == 0 {
		static, err := t.Render(nil, expr.NewScope(), expr.MissingEmpty)
		if err != nil {
			c.templateProblem(pointer, err)
			return pair{}, false
		}
		p.value, p.static = nil, string(static)
		if place == expr.Query {
			// What a person typed into the value is a value, not half of an address.
			literal, _ := t.Static()
			p.static = string(expr.AppendQuery(nil, literal))
		}
	}
	return p, true
}

func (c *compiler) uses(pointer string, paths []string) {
	if len(paths) > 0 {
		c.used = append(c.used, usedPaths{pointer, paths})
		c.needsScope = true
	}
}

func (c *compiler) templateProblem(pointer string, err error) {
	c.problems.Add(pointer, "%s", expr.WithHint(err))
}

// reserved tells which headers are ours, and what to do instead of setting them.
func reserved(lower string) string {
	switch lower {
	case "host", "content-length", "transfer-encoding", "connection":
		return "is set by the hub and cannot be changed"
	case "content-type":
		return "is set by request.content_type"
	case "content-encoding", "accept-encoding", "expect", "upgrade", "te", "trailer", "keep-alive", "proxy-authorization", "proxy-connection":
		return "belongs to the connection and cannot be set"
	}
	if strings.HasPrefix(lower, "webhook-") || strings.HasPrefix(lower, "hacek-") {
		return "begins with a prefix of the hub's own headers and cannot be set"
	}
	return ""
}

// header notes that a header is sent, and refuses what is ours, what is no header, and what is sent twice.
func (c *compiler) header(pointer, name, setting string) bool {
	lower := strings.ToLower(name)
	switch {
	case !validToken(name):
		c.problems.Add(pointer, "%q is not a header name: letters, digits and hyphens only", name)
	case reserved(lower) != "":
		c.problems.Add(pointer, "%s %s", name, reserved(lower))
	case c.names[lower] != "":
		c.problems.Add(pointer, "%s is sent already by %s", name, c.names[lower])
	default:
		c.names[lower] = setting
		return true
	}
	return false
}

func (c *compiler) compileHeaders() {
	for _, name := range slices.Sorted(maps.Keys(c.e.Request.Headers)) {
		pointer := "/request/headers/" + hub.EscapePointer(name)
		if !c.header(pointer, name, "request.headers") {
			continue
		}
		if p, ok := c.pair(pointer, name, c.e.Request.Headers[name], expr.Header); ok {
			p.secret = secretName(name)
			c.headers = append(c.headers, p)
		}
	}
}

func (c *compiler) compileSignature() {
	s := &c.e.Signature
	for i, scheme := range s.Schemes {
		switch scheme {
		case hub.SchemeStandard:
			if s.Secret.IsZero() {
				break // generated when the endpoint is saved; a preview of an unsaved one is not signed
			}
			if err := c.standard.AddSecret(s.Secret.Reveal(), time.Time{}); err != nil {
				c.problems.Add("/signature/secret", "%s", err)
			}
		case hub.SchemeEd25519:
			if s.PrivateKey.IsZero() {
				break
			}
			if err := c.standard.AddPrivateKey(s.PrivateKey.Reveal(), time.Time{}); err != nil {
				c.problems.Add("/signature/private_key", "%s", err)
			}
		case hub.SchemeHMAC:
			if len(s.HMAC) == 0 {
				c.problems.Add("/signature/hmac", "is missing: the scheme hmac needs a header and a secret")
			}
		default:
			c.problems.Add("/signature/schemes/"+itoa(i), "%q is not known: choose standard-webhooks, ed25519 or hmac", scheme)
		}
	}
	for i, old := range s.Previous {
		pointer := "/signature/previous/" + itoa(i)
		if !old.Secret.IsZero() && slices.Contains(s.Schemes, hub.SchemeStandard) {
			if err := c.standard.AddSecret(old.Secret.Reveal(), old.ExpiresAt); err != nil {
				c.problems.Add(pointer+"/secret", "%s", err)
			}
		}
		if !old.PrivateKey.IsZero() && slices.Contains(s.Schemes, hub.SchemeEd25519) {
			if err := c.standard.AddPrivateKey(old.PrivateKey.Reveal(), old.ExpiresAt); err != nil {
				c.problems.Add(pointer+"/private_key", "%s", err)
			}
		}
	}
	if len(s.HMAC) > 0 && !slices.Contains(s.Schemes, hub.SchemeHMAC) {
		c.problems.Add("/signature/schemes", "do not name hmac, although signature.hmac is given")
	}
	for i, form := range s.HMAC {
		c.compileHMAC("/signature/hmac/"+itoa(i), form)
	}
}

func (c *compiler) compileHMAC(pointer string, form hub.HMAC) {
	sign, err := signature.NewHMAC(signature.HMACForm{
		Algorithm: form.Algorithm, Encoding: form.Encoding, Prefix: form.Prefix, Signed: form.Signed, Secret: form.Secret.Reveal(),
	})
	if e, is := errors.AsType[*signature.FormError](err); is {
		c.problems.Add(pointer+"/"+e.Field, "%s", e.Detail)
	} else if err != nil {
		c.problems.Add(pointer, "%v", err)
	}
	if c.header(pointer+"/header", form.Header, "signature.hmac") && err == nil {
		c.hmacs = append(c.hmacs, hmacHeader{form.Header, sign})
	}
}

// contentType splits a media type from its charset, which may stand in either setting.
func (c *compiler) contentType() (media, charset string) {
	r := &c.e.Request
	text := r.ContentType
	if text == "" {
		text = "application/json"
	}
	media, params, err := mime.ParseMediaType(text)
	if err != nil || !strings.Contains(media, "/") || !validHeaderText(text) {
		c.problems.Add("/request/content_type", "%q is not a content type such as application/json or text/xml", r.ContentType)
		return "application/json", "utf-8"
	}
	charset = strings.ToLower(strings.TrimSpace(r.Charset))
	if charset == "" || charset == "utf8" {
		charset = "utf-8"
	}
	if named := strings.ToLower(params["charset"]); named != "" {
		if charset != "utf-8" && charset != named {
			c.problems.Add("/request/charset", "is %s, but request.content_type says %s", charset, named)
		}
		charset = named
	}
	delete(params, "charset")
	return mime.FormatMediaType(media, params), charset
}

// Warnings lists the variables that a sample event lacks; they are sent as request.missing says.
func (c *Compiled) Warnings(call Call) []hub.FieldError {
	if len(c.used) == 0 {
		return nil
	}
	scope, err := c.scope(&call)
	if err != nil {
		return []hub.FieldError{{Pointer: "", Detail: "the sample is " + err.Error()}}
	}
	var list []hub.FieldError
	for _, u := range c.used {
		for _, path := range u.paths {
			if _, found := scope.Lookup(strings.ReplaceAll(path, "[]", "[0]")); !found {
				list = append(list, hub.FieldError{Pointer: u.pointer, Detail: "the sample has no " + path})
			}
		}
	}
	return list
}

func validToken(name string) bool {
	if name == "" || len(name) > 200 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c >= 0x80 || c <= ' ' || c == 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return true
}

func validHeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func canonical(name string) string { return http.CanonicalHeaderKey(name) }
