package connection

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"hacek/internal/hub"
)

// wire stands between a connection and its server, so that a test can cut it.
type wire struct {
	t       *testing.T
	network string // of the server
	server  string
	addr    string

	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
	cut      func(sent []byte) bool // when the client says this, pass it on, and cut before the answer
	cuts     int
}

// behind opens the rig's database once more, through a wire.
func (r *rig) behind() (*DB, *wire) {
	r.t.Helper()
	w := &wire{t: r.t}
	dsn := ""
	switch r.driver {
	case hub.DriverPostgres:
		u, err := url.Parse(r.dsn)
		if err != nil {
			r.t.Fatal(err)
		}
		w.network, w.server = "tcp", u.Host
		q := u.Query()
		if dir := q.Get("host"); strings.HasPrefix(dir, "/") {
			w.network, w.server = "unix", dir+"/.s.PGSQL.5432"
		}
		w.up()
		q.Del("host")
		q.Set("sslmode", "disable")
		if user := q.Get("user"); user != "" {
			q.Del("user")
			u.User = url.User(user)
		}
		u.Host, u.RawQuery = w.addr, q.Encode()
		dsn = u.String()
	case hub.DriverMySQL:
		address := regexp.MustCompile(`@(\w+)\(([^)]*)\)`)
		m := address.FindStringSubmatch(r.dsn)
		w.network, w.server = m[1], m[2]
		w.up()
		dsn = address.ReplaceAllString(r.dsn, "@tcp("+w.addr+")")
	}
	r.t.Cleanup(w.down)
	return r.open(dsn), w
}

func (w *wire) up() {
	w.t.Helper()
	at := "127.0.0.1:0"
	if w.addr != "" {
		at = w.addr
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.listener, w.addr = l, l.Addr().String()
	w.mu.Unlock()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(w.network, w.server)
			if err != nil {
				_ = client.Close()
				return
			}
			w.mu.Lock()
			w.open = append(w.open, client, server)
			w.mu.Unlock()
			go func() { _, _ = io.Copy(client, server) }()
			go w.listen(client, server)
		}
	}()
}

func (w *wire) listen(client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			_ = server.Close()
			return
		}
		w.mu.Lock()
		cut := w.cut != nil && w.cut(buffer[:n])
		if cut {
			w.cuts++
			_ = client.Close() // first, so that the answer cannot pass
		}
		w.mu.Unlock()
		_, _ = server.Write(buffer[:n])
	}
}

// down ends every connection and refuses new ones.
func (w *wire) down() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.listener.Close()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

func TestM9_TheDatabaseIsAwayForAWhile(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		if r.driver == hub.DriverSQLite {
			t.Log("a file has no server")
			return
		}
		r.shop()
		db, w := r.behind()
		r.db = db
		r.upsert(Inserted, order("1", "new", "1", lines(2, "Hook")...))
		w.down()
		for range 3 {
			if e := r.refuses(Away, order("1", "paid", "2", lines(1, "Hook")...)); !e.Later() {
				t.Error("the error does not say that later helps")
			}
		}
		if err := db.Test(context.Background()); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("test of a database that is away: %v", err)
		}
		w.up()
		r.upsert(Updated, order("1", "paid", "2", lines(1, "Hook")...))

		// A restart: the pool's connections are dead, the server is there. Nobody notices.
		w.down()
		w.up()
		r.upsert(Updated, order("1", "sent", "3", lines(1, "Hook")...))
	})
}

// A file of SQLite that is moved away is away, also for connections that have it open. A file put into its place counts at
// once, and it is judged like the first one.
func TestM9_AFileThatWasMovedOrReplaced(t *testing.T) {
	dir := t.TempDir()
	file, own := filepath.Join(dir, "erp.db"), filepath.Join(t.TempDir(), "hacek.db")
	empty := func(name string) {
		t.Helper()
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	empty(file)
	empty(own)
	r := &rig{t: t, driver: hub.DriverSQLite, dsn: "erp.db", opt: Options{Dir: dir, Refuse: []string{own}}}
	r.db = r.open(r.dsn)
	r.raw = r.db.sql
	r.shop()
	r.upsert(Inserted, order("1", "new", "1", lines(2, "Hook")...))
	move(file, file+".old")
	_ = r.refuses(Away, order("2", "new", "1"), "erp.db", "cannot be found")
	if err := r.db.Test(context.Background()); err == nil {
		t.Error("a file that is away passes the test")
	}
	empty(file)
	_ = r.refuses(Schema, order("2", "new", "1"), "orders")
	move(file+".old", file)
	r.upsert(Inserted, order("2", "new", "1", lines(1, "Hook")...))
	r.holds(`SELECT number FROM orders ORDER BY number`, "1", "2")

	// In its place now stands another name of a file of the hub.
	move(file, file+".old")
	if err := os.Link(own, file); err != nil {
		t.Fatal(err)
	}
	_ = r.refuses(Denied, order("3", "new", "1"), "hub itself")
}

func TestM9_AConnectionCutWhileCommitting(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		if r.driver == hub.DriverSQLite {
			t.Log("a file has no server")
			return
		}
		r.shop()
		db, w := r.behind()
		r.db = db
		word := regexp.MustCompile(`(?i)\bcommit\b`) // not the level "read committed"
		w.mu.Lock()
		w.cut = word.Match
		w.mu.Unlock()
		// The server takes the commit, its answer never comes. Done at once again, everything is as it should be already;
		// a commit of nothing is not sent.
		_, err := db.Upsert(context.Background(), order("1", "new", "1", lines(2, "Hook")...))
		w.mu.Lock()
		cuts := w.cuts
		w.mu.Unlock()
		if cuts == 0 {
			t.Fatal("no commit was cut: nothing is shown")
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Kind != Away || !strings.Contains(e.Detail, "may have been written")) {
			t.Fatalf("got %v", err)
		}
		w.mu.Lock()
		w.cut = nil
		w.mu.Unlock()
		if _, err := db.Upsert(context.Background(), order("1", "new", "1", lines(2, "Hook")...)); err != nil {
			t.Fatalf("again: %v", err)
		}
		r.holds(`SELECT number, state, line_count FROM orders`, "1 new 2")
		r.holds(`SELECT count(*) FROM order_lines`, "2")
	})
}

func TestM9_ASilentServerIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it accepts, and never says a word
	for driver, dsn := range map[string]string{
		"postgres": "postgres://u:s3cr3t@" + l.Addr().String() + "/erp?sslmode=disable",
		"mysql":    "u:s3cr3t@tcp(" + l.Addr().String() + ")/erp",
	} {
		db, err := Open(context.Background(), hub.Connection{Driver: driver, DSN: hub.NewSecret(dsn)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err = db.Upsert(ctx, order("1", "new", "1"))
		cancel()
		_ = db.Close()
		var e *Error
		if !errors.As(err, &e) || e.Kind != Away || strings.Contains(e.Error(), "s3cr3t") {
			t.Errorf("%s: %v", driver, err)
		}
	}
}

func TestM9_TablesThatDoNotFit(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		u := order("1", "new", "1", lines(1, "Hook")...)
		r.upsert(Inserted, u)

		u.Key = []string{"state"}
		_ = r.refuses(Schema, u, "unique", "CREATE UNIQUE INDEX")
		u.Key = []string{"number", "state"} // number alone is unique, so both together are
		r.upsert(Unchanged, u)
		u.Key = nil
		_ = r.refuses(Schema, u, "no key columns")
		u = order("NULL", "new", "1")
		_ = r.refuses(Data, u, "orders.number")
		u = order("1", "new", "1")
		delete(u.Values, "number")
		_ = r.refuses(Schema, u, "orders.number", "no value")
		u = order("1", "new", "1")
		delete(u.Values, "changed_at")
		_ = r.refuses(Schema, u, "orders.changed_at")
		u = order("1", "new", "1")
		u.Children[0].Parent = nil
		_ = r.refuses(Schema, u, "order_lines", "links")
		u = order("1", "new", "1", row("name", "x"))
		_ = r.refuses(Schema, u, "order_lines.line_no")
		u = order("1", "far too long a state", "2")
		_ = r.refuses(Data, u, "orders.state", "20 characters, the column takes 10")

		// The column is made wider, and at once the value fits.
		switch r.driver {
		case hub.DriverPostgres:
			r.has(`ALTER TABLE orders ALTER COLUMN state TYPE VARCHAR(30)`)
		case hub.DriverMySQL:
			r.has(`ALTER TABLE orders MODIFY state VARCHAR(30)`)
		case hub.DriverSQLite:
			r.has(`ALTER TABLE orders DROP COLUMN state`, `ALTER TABLE orders ADD COLUMN state VARCHAR(30)`)
		}
		r.upsert(Updated, u)

		// A duplicate under another unique key.
		r.has(`CREATE UNIQUE INDEX one_note ON orders (state)`)
		e := r.refuses(Data, order("2", "far too long a state", "2"), "another unique key")
		if e.Table != "orders" && !strings.Contains(e.Detail, "one_note") {
			t.Errorf("the duplicate names no place: %v", e)
		}

		// Columns and tables that vanish.
		r.has(`DROP INDEX one_note` + map[string]string{"mysql": " ON orders"}[r.driver])
		r.has(`ALTER TABLE orders DROP COLUMN state`)
		_ = r.refuses(Schema, order("1", "new", "3"), "state")
		r.has(`DROP TABLE order_lines`)
		u = Upsert{Table: "orders", Key: []string{"number"}, Values: row("number", "1"), Children: order("", "", "").Children}
		_ = r.refuses(Schema, u, "order_lines")

		// Rules of the table itself.
		r.has(`CREATE TABLE strict_one (k INT PRIMARY KEY, needed VARCHAR(5) NOT NULL, n INT CHECK (n > 0))`)
		e = r.refuses(map[bool]ErrorKind{true: Schema, false: Data}[r.driver == "mysql"], Upsert{Table: "strict_one", Key: []string{"k"}, Values: row("k", "1")}, "needed")
		if e.Column != "needed" {
			t.Errorf("the error names the column %q", e.Column)
		}
		_ = r.refuses(Data, Upsert{Table: "strict_one", Key: []string{"k"}, Values: row("k", "1", "needed", "x", "n", "-1")}, "strict_one")
	})
}

func TestM9_ATableWithoutTransactionsIsRefused(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		if r.driver != hub.DriverMySQL {
			t.Log("only MariaDB has such tables")
			return
		}
		r.has(`CREATE TABLE old (k INT PRIMARY KEY) ENGINE=MyISAM`)
		_ = r.refuses(Schema, Upsert{Table: "old", Key: []string{"k"}, Values: row("k", "1")}, "no transactions", "ENGINE=InnoDB")
	})
}

func TestM9_WrongPasswordsAreToldWithoutThem(t *testing.T) {
	for _, driver := range []string{"postgres", "mysql"} {
		t.Run(driver, func(t *testing.T) {
			dsn := ""
			if driver == "mysql" {
				dsn = regexp.MustCompile(`^[^@]*@`).ReplaceAllString(environment(t, envMaria), "hacek:s3cr3t-wrong@")
			} else {
				u, err := url.Parse(environment(t, envPostgres))
				if err != nil {
					t.Fatal(err)
				}
				q := u.Query() // the test server trusts everybody: a user that is not there must do
				q.Set("user", "nobody_here")
				q.Set("password", "s3cr3t-wrong")
				u.RawQuery = q.Encode()
				dsn = u.String()
			}
			db, err := Open(context.Background(), hub.Connection{Driver: driver, DSN: hub.NewSecret(dsn)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			var e *Error
			if err := db.Test(context.Background()); !errors.As(err, &e) || e.Kind != Denied || e.Hint == "" || strings.Contains(e.Error()+e.Hint, "s3cr3t") {
				t.Errorf("got %v (%+v)", err, e)
			}
		})
	}
}

func TestErrorsOfServersSayWhetherLaterHelps(t *testing.T) {
	for code, want := range map[string]ErrorKind{
		"53100": Away, "53300": Away, "57P01": Away, "57P03": Away, "08006": Away, "25006": Away, "XX000": Away, "58030": Away,
		"55P03": Locked, "57014": Locked, "40P01": Locked, "40001": Locked, "22001": Data, "22P02": Data, "23505": Data, "23503": Data,
		"23514": Data, "P0001": Data, "42P01": Schema, "42703": Schema, "3D000": Schema, "0A000": Schema, "28P01": Denied, "42501": Denied,
	} {
		if e := (postgres{}).explain(&pgconn.PgError{Code: code, Message: "m"}); e == nil || e.Kind != want {
			t.Errorf("PostgreSQL %s: %v, want %s", code, e, want)
		}
	}
	for number, want := range map[uint16]ErrorKind{
		1114: Away, 1021: Away, 1030: Away, 1040: Away, 1053: Away, 1290: Away, 1927: Away, 1205: Locked, 1213: Locked, 1969: Locked,
		1406: Data, 1366: Data, 1048: Data, 1062: Data, 1452: Data, 4025: Data, 1644: Data, 1146: Schema, 1054: Schema, 1364: Schema,
		1049: Schema, 1045: Denied, 1142: Denied,
	} {
		if e := (maria{}).explain(&mysql.MySQLError{Number: number, Message: "m", SQLState: [5]byte([]byte("HY000"))}); e == nil || e.Kind != want {
			t.Errorf("MariaDB %d: %v, want %s", number, e, want)
		}
	}
	d := &DB{dialect: lite{}, password: "s3cr3t"}
	if e := d.explain(errors.New("the server says\ns3cr3t is wrong")); strings.Contains(e.Detail, "s3cr3t") || strings.Contains(e.Detail, "\n") || e.Kind != Away {
		t.Errorf("got %q", e.Detail)
	}
}
