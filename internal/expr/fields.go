package expr

import (
	"strconv"
	"strings"
)

// wanted is a tree of the fields to keep.
type wanted struct {
	all  bool
	down map[string]*wanted
}

// Select keeps only the named parts of a document: nesting, order and the text of every value stay as they came.
// `rows[].quantity` selects inside lists. When nothing is found the result is {}.
func Select(d Doc, fields []string) []byte {
	root := &wanted{}
	for _, field := range fields {
		at := root
		for _, name := range strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
			if at.down == nil {
				at.down = map[string]*wanted{}
			}
			if at.down[name] == nil {
				at.down[name] = &wanted{}
			}
			at = at.down[name]
		}
		at.all = at != root
	}
	dst, found := root.keep(nil, d.value)
	if !found {
		return []byte("{}")
	}
	return dst
}

// keep appends what is wanted of v, or nothing.
func (w *wanted) keep(dst []byte, v Value) ([]byte, bool) {
	if w.all {
		return v.AppendJSON(dst), true
	}
	from, found := len(dst), false
	switch v.kind {
	case Object:
		dst = append(dst, '{')
		for name, member := range v.Members() {
			down := w.down[unquote(name)]
			if down == nil {
				continue
			}
			before := len(dst)
			if found {
				dst = append(dst, ',')
			}
			dst = append(append(dst, name...), ':')
			var some bool
			if dst, some = down.keep(dst, member); !some {
				dst = dst[:before]
			}
			found = found || some
		}
		dst = append(dst, '}')
	case Array:
		// An item without the field stays as {}, so that the items keep their places.
		dst = append(dst, '[')
		n, any := 0, false
		for item := range v.Items() {
			down := w
			if one := w.down[strconv.Itoa(n)]; one != nil {
				down = one
			}
			if n > 0 {
				dst = append(dst, ',')
			}
			n++
			var some bool
			if dst, some = down.keep(dst, item); !some {
				dst = append(dst, "{}"...)
			}
			any = any || some
		}
		dst = append(dst, ']')
		found = any || n == 0 && w.down != nil
	}
	if !found {
		return dst[:from], false
	}
	return dst, true
}
