package hub

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (r *Request) validate(p *Problems) {
	checkURL(p, "/request/url", r.URL, true)
	if !slices.Contains([]string{"", http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method) {
		p.Add("/request/method", "%q is none of GET, POST, PUT, PATCH, DELETE", r.Method)
	}
	checkTexts(p, "/request/query", r.Query, MaxURLLen)
	checkTexts(p, "/request/attributes", r.Attributes, MaxBodyLen)
	checkHeaders(p, "/request/headers", r.Headers)
	r.validatePayload(p)
	CheckLine(p, "/request/content_type", r.ContentType, MaxNameLen)
	CheckLine(p, "/request/charset", r.Charset, MaxNameLen)
	CheckText(p, "/request/table", r.Table, MaxNameLen)
	if !slices.Contains([]string{"empty", "null", "omit", "fail"}, r.Missing) {
		p.Add("/request/missing", "%q is none of empty, null, omit, fail", r.Missing)
	}
	if t := r.Timeout.D(); t < ShortestTimeout || t > LongestTimeout {
		p.Add("/request/timeout", "is %s; from 100ms to 60s are allowed", r.Timeout)
	}
}

func (r *Request) validatePayload(p *Problems) {
	switch r.Payload {
	case PayloadStandard, PayloadTemplate, PayloadNone:
	default:
		p.Add("/request/payload", "%q is none of standard, template, none", r.Payload)
		return
	}
	if r.Method == http.MethodGet && r.HasBody() {
		p.Add("/request/payload", "a GET has no body: set payload to none, or another method")
	}
	switch {
	case r.Payload == PayloadTemplate && r.Body == nil:
		p.Add("/request/body", "is missing; payload template needs it")
	case r.Payload == PayloadNone && r.Body != nil:
		p.Add("/request/body", "is given although payload is none")
	}
	if r.Body != nil {
		CheckText(p, "/request/body", *r.Body, MaxBodyLen)
	}
	if r.Fields == nil {
		return
	}
	if r.Payload != PayloadStandard {
		p.Add("/request/fields", "choose parts of the standard payload; payload is %s", r.Payload)
	}
	checkCount(p, "/request/fields", len(*r.Fields))
	for i, field := range *r.Fields {
		at := fmt.Sprintf("/request/fields/%d", i)
		CheckText(p, at, field, MaxNameLen)
		if field == "" {
			p.Add(at, "is empty")
		}
	}
}

// elsewhere are headers that have a setting of their own, where they are checked, or sealed.
var elsewhere = map[string]string{
	"content-type":     "set request.content_type and request.charset",
	"content-encoding": "set request.compress",
	"authorization":    "set auth, where it is sealed and masked",
}

// ours are headers that only the program writes.
var ours = []string{
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
	"proxy-authorization", "proxy-connection",
}

// ReservedHeader tells why a header may not be set, "" when it may.
func ReservedHeader(name string) string {
	name = strings.ToLower(name)
	if slices.Contains(ours, name) || strings.HasPrefix(name, "webhook-") || strings.HasPrefix(name, "hacek-") {
		return "is a header that only the hub sets"
	}
	return ""
}

func checkHeaders(p *Problems, pointer string, headers map[string]string) {
	checkCount(p, pointer, len(headers))
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := pointer + "/" + EscapePointer(name)
		checkHeaderName(p, at, name)
		CheckLine(p, at, headers[name], MaxURLLen)
		lower := strings.ToLower(name)
		if hint := elsewhere[lower]; hint != "" {
			p.Add(at, "cannot be set here: %s", hint)
		}
		if other, twice := seen[lower]; twice {
			p.Add(at, "is the same header as %s", other)
		}
		seen[lower] = name
	}
}

func checkHeaderName(p *Problems, pointer, name string) {
	if !isToken(name) {
		p.Add(pointer, "%q is not the name of a header", name)
		return
	}
	if why := ReservedHeader(name); why != "" {
		p.Add(pointer, "%s %s", name, why)
	}
}

// isToken is the rule of RFC 9110 for names of headers.
func isToken(name string) bool {
	return name != "" && len(name) <= MaxNameLen && !strings.ContainsFunc(name, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	})
}

// Origin is scheme, host and port of an address, written in one way; the path may hold variables. Two addresses
// with the same Origin are the same place to send a secret to.
func Origin(address string) (string, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("must begin with https:// or http://")
	}
	authority := rest
	if i := strings.IndexAny(rest, `/?\`); i >= 0 {
		authority = rest[:i]
	}
	if host, fragment, cut := strings.Cut(authority, "#"); cut {
		if host == "" || strings.Contains(fragment, "#") {
			return "", fmt.Errorf("has a variable in the host; only path and query may have variables")
		}
		return "", fmt.Errorf("has a # in the host")
	}
	if strings.Contains(authority, "@") {
		return "", fmt.Errorf("must not contain a user or password; set auth instead")
	}
	u, err := url.Parse(scheme + "://" + authority)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(authority, "% \t") || strings.Contains(rest, `\`) {
		return "", fmt.Errorf("is not an address such as https://example.com/path")
	}
	port := u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return "", fmt.Errorf("has a port that is none: from 1 to 65535 are allowed")
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return scheme + "://" + host + ":" + port, nil
}

func hostOf(address string) string {
	origin, err := Origin(address)
	if err != nil {
		return ""
	}
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// checkURL judges the fixed part of an address; its variables are judged where they are compiled. The refused
// value is not repeated: it may hold a password.
func checkURL(p *Problems, pointer, address string, variables bool) {
	if address == "" {
		p.Add(pointer, "is missing")
		return
	}
	CheckLine(p, pointer, address, MaxURLLen)
	if _, err := Origin(address); err != nil {
		p.Add(pointer, "%s", err)
		return
	}
	if !variables && strings.Contains(address, "#") {
		p.Add(pointer, "must not contain #: here are no variables")
	}
}
