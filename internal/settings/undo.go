package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Undoable tells whether a change can be taken back: what was changed, not what was made or deleted, and only settings
// whose earlier form is in the change history as a whole.
func Undoable(r *store.Revision) bool {
	if r.Action != "changed" || len(r.Before) == 0 {
		return false
	}
	switch r.Kind {
	case string(hub.KindEndpoint), string(hub.KindPipeline), kindSource, kindConnection, kindTable, kindListener, kindUser:
		return true
	}
	return false
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
	switch r.Kind {
	case string(hub.KindEndpoint):
		e := hub.DefaultEndpoint()
		if err := earlierTarget(r.Before, &e); err != nil {
			return u, err
		}
		t, _, err := s.ReplaceEndpoint(ctx, tenant, r.Object, e, ifMatch, by)
		u.ETag = s.ETag(t)
		return u, err
	case string(hub.KindPipeline):
		p := hub.DefaultPipeline()
		if err := earlierTarget(r.Before, &p); err != nil {
			return u, err
		}
		t, _, err := s.ReplacePipeline(ctx, tenant, r.Object, p, ifMatch, by)
		u.ETag = s.ETag(t)
		return u, err
	case kindSource:
		t, _, err := s.ReplaceSource(ctx, tenant, r.Object, r.Before, ifMatch, by)
		u.ETag = t.ETag()
		return u, err
	case kindConnection:
		t, _, err := s.ReplaceConnection(ctx, tenant, r.Object, r.Before, ifMatch, by)
		u.ETag = t.ETag()
		return u, err
	case kindTable:
		t, _, err := s.ReplaceTable(ctx, tenant, r.Object, r.Before, ifMatch, by)
		u.ETag = t.ETag()
		return u, err
	case kindListener:
		t, _, err := s.ReplaceListener(ctx, r.Object, r.Before, ifMatch, by)
		u.ETag = t.ETag()
		return u, err
	}
	patch, err := earlierUser(r.Before)
	if err != nil {
		return u, err
	}
	t, err := s.PatchUser(ctx, tenant, r.Object, patch, hub.Secret{}, ifMatch, by)
	u.ETag = s.UserETag(t)
	return u, err
}

// sinceThen is the ETag at which a change is still the newest one. It is read before the changes are: whoever changes
// something in between is noticed either way.
func (s *Service) sinceThen(ctx context.Context, r *store.Revision) (string, error) {
	now, err := s.etagOf(ctx, r)
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

// etagOf is the version at which the object of a revision is now.
func (s *Service) etagOf(ctx context.Context, r *store.Revision) (string, error) {
	switch r.Kind {
	case kindSource:
		t, err := s.Source(ctx, r.Tenant, r.Object)
		return t.ETag(), err
	case kindConnection:
		t, err := s.Connection(ctx, r.Tenant, r.Object)
		return t.ETag(), err
	case kindTable:
		t, err := s.Table(ctx, r.Tenant, r.Object)
		return t.ETag(), err
	case kindListener:
		t, err := s.Listener(ctx, r.Object)
		return t.ETag(), err
	case kindUser:
		t, err := s.User(ctx, r.Tenant, r.Object)
		return s.UserETag(t), err
	}
	t, err := s.Target(ctx, r.Tenant, hub.Kind(r.Kind), r.Object)
	return s.ETag(t), err
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
