package connection

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

type maria struct{}

const mysqlShape = "write user:password@tcp(host:3306)/database"

var mysqlParameters = []string{"tls", "loc"}

// mysqlDSN finds address, database and parameters. A password may hold any character, also / and ?.
var mysqlDSN = regexp.MustCompile(`^((?:.*@)?[^@()/?]*(?:\([^()]*\))?)/([^/?]*)(?:\?(.*))?$`)

func (d *DB) openMySQL(dsn string) error {
	parts := mysqlDSN.FindStringSubmatch(dsn)
	if parts == nil {
		return dsnProblem(mysqlShape, "the DSN cannot be read")
	}
	address, database, query := parts[1], parts[2], parts[3]
	values, err := url.ParseQuery(query)
	if err != nil {
		return dsnProblem(mysqlShape, "the parameters of the DSN cannot be read")
	}
	for name := range values {
		if err := checkParameter(name, mysqlParameters); err != nil {
			return err
		}
	}
	switch values.Get("tls") {
	case "", "true", "false", "skip-verify", "preferred":
	default:
		return dsnProblem("tls is true, false, skip-verify or preferred", "the value of tls in the DSN is none of those that may be given")
	}
	if err := d.openZone(values.Get("loc")); err != nil {
		return err
	}
	config, err := mysql.ParseDSN(address + "/" + database) // its error is not passed on: it may repeat what was given
	if err != nil || config.Net != "tcp" && config.Net != "unix" {
		return dsnProblem(mysqlShape, "the DSN cannot be read")
	}
	if config.DBName == "" {
		return dsnProblem(mysqlShape, "the DSN names no database")
	}
	config.TLSConfig = values.Get("tls")
	config.Timeout = connectTimeout
	config.ClientFoundRows = true // an update of a row that was so already counts as a row
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return dsnProblem(mysqlShape, "the DSN cannot be used")
	}
	d.password = config.Passwd
	d.dialect = maria{}
	d.sql = sql.OpenDB(mariaConnector{connector})
	return nil
}

// mariaConnector prepares each new session: strict, so that nothing is rounded or cut; times in UTC; our timeouts;
// and READ COMMITTED, because the gaps that the usual level locks make writers of different rows wait for each other.
// The comments are read by one of the two servers each: MariaDB and MySQL name the statement timeout differently.
type mariaConnector struct{ driver.Connector }

var mariaSession = []string{
	fmt.Sprintf(`SET SESSION innodb_lock_wait_timeout = %d, SESSION lock_wait_timeout = %[1]d,
	SESSION time_zone = '+00:00',
	SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'
	/*M! , SESSION max_statement_time = %d */ /*!50708 , SESSION max_execution_time = %d */`,
		int(lockTimeout.Seconds()), int(statementTimeout.Seconds()), statementTimeout.Milliseconds()),
	`SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED`,
}

func (m mariaConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := m.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range mariaSession {
		if _, err := c.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

func (maria) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	return list(ctx, db, `
	SELECT table_name
	FROM information_schema.tables
	WHERE table_schema = DATABASE()
	AND table_type = 'BASE TABLE'`)
}

const mariaColumns = `
	SELECT column_name,
		data_type,
		column_type,
		is_nullable = 'YES',
		column_default IS NOT NULL AND column_default <> 'NULL' OR extra LIKE '%auto_increment%',
		extra LIKE '%GENERATED%' AND extra NOT LIKE '%DEFAULT_GENERATED%',
		coalesce(character_maximum_length, 0),
		coalesce(numeric_precision, 0),
		coalesce(numeric_scale, 0),
		coalesce(datetime_precision, 0)
	FROM information_schema.columns
	WHERE table_schema = DATABASE()
	AND table_name = ?
	ORDER BY ordinal_position`

const mariaKeys = `
	SELECT index_name, column_name
	FROM information_schema.statistics
	WHERE table_schema = DATABASE()
	AND table_name = ?
	AND non_unique = 0
	AND column_name IS NOT NULL
	AND index_name NOT IN (
		SELECT index_name
		FROM information_schema.statistics
		WHERE table_schema = DATABASE()
		AND table_name = ?
		AND (sub_part IS NOT NULL OR column_name IS NULL))
	ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index`

func (m maria) describe(ctx context.Context, db *sql.DB, table string) (Table, error) {
	t := Table{Name: table, quoted: m.quote(table)}
	engine, err := list(ctx, db, `
	SELECT coalesce(engine, '')
	FROM information_schema.tables
	WHERE table_schema = DATABASE()
	AND table_name = ?`, table)
	if err != nil {
		return t, err
	}
	t.plain = len(engine) == 1 && !strings.EqualFold(engine[0], "InnoDB")
	rows, err := db.QueryContext(ctx, mariaColumns, table)
	if err != nil {
		return t, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c Column
		var base string
		var length int64
		var precision, scale, fraction int
		if err := rows.Scan(&c.Name, &base, &c.Type, &c.Nullable, &c.HasDefault, &c.Computed, &length, &precision, &scale, &fraction); err != nil {
			return t, err
		}
		c.mariaKind(strings.ToLower(base), length, precision, scale, fraction)
		t.Columns = append(t.Columns, c)
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	t.Keys, err = keysOf(ctx, db, mariaKeys, table, table)
	return t, err
}

// mariaRanges are the smallest and the largest number, and the largest without a sign.
var mariaRanges = map[string][3]string{
	"tinyint":   {"-128", "127", "255"},
	"smallint":  {"-32768", "32767", "65535"},
	"mediumint": {"-8388608", "8388607", "16777215"},
	"int":       {"-2147483648", "2147483647", "4294967295"},
	"bigint":    {"-9223372036854775808", "9223372036854775807", "18446744073709551615"},
	"year":      {"0", "2155", "2155"},
}

var mariaLabel = regexp.MustCompile(`'((?:[^']|'')*)'`)

func (c *Column) mariaKind(base string, length int64, precision, scale, fraction int) {
	c.Kind = Other
	switch base {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		c.Kind = Integer
		c.min, c.max = mariaRanges[base][0], mariaRanges[base][1]
		if strings.Contains(c.Type, "unsigned") {
			c.min, c.max = "0", mariaRanges[base][2]
		}
		c.flag = strings.HasPrefix(c.Type, "tinyint(1)")
	case "bit":
		c.Kind, c.min, c.max = Integer, "0", strconv.FormatUint(^uint64(0)>>(64-min(64, max(1, precision))), 10)
		c.flag = precision == 1
	case "decimal":
		c.Kind, c.Precision, c.Scale = Decimal, precision, scale
	case "float":
		c.Kind, c.Precision = Float, 24
	case "double":
		c.Kind, c.Precision = Float, 53
	case "char", "varchar":
		c.Kind, c.Length, c.folded = Text, int(length), base == "char"
	case "text", "tinytext", "mediumtext", "longtext": // their limits count bytes: the server judges
		c.Kind = Text
	case "enum":
		c.Kind = Enum
		for _, m := range mariaLabel.FindAllStringSubmatch(c.Type, -1) {
			c.Values = append(c.Values, strings.ReplaceAll(m[1], "''", "'"))
		}
	case "date":
		c.Kind = Date
	case "time":
		c.Kind, c.Precision = Clock, fraction
	case "datetime":
		c.Kind, c.Precision = DateTime, fraction
	case "timestamp":
		c.Kind, c.Precision = Instant, fraction
	case "json":
		c.Kind = JSON
	case "uuid":
		c.Kind = UUID
	case "binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob":
		c.Kind = Bytes
	}
	if c.Kind == Decimal {
		c.cast = fmt.Sprintf("DECIMAL(%d,%d)", c.Precision, c.Scale)
	}
}

func (maria) quote(name string) string             { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
func (maria) read(_ *Column, quoted string) string { return quoted }

// stored reads the bytes of a BIT as the number they are.
func (maria) stored(c *Column, text string) string {
	if !strings.HasPrefix(c.Type, "bit(") {
		return text
	}
	var n uint64
	for _, b := range []byte(text) {
		n = n<<8 | uint64(b)
	}
	return strconv.FormatUint(n, 10)
}

func (maria) lock() string                { return "FOR UPDATE" }
func (maria) transaction() *sql.TxOptions { return nil } // the session says it

// place casts decimals: next to a text the server would compare them as floating numbers.
func (maria) place(_ int, c *Column) string {
	if c.cast != "" {
		return "CAST(? AS " + c.cast + ")"
	}
	return "?"
}

func (maria) bind(c *Column, text string) any {
	switch c.Kind {
	case Integer:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return n
		}
	case Float:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case Bytes:
		return []byte(text)
	}
	return text
}

var mariaKinds = map[uint16]ErrorKind{
	1044: Denied, 1045: Denied, 1130: Denied, 1142: Denied, 1143: Denied, 1227: Denied, 1370: Denied, 1698: Denied,
	1049: Schema, 1054: Schema, 1136: Schema, 1146: Schema, 1364: Schema, 1665: Schema, 1932: Schema,
	1205: Locked, 1317: Locked, 1969: Locked, 3024: Locked, 1213: Locked, 1020: Locked,
	1048: Data, 1062: Data, 1264: Data, 1265: Data, 1292: Data, 1366: Data, 1406: Data, 1451: Data, 1452: Data,
	1644: Data, 3819: Data, 4025: Data, 3140: Data,
}

var mariaColumn = regexp.MustCompile("(?i)\\b(?:column|field) '([^']+)'|column `[^`]*`\\.`[^`]*`\\.`([^`]+)`")

func (maria) explain(err error) *Error {
	if errors.Is(err, mysql.ErrInvalidConn) {
		return errorf(Away, "the connection to the database broke")
	}
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return nil
	}
	e := errorf(Away, "%s", my.Message)
	kind, known := mariaKinds[my.Number]
	state := string(my.SQLState[:2])
	switch {
	case known:
		e.Kind = kind
	case state == "22" || state == "23" || state == "45":
		e.Kind = Data
	case state == "42":
		e.Kind = Schema
	case state == "28":
		e.Kind = Denied
	}
	if m := mariaColumn.FindStringSubmatch(my.Message); m != nil && e.Kind != Denied {
		e.Column = m[1] + m[2]
	}
	switch my.Number {
	case 1062:
		e.duplicate = true
	case 1213, 1020:
		e.conflict = true
	case 1205, 1969, 3024:
		e.Hint = "see who holds the rows: SHOW ENGINE INNODB STATUS shows it"
	case 1044, 1142, 1143:
		e.Hint = "GRANT the user of the DSN SELECT, INSERT, UPDATE (and DELETE where children are replaced)"
	case 1045, 1130, 1698:
		e.Hint = "correct user and password in the DSN, and see from which hosts the user may connect"
	case 1049:
		e.Hint = "correct the database's name in the DSN"
	case 1364:
		e.Hint = "give the column a value in the step's columns, or a default in the table"
	case 1021, 1114, 1030, 3:
		e.Hint = "free space on the database server"
	}
	return e
}
