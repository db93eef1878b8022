package sender

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

// outgoing is a request ready to be written.
type outgoing struct {
	method  string
	url     string
	secure  bool
	host    string // as in the Host header
	address string // host:port to dial
	target  string // path and query
	headers []hub.Header
	secret  []bool // which headers show only "***"
	ours    int    // from here on they are ids, times and signatures, in which no secret can stand
	body    []byte

	dataAt, dataLen int
	keep            int      // bytes of the answer that are wanted; 0 is AnswerKept
	key             string   // the event's: a parameter "key" with this value is no credential
	hide            []string // what became secret in this call
}

// build renders the request. The token is what an exchange fetched, "" without one.
func (c *Compiled) build(s *Sender, call *Call, token string) (outgoing, error) {
	out := outgoing{method: c.method, url: c.staticURL, key: call.Event.Key}
	var scope *expr.Scope
	if c.needsScope {
		var err error
		if scope, err = c.scope(call); err != nil {
			return out, err
		}
	}
	if out.url == "" {
		var err error
		if out.url, err = c.renderURL(scope); err != nil {
			return out, fmt.Errorf("request.url: %w", err)
		}
	}
	c.auth.addQuery(&out)
	if err := out.split(); err != nil {
		return out, err
	}
	if err := c.body.render(c, &out, scope, call); err != nil {
		return out, fmt.Errorf("request.body: %w", err)
	}
	if err := c.addHeaders(s, &out, scope, call, token); err != nil {
		return out, err
	}
	return out, nil
}

func (c *Compiled) scope(call *Call) (*expr.Scope, error) {
	s, err := c.outline(call)
	if err != nil {
		return nil, err
	}
	s.SetText("endpoint", "name", c.name)
	table := call.Table
	if table == "" {
		table = c.table
	}
	s.SetText("endpoint", "table", table)
	s.SetText("endpoint", "condition", c.condition)
	for _, a := range c.attributes {
		s.SetText("attributes", a.name, a.value)
	}
	return s, nil
}

// outline is what every setting's templates see of the event: the caller's own view, or the plain one.
func (c *Compiled) outline(call *Call) (*expr.Scope, error) {
	if call.Scope != nil {
		return call.Scope.With(), nil
	}
	e := call.Event
	data, err := expr.ParseDoc(e.Data)
	if err != nil {
		return nil, fmt.Errorf("the event's data: %w", err)
	}
	s := expr.NewScope()
	s.SetDoc("data", data)
	s.SetText("event", "id", call.eventID())
	s.SetText("event", "type", e.Type)
	s.SetText("event", "time", hub.TimeText(e.Time))
	s.SetText("event", "key", e.Key)
	s.SetText("event", "source", e.Source)
	s.SetText("source", "name", e.Source)
	return s, nil
}

func (call *Call) eventID() string {
	if call.EventID != "" {
		return call.EventID
	}
	return call.Event.ID.Text(hub.EventPrefix)
}

// renderURL fills the address and appends the query parameters, sorted by name.
func (c *Compiled) renderURL(scope *expr.Scope) (string, error) {
	text, err := c.url.Render(scope, c.missing)
	if err != nil || len(c.query) == 0 {
		return text, err
	}
	b := []byte(text)
	for _, p := range c.query {
		if p.value != nil && c.missing == expr.MissingOmit && p.value.Absent(scope) {
			continue
		}
		b = appendQueryName(b, p.name)
		if p.value == nil {
			b = append(b, p.static...)
			continue
		}
		if b, err = p.value.Render(b, scope, c.missing); err != nil {
			return "", err
		}
	}
	return string(b), nil
}

// appendQueryName opens one more parameter.
func appendQueryName(b []byte, name string) []byte {
	joint := byte('?')
	for i := range b {
		if b[i] == '?' {
			joint = '&'
			break
		}
	}
	if last := b[len(b)-1]; last != '?' && (last != '&' || joint == '?') {
		b = append(b, joint)
	}
	return append(expr.AppendQuery(b, name), '=')
}

// split finds what the connection needs to know in the rendered address.
func (out *outgoing) split() error {
	rest, secure := strings.CutPrefix(out.url, "https://")
	port := "443"
	if !secure {
		rest, port = strings.TrimPrefix(out.url, "http://"), "80"
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	out.secure, out.host, out.target = secure, rest[:end], rest[end:]
	if out.target == "" || out.target[0] == '?' {
		out.target = "/" + out.target
	}
	out.address = out.host
	if i := strings.LastIndexByte(out.host, ':'); i < 0 || strings.HasSuffix(out.host, "]") {
		out.address = out.host + ":" + port
	}
	for i := range len(out.url) {
		if c := out.url[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("request.url: a control character or a blank in the address")
		}
	}
	return nil
}

func (c *Compiled) addHeaders(s *Sender, out *outgoing, scope *expr.Scope, call *Call, token string) error {
	out.headers = make([]hub.Header, 0, 10+len(c.headers)+len(c.hmacs))
	add := func(name, value string) { out.headers = append(out.headers, hub.Header{Name: name, Value: value}) }
	agent := true
	for i := range c.headers {
		p := &c.headers[i]
		value := p.static
		if p.value != nil {
			if c.missing == expr.MissingOmit && p.value.Absent(scope) {
				continue
			}
			text, err := p.value.Render(nil, scope, c.missing)
			if err != nil {
				return fmt.Errorf("header %s: %w", p.name, err)
			}
			value = string(text)
		}
		add(p.name, value)
		if p.secret {
			out.conceal()
			if p.value != nil {
				out.hide = append(out.hide, value)
			}
		}
		agent = agent && !strings.EqualFold(p.name, "user-agent")
	}
	if agent {
		add("User-Agent", s.userAgent())
	}
	if c.body.kind != noBody {
		add("Content-Type", c.body.contentType)
		if c.body.compress {
			add("Content-Encoding", "gzip")
		}
	}
	c.auth.addHeader(out, token)
	if call.IdempotencyKey != "" && !c.ownRepeats {
		add("Idempotency-Key", call.IdempotencyKey)
	}
	out.ours = len(out.headers)
	if call.Plain {
		return nil
	}

	m := signature.Message{ID: call.eventID(), Time: call.Now.Unix(), Method: out.method, URL: out.url, Body: out.body}
	add(signature.HeaderID, m.ID)
	add(signature.HeaderTimestamp, strconv.FormatInt(m.Time, 10))
	if c.standard.Signs() {
		add(signature.HeaderSignature, string(c.standard.AppendSignature(make([]byte, 0, 64), m, call.Now)))
	}
	for i := range c.hmacs {
		add(c.hmacs[i].header, string(c.hmacs[i].sign.AppendSignature(nil, m)))
		out.ours = len(out.headers) // what else stands beside a signature is the user's
	}
	if call.DeliveryID != "" {
		add("hacek-delivery", call.DeliveryID)
	}
	if call.AttemptID != "" {
		add("hacek-attempt", call.AttemptID)
	}
	// This hub is one more stop on the event's way; a hub that receives it goes on counting.
	add("hacek-hops", strconv.Itoa(call.Event.Hops+1))
	return nil
}

// conceal keeps the header that was added last out of the evidence.
func (out *outgoing) conceal() {
	for len(out.secret) < len(out.headers)-1 {
		out.secret = append(out.secret, false)
	}
	out.secret = append(out.secret, true)
}

// evidence is the request as it may be shown.
func (out *outgoing) evidence(m *masker) hub.SentRequest {
	sent := hub.SentRequest{Method: out.method, URL: m.text(maskQuery(out.url, out.key)), Headers: out.headers, Body: out.body, DataAt: out.dataAt, DataLen: out.dataLen}
	copied := false
	for i, h := range out.headers[:out.ours] {
		value := m.text(h.Value)
		if i < len(out.secret) && out.secret[i] {
			value = maskCredential(h.Value)
		}
		if value != h.Value {
			if !copied {
				sent.Headers, copied = append([]hub.Header(nil), out.headers...), true
			}
			sent.Headers[i].Value = value
		}
	}
	if shown := m.bytes(out.body); len(shown) != len(out.body) || len(shown) > 0 && &shown[0] != &out.body[0] {
		sent.Body, sent.DataAt, sent.DataLen = shown, 0, 0
	}
	return sent
}

// maskQuery hides the values of parameters whose name says that they are keys; except is a value that is none.
func maskQuery(text, except string) string {
	base, query, found := strings.Cut(text, "?")
	if !found {
		return text
	}
	parts := strings.Split(query, "&")
	changed := false
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil && value != "" && secretName(plain) {
			if shown, err := url.QueryUnescape(value); err == nil && shown == except {
				continue
			}
			parts[i], changed = name+"="+hub.Masked, true
		}
	}
	if !changed {
		return text
	}
	return base + "?" + strings.Join(parts, "&")
}

func itoa(n int) string { return strconv.Itoa(n) }
