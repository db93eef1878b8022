package tour

import (
	"context"
	"slices"
	"time"
)

// TogglePlug pulls the plug of the ERP's database, or puts it back.
func (t *Tour) TogglePlug(ctx context.Context) error {
	if t.pulled {
		if err := t.ERP.PutBack(); err != nil {
			return err
		}
		t.pulled = false
		t.show.fact("put back", "the ERP's plug; what waits is tried again within seconds")
		return nil
	}
	if err := t.ERP.Pull(ctx); err != nil {
		return err
	}
	t.pulled = true
	t.show.fact("pulled", "the ERP's plug; orders wait now, and none is lost")
	return nil
}

// longest is how long the tour looks for one order in the ERP.
const longest = 10 * time.Minute

// PlaceOrder places an order in the shop, and says so when it is in the ERP.
func (t *Tour) PlaceOrder(ctx context.Context) {
	shop := t.shop.Shop
	code := shop.Place()
	shop.Tell("order:create", code, shop.Now())
	t.show.fact("placed", "order %s in the shop", code)
	go t.await(ctx, code) // ends with the tour, or after a while
}

func (t *Tour) await(ctx context.Context, code string) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	orders := tableNamed("orders")
	total := slices.IndexFunc(orders.columns, func(c erpColumn) bool { return c.name == "total_with_vat" })
	placed := time.Now()
	for {
		rows, err := t.ERP.rows(ctx, orders)
		if err != nil {
			return // the tour has ended
		}
		if r := rows[code]; r != nil {
			t.show.fact("in the ERP", "order %s, %s CZK, after %s", code, r[total], time.Since(placed).Round(10*time.Millisecond))
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}
