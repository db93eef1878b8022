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

// Undo puts the settings of an object back to what they were before a change, whatever changed since; that is a change
// of its own. Secrets are not part of the past: today's stay, and are asked for again where they would go elsewhere.
func (s *Service) Undo(ctx context.Context, tenant, revision int64, by By) (store.Revision, error) {
	r, err := s.Store.Revision(ctx, tenant, revision)
	if err != nil {
		return r, err
	}
	if !Undoable(&r) {
		return r, hub.Errorf(hub.Conflict, "the change %q of %s cannot be taken back", r.Action, r.Object).
			WithHint("Change it by hand to what it shall be.")
	}
	switch r.Kind {
	case string(hub.KindEndpoint):
		e := hub.DefaultEndpoint()
		if err := earlierTarget(r.Before, &e); err != nil {
			return r, err
		}
		_, _, err = s.ReplaceEndpoint(ctx, tenant, r.Object, e, "", by)
	case string(hub.KindPipeline):
		p := hub.DefaultPipeline()
		if err := earlierTarget(r.Before, &p); err != nil {
			return r, err
		}
		_, _, err = s.ReplacePipeline(ctx, tenant, r.Object, p, "", by)
	case kindSource:
		_, _, err = s.ReplaceSource(ctx, tenant, r.Object, r.Before, "", by)
	case kindConnection:
		_, _, err = s.ReplaceConnection(ctx, tenant, r.Object, r.Before, "", by)
	case kindTable:
		_, _, err = s.ReplaceTable(ctx, tenant, r.Object, r.Before, "", by)
	case kindListener:
		_, _, err = s.ReplaceListener(ctx, r.Object, r.Before, "", by)
	case kindUser:
		var patch json.RawMessage
		if patch, err = earlierUser(r.Before); err == nil {
			_, err = s.PatchUser(ctx, tenant, r.Object, patch, hub.Secret{}, "", by)
		}
	}
	return r, err
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
