package store_test

import (
	"fmt"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// More targets than one question asks for: each that has changed since is seen as it was, the others as they are.
func TestManyTargetsAreSeenAsTheyWere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		const many = 510
		targets := make([]hub.Target, many)
		var then int64
		w.write(func(tx *store.Tx) error {
			for i := range targets {
				e := hub.DefaultEndpoint()
				e.Name = fmt.Sprintf("shop-%d", i)
				e.Request.URL = "https://shop.example/in"
				target := hub.Target{ID: hub.NewID(), Tenant: 1, Kind: hub.KindEndpoint, Name: e.Name, Endpoint: e, State: hub.Active, StateAt: w.now, CreatedAt: w.now, UpdatedAt: w.now}
				after, err := store.EncodeTarget(target)
				if err != nil {
					return err
				}
				r := store.Revision{Tenant: 1, At: w.now, Who: "Jana", Action: "created", Kind: "endpoint", Object: target.ID.Text(target.Prefix()), After: after}
				if then, err = tx.AddRevision(w.ctx, r); err != nil {
					return err
				}
				if err := tx.InsertTarget(w.ctx, &target, then); err != nil {
					return err
				}
				targets[i] = target
			}
			return nil
		})
		changed := map[int]int64{} // which, and by which revision
		for _, i := range []int{0, 499, 500, many - 1} {
			w.write(func(tx *store.Tx) error {
				return tx.ChangeState(w.ctx, 1, targets[i].No, hub.Active, hub.Off, "Jana", "stock-taking", w.now)
			})
			rev, err := w.NewestRevision(w.ctx)
			w.must(err)
			changed[i] = rev
		}
		// A revision of somebody else's, by whatever number, is none of these.
		newest := w.target(2, "theirs")
		for _, rev := range []int64{then, changed[500], changed[many-1]} {
			all, err := w.TargetsAt(w.ctx, 1, rev)
			w.must(err)
			if len(all) != many {
				t.Fatalf("at revision %d: %d targets, want %d", rev, len(all), many)
			}
			for i, x := range all {
				want := hub.Active
				if by, is := changed[i]; is && by <= rev {
					want = hub.Off
				}
				if x.Name != targets[i].Name || x.State != want || x.ID == newest.ID {
					t.Errorf("at revision %d: %s is %s, want %s %s", rev, x.Name, x.State, targets[i].Name, want)
				}
			}
		}
	})
}
