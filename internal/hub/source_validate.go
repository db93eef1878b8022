package hub

import (
	"fmt"
	"mime"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// What a source's settings may be. docs/sources.md repeats them for readers.
const (
	MaxPathLen       = 128
	MaxSourceSecrets = 5
	MaxRequestBody   = Size(32 << 20)
	LeastRequestBody = Size(1 << 10)
	MaxRespondBody   = 64 << 10
	MaxFields        = 20
)

// Roots are what the paths of a source may begin with.
func Roots() []string { return []string{"body", "item", "header", "query", "source"} }

// respondTypes are what an answer may be. None of them is a page: a browser that is led to the address shows it as text
// or data.
var respondTypes = []string{"text/plain", "application/json", "application/xml", "text/xml", "application/soap+xml"}

// Complete fills what other settings imply, and writes empty lists as [].
func (s *Source) Complete() {
	def := DefaultSource()
	fill(&s.TimeZone, def.TimeZone)
	fill(&s.Respond.ContentType, def.Respond.ContentType)
	fill(&s.Name, s.Path)
	if s.Respond.Status == 0 {
		s.Respond.Status = def.Respond.Status
	}
	if s.MaxBody == 0 {
		s.MaxBody = def.MaxBody
	}
	if s.DuplicateOf.Window == 0 {
		s.DuplicateOf.Window = def.DuplicateOf.Window
	}
	if h := s.Verify.HMAC; h != nil {
		fill(&h.Algorithm, "sha256")
		fill(&h.Encoding, "hex")
		fill(&h.Signed, "#body#")
	}
	for _, list := range []*[]string{&s.AllowNetworks, &s.Accept.EventTypes, &s.DuplicateOf.Fields} {
		if *list == nil {
			*list = []string{}
		}
	}
	if s.Verify.Secrets == nil {
		s.Verify.Secrets = []Secret{}
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
}

// Validate says everything that is wrong with the settings, each with its JSON Pointer. Providers, templates,
// conditions and time zones are judged where they are known. Call Complete first.
func (s *Source) Validate() error {
	var p Problems
	s.validateName(&p)
	s.validatePath(&p)
	s.validateVerify(&p)
	s.validateRules(&p)
	s.Respond.validate(&p)
	if s.MaxBody < LeastRequestBody || s.MaxBody > MaxRequestBody {
		p.Add("/max_body", "is %s; from %s to %s are allowed", s.MaxBody, LeastRequestBody, MaxRequestBody)
	}
	CheckText(&p, "/description", s.Description, MaxDescriptionLen)
	checkTexts(&p, "/labels", s.Labels, MaxNameLen)
	if len(s.SilentAfter) > 0 && string(s.SilentAfter) != "null" {
		err := Errorf(NotAvailable, "/silent_after: is not available yet").WithHint("Leave it out; a setting that is accepted works.")
		err.Fields = append(Problems{{Pointer: "/silent_after", Detail: "is not available yet"}}, p...)
		return err
	}
	return p.Err()
}

func (s *Source) validateName(p *Problems) {
	CheckLine(p, "/name", s.Name, MaxSourceLen)
	switch {
	case s.Name != "" && strings.TrimSpace(s.Name) == "":
		p.Add("/name", "is empty")
	case s.Name == "api", s.Name == "hacek", s.Name == "preview":
		p.Add("/name", "%q has a meaning of its own", s.Name)
	case strings.HasPrefix(s.Name, SourcePrefix):
		p.Add("/name", "must not begin with %s, as our own ids do", SourcePrefix)
	}
}

func (s *Source) validatePath(p *Problems) {
	switch {
	case s.Path == "", s.Path == ".", s.Path == "..", len(s.Path) > MaxPathLen:
		p.Add("/path", "must have from 1 to %d letters and be neither . nor ..", MaxPathLen)
	case strings.HasPrefix(s.Path, SourcePrefix), s.Path == "preview":
		p.Add("/path", "%q has a meaning of its own", s.Path)
	case strings.ContainsFunc(s.Path, func(c rune) bool {
		return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.", c))
	}):
		p.Add("/path", "%q must be small letters, digits and - _ . only, because it stands in an address", s.Path)
	}
}

func (s *Source) validateVerify(p *Problems) {
	v := &s.Verify
	CheckNetworks(p, "/allow_networks", s.AllowNetworks)
	if n := len(v.Secrets); n > MaxSourceSecrets {
		p.Add("/verify/secrets", "has %d secrets; at most %d are allowed", n, MaxSourceSecrets)
	}
	for i, secret := range v.Secrets {
		at := "/verify/secrets/" + itoa(i)
		if strings.TrimSpace(secret.Reveal()) == "" {
			p.Add(at, "is empty; an empty secret would prove nothing")
		}
		CheckText(p, at, secret.Reveal(), MaxSecretLen)
		for j := range i {
			if v.Secrets[j] == secret {
				p.Add(at, "is the same as number %d", j)
			}
		}
	}
	checkTexts(p, "/verify/settings", v.Settings, MaxURLLen)
	switch v.Scheme {
	case "":
		p.Add("/verify/scheme", "is missing; name a provider, hmac, or none if every request may be believed")
	case SchemeNone:
		s.validateNone(p)
	case SchemeHMAC:
		v.validateHMAC(p)
	}
	if v.Scheme != SchemeHMAC && v.HMAC != nil {
		p.Add("/verify/hmac", "is given, but the scheme is %q", v.Scheme)
	}
}

func (s *Source) validateNone(p *Problems) {
	if len(s.Verify.Secrets) > 0 {
		p.Add("/verify/secrets", "are given, but the scheme none looks at no secret")
	}
	if len(s.Verify.Settings) > 0 {
		p.Add("/verify/settings", "are given, but the scheme none reads none")
	}
	s.CheckUnsigned(p)
}

// CheckUnsigned keeps strangers out of a source whose requests are not signed: by their network, or by a path that
// they cannot guess.
func (s *Source) CheckUnsigned(p *Problems) {
	for i, text := range s.AllowNetworks {
		network, err := ParseNetwork(text)
		if err != nil {
			continue // told elsewhere
		}
		if least := map[bool]int{true: 8, false: 16}[network.Addr().Is4()]; network.Bits() < least {
			p.Add(fmt.Sprintf("/allow_networks/%d", i), "%s is nearly everybody; without a signature /%d is the widest", network, least)
		}
	}
	if len(s.AllowNetworks) == 0 && !Unguessable(s.Path) {
		p.Add("/verify/scheme", "%s signs nothing, so it needs allow_networks, or a path that nobody can guess: leave the path out, and one is made", s.Verify.Scheme)
	}
}

var randomPath = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Unguessable tells whether a path looks like one of the hub's own making: 128 random bits in base32. 26 letters of
// which few differ are somebody's typing; of random ones, fewer than ten differ once in millions.
func Unguessable(path string) bool {
	if !randomPath.MatchString(path) {
		return false
	}
	letters := []byte(path)
	slices.Sort(letters)
	return len(slices.Compact(letters)) >= 10
}

func (v *Verify) validateHMAC(p *Problems) {
	h := v.HMAC
	if h == nil {
		p.Add("/verify/hmac", "is missing; scheme hmac needs to know header, algorithm and encoding")
		return
	}
	if !isToken(h.Header) {
		p.Add("/verify/hmac/header", "%q is not the name of a header", h.Header)
	}
	if !slices.Contains([]string{"sha1", "sha256", "sha512"}, h.Algorithm) {
		p.Add("/verify/hmac/algorithm", "%q is none of sha1, sha256, sha512", h.Algorithm)
	}
	if h.Encoding != "hex" && h.Encoding != "base64" {
		p.Add("/verify/hmac/encoding", "%q is neither hex nor base64", h.Encoding)
	}
	CheckLine(p, "/verify/hmac/prefix", h.Prefix, MaxNameLen)
	CheckText(p, "/verify/hmac/signed", h.Signed, MaxNameLen)
	if !strings.Contains(h.Signed, "#body#") {
		p.Add("/verify/hmac/signed", "does not contain #body#, so that anybody could change what a request says")
	}
	if !h.Secret.IsZero() {
		p.Add("/verify/hmac/secret", "belongs into verify.secrets")
	}
	if len(v.Settings) > 0 {
		p.Add("/verify/settings", "are given, but the scheme hmac reads none")
	}
	if len(v.Secrets) == 0 {
		p.Add("/verify/secrets", "is missing; scheme hmac needs at least one")
	}
}

func (s *Source) validateRules(p *Problems) {
	checkCount(p, "/accept/event_types", len(s.Accept.EventTypes))
	for i, pattern := range s.Accept.EventTypes[:min(len(s.Accept.EventTypes), MaxListLen)] {
		CheckPattern(p, fmt.Sprintf("/accept/event_types/%d", i), pattern)
	}
	CheckText(p, "/accept/condition", s.Accept.Condition, MaxConditionLen)
	for pointer, text := range map[string]string{"/event_type": s.EventType, "/key": s.Key, "/time": s.Time} {
		CheckText(p, pointer, text, MaxNameLen)
		if text != "" && !strings.Contains(text, "#") {
			checkRoot(p, pointer, text)
		}
	}
	CheckText(p, "/split", s.Split, MaxNameLen)
	if s.Split != "" && s.Split != "body" && !strings.HasPrefix(s.Split, "body.") && !strings.HasPrefix(s.Split, "body[") {
		p.Add("/split", "%q must be the path of a list in the body, such as body.notificationItems", s.Split)
	}
	if n := len(s.DuplicateOf.Fields); n > MaxFields {
		p.Add("/duplicate_of/fields", "has %d paths; at most %d are allowed", n, MaxFields)
	}
	for i, path := range s.DuplicateOf.Fields[:min(len(s.DuplicateOf.Fields), MaxFields)] {
		at := fmt.Sprintf("/duplicate_of/fields/%d", i)
		CheckText(p, at, path, MaxNameLen)
		checkRoot(p, at, path)
	}
}

func checkRoot(p *Problems, pointer, path string) {
	root := path
	if i := strings.IndexAny(path, ".["); i >= 0 {
		root = path[:i]
	}
	if slices.Contains(Roots(), root) && (root != path || root == "body" || root == "item") {
		return
	}
	if near := Nearest(root, Roots()); near != "" && near != root {
		p.Add(pointer, "%q begins with none of %s; did you mean %s?", path, strings.Join(Roots(), ", "), near)
		return
	}
	p.Add(pointer, "%q must begin with one of %s, as in body.event", path, strings.Join(Roots(), ", "))
}

func (r *Respond) validate(p *Problems) {
	if r.Status < 200 || r.Status > 299 {
		p.Add("/respond/status", "is %d; from 200 to 299 are allowed, because the request is safe then", r.Status)
	}
	CheckText(p, "/respond/body", r.Body, MaxRespondBody)
	if r.Body != "" && (r.Status == 204 || r.Status == 205) {
		p.Add("/respond/body", "is given, but an answer with status %d has none", r.Status)
	}
	media, _, err := mime.ParseMediaType(r.ContentType)
	CheckLine(p, "/respond/content_type", r.ContentType, MaxNameLen)
	if err != nil || !slices.Contains(respondTypes, media) {
		p.Add("/respond/content_type", "is none of %s: nothing else is sent, so that no answer becomes a page", strings.Join(respondTypes, ", "))
	}
}

// CheckNetworks reads networks such as 203.0.113.0/24 or single addresses.
func CheckNetworks(p *Problems, pointer string, texts []string) []netip.Prefix {
	checkCount(p, pointer, len(texts))
	networks := make([]netip.Prefix, 0, len(texts))
	for i, text := range texts[:min(len(texts), MaxListLen)] {
		network, err := ParseNetwork(text)
		if err != nil {
			p.Add(fmt.Sprintf("%s/%d", pointer, i), "%s", err)
			continue
		}
		networks = append(networks, network)
	}
	return networks
}

// ParseNetwork reads a network such as 203.0.113.0/24, or one address.
func ParseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network such as 203.0.113.0/24 or 2001:db8::/32", text)
	}
	if network != network.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond the network; %s is the whole of it", text, network.Masked())
	}
	if network.Addr().Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%q mixes IPv4 and IPv6; write the IPv4 network alone", text)
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network, nil
}
