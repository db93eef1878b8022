package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hacek/internal/connection"
	"hacek/internal/expr"
	"hacek/internal/hub"
)

// object makes a JSON object from a template for each of its fields. It is one JSON template in disguise, so that
// values, loops and absent fields follow the same rules everywhere: a placeholder alone keeps its kind, and null;
// an absent one is null.
type object struct {
	template *expr.Template
	paths    []string // that its fields use; inside a list, as seen from an item
}

// sole is a text that is one placeholder and nothing else.
var sole = regexp.MustCompile(`^#[A-Za-z][\w.\[\]-]*#$`)

// object compiles fields below a pointer. With each it makes a list, one object for every item of that path.
func (c *compiler) object(pointer string, fields map[string]string, each string) *object {
	before := len(c.problems)
	o := &object{}
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		text := fields[name]
		at := pointer + "/" + hub.EscapePointer(name)
		hub.CheckText(&c.problems, c.at+at, name, hub.MaxNameLen)
		if name == "" {
			c.problems.Add(c.at+at, "has an empty name")
		}
		if t := c.template(at, text, expr.Text); t != nil {
			o.paths = append(o.paths, t.Paths()...)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(quoted(name), "#", "##") + ":")
		if sole.MatchString(text) {
			b.WriteString(text)
		} else {
			b.WriteString(quoted(text))
		}
	}
	b.WriteByte('}')
	if len(c.problems) > before {
		return o
	}
	text := b.String()
	if each != "" {
		text = "[#each " + each + "#" + text + "#end#]"
	}
	t, err := expr.ParseTemplate(text, expr.JSON)
	if err != nil {
		c.problem(c.at+pointer, err)
		return o
	}
	o.template = t
	return o
}

// make fills the object, or the list.
func (o *object) make(s *expr.Scope) (expr.Doc, error) {
	raw, err := o.template.Render(nil, s, expr.MissingNull)
	if err != nil {
		return expr.Doc{}, err
	}
	return expr.ParseDoc(raw)
}

func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic("BUG: a text is not JSON: " + err.Error())
	}
	return strings.TrimSpace(b.String())
}

// rowOf turns an object into a row: null is NULL, everything else the text it was written as.
func rowOf(v expr.Value) connection.Row {
	row := connection.Row{}
	for name, member := range v.Members() {
		var column string
		if json.Unmarshal(name, &column) != nil {
			continue // the names are ours, and JSON
		}
		if member.Kind() == expr.Null {
			row[column] = nil
			continue
		}
		text := member.Text()
		row[column] = &text
	}
	return row
}

// used shows the values that paths find, for the evidence of a step.
func (w *work) used(paths []string) string {
	var b strings.Builder
	b.WriteByte('{')
	seen := map[string]bool{}
	for _, path := range paths {
		if seen[path] || strings.Contains(path, "[]") || b.Len() > 4*maxEvidence {
			continue
		}
		seen[path] = true
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		value, found := w.scope.Lookup(path)
		text := []byte(`"(absent)"`)
		if found {
			text = value.AppendJSON(nil)
		}
		fmt.Fprintf(&b, "%s:%s", quoted(path), text)
	}
	b.WriteByte('}')
	return b.String()
}
