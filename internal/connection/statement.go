package connection

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// transaction is the statements of one upsert. Names in them were found in the database, values are bound.
type transaction struct {
	*DB
	tx *sql.Tx
}

func (tx *transaction) exec(ctx context.Context, t *Table, statement string, args []any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout+connectTimeout) // when the server itself does not stop it
	defer cancel()
	result, err := tx.tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, tx.explain(err).at(t.Name, "")
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, tx.explain(err).at(t.Name, "")
	}
	return int(n), nil
}

// statement builds one with its bound values.
type statement struct {
	strings.Builder
	d    dialect
	args []any
}

func (tx *transaction) statement(begin string) *statement {
	s := &statement{d: tx.dialect}
	s.WriteString(begin)
	return s
}

func (s *statement) value(c *Column, v value) {
	if v.null {
		s.WriteString("NULL")
		return
	}
	s.args = append(s.args, s.d.bind(c, v.written()))
	s.WriteString(s.d.place(len(s.args), c))
}

func (s *statement) where(columns []*Column, r record) {
	for i, c := range columns {
		if i > 0 {
			s.WriteString(" AND ")
		}
		s.WriteString(s.d.quote(c.Name))
		if r[c.Name].null {
			s.WriteString(" IS NULL")
			continue
		}
		s.WriteString(" = ")
		s.value(c, r[c.Name])
	}
}

// selectRows reads the rows where the columns of by have the values in r.
func (tx *transaction) selectRows(ctx context.Context, t *Table, read, by []*Column, r record, lock string) ([]record, error) {
	s := tx.statement("SELECT ")
	for i, c := range read {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(tx.dialect.read(c, tx.dialect.quote(c.Name)))
	}
	s.WriteString(" FROM " + t.quoted + " WHERE ")
	s.where(by, r)
	s.WriteString(" " + lock)
	ctx, cancel := context.WithTimeout(ctx, statementTimeout+connectTimeout)
	defer cancel()
	rows, err := tx.tx.QueryContext(ctx, s.String(), s.args...)
	if err != nil {
		return nil, tx.explain(err).at(t.Name, "")
	}
	defer func() { _ = rows.Close() }()
	var list []record
	for rows.Next() {
		texts, places := make([]any, len(read)), make([]any, len(read))
		for i := range texts {
			places[i] = &texts[i]
		}
		if err := rows.Scan(places...); err != nil {
			return nil, tx.explain(err).at(t.Name, "")
		}
		found := make(record, len(read))
		for i, c := range read {
			found[c.Name] = tx.found(c, texts[i])
		}
		list = append(list, found)
	}
	if err := rows.Err(); err != nil {
		return nil, tx.explain(err).at(t.Name, "")
	}
	return list, nil
}

// found is a value that the database holds, in the shape in which equal values are equal texts. One that does not fit
// its column (a date 0000-00-00) is kept as the text it is.
func (tx *transaction) found(c *Column, raw any) value {
	var text string
	switch v := raw.(type) {
	case nil:
		return value{null: true}
	case string:
		text = v
	case []byte:
		text = string(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case uint64:
		text = strconv.FormatUint(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case float32:
		text = strconv.FormatFloat(float64(v), 'g', -1, 32)
	case bool:
		text = strconv.FormatBool(v)
	case time.Time:
		text = v.Format(time.RFC3339Nano)
	default:
		return value{text: "\x00"} // like nothing that could be written
	}
	text = tx.dialect.stored(c, text)
	zone := tx.zone
	if c.Kind == Instant {
		zone = time.UTC // the session's
	}
	if v, e := c.check(&text, zone); e == nil && !v.null {
		return v
	}
	return value{text: text}
}

// chunk is how many rows fit into one statement: SQLite takes 32,766 bound values, the others twice that.
func chunk(columns int) int { return max(1, min(500, 30000/max(1, columns))) }

func (tx *transaction) insert(ctx context.Context, t *Table, rows []record) error {
	for _, group := range alike(rows) {
		columns := t.columns(sorted(group[0]))
		for part := range slices.Chunk(group, chunk(len(columns))) {
			s := tx.statement("INSERT INTO " + t.quoted + " (")
			for i, c := range columns {
				if i > 0 {
					s.WriteString(", ")
				}
				s.WriteString(tx.dialect.quote(c.Name))
			}
			s.WriteString(") VALUES ")
			for i, r := range part {
				s.WriteString(strings.Repeat(", ", min(i, 1)) + "(")
				for j, c := range columns {
					s.WriteString(strings.Repeat(", ", min(j, 1)))
					s.value(c, r[c.Name])
				}
				s.WriteString(")")
			}
			n, err := tx.exec(ctx, t, s.String(), s.args)
			if err != nil {
				return err
			}
			if n != len(part) {
				return errorf(Denied, "%d of %d rows were not inserted", len(part)-n, len(part)).at(t.Name, "").
					hint("see whether a trigger or a row policy of the table suppresses them")
			}
		}
	}
	return nil
}

// alike groups rows that give the same columns.
func alike(rows []record) [][]record {
	var order []string
	groups := map[string][]record{}
	for _, r := range rows {
		signature := strings.Join(sorted(r), "\x00")
		if groups[signature] == nil {
			order = append(order, signature)
		}
		groups[signature] = append(groups[signature], r)
	}
	list := make([][]record, len(order))
	for i, signature := range order {
		list[i] = groups[signature]
	}
	return list
}

// update writes the columns that differ from what is there, and nothing when none does.
func (tx *transaction) update(ctx context.Context, t *Table, row, old record, key []string) (int, error) {
	s := tx.statement("UPDATE " + t.quoted + " SET ")
	changed := 0
	for _, c := range t.columns(sorted(row)) {
		if row[c.Name].same(old[c.Name]) {
			continue
		}
		if changed++; changed > 1 {
			s.WriteString(", ")
		}
		s.WriteString(tx.dialect.quote(c.Name) + " = ")
		s.value(c, row[c.Name])
	}
	if changed == 0 {
		return 0, nil
	}
	s.WriteString(" WHERE ")
	s.where(t.columns(key), old)
	n, err := tx.exec(ctx, t, s.String(), s.args)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errorf(Denied, "the row was not changed").at(t.Name, "").hint("see whether a trigger or a row policy of the table suppresses it")
	}
	return n, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
