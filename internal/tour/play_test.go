package tour

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What a person can do when the tour has been played: place orders, pull the plug, and put it back.
func TestOrdersWaitWhileThePlugIsPulled(t *testing.T) {
	v, ctx := visit(t, "sqlite", "", "")
	if _, err := v.openMoney(ctx); err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		v.show.mu.Lock()
		defer v.show.mu.Unlock()
		return v.Out.(*bytes.Buffer).String()
	}
	said := func(words string) {
		t.Helper()
		for end := time.Now().Add(2 * patience); !strings.Contains(shown(), words); {
			if time.Now().After(end) {
				t.Fatalf("nobody said %q", words)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	v.PlaceOrder(ctx)
	said("in the ERP order 2018000057")
	if err := v.TogglePlug(ctx); err != nil {
		t.Fatal(err)
	}
	said("the ERP's plug; orders wait now")
	v.PlaceOrder(ctx)
	said("placed     order 2018000058")
	for end := time.Now().Add(patience); v.shop.Shop.Counts().Fetched["/api/orders/2018000058"] == 0; {
		if time.Now().After(end) {
			t.Fatal("the order was not even fetched")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if strings.Contains(shown(), "in the ERP order 2018000058") {
		t.Error("an order came through while the plug was pulled")
	}
	if err := v.TogglePlug(ctx); err != nil {
		t.Fatal(err)
	}
	said("in the ERP order 2018000058")
}
