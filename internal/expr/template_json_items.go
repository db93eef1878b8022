package expr

import "fmt"

// bracket reads an object or a list.
func (j *jsonParser) bracket(open byte) (*jsonNode, error) {
	if j.depth == MaxDepth {
		return nil, j.errorf(fmt.Sprintf("nested deeper than %d", MaxDepth), "")
	}
	j.depth++
	node := &jsonNode{kind: jsonList}
	end := byte(']')
	if open == '{' {
		node.kind, end = jsonObject, '}'
	}
	j.next()
	var err error
	if node.items, node.tail, err = j.itemList(end, false); err != nil {
		return nil, err
	}
	if j.peek() != end {
		return nil, j.errorf(fmt.Sprintf("a comma or %c is missing", end), "")
	}
	j.next()
	j.depth--
	switch {
	case len(node.items) == 0:
		return &jsonNode{literal: string(open) + node.tail + string(end)}, nil
	case len(node.items) == 1 && node.items[0].kind == literalPart:
		return &jsonNode{literal: string(open) + node.items[0].literal + node.tail + string(end)}, nil
	}
	return node, nil
}

// before is what stands in front of the place where a list is being read.
type before uint8

const (
	beforeStart before = iota
	beforeItem
	beforeComma
	beforeBlock
)

// itemList reads members or items up to the closing bracket, or up to the end of a block. Between two plain ones a
// comma is required; beside a block and at the ends inside one it may stand or not.
func (j *jsonParser) itemList(end byte, inBlock bool) (items []jsonItem, tail string, err error) {
	state, lead := beforeStart, ""
	for {
		lead += j.space()
		t, isTag := j.tag()
		c := j.peek()
		switch {
		case j.done(), c == ']', c == '}', isTag && (t.kind == endToken || t.kind == elseToken):
			if state == beforeComma && !inBlock {
				return nil, "", j.errorf("a value is missing after the comma", "leave the comma out")
			}
			return mergeStatic(items), lead, nil
		case c == ',':
			if state == beforeComma || state == beforeStart && !inBlock {
				return nil, "", j.errorf("a value is missing before this comma", "leave the comma out")
			}
			state = beforeComma
			j.next()
			continue
		case isTag && (t.kind == eachToken || t.kind == ifToken):
			item, err := j.itemBlock(t, end)
			if err != nil {
				return nil, "", err
			}
			item.lead = lead
			items = append(items, item)
			state = beforeBlock
		default:
			if state == beforeItem {
				return nil, "", j.errorf("a comma is missing", "put a comma between two values")
			}
			item, err := j.item(end == '}')
			if err != nil {
				return nil, "", err
			}
			if item.lead = lead; item.kind == literalPart {
				item.literal = lead + item.literal
			}
			items = append(items, item)
			state = beforeItem
		}
		lead = ""
	}
}

func (j *jsonParser) item(member bool) (jsonItem, error) {
	item := jsonItem{kind: valuePart}
	var err error
	if member {
		if j.peek() != '"' {
			return item, j.errorf("a name in double quotes is missing", `write "name": before the value`)
		}
		if item.key, err = j.text(); err != nil {
			return item, err
		}
		item.colon = `"` + j.space() + ":"
		if j.peek() != ':' {
			return item, j.errorf("a colon is missing", `write "name": before the value`)
		}
		j.next()
		item.colon += j.space()
	}
	if item.value, err = j.value(); err != nil {
		return item, err
	}
	static := len(item.key) == 0 || len(item.key) == 1 && item.key[0].kind == literalPart
	if !static || item.value.kind != jsonLiteral {
		return item, nil
	}
	text := item.value.literal
	if member {
		key := ""
		if len(item.key) == 1 {
			key = item.key[0].literal
		}
		text = `"` + key + item.colon + text
	}
	return jsonItem{kind: literalPart, literal: text}, nil
}

func (j *jsonParser) itemBlock(t token, end byte) (jsonItem, error) {
	j.at++
	item := jsonItem{kind: eachPart, place: j.lookup(t)}
	if t.kind == ifToken {
		item.kind = ifPart
	}
	var err error
	if item.body, _, err = j.itemList(end, true); err != nil {
		return item, err
	}
	if t, _ := j.tag(); t.kind == elseToken {
		j.at++
		if item.orElse, _, err = j.itemList(end, true); err != nil {
			return item, err
		}
	}
	return item, j.endBlock(t)
}

// mergeStatic makes one piece of neighbours without placeholders.
func mergeStatic(items []jsonItem) []jsonItem {
	var merged []jsonItem
	for _, item := range items {
		if n := len(merged); n > 0 && item.kind == literalPart && merged[n-1].kind == literalPart {
			merged[n-1].literal += "," + item.literal
			continue
		}
		merged = append(merged, item)
	}
	return merged
}

func (n *jsonNode) render(dst []byte, r *renderer) []byte {
	switch n.kind {
	case jsonLiteral:
		return append(dst, n.literal...)
	case jsonPlace:
		v, found := r.value(&n.place)
		if !found {
			return r.absent(dst)
		}
		return v.AppendJSON(dst)
	case jsonText:
		if r.missing == MissingNull && soleAbsent(n.text, r) {
			return append(dst, "null"...)
		}
		dst = append(dst, '"')
		dst = r.parts(dst, n.text)
		return append(dst, '"')
	case jsonChoice:
		branch := n.branch(r)
		if branch == nil {
			return r.absent(dst)
		}
		return branch.render(dst, r)
	}
	open, end := byte('['), byte(']')
	if n.kind == jsonObject {
		open, end = '{', '}'
	}
	first := true
	dst = append(dst, open)
	dst = r.jsonItems(dst, n.items, &first, n.kind == jsonObject)
	dst = append(dst, n.tail...)
	return append(dst, end)
}

// absent is what an unquoted placeholder becomes that found nothing.
func (r *renderer) absent(dst []byte) []byte {
	if r.missing == MissingEmpty || r.missing == "" {
		return append(dst, `""`...)
	}
	return append(dst, "null"...)
}

func (n *jsonNode) branch(r *renderer) *jsonNode {
	if v, _ := r.find(&n.place); v.True() {
		return n.body
	}
	return n.orElse
}

// absent tells that a value is one placeholder that finds nothing, or a choice that chooses nothing.
func (n *jsonNode) absent(r *renderer) bool {
	switch n.kind {
	case jsonPlace:
		_, found := r.find(&n.place)
		return !found
	case jsonText:
		return soleAbsent(n.text, r)
	case jsonChoice:
		branch := n.branch(r)
		return branch == nil || branch.absent(r)
	}
	return false
}

// jsonItems writes the commas itself, so that what is left out or repeated never leaves one too many.
func (r *renderer) jsonItems(dst []byte, items []jsonItem, first *bool, member bool) []byte {
	for i := range items {
		item := &items[i]
		switch item.kind {
		case eachPart:
			r.each(&item.place, func() bool {
				dst = r.jsonItems(dst, item.body, first, member)
				return !r.full(dst)
			})
		case ifPart:
			if v, _ := r.find(&item.place); v.True() {
				dst = r.jsonItems(dst, item.body, first, member)
			} else {
				dst = r.jsonItems(dst, item.orElse, first, member)
			}
		default:
			if item.value != nil && r.missing == MissingOmit && item.value.absent(r) {
				continue
			}
			if !*first {
				dst = append(dst, ',')
			}
			*first = false
			if item.kind == literalPart {
				dst = append(dst, item.literal...)
				continue
			}
			dst = append(dst, item.lead...)
			if member {
				dst = append(dst, '"')
				dst = r.parts(dst, item.key)
				dst = append(dst, item.colon...)
			}
			dst = item.value.render(dst, r)
		}
		if r.full(dst) {
			return dst
		}
	}
	return dst
}
