package tour

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"hacek/internal/hub"
)

// ERP is the pretend ERP's database, empty at the start. The tour makes it, looks into it past the hub, and pulls its plug.
type ERP struct {
	Driver string // as a connection of the hub names it
	DSN    string // as a connection of the hub takes it

	db    *sql.DB
	drop  func()
	relay *relay // of a server: the hub's way goes through it

	mu     sync.Mutex
	locked *sql.Conn // of SQLite: whoever holds the lock
}

// OpenERP makes an ERP. With a driver of sqlite, place is the hub's folder of connections, and a file erp.db is made
// anew in it; else it is the DSN of a server on this machine, in which a database of its own is made.
func OpenERP(ctx context.Context, driver, place string) (e *ERP, err error) {
	switch driver {
	case hub.DriverSQLite:
		e, err = fileERP(place)
	case hub.DriverPostgres:
		e, err = postgresERP(ctx, place)
	case hub.DriverMySQL:
		e, err = mariaERP(ctx, place)
	default:
		return nil, fmt.Errorf("BUG: the tour has no ERP on %s", driver)
	}
	if err != nil {
		return nil, fmt.Errorf("make the pretend ERP's database: %w", err)
	}
	for _, t := range erpTables() {
		if err := e.run(ctx, t.definition(driver)); err != nil {
			e.Close()
			return nil, fmt.Errorf("make the pretend ERP's table %s: %w", t.name, err)
		}
	}
	return e, nil
}

// run does what whoever looks after the ERP's database does there.
func (e *ERP) run(ctx context.Context, statement string) error {
	_, err := e.db.ExecContext(ctx, statement)
	return err
}

func fileERP(folder string) (*ERP, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "erp.db")
	for _, old := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Remove(old); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	address := url.URL{Scheme: "file", Path: file, RawQuery: "_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)"}
	db, err := sql.Open("sqlite", address.String())
	return &ERP{Driver: hub.DriverSQLite, DSN: "erp.db", db: db, drop: func() {}}, err
}

func databaseName() string { return "hacek_tour_" + strings.ToLower(rand.Text()) }

// making runs a statement on a server and answers what undoes it.
func making(ctx context.Context, driver, server, name, drop string) (func(), error) {
	db, err := sql.Open(driver, server)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		_ = db.Close()
		return nil, err
	}
	return func() {
		_, _ = db.Exec("DROP DATABASE " + name + drop) // the server is the tests' own
		_ = db.Close()
	}, nil
}

func postgresERP(ctx context.Context, server string) (*ERP, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	network, address := "tcp", u.Host
	if host := u.Query().Get("host"); strings.HasPrefix(host, "/") {
		network, address = "unix", host+"/.s.PGSQL.5432"
	} else if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "5432")
	}
	name := databaseName()
	drop, err := making(ctx, "pgx", server, name, " WITH (FORCE)")
	if err != nil {
		return nil, err
	}
	way, err := openRelay(network, address)
	if err != nil {
		drop()
		return nil, err
	}
	user := u.User
	if asked := u.Query().Get("user"); user == nil && asked != "" {
		user = url.User(asked)
	}
	theirs := url.URL{Scheme: "postgres", User: user, Host: way.address(), Path: name, RawQuery: "sslmode=disable"}
	u.Path = "/" + name
	db, err := sql.Open("pgx", u.String())
	return &ERP{Driver: hub.DriverPostgres, DSN: theirs.String(), db: db, drop: drop, relay: way}, err
}

func mariaERP(ctx context.Context, server string) (*ERP, error) {
	config, err := mysql.ParseDSN(server)
	if err != nil {
		return nil, fmt.Errorf("HACEK_TEST_MARIADB is no DSN")
	}
	name := databaseName()
	drop, err := making(ctx, "mysql", server, name, "")
	if err != nil {
		return nil, err
	}
	way, err := openRelay(config.Net, config.Addr)
	if err != nil {
		drop()
		return nil, err
	}
	config.DBName = name
	db, err := sql.Open("mysql", config.FormatDSN())
	dsn := fmt.Sprintf("%s:%s@tcp(%s)/%s", config.User, config.Passwd, way.address(), name)
	return &ERP{Driver: hub.DriverMySQL, DSN: dsn, db: db, drop: drop, relay: way}, err
}

// Close forgets the database.
func (e *ERP) Close() {
	_ = e.PutBack()
	if e.relay != nil {
		e.relay.close()
	}
	_ = e.db.Close()
	e.drop()
}

// Pull pulls the plug: for the hub the database is away until PutBack. A server is cut off its network, in the middle
// of what it does; a SQLite file is locked by somebody else.
func (e *ERP) Pull(ctx context.Context) error {
	if e.relay != nil {
		e.relay.cut()
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.locked != nil {
		return nil
	}
	conn, err := e.db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	if err != nil {
		return fmt.Errorf("lock the pretend ERP: %w", err)
	}
	e.locked = conn
	return nil
}

// PutBack ends what Pull has begun, even while the tour is stopped.
//
//nolint:contextcheck // a rollback that was broken off would leave the file locked
func (e *ERP) PutBack() error {
	if e.relay != nil {
		e.relay.mend()
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.locked == nil {
		return nil
	}
	_, err := e.locked.ExecContext(context.Background(), "ROLLBACK")
	_ = e.locked.Close()
	e.locked = nil
	return err
}
