//go:build linux

package main

import (
	"math"
	"strings"
	"testing"
)

func TestGoalsOfReceiving(t *testing.T) {
	slow, quick, flooded := inKind{rate: 200}, inKind{rate: 1000}, inKind{rate: 1000, flood: true}
	if !slow.hasP99() || quick.hasP99() || !flooded.hasP99() {
		t.Error("the disk alone is not measured where the p99 has a goal, or where it has none")
	}
	for _, c := range []struct {
		k                      inKind
		rate, p99, calm, floor float64
		what, reached          string
	}{
		{slow, 200, 19.9, 19.9, 3, "p99 under 20 ms", "reached"},
		{slow, 200, 20.1, 20.1, 3, "p99 under 20 ms", "BELOW"},
		{slow, 200, 30, 30, 25, "p99 under 20 ms", "the disk alone is slower"},
		{quick, 999, 5, 5, 3, "1000/s held", "reached"},
		{quick, 900, 5, 5, 3, "1000/s held", "BELOW"},
		{flooded, 1000, 12, 4, 3, "at most 3 times", "reached"},
		{flooded, 1000, 12.1, 4, 3, "at most 3 times", "BELOW"},
		{flooded, 1000, 12.1, 4, 12, "at most 3 times", "the disk alone is slower"},
		{quick, 900, 5, 5, 25, "1000/s held", "BELOW"}, // late answers come all the same
		{flooded, 1000, 12, math.NaN(), 3, "", ""},     // nothing to compare with
		{flooded, math.NaN(), math.NaN(), 4, 3, "", ""},
	} {
		what, reached := c.k.goal(onSQLite, c.rate, c.p99, c.calm, c.floor, 20)
		if !strings.Contains(what, c.what) || reached != c.reached {
			t.Errorf("%+v: %q is %q, want %q %q", c, what, reached, c.what, c.reached)
		}
	}
}
