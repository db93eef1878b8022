//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// median of an even number of values is the mean of the two in the middle; of none it is NaN.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// percentile is the smallest value that at least p in a hundred are not above; of none it is NaN.
func percentile(values []int64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return float64(sorted[min(max(rank, 1), len(sorted))-1])
}

// busiest and quietest window of the given length that lies wholly between the first and the last of these sorted times.
func windows(times []int64, length time.Duration) (busiest, quietest int) {
	if len(times) == 0 {
		return 0, 0
	}
	quietest = math.MaxInt
	for i, start := range times {
		end := start + int64(length)
		if end > times[len(times)-1] {
			break
		}
		n, _ := slices.BinarySearch(times, end)
		busiest, quietest = max(busiest, n-i), min(quietest, n-i)
	}
	if quietest == math.MaxInt { // shorter than one window
		return len(times), len(times)
	}
	return busiest, quietest
}
