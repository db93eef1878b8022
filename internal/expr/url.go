package expr

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// URLTemplate is an address with placeholders in its path and query, never in its scheme or host.
type URLTemplate struct {
	scheme, host string
	path, query  *Template
	hasQuery     bool
	paths        []string
}

// ParseURL compiles an address.
func ParseURL(text string) (*URLTemplate, error) {
	text = strings.TrimSpace(text)
	scheme, rest, ok := strings.Cut(text, "://")
	if strings.Contains(scheme, "#") {
		return nil, &ParseError{0, "an address begins with its scheme, and no placeholder may stand there", "write https://host/ first"}
	}
	u := &URLTemplate{scheme: strings.ToLower(scheme)}
	if !ok || u.scheme != "http" && u.scheme != "https" {
		return nil, &ParseError{0, "the address does not begin with https:// or http://", "write it in full, such as https://wms.example/in"}
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	hostAt := len(scheme) + len("://")
	if at := strings.IndexByte(authority, '#'); at >= 0 {
		return nil, &ParseError{hostAt + at, "no placeholder may stand in the host of an address",
			"write the host in full; placeholders may stand after the first / or ?"}
	}
	if at := strings.IndexByte(authority, '@'); at >= 0 {
		return nil, &ParseError{hostAt + at, "an address holds no user name or password", "choose basic authentication instead"}
	}
	parsed, err := url.Parse(scheme + "://" + authority + "/")
	if err != nil || parsed.Hostname() == "" || strings.ContainsAny(authority, "\\ \t\r\n%") {
		return nil, &ParseError{hostAt, "the host of the address is not understood", "write it like wms.example or wms.example:8443"}
	}
	u.host = parsed.Host
	path, query, hasQuery := strings.Cut(rest[len(authority):], "?")
	u.hasQuery = hasQuery
	pathAt := hostAt + len(authority)
	if u.path, err = parseAddressPart(path, Path, pathAt); err != nil {
		return nil, err
	}
	if u.query, err = parseAddressPart(query, Query, pathAt+len(path)+1); err != nil {
		return nil, err
	}
	u.paths = slices.Clone(u.path.paths)
	for _, p := range u.query.paths {
		if !slices.Contains(u.paths, p) {
			u.paths = append(u.paths, p)
		}
	}
	if dotSegment(fixedOf(u.path)) {
		return nil, &ParseError{pathAt, "the path holds a . or .. segment", "write the path as the server names it"}
	}
	return u, nil
}

// fixedOf is what a person typed, with an x for everything that an event fills in.
func fixedOf(t *Template) string {
	var fixed strings.Builder
	for i := range t.parts {
		if p := &t.parts[i]; p.literal != "" {
			fixed.WriteString(p.literal)
		} else {
			fixed.WriteByte('x')
		}
	}
	return fixed.String()
}

func parseAddressPart(text string, place Place, offset int) (*Template, error) {
	t, err := ParseTemplate(text, place)
	if err == nil {
		err = fixAddressParts(t.parts)
		if t.pairs != nil {
			t.pairs = splitPairs(t.parts)
		}
	}
	if wrong, is := errors.AsType[*ParseError](err); is {
		wrong.Offset += offset
	}
	return t, err
}

// fixAddressParts writes what a person typed between the placeholders the way an address needs it.
func fixAddressParts(parts []part) error {
	for i := range parts {
		p := &parts[i]
		if err := fixAddressParts(p.body); err != nil {
			return err
		}
		if err := fixAddressParts(p.orElse); err != nil {
			return err
		}
		var fixed []byte
		for at := range len(p.literal) {
			c := p.literal[at]
			switch {
			case c == '#':
				return &ParseError{0, "a # in an address that belongs to no placeholder",
					"a placeholder is #order.id# without blanks; for a # as such write %23"}
			case c < 0x20 || c == 0x7F:
				return &ParseError{0, "a control character in an address", "take it out"}
			case c == '%' && (at+2 >= len(p.literal) || !isHex(p.literal[at+1]) || !isHex(p.literal[at+2])):
				return &ParseError{0, "a % in an address without two hexadecimal digits", "for a % as such write %25"}
			case c > 0x7F || strings.IndexByte(" \"<>\\^`{|}", c) >= 0:
				fixed = append(fixed, '%', hexDigits[c>>4], hexDigits[c&15])
			default:
				fixed = append(fixed, c)
			}
		}
		p.literal = string(fixed)
	}
	return nil
}

// Render is the address as it will be called. A path segment that becomes . or .. is refused, since servers would
// climb; an empty one is not.
func (u *URLTemplate) Render(s *Scope, m Missing) (string, error) {
	dst := make([]byte, 0, 128)
	dst = append(append(append(dst, u.scheme...), "://"...), u.host...)
	from := len(dst)
	dst, err := u.path.Render(dst, s, m)
	if err != nil {
		return "", err
	}
	if dotSegment(string(dst[from:])) {
		return "", &PlaceError{Place: Path, Detail: "a segment becomes . or .., which would leave the path"}
	}
	if u.hasQuery {
		dst = append(dst, '?')
		end := len(dst)
		if dst, err = u.query.Render(dst, s, m); err != nil {
			return "", err
		}
		if len(dst) == end {
			dst = dst[:end-1]
		}
	}
	return string(dst), nil
}

// Host is host and port as they were written.
func (u *URLTemplate) Host() string { return u.host }

// Scheme is http or https.
func (u *URLTemplate) Scheme() string { return u.scheme }

// Paths lists every placeholder path.
func (u *URLTemplate) Paths() []string { return u.paths }

// dotSegment finds . and .. also in percent form, and before the parameters some servers cut off.
func dotSegment(path string) bool {
	if !strings.Contains(path, ".") && !strings.Contains(path, "%") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return true
		}
		plain, _, _ = strings.Cut(plain, ";")
		if plain == "." || plain == ".." {
			return true
		}
	}
	return false
}
