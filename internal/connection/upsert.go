package connection

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// Row is the values of one row by column; nil is NULL. They are checked against their columns before anything is
// written.
type Row map[string]*string

// Upsert is one row with the rows below it.
type Upsert struct {
	Table    string
	Key      []string // columns that say which row it is; a unique key of the table must lie within them
	Newer    string   // column that must not become older; "" writes always
	Values   Row
	Children []ChildRows
}

// ChildRows is the rows of one table below the upserted row.
type ChildRows struct {
	Table   string
	Parent  map[string]string // child column -> parent column; what the parent's row holds is copied, a generated number too
	Key     []string          // columns that tell one parent's rows apart; none, with Replace: rows are compared as a whole
	Replace bool              // rows of this parent that are not in Rows are deleted
	Rows    []Row
}

// Outcomes of an upsert.
const (
	Inserted  = "inserted"
	Updated   = "updated"
	Unchanged = "unchanged" // everything was so already
	Refused   = "refused"   // the row that is there is newer; its children stayed as they are
)

// Written is what an upsert did.
type Written struct {
	Outcome string
	Rows    int // inserted, changed and deleted, children too
}

// tries is how often an upsert begins again, at once, after it lost against another writer of the same rows.
const tries = 8

// Upsert writes a row and the rows below it in one transaction, so that a reader sees all of it or nothing. It reads
// the row that is there and keeps it locked, so that two writers of one row follow each other; one that loses a
// deadlock begins again, unseen by the caller. An error is an *Error. After one of kind Away the row may have been
// written (when the connection broke while it was being committed); doing the same again is harmless.
func (d *DB) Upsert(ctx context.Context, u Upsert) (Written, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	fresh := false
	for try := 1; ; try++ {
		w, err := d.upsertOnce(ctx, u)
		if err == nil {
			return w, nil
		}
		e := d.explain(err)
		switch {
		case e.conflict && try < tries, e.duplicate && try < 3:
			// Another writer was faster; a duplicate was perhaps the same row, which now is there to be seen.
			select {
			case <-time.After(rand.N(time.Duration(try) * 10 * time.Millisecond)):
			case <-ctx.Done():
				return Written{}, d.explain(ctx.Err())
			}
		case (e.Kind == Data || e.Kind == Schema) && !fresh:
			fresh = true // perhaps it is our picture of the tables that is old
			d.forgetAll(u)
		default:
			if e.duplicate {
				return Written{}, e.hint("another row holds the same value under another unique key; look at the table's keys")
			}
			return Written{}, e
		}
	}
}

func (d *DB) forgetAll(u Upsert) {
	d.forget(u.Table)
	for _, c := range u.Children {
		d.forget(c.Table)
	}
}

func (d *DB) upsertOnce(ctx context.Context, u Upsert) (Written, error) {
	p, err := d.plan(ctx, u)
	if err != nil {
		return Written{}, err
	}
	sqlTx, err := d.sql.BeginTx(ctx, d.dialect.transaction())
	if err != nil {
		return Written{}, d.explain(err)
	}
	defer func() { _ = sqlTx.Rollback() }() // after a commit it does nothing
	tx := &transaction{d, sqlTx}
	w, err := p.write(ctx, tx)
	if err != nil {
		return Written{}, err
	}
	if w.Rows == 0 {
		return w, nil
	}
	if err := sqlTx.Commit(); err != nil {
		e := d.explain(err)
		if e.Kind == Away {
			e.Detail += ", while the transaction was being committed: it may have been written"
		}
		return Written{}, e
	}
	return w, nil
}

// plan is an upsert whose names were found and whose values fit.
type plan struct {
	table    Table
	key      []string
	newer    *Column
	row      record
	read     []*Column // what is read of the row that is there
	children []childPlan
}

// record is one row to be, by column.
type record map[string]value

func (d *DB) plan(ctx context.Context, u Upsert) (*plan, error) {
	table, err := d.describe(ctx, u.Table)
	if err != nil {
		return nil, err
	}
	p := &plan{table: table, key: u.Key}
	if err := p.checkKey(u); err != nil {
		return nil, err
	}
	if p.row, err = d.record(&p.table, u.Values); err != nil {
		return nil, err
	}
	for _, k := range u.Key {
		v, given := p.row[k]
		if !given {
			return nil, errorf(Schema, "the key column gets no value").at(table.Name, k).hint("give it a value in the step's columns")
		}
		if v.null {
			return nil, errorf(Data, "the key column has no value").at(table.Name, k)
		}
	}
	if u.Newer != "" {
		c, e := p.table.column(u.Newer)
		if e != nil {
			return nil, e
		}
		v, given := p.row[u.Newer]
		if !given {
			return nil, errorf(Schema, "rows are to be compared by this column, which gets no value").at(table.Name, u.Newer).
				hint("give it a value in the step's columns")
		}
		if v.null {
			return nil, errorf(Data, "there is no value, and it is to tell which row is newer").at(table.Name, u.Newer)
		}
		p.newer = c
	}
	wanted := map[string]bool{}
	for name := range p.row {
		wanted[name] = true
	}
	for _, c := range u.Children {
		child, err := d.planChild(ctx, &p.table, c)
		if err != nil {
			return nil, err
		}
		p.children = append(p.children, child)
		for _, from := range c.Parent {
			wanted[from] = true
		}
	}
	for i := range p.table.Columns {
		if c := &p.table.Columns[i]; wanted[c.Name] {
			p.read = append(p.read, c)
		}
	}
	return p, nil
}

func (p *plan) checkKey(u Upsert) error {
	t := &p.table
	if t.plain {
		return errorf(Schema, "the table has no transactions").at(t.Name, "").hint("ALTER TABLE %s ENGINE=InnoDB", t.Name)
	}
	if len(u.Key) == 0 {
		return errorf(Schema, "no key columns are given").at(t.Name, "").hint("name the columns that say which row it is")
	}
	for _, k := range u.Key {
		if _, e := t.column(k); e != nil {
			return e
		}
	}
	if !t.unique(u.Key) {
		names := strings.Join(u.Key, ", ")
		return errorf(Schema, "the key columns (%s) have no unique key in the table: two rows could have the same values", names).at(t.Name, "").
			hint("CREATE UNIQUE INDEX %s_key ON %s (%s)", strings.ReplaceAll(t.Name, ".", "_"), t.Name, names)
	}
	return nil
}

// record checks the values of a row against their columns.
func (d *DB) record(t *Table, row Row) (record, error) {
	out := make(record, len(row))
	for _, name := range sorted(row) {
		c, e := t.column(name)
		if e != nil {
			return nil, e
		}
		if c.Computed {
			return nil, errorf(Schema, "the database computes this column itself").at(t.Name, name).hint("take it out of the step's columns")
		}
		v, e := c.check(row[name], d.zone)
		if e != nil {
			return nil, e.at(t.Name, name)
		}
		out[name] = v
	}
	return out, nil
}

func (p *plan) write(ctx context.Context, tx *transaction) (Written, error) {
	old, err := tx.selectRows(ctx, &p.table, p.read, p.table.columns(p.key), p.row, tx.dialect.lock())
	if err != nil {
		return Written{}, err
	}
	if len(old) > 1 {
		return Written{}, errorf(Schema, "there are several rows with the same key").at(p.table.Name, strings.Join(p.key, ", "))
	}
	w := Written{Outcome: Unchanged}
	switch {
	case len(old) == 0:
		w.Outcome = Inserted
		if err := tx.insert(ctx, &p.table, []record{p.row}); err != nil {
			return Written{}, err
		}
		w.Rows++
	case p.newer != nil && p.older(old[0], tx.zone):
		return Written{Outcome: Refused}, nil
	default:
		n, err := tx.update(ctx, &p.table, p.row, old[0], p.key)
		if err != nil {
			return Written{}, err
		}
		if n > 0 {
			w.Outcome = Updated
			w.Rows += n
		}
	}
	if len(p.children) == 0 {
		return w, nil
	}
	parent := old
	if w.Rows > 0 { // what the database made of it: generated numbers, defaults, triggers
		if parent, err = tx.selectRows(ctx, &p.table, p.read, p.table.columns(p.key), p.row, ""); err != nil {
			return Written{}, err
		}
		if len(parent) != 1 {
			return Written{}, errorf(Schema, "the row that was just written cannot be read back").at(p.table.Name, "").
				hint("see whether a trigger or a row policy of the table hides it")
		}
	}
	for i := range p.children {
		n, err := p.children[i].write(ctx, tx, &p.table, parent[0])
		if err != nil {
			return Written{}, err
		}
		if n > 0 && w.Outcome == Unchanged {
			w.Outcome = Updated
		}
		w.Rows += n
	}
	return w, nil
}

// older reports whether what is to be written is older than what is there. A row without a version is older than any.
func (p *plan) older(old record, zone *time.Location) bool {
	there := old[p.newer.Name]
	return !there.null && compare(p.newer, p.row[p.newer.Name], there, zone) < 0
}
