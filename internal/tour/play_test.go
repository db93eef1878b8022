package tour

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"hacek/internal/await"
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
		await.Until(t, "the words "+words, func() bool { return strings.Contains(shown(), words) })
	}
	v.PlaceOrder(ctx)
	said("in the ERP order 2018000057")
	if err := v.TogglePlug(ctx); err != nil {
		t.Fatal(err)
	}
	said("the ERP's plug; orders wait now")
	wantFetch(t, v.shop.Shop, "2018000058", func() { v.PlaceOrder(ctx) })
	said("placed     order 2018000058")
	if strings.Contains(shown(), "in the ERP order 2018000058") {
		t.Error("an order came through while the plug was pulled")
	}
	if err := v.TogglePlug(ctx); err != nil {
		t.Fatal(err)
	}
	said("in the ERP order 2018000058")
}

// wantFetch wants something to have an order read.
func wantFetch(t *testing.T, s *Shop, code string, do func()) {
	t.Helper()
	read, letGo := s.HoldBack(code)
	defer letGo()
	do()
	select {
	case <-read:
	case <-time.After(patience):
		t.Fatalf("nobody has read the order %s", code)
	}
}
