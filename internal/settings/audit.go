package settings

import (
	"context"

	"hacek/internal/store"
)

// Audit lists who changed what, newest first unless the page says otherwise. Before and after hold no secrets.
func (s *Service) Audit(ctx context.Context, tenant int64, page store.Page) ([]store.Revision, string, error) {
	return s.Store.Revisions(ctx, store.RevisionFilter{Tenant: tenant}, page)
}
