//go:build linux

package main

import (
	"math"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

func TestPercentile(t *testing.T) {
	var hundred []int64
	for n := int64(100); n > 0; n-- {
		hundred = append(hundred, n)
	}
	for _, c := range []struct {
		values  []int64
		p, want float64
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]int64{7, 5}, 99, 7},
		{[]int64{7, 5}, 50, 5},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("p%v of %v = %v, want %v", c.p, c.values, got, c.want)
		}
	}
}

func TestWindowsFindABurstAndAGap(t *testing.T) {
	const ms = int64(time.Millisecond)
	var even, burst, gap []int64
	for n := range int64(100) {
		even = append(even, n*100*ms)
		burst = append(burst, n*100*ms)
		if n == 50 {
			burst = append(burst, n*100*ms, n*100*ms, n*100*ms)
		}
		if n < 50 || n > 54 {
			gap = append(gap, n*100*ms)
		}
	}
	for name, c := range map[string]struct {
		times             []int64
		busiest, quietest int
	}{
		"even":   {even, 10, 10},
		"burst":  {burst, 13, 10},
		"gap":    {gap, 10, 5},
		"few":    {even[:5], 5, 5},
		"nobody": {nil, 0, 0},
	} {
		if busiest, quietest := windows(c.times, time.Second); busiest != c.busiest || quietest != c.quietest {
			t.Errorf("%s: got %d to %d, want %d to %d", name, busiest, quietest, c.busiest, c.quietest)
		}
	}
}

func TestGoalIsReachedFromTheRightSide(t *testing.T) {
	more, less := goal{atLeast: 0.5, aim: 0.8}, goal{atLeast: 2, aim: 1.3, lower: true}
	for _, c := range []struct {
		goal   goal
		counts float64
		want   string
	}{
		{more, 0.49, "BELOW"}, {more, 0.5, "reached"}, {more, 0.8, "aim reached"},
		{less, 2.1, "BELOW"}, {less, 2, "reached"}, {less, 1.3, "aim reached"},
		{more, math.NaN(), "not measured"},
		{goal{atLeast: math.NaN()}, 1, ""},
	} {
		if got := c.goal.reached(c.counts); got != c.want {
			t.Errorf("%v against %v = %q, want %q", c.counts, c.goal, got, c.want)
		}
	}
}

func TestMissingCountsEverySlot(t *testing.T) {
	accepted, received := newBitmap(), newBitmap()
	for _, n := range []int64{0, 63, 64, 200} {
		accepted.set(n)
		for slot := range int64(3) {
			received.set(n*3 + slot)
		}
	}
	accepted.set(100) // never received
	accepted.set(101) // received in one of three places
	received.set(101*3 + 2)
	received.set(77 * 3) // received, but its acknowledgement was lost: no loss
	if got := received.missing(accepted.bytes(201), 3); got != 5 {
		t.Errorf("missing = %d, want 5", got)
	}
	if received.set(77*3) || !received.set(77*3+1) {
		t.Error("set does not tell new from old")
	}
}
