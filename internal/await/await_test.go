package await

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestUntilLooksUntilItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		Until(t, "the third look", func() bool { looks++; return looks == 3 })
		if took := time.Since(began); looks != 3 || took != 2*again {
			t.Errorf("%d looks in %s, want 3 in %s", looks, took, 2*again)
		}
		if within(time.Second, func() bool { return false }) {
			t.Error("what never holds was awaited")
		}
		if came := time.Now().Add(time.Second); !within(time.Second, func() bool { return !time.Now().Before(came) }) {
			t.Error("what held at the last moment was not seen")
		}
	})
}
