package store_test

import (
	"testing"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// A request belongs to its tenant, whoever knows its source's number and its id: it is neither read nor settled.
func TestRule14_AForeignRequestIsNotFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		r := hub.InRequest{ID: hub.NewID(), Tenant: 1, Source: 7, At: w.now, Outcome: hub.RequestQuarantined, Status: 401, Method: "POST", Body: []byte("x")}
		w.write(func(tx *store.Tx) error { return tx.AddRequests(w.ctx, []hub.InRequest{r}) })
		if _, err := w.InRequest(w.ctx, 2, 7, r.ID); hub.CodeOf(err) != hub.NotFound {
			t.Errorf("another tenant reads it: %v", err)
		}
		stolen := r
		stolen.Tenant, stolen.Outcome = 2, hub.RequestReleased
		if err := s.Write(w.ctx, func(tx *store.Tx) error { return tx.SettleRequest(w.ctx, stolen) }); err == nil {
			t.Error("another tenant settles it")
		}
		if got, err := w.InRequest(w.ctx, 1, 7, r.ID); err != nil || got.Outcome != hub.RequestQuarantined {
			t.Errorf("its own tenant reads %+v, %v", got, err)
		}
	})
}
