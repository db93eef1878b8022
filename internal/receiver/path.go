package receiver

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"hacek/internal/expr"
)

// roots is what paths and templates of a source look into.
type roots struct {
	body   expr.Value
	item   expr.Value // of a split list; absent elsewhere
	header expr.Value // an object, names in lower case
	query  expr.Value // an object
	source expr.Value
}

func (r *roots) root(name string) (expr.Value, bool) {
	switch name {
	case "body":
		return r.body, r.body.Kind() != expr.Absent
	case "item":
		return r.item, r.item.Kind() != expr.Absent
	case "header":
		return r.header, r.header.Kind() != expr.Absent
	case "query":
		return r.query, r.query.Kind() != expr.Absent
	case "source":
		return r.source, r.source.Kind() != expr.Absent
	}
	return expr.Value{}, false
}

func (r *roots) scope() *expr.Scope {
	s := expr.NewScope()
	for _, name := range []string{"body", "item", "header", "query", "source"} {
		if v, found := r.root(name); found {
			s.SetValue(name, "", v)
		}
	}
	return s
}

// headerValue is the header as an object with lower-case names; repeated lines are joined as HTTP joins them.
func headerValue(h http.Header) expr.Value {
	var f form
	for name, values := range h {
		f.add(strings.ToLower(name), appendString(nil, strings.Join(values, ", ")))
	}
	return objectOf(f.fields)
}

func queryValue(q url.Values) expr.Value { return objectOf(fieldsOf(q)) }

func objectOf(fields []formField) expr.Value {
	doc, err := viewOf(appendForm(nil, fields))
	if err != nil {
		return expr.Value{}
	}
	return doc.Value()
}

// path is a place in a request, such as body.order.code, header.X-Event or body.items[0].sku.
type path []string

func parsePath(text string) path {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), "[]", "\x00"), "]", "")
	parts := strings.Split(strings.ReplaceAll(text, "[", "."), ".")
	p := make(path, 0, len(parts))
	for _, part := range parts {
		p = append(p, strings.ReplaceAll(part, "\x00", "[]"))
	}
	if len(p) > 1 && p[0] == "header" {
		p = path{"header", strings.ToLower(strings.Join(p[1:], "."))}
	}
	return p
}

// find looks a path up. A path that finds nothing, or null, does no harm.
func (p path) find(r *roots) (expr.Value, bool) {
	v, found := r.root(p[0])
	if !found {
		return expr.Value{}, false
	}
	v, found = follow(v, p[1:])
	return v, found && v.Kind() != expr.Null
}

// follow goes down name by name. Names may hold points themselves (hub.mode), and JSON inside a text is looked into.
func follow(v expr.Value, rest []string) (expr.Value, bool) {
	for len(rest) > 0 {
		v = opened(v)
		if v.Kind() == expr.Array {
			n, err := strconv.Atoi(rest[0])
			if err != nil {
				return expr.Value{}, false
			}
			item, found := v.Index(n)
			if !found {
				return expr.Value{}, false
			}
			v, rest = item, rest[1:]
			continue
		}
		if len(rest) > 1 {
			if whole, found := v.Field(strings.Join(rest, ".")); found {
				return whole, true
			}
		}
		member, found := v.Field(rest[0])
		if attribute, is := strings.CutPrefix(rest[0], "@"); is && !found {
			member, found = v.Field("-" + attribute) // as the JSON and the XML of one provider spell the same place
		}
		if !found {
			return expr.Value{}, false
		}
		v, rest = member, rest[1:]
	}
	return v, true
}

// opened is the document that a text holds, where it holds one.
func opened(v expr.Value) expr.Value {
	if v.Kind() != expr.String {
		return v
	}
	text := v.Text()
	if first := firstByte([]byte(text)); first != '{' && first != '[' {
		return v
	}
	doc, err := expr.ParseDoc([]byte(text))
	if err != nil {
		return v
	}
	return doc.Value()
}

// field is a setting that is a path, or a template when it holds a #.
type field struct {
	path     path
	template *expr.Template
}

var headerTag = regexp.MustCompile(`#((?:each |if )? *header\.)([A-Za-z0-9_-]+)`)

// compileField reads the setting; the zero field finds nothing.
func compileField(text string) (field, error) {
	if strings.TrimSpace(text) == "" {
		return field{}, nil
	}
	if !strings.Contains(text, "#") {
		return field{path: parsePath(text)}, nil
	}
	text = headerTag.ReplaceAllStringFunc(text, strings.ToLower)
	t, err := expr.ParseTemplate(text, expr.Text)
	return field{template: t}, err
}

// text is what the field finds. Of a template whose places were not all there, separators at the ends are dropped.
func (f field) text(r *roots) (string, bool) {
	switch {
	case f.path != nil:
		v, found := f.path.find(r)
		text := v.Text()
		return text, found && text != ""
	case f.template != nil:
		raw, err := f.template.Render(nil, r.scope(), expr.MissingEmpty)
		text := strings.Trim(string(raw), ".:/-_ ")
		return text, err == nil && text != ""
	}
	return "", false
}
