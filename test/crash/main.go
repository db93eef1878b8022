//go:build linux

// Command crash proves that nothing accepted is lost: it kills the hub with kill -9 again and again under load, and judges
// from journals of processes that are never killed. It must not know the hub but by its public contract.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"hacek/test/crash/check"
	"hacek/test/load/rig"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

// run is one of three processes: the proof itself, the publishers, or the receiver.
func run() error {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "publishers":
			return publishers(os.Args[2:])
		case "receiver":
			return receiver(os.Args[2:])
		}
	}
	var p proof
	flag.StringVar(&p.binary, "hacek", "bin/hacek", "the hub's `program`")
	flag.StringVar(&p.postgres, "postgres", "", "`DSN` of a PostgreSQL server: the hub uses a fresh database there instead of SQLite")
	flag.IntVar(&p.kills, "kills", 20, "how often the hub is killed with enough deliveries open")
	flag.Uint64Var(&p.seed, "seed", 0, "repeats the moments of the kills (0: another one each time)")
	flag.StringVar(&p.between, "seconds-between", "0.5-3", "seconds of work before a kill, from-to")
	flag.IntVar(&p.rate, "rate", 300, "events published a second")
	flag.StringVar(&p.dir, "data", "", "`directory` for the hub and the journals (default: a temporary one)")
	judge := flag.String("check", "", "only judge the journals in this `directory` again")
	fsync := flag.Bool("fsync", false, "show with strace that the log is synced before each 202 (SQLite)")
	flag.IntVar(&p.seeds, "money", 0, "how many `times` to play the Money example instead, each with kills at other moments")
	flag.StringVar(&p.erp, "erp", "", "`DSN` of a PostgreSQL or MariaDB server: the Money example's ERP is a fresh database there instead of SQLite")
	keep := flag.Bool("keep", false, "keep the directory also when all holds")
	flag.Parse()

	if *judge != "" {
		return verdict(*judge, p.limits())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if p.seed == 0 {
		p.seed = rand.Uint64()
	}
	if err := p.prepare(); err != nil {
		return err
	}
	prove := p.crash
	switch {
	case *fsync:
		prove = p.fsync
	case p.seeds > 0:
		prove = p.money
	}
	if err := prove(ctx); err != nil {
		return fmt.Errorf("%w\nseed %d; everything is kept in %s", err, p.seed, p.dir)
	}
	if *keep {
		fmt.Println("kept:", p.dir)
		return nil
	}
	return os.RemoveAll(p.dir)
}

// proof is what the command line asks for.
type proof struct {
	binary, postgres, erp, dir, between string
	kills, rate, seeds                  int
	seed                                uint64
	from, to                            time.Duration // of work before a kill
}

func (p *proof) prepare() error {
	var from, to float64
	if _, err := fmt.Sscanf(p.between, "%g-%g", &from, &to); err != nil || from < 0 || to < from {
		return fmt.Errorf("-seconds-between %q: want from-to, such as 0.5-3", p.between)
	}
	p.from, p.to = time.Duration(from*float64(time.Second)), time.Duration(to*float64(time.Second))
	if p.dir != "" {
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			return err
		}
	}
	// Always a directory of our own, so that removing it at the end removes nothing else.
	dir, err := os.MkdirTemp(p.dir, "hacek-crash-")
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if p.dir, err = filepath.EvalSymlinks(dir); err != nil { // as a trace will name it
		return err
	}
	if p.binary, err = filepath.Abs(p.binary); err != nil {
		return err
	}
	if _, err := os.Stat(p.binary); err != nil {
		return fmt.Errorf("no hub: %w; build it, or name it with -hacek", err)
	}
	disk, err := rig.Disk(p.dir)
	if err != nil {
		return err
	}
	fmt.Printf("disk: %s; seed %d\n", disk, p.seed)
	return nil
}

// oneCommit is how many outcomes may be in the commit that a kill interrupts: the deliveries of a quarter of a second.
// A hub that records two seconds late would have some hundreds more.
const oneCommit = 100

// limits grow with the number of kills, so that a short trial is judged by the same rule.
func (p *proof) limits() check.Limits {
	return check.Limits{
		Kills:   p.kills,
		Open:    100,
		Events:  50 * p.kills,
		Retries: 10 * p.kills,
		Undone:  2 * time.Second,
		AtOnce:  inFlight() + oneCommit,
	}
}

// verdict reads the journals and prints the judgement.
func verdict(dir string, limits check.Limits) error {
	history, err := check.ReadHistory(dir)
	if err != nil {
		return fmt.Errorf("read the journals: %w", err)
	}
	r := check.Check(history, limits)
	fmt.Printf(`
  events acknowledged      %8d   (%d publishes repeated)
  owed to an endpoint      %8d
  deliveries received      %8d   (%d answered 500)
  kills                    %8d   (least owed at one: %d; %d more met too little)
  doubles excused by kills %8d   (at most %d by one; %d may be)
`, r.Events, r.Repeats, r.Matched, r.Receipts, r.Retries, r.Kills, r.LeastOpen, r.Uncounted, r.Doubles-len(r.Violations[check.Doubled]), r.MostDoubles, limits.AtOnce)
	for _, kind := range []string{check.Lost, check.Changed, check.Doubled, check.Overdue, check.Misdelivered, check.Unknown, check.Unstable} {
		fmt.Printf("  %-24s %8d\n", kind, len(r.Violations[kind]))
	}
	if r.OK() {
		fmt.Println("\nIt holds: nothing accepted was lost, changed, or sent twice without a kill.")
		return nil
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Violations)) {
		examples := r.Violations[kind]
		fmt.Printf("\n%s (%d):\n", kind, len(examples))
		for _, example := range examples[:min(len(examples), 10)] {
			fmt.Println("  ", example)
		}
	}
	return fmt.Errorf("the history does not hold")
}
