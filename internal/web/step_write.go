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
	Table    string // whose columns are shown; "" while none is chosen
	Rows     []columnRow
	Unused   []dataPath
	Children []childLine
	Trouble  string // why the database does not tell
	Hint     string
	Unfilled int
}

// columnRow is one column and what goes into it.
type columnRow struct {
	Column, Type, Value, Sample string
	Key, Newer                  bool
	Needed                      bool // the table demands a value, and there is none
	Unknown                     bool // the table has no such column
}

type childLine struct {
	Table, Each string
	Columns     int
}

// mostUnused is how many unused values of the data a form names.
const mostUnused = 15

// writeFields are where a step writes to; the columns stand in page.Write.
func (v *visit) writeFields(page *stepView, s *hub.Step, at string) ([]Field, error) {
	connections, err := v.connectionOptions()
	if err != nil {
		return nil, err
	}
	form := &writeForm{}
	page.Write = form
	table := Field{Name: "into", Pointer: at + "/table", Label: v.lang.Text("web_pipeline.field.table"), Value: s.Table, Required: true}
	newer := Field{Name: "newer", Pointer: at + "/newer", Label: v.lang.Text("web_pipeline.field.newer"), Hint: v.lang.Text("web_pipeline.newer_hint"), Type: "select", Value: s.Newer}
	newer.Options = []Option{{Word: v.lang.Text("web_pipeline.newer_none")}}
	if s.Connection != "" {
		tables, err := v.Settings.ConnectionTables(v.ctx(), v.tenant(), s.Connection)
		if err = form.excuse(v, err); err != nil {
			return nil, err
		}
		if len(tables) > 0 {
			table.Type, table.Options = "select", []Option{{Word: v.lang.Text("web_pipeline.choose")}}
			for _, t := range tables {
				table.Options = append(table.Options, Option{Value: t.Name, Word: visible(t.Name)})
			}
		}
		if s.Table != "" && form.Trouble == "" {
			described, err := v.Settings.ConnectionTable(v.ctx(), v.tenant(), s.Connection, s.Table)
			if err = form.excuse(v, err); err != nil {
				return nil, err
			}
			if form.Trouble == "" {
				form.fill(page, s, described)
			}
		}
	}
	if form.Table == "" {
		form.keep(page, s)
	}
	for _, row := range form.Rows {
		newer.Options = append(newer.Options, Option{Value: row.Column, Word: visible(row.Column)})
	}
	for _, c := range s.Children {
		form.Children = append(form.Children, childLine{c.Table, c.Each, len(c.Columns)})
	}
	return []Field{
		{Name: "connection", Pointer: at + "/connection", Label: v.lang.Text("web_pipeline.field.connection"), Type: "select", Value: s.Connection, Options: connections, Required: true},
		table, newer,
	}, nil
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
func (f *writeForm) fill(page *stepView, s *hub.Step, table connection.Table) {
	f.Table = table.Name
	fresh := len(s.Columns) == 0
	if fresh && len(s.Key) == 0 && len(table.Keys) > 0 {
		s.Key = table.Keys[0]
	}
	known, used := map[string]bool{}, map[string]bool{}
	for _, c := range table.Columns {
		known[c.Name] = true
		if c.Computed {
			continue
		}
		value := s.Columns[c.Name]
		if fresh {
			value = page.namesake(c.Name)
		}
		row := columnRow{
			Column: c.Name, Type: c.Type, Value: value, Sample: page.sample(value), Key: slices.Contains(s.Key, c.Name), Newer: s.Newer == c.Name,
			Needed: value == "" && !c.Nullable && !c.HasDefault,
		}
		if row.Needed {
			f.Unfilled++
		}
		used[strings.Trim(value, "#")] = true
		f.Rows = append(f.Rows, row)
	}
	for _, name := range sortedKeys(s.Columns) {
		if !known[name] {
			f.Unfilled++
			f.Rows = append(f.Rows, columnRow{Column: name, Value: s.Columns[name], Sample: page.sample(s.Columns[name]), Unknown: true})
		}
	}
	for _, path := range page.Paths {
		if !used[path.Path] && !used[strings.TrimPrefix(path.Path, "data.")] && len(f.Unused) < mostUnused {
			f.Unused = append(f.Unused, path)
		}
	}
}

// keep shows what is set up when the database cannot be asked.
func (f *writeForm) keep(page *stepView, s *hub.Step) {
	if len(s.Columns) > 0 {
		f.Table = s.Table
	}
	for _, name := range sortedKeys(s.Columns) {
		value := s.Columns[name]
		f.Rows = append(f.Rows, columnRow{Column: name, Value: value, Sample: page.sample(value), Key: slices.Contains(s.Key, name), Newer: s.Newer == name})
	}
}

// namesake is the variable whose last word is the name of a column: order.changeTime for change_time.
func (p *stepView) namesake(column string) string {
	plain := func(name string) string {
		return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
	}
	for _, path := range p.Paths {
		if plain(path.Path[strings.LastIndexByte(path.Path, '.')+1:]) == plain(column) {
			return "#" + path.Path + "#"
		}
	}
	return ""
}

// readWrite takes the form. Columns of another table than the one that was shown are forgotten.
func (v *visit) readWrite(s *hub.Step) {
	s.Connection, s.Table, s.Newer = v.form("connection"), strings.TrimSpace(v.form("into")), v.form("newer")
	if v.form("shown") != s.Table || v.form("shown_connection") != s.Connection {
		s.Columns, s.Key, s.Newer, s.Children = nil, nil, "", nil
		return
	}
	s.Columns, s.Key = map[string]string{}, v.r.PostForm["key"]
	names, values := v.r.PostForm["column"], v.r.PostForm["value"]
	for i, name := range names {
		if i < len(values) && values[i] != "" {
			s.Columns[name] = values[i]
		}
	}
}
