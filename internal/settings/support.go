package settings

import (
	"context"
	"fmt"

	"hacek/internal/store"
)

// NoteSupportBundle writes down who took a bundle with the settings of the whole hub out of the house.
func (s *Service) NoteSupportBundle(ctx context.Context, by By) error {
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.AddRevision(ctx, store.Revision{
			Tenant: installation, At: s.now(), Who: by.Name, Action: "taken", Kind: "support_bundle", Object: "support-bundle",
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("note the support bundle: %w", err)
	}
	return nil
}
