package connection

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"

	"hacek/internal/hub"
)

// liteFile opens connections to the SQLite file that a path names now. What may be opened is judged each time, because
// the file, or a link on the way to it, may be another one than when the hub started.
type liteFile struct {
	options Options
	path    string
	query   string
}

// Connect opens the file. One that is not there is an Error of kind Away.
func (f *liteFile) Connect(context.Context) (driver.Conn, error) {
	real, err := f.options.file(f.path)
	if refused := (*hub.Error)(nil); errors.As(err, &refused) {
		return nil, errorf(Denied, "%s", strings.TrimPrefix(refused.Detail, "/dsn: ")).hint("%s", refused.Hint)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, missing(f.path, err)
	}
	u := url.URL{Scheme: "file", Path: real, RawQuery: f.query}
	c, err := f.Driver().Open(u.String())
	if err != nil {
		return nil, err
	}
	all, ok := c.(liteDriver)
	if !ok {
		return nil, errors.Join(errors.New("BUG: the driver of SQLite has lost an interface"), c.Close())
	}
	return &liteConn{all, f.options.named(f.path), info}, nil
}

// Driver is the one behind the connections.
func (f *liteFile) Driver() driver.Driver { return &sqlite.Driver{} }

// liteDriver is what database/sql asks of a connection.
type liteDriver interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// liteConn is a connection to a file that was opened once. A file that was moved away or replaced stays open: rows would go
// where nobody reads them, or every write would fail for as long as the connection lives. So each use looks whether the
// path still leads to the same file.
type liteConn struct {
	liteDriver
	path   string
	opened fs.FileInfo
}

// ResetSession comes before each new use of a connection of the pool.
func (c *liteConn) ResetSession(ctx context.Context) error {
	now, err := os.Stat(c.path)
	if err != nil || !os.SameFile(now, c.opened) {
		return driver.ErrBadConn // the pool opens another one
	}
	return c.liteDriver.ResetSession(ctx)
}
