package expr

import "fmt"

// renderer is one rendering: the items of the `#each#` blocks it stands in, and the first thing that went wrong.
type renderer struct {
	scope   *Scope
	missing Missing
	place   Place
	items   []item
	serial  int
	cache   []cached
	scratch []byte
	budget  int // bytes that may still be walked over
	limit   int // the length dst may reach
	err     error
}

// item is what an `#each#` stands at; serial tells one item from the next.
type item struct {
	value  Value
	serial int
}

// cached is what a placeholder found outside the innermost item; it holds as long as the item around that stays.
type cached struct {
	known  bool
	serial int
	value  Value
	found  bool
}

// perStep is what a look-up or a turn of a loop costs beside the bytes it reads.
const perStep = 64

func (r *renderer) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *renderer) spend(bytes int) bool {
	r.budget -= bytes + perStep
	if r.budget < 0 {
		r.fail(&PlaceError{Place: r.place, Detail: "the loops of this template are too long for this event"})
	}
	return r.err == nil
}

// full stops what grows without end.
func (r *renderer) full(dst []byte) bool {
	if len(dst) > r.limit {
		r.fail(&PlaceError{Place: r.place, Detail: fmt.Sprintf("the text grows beyond %d MiB", maxRendered>>20)})
	}
	return r.err != nil
}

func (r *renderer) find(l *lookup) (Value, bool) {
	if len(r.items) == 0 {
		return r.scope.find(l.path)
	}
	first := l.path[0].name
	if alwaysRoot(first) && (len(l.path) > 1 || first == "data") {
		return r.outside(l, nil)
	}
	top := r.items[len(r.items)-1].value
	if !r.spend(len(top.raw)) {
		return Value{}, false
	}
	if v, ok := top.step(l.path[0]); ok {
		return v.follow(l.path[1:])
	}
	if first == "item" {
		return top.follow(l.path[1:])
	}
	return r.outside(l, r.items[:len(r.items)-1])
}

// outside looks in the given items, the nearest first, and then in the scope.
func (r *renderer) outside(l *lookup, items []item) (v Value, ok bool) {
	serial := 0
	if len(items) > 0 {
		serial = items[len(items)-1].serial
	}
	var c *cached
	if l.slot < len(r.cache) {
		if c = &r.cache[l.slot]; c.known && c.serial == serial {
			return c.value, c.found
		}
	}
	for i := len(items) - 1; i >= 0; i-- {
		if !r.spend(len(items[i].value.raw)) {
			return Value{}, false
		}
		if v, ok = items[i].value.step(l.path[0]); ok {
			v, ok = v.follow(l.path[1:])
			if c != nil {
				*c = cached{true, serial, v, ok}
			}
			return v, ok
		}
	}
	v, ok = r.scope.find(l.path)
	r.spend(r.scope.size())
	if c != nil {
		*c = cached{true, serial, v, ok}
	}
	return v, ok
}

func (s *Scope) size() int {
	n := 0
	for i := range s.entries {
		n += len(s.entries[i].value.raw)
	}
	return n
}

// value is find, with the error that MissingFail asks for.
func (r *renderer) value(l *lookup) (Value, bool) {
	v, found := r.find(l)
	if !found && r.missing == MissingFail {
		r.fail(&MissingError{l.name})
	}
	return v, found
}

func (r *renderer) parts(dst []byte, parts []part) []byte {
	for i := range parts {
		p := &parts[i]
		switch p.kind {
		case literalPart:
			dst = append(dst, p.literal...)
		case valuePart:
			if v, found := r.value(&p.place); found {
				dst = r.escape(dst, v, p)
			}
		case ifPart:
			if v, _ := r.find(&p.place); v.True() {
				dst = r.parts(dst, p.body)
			} else {
				dst = r.parts(dst, p.orElse)
			}
		case eachPart:
			r.each(&p.place, func() bool {
				dst = r.parts(dst, p.body)
				return !r.full(dst)
			})
		}
		if r.full(dst) {
			return dst
		}
	}
	return dst
}

// each stands at every item in turn. A single object counts as a list of one: that is how XML with one line arrives.
func (r *renderer) each(l *lookup, do func() bool) {
	list, found := r.value(l)
	if !found || list.kind == Null {
		return
	}
	at := len(r.items)
	r.items = append(r.items, item{})
	defer func() { r.items = r.items[:at] }()
	visit := func(v Value) bool {
		r.serial++
		r.items[at] = item{v, r.serial}
		return r.spend(0) && do()
	}
	if list.kind != Array {
		visit(list)
		return
	}
	for v := range list.Items() {
		if !visit(v) {
			return
		}
	}
}

// pairs renders the pairs of a query or form; MissingOmit leaves out those whose value is absent.
func (r *renderer) pairs(dst []byte, pairs [][]part) []byte {
	first := true
	for _, pair := range pairs {
		if r.missing == MissingOmit && pairAbsent(pair, r) {
			continue
		}
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = r.parts(dst, pair)
	}
	return dst
}

// pairAbsent tells that a pair is `name=#path#` and that path finds nothing.
func pairAbsent(pair []part, r *renderer) bool {
	if len(pair) != 2 || pair[0].kind != literalPart {
		return false
	}
	name := pair[0].literal
	for i := range len(name) {
		if name[i] == '=' {
			return i == len(name)-1 && soleAbsent(pair[1:], r)
		}
	}
	return false
}
