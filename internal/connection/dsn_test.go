package connection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hacek/internal/hub"
)

// open tries a DSN and gives what is wrong with it, "" when it is taken.
func open(t *testing.T, driver, dsn string, o Options) string {
	t.Helper()
	d, err := Open(context.Background(), hub.Connection{Driver: driver, DSN: hub.NewSecret(dsn)}, o)
	if err == nil {
		_ = d.Close()
		return ""
	}
	var e *hub.Error
	if !errors.As(err, &e) || e.Code != hub.Invalid || len(e.Fields) != 1 || e.Fields[0].Pointer != "/dsn" {
		t.Errorf("%s: %v is no problem at /dsn", driver, err)
		return err.Error()
	}
	if strings.Contains(e.Detail+e.Hint, "s3cr3t") {
		t.Errorf("the password is in %q, %q", e.Detail, e.Hint)
	}
	return e.Detail + " " + e.Hint
}

func TestRule15_OnlyListedParametersOfADSN(t *testing.T) {
	// Whatever the hub's own surroundings hold must not decide either.
	t.Setenv("PGSSLMODE", "nonsense")
	t.Setenv("PGOPTIONS", "-c lock_timeout=0")
	for _, c := range []struct{ driver, dsn, refused string }{
		{"postgres", "postgres://u:s3cr3t@db:5432/erp", ""},
		{"postgres", "postgresql://u:s3cr3t@db/erp?sslmode=verify-full&application_name=x&search_path=erp&timezone=Europe/Prague&target_session_attrs=read-write", ""},
		{"postgres", "host=db port=5433 user=u password='s3 cr\\'3t' dbname=erp sslmode=disable", ""},
		{"postgres", "host=/run/postgresql user=u dbname=erp", ""},
		{"postgres", "postgres://u:s3cr3t@db/erp?sslcert=/etc/passwd", `"sslcert"`},
		{"postgres", "postgres://u:s3cr3t@db/erp?sslkey=/k", `"sslkey"`},
		{"postgres", "postgres://u:s3cr3t@db/erp?sslrootcert=/k", `"sslrootcert"`},
		{"postgres", "host=db user=u dbname=erp passfile=/x/.pgpass", `"passfile"`},
		{"postgres", "host=db user=u dbname=erp service=x", `"service"`},
		{"postgres", "host=db user=u dbname=erp servicefile=/x", `"servicefile"`},
		{"postgres", "postgres://u:s3cr3t@db/erp?options=-c%20statement_timeout=0", `"options"`},
		{"postgres", "postgres://u:s3cr3t@db/erp?statement_timeout=0", `"statement_timeout"`},
		{"postgres", "postgres://u:s3cr3t@db/erp?default_query_exec_mode=simple_protocol", `"default_query_exec_mode"`},
		{"postgres", "postgres://u:s3cr3t@db/erp?timezone=Mars", "no time zone"},
		{"postgres", "postgres://u:s3cr3t@db/erp?timezone=Local", "no time zone"},
		{"postgres", "postgres://u:s3cr3t@db/erp?sslmode=maybe", "sslmode"},
		{"postgres", "postgres:///erp?user=u", "no host"},
		{"postgres", "postgres://db/erp", "no user"},
		{"postgres", "postgres://u@db", "no dbname"},
		{"postgres", "postgres://u:s3cr3t%zz@db/erp", "cannot be read"},
		{"postgres", "host=db password='s3cr3t", "not closed"},
		{"postgres", "s3cr3t", "cannot be read"},
		{"postgres", "", "no host"},
		{"mysql", "u:s3cr3t@tcp(db:3306)/erp", ""},
		{"mysql", "u:s3cr3t?/@(x@tcp(db)/erp?tls=true&loc=Europe/Prague", ""},
		{"mysql", "u@unix(/run/mysqld/mysqld.sock)/erp", ""},
		{"mysql", "u:s3cr3t@tcp(db)/erp?allowAllFiles=true", `"allowAllFiles"`},
		{"mysql", "u:s3cr3t@tcp(db)/erp?tls=true&multiStatements=true", `"multiStatements"`},
		{"mysql", "u:s3cr3t@tcp(db)/erp?allowCleartextPasswords=1", `"allowCleartextPasswords"`},
		{"mysql", "u:s3cr3t@tcp(db)/erp?interpolateParams=true", `"interpolateParams"`},
		{"mysql", "u:s3cr3t@tcp(db)/erp?innodb_lock_wait_timeout=9999", `"innodb_lock_wait_timeout"`},
		{"mysql", "u:s3cr3t@tcp(db)/erp?tls=custom", "tls"},
		{"mysql", "u:s3cr3t@tcp(db)/erp?loc=Mars", "no time zone"},
		{"mysql", "u:s3cr3t@pipe(x)/erp", "cannot be read"},
		{"mysql", "u:s3cr3t@tcp(db)/", "no database"},
		{"mysql", "s3cr3t", "cannot be read"},
	} {
		says := open(t, c.driver, c.dsn, Options{})
		if c.refused == "" && says != "" || c.refused != "" && !strings.Contains(says, c.refused) {
			t.Errorf("%s %s: %q, want %q", c.driver, c.dsn, says, c.refused)
		}
	}
	if _, err := Open(context.Background(), hub.Connection{Driver: "oracle"}, Options{}); err == nil || !strings.Contains(err.Error(), "oracle") {
		t.Errorf("an unknown driver: %v", err)
	}
}

func TestRule15_SQLiteFilesBelowOneFolderAndNeverTheHubsOwn(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "connections")
	outside := t.TempDir()
	for _, d := range []string{filepath.Join(dir, "sub"), filepath.Join(data, "logs")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	own := []string{filepath.Join(data, "hacek.db"), filepath.Join(data, "logs", "webhooks.log")}
	for _, f := range append(own, filepath.Join(dir, "erp.db"), filepath.Join(dir, "sub", "b.db"), filepath.Join(outside, "x.db"),
		filepath.Join(dir, "private.db"), filepath.Join(dir, "private.db-wal")) {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{"in.db": filepath.Join(dir, "erp.db"), "out.db": filepath.Join(outside, "x.db"), "folder": outside, "dangling.db": filepath.Join(outside, "y.db")}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range own {
		if err := os.Link(f, filepath.Join(dir, fmt.Sprintf("hard%d.db", i))); err != nil {
			t.Fatal(err)
		}
	}
	// The hub names its files and its whole data folder, in which the folder of connections lies.
	o := Options{Dir: dir, Refuse: []string{own[0], data, filepath.Join(dir, "private.db")}}
	for path, refused := range map[string]string{
		"erp.db": "", "sub/b.db": "", filepath.Join(dir, "erp.db"): "", "in.db": "", "sub/../erp.db": "", "erp.db?timezone=Europe/Prague": "",
		"../hacek.db": "outside", own[0]: "outside", filepath.Join(outside, "x.db"): "outside", "out.db": "outside", "folder/x.db": "outside",
		"dangling.db": "", "../nothing.db": "outside", "/nowhere/at/all.db": "outside", "folder/nothing.db": "outside",
		"hard0.db": "hub itself", "hard1.db": "hub itself", "private.db": "hub itself", "private.db-wal": "hub itself",
		"sub": "no file", ".": "outside", "": "no path", ":memory:": "no path", "file:erp.db": "no path",
		"erp.db?mode=memory": `"mode"`, "erp.db?_pragma=foreign_keys(0)": `"_pragma"`, "erp.db?vfs=x": `"vfs"`,
	} {
		if path == "dangling.db" { // what is not there is away
			_, err := Open(context.Background(), hub.Connection{Driver: hub.DriverSQLite, DSN: hub.NewSecret(path)}, o)
			var e *Error
			if !errors.As(err, &e) || e.Kind != Away {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		says := open(t, hub.DriverSQLite, path, o)
		if refused == "" && says != "" || refused != "" && !strings.Contains(says, refused) {
			t.Errorf("%s: %q, want %q", path, says, refused)
		}
	}
	if says := open(t, hub.DriverSQLite, "erp.db", Options{}); !strings.Contains(says, "no folder") {
		t.Errorf("without a folder: %q", says)
	}
	// A file that is not there is not made.
	var e *Error
	if _, err := Open(context.Background(), hub.Connection{Driver: hub.DriverSQLite, DSN: hub.NewSecret("new.db")}, o); !errors.As(err, &e) || e.Kind != Away {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("a file was made")
	}
}

func TestRule15_NamesAreOnlyThoseOfTheDatabase(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		odd := `o'd; DROP TABLE orders; --`
		create := `CREATE TABLE "` + odd + `" ("a ""b" INT PRIMARY KEY, "select" {text})`
		if r.driver == hub.DriverMySQL {
			create = "CREATE TABLE `" + odd + "` (`a \"b` INT PRIMARY KEY, `select` {text})"
		}
		r.has(create)
		r.upsert(Inserted, Upsert{Table: odd, Key: []string{`a "b`}, Values: row(`a "b`, "1", "select", `'; DROP TABLE orders; --`)})
		r.upsert(Updated, Upsert{Table: odd, Key: []string{`a "b`}, Values: row(`a "b`, "1", "select", "x")})

		good := order("1", "new", "1", lines(1, "Hook")...)
		for _, name := range []string{"orders; DROP TABLE orders", "ORDERS", "order", "", `orders"`, "sqlite_master", "pg_catalog.pg_class", "mysql.user"} {
			u := good
			u.Table = name
			_ = r.refuses(Schema, u, "no table")
			u = order("1", "new", "1", lines(1, "Hook")...)
			u.Children[0].Table = name
			_ = r.refuses(Schema, u, "no table")
		}
		for _, name := range []string{"number = number", "NUMBER", "rowid", "ctid", `number" = "number`} {
			u := order("1", "new", "1")
			u.Key = []string{name}
			_ = r.refuses(Schema, u, "no column")
			u = order("1", "new", "1")
			u.Newer = name
			_ = r.refuses(Schema, u, "no column")
			u = order("1", "new", "1")
			u.Values[name] = u.Values["state"]
			_ = r.refuses(Schema, u, "no column")
			u = order("1", "new", "1", row(name, "1", "line_no", "1"))
			_ = r.refuses(Schema, u, "no column")
			u = order("1", "new", "1")
			u.Children[0].Parent = map[string]string{name: "id"}
			_ = r.refuses(Schema, u, "no column")
			u = order("1", "new", "1")
			u.Children[0].Parent = map[string]string{"order_id": name}
			_ = r.refuses(Schema, u, "no column")
			u = order("1", "new", "1", lines(1, "Hook")...)
			u.Children[0].Key = []string{name}
			_ = r.refuses(Schema, u, "no column")
		}
		_ = r.refuses(Schema, Upsert{Table: "Orders", Key: []string{"number"}, Values: row("number", "1")}, "did you mean orders?")
		r.holds(`SELECT count(*) FROM orders`, "0")
	})
}

func TestRule15_PoolAndTimeoutsAreSet(t *testing.T) {
	t.Setenv("PGOPTIONS", "-c work_mem=123kB") // of the hub's own surroundings: must not count
	each(t, func(t *testing.T, r *rig) {
		if got := r.db.sql.Stats().MaxOpenConnections; got != 4 {
			t.Errorf("pool of %d, want 4", got)
		}
		switch r.driver {
		case hub.DriverPostgres:
			r.holds(`SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' || current_setting('timezone') || ' ' || (current_setting('work_mem') = '123kB')`, "5s 30s UTC false")
		case hub.DriverMySQL:
			r.holds(`SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout, round(@@max_statement_time), @@tx_isolation, @@time_zone`, "5 5 30 READ-COMMITTED +00:00")
			if mode := r.look(`SELECT @@sql_mode`)[0]; !strings.Contains(mode, "STRICT_ALL_TABLES") {
				t.Errorf("sql_mode %s", mode)
			}
		case hub.DriverSQLite:
			r.holds(`PRAGMA busy_timeout`, "5000")
			r.holds(`PRAGMA foreign_keys`, "1")
		}
	})
}

// The row is held by somebody who never lets go: after five seconds the upsert gives up and says that later helps.
func TestRule15_ALockThatNeverGoesIsToldAfterFiveSeconds(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		t.Parallel()
		r.shop()
		r.upsert(Inserted, order("1", "new", "1"))
		other, err := r.raw.BeginTx(context.Background(), &sql.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Rollback() }()
		if _, err := other.Exec(`UPDATE orders SET note = 'mine'`); err != nil {
			t.Fatal(err)
		}
		if e := r.refuses(Locked, order("1", "paid", "2")); !e.Later() {
			t.Error("the error does not say that later helps")
		}
		if err := other.Rollback(); err != nil {
			t.Fatal(err)
		}
		r.upsert(Updated, order("1", "paid", "2"))
	})
}
