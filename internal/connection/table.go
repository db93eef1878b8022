package connection

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Table is one table as the database describes it.
type Table struct {
	Name    string     // as upserts name it: with its schema where the search path does not find it
	Columns []Column   // in the table's order
	Keys    [][]string // columns of every unique key that holds for all rows, the primary key first

	plain  bool   // no transactions: a table of MyISAM, for one
	quoted string // name for statements
}

// Column is one column of a table.
type Column struct {
	Name       string
	Type       string // in the database's own words, such as numeric(12,2)
	Kind       Kind
	Nullable   bool
	Length     int // most characters of a text; 0: no limit
	Precision  int // digits of a decimal, of a second's fraction, bits of a floating number; 0: no limit
	Scale      int // digits of a decimal after the point
	HasDefault bool
	Computed   bool     // by the database: cannot be written
	Values     []string // of an enumeration

	cast     string // type for a cast of a bound value, "" where none is needed
	min, max string // of an integer
	flag     bool   // an integer that stands for true and false
	folded   bool   // blanks at the end do not count
}

// Kind is what the values of a column are, the same for all databases.
type Kind string

// Kinds of columns.
const (
	Integer  Kind = "integer"
	Decimal  Kind = "decimal"
	Float    Kind = "float"
	Text     Kind = "text"
	Boolean  Kind = "boolean"
	Date     Kind = "date"
	Clock    Kind = "time"     // of day
	DateTime Kind = "datetime" // without a zone: read and written in the zone of the connection
	Instant  Kind = "instant"  // a moment, whatever the zone
	JSON     Kind = "json"
	UUID     Kind = "uuid"
	Bytes    Kind = "bytes"
	Enum     Kind = "enum"
	Other    Kind = "other" // the database judges its values
)

// descriptionHolds is how long a table's description is believed. A refusal of ours looks at the table again at once.
const descriptionHolds = time.Minute

type described struct {
	table Table
	at    time.Time
}

// Tables names the tables that rows can be written into, without columns and keys, by name.
func (d *DB) Tables(ctx context.Context) ([]Table, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	names, err := d.dialect.tables(ctx, d.sql)
	if err != nil {
		return nil, d.explain(err)
	}
	slices.Sort(names)
	list := make([]Table, len(names))
	for i, name := range names {
		list[i].Name = name
	}
	return list, nil
}

// Table describes a table as it is now. The name must be written as Tables writes it; an unknown one is an Error of
// kind Schema with the nearest names.
func (d *DB) Table(ctx context.Context, name string) (Table, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d.forget(name)
	return d.describe(ctx, name)
}

func (d *DB) describe(ctx context.Context, name string) (Table, error) {
	d.mu.Lock()
	known, ok := d.tables[name]
	d.mu.Unlock()
	if ok && time.Since(known.at) < descriptionHolds {
		return known.table, nil
	}
	names, err := d.dialect.tables(ctx, d.sql)
	if err != nil {
		return Table{}, d.explain(err)
	}
	if !slices.Contains(names, name) {
		return Table{}, errorf(Schema, "the database has no table %s", shown(name)).hint("%s", offer("tables", name, names))
	}
	table, err := d.dialect.describe(ctx, d.sql, name)
	if err != nil {
		return Table{}, d.explain(err)
	}
	if len(table.Columns) == 0 {
		return Table{}, errorf(Schema, "table %s is gone, or its columns may not be seen", shown(name))
	}
	table.Name = name
	d.mu.Lock()
	d.tables[name] = described{table, time.Now()}
	d.mu.Unlock()
	return table, nil
}

func (d *DB) forget(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		delete(d.tables, name)
	}
}

// column finds a column by its exact name.
func (t *Table) column(name string) (*Column, *Error) {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i], nil
		}
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return nil, errorf(Schema, "the table has no column %s", shown(name)).at(t.Name, "").hint("%s", offer("columns", name, names))
}

// unique reports whether equal values in these columns can only be those of one row.
func (t *Table) unique(columns []string) bool {
	return slices.ContainsFunc(t.Keys, func(key []string) bool {
		return len(key) > 0 && !slices.ContainsFunc(key, func(c string) bool { return !slices.Contains(columns, c) })
	})
}

// offer names what there is: the one that differs only in case or schema, else the first few.
func offer(what, wanted string, names []string) string {
	if len(names) == 0 {
		return "there are no " + what + " to be seen: does the user of the DSN have the right to read them?"
	}
	for _, name := range names {
		if strings.EqualFold(name, wanted) || strings.HasSuffix(strings.ToLower(name), "."+strings.ToLower(wanted)) {
			return "did you mean " + name + "?"
		}
	}
	if len(names) > 12 {
		names = append(slices.Clone(names[:12]), "…")
	}
	return what + ": " + strings.Join(names, ", ")
}

// columns finds columns by names that are known to be there.
func (t *Table) columns(names []string) []*Column {
	list := make([]*Column, 0, len(names))
	for _, name := range names {
		if c, e := t.column(name); e == nil {
			list = append(list, c)
		}
	}
	return list
}
