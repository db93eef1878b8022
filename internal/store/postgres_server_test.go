package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// A server of the test's own: what is changed here would turn every other test's server into one that is refused.
func TestO2_AServerThatMayForgetIsRefused(t *testing.T) {
	if os.Getenv(storetest.Postgres) == "" {
		storetest.OnPostgres(t) // says that it is missing
	}
	dir := openDir(t)
	dsn := strings.TrimSpace(script(t, "start", dir))
	t.Cleanup(func() { script(t, "stop", dir) })
	open := func(url string) (said string, err error) {
		var log bytes.Buffer
		s, err := store.Open(t.Context(), store.Options{URL: url, SecretKey: storetest.Key(), Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			err = s.Close()
		}
		return log.String(), err
	}
	if said, err := open(dsn); err != nil || strings.Contains(said, "standby") {
		t.Fatalf("a sound server: %v, and said %q", err, said)
	}

	t.Run("a commit is on disk when it is confirmed, whatever the server's default", func(t *testing.T) {
		watch := told(t, dsn, `ALTER SYSTEM SET synchronous_commit = off`, `SELECT pg_reload_conf()`)
		s, err := store.Open(t.Context(), store.Options{URL: dsn, SecretKey: storetest.Key()})
		if err != nil {
			t.Fatal(err)
		}
		stop := storetest.Run(t, s)
		w := tell(t, s)
		target := w.target(1, "a")
		late := 0
		for n := range 40 {
			if n < 20 {
				w.accept(w.event(1, "", fmt.Sprint(n)), target)
			} else {
				w.write(func(tx *store.Tx) error { return tx.SetFact(w.ctx, "test", fmt.Sprint(n)) })
			}
			var written bool
			if err := watch.QueryRow(t.Context(), `SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()`).Scan(&written); err != nil {
				t.Fatal(err)
			}
			if !written {
				late++
			}
		}
		// The server itself writes to its log now and then; behind a commit that does not wait, each one is late.
		if late > 5 {
			t.Errorf("%d of 40 commits were confirmed before the server's log was on disk", late)
		}
		stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a pooler that shares connections by transaction", func(t *testing.T) {
		if _, err := open(pooled(t, dir, "transaction")); hub.CodeOf(err) != hub.Invalid || !strings.Contains(err.Error(), "a pooler that shares connections") {
			t.Errorf("opened: %v", err)
		}
		if _, err := open(pooled(t, dir, "session")); err != nil {
			t.Errorf("behind a pool of sessions: %v", err)
		}
	})
	t.Run("a standby that no commit waits for", func(t *testing.T) {
		end := follow(t, dsn)
		said, err := open(dsn)
		if err != nil || !strings.Contains(said, "a standby that commits do not wait for") {
			t.Errorf("opened: %v, and said %q", err, said)
		}
		end()
	})
	t.Run("fsync is off", func(t *testing.T) {
		told(t, dsn, `ALTER SYSTEM SET fsync = off`, `SELECT pg_reload_conf()`)
		// Each server process reads its settings when it is told to, a new one as they are.
		for deadline := time.Now().Add(20 * time.Second); ; {
			_, err := open(dsn)
			if hub.CodeOf(err) == hub.Invalid && strings.Contains(err.Error(), "fsync = off") {
				return
			}
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("opened: %v", err)
			}
		}
	})
}

// told says something to the server, and keeps the connection.
func told(t *testing.T, dsn string, statements ...string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// script calls scripts/postgres.sh.
func script(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("../../scripts/postgres.sh", args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("postgres.sh %s: %v: %s", args[0], err, said.String())
	}
	return string(out)
}

// openDir is a directory that servers may enter, which do not run as root.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hacek-server")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pooled starts a real PgBouncer before the server that lives in a directory.
func pooled(t *testing.T, server, mode string) (dsn string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // not on everybody's PATH
	}
	if _, err := os.Stat(program); err != nil && os.Getenv("CI") != "true" {
		t.Skip("SKIPPED: PgBouncer is missing (scripts/install.sh installs it)")
	}
	dir := openDir(t)
	settings := filepath.Join(dir, "ini")
	text := fmt.Sprintf("[databases]\n* = host=%s user=postgres\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nauth_type = any\npool_mode = %s\nlogfile = %s/log\n", server, dir, mode, dir)
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{settings}
	if os.Getuid() == 0 {
		args = []string{"-u", "postgres", settings}
	}
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start PgBouncer (scripts/install.sh installs it): %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	dsn = "postgres:///postgres?" + url.Values{"host": {dir}, "port": {"6432"}, "user": {"postgres"}}.Encode()
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			_ = conn.Close(t.Context())
			return dsn
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, said)
		}
	}
}

// follow is what a standby does: it asks for the server's log, and for more of it.
func follow(t *testing.T, dsn string) (end func()) {
	t.Helper()
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["replication"] = "true"
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := conn.Exec(t.Context(), "IDENTIFY_SYSTEM").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	conn.Exec(t.Context(), "START_REPLICATION PHYSICAL "+string(identity[0].Rows[0][2]))
	for deadline := time.Now().Add(20 * time.Second); ; {
		var followers int
		watch, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		err = watch.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_replication`).Scan(&followers)
		_ = watch.Close(t.Context())
		if err == nil && followers == 1 {
			return func() {
				ended, cancel := context.WithCancel(context.Background())
				cancel()
				_ = conn.Close(ended)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody follows: %v", err)
		}
	}
}
