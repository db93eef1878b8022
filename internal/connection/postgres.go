package connection

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

type postgres struct{}

const postgresShape = "write postgres://user:password@host:5432/database, or host=... user=... password=... dbname=..."

var postgresParameters = []string{"host", "port", "user", "password", "dbname", "sslmode", "application_name",
	"search_path", "target_session_attrs", "timezone"}

func (d *DB) openPostgres(dsn string) error {
	settings, err := postgresSettings(dsn)
	if err != nil {
		return err
	}
	for name := range settings {
		if err := checkParameter(name, postgresParameters); err != nil {
			return err
		}
	}
	for _, name := range []string{"host", "user", "dbname"} {
		if settings[name] == "" {
			return dsnProblem(postgresShape, "the DSN names no %s", name)
		}
	}
	if err := d.openZone(settings["timezone"]); err != nil {
		return err
	}
	if settings["sslmode"] == "" {
		settings["sslmode"] = "prefer"
	}
	if settings["application_name"] == "" {
		settings["application_name"] = "hacek"
	}
	// Whatever is not said here would be taken from the environment and the home directory of the hub's own process.
	said := map[string]string{"password": "", "passfile": "", "sslcert": "", "sslkey": "", "sslrootcert": "",
		"sslpassword": "", "target_session_attrs": "any"}
	for name, v := range settings {
		said[name] = v
	}
	delete(said, "timezone")
	delete(said, "search_path")
	var line strings.Builder
	for name, v := range said {
		fmt.Fprintf(&line, "%s='%s' ", name, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v))
	}
	config, err := pgx.ParseConfig(line.String())
	if err != nil { // not passed on: it repeats what was given
		return dsnProblem(postgresShape, "the DSN cannot be read: port, sslmode or target_session_attrs is not valid")
	}
	config.ConnectTimeout = connectTimeout
	// One round trip a statement, and no plans of tables that have changed since.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams = map[string]string{
		"application_name":                    settings["application_name"],
		"lock_timeout":                        strconv.FormatInt(lockTimeout.Milliseconds(), 10),
		"statement_timeout":                   strconv.FormatInt(statementTimeout.Milliseconds(), 10),
		"idle_in_transaction_session_timeout": strconv.FormatInt(callTimeout.Milliseconds(), 10),
		"timezone":                            "UTC",
		"datestyle":                           "ISO, YMD",
		"bytea_output":                        "hex",
		"extra_float_digits":                  "1",
	}
	if path := settings["search_path"]; path != "" {
		config.RuntimeParams["search_path"] = path
	}
	d.password = settings["password"]
	d.dialect = postgres{}
	d.sql = stdlib.OpenDB(*config)
	return nil
}

// postgresSettings reads both ways to write a DSN.
func postgresSettings(dsn string) (map[string]string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return keywords(dsn)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, dsnProblem(postgresShape, "the DSN cannot be read as a URL (a special character in the password is written as %%40 for @)")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, dsnProblem(postgresShape, "the parameters of the DSN cannot be read")
	}
	s := map[string]string{}
	put := func(name, v string) {
		if v != "" {
			s[name] = v
		}
	}
	put("host", u.Hostname())
	put("port", u.Port())
	put("user", u.User.Username())
	password, _ := u.User.Password()
	put("password", password)
	put("dbname", strings.TrimPrefix(u.Path, "/"))
	for name, values := range query {
		s[name] = values[len(values)-1]
	}
	return s, nil
}

// keywords reads name=value pairs; a value with blanks stands in single quotes, \ protects the next character.
func keywords(dsn string) (map[string]string, error) {
	s := map[string]string{}
	rest := strings.TrimSpace(dsn)
	for rest != "" {
		name, after, found := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" || strings.ContainsAny(name, " \t\n'") {
			return nil, dsnProblem(postgresShape, "the DSN cannot be read")
		}
		after = strings.TrimLeft(after, " \t\n")
		quoted := strings.HasPrefix(after, "'")
		if quoted {
			after = after[1:]
		}
		var v strings.Builder
		i, closed := 0, !quoted
		for ; i < len(after); i++ {
			b := after[i]
			if b == '\\' && i+1 < len(after) {
				i++
				b = after[i]
			} else if quoted && b == '\'' {
				closed = true
				i++
				break
			} else if !quoted && (b == ' ' || b == '\t' || b == '\n') {
				break
			}
			v.WriteByte(b)
		}
		if !closed {
			return nil, dsnProblem(postgresShape, "a quote in the DSN is not closed")
		}
		s[name], rest = v.String(), strings.TrimSpace(after[i:])
	}
	return s, nil
}

func (postgres) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	return list(ctx, db, `
	SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p')
	AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	AND n.nspname NOT LIKE 'pg\_%'`)
}

const postgresTable = `
	SELECT c.oid::text, n.nspname, c.relname
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p')
	AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	AND n.nspname NOT LIKE 'pg\_%'
	AND CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END = $1`

// A domain counts as the type below it. -1 asks for a type's name without length: a cast to varchar(5) would cut.
const postgresColumns = `
	SELECT a.attname,
		format_type(a.atttypid, a.atttypmod),
		format_type(a.atttypid, -1),
		b.typname,
		CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
		a.attnotnull OR t.typnotnull,
		a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
		a.attgenerated <> '' OR a.attidentity = 'a',
		coalesce((SELECT string_agg(e.enumlabel, chr(10) ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = b.oid), '')
	FROM pg_attribute a
	JOIN pg_type t ON t.oid = a.atttypid
	JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
	WHERE a.attrelid = $1::text::oid
	AND a.attnum > 0
	AND NOT a.attisdropped
	ORDER BY a.attnum`

const postgresKeys = `
	SELECT i.indexrelid::text, a.attname
	FROM pg_index i
	CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
	JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
	WHERE i.indrelid = $1::text::oid
	AND i.indisunique
	AND i.indisvalid
	AND i.indimmediate
	AND i.indpred IS NULL
	AND i.indexprs IS NULL
	AND k.place <= i.indnkeyatts
	ORDER BY NOT i.indisprimary, i.indexrelid, k.place`

func (p postgres) describe(ctx context.Context, db *sql.DB, table string) (Table, error) {
	t := Table{Name: table}
	var oid, schema, name string
	if err := db.QueryRowContext(ctx, postgresTable, table).Scan(&oid, &schema, &name); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return t, nil
		}
		return t, err
	}
	t.quoted = p.quote(schema) + "." + p.quote(name)
	rows, err := db.QueryContext(ctx, postgresColumns, oid)
	if err != nil {
		return t, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c Column
		var base, labels string
		var mod int
		var notNull bool
		if err := rows.Scan(&c.Name, &c.Type, &c.cast, &base, &mod, &notNull, &c.HasDefault, &c.Computed, &labels); err != nil {
			return t, err
		}
		c.Nullable = !notNull
		if labels != "" {
			c.Kind, c.Values = Enum, strings.Split(labels, "\n")
		} else {
			c.postgresKind(base, mod)
		}
		t.Columns = append(t.Columns, c)
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	t.Keys, err = keysOf(ctx, db, postgresKeys, oid)
	return t, err
}

func (c *Column) postgresKind(base string, mod int) {
	c.Kind = Other
	switch base {
	case "int2":
		c.Kind, c.min, c.max = Integer, "-32768", "32767"
	case "int4":
		c.Kind, c.min, c.max = Integer, "-2147483648", "2147483647"
	case "int8":
		c.Kind, c.min, c.max = Integer, "-9223372036854775808", "9223372036854775807"
	case "numeric":
		c.Kind = Decimal
		if scale := (mod - 4) & 0x7ff; mod >= 4 && scale < 1024 { // a negative scale is left to the server
			c.Precision, c.Scale = (mod-4)>>16&0xffff, scale
		}
	case "float4":
		c.Kind, c.Precision = Float, 24
	case "float8":
		c.Kind, c.Precision = Float, 53
	case "text", "citext", "name":
		c.Kind = Text
	case "varchar", "bpchar":
		c.Kind, c.folded = Text, base == "bpchar"
		if mod >= 4 {
			c.Length = mod - 4
		}
	case "bool":
		c.Kind = Boolean
	case "date":
		c.Kind = Date
	case "time":
		c.Kind, c.Precision = Clock, 6
	case "timestamp", "timestamptz":
		c.Kind, c.Precision = DateTime, 6
		if base == "timestamptz" {
			c.Kind = Instant
		}
	case "json", "jsonb":
		c.Kind = JSON
	case "uuid":
		c.Kind = UUID
	case "bytea":
		c.Kind = Bytes
	}
	if (c.Kind == Clock || c.Kind == DateTime || c.Kind == Instant) && mod >= 0 {
		c.Precision = mod
	}
}

func (postgres) quote(name string) string             { return pgx.Identifier{name}.Sanitize() }
func (postgres) read(_ *Column, quoted string) string { return quoted + "::text" }
func (postgres) lock() string                         { return "FOR NO KEY UPDATE" } // foreign keys to the row may still be checked
func (postgres) transaction() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

func (postgres) place(n int, c *Column) string {
	if c.Kind == Bytes {
		return "$" + strconv.Itoa(n) + "::bytea"
	}
	return "$" + strconv.Itoa(n) + "::text::" + c.cast
}

func (postgres) bind(c *Column, text string) any {
	if c.Kind == Bytes {
		return []byte(text)
	}
	return text
}

func (postgres) stored(c *Column, text string) string {
	if c.Kind == Bytes {
		if raw, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return string(raw)
		}
	}
	return text
}

func (postgres) explain(err error) *Error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil
	}
	e := errorf(Schema, "%s", pg.Message).at(pg.TableName, pg.ColumnName)
	if pg.Detail != "" {
		e.Detail += ": " + pg.Detail
	}
	e.Hint = pg.Hint
	switch class := pg.Code[:min(2, len(pg.Code))]; class {
	case "08", "57", "58", "XX", "25":
		e.Kind = Away
	case "53":
		e.Kind = Away
		e.Hint = "free disk, memory or connections of the database server"
	case "28":
		e.Kind = Denied
		e.Hint = "correct user and password in the DSN, or the server's pg_hba.conf"
	case "21", "22", "23", "44", "P0":
		e.Kind = Data
	case "55":
		e.Kind = Locked
	}
	switch pg.Code {
	case "23505":
		e.duplicate = true
	case "40001", "40P01":
		e.Kind, e.conflict = Locked, true
	case "57014", "55P03":
		e.Kind = Locked
		e.Hint = "see who holds the rows: pg_stat_activity shows it"
	case "42501":
		e.Kind = Denied
		e.Hint = "GRANT the user of the DSN SELECT, INSERT, UPDATE (and DELETE where children are replaced) on the table"
	case "3D000":
		e.Hint = "correct the database's name in the DSN"
	case "25006":
		e.Hint = "the server is a standby: name the primary in the DSN, or add target_session_attrs=read-write"
	}
	return e
}
