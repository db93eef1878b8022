//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
)

// duel runs two programs at the same time, each with a load and a receiver of its own. The speed of a shared machine changes from minute
// to minute by more than any change of ours does; two hubs beside each other meet the same minute, so that one per cent can be seen.
func (b *bench) duel(ctx context.Context) error {
	against, err := filepath.Abs(b.against)
	if err != nil {
		return err
	}
	if _, err := os.Stat(against); b.against == "" || err != nil {
		return fmt.Errorf("-against %q: want another build of the hub", b.against)
	}
	k := kind{name: fmt.Sprintf("%d connections", b.connections[0]), connections: b.connections[0], fan: 1}
	fmt.Printf("%d connections each\n\n       %12s  %12s\n", k.connections, "-against", "-hacek")
	var ratios []float64
	for run := range b.runs {
		programs := [2]string{against, b.binary}
		var got [2]figures
		var failed [2]error
		var both sync.WaitGroup
		for n := range programs {
			both.Go(func() { got[n], failed[n] = b.beside(ctx, programs[n], k) })
		}
		both.Wait()
		if err := errors.Join(failed[0], failed[1]); err != nil {
			return fmt.Errorf("run %d: %w", run+1, err)
		}
		for n, f := range got {
			if f.invalid != "" {
				return fmt.Errorf("run %d, %s: invalid: %s", run+1, programs[n], f.invalid)
			}
		}
		ratios = append(ratios, got[1].cpu/got[0].cpu)
		fmt.Printf("run %d  %9.1f us  %9.1f us  %.3f\n", run+1, got[0].cpu, got[1].cpu, ratios[run])
	}
	mean, spread := 0.0, 0.0
	for _, r := range ratios {
		mean += r / float64(len(ratios))
	}
	for _, r := range ratios {
		spread += (r - mean) * (r - mean)
	}
	fmt.Printf("\nCPU per delivery of -hacek by that of -against: %.3f", mean)
	if n := float64(len(ratios)); n > 1 {
		fmt.Printf(" (standard error %.3f)", math.Sqrt(spread/(n-1)/n))
	}
	fmt.Println()
	return nil
}

// beside is one program's half of a duel, in a directory of its own.
func (b *bench) beside(ctx context.Context, program string, k kind) (figures, error) {
	half := *b
	half.binary = program
	var err error
	if half.dir, err = os.MkdirTemp(b.dir, "duel-"); err != nil {
		return figures{}, err
	}
	return half.measure(ctx, onSQLite, k)
}
