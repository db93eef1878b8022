package connection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

type lite struct{}

const sqliteShape = "write the path of the file, relative to the folder of connections: erp.db"

var sqliteParameters = []string{"timezone"}

func (d *DB) openSQLite(dsn string, o Options) error {
	path, query, _ := strings.Cut(dsn, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return dsnProblem(sqliteShape, "the parameters of the DSN cannot be read")
	}
	for name := range values {
		if err := checkParameter(name, sqliteParameters); err != nil {
			return err
		}
	}
	if err := d.openZone(values.Get("timezone")); err != nil {
		return err
	}
	if _, err := o.file(path); err != nil {
		return err
	}
	// mode=rw: a mistyped name must not make an empty database. Immediate: a transaction that will write locks first,
	// so that what it read is still so when it writes.
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(" + strconv.FormatInt(lockTimeout.Milliseconds(), 10) + ")", "foreign_keys(1)"}}
	d.sql = sql.OpenDB(&liteFile{options: o, path: path, query: q.Encode()})
	d.dialect = lite{}
	return nil
}

func (lite) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	return list(ctx, db, `
	SELECT name
	FROM sqlite_schema
	WHERE type = 'table'
	AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
}

const liteColumns = `
	SELECT name, type, "notnull", dflt_value IS NOT NULL, pk, hidden
	FROM pragma_table_xinfo(?)
	WHERE hidden <> 1
	ORDER BY cid`

const liteKeys = `
	SELECT l.name, x.name
	FROM pragma_index_list(?) AS l
	JOIN pragma_index_xinfo(l.name) AS x
	WHERE l."unique" = 1
	AND l.partial = 0
	AND l.origin <> 'pk'
	AND x.key = 1
	AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name) AS e WHERE e.key = 1 AND e.cid < 0)
	ORDER BY l.seq, x.seqno`

func (l lite) describe(ctx context.Context, db *sql.DB, table string) (Table, error) {
	t := Table{Name: table, quoted: l.quote(table)}
	rows, err := db.QueryContext(ctx, liteColumns, table)
	if err != nil {
		return t, err
	}
	defer func() { _ = rows.Close() }()
	primary := map[int]string{}
	for rows.Next() {
		var c Column
		var notNull bool
		var place, hidden int
		if err := rows.Scan(&c.Name, &c.Type, &notNull, &c.HasDefault, &place, &hidden); err != nil {
			return t, err
		}
		c.Nullable, c.Computed = !notNull, hidden > 1
		c.liteKind()
		if place > 0 {
			primary[place] = c.Name
		}
		t.Columns = append(t.Columns, c)
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	_ = rows.Close()
	var key []string
	for place := 1; primary[place] != ""; place++ {
		key = append(key, primary[place])
	}
	if len(key) > 0 {
		t.Keys = append(t.Keys, key)
	}
	if c, e := t.column(strings.Join(key, "")); e == nil && len(key) == 1 && strings.EqualFold(c.Type, "INTEGER") {
		c.HasDefault = true // the number of the row
	}
	others, err := keysOf(ctx, db, liteKeys, table)
	t.Keys = append(t.Keys, others...)
	return t, err
}

var liteType = regexp.MustCompile(`^\s*([^(]*?)\s*(?:\(\s*([0-9]+)\s*(?:,\s*([0-9]+)\s*)?\))?\s*$`)

// liteKind reads the declared type as other databases would: SQLite itself would take anything.
func (c *Column) liteKind() {
	c.Kind = Other
	m := liteType.FindStringSubmatch(strings.ToUpper(c.Type))
	if m == nil {
		return
	}
	name := m[1]
	first, _ := strconv.Atoi(m[2])
	second, _ := strconv.Atoi(m[3])
	switch {
	case strings.HasPrefix(name, "BOOL"):
		c.Kind = Boolean
	case strings.Contains(name, "INT"):
		c.Kind, c.min, c.max = Integer, "-9223372036854775808", "9223372036854775807"
	case strings.Contains(name, "CHAR"):
		c.Kind, c.Length = Text, first
	case strings.Contains(name, "TEXT"), strings.Contains(name, "CLOB"):
		c.Kind = Text
	case strings.HasPrefix(name, "DEC"), strings.HasPrefix(name, "NUMERIC"):
		c.Kind, c.Precision, c.Scale = Decimal, first, second
		if first == 0 || first > floatDigits {
			c.Precision, c.Scale = floatDigits, floating
		}
	case strings.Contains(name, "REAL"), strings.Contains(name, "FLOA"), strings.Contains(name, "DOUB"):
		c.Kind, c.Precision = Float, 53
	case strings.HasPrefix(name, "DATETIME"), strings.HasPrefix(name, "TIMESTAMP"):
		c.Kind, c.Precision = DateTime, 3
	case name == "DATE":
		c.Kind = Date
	case name == "TIME":
		c.Kind, c.Precision = Clock, 3
	case strings.HasPrefix(name, "JSON"):
		c.Kind = JSON
	case name == "UUID":
		c.Kind = UUID
	case strings.Contains(name, "BLOB"):
		c.Kind = Bytes
	}
}

// floatDigits is how many digits SQLite keeps of a decimal, which it stores as a floating number.
const floatDigits = 15

func (lite) quote(name string) string             { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func (lite) read(_ *Column, quoted string) string { return "+" + quoted } // the value as it is stored, not as its column is declared
func (lite) stored(_ *Column, text string) string { return text }
func (lite) lock() string                         { return "" } // the transaction has the whole file
func (lite) transaction() *sql.TxOptions          { return nil }
func (lite) place(_ int, _ *Column) string        { return "?" }

func (lite) bind(c *Column, text string) any {
	switch c.Kind {
	case Integer:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case Float:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case Boolean:
		if text == "true" {
			return int64(1)
		}
		return int64(0)
	case Bytes:
		return []byte(text)
	}
	return text
}

var liteColumn = regexp.MustCompile(`constraint failed: (\S+?)\.([^\s,.]+) \(`)

// Result codes: sqlite.org/rescode.html. The lower byte is the code, the rest says more.
func (lite) explain(err error) *Error {
	var sq *sqlite.Error
	if !errors.As(err, &sq) {
		return nil
	}
	e := errorf(Away, "%s", sq.Error())
	switch sq.Code() & 0xff {
	case 5, 6:
		e.Kind, e.Detail = Locked, fmt.Sprintf("the file of the database is in use: another program has kept it for itself for more than %s", lockTimeout)
		e.Hint = "it is tried again by itself; if it happens often, close the program that has the file open, or let it run an import or a backup at another time"
	case 9:
		e.Kind, e.Detail = Locked, fmt.Sprintf("the statement took longer than %s", statementTimeout)
	case 1, 11, 26:
		e.Kind = Schema
	case 17:
		e.Kind, e.conflict = Locked, true
	case 18, 19, 20:
		e.Kind = Data
	case 3, 8, 23:
		e.Kind = Denied
		e.Hint = "let the user that the hub runs as write the file and its folder"
	case 13:
		e.Hint = "free space on the disk"
	}
	switch sq.Code() {
	case 1555, 2067, 2579:
		e.duplicate = true
	}
	if m := liteColumn.FindStringSubmatch(sq.Error()); m != nil {
		return e.at(m[1], m[2])
	}
	return e
}
