// Package storetest runs a test on both databases, each time on a store of its own.
// It must not know what is tested.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"hacek/internal/store"
)

// Postgres is the environment variable with the DSN of a server on which tests may make databases.
const Postgres = "HACEK_TEST_POSTGRES"

// Opener opens the test's store, with options changed; a second call opens the same database again.
type Opener func(change ...func(*store.Options)) *store.Store

// Each runs a test on SQLite and on PostgreSQL, with a store that is running.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachOpen(t, func(t *testing.T, open Opener) {
		s := open()
		Run(t, s)
		test(t, s)
	})
}

// EachOpen runs a test on both databases; the test opens the store, as often as it likes, and runs it.
func EachOpen(t *testing.T, test func(t *testing.T, open Opener)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, OnPostgres(t)) })
}

// EachOptions runs a test on both databases; the test does with the options of a store of its own what it likes, before
// there is a store too. The directory is empty; a server's database comes with the tables of today.
func EachOptions(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, onPostgres(t)) })
}

// SQLite returns an opener of one data directory of the test's own, with the tables of today.
func SQLite(t testing.TB) Opener {
	t.Helper()
	made, err := emptyFile()
	if err != nil {
		t.Fatalf("make the tables: %v", err)
	}
	o := onSQLite(t)
	if err := os.WriteFile(filepath.Join(o.Dir, "hacek.db"), made, 0o644); err != nil {
		t.Fatal(err)
	}
	return opener(t, o)
}

// emptyFile is a database with all tables and nothing in them, made once: a copy costs less than to make them.
var emptyFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "hacek-empty-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(context.Background(), store.Options{SecretKey: Key(), Dir: dir})
	if err != nil {
		return nil, err
	}
	_ = s.Close() // the last connection brings the log home
	return os.ReadFile(s.File())
})

// OnPostgres returns an opener of one database of the test's own, and skips the test, or on CI fails it, without a
// server.
func OnPostgres(t testing.TB) Opener { return opener(t, onPostgres(t)) }

func onSQLite(t testing.TB) store.Options {
	o := options(t)
	o.Dir = t.TempDir()
	return o
}

func onPostgres(t testing.TB) store.Options {
	dsn := os.Getenv(Postgres)
	if dsn == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: the PostgreSQL half cannot run", Postgres)
		}
		t.Skipf("SKIPPED: %s is not set, so nothing is known of PostgreSQL (scripts/test.sh sets it)", Postgres)
	}
	o := options(t)
	o.URL = database(t, dsn)
	return o
}

func options(t testing.TB) store.Options {
	return store.Options{SecretKey: Key(), Fatal: func(err error) { t.Errorf("durability lost: %v", err) }}
}

// Key seals the secrets of all tests.
func Key() []byte { return []byte("0123456789abcdef0123456789abcdef") }

func opener(t testing.TB, of store.Options) Opener {
	return func(change ...func(*store.Options)) *store.Store {
		t.Helper()
		o := of
		for _, c := range change {
			c(&o)
		}
		return Open(t, o)
	}
}

// Open opens a store until the test ends.
func Open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Run runs a store until the function it returns is called, or the test ends.
func Run(t testing.TB, s *store.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Logf("store ended: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// database makes a database that goes with the test.
func database(t testing.TB, dsn string) string {
	t.Helper()
	raw := make([]byte, 8)
	_, _ = rand.Read(raw)
	name := "hacek_test_" + hex.EncodeToString(raw)
	exec(t, dsn, `CREATE DATABASE `+name+` TEMPLATE `+template(t, dsn))
	t.Cleanup(func() { exec(t, dsn, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	return in(t, dsn, name)
}

// template names a database with the tables of today, which stays on the server: a copy costs less than to make them.
func template(t testing.TB, dsn string) string {
	t.Helper()
	ctx, c := context.Background(), connect(t, dsn)
	defer func() { _ = c.Close(ctx) }()
	name := "hacek_template_" + migrations(t)
	do := func(statement string) {
		t.Helper()
		if _, err := c.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	do(`SELECT pg_advisory_lock(72)`) // tests of several packages run beside each other
	defer do(`SELECT pg_advisory_unlock(72)`)
	var made bool
	if err := c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&made); err != nil {
		t.Fatalf("look for %s: %v", name, err)
	}
	if made {
		return name
	}
	half := name + "_half"
	do(`DROP DATABASE IF EXISTS ` + half)
	do(`CREATE DATABASE ` + half)
	s, err := store.Open(ctx, store.Options{SecretKey: Key(), URL: in(t, dsn, half)})
	if err != nil {
		t.Fatalf("make the tables of %s: %v", half, err)
	}
	_ = s.Close()
	do(`ALTER DATABASE ` + half + ` RENAME TO ` + name)
	return name
}

// migrations is a digest of what makes the tables.
func migrations(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(here), "../migrations/postgres/*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations beside %s: %v", here, err)
	}
	digest := sha256.New()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = digest.Write(text)
	}
	return hex.EncodeToString(digest.Sum(nil)[:8])
}

// in is the DSN of another database of the same server.
func in(t testing.TB, dsn, name string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("%s is not a URL: %v", Postgres, err)
	}
	u.Path = "/" + name
	return u.String()
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatalf("connect to %s: %v", Postgres, err)
	}
	return c
}

func exec(t testing.TB, dsn, statement string) {
	t.Helper()
	c := connect(t, dsn)
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
