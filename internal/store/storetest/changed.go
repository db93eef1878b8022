package storetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"hacek/internal/store"
)

// Changed counts the rows that do inserts, changes or deletes, in all tables together: it reads every row of the
// database before and after.
func Changed(t *testing.T, s *store.Store, do func()) int {
	t.Helper()
	db := look(t, s)
	defer func() { _ = db.Close() }()
	before := rows(t, db, s.Postgres())
	do()
	after := rows(t, db, s.Postgres())
	written := 0
	for row, n := range after {
		written += max(0, n-before[row])
	}
	gone := 0
	for row, n := range before {
		gone += max(0, n-after[row])
	}
	return max(written, gone)
}

// look opens the database beside the store, for reading.
func look(t *testing.T, s *store.Store) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+s.File()+"?mode=ro"
	if s.Postgres() {
		driver, dsn = "pgx", s.URL()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatalf("open the database beside the store: %v", err)
	}
	return db
}

// rows counts the equal rows of all tables, by a digest of table and content.
func rows(t *testing.T, db *sql.DB, postgres bool) map[[32]byte]int {
	t.Helper()
	tables := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if postgres {
		tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`
	}
	found := map[[32]byte]int{}
	for _, table := range texts(t, db, tables) {
		count(t, db, table, found)
	}
	return found
}

// count adds the rows of one table.
func count(t *testing.T, db *sql.DB, table string, found map[[32]byte]int) {
	t.Helper()
	all, err := db.QueryContext(context.Background(), `SELECT * FROM "`+strings.ReplaceAll(table, `"`, `""`)+`"`)
	if err != nil {
		t.Fatalf("read %s: %v", table, err)
	}
	defer func() { _ = all.Close() }()
	columns, err := all.Columns()
	if err != nil {
		t.Fatalf("read %s: %v", table, err)
	}
	for all.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := all.Scan(places...); err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
		found[sha256.Sum256(fmt.Appendf(nil, "%s %v", table, values))]++
	}
	if err := all.Err(); err != nil {
		t.Fatalf("read %s: %v", table, err)
	}
}

func texts(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	all, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = all.Close() }()
	for all.Next() {
		var text string
		if err := all.Scan(&text); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		list = append(list, text)
	}
	if err := all.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}
