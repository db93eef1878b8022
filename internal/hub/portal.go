package hub

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Portal is how a tenant's portal looks, and which sites may show it in a frame. Nil is what the hub has by itself.
type Portal struct {
	Colours PortalColours `json:"colours"`
	// Logo is a data: URI of a PNG, JPEG or WebP image; never SVG, which may hold scripts.
	Logo           *string  `json:"logo"`
	FrameAncestors []string `json:"frame_ancestors"`
}

// PortalColours are #rrggbb: what can be acted upon, and the ground of the page by day.
type PortalColours struct {
	Accent *string `json:"accent"`
	Paper  *string `json:"paper"`
}

// Bounds of what a portal may have.
const (
	MaxLogo           = 64 << 10 // bytes of the image
	MaxFrameAncestors = 20
)

// Complete writes empty values as the absent ones and origins in lower case.
func (p *Portal) Complete() {
	for _, text := range []**string{&p.Colours.Accent, &p.Colours.Paper, &p.Logo} {
		if *text != nil && **text == "" {
			*text = nil
		}
	}
	if p.FrameAncestors == nil {
		p.FrameAncestors = []string{}
	}
	for i, origin := range p.FrameAncestors {
		p.FrameAncestors[i] = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(origin), "/"))
	}
}

// Validate notes everything that is wrong, each with its JSON Pointer below at. Call Complete first.
func (p *Portal) Validate(wrong *Problems, at string) {
	p.validateColours(wrong, at+"/colours")
	if p.Logo != nil {
		if _, _, err := ReadLogo(*p.Logo); err != nil {
			wrong.Add(at+"/logo", "%v", err)
		}
	}
	if n := len(p.FrameAncestors); n > MaxFrameAncestors {
		wrong.Add(at+"/frame_ancestors", "has %d origins; at most %d are allowed", n, MaxFrameAncestors)
		return
	}
	for i, origin := range p.FrameAncestors {
		if !frameOrigin(origin) {
			wrong.Add(at+"/frame_ancestors", "%q is no origin such as https://app.example; http is for this machine only", Shorten(origin, 100))
		} else if slices.Contains(p.FrameAncestors[:i], origin) {
			wrong.Add(at+"/frame_ancestors", "%s stands there twice", origin)
		}
	}
}

// frameOrigin accepts scheme, host and port and nothing else: the text goes into a header whose words mean something.
func frameOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != text {
		return false
	}
	host, port := u.Hostname(), u.Port()
	plain := func(c rune) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' }
	if len(host) == 0 || len(host) > MaxNameLen || strings.ContainsFunc(host, func(c rune) bool { return !plain(c) }) {
		return false // a name or an IPv4 address: the header knows no others
	}
	if u.Host != host && u.Host != host+":"+port || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if u.Scheme == "http" {
		return Loopback(host)
	}
	return u.Scheme == "https"
}

// Loopback tells whether a host of a URL is this machine.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// logos are the kinds of images, by what their files begin with.
var logos = [...]struct {
	media string
	is    func([]byte) bool
}{
	{"image/png", func(b []byte) bool { return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) }},
	{"image/jpeg", func(b []byte) bool { return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) }},
	{"image/webp", func(b []byte) bool {
		return len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
	}},
}

// ReadLogo takes a data: URI apart. What the bytes are decides, not what the URI says.
func ReadLogo(uri string) (media string, image []byte, err error) {
	head, text, found := strings.Cut(uri, ",")
	said, base64ed := strings.CutSuffix(strings.TrimPrefix(head, "data:"), ";base64")
	if !found || !strings.HasPrefix(head, "data:") || !base64ed {
		return "", nil, Errorf(Invalid, "is no data: URI such as data:image/png;base64,iVBOR...")
	}
	if len(text) > base64.StdEncoding.EncodedLen(MaxLogo) {
		return "", nil, Errorf(Invalid, "is larger than %s", Size(MaxLogo))
	}
	if image, err = base64.StdEncoding.DecodeString(text); err != nil {
		return "", nil, Errorf(Invalid, "is not written in base64")
	}
	if media = LogoMedia(image); media == "" || media != said {
		return "", nil, Errorf(Invalid, "is no PNG, JPEG or WebP image, or another one than it says")
	}
	return media, image, nil
}

// LogoMedia is the kind of an image that may be a logo, "" for anything else.
func LogoMedia(image []byte) string {
	for _, kind := range logos {
		if kind.is(image) {
			return kind.media
		}
	}
	return ""
}

// LogoURI writes an image as a data: URI.
func LogoURI(image []byte) string {
	return "data:" + LogoMedia(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
}
