package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Readers are few and may not write.
const readers = 4

func (s *Store) openSQLite(ctx context.Context) error {
	if s.opt.Dir == "" {
		return errors.New("no data directory was given")
	}
	if err := makeDir(s.opt.Dir); err != nil {
		return err
	}
	if err := refuseNetwork(s.opt.Dir); err != nil {
		return err
	}
	unlock, err := lockDir(s.opt.Dir)
	if err != nil {
		return err
	}
	s.unlock = unlock
	path := s.File()
	if err := makeFile(path); err != nil {
		return err
	}
	if err := syncDir(s.opt.Dir); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	// A page's size is fixed when the log is switched on. The driver sorts pragmas by name, and does this one after them.
	s.writer, err = sql.Open("sqlite", sqliteDSN(path, "page_size("+strconv.Itoa(pageSize)+")", "busy_timeout(5000)",
		"synchronous(full)", "cache_size(-8192)", "wal_autocheckpoint(0)")+"&_journal_mode=WAL")
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	s.writer.SetMaxOpenConns(1)
	if err := s.migrate(ctx, goose.DialectSQLite3, "sqlite"); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	s.db, err = sql.Open("sqlite", sqliteDSN(path, "busy_timeout(2000)", "query_only(1)", "cache_size(-8192)", "temp_store(2)"))
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	s.db.SetMaxOpenConns(readers)
	s.db.SetMaxIdleConns(readers)
	return s.openHot(ctx, path)
}

func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	if !filepath.IsAbs(path) {
		u = url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}
	}
	return u.String()
}

func (s *Store) openHot(ctx context.Context, path string) error {
	r, err := openRaw(path)
	if err != nil {
		return err
	}
	h := &sqliteHot{s: s, r: r, blocks: newBlockMemory(), buckets: newBuckets(s.opt.DedupeWindow, s.now)}
	s.hot = h
	for _, pragma := range []string{"busy_timeout = 5000", "synchronous = full", "cache_size = -16384", "wal_autocheckpoint = 0"} {
		if err := r.exec("PRAGMA " + pragma); err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
	}
	if h.copier, err = openCopier(path); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := h.prepareAll(); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	text, _, err := s.Fact(ctx, factNumbers)
	if err != nil {
		return err
	}
	h.seq = 1
	if text != "" {
		if h.seq, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("the mark of delivery numbers: %w", err)
		}
	}
	h.reserved = h.seq
	return h.buckets.list(ctx, s.writer)
}
