package receiver

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"hacek/internal/expr"
	"hacek/packs"
)

// handshake is a provider's question whether somebody is there, ready to be compared with requests.
type handshake struct {
	*packs.Handshake
	when  []condition
	match []condition
	token path
	bare  bool // nothing is asked of header, query or body
}

// condition is a path with what must stand there: a text, or for matches the name of a setting.
type condition struct {
	path
	want string
}

func compileHandshake(h *packs.Handshake) (*handshake, error) {
	if h.Plain && h.HMAC != nil {
		return nil, fmt.Errorf("the handshake %s would sign whatever it is given", h.Name)
	}
	if h.HMAC != nil && hashOf(h.HMAC.Hash) == nil {
		return nil, fmt.Errorf("the handshake %s has an unknown hash %q", h.Name, h.HMAC.Hash)
	}
	c := &handshake{Handshake: h, bare: len(h.Paths) == 0}
	for name, want := range h.Paths {
		c.when = append(c.when, condition{parsePath(name), want})
	}
	for name, setting := range h.Match {
		c.match = append(c.match, condition{parsePath(name), setting})
	}
	if h.Token != "" {
		c.token = parsePath(h.Token)
	}
	return c, nil
}

// concerns tells whether a request is this handshake.
func (h *handshake) concerns(method string, r *roots) bool {
	if h.Method != "" && !strings.EqualFold(h.Method, method) {
		return false
	}
	if h.bare && h.Method == "" {
		return false // it would swallow every request
	}
	for _, c := range h.when {
		v, found := c.find(r)
		if !found || c.want != "*" && v.Text() != c.want {
			return false
		}
	}
	if !h.Exactly {
		return true
	}
	fields := 0
	for range r.body.Members() {
		fields++
	}
	for _, c := range h.when {
		if c.path[0] == "body" {
			fields--
		}
	}
	return r.body.Kind() == expr.Object && fields == 0
}

// safeToken is what may be given back or signed: no signed text of any provider consists of these alone.
var safeToken = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

const longestPlain = 4 << 10

// reply is the exact answer, or a refusal with its reason. secret is the source's first one.
func (h *handshake) reply(r *roots, settings map[string]string, secret string) (answer, string) {
	no := say(http.StatusForbidden, "no")
	if h.Refused != nil {
		no = answer{status: h.Refused.Status, contentType: h.Refused.ContentType, body: h.Refused.Body}
	}
	for _, m := range h.match {
		v, found := m.find(r)
		want := settings[m.want]
		if !found || want == "" || subtle.ConstantTimeCompare([]byte(v.Text()), []byte(want)) != 1 {
			return no, "the " + h.Name + " does not give the " + strings.ReplaceAll(m.want, "_", " ") + " that the source's settings name"
		}
	}
	given := map[string]string{}
	if h.token != nil {
		v, found := h.token.find(r)
		text := v.Text()
		switch {
		case !found:
			return no, "the " + h.Name + " has no token to give back"
		case h.Plain && (len(text) > longestPlain || !printable(text)), !h.Plain && !safeToken.MatchString(text):
			return no, "the " + h.Name + " asks to give back something that is no token"
		}
		given["token"] = text
		if h.HMAC != nil {
			if secret == "" {
				return no, "the " + h.Name + " needs a secret, and the source has none"
			}
			given["hmac"] = h.sign(text, secret)
		}
	}
	a := answer{status: h.Answer.Status, contentType: h.Answer.ContentType}
	if h.Plain {
		a.contentType = "text/plain; charset=utf-8"
	}
	escape := escapeFor(a.contentType)
	a.body = fill(h.Answer.Body, r, given, escape)
	for name, text := range h.Answer.Headers {
		value := fill(text, r, given, func(s string) string { return s })
		if len(value) <= 256 && printable(value) {
			if a.headers == nil {
				a.headers = map[string]string{}
			}
			a.headers[name] = value
		}
	}
	return a, ""
}

func (h *handshake) sign(token, secret string) string {
	m := hmac.New(hashOf(h.HMAC.Hash), []byte(secret))
	m.Write([]byte(token))
	sum := m.Sum(nil)
	text := hex.EncodeToString(sum)
	if h.HMAC.Encoding == "base64" {
		text = base64.StdEncoding.EncodeToString(sum)
	}
	return h.HMAC.Prefix + text
}

func hashOf(name string) func() hash.Hash {
	return map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}[name]
}

var tag = regexp.MustCompile(`#[a-z][\w.\[\]-]*#`)

// fill puts values in the places of #token#, #hmac#, #header.Name#, #query.name# and #body.path#.
func fill(text string, r *roots, given map[string]string, escape func(string) string) string {
	return tag.ReplaceAllStringFunc(text, func(tag string) string {
		name := strings.Trim(tag, "#")
		if value, known := given[name]; known {
			return escape(value)
		}
		if !strings.Contains(name, ".") {
			return tag
		}
		v, _ := parsePath(name).find(r)
		return escape(cut(v.Text(), longestPlain))
	})
}

func escapeFor(contentType string) func(string) string {
	switch {
	case strings.Contains(contentType, "json"):
		return func(s string) string {
			b := appendString(nil, s)
			return string(b[1 : len(b)-1])
		}
	case strings.Contains(contentType, "xml"):
		return func(s string) string {
			var b strings.Builder
			_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
			return b.String()
		}
	}
	return func(s string) string { return s }
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) })
}
