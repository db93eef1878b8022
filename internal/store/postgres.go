package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"hacek/internal/hub"
)

// node is this process in the cluster. Every write is fenced by its epoch: who was declared dead and replaced
// writes nothing any more.
type node struct {
	id    string
	epoch int64
}

const (
	oldestPostgres  = 15
	postgresReaders = 8
	connectTimeout  = 5 * time.Second
)

func (s *Store) openPostgres(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.opt.URL)
	if err != nil {
		// The parser's own words may hold the password.
		return hub.Errorf(hub.Invalid, "the database URL cannot be read").
			WithHint("It looks like postgres://user:password@host:5432/name.")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.RuntimeParams["application_name"] = "hacek"
	s.config = config
	s.db = stdlib.OpenDB(*config)
	s.db.SetMaxOpenConns(postgresReaders)
	s.db.SetMaxIdleConns(postgresReaders)
	s.writer = s.db
	if err := s.checkPostgres(ctx); err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	if err := s.migrate(ctx, goose.DialectPostgres, "postgres", goose.WithSessionLocker(locker)); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.hot = &postgresHot{s: s, blocks: newBlockMemory()}
	return nil
}

// serverFacts are what decides whether a commit means what it must.
type serverFacts struct {
	version  int    // 150004 is 15.4
	fsync    string // on, off
	waitsFor string // synchronous_standby_names
	standbys int    // that follow now
}

// checkPostgres refuses a server, or a way to it, on which a commit does not mean what it must. It asks in the simplest
// form there is, which gets through whatever stands between.
func (s *Store) checkPostgres(ctx context.Context) error {
	const facts = `
		SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('synchronous_standby_names'),
			(SELECT count(*) FROM pg_stat_replication)`
	var f serverFacts
	err := s.db.QueryRowContext(ctx, facts, pgx.QueryExecModeSimpleProtocol).Scan(&f.version, &f.fsync, &f.waitsFor, &f.standbys)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	if err := f.refuse(); err != nil {
		return err
	}
	if f.standbys > 0 && f.waitsFor == "" {
		s.log.Warn("the database has a standby that commits do not wait for: a failover to it can lose what was confirmed last",
			"standbys", f.standbys, "hint", "set synchronous_standby_names")
	}
	return s.refusePooler(ctx)
}

func (f serverFacts) refuse() error {
	if f.version < oldestPostgres*10000 {
		return hub.Errorf(hub.Invalid, "the database is PostgreSQL %d.%d", f.version/10000, f.version%10000).
			WithHint("Version %d or newer is needed.", oldestPostgres)
	}
	if f.fsync != "on" {
		return hub.Errorf(hub.Invalid, "the database runs with fsync = %s, so what it confirms can be lost", f.fsync).
			WithHint("Set fsync = on in postgresql.conf and restart the server.")
	}
	return nil
}

// refusePooler finds a pooler that hands a server's connection from transaction to transaction: behind one, two
// connections that are open at once are the same. Ours keep settings, locks and prepared statements.
func (s *Store) refusePooler(ctx context.Context) error {
	var processes [2]int
	for i := range processes {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect to the database: %w", err)
		}
		defer conn.Close()
		if err := conn.QueryRowContext(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&processes[i]); err != nil {
			return fmt.Errorf("connect to the database: %w", err)
		}
	}
	if processes[0] == processes[1] {
		return hub.Errorf(hub.Invalid, "between the hub and the database stands a pooler that shares connections by transaction").
			WithHint("Give --database the address of the server itself, or of a pool in session mode.")
	}
	return nil
}

// enter takes this node's row with a new epoch, which fences whoever bore the name before.
func (s *Store) enter(ctx context.Context) error {
	s.node.id = s.opt.Node
	if s.node.id == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("name this node: %w", err)
		}
		s.node.id = name
	}
	const enter = `
		INSERT INTO node (id, epoch, alive_until)
		VALUES ($1, 1, 0)
		ON CONFLICT (id) DO UPDATE SET epoch = node.epoch + 1
		RETURNING epoch`
	if err := s.db.QueryRowContext(ctx, enter, s.node.id).Scan(&s.node.epoch); err != nil {
		return fmt.Errorf("enter the cluster: %w", err)
	}
	return nil
}

var errFenced = errors.New("another process has taken this node's place")

// fence begins a transaction of Write: durable whatever the server's default, and only under our epoch.
func (s *Store) fence(ctx context.Context, tx *Tx) error {
	if _, err := tx.ExecContext(ctx, `SET LOCAL synchronous_commit = on`); err != nil {
		return err
	}
	const ours = `
		SELECT epoch
		FROM node
		WHERE id = $1 AND epoch = $2
		FOR SHARE`
	var epoch int64
	err := tx.QueryRowContext(ctx, ours, s.node.id, s.node.epoch).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return &commitError{fatal, errFenced}
	}
	return err
}

// classify sorts the errors of both databases, however they were reached.
func classify(err error) failure {
	var known *commitError
	if errors.As(err, &known) {
		return known.kind
	}
	var raw *rawError
	if errors.As(err, &raw) {
		return classifySQLite(raw.code)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return classifySQLite(lite.Code())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return classifyPostgres(pg.Code)
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return guilty
	}
	if errors.As(err, &network) || errors.As(err, &connect) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return away
	}
	return guilty
}

func classifySQLite(code int) failure {
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return full
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fatal
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return away
	}
	return guilty
}

func classifyPostgres(code string) failure {
	switch code[:min(2, len(code))] {
	case "53": // 53100 disk full, 53200 out of memory, 53300 too many connections
		if code == "53100" {
			return full
		}
		return away
	case "08", "57", "58", "40", "25": // connection, shutdown, the server's own trouble, deadlock, a standby
		return away
	}
	return guilty
}
