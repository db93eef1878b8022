package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// asInvalid is the error as one with fields, nil when it is of another kind.
func asInvalid(err error) *hub.Error {
	var e *hub.Error
	if errors.As(err, &e) && e.Code == hub.Invalid {
		return e
	}
	return nil
}

func (s *Service) uidIsFree(ctx context.Context, t hub.Target) error {
	if t.UID == "" {
		return nil
	}
	other, err := s.Store.TargetByUID(ctx, t.Tenant, t.Kind, t.UID)
	switch {
	case hub.CodeOf(err) == hub.NotFound:
		return nil
	case err != nil:
		return err
	}
	return hub.Errorf(hub.Conflict, "uid %q belongs to %s already", t.UID, other.ID.Text(other.Prefix()))
}

// commit writes a target and its revision in one transaction and tells of it afterwards. prev is nil for a new one.
func (s *Service) commit(ctx context.Context, action string, prev *hub.Target, t hub.Target, by By) (hub.Target, error) {
	var rev int64
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if rev, err = s.addRevision(ctx, tx, action, prev, &t, by); err != nil {
			return err
		}
		switch {
		case prev == nil:
			return tx.InsertTarget(ctx, &t, rev)
		case t.Deleted:
			return tx.DeleteTarget(ctx, t, rev)
		}
		if err := tx.UpdateTarget(ctx, &t, prev.Version); err != nil || t.State == prev.State {
			return err
		}
		return tx.SetTargetState(ctx, t)
	})
	if err != nil {
		return hub.Target{}, fmt.Errorf("%s %s %s: %w", action, t.Kind, t.ID.Text(t.Prefix()), err)
	}
	s.changed(t, rev)
	return t, nil
}

// commitState writes only what a target does with what it is owed: one row, whatever waits.
func (s *Service) commitState(ctx context.Context, action string, prev, t hub.Target, by By) (hub.Target, error) {
	var rev int64
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if rev, err = s.addRevision(ctx, tx, action, &prev, &t, by); err != nil {
			return err
		}
		return tx.SetTargetState(ctx, t)
	})
	if err != nil {
		return hub.Target{}, fmt.Errorf("%s %s %s: %w", action, t.Kind, t.ID.Text(t.Prefix()), err)
	}
	s.changed(t, rev)
	return t, nil
}

func (s *Service) addRevision(ctx context.Context, tx *store.Tx, action string, prev, next *hub.Target, by By) (int64, error) {
	r := store.Revision{Tenant: next.Tenant, At: s.now(), Who: by.Name, Action: action, Kind: string(next.Kind), Object: next.ID.Text(next.Prefix())}
	var err error
	if prev != nil {
		if r.Before, err = store.EncodeTarget(*prev); err != nil {
			return 0, err
		}
	}
	if !next.Deleted {
		if r.After, err = store.EncodeTarget(*next); err != nil {
			return 0, err
		}
	}
	return tx.AddRevision(ctx, r)
}

// asJSON writes a revision's before or after; what is absent stays absent.
func asJSON(v any) (json.RawMessage, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write a revision: %w", err)
	}
	return raw, nil
}
