package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// A change of one of these kinds can be taken back: its ETag today, and how its earlier form is put back.
var undoing = map[string]struct {
	etag func(ctx context.Context, s *Service, tenant int64, name string) (string, error)
	put  func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (etag string, err error)
}{
	string(hub.KindEndpoint): {etagOfTarget(hub.KindEndpoint), func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		e := hub.DefaultEndpoint()
		if err := earlierTarget(r.Before, &e); err != nil {
			return "", err
		}
		t, _, err := s.ReplaceEndpoint(ctx, r.Tenant, r.Object, e, ifMatch, by)
		return s.ETag(t), err
	}},
	string(hub.KindPipeline): {etagOfTarget(hub.KindPipeline), func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		p := hub.DefaultPipeline()
		if err := earlierTarget(r.Before, &p); err != nil {
			return "", err
		}
		t, _, err := s.ReplacePipeline(ctx, r.Tenant, r.Object, p, ifMatch, by)
		return s.ETag(t), err
	}},
	kindSource: {func(ctx context.Context, s *Service, tenant int64, name string) (string, error) {
		t, err := s.Source(ctx, tenant, name)
		return t.ETag(), err
	}, func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		t, _, err := s.ReplaceSource(ctx, r.Tenant, r.Object, r.Before, ifMatch, by)
		return t.ETag(), err
	}},
	kindConnection: {func(ctx context.Context, s *Service, tenant int64, name string) (string, error) {
		t, err := s.Connection(ctx, tenant, name)
		return t.ETag(), err
	}, func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		t, _, err := s.ReplaceConnection(ctx, r.Tenant, r.Object, r.Before, ifMatch, by)
		return t.ETag(), err
	}},
	kindTable: {func(ctx context.Context, s *Service, tenant int64, name string) (string, error) {
		t, err := s.Table(ctx, tenant, name)
		return t.ETag(), err
	}, func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		t, _, err := s.ReplaceTable(ctx, r.Tenant, r.Object, r.Before, ifMatch, by)
		return t.ETag(), err
	}},
	kindListener: {func(ctx context.Context, s *Service, _ int64, name string) (string, error) {
		t, err := s.Listener(ctx, name)
		return t.ETag(), err
	}, func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		t, _, err := s.ReplaceListener(ctx, r.Object, r.Before, ifMatch, by)
		return t.ETag(), err
	}},
	kindUser: {func(ctx context.Context, s *Service, tenant int64, name string) (string, error) {
		t, err := s.User(ctx, tenant, name)
		return s.UserETag(t), err
	}, func(ctx context.Context, s *Service, r *store.Revision, ifMatch string, by By) (string, error) {
		patch, err := earlierUser(r.Before)
		if err != nil {
			return "", err
		}
		t, err := s.PatchUser(ctx, r.Tenant, r.Object, patch, hub.Secret{}, ifMatch, by)
		return s.UserETag(t), err
	}},
}

func etagOfTarget(kind hub.Kind) func(context.Context, *Service, int64, string) (string, error) {
	return func(ctx context.Context, s *Service, tenant int64, name string) (string, error) {
		t, err := s.Target(ctx, tenant, kind, name)
		return s.ETag(t), err
	}
}

// Undoable tells whether a change can be taken back: what was changed, not what was made or deleted, and only settings
// whose earlier form is in the change history as a whole.
func Undoable(r *store.Revision) bool {
	_, known := undoing[r.Kind]
	return known && r.Action == "changed" && len(r.Before) > 0
}

// Undone is a change that was taken back, and the version of the settings since.
type Undone struct {
	store.Revision
	ETag string
}

// Undo puts the settings of an object back to what they were before a change; that is a change of its own. ifMatch "*"
// does so whatever changed since, an ETag while the settings are at it, and "" while that change is the newest one.
// Secrets are not part of the past: today's stay, and are asked for again where they would go elsewhere.
func (s *Service) Undo(ctx context.Context, tenant, revision int64, ifMatch string, by By) (Undone, error) {
	r, err := s.Store.Revision(ctx, tenant, revision)
	if err != nil {
		return Undone{}, err
	}
	u := Undone{Revision: r}
	if !Undoable(&r) {
		return u, hub.Errorf(hub.Conflict, "the change %q of %s cannot be taken back", r.Action, r.Object).
			WithHint("Change it by hand to what it shall be.")
	}
	if ifMatch == "" {
		if ifMatch, err = s.sinceThen(ctx, &r); err != nil {
			return u, err
		}
	}
	u.ETag, err = undoing[r.Kind].put(ctx, s, &r, ifMatch, by)
	return u, err
}

// sinceThen is the ETag at which a change is still the newest one. It is read before the changes are: whoever changes
// something in between is noticed either way.
func (s *Service) sinceThen(ctx context.Context, r *store.Revision) (string, error) {
	now, err := undoing[r.Kind].etag(ctx, s, r.Tenant, r.Object)
	if err != nil {
		return "", err
	}
	page := store.Page{Limit: 250}
	for {
		list, next, err := s.Store.Revisions(ctx, store.RevisionFilter{Tenant: r.Tenant, Kind: r.Kind, Object: r.Object}, page)
		if err != nil {
			return "", err
		}
		for i := range list {
			switch later := &list[i]; {
			case later.No <= r.No:
				return now, nil
			case Undoable(later):
				return "", hub.Errorf(hub.PreconditionFailed, "%s has changed since, by %s at %s", r.Object, later.Who, hub.TimeText(later.At)).
					WithHint("Undo the newer change first, or send If-Match with the ETag of today's settings, or *, to undo this one all the same.")
			}
		}
		if next == "" {
			return now, nil
		}
		page.Cursor = next
	}
}

// earlierTarget reads the settings that the change history keeps of a target.
func earlierTarget(before []byte, into any) error {
	var kept struct{ Settings json.RawMessage }
	err := json.Unmarshal(before, &kept)
	if err == nil {
		err = json.Unmarshal(kept.Settings, into)
	}
	if err != nil {
		return fmt.Errorf("read an earlier form: %w", err)
	}
	return nil
}

// earlierUser leaves out what follows from the password.
func earlierUser(before []byte) (json.RawMessage, error) {
	fields, err := object(before)
	if err != nil {
		return nil, fmt.Errorf("read an earlier form: %w", err)
	}
	for name := range fields {
		if strings.EqualFold(name, "may_sign_in") {
			delete(fields, name)
		}
	}
	return asJSON(fields)
}
