// Package connection talks to the databases of ERPs: it opens them, describes their tables and writes rows into them.
// It must not know our own tables, nor what a pipeline is.
package connection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"hacek/internal/hub"
)

// Limits of every connection.
const (
	poolSize         = 4
	connectTimeout   = 10 * time.Second
	lockTimeout      = 5 * time.Second
	statementTimeout = 30 * time.Second
	callTimeout      = time.Minute // one call of this package, whatever it does
)

// Options say what a connection may reach on this machine.
type Options struct {
	Dir    string   // the folder of SQLite files; "" forbids them
	Refuse []string // files and folders of the hub itself, which no connection may open
}

// DB is the open way to one of their databases. It may be used by many at once.
type DB struct {
	sql      *sql.DB
	dialect  dialect
	zone     *time.Location // of columns that know none
	password string         // only to keep it out of messages

	mu     sync.Mutex
	tables map[string]described
}

// dialect is what the databases do each in their own way.
type dialect interface {
	tables(ctx context.Context, db *sql.DB) ([]string, error)
	describe(ctx context.Context, db *sql.DB, table string) (Table, error)
	quote(name string) string
	read(c *Column, quoted string) string // expression that gives the column's value as text, or in a type that turns into it
	place(n int, c *Column) string        // placeholder of the nth bound value, n from 1, for a column
	bind(c *Column, text string) any
	stored(c *Column, text string) string // undoes the shape in which read gives a value
	lock() string                         // after a SELECT: hold the rows until the end of the transaction
	transaction() *sql.TxOptions
	explain(err error) *Error // nil when it was not the server that spoke
}

// Open prepares the way to a database; it does not connect yet, so a database that is away is found out by the first
// call. A DSN that cannot be used is a hub.Error that points at /dsn and never repeats the password. A file of SQLite
// that is not there (yet) is an Error of kind Away.
func Open(_ context.Context, c hub.Connection, o Options) (*DB, error) {
	d := &DB{tables: map[string]described{}, zone: time.UTC}
	var err error
	switch c.Driver {
	case hub.DriverPostgres:
		err = d.openPostgres(c.DSN.Reveal())
	case hub.DriverMySQL:
		err = d.openMySQL(c.DSN.Reveal())
	case hub.DriverSQLite:
		err = d.openSQLite(c.DSN.Reveal(), o)
	default:
		var p hub.Problems
		p.Add("/driver", "there is no driver %q; there are postgres, mysql and sqlite", c.Driver)
		err = p.Err()
	}
	if err != nil {
		return nil, err
	}
	d.sql.SetMaxOpenConns(poolSize)
	d.sql.SetMaxIdleConns(poolSize)
	d.sql.SetConnMaxIdleTime(5 * time.Minute)
	d.sql.SetConnMaxLifetime(30 * time.Minute)
	return d, nil
}

// Close gives all connections back; calls under way end with an error.
func (d *DB) Close() error {
	if err := d.sql.Close(); err != nil {
		return fmt.Errorf("close the connection: %w", d.explain(err))
	}
	return nil
}

// Test connects and asks the server something, so that address, password and database are known to be right.
func (d *DB) Test(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := d.sql.PingContext(ctx); err != nil {
		return d.explain(err)
	}
	if _, err := d.dialect.tables(ctx, d.sql); err != nil {
		return d.explain(err)
	}
	return nil
}

// dsnProblem is what is wrong with a DSN. It never repeats more of it than names.
func dsnProblem(hint, format string, args ...any) error {
	var p hub.Problems
	p.Add("/dsn", format, args...)
	e, _ := errors.AsType[*hub.Error](p.Err())
	return e.WithHint("%s", hint)
}

// parameter refuses everything that is not on the list: a parameter may read files, run statements or weaken a login.
func checkParameter(name string, allowed []string) error {
	for _, a := range allowed {
		if a == name {
			return nil
		}
	}
	return dsnProblem("parameters that may be given: "+strings.Join(allowed, ", "), "the parameter %s of the DSN is not allowed", shown(name))
}

// openZone reads the zone for columns that know none.
func (d *DB) openZone(name string) error {
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return dsnProblem("write it as in Europe/Prague", "%s is no time zone", shown(name))
	}
	d.zone = zone
	return nil
}

// list reads a query of one text column.
func list(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// keysOf gathers rows of (key, column), ordered by key and place, into lists of columns.
func keysOf(ctx context.Context, db *sql.DB, query string, args ...any) ([][]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var keys [][]string
	last := ""
	for rows.Next() {
		var key, column string
		if err := rows.Scan(&key, &column); err != nil {
			return nil, err
		}
		if len(keys) == 0 || key != last {
			keys, last = append(keys, nil), key
		}
		keys[len(keys)-1] = append(keys[len(keys)-1], column)
	}
	return keys, rows.Err()
}
