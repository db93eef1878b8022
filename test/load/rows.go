//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"hacek/test/load/rig"
)

// stored is a digest of every row of a database, by table, in ascending order.
type stored map[string][]uint64

// tables has one statement for each database that lists its tables.
var tables = map[string]string{
	"sqlite": `
		SELECT name
		FROM sqlite_master
		WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
	"pgx": `
		SELECT table_name
		FROM information_schema.tables
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
}

var seed = maphash.MakeSeed()

// rows reads every row of the subject's database, beside the hub.
func (s *subject) rows(ctx context.Context) (stored, error) {
	driver, dsn := "sqlite", "file:"+s.hub.Data+"/hacek.db?mode=ro"
	if s.database != nil {
		driver, dsn = "pgx", s.database.DSN
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open the database beside the hub: %w", err)
	}
	defer db.Close()
	names, err := db.QueryContext(ctx, tables[driver])
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	defer names.Close()
	all := stored{}
	for names.Next() {
		var table string
		if err := names.Scan(&table); err != nil {
			return nil, fmt.Errorf("list the tables: %w", err)
		}
		if all[table], err = digests(ctx, db, table); err != nil {
			return nil, fmt.Errorf("read the table %s: %w", table, err)
		}
	}
	return all, names.Err()
}

func digests(ctx context.Context, db *sql.DB, table string) ([]uint64, error) {
	found, err := db.QueryContext(ctx, `SELECT * FROM "`+table+`"`)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	values, places := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	var all []uint64
	var row []byte
	for found.Next() {
		if err := found.Scan(places...); err != nil {
			return nil, err
		}
		row = row[:0]
		for _, v := range values {
			row = append(fmt.Appendf(row, "%d %t ", len(v), v == nil), v...)
		}
		all = append(all, maphash.Bytes(seed, row))
	}
	slices.Sort(all)
	return all, found.Err()
}

// written is how many rows of each table were inserted, changed or deleted between two readings.
func written(before, after stored) map[string]int {
	rows := map[string]int{}
	for table := range after {
		if n := max(missing(before[table], after[table]), missing(after[table], before[table])); n > 0 {
			rows[table] = n
		}
	}
	return rows
}

// missing counts what of one sorted list the other has not.
func missing(from, in []uint64) int {
	n := 0
	for _, one := range from {
		for len(in) > 0 && in[0] < one {
			in = in[1:]
		}
		if len(in) > 0 && in[0] == one {
			in = in[1:]
		} else {
			n++
		}
	}
	return n
}

// mostRows is what a pause or a resume may write, however much waits.
const mostRows = 3

// rowsWritten counts what a resume and a pause write while everything waits. The receiver holds its answers meanwhile, so
// that no outcome is written beside them.
func (w *waitingStory) rowsWritten(ctx context.Context) error {
	before, err := w.settled(ctx)
	if err != nil {
		return err
	}
	var held bool
	if err := ask(w.receiver, "hold", nil, &held); err != nil {
		return err
	}
	var failures []error
	for _, verb := range []string{"resume", "pause"} {
		if _, err := w.call(ctx, verb, rig.Object{}); err != nil {
			return err
		}
		after, err := w.rows(ctx)
		if err != nil {
			return err
		}
		sum, where := 0, []string{}
		rows := written(before, after)
		for _, table := range slices.Sorted(maps.Keys(rows)) {
			sum += rows[table]
			where = append(where, fmt.Sprintf("%s %d", table, rows[table]))
		}
		w.say(fmt.Sprintf("rows written by a %s, all waiting (goal: %d)", verb, mostRows), "%d (%s)", sum, strings.Join(where, ", "))
		if sum < 1 || sum > mostRows {
			failures = append(failures, fmt.Errorf("a %s wrote %d rows, want 1 to %d", verb, sum, mostRows))
		}
		before = after
	}
	return errors.Join(append(failures, ask(w.receiver, "release", nil, &held))...)
}

// settled reads the rows until nothing changes any more: after so much was accepted, the hub tidies up for a while.
func (w *waitingStory) settled(ctx context.Context) (stored, error) {
	before, err := w.rows(ctx)
	for range 60 {
		if err == nil {
			err = wait(ctx, 5*time.Second)
		}
		if err != nil {
			return nil, err
		}
		var after stored
		after, err = w.rows(ctx)
		if err == nil && len(written(before, after)) == 0 {
			return after, nil
		}
		before = after
	}
	return nil, errors.New("the hub still writes after five minutes in which nothing happened")
}
