package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/connection"
	"hacek/internal/hub"
)

// childForm is a table below the row: an entry of a list becomes a row of it.
type childForm struct {
	matched
	N      int
	At     string // its number in the form
	Of     string // the table above
	Each   string // path of the list
	Links  []linkRow
	Paths  []dataPath // of one entry, as a template names them
	Fields []*Field   // table, list, and what becomes of other rows
}

// linkRow is a column that holds a column of the row above.
type linkRow struct {
	Column     string // "" while none is chosen
	From, Into []Option
	Key        bool
}

// childFields are the fields of one table below; its columns stand in page.Write.Children.
func (v *visit) childFields(page *stepView, s *hub.Step, i int, at string, tables []connection.Table) ([]Field, error) {
	c := &s.Children[i]
	form := childForm{N: i + 1, At: strconv.Itoa(i), Of: s.Table, Each: strings.Trim(c.Each, "#")}
	form.Prefix, form.List = "child."+form.At+".", "paths-"+form.At
	described, err := v.described(page.Write, s.Connection, c.Table)
	if err != nil {
		return nil, err
	}
	form.fill(page, s, c, described)
	page.Write.Children = append(page.Write.Children, form)
	text := func(key string) string { return v.lang.Text("web_pipeline." + key) }
	at = fmt.Sprintf("%s/children/%d", at, i)
	table := Field{Name: form.Prefix + "table", Pointer: at, Label: text("field.table"), Value: c.Table, Required: true}
	v.offerTables(&table, tables)
	replace := Field{Name: form.Prefix + "replace", Pointer: at + "/replace", Label: text("child_replace"), Type: "select", Value: onIf(c.Replace), Options: []Option{{Value: "", Word: text("child_merged")}, {Value: "on", Word: text("child_replaced")}}}
	return []Field{
		table,
		{Name: form.Prefix + "each", Pointer: at + "/each", Label: text("child_each"), Hint: text("child_each_hint"), Value: c.Each, List: "lists", Mono: true, Required: true},
		replace,
	}, nil
}

// below puts a field beside the columns of its table; name begins with the table's number.
func (f *writeForm) below(name string, field *Field) {
	at, _, _ := strings.Cut(name, ".")
	for i := range f.Children {
		if f.Children[i].At == at {
			f.Children[i].Fields = append(f.Children[i].Fields, field)
		}
	}
}

// fill lays what is set up over the columns of the table. While nothing is, the columns that name the row above and
// those of the same name as in the list are proposed.
func (f *childForm) fill(page *stepView, s *hub.Step, c *hub.Child, table *connection.Table) {
	f.Paths = page.entry(f.Each)
	if table != nil && len(c.Columns) == 0 && len(c.Parent) == 0 {
		c.Parent = linkOf(s, table)
		if len(c.Key) == 0 && len(table.Keys) > 0 {
			c.Key = slices.DeleteFunc(slices.Clone(table.Keys[0]), func(name string) bool { return c.Parent[name] != "" })
		}
	}
	f.lay(table, c.Table, c.Columns, c.Key, f.namesake, func(template string) string { return f.sample(page, template) })
	var columns []Option
	for _, row := range f.Rows {
		columns = append(columns, Option{Value: row.Column, Word: visible(row.Column)})
	}
	linked := map[string]bool{}
	for _, into := range append(sortedKeys(c.Parent), "") { // and one to be filled
		linked[into] = true
		f.Links = append(f.Links, linkRow{into, choice(page.Write.Rows, c.Parent[into]), chosen(columns, into), slices.Contains(c.Key, into)})
	}
	f.Rows = slices.DeleteFunc(f.Rows, func(row columnRow) bool {
		gone := linked[row.Column]
		if gone && (row.Needed || row.Unknown) {
			f.Unfilled--
		}
		return gone
	})
}

// linkOf guesses which column holds the key of the row above: number, or order_number below orders.
func linkOf(s *hub.Step, table *connection.Table) map[string]string {
	link := map[string]string{}
	above := strings.TrimSuffix(s.Table[strings.LastIndexByte(s.Table, '.')+1:], "s")
	for _, key := range s.Key {
		for _, c := range table.Columns {
			if word := plainWord(c.Name); word == plainWord(above+key) || word == plainWord(key) && len(s.Key) == 1 && !slices.Contains(ownKey(table), c.Name) {
				link[c.Name] = key
				break
			}
		}
	}
	return link
}

// ownKey is the key of a table that one column alone makes: it tells its own rows apart, not those above.
func ownKey(table *connection.Table) []string {
	if len(table.Keys) > 0 && len(table.Keys[0]) == 1 {
		return table.Keys[0]
	}
	return nil
}

// choice are the columns of the row above, with the one that is chosen.
func choice(rows []columnRow, value string) []Option {
	var options []Option
	for _, row := range rows {
		options = append(options, Option{Value: row.Column, Word: visible(row.Column)})
	}
	return chosen(options, value)
}

// chosen is a list of options with an empty one, and one of them chosen.
func chosen(options []Option, value string) []Option {
	options = withChosen(append([]Option{{Word: "–"}}, options...), value)
	for i := range options {
		options[i].Chosen = options[i].Value == value
	}
	return options
}

// entry are the values of a list's first entry, each as a template names it within one: #sku#.
func (p *stepView) entry(each string) []dataPath {
	var paths []dataPath
	for _, path := range p.Paths {
		for _, list := range []string{each, "data." + each} {
			if within, ok := strings.CutPrefix(path.Path, list+"[0]."); ok && each != "" {
				paths = append(paths, dataPath{within, path.Sample})
				break
			}
		}
	}
	return paths
}

func (f *childForm) namesake(column string) string {
	for _, path := range f.Paths {
		if plainWord(path.Path) == plainWord(column) {
			return "#" + path.Path + "#"
		}
	}
	return ""
}

// sample looks in the entry first, as the step does.
func (f *childForm) sample(page *stepView, template string) string {
	for _, path := range f.Paths {
		if template == "#"+path.Path+"#" {
			return path.Sample
		}
	}
	return page.sample(template)
}

// typedChildren are the tables below, less the one that was removed just now and with the one that was added. Columns of
// another table than the one that was shown are forgotten.
func (v *visit) typedChildren() (children []hub.Child) {
	for _, at := range v.places("child", hub.MaxListLen) {
		name := "child." + at + "."
		c := hub.Child{Table: strings.TrimSpace(v.form(name + "table")), Each: strings.TrimSpace(v.form(name + "each")), Replace: v.form(name+"replace") != ""}
		if c.Table != "" && v.form(name+"shown") == c.Table {
			c.Columns, c.Key, c.Parent = v.typedColumns(name), v.r.PostForm[name+"key"], map[string]string{}
			from := v.r.PostForm[name+"from"]
			for i, into := range v.r.PostForm[name+"into"] {
				if into != "" && i < len(from) && from[i] != "" {
					c.Parent[into] = from[i]
					delete(c.Columns, into) // else it would be filled twice
				}
			}
		}
		children = append(children, c)
	}
	return children
}
