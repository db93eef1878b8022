package settings

import (
	"context"
	"fmt"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/packs"
)

// Packs lists what is known of other systems.
func (s *Service) Packs() ([]*packs.Pack, error) {
	all, err := packs.All()
	if err != nil {
		return nil, fmt.Errorf("read packs: %w", err)
	}
	return all, nil
}

// InstallPack declares a pack's event types, all in one commit. A type that somebody made or changed here stays as
// it is. The names of those that were written come back.
func (s *Service) InstallPack(ctx context.Context, name string, by By) (installed []string, err error) {
	pack, err := packs.Open(name)
	if err != nil {
		return nil, hub.Errorf(hub.NotFound, "%s", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.EventTypes(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]EventType{}
	for _, t := range all {
		known[t.Name] = t
	}
	installed = []string{}
	now := s.now()
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		installed = installed[:0]
		for i := range pack.Types {
			next := fromPack(&pack.Types[i], name)
			next.Version, next.CreatedAt, next.UpdatedAt = 1, now, now
			prev, exists := known[next.Name]
			if !exists {
				if err := putEventType(ctx, tx, "installed", nil, next, by.Name); err != nil {
					return err
				}
				installed = append(installed, next.Name)
				continue
			}
			if !prev.Discovered && prev.Pack != name {
				continue
			}
			next.Version, next.CreatedAt = prev.Version+1, prev.CreatedAt
			if sameType(prev, next) {
				continue
			}
			if err := putEventType(ctx, tx, "installed", &prev, next, by.Name); err != nil {
				return err
			}
			installed = append(installed, next.Name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("install pack %s: %w", name, err)
	}
	if len(installed) == 0 {
		return installed, nil
	}
	return installed, s.typesChanged(ctx)
}

func fromPack(t *packs.Type, pack string) EventType {
	e := EventType{
		Name: t.Name, Title: t.Title, Group: t.Group, Schema: t.Schema, Sample: t.Sample,
		Key: t.Key, Refs: t.Refs, VisibleInPortal: true, Pack: pack,
	}
	e.complete()
	return e
}

// sameType compares what a pack can say.
func sameType(a, b EventType) bool {
	a.Version, a.CreatedAt, a.UpdatedAt = b.Version, b.CreatedAt, b.UpdatedAt
	a.complete()
	b.complete()
	left, errA := asJSON(a)
	right, errB := asJSON(b)
	return errA == nil && errB == nil && string(left) == string(right)
}
