package expr

import "strings"

// Scope is what templates and conditions see: roots by name. `data` is the root of bare paths.
// It is built for one event and only read afterwards.
type Scope struct {
	entries []entry
	room    [4]entry
}

// entry is a whole root, or one field of a root.
type entry struct {
	root, field string // field "" is the whole root
	value       Value
}

func NewScope() *Scope {
	s := new(Scope)
	s.entries = s.room[:0]
	return s
}

// SetDoc sets a whole root: data, headers, response, a step of a pipeline.
func (s *Scope) SetDoc(root string, d Doc) { s.SetValue(root, "", d.value) }

// SetText sets one field of a root as plain text: event.id, endpoint.name, attributes.mandant.
func (s *Scope) SetText(root, field, value string) { s.SetValue(root, field, TextValue(value)) }

// SetField sets one field of a root as JSON: response.json.
func (s *Scope) SetField(root, field string, d Doc) { s.SetValue(root, field, d.value) }

// SetNumber sets one field of a root as a whole number: response.status.
func (s *Scope) SetNumber(root, field string, n int64) { s.SetValue(root, field, NumberValue(n)) }

// SetValue sets one field of a root, or the whole root when field is empty. What was set there before is replaced.
func (s *Scope) SetValue(root, field string, v Value) {
	if s.entries == nil {
		s.entries = s.room[:0]
	}
	for i := range s.entries {
		if s.entries[i].root == root && s.entries[i].field == field {
			s.entries[i].value = v
			return
		}
	}
	s.entries = append(s.entries, entry{root, field, v})
}

// With is a copy that can be added to while this one stays as it is.
func (s *Scope) With() *Scope {
	c := NewScope()
	c.entries = append(c.entries, s.entries...)
	return c
}

// Lookup finds a path the way a template outside `#each#` does.
func (s *Scope) Lookup(path string) (Value, bool) {
	segments, err := parsePath(path)
	if err != nil {
		return Value{}, false
	}
	return s.find(segments)
}

// alwaysRoot tells the roots that win over every field of the data.
func alwaysRoot(name string) bool {
	switch name {
	case "event", "attributes", "endpoint", "source", "data":
		return true
	}
	return false
}

func (s *Scope) hasRoot(name string) bool {
	for i := range s.entries {
		if s.entries[i].root == name {
			return true
		}
	}
	return false
}

func (s *Scope) find(path []segment) (Value, bool) {
	first := path[0].name
	if len(path) == 1 && first != "data" && alwaysRoot(first) {
		// A thin notice has a field `event`, and a bare word means the data. `event.` with a point is ours.
		if v, ok := s.inRoot("data", path); ok {
			return v, true
		}
	}
	if alwaysRoot(first) || s.hasRoot(first) {
		return s.inRoot(first, path[1:])
	}
	return s.inRoot("data", path)
}

// inRoot follows a path inside one root; fields set one by one win over the whole.
func (s *Scope) inRoot(root string, path []segment) (Value, bool) {
	if len(path) == 0 {
		return s.whole(root)
	}
	name := path[0].name
	if root == "headers" {
		name = strings.ToLower(name)
	}
	whole := -1
	for i := range s.entries {
		e := &s.entries[i]
		if e.root != root {
			continue
		}
		if e.field == "" {
			whole = i
		} else if e.field == name {
			return e.value.follow(path[1:])
		}
	}
	if whole < 0 {
		return Value{}, false
	}
	v := s.entries[whole].value
	if root == "headers" {
		if v, ok := v.Field(name); ok {
			return v.follow(path[1:])
		}
	}
	return v.follow(path)
}

// plain is a whole root that is no object: data that are a list.
func (s *Scope) plain(root string) (Value, bool) {
	for i := range s.entries {
		if e := &s.entries[i]; e.root == root && e.field == "" && e.value.kind != Object {
			return e.value, true
		}
	}
	return Value{}, false
}

// length is how many bytes of JSON a root has.
func (s *Scope) length(root string) int {
	n := 0
	for i := range s.entries {
		if e := &s.entries[i]; e.root == root {
			n += len(e.value.raw)
		}
	}
	return n
}

// whole is a root as one value; an object is put together when its fields were set one by one.
func (s *Scope) whole(root string) (Value, bool) {
	var base Value
	fields := 0
	for i := range s.entries {
		if e := &s.entries[i]; e.root == root {
			if e.field == "" {
				base = e.value
			} else {
				fields++
			}
		}
	}
	if fields == 0 {
		return base, base.kind != Absent
	}
	raw := []byte{'{'}
	if base.kind == Object && base.True() {
		raw = append(raw, base.raw[1:len(base.raw)-1]...)
		raw = append(raw, ',')
	}
	for i := range s.entries {
		if e := &s.entries[i]; e.root == root && e.field != "" {
			raw = append(raw, '"')
			raw = appendJSONEscaped(raw, e.field)
			raw = append(raw, '"', ':')
			raw = e.value.AppendJSON(raw)
			raw = append(raw, ',')
		}
	}
	raw[len(raw)-1] = '}'
	return jsonValue(raw), true
}
