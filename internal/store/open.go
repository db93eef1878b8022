package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"

	"hacek/internal/hub"
)

//go:embed migrations
var migrations embed.FS

// Open opens the database, brings its schema up to date and keeps everybody else out of the data directory.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.DedupeWindow == 0 {
		o.DedupeWindow = DefaultDedupeWindow
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	s := &Store{log: o.Log, now: o.Now, opt: o, pg: o.URL != "", unlock: func() {}}
	s.queue.wake = make(chan struct{}, 1)
	var err error
	if s.sealer, err = newSealer(o.SecretKey); err != nil {
		return nil, err
	}
	if s.pg {
		err = s.openPostgres(ctx)
	} else {
		err = s.openSQLite(ctx)
	}
	if err == nil {
		err = s.openSums(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// Close ends Run, as the end of its context does, and returns when everything is let go: also when Run was never started.
// None of the functions in Options may call it, because Run waits for these.
func (s *Store) Close() error {
	s.run.close()
	s.queue.mu.Lock()
	s.queue.closed = true
	s.queue.mu.Unlock()
	s.close()
	return nil
}

func (s *Store) close() { s.closing.Do(s.release) }

func (s *Store) release() {
	s.stmts.Range(func(_, st any) bool {
		_ = st.(interface{ Close() error }).Close()
		return true
	})
	s.stmts.Clear()
	if s.hot != nil {
		_ = s.hot.close()
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.writer != nil && s.writer != s.db {
		_ = s.writer.Close()
	}
	s.unlock()
}

// migrate applies what is new in the embedded schema, and refuses a database that a newer program has changed.
func (s *Store) migrate(ctx context.Context, dialect goose.Dialect, folder string, options ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return err
	}
	if s.current(ctx, files) {
		return nil // reading all that made it takes longer than everything else at a start
	}
	options = append(options, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	p, err := goose.NewProvider(dialect, s.writer, files, options...)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	newest := p.ListSources()[len(p.ListSources())-1].Version
	now, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	if now > newest {
		return hub.Errorf(hub.Conflict, "the database has schema %d, this program knows schemas up to %d", now, newest).
			WithHint("A newer version of hacek has used this database. Start that version, or restore a backup made before it.")
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// current tells that the database has the newest schema of the files. When nobody can say, goose is asked.
func (s *Store) current(ctx context.Context, files fs.FS) bool {
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return false
	}
	newest, err := goose.NumericComponent(slices.Max(names))
	if err != nil {
		return false
	}
	table := `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'goose_db_version')`
	if s.pg {
		table = `SELECT to_regclass('goose_db_version') IS NOT NULL`
	}
	var made bool
	if err := s.writer.QueryRowContext(ctx, table).Scan(&made); err != nil || !made {
		return false
	}
	now, err := schemaOf(ctx, s.writer)
	return err == nil && now == newest
}

// lockDir keeps a second process out of the data directory. The lock ends with the process, however it ends.
func lockDir(dir string) (func(), error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, hub.Errorf(hub.Conflict, "another hacek uses the data directory %s", dir).
				WithHint("Stop it first, or give this one a directory of its own with --data.")
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// makeDir makes the data directory, for its owner alone.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

// makeFile makes a file for its owner alone, whatever the umask; SQLite gives its log the same rights.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// networkSystems are file systems whose locks and fsync a database cannot rely on, by statfs's magic number.
func networkSystem(magic int64) (string, bool) {
	name, yes := map[uint32]string{
		0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x65735546: "FUSE", 0x564c: "NCP",
		0x5346414f: "AFS", 0x73757245: "Coda", 0x00c36400: "Ceph", 0x01021997: "9P", 0x19830326: "BeeGFS",
		0x0bd00bd0: "Lustre", 0x7461636f: "OCFS2", 0x01161970: "GFS2",
	}[uint32(magic)]
	return name, yes
}

func refuseNetwork(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	if name, yes := networkSystem(int64(st.Type)); yes {
		return hub.Errorf(hub.Invalid, "the data directory %s lies on a network file system (%s)", dir, name).
			WithHint("SQLite needs a local disk: choose another --data, or use PostgreSQL with --database.")
	}
	return nil
}
