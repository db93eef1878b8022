package tour

import "testing"

const peeked = "order:delete" // none of the ready pipelines takes it

// A notice that comes again while its first delivery still waits adds no run. But the answer of a fetch that began before the
// repeat must not serve that delivery: another event may have had the record read in between.
func TestRule8_WaitingDeliveryReadsWhatTheRepeatIsAbout(t *testing.T) {
	v, ctx := visit(t, "sqlite", "", "")
	m, err := v.openMoney(ctx)
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path string, body any) {
		t.Helper()
		if err := v.Hub.Do(ctx, method, path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.apply(ctx, ready{"orders", "Peek", func(set *setting) {
		set.Steps, set.Subscription = set.Steps[:1], object{"sources": []string{moneySource}, "event_types": []string{peeked}}
	}}); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Pipelines[:ofOrders] {
		do("POST", "/v1/pipelines/"+p.ID+"/pause", object{})
	}
	code, at := m.Shop.Place(), m.Shop.Now()
	tell := func(event string) {
		t.Helper()
		m.Shop.Tell(event, code, at)
		if _, err := m.Shop.Quiet(); err != nil {
			t.Fatal(err)
		}
	}
	tell("order:create") // held
	wantFetch(t, m.Shop, code, func() { tell(peeked) })
	m.Shop.Revise(code, at, statusShipped)
	tell("order:create") // the same to the last letter
	for _, p := range m.Pipelines[:ofOrders] {
		do("POST", "/v1/pipelines/"+p.ID+"/resume", object{})
	}
	if err := m.settled(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Compare(ctx); err != nil {
		t.Error(err)
	}
}
