package receiver

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/packs"
)

// live is a source as it counts from the next request on. It never changes; a change of settings makes a new one.
type live struct {
	settings.Source
	provider *packs.Provider // nil for the schemes hmac and none
	verifier *signature.Verifier
	broken   error // why it cannot verify: nothing is taken then
	secrets  []string
	networks []netip.Prefix

	handshakes []*handshake
	eventType  field
	key        field
	happened   field
	split      path
	zone       *time.Location
	condition  *expr.Condition
	unreadable error // the saved condition does not parse any more
	duplicates []identity
	types      map[string]string // their word -> the catalogue's
	allowed    expr.Value        // root "source"
}

// identity is one field that tells repeats from new notices.
type identity struct {
	path
	name string
}

// compile prepares a source. What cannot be compiled makes it refuse, never let through.
func (r *Receiver) compile(s settings.Source) *live {
	l := &live{Source: s, zone: time.UTC}
	for _, secret := range s.Verify.Secrets {
		if text := secret.Reveal(); text != "" {
			l.secrets = append(l.secrets, text)
		}
	}
	l.broken = l.compileScheme(r.Provider)
	for _, text := range s.AllowNetworks {
		network, err := hub.ParseNetwork(text)
		if err != nil {
			l.broken = err // an allow-list with a hole in it allows nothing
			continue
		}
		l.networks = append(l.networks, network)
	}
	for _, f := range []struct {
		to   *field
		text string
		name string
	}{{&l.eventType, s.EventType, "event_type"}, {&l.key, s.Key, "key"}, {&l.happened, s.Time, "time"}} {
		compiled, err := compileField(f.text)
		if err != nil && l.broken == nil {
			l.broken = fmt.Errorf("%s cannot be read: %w", f.name, err)
		}
		*f.to = compiled
	}
	if s.Split != "" {
		l.split = parsePath(s.Split)
	}
	if zone, err := time.LoadLocation(s.TimeZone); err == nil {
		l.zone = zone
	}
	if s.Accept.Condition != "" {
		l.condition, l.unreadable = expr.ParseCondition(s.Accept.Condition)
	}
	for _, name := range s.DuplicateOf.Fields {
		l.duplicates = append(l.duplicates, identity{parsePath(name), name})
	}
	l.allowed = objectOf([]formField{{"name", [][]byte{appendString(nil, s.Name)}}, {"path", [][]byte{appendString(nil, s.Path)}}})
	return l
}

func (l *live) compileScheme(provider func(string) *packs.Provider) (err error) {
	var scheme signature.Scheme
	switch name := l.Verify.Scheme; name {
	case hub.SchemeNone:
		scheme.Kind = hub.SchemeNone
	case hub.SchemeHMAC:
		if l.Verify.HMAC == nil {
			return errors.New("verify.hmac is missing")
		}
		h := l.Verify.HMAC
		scheme = signature.FromHMAC(signature.HMACForm{Header: h.Header, Algorithm: h.Algorithm, Encoding: h.Encoding, Prefix: h.Prefix, Signed: h.Signed})
	case "":
		return errors.New("it names no scheme, so nothing can be verified")
	default:
		if provider != nil {
			l.provider = provider(name)
		}
		if l.provider == nil {
			return fmt.Errorf("the scheme %q is not known, so nothing can be verified", name)
		}
		scheme = l.provider.Scheme
		l.types = l.provider.Types
		for i := range l.provider.Handshakes {
			h, err := compileHandshake(&l.provider.Handshakes[i])
			if err != nil {
				return err
			}
			l.handshakes = append(l.handshakes, h)
		}
	}
	if l.chosen(scheme).Kind == hub.SchemeNone && len(l.AllowNetworks) == 0 && !hub.Unguessable(l.Path) {
		return errors.New("without a signature it needs allowed networks, or a path that nobody can guess")
	}
	l.verifier, err = scheme.Compile()
	return err
}

// chosen is the version of a scheme that the source's settings name.
func (l *live) chosen(scheme signature.Scheme) signature.Scheme {
	if version, known := scheme.Versions[l.Verify.Settings["version"]]; known {
		return version
	}
	return scheme
}

// allows tells whether a caller's network may come in; a source without networks takes everybody.
func (l *live) allows(peer netip.Addr) bool {
	if len(l.AllowNetworks) == 0 {
		return true
	}
	for _, network := range l.networks {
		if network.Contains(peer.Unmap()) {
			return true
		}
	}
	return false
}

// covers tells whether a signature of the scheme covers a place outside the body, so that nobody on the way can have
// chosen it.
func (l *live) covers(name string) bool {
	if l.provider == nil {
		return l.Verify.HMAC != nil && signs([]string{l.Verify.HMAC.Signed}, name)
	}
	for _, open := range l.provider.Unsigned {
		if strings.EqualFold(open, name) {
			return false
		}
	}
	scheme := l.chosen(l.provider.Scheme)
	return scheme.Kind == "standard-webhooks" && strings.HasSuffix(strings.ToLower(name), "-id") || signs(scheme.Signed, name)
}

// signs tells whether every form of the signed text holds a place.
func signs(forms []string, name string) bool {
	root, _, _ := strings.Cut(name, ".")
	for _, text := range forms {
		text = strings.ToLower(text)
		if !strings.Contains(text, "#"+strings.ToLower(name)+"#") && !(root == "query" && strings.Contains(text, "#url#")) {
			return false
		}
	}
	return len(forms) > 0
}
