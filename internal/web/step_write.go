package web

import (
	"errors"
	"slices"
	"strings"

	"hacek/internal/connection"
	"hacek/internal/hub"
)

// writeForm is the small form of a step that writes: what comes from the data on the left, the table on the right.
type writeForm struct {
	matched
	Unused   []dataPath
	Children []childForm
	Trouble  string // why the database does not tell
	Hint     string
}

// matched is what is set up, laid over the columns of a table.
type matched struct {
	Prefix   string // of the names of its fields; "" for the row itself
	List     string // id of the variables to choose from
	Table    string // whose columns are shown; "" while none is chosen
	Rows     []columnRow
	Unfilled int
}

// columnRow is one column and what goes into it.
type columnRow struct {
	Column, Type, Value, Sample string
	Key                         bool
	Needed                      bool // the table demands a value, and there is none
	Unknown                     bool // the table has no such column
}

// mostUnused is how many unused values of the data a form names.
const mostUnused = 15

// writeFields are where a step writes to; the columns stand in page.Write.
func (v *visit) writeFields(page *stepView, s *hub.Step, at string) ([]Field, error) {
	connections, err := v.connectionOptions()
	if err != nil {
		return nil, err
	}
	form := &writeForm{matched: matched{List: "paths"}}
	page.Write = form
	table := Field{Name: "into", Pointer: at + "/table", Label: v.lang.Text("web_pipeline.field.table"), Value: s.Table, Required: true}
	newer := Field{Name: "newer", Pointer: at + "/newer", Label: v.lang.Text("web_pipeline.field.newer"), Hint: v.lang.Text("web_pipeline.newer_hint"), Type: "select", Value: s.Newer}
	newer.Options = []Option{{Word: v.lang.Text("web_pipeline.newer_none")}}
	var tables []connection.Table
	if s.Connection != "" {
		tables, err = v.Settings.ConnectionTables(v.ctx(), v.tenant(), s.Connection)
		if err = form.excuse(v, err); err != nil {
			return nil, err
		}
	}
	v.offerTables(&table, tables)
	described, err := v.described(form, s.Connection, s.Table)
	if err != nil {
		return nil, err
	}
	form.fill(page, s, described)
	for _, row := range form.Rows {
		newer.Options = append(newer.Options, Option{Value: row.Column, Word: visible(row.Column)})
	}
	fields := []Field{
		{Name: "connection", Pointer: at + "/connection", Label: v.lang.Text("web_pipeline.field.connection"), Type: "select", Value: s.Connection, Options: connections, Required: true},
		table, newer,
	}
	s.Children = slices.Clone(s.Children)
	for i := range s.Children {
		more, err := v.childFields(page, s, i, at, tables)
		if err != nil {
			return nil, err
		}
		fields = append(fields, more...)
	}
	if described != nil {
		form.leave(page)
	}
	return fields, nil
}

// offerTables makes a choice of a field, where the database tells what it has.
func (v *visit) offerTables(field *Field, tables []connection.Table) {
	if len(tables) == 0 {
		return
	}
	field.Type, field.Options = "select", []Option{{Word: v.lang.Text("web_pipeline.choose")}}
	for _, t := range tables {
		field.Options = append(field.Options, Option{Value: t.Name, Word: visible(t.Name)})
	}
	field.Options = withChosen(field.Options, field.Value)
}

// described asks the database for a table; nil when there is none to ask for, or it does not tell.
func (v *visit) described(form *writeForm, name, table string) (*connection.Table, error) {
	if name == "" || table == "" || form.Trouble != "" {
		return nil, nil
	}
	t, err := v.Settings.ConnectionTable(v.ctx(), v.tenant(), name, table)
	if err = form.excuse(v, err); err != nil || form.Trouble != "" {
		return nil, err
	}
	return &t, nil
}

// excuse keeps what a database refuses as something to show; what is our fault is returned.
func (f *writeForm) excuse(v *visit, err error) error {
	var told *hub.Error
	if !errors.As(err, &told) {
		return err
	}
	f.Trouble, f.Hint = v.said(told.Detail), v.said(told.Hint)
	return nil
}

// fill lays what is set up over the columns of the real table. A new step is given what has the same name.
func (f *writeForm) fill(page *stepView, s *hub.Step, table *connection.Table) {
	if table != nil && len(s.Columns) == 0 && len(s.Key) == 0 && len(table.Keys) > 0 {
		s.Key = table.Keys[0]
	}
	f.lay(table, s.Table, s.Columns, s.Key, page.namesake, page.sample)
}

// leave names the values that no column takes, of a table that could be asked.
func (f *writeForm) leave(page *stepView) {
	used := map[string]bool{}
	for _, row := range f.Rows {
		used[strings.Trim(row.Value, "#")] = true
	}
	for i := range f.Children {
		for _, row := range f.Children[i].Rows {
			used[f.Children[i].Each+"[0]."+strings.Trim(row.Value, "#")] = true
		}
	}
	for _, path := range page.Paths {
		if !used[path.Path] && !used[strings.TrimPrefix(path.Path, "data.")] && len(f.Unused) < mostUnused {
			f.Unused = append(f.Unused, path)
		}
	}
}

// lay matches columns that are set up with those of the table; nil is one that cannot be asked. While nothing is set
// up, guess finds what may go into a column.
func (m *matched) lay(table *connection.Table, name string, set map[string]string, key []string, guess, sample func(string) string) {
	add := func(row columnRow) {
		row.Key, row.Sample = slices.Contains(key, row.Column), sample(row.Value)
		if row.Needed || row.Unknown {
			m.Unfilled++
		}
		m.Rows = append(m.Rows, row)
	}
	known := map[string]bool{}
	if table != nil {
		m.Table = table.Name
		for _, c := range table.Columns {
			if known[c.Name] = true; c.Computed {
				continue
			}
			value := set[c.Name]
			if len(set) == 0 {
				value = guess(c.Name)
			}
			add(columnRow{Column: c.Name, Type: c.Type, Value: value, Needed: value == "" && !c.Nullable && !c.HasDefault})
		}
	} else if len(set) > 0 {
		m.Table = name
	}
	for _, column := range sortedKeys(set) {
		if !known[column] {
			add(columnRow{Column: column, Value: set[column], Unknown: table != nil})
		}
	}
}

// namesake is the variable whose last word is the name of a column: order.changeTime for change_time.
func (p *stepView) namesake(column string) string {
	for _, path := range p.Paths {
		if plainWord(path.Path[strings.LastIndexByte(path.Path, '.')+1:]) == plainWord(column) {
			return "#" + path.Path + "#"
		}
	}
	return ""
}

// plainWord is a name without what only separates: changeTime and change_time are the same.
func plainWord(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// readWrite takes the form. Columns of another table than the one that was shown are forgotten.
func (v *visit) readWrite(s *hub.Step) {
	s.Connection, s.Table, s.Newer = v.form("connection"), strings.TrimSpace(v.form("into")), v.form("newer")
	if v.form("shown") != s.Table || v.form("shown_connection") != s.Connection {
		s.Columns, s.Key, s.Newer, s.Children = nil, nil, "", nil
		return
	}
	s.Columns, s.Key = v.typedColumns(""), v.r.PostForm["key"]
	s.Children = v.typedChildren()
}

// typedColumns are the columns of a table with what goes into them; one without a value is left alone.
func (v *visit) typedColumns(prefix string) map[string]string {
	columns := map[string]string{}
	names, values := v.r.PostForm[prefix+"column"], v.r.PostForm[prefix+"value"]
	for i, name := range names {
		if i < len(values) && values[i] != "" {
			columns[name] = values[i]
		}
	}
	return columns
}
