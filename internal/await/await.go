// Package await is how a test waits for what no channel tells it: rows that another goroutine writes, a file that is read
// again, a program outside. It must not know what is waited for.
package await

import (
	"testing"
	"time"
)

const (
	again    = 5 * time.Millisecond
	patience = 30 * time.Second
)

// Until looks again and again until what is waited for holds, and ends the test when it does not come.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !within(patience, holds) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// within looks once more when the time is over: a busy machine may have let the looks fall out.
func within(limit time.Duration, holds func() bool) bool {
	look, over := time.NewTicker(again), time.After(limit)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-over:
			return holds()
		}
	}
	return true
}
