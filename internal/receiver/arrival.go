package receiver

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

// arrival is one request as far as it is known, with the source it came to.
type arrival struct {
	*live
	in      hub.InRequest
	header  http.Header
	query   url.Values
	peer    netip.Addr
	url     string   // the registered public address, with the query
	body    []byte   // after decompression
	refused *refusal // it could not be taken off the wire
	hold    hold     // the memory of its body

	roots   roots
	doc     expr.Doc
	unread  error // the body cannot be shown as JSON
	decoded bool

	certificateHost string
}

// arrive takes a request off the wire, up to the source's cap. Release its hold when it is done.
func (r *Receiver) arrive(l *live, from origin, req *http.Request) *arrival {
	a := &arrival{live: l, header: req.Header, query: req.URL.Query(), peer: from.peer, hold: hold{from: &r.bodies}}
	a.in = hub.InRequest{
		ID: hub.NewID(), Tenant: l.Tenant, Source: l.No, At: r.Now(), Method: req.Method,
		Query: l.masked(req.URL.RawQuery), Headers: l.evidence(req.Header, req.Host), Peer: from.peer.String(),
	}
	base := ""
	if r.PublicURL != nil {
		base = r.PublicURL(from.listener)
	}
	if base == "" {
		base = from.scheme + "://" + req.Host
	}
	a.url = strings.TrimSuffix(base, "/") + "/in/" + l.Path
	if req.URL.RawQuery != "" {
		a.url += "?" + req.URL.RawQuery
	}
	limit := int64(l.MaxBody)
	if limit <= 0 {
		limit = int64(hub.DefaultSource().MaxBody)
	}
	if req.ContentLength > limit {
		a.refused = tooLarge(limit)
		a.in.Size = int(req.ContentLength)
		return a
	}
	a.body, a.in.Size, a.refused = readBody(req.Body, strings.Join(req.Header.Values("Content-Encoding"), ", "), limit, &a.hold)
	a.in.Body = a.body
	a.roots = roots{header: headerValue(req.Header), query: queryValue(a.query), source: l.allowed}
	return a
}

// again is an arrival of a request that was kept, for a release or a preview.
func (l *live) again(kept hub.InRequest) *arrival {
	a := &arrival{live: l, in: kept, header: http.Header{}, body: kept.Body}
	for _, h := range kept.Headers {
		a.header.Add(h.Name, h.Value)
	}
	a.query, _ = url.ParseQuery(kept.Query) // what cannot be read is not in it
	a.roots = roots{header: headerValue(a.header), query: queryValue(a.query), source: l.allowed}
	return a
}

// decode reads the body once.
func (a *arrival) decode() {
	if a.decoded {
		return
	}
	a.decoded = true
	if a.doc, a.unread = decode(a.header.Get("Content-Type"), a.body, a.query); a.unread == nil {
		a.roots.body = a.doc.Value()
	}
}

// handshake finds the one that a request is; verified ones are those that are looked for after the signature.
func (a *arrival) handshake(verified bool) *handshake {
	for _, h := range a.handshakes {
		if h.Verified != verified {
			continue
		}
		a.decode()
		if h.concerns(a.in.Method, &a.roots) {
			return h
		}
	}
	return nil
}

func (a *arrival) firstSecret() string {
	if len(a.secrets) == 0 {
		return ""
	}
	return a.secrets[0]
}

// given are the values of a confirming address that stand in no root.
func (a *arrival) given(h *handshake) map[string]string {
	given := map[string]string{"certificate.host": a.certificateHost}
	if h.token != nil {
		v, _ := h.token.find(&a.roots)
		given["token"] = v.Text()
	}
	return given
}

func escapeQuery(text string) string { return url.QueryEscape(text) }

// incoming is what the signature is judged by.
func (a *arrival) incoming() *signature.Incoming {
	return &signature.Incoming{
		Method: a.in.Method, URL: a.url, Header: a.header, Body: a.body, Settings: a.Verify.Settings, At: a.in.At,
	}
}

// evidence is the header as it is kept. What opens doors is masked.
func (l *live) evidence(header http.Header, host string) []hub.Header {
	lines := []hub.Header{{Name: "Host", Value: text(host)}}
	for name, values := range header {
		for _, value := range values {
			switch name {
			case "Authorization", "Proxy-Authorization":
				kind, _, _ := strings.Cut(value, " ")
				if kind == value {
					kind = ""
				}
				value = strings.TrimSpace(kind + " " + hub.Masked)
			case "Cookie":
				value = hub.Masked
			}
			lines = append(lines, hub.Header{Name: name, Value: text(l.masked(value))})
		}
	}
	return sorted(lines)
}

// masked takes the source's own secrets out of a text: some providers send them along.
func (l *live) masked(text string) string {
	for _, secret := range l.secrets {
		text = strings.ReplaceAll(text, secret, hub.Masked)
		text = strings.ReplaceAll(text, url.QueryEscape(secret), hub.Masked)
	}
	return text
}

// text is what every database takes as text.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func sorted(lines []hub.Header) []hub.Header {
	slices.SortStableFunc(lines, func(a, b hub.Header) int { return strings.Compare(a.Name, b.Name) })
	return lines
}
