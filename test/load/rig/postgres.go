//go:build linux

package rig

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Database is a fresh PostgreSQL database for one run.
type Database struct {
	DSN        string
	Postmaster int    // the server's first process, 0 when it runs elsewhere
	Directory  string // where the server keeps its data
	name       string
	admin      string
}

// NewDatabase creates an empty database on the server that dsn leads to. A server that does not wait for its disk is refused.
func NewDatabase(ctx context.Context, dsn string) (*Database, error) {
	connection, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer connection.Close(ctx)
	suffix := make([]byte, 6)
	rand.Read(suffix)
	d := &Database{admin: dsn, name: "hacek_proof_" + hex.EncodeToString(suffix)}
	var fsync string
	var backend int
	const facts = `
		SELECT current_setting('fsync'), current_setting('data_directory'), pg_backend_pid()`
	if err := connection.QueryRow(ctx, facts).Scan(&fsync, &d.Directory, &backend); err != nil {
		return nil, fmt.Errorf("ask PostgreSQL about itself: %w", err)
	}
	if fsync != "on" {
		return nil, fmt.Errorf("PostgreSQL runs with fsync=%s: nothing it says is durable", fsync)
	}
	if parent, err := Parent(backend); err == nil {
		d.Postmaster = parent
	}
	if _, err := connection.Exec(ctx, "CREATE DATABASE "+d.name); err != nil {
		return nil, fmt.Errorf("create a database: %w", err)
	}
	if d.DSN, err = withDatabase(dsn, d.name); err != nil {
		return nil, err
	}
	return d, nil
}

// withDatabase replaces the database in a postgres:// URL.
func withDatabase(dsn, name string) (string, error) {
	parsed, err := url.Parse(dsn)
	if err != nil || !strings.HasPrefix(parsed.Scheme, "postgres") {
		return "", fmt.Errorf("-postgres must be a URL: postgres://user@host/database")
	}
	parsed.Path = "/" + name
	if parsed.Host == "" { // a socket: keep the empty authority, which url.String would drop
		user := ""
		if parsed.User != nil {
			user = parsed.User.String() + "@"
		}
		return parsed.Scheme + "://" + user + "/" + name + "?" + parsed.RawQuery, nil
	}
	return parsed.String(), nil
}

// Commits is the number of transactions committed in this database so far; the server updates it with a delay of a second or so.
func (d *Database) Commits(ctx context.Context) int64 {
	connection, err := pgx.Connect(ctx, d.admin)
	if err != nil {
		return 0
	}
	defer connection.Close(ctx)
	var n int64
	if err := connection.QueryRow(ctx, `SELECT xact_commit FROM pg_stat_database WHERE datname = $1`, d.name).Scan(&n); err != nil {
		return 0
	}
	return n
}

// Size is what the database holds, in bytes.
func (d *Database) Size(ctx context.Context) (n int64, err error) {
	connection, err := pgx.Connect(ctx, d.DSN)
	if err != nil {
		return 0, fmt.Errorf("size of the database: %w", err)
	}
	defer connection.Close(ctx)
	err = connection.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&n)
	return n, err
}

// Drop removes the database, whoever is still connected.
func (d *Database) Drop(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, d.admin)
	if err != nil {
		return fmt.Errorf("drop the database: %w", err)
	}
	defer connection.Close(ctx)
	_, err = connection.Exec(ctx, "DROP DATABASE IF EXISTS "+d.name+" WITH (FORCE)")
	return err
}
