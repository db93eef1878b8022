package settings

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/packs"
)

// movedSourceSecrets: whoever may edit must not turn a stored secret into something that shows it. Another scheme may
// send it along in clear, or sign with it what a stranger asks for.
func movedSourceSecrets(next, prev *hub.Source) func(pointer string) bool {
	a, b := &next.Verify, &prev.Verify
	moved := a.Scheme != b.Scheme || a.Settings[versionSetting] != b.Settings[versionSetting]
	if a.HMAC != nil && b.HMAC != nil {
		moved = moved || *a.HMAC != *b.HMAC
	}
	return func(string) bool { return moved }
}

// prepareSource fills and judges; after it, next is what will be stored.
func (s *Service) prepareSource(ctx context.Context, tenant int64, next, prev *hub.Source) error {
	if next.Path == "" && prev != nil {
		next.Path = prev.Path
	}
	if next.Path == "" {
		next.Path = newPath()
	}
	provider, unknown := s.completeScheme(next, prev)
	if next.Name == "" && provider != nil {
		if err := s.nameAfter(ctx, tenant, next, provider); err != nil {
			return err
		}
	}
	next.Complete()
	plain := next.Validate()
	if code := hub.CodeOf(plain); code != "" && code != hub.Invalid {
		return plain
	}
	var p hub.Problems
	if err := checkScheme(&p, next, provider); err != nil {
		return err
	}
	checkRules(&p, next)
	if most := s.dedupeWindow(); next.DuplicateOf.Window.D() < time.Second || next.DuplicateOf.Window.D() > most {
		p.Add("/duplicate_of/window", "is %s; from 1s to %s are allowed, which is how long the hub remembers events (dedupe_window)", next.DuplicateOf.Window, hub.Duration(most))
	}
	if err := s.checkListener(ctx, &p, next.Listener); err != nil {
		return err
	}
	return joined(plain, unknown, p.Err(), s.pathIsFree(ctx, next, prev))
}

// nameAfter calls a source as its provider is called, with a number where that name is taken: events bear it.
func (s *Service) nameAfter(ctx context.Context, tenant int64, next *hub.Source, provider *packs.Provider) error {
	title := provider.Title["en"]
	if title == "" {
		title = provider.Name
	}
	rows, err := s.Store.Objects(ctx, kindSource)
	if err != nil {
		return err
	}
	next.Name = title
	for n := 2; slices.ContainsFunc(rows, func(r store.ObjectRow) bool { return r.Tenant == tenant && r.Name == next.Name }); n++ {
		next.Name = fmt.Sprintf("%s %d", title, n)
	}
	return nil
}

// newPath is 128 random bits in letters that nobody mistakes for one another.
func newPath() string {
	raw := make([]byte, 16)
	rand.Read(raw) // never fails: the runtime ends the program instead
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
}

// pathIsFree tells a taken path apart from a taken name; the commit would refuse both without saying which.
func (s *Service) pathIsFree(ctx context.Context, next, prev *hub.Source) error {
	if prev != nil && next.Path == prev.Path {
		return nil
	}
	rows, err := s.Store.Objects(ctx, kindSource)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(r store.ObjectRow) bool { return r.Place == next.Path }) {
		return hub.Errorf(hub.Conflict, "the path %q is taken", next.Path).
			WithHint("Paths are unique in the whole installation. Leave the path out, and one is made.")
	}
	return nil
}

func (s *Service) dedupeWindow() time.Duration {
	if s.DedupeWindow == 0 {
		return store.DefaultDedupeWindow
	}
	return s.DedupeWindow
}

// checkListener wants a name that stands among the installation's listeners and serves what comes in.
func (s *Service) checkListener(ctx context.Context, p *hub.Problems, name string) error {
	if name == "" {
		return nil
	}
	l, err := s.listeners().find(ctx, installation, name)
	switch {
	case hub.CodeOf(err) == hub.NotFound || err == nil && l.Set.Name != name:
		p.Add("/listener", "there is no listener named %q", name)
	case err != nil:
		return err
	case !receives(&l.Set):
		p.Add("/listener", "the listener %q does not serve the receiver", name)
	}
	return nil
}

// checkRules judges what must be compiled: paths, templates, the condition and the time zone.
func checkRules(p *hub.Problems, src *hub.Source) {
	templates := map[string]string{"/event_type": src.EventType, "/key": src.Key, "/time": src.Time}
	for _, pointer := range slices.Sorted(maps.Keys(templates)) {
		checkPathOrTemplate(p, pointer, templates[pointer])
	}
	checkPath(p, "/split", strings.ReplaceAll(src.Split, "[]", "")) // lists in lists: body.entry[].changes
	for i, path := range src.DuplicateOf.Fields {
		checkPath(p, fmt.Sprintf("/duplicate_of/fields/%d", i), path)
	}
	if err := asInvalid(checkCondition(src.Accept.Condition)); err != nil {
		p.Add("/accept/condition", "%s", err.Fields[0].Detail)
	}
	if !KnownZone(src.TimeZone) {
		p.Add("/time_zone", "%q is not a time zone such as Europe/Prague", src.TimeZone)
	}
}

func checkPathOrTemplate(p *hub.Problems, pointer, text string) {
	if !strings.Contains(text, "#") {
		checkPath(p, pointer, text)
		return
	}
	t, err := expr.ParseTemplate(text, expr.Text)
	if err != nil {
		p.Add(pointer, "%s", err)
		return
	}
	for _, path := range t.Paths() {
		if root, _, _ := strings.Cut(strings.ReplaceAll(path, "[", "."), "."); !slices.Contains(hub.Roots(), root) {
			p.Add(pointer, "#%s# must begin with one of %s, as in #body.event#", path, strings.Join(hub.Roots(), ", "))
		}
	}
}
