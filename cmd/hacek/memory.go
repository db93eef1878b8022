package main

import "runtime/debug"

// A hub keeps little and allocates much, so collecting less often saves a tenth of its CPU; the limit keeps the
// heap small enough for a small server when much is waiting. GOGC and GOMEMLIMIT still win.
const (
	collectAt   = 400       // percent of what is alive
	memoryLimit = 160 << 20 // bytes, soft
)

func (a *app) tuneMemory() {
	if a.variable("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if a.variable("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
