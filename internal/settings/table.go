package settings

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Bounds of a translation table.
const (
	maxTableEntries = 10_000
	maxTableWord    = 4 << 10 // bytes
)

// Table is a translation table, as it is stored.
type Table struct {
	hub.Object
	hub.TranslationTable
	Deleted bool
}

func asTable(t thing[hub.TranslationTable]) Table { return Table{t.Object, t.Set, t.Deleted} }

func (s *Service) tables() noun[hub.TranslationTable] {
	return noun[hub.TranslationTable]{
		s: s, kind: kindTable, prefix: hub.TablePrefix,
		blank:   func() hub.TranslationTable { return hub.TranslationTable{} },
		name:    func(t *hub.TranslationTable) *string { return &t.Name },
		prepare: s.prepareTable,
		leave: func(ctx context.Context, t thing[hub.TranslationTable]) error {
			return s.unused(ctx, t.Tenant, kindTable, t.Set.Name, "deleted")
		},
		changed: func(t thing[hub.TranslationTable]) {
			if s.TableChanged != nil {
				s.TableChanged(asTable(t))
			}
		},
	}
}

func (s *Service) prepareTable(ctx context.Context, tenant int64, next, prev *hub.TranslationTable) error {
	if next.Entries == nil {
		next.Entries = map[string]string{}
	}
	var p hub.Problems
	checkObjectName(&p, next.Name, hub.TablePrefix)
	hub.CheckText(&p, "/description", next.Description, hub.MaxDescriptionLen)
	if n := len(next.Entries); n > maxTableEntries {
		p.Add("/entries", "has %d entries; at most %d are allowed", n, maxTableEntries)
		return p.Err()
	}
	for _, word := range slices.Sorted(maps.Keys(next.Entries)) {
		at := "/entries/" + hub.EscapePointer(word)
		hub.CheckText(&p, at, word, maxTableWord)
		hub.CheckText(&p, at, next.Entries[word], maxTableWord)
	}
	if next.Default != nil {
		hub.CheckText(&p, "/default", *next.Default, maxTableWord)
	}
	if err := p.Err(); err != nil {
		return err
	}
	if prev != nil && prev.Name != next.Name {
		return s.unused(ctx, tenant, kindTable, prev.Name, "renamed")
	}
	return nil
}

// CreateTable stores a new translation table; settings is a JSON object as the API takes it.
func (s *Service) CreateTable(ctx context.Context, tenant int64, settings json.RawMessage, by By) (Table, error) {
	t, err := s.tables().create(ctx, tenant, settings, by)
	return asTable(t), err
}

// ReplaceTable puts a translation table, and creates one that is not there at the name in the URL.
func (s *Service) ReplaceTable(ctx context.Context, tenant int64, ref string, settings json.RawMessage, ifMatch string, by By) (t Table, created bool, err error) {
	made, created, err := s.tables().replace(ctx, tenant, ref, settings, ifMatch, by)
	return asTable(made), created, err
}

// PatchTable merges a JSON object into a translation table (RFC 7396): an entry that is null goes.
func (s *Service) PatchTable(ctx context.Context, tenant int64, ref string, patch json.RawMessage, ifMatch string, by By) (Table, error) {
	t, err := s.tables().patch(ctx, tenant, ref, patch, ifMatch, by)
	return asTable(t), err
}

// DeleteTable removes a translation table that no pipeline uses.
func (s *Service) DeleteTable(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	return s.tables().remove(ctx, tenant, ref, ifMatch, by)
}

// Table finds one by id or name.
func (s *Service) Table(ctx context.Context, tenant int64, ref string) (Table, error) {
	t, err := s.tables().find(ctx, tenant, ref)
	return asTable(t), err
}

// TablePage lists a tenant's translation tables.
func (s *Service) TablePage(ctx context.Context, tenant int64, page store.Page) ([]Table, string, error) {
	things, next, err := s.tables().page(ctx, tenant, page)
	return listOf(things, asTable), next, err
}

// ETag names a version of the settings.
func (t Table) ETag() string { return etag(t.Version) }

// AllTables lists those of every tenant, for the start.
func (s *Service) AllTables(ctx context.Context) ([]Table, error) {
	list, err := s.tables().all(ctx)
	all := make([]Table, len(list))
	for i, t := range list {
		all[i] = asTable(t)
	}
	return all, err
}
