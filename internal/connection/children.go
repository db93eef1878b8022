package connection

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// childPlan is the rows of one child table whose names were found and whose values fit.
type childPlan struct {
	table   Table
	parent  map[string]string // child column -> parent column
	links   []*Column         // child columns that the parent fills
	key     []string          // links and key: a row among all rows of the table
	whole   bool              // no key: rows are compared as a whole
	replace bool
	rows    []record
}

func (d *DB) planChild(ctx context.Context, parent *Table, c ChildRows) (childPlan, error) {
	none := childPlan{}
	table, err := d.describe(ctx, c.Table)
	if err != nil {
		return none, err
	}
	p := childPlan{table: table, parent: c.Parent, replace: c.Replace, whole: len(c.Key) == 0}
	switch {
	case table.plain:
		return none, errorf(Schema, "the table has no transactions").at(table.Name, "").hint("ALTER TABLE %s ENGINE=InnoDB", table.Name)
	case len(c.Parent) == 0:
		return none, errorf(Schema, "no column links the rows to the one above them").at(table.Name, "").
			hint("name the column that holds the parent's number, and the parent's column")
	case p.whole && !c.Replace:
		return none, errorf(Schema, "rows that are merged need key columns").at(table.Name, "").
			hint("name the columns that tell one parent's rows apart, or let the rows be replaced")
	}
	for _, name := range sorted(c.Parent) {
		link, e := p.table.column(name)
		if e != nil {
			return none, e
		}
		if _, e := parent.column(c.Parent[name]); e != nil {
			return none, e
		}
		p.links = append(p.links, link)
		p.key = append(p.key, name)
	}
	for _, name := range c.Key {
		if _, e := p.table.column(name); e != nil {
			return none, e
		}
		if !slices.Contains(p.key, name) {
			p.key = append(p.key, name)
		}
	}
	for i, row := range c.Rows {
		own := make(Row, len(row))
		for name, v := range row {
			if _, linked := c.Parent[name]; !linked { // the parent's value counts
				own[name] = v
			}
		}
		r, err := d.record(&p.table, own)
		if err != nil {
			e := d.explain(err)
			e.Detail += nth(i)
			return none, e
		}
		p.rows = append(p.rows, r)
	}
	return p, p.checkKeys()
}

// checkKeys wants every row to have its key, and no two the same.
func (p *childPlan) checkKeys() error {
	if p.whole {
		return nil
	}
	seen := map[string]int{}
	for i, r := range p.rows {
		for _, k := range p.key[len(p.links):] {
			v, given := r[k]
			if !given {
				return errorf(Schema, "the key column gets no value").at(p.table.Name, k).hint("give it a value in the child's columns")
			}
			if v.null {
				return errorf(Data, "the key column has no value%s", nth(i)).at(p.table.Name, k)
			}
		}
		id := r.id(p.key[len(p.links):])
		if first, twice := seen[id]; twice {
			return errorf(Data, "rows %d and %d of the list have the same key", first+1, i+1).
				at(p.table.Name, strings.Join(p.key[len(p.links):], ", ")).hint("name more columns in the key, so that rows can be told apart")
		}
		seen[id] = i
	}
	return nil
}

// write makes the rows below a parent those of the list: it compares them with what is there and writes differences.
func (p *childPlan) write(ctx context.Context, tx *transaction, parentTable *Table, parent record) (int, error) {
	link, err := p.link(tx, parentTable, parent)
	if err != nil {
		return 0, err
	}
	rows := make([]record, len(p.rows))
	wanted := map[string]bool{}
	for i, r := range p.rows {
		rows[i] = make(record, len(r)+len(link))
		for _, from := range []record{r, link} {
			for name, v := range from {
				rows[i][name], wanted[name] = v, true
			}
		}
	}
	for _, k := range p.key {
		wanted[k] = true
	}
	var read []*Column
	for i := range p.table.Columns {
		if c := &p.table.Columns[i]; wanted[c.Name] {
			read = append(read, c)
		}
	}
	old, err := tx.selectRows(ctx, &p.table, read, p.links, link, "")
	if err != nil {
		return 0, err
	}
	if p.whole {
		return p.writeWhole(ctx, tx, link, rows, old)
	}
	return p.writeByKey(ctx, tx, rows, old)
}

// link is the values that the rows have from their parent, as their own columns take them.
func (p *childPlan) link(tx *transaction, parentTable *Table, parent record) (record, error) {
	link := record{}
	for _, c := range p.links {
		v := parent[p.parent[c.Name]]
		text := v.text
		pointer := &text
		if v.null {
			pointer = nil
		}
		fit, e := c.check(pointer, tx.zone)
		if e == nil && fit.null {
			e = errorf(Data, "the parent's column %s.%s has no value to copy", parentTable.Name, p.parent[c.Name])
		}
		if e != nil {
			return nil, e.at(p.table.Name, c.Name)
		}
		link[c.Name] = fit
	}
	return link, nil
}

// writeByKey changes the rows that are there, adds those that are not, and removes what is not listed where the list
// replaces what was.
func (p *childPlan) writeByKey(ctx context.Context, tx *transaction, rows, old []record) (int, error) {
	there := make(map[string]record, len(old))
	for _, r := range old {
		there[r.id(p.key)] = r
	}
	listed := make(map[string]bool, len(rows))
	for _, r := range rows {
		listed[r.id(p.key)] = true
	}
	written := 0
	if p.replace { // first, so that what they held under other unique keys is free
		var gone []record
		for _, r := range old {
			if id := r.id(p.key); !listed[id] {
				gone, listed[id] = append(gone, r), true
			}
		}
		n, err := p.remove(ctx, tx, gone)
		if err != nil {
			return 0, err
		}
		written += n
	}
	var fresh []record
	for _, r := range rows {
		before, found := there[r.id(p.key)]
		if !found {
			fresh = append(fresh, r)
			continue
		}
		n, err := tx.update(ctx, &p.table, r, before, p.key)
		if err != nil {
			return 0, err
		}
		written += n
	}
	return written + len(fresh), tx.insert(ctx, &p.table, fresh)
}

// remove deletes rows by key, many in one statement.
func (p *childPlan) remove(ctx context.Context, tx *transaction, gone []record) (int, error) {
	key := p.table.columns(p.key)
	written := 0
	for part := range slices.Chunk(gone, 100) {
		s := tx.statement("DELETE FROM " + p.table.quoted + " WHERE ")
		for i, r := range part {
			s.WriteString(strings.Repeat(" OR ", min(i, 1)) + "(")
			s.where(key, r)
			s.WriteString(")")
		}
		n, err := tx.exec(ctx, &p.table, s.String(), s.args)
		if err != nil {
			return 0, err
		}
		written += n
	}
	return written, nil
}

// writeWhole writes all rows anew unless the same ones are there, in whatever order.
func (p *childPlan) writeWhole(ctx context.Context, tx *transaction, link record, rows, old []record) (int, error) {
	count := map[string]int{}
	for _, r := range old {
		count[r.id(sorted(r))]++
	}
	same := len(rows) == len(old)
	for _, r := range rows {
		id := r.id(sorted(r))
		count[id]--
		same = same && count[id] >= 0
	}
	if same {
		return 0, nil
	}
	s := tx.statement("DELETE FROM " + p.table.quoted + " WHERE ")
	s.where(p.links, link)
	n, err := tx.exec(ctx, &p.table, s.String(), s.args)
	if err != nil {
		return 0, err
	}
	return n + len(rows), tx.insert(ctx, &p.table, rows)
}

// id is the values of some columns as one text.
func (r record) id(columns []string) string {
	var b strings.Builder
	for _, name := range columns {
		v := r[name]
		if v.null {
			b.WriteString("\x00")
		}
		b.WriteString(v.text)
		b.WriteString("\x01")
	}
	return b.String()
}

func nth(i int) string { return " (row " + strconv.Itoa(i+1) + " of the list)" }
