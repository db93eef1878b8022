package web

import (
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// titleOf is a title in the reader's language, else in English, else nothing.
func (v *visit) titleOf(title map[string]string) string {
	if text := title[string(v.lang)]; text != "" {
		return text
	}
	return title["en"]
}

// provider is whom a source belongs to, nil for the hub's own schemes.
func (v *visit) provider(name string) *packs.Provider {
	if name == "" || name == hub.SchemeHMAC || name == hub.SchemeNone {
		return nil
	}
	p, err := v.Settings.OneProvider(name)
	if err != nil {
		return nil
	}
	return p
}

func (v *visit) providerWord(s *hub.Source) string {
	name := s.Preset
	if name == "" {
		name = s.Verify.Scheme
	}
	if p := v.provider(name); p != nil {
		return v.titleOf(p.Title)
	}
	return v.schemeWord(s)
}

func (v *visit) schemeWord(s *hub.Source) string {
	switch s.Verify.Scheme {
	case hub.SchemeHMAC:
		return v.lang.Text("web_source.scheme_hmac")
	case hub.SchemeNone:
		return v.lang.Text("web_source.scheme_none")
	}
	if p := v.provider(s.Verify.Scheme); p != nil {
		return v.lang.Text("web_source.scheme_of", "system", v.titleOf(p.Title))
	}
	return s.Verify.Scheme
}

// samples are the requests that the hub can send itself in the provider's name.
func (v *visit) samples(s *hub.Source) []Option {
	p := v.provider(s.Verify.Scheme)
	if p == nil {
		return []Option{{"", v.lang.Text("web_source.sample_plain"), true}}
	}
	list := slices.Sorted(maps.Keys(p.Samples))
	titles := map[string]string{}
	if pack, err := packs.Open(p.Name); err == nil { // most providers have none
		for i := range pack.Types {
			t := &pack.Types[i]
			if t.AsSent() != nil {
				word := t.VendorName
				if word == "" {
					word = t.Name
				}
				if !slices.Contains(list, word) {
					list = append(list, word)
				}
				titles[word] = v.titleOf(t.Title)
			}
		}
	}
	var options []Option
	for _, word := range list {
		text := word
		if titles[word] != "" {
			text = titles[word] + " (" + word + ")"
		}
		options = append(options, Option{Value: word, Word: text})
	}
	return options
}

// firstSample is the one to begin with: an order where there is one, since everybody knows what that is.
func firstSample(options []Option) string {
	for _, o := range options {
		if o.Value == "order:create" || o.Value == "order.created" {
			return o.Value
		}
	}
	if len(options) == 0 {
		return ""
	}
	return options[0].Value
}

// refusedTry turns "there is no such sample" into a refusal of the form.
func refusedTry(err error) error {
	var e *hub.Error
	if !errors.As(err, &e) {
		return err
	}
	wrong := hub.Errorf(hub.Invalid, "%s", e.Detail)
	wrong.Hint = e.Hint
	return wrong
}

// onlyHere tells whether an address can be reached from this machine or its network only.
func onlyHere(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || ip.IsLinkLocalUnicast())
}

// eventTitle is what an event type is called in the reader's language, its name when nobody gave it a title.
func (v *visit) eventTitle(types map[string]settings.EventType, name string) string {
	if text := v.titleOf(types[name].Title); text != "" {
		return text
	}
	return name
}

// eventTypes is the catalogue by name.
func (v *visit) eventTypes() (map[string]settings.EventType, error) {
	all, err := v.Settings.EventTypes(v.ctx())
	if err != nil {
		return nil, err
	}
	byName := make(map[string]settings.EventType, len(all))
	for _, t := range all {
		byName[t.Name] = t
	}
	return byName, nil
}

// entries reads a text of one entry a line, or with commas between.
func entries(text string) []string {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' })
	out := []string{}
	for _, one := range list {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}
