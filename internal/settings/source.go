package settings

import (
	"context"
	"encoding/json"

	"hacek/internal/hub"
	"hacek/internal/store"
)

const kindSource = "source"

// Source is one incoming webhook as it is set up.
type Source struct {
	hub.Object
	hub.Source
	Deleted bool
	// Made is the secret that the hub made for it, in the answer that creates it and nowhere else.
	Made hub.Secret
}

// ETag names a version of the settings.
func (s Source) ETag() string { return etag(s.Version) }

func (s *Service) sources() noun[hub.Source] {
	return noun[hub.Source]{
		s: s, kind: kindSource, prefix: hub.SourcePrefix, blank: hub.DefaultSource,
		name:    func(src *hub.Source) *string { return &src.Name },
		place:   func(src *hub.Source) string { return src.Path },
		secrets: func(src *hub.Source) map[string]*hub.Secret { return src.Secrets() },
		moved:   movedSourceSecrets,
		under:   s.underPreset,
		prepare: s.prepareSource,
		changed: func(t thing[hub.Source]) {
			if s.SourceChanged != nil {
				s.SourceChanged(asSource(t))
			}
		},
	}
}

func asSource(t thing[hub.Source]) Source {
	return Source{Object: t.Object, Source: t.Set, Deleted: t.Deleted}
}

func asSources(list []thing[hub.Source]) []Source {
	all := make([]Source, len(list))
	for i, t := range list {
		all[i] = asSource(t)
	}
	return all
}

// CreateSource stores a new source. raw is a JSON object; what it leaves out comes from its preset, else from the
// defaults. Path and, where the provider is to be told one, the secret are made when they are not given.
func (s *Service) CreateSource(ctx context.Context, tenant int64, raw json.RawMessage, by By) (Source, error) {
	t, err := s.sources().create(ctx, tenant, raw, by)
	return withMade(asSource(t), raw), err
}

// ReplaceSource puts a source, or creates one at a name. A path or secret that the hub made stays when it is left out.
func (s *Service) ReplaceSource(ctx context.Context, tenant int64, ref string, raw json.RawMessage, ifMatch string, by By) (src Source, created bool, err error) {
	t, created, err := s.sources().replace(ctx, tenant, ref, raw, ifMatch, by)
	if src = asSource(t); created {
		src = withMade(src, raw)
	}
	return src, created, err
}

// withMade notes the secret of a new source that the caller has not given and so must be told.
func withMade(src Source, raw json.RawMessage) Source {
	var given struct {
		Verify struct {
			Secrets []json.RawMessage `json:"secrets"`
		} `json:"verify"`
	}
	if err := json.Unmarshal(raw, &given); err == nil && len(given.Verify.Secrets) == 0 && len(src.Verify.Secrets) == 1 {
		src.Made = src.Verify.Secrets[0]
	}
	return src
}

// PatchSource merges a JSON object into a source (RFC 7396). Another preset brings its own rules along, except those
// that the patch gives.
func (s *Service) PatchSource(ctx context.Context, tenant int64, ref string, patch json.RawMessage, ifMatch string, by By) (Source, error) {
	t, err := s.sources().patch(ctx, tenant, ref, patch, ifMatch, by)
	return asSource(t), err
}

// DeleteSource closes the address at once; its requests are forgotten, its events stay.
func (s *Service) DeleteSource(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	return s.sources().remove(ctx, tenant, ref, ifMatch, by)
}

// Source finds one by id, name or path.
func (s *Service) Source(ctx context.Context, tenant int64, ref string) (Source, error) {
	t, err := s.sources().find(ctx, tenant, ref)
	return asSource(t), err
}

// Sources lists a tenant's sources.
func (s *Service) Sources(ctx context.Context, tenant int64, p store.Page) ([]Source, string, error) {
	list, next, err := s.sources().page(ctx, tenant, p)
	return asSources(list), next, err
}

// AllSources lists those of every tenant, with secrets: the receiver starts with them.
func (s *Service) AllSources(ctx context.Context) ([]Source, error) {
	list, err := s.sources().all(ctx)
	return asSources(list), err
}

// DraftSource is what a patch would make of a source; nothing is stored.
func (s *Service) DraftSource(ctx context.Context, tenant int64, ref string, patch json.RawMessage) (Source, error) {
	n := s.sources()
	prev, err := n.find(ctx, tenant, ref)
	if err != nil {
		return Source{}, err
	}
	next := prev
	if next.Set, err = n.patched(prev, patch); err != nil {
		return Source{}, err
	}
	err = n.judge(ctx, tenant, &next.Set, &prev.Set)
	return asSource(next), err
}

// DraftNewSource is what a new source would be; nothing is stored.
func (s *Service) DraftNewSource(ctx context.Context, tenant int64, raw json.RawMessage) (Source, error) {
	n := s.sources()
	given, err := object(raw)
	if err != nil {
		return Source{}, err
	}
	next, err := n.read(given, nil)
	if err != nil {
		return Source{}, err
	}
	err = n.judge(ctx, tenant, &next, nil)
	return Source{Object: hub.Object{Tenant: tenant}, Source: next}, err
}
