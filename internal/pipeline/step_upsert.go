package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"hacek/internal/connection"
	"hacek/internal/expr"
	"hacek/internal/hub"
)

// upsert writes a row, and the rows below it, in one transaction.
type upsert struct {
	connection string
	table      string
	key        []string
	newer      string
	columns    *object
	children   []child
}

type child struct {
	settings hub.Child
	each     string
	rows     *object
}

func (c *compiler) upsert(s *hub.Step) action {
	u := &upsert{connection: s.Connection, table: s.Table, key: s.Key, newer: s.Newer, columns: c.object("/columns", s.Columns, "")}
	for i, name := range s.Key {
		if _, given := s.Columns[name]; !given {
			c.problems.Add(fmt.Sprintf("%s/key/%d", c.at, i), "%q is not among the columns; give it a value there", name)
		}
	}
	if _, given := s.Columns[s.Newer]; s.Newer != "" && !given {
		c.problems.Add(c.at+"/newer", "%q is not among the columns; give it a value there", s.Newer)
	}
	for i := range s.Children {
		u.children = append(u.children, c.child(fmt.Sprintf("/children/%d", i), s.Children[i]))
	}
	return u
}

func (c *compiler) child(at string, s hub.Child) child {
	if s.Table == "" {
		c.problems.Add(c.at+at+"/table", "is missing")
	}
	if len(s.Parent) == 0 {
		c.problems.Add(c.at+at+"/parent", "is missing: which column holds which column of the row above")
	}
	if len(s.Columns) == 0 {
		c.problems.Add(c.at+at+"/columns", "is missing")
	}
	if len(s.Key) == 0 && !s.Replace {
		c.problems.Add(c.at+at+"/key", "is missing: rows that are merged need columns that tell them apart; or set replace")
	}
	for i, name := range s.Key {
		_, given := s.Columns[name]
		if _, linked := s.Parent[name]; !given && !linked {
			c.problems.Add(fmt.Sprintf("%s%s/key/%d", c.at, at, i), "%q is neither among the columns nor filled by the parent", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		if _, linked := s.Parent[name]; linked {
			c.problems.Add(c.at+at+"/columns/"+hub.EscapePointer(name), "is filled by the parent already")
		}
	}
	each := strings.Trim(s.Each, "#")
	if each == "" {
		c.problems.Add(c.at+at+"/each", "is missing: the path of the list, such as order.items")
	} else if t, err := expr.ParseTemplate("#"+each+"#", expr.Text); err != nil || len(t.Paths()) != 1 {
		c.problems.Add(c.at+at+"/each", "%q is not a path such as order.items", s.Each)
		each = ""
	} else {
		c.paths(c.at+at+"/each", t.Paths())
	}
	return child{settings: s, each: each, rows: c.object(at+"/columns", s.Columns, each)}
}

func (u *upsert) do(ctx context.Context, w *work, _ *step) outcome {
	plan, f := u.plan(w)
	if f != nil {
		return failed(f)
	}
	text, err := json.Marshal(shownUpsert(plan))
	if err != nil {
		return failed(broken("", "BUG: %v", err))
	}
	w.input(string(text))
	if w.Connection == nil {
		return failed(broken("", "there are no connections here"))
	}
	db, err := w.Connection(ctx, w.compiled.tenant, u.connection)
	if err != nil {
		return failed(ofDatabase(u.connection, err))
	}
	var written connection.Written
	if w.dry {
		if err := check(ctx, db, plan); err != nil {
			return failed(ofDatabase(u.connection, err))
		}
		w.output("nothing was written: this is a dry run")
		return outcome{output: document(map[string]any{"outcome": "dry_run", "rows": 0})}
	}
	if written, err = db.Upsert(ctx, plan); err != nil {
		return failed(ofDatabase(u.connection, err))
	}
	out := document(map[string]any{"outcome": written.Outcome, "rows": written.Rows})
	w.output(string(out.Raw()))
	return outcome{output: out}
}

// plan fills the rows from the event and the earlier steps.
func (u *upsert) plan(w *work) (connection.Upsert, *failure) {
	plan := connection.Upsert{Table: u.table, Key: u.key, Newer: u.newer}
	doc, err := u.columns.make(w.scope)
	if err != nil {
		return plan, notRendered("columns", err)
	}
	plan.Values = rowOf(doc.Value())
	rows := 0
	for i := range u.children {
		c := &u.children[i]
		s := &c.settings
		list, found := w.scope.Lookup(c.each)
		if !found {
			// An absent list is no empty one: taking it for empty would delete the rows that are there.
			return plan, hopeless("look at the event, then at the path; a list that may be empty must still be there",
				"there is no %s, which is to become the rows of %s", c.each, s.Table)
		}
		if k := list.Kind(); k != expr.Array && k != expr.Object && k != expr.Null {
			return plan, hopeless("look at the event, then at the path", "%s is a %s and no list", c.each, k)
		}
		doc, err := c.rows.make(w.scope)
		if err != nil {
			return plan, notRendered("the rows of "+s.Table, err)
		}
		below := connection.ChildRows{Table: s.Table, Parent: s.Parent, Key: s.Key, Replace: s.Replace}
		for item := range doc.Value().Items() {
			if rows++; rows > maxRows {
				return plan, hopeless("split the record", "there are more than %d rows to write", maxRows)
			}
			below.Rows = append(below.Rows, rowOf(item))
		}
		plan.Children = append(plan.Children, below)
	}
	return plan, nil
}

// check holds a row against its tables as far as their description tells; the database itself is not asked.
func check(ctx context.Context, db *connection.DB, u connection.Upsert) error {
	if err := checkRows(ctx, db, u.Table, nil, []connection.Row{u.Values}); err != nil {
		return err
	}
	for _, c := range u.Children {
		if err := checkRows(ctx, db, c.Table, c.Parent, c.Rows); err != nil {
			return err
		}
	}
	return nil
}

func checkRows(ctx context.Context, db *connection.DB, name string, linked map[string]string, rows []connection.Row) error {
	table, err := db.Table(ctx, name)
	if err != nil {
		return err
	}
	wrong := func(kind connection.ErrorKind, column, detail string) error {
		return &connection.Error{Kind: kind, Table: name, Column: column, Detail: detail}
	}
	columns := map[string]connection.Column{}
	for _, c := range table.Columns {
		columns[c.Name] = c
	}
	for _, row := range rows {
		for _, column := range slices.Sorted(maps.Keys(row)) {
			c, known := columns[column]
			value := row[column]
			switch {
			case !known:
				return wrong(connection.Schema, column, "the table has no such column")
			case c.Computed:
				return wrong(connection.Schema, column, "the database computes this column itself")
			case value == nil && !c.Nullable:
				return wrong(connection.Data, column, "there is no value, and the column must have one")
			case value != nil && c.Length > 0 && utf8.RuneCountInString(*value) > c.Length:
				return wrong(connection.Data, column, fmt.Sprintf("%q is longer than %d characters", *value, c.Length))
			}
		}
	}
	for column := range linked {
		if _, known := columns[column]; !known {
			return wrong(connection.Schema, column, "the table has no such column")
		}
	}
	return nil
}

// shownUpsert is an upsert as people read it.
func shownUpsert(u connection.Upsert) any {
	type below struct {
		Table   string            `json:"table"`
		Parent  map[string]string `json:"parent"`
		Key     []string          `json:"key,omitempty"`
		Replace bool              `json:"replace"`
		Rows    []connection.Row  `json:"rows"`
	}
	shown := struct {
		Table    string         `json:"table"`
		Key      []string       `json:"key"`
		Newer    string         `json:"newer,omitempty"`
		Values   connection.Row `json:"values"`
		Children []below        `json:"children,omitempty"`
	}{u.Table, u.Key, u.Newer, u.Values, nil}
	for _, c := range u.Children {
		shown.Children = append(shown.Children, below{c.Table, c.Parent, c.Key, c.Replace, c.Rows})
	}
	return shown
}

// document is a small result of ours as a document.
func document(fields map[string]any) expr.Doc {
	text, err := json.Marshal(fields)
	if err != nil {
		panic("BUG: a result is not JSON: " + err.Error())
	}
	doc, err := expr.ParseDoc(text)
	if err != nil {
		panic("BUG: a result is not JSON: " + err.Error())
	}
	return doc
}
