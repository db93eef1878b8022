package settings

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
	"hacek/packs"
)

// versionSetting chooses between the forms of one provider's scheme.
const versionSetting = "version"

// toleranceSetting replaces how far a timestamp may be off.
const toleranceSetting = "tolerance"

// underPreset is what a preset gives below the caller's own settings. In a patch it counts only when it is another one
// than before: its rules may have been changed by hand since.
func (s *Service) underPreset(given map[string]any, prev *hub.Source) (map[string]any, error) {
	name, _ := given["preset"].(string)
	if name == "" || prev != nil && name == prev.Preset {
		return nil, nil
	}
	provider, err := s.provider(name)
	if err != nil {
		return nil, problemAt("/preset", err)
	}
	preset := map[string]any{}
	if len(provider.Source) > 0 {
		if preset, err = object(provider.Source); err != nil {
			return nil, fmt.Errorf("BUG: the preset %s: %w", name, err)
		}
	}
	// How long a provider may repeat itself is a wish; the hub remembers as long as it is set to.
	if rule, _ := preset["duplicate_of"].(map[string]any); rule != nil {
		text, _ := rule["window"].(string)
		if window, err := hub.ParseDuration(text); err == nil && window.D() > s.dedupeWindow() {
			rule["window"] = hub.Duration(s.dedupeWindow()).String()
		}
	}
	verify, _ := preset["verify"].(map[string]any)
	preset["verify"] = merge(map[string]any{"scheme": name}, verify)
	return preset, nil
}

func (s *Service) provider(name string) (*packs.Provider, error) {
	open := s.Provider
	if open == nil {
		open = packs.OpenProvider
	}
	p, err := open(name)
	if err != nil && hub.CodeOf(err) == "" {
		err = hub.Errorf(hub.NotFound, "%s", err)
	}
	return p, err
}

// problemAt makes a wrong name the fault of the field that holds it.
func problemAt(pointer string, err error) error {
	if code := hub.CodeOf(err); code != hub.NotFound && code != hub.Invalid {
		return err
	}
	var p hub.Problems
	p.Add(pointer, "%s", err)
	return p.Err()
}

// completeScheme finds the provider that a scheme names, nil for the schemes of the hub itself, and makes the secret of
// a new source where the provider wants to be told one.
func (s *Service) completeScheme(next, prev *hub.Source) (*packs.Provider, error) {
	v := &next.Verify
	if v.Scheme == "" || v.Scheme == hub.SchemeNone || v.Scheme == hub.SchemeHMAC {
		return nil, nil
	}
	provider, err := s.provider(v.Scheme)
	if err != nil {
		return nil, problemAt("/verify/scheme", err)
	}
	if len(v.Secrets) > 0 || !madeHere(provider) {
		return provider, nil
	}
	// One that is there already stays; a new one in its place would be told to nobody.
	switch {
	case prev == nil:
		v.Secrets = []hub.Secret{hub.NewSecret(newSourceSecret(provider.Scheme.Key))}
	case !movedSourceSecrets(next, prev)(""):
		v.Secrets = slices.Clone(prev.Verify.Secrets)
	}
	return provider, nil
}

func madeHere(p *packs.Provider) bool { return p.Secret.Made == "here" || p.Secret.Made == "both" }

// newSourceSecret is 256 random bits in the form that the scheme reads.
func newSourceSecret(form string) string {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: the runtime ends the program instead
	switch form {
	case "whsec":
		return signature.NewSecret()
	case "base64":
		return base64.StdEncoding.EncodeToString(raw)
	}
	return hex.EncodeToString(raw)
}

// checkScheme holds secrets and settings against what the scheme reads.
func checkScheme(p *hub.Problems, src *hub.Source, provider *packs.Provider) error {
	v := &src.Verify
	switch {
	case v.Scheme == hub.SchemeHMAC && v.HMAC != nil:
		h := v.HMAC
		form := signature.HMACForm{Header: h.Header, Algorithm: h.Algorithm, Encoding: h.Encoding, Prefix: h.Prefix, Signed: h.Signed}
		verifier, err := signature.FromHMAC(form).Compile()
		if err != nil {
			p.Add("/verify/hmac", "%s", err)
			return nil
		}
		checkSecrets(p, v, verifier)
		return nil
	case provider == nil:
		return nil
	}
	switch none := provider.Secret.Made == "none"; {
	case none && len(v.Secrets) > 0:
		p.Add("/verify/secrets", "are given, but %s has none", provider.Name)
	case !none && len(v.Secrets) == 0:
		p.Add("/verify/secrets", "is missing; %s", whereSecret(provider))
	}
	checkSettings(p, v, provider)
	scheme := provider.Scheme
	if version, chosen := scheme.Versions[v.Settings[versionSetting]]; chosen {
		scheme = version
	}
	if scheme.Kind == hub.SchemeNone {
		src.CheckUnsigned(p)
	}
	verifier, err := provider.Scheme.Compile()
	if err != nil {
		return fmt.Errorf("BUG: the scheme of %s: %w", provider.Name, err)
	}
	checkSecrets(p, v, verifier)
	return nil
}

// checkSecrets tells a secret that was copied wrongly before the first request is refused for it.
func checkSecrets(p *hub.Problems, v *hub.Verify, verifier *signature.Verifier) {
	for i, secret := range v.Secrets {
		if secret.IsZero() {
			continue // told elsewhere
		}
		if err := verifier.CheckSecret(secret.Reveal(), v.Settings); err != nil {
			p.Add(fmt.Sprintf("/verify/secrets/%d", i), "%s", err)
		}
	}
}

func checkSettings(p *hub.Problems, v *hub.Verify, provider *packs.Provider) {
	known, needed := schemeSettings(provider, v.Settings[versionSetting])
	for _, name := range slices.Sorted(maps.Keys(v.Settings)) {
		at := "/verify/settings/" + hub.EscapePointer(name)
		switch {
		case slices.Contains(known, name):
		case len(known) == 0:
			p.Add(at, "is not a setting of %s; it has none", provider.Name)
		default:
			near := hub.Nearest(name, known)
			if near != "" {
				near = "; did you mean " + near + "?"
			}
			p.Add(at, "is not a setting of %s, which has %s%s", provider.Name, strings.Join(known, ", "), near)
		}
	}
	for _, name := range needed {
		if strings.TrimSpace(v.Settings[name]) == "" {
			p.Add("/verify/settings/"+hub.EscapePointer(name), "is missing; %s cannot be verified without it", provider.Name)
		}
	}
	if version, given := v.Settings[versionSetting]; given && len(provider.Scheme.Versions) > 0 {
		if versions := slices.Sorted(maps.Keys(provider.Scheme.Versions)); !slices.Contains(versions, version) {
			p.Add("/verify/settings/"+versionSetting, "%q is none of %s", version, strings.Join(versions, ", "))
		}
	}
	if tolerance, given := v.Settings[toleranceSetting]; given {
		if d, err := hub.ParseDuration(tolerance); err != nil || d.D() < time.Second || d.D() > 24*time.Hour {
			p.Add("/verify/settings/"+toleranceSetting, "%q is not a time from 1s to 24h", tolerance)
		}
	}
}

func whereSecret(provider *packs.Provider) string {
	if where := provider.Secret.Where["en"]; where != "" {
		return where
	}
	return provider.Name + " shows it where you set the webhook up"
}

var settingVariable = regexp.MustCompile(`\bsetting\.([\w-]+)`)

// schemeSettings lists the settings that a provider's scheme and handshakes read, and those that it cannot do without.
func schemeSettings(provider *packs.Provider, version string) (known, needed []string) {
	forms := []signature.Scheme{provider.Scheme}
	needed = provider.Scheme.Requires
	if len(provider.Scheme.Versions) > 0 {
		known = append(known, versionSetting)
	}
	for name, form := range provider.Scheme.Versions {
		forms = append(forms, form)
		if name == version {
			needed = form.Requires
		}
	}
	for _, form := range forms {
		known = slices.AppendSeq(append(known, form.Requires...), maps.Values(form.Match))
		texts := slices.Clone(form.Signed)
		for _, place := range form.Signature {
			texts = append(texts, place.Path)
		}
		if form.Timestamp != nil {
			texts = append(texts, form.Timestamp.Path)
			if form.Timestamp.Tolerance != "" {
				known = append(known, toleranceSetting)
			}
		}
		for _, found := range settingVariable.FindAllStringSubmatch(strings.Join(texts, " "), -1) {
			known = append(known, found[1])
		}
	}
	for _, h := range provider.Handshakes {
		known = slices.AppendSeq(known, maps.Values(h.Match))
	}
	slices.Sort(known)
	return slices.Compact(known), needed
}

// ProviderSettings lists what sources of a provider are set up with, beside the secret.
func ProviderSettings(provider *packs.Provider) (known, needed []string) {
	return schemeSettings(provider, "")
}

// AllProviders lists whose webhooks the hub knows.
func (s *Service) AllProviders() ([]*packs.Provider, error) {
	if s.Providers == nil {
		return packs.Providers()
	}
	return s.Providers()
}

// OneProvider finds one by name; the error names the nearest.
func (s *Service) OneProvider(name string) (*packs.Provider, error) { return s.provider(name) }
