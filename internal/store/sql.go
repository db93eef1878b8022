package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"hacek/internal/hub"
)

// rower is a *sql.Row or *sql.Rows.
type rower interface{ Scan(...any) error }

// querier is a *sql.DB or *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// collect reads all rows of a statement.
func collect[T any](ctx context.Context, db querier, what string, scan func(rower) (T, error), text string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return drain(rows, what, scan)
}

// often is collect for statements of fixed text that come often.
func often[T any](ctx context.Context, s *Store, what string, scan func(rower) (T, error), text string, args ...any) ([]T, error) {
	rows, err := s.query(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return drain(rows, what, scan)
}

func drain[T any](rows *sql.Rows, what string, scan func(rower) (T, error)) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		out = append(out, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return out, nil
}

// one runs a statement that must touch a row; missing is what the caller is told otherwise.
func (tx *Tx) one(ctx context.Context, missing, text string, args ...any) error {
	r, err := tx.ExecContext(ctx, text, args...)
	if err != nil {
		return conflictOr(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return hub.Errorf(hub.NotFound, "%s", missing)
	}
	return nil
}

func conflictOr(err error) error {
	if isConflict(err) {
		return fmt.Errorf("%w: %w", hub.Errorf(hub.Conflict, "another one has the same name"), err)
	}
	return err
}

// isConflict reports a broken UNIQUE of either database.
func isConflict(err error) bool {
	code := 0
	var raw *rawError
	var lite *sqlite.Error
	if errors.As(err, &raw) {
		code = raw.code
	} else if errors.As(err, &lite) {
		code = lite.Code()
	}
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// args collects a statement's arguments and writes their placeholders.
type args []any

func (a *args) add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// list writes the placeholders of an IN.
func list[T any](a *args, values []T) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = a.add(v)
	}
	return strings.Join(marks, ", ")
}

func jsonOr(text []byte, otherwise string) string {
	if len(text) == 0 {
		return otherwise
	}
	return string(text)
}

func nullJSON(text []byte) sql.NullString {
	return sql.NullString{String: string(text), Valid: len(text) > 0}
}

// plainText is a text that both databases take: valid UTF-8 without NUL.
func plainText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
