package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
)

// About is what there is to say of the database as a whole.
type About struct {
	Kind    string `json:"kind"` // sqlite | postgres
	Version string `json:"version"`
	Schema  int64  `json:"schema"` // the newest migration
	Bytes   int64  `json:"bytes"`  // with SQLite's log
}

// About asks the database for it.
func (s *Store) About(ctx context.Context) (About, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	f := About{Kind: "sqlite"}
	var err error
	if f.Schema, err = schemaOf(ctx, s.db); err != nil {
		return f, err
	}
	if !s.pg {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(s.File() + suffix); err == nil {
				f.Bytes += info.Size()
			}
		}
		err := s.db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&f.Version)
		if err != nil {
			return f, fmt.Errorf("read the version of SQLite: %w", err)
		}
		return f, nil
	}
	f.Kind = "postgres"
	const both = `SELECT current_setting('server_version'), pg_database_size(current_database())`
	if err := s.db.QueryRowContext(ctx, both).Scan(&f.Version, &f.Bytes); err != nil {
		return f, fmt.Errorf("read the version and the size of PostgreSQL: %w", err)
	}
	return f, nil
}

// schemaOf is the number of the newest migration that a database has.
func schemaOf(ctx context.Context, db *sql.DB) (no int64, err error) {
	const text = `
		SELECT coalesce(max(version_id), 0)
		FROM goose_db_version
		WHERE is_applied`
	if err := db.QueryRowContext(ctx, text).Scan(&no); err != nil {
		return 0, fmt.Errorf("read the schema's number: %w", err)
	}
	return no, nil
}
