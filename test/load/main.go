//go:build linux

// Command load measures the hub against a floor: a relay that keeps nothing, run in turn with it on the same machine.
// It must not know the hub but by its public contract.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hacek/test/load/rig"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run is the benchmark itself, or one of its processes.
func run() error {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "receiver":
			return receive(os.Args[2:])
		case "floor":
			return floor(os.Args[2:])
		case "generator":
			return generate(os.Args[2:])
		}
	}
	var b bench
	flag.StringVar(&b.binary, "hacek", "bin/hacek", "the hub's `program`")
	flag.StringVar(&b.postgres, "postgres", os.Getenv("HACEK_TEST_POSTGRES"), "`DSN` of a PostgreSQL server (none: SQLite only)")
	flag.StringVar(&b.dir, "data", "", "`directory` for the hub's data (default: a temporary one)")
	seconds := flag.Float64("seconds", 20, "length of a run")
	warmup := flag.Float64("warmup", 5, "seconds before it that do not count")
	flag.IntVar(&b.runs, "runs", 5, "runs of each kind; medians are printed")
	connections := flag.String("connections", "128,32", "publishing connections")
	flag.StringVar(&b.only, "only", "", "only the kinds of run whose name contains this `word`")
	flag.BoolVar(&b.quick, "quick", false, "one run of 3 s each: shows that it works, not how fast it is")
	mode := flag.String("mode", "throughput", "throughput, duel, backlog, isolation, receiving or console")
	flag.StringVar(&b.against, "against", "", "the other `program` of -mode duel, which runs beside the hub")
	flag.IntVar(&b.waiting, "waiting", 0, "deliveries waiting in -mode backlog (1,000,000) and at the dead endpoint in -mode isolation (100,000)")
	flag.IntVar(&b.endpoints, "endpoints", 1000, "endpoints in -mode backlog")
	flag.IntVar(&b.events, "events", consoleEvents, "events stored before -mode console begins")
	flag.Parse()

	b.seconds, b.warmup = duration(*seconds), duration(*warmup)
	if b.quick {
		b.runs, b.seconds, b.warmup = 1, 3*time.Second, time.Second
	}
	for text := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return fmt.Errorf("-connections %q: want numbers, such as 128,32", *connections)
		}
		b.connections = append(b.connections, n)
	}
	measure, known := map[string]func(context.Context) error{
		"throughput": b.throughput,
		"duel":       b.duel,
		"backlog":    b.backlog,
		"isolation":  b.isolation,
		"receiving":  b.incoming,
		"console":    b.console,
	}[*mode]
	if !known {
		return fmt.Errorf("-mode %s: want throughput, duel, backlog, isolation, receiving or console", *mode)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := measure(ctx); err != nil {
		return fmt.Errorf("%w\nwhat a failed run left, the hub's log included, is in %s", err, b.dir)
	}
	return os.RemoveAll(b.dir)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// bench is what the command line asks for.
type bench struct {
	binary, postgres, dir, only      string
	against                          string
	runs, waiting, endpoints, events int
	seconds, warmup                  time.Duration
	connections                      []int
	quick                            bool
}

// prepare refuses what would make the figures meaningless, and prints what they depend on.
func (b *bench) prepare(ctx context.Context) error {
	var err error
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if _, err := os.Stat(b.binary); err != nil {
		return fmt.Errorf("no hub: %w; build it, or name it with -hacek", err)
	}
	if b.dir != "" {
		if err := os.MkdirAll(b.dir, 0o700); err != nil {
			return err
		}
	}
	// Always a directory of our own, so that removing it at the end removes nothing else.
	if b.dir, err = os.MkdirTemp(b.dir, "hacek-load-"); err != nil {
		return err
	}
	disk, err := rig.Disk(b.dir)
	if err != nil {
		return errors.Join(err, os.Remove(b.dir))
	}
	fsyncs, err := rig.Fsyncs(b.dir)
	if err != nil {
		return err
	}
	fmt.Printf("data directory: %s, %.0f fsyncs/s\n", disk, fsyncs)
	if b.postgres == "" {
		fmt.Println("no -postgres DSN: SQLite only")
		return nil
	}
	database, err := rig.NewDatabase(ctx, b.postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Drop(context.WithoutCancel(ctx))) }()
	if disk, err = rig.Disk(database.Directory); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	if database.Postmaster == 0 {
		return errors.New("PostgreSQL runs on another machine: its processor time cannot be counted")
	}
	fmt.Printf("PostgreSQL:     %s, server process %d\n", disk, database.Postmaster)
	return nil
}
