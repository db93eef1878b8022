package receiver

import (
	"fmt"
	"strconv"
	"strings"

	"hacek/internal/expr"
)

// What one request may become.
const (
	maxItems     = 10_000
	maxItemBytes = 64 << 20 // in sum
)

// piece is what becomes one event.
type piece struct {
	roots
	data expr.Doc
	raw  []byte // the item as it stands in the list; nil when the request was not split
	// scalar: the item took the place of its list in the body, so that paths into the body tell pieces apart.
	scalar bool
}

// split takes a request apart. found tells that there is a list; without one the whole body is one piece.
func split(p path, r roots, body expr.Doc) (pieces []piece, found bool, err error) {
	whole := []piece{{roots: r, data: body}}
	if p == nil || p[0] != "body" {
		return whole, false, nil
	}
	if at := p.fan(); at >= 0 {
		return splitNested(p, at, r, body)
	}
	list, ok := p.find(&r)
	if !ok {
		return whole, false, nil
	}
	list = opened(list)
	switch list.Kind() {
	case expr.Object: // XML with one line
		return []piece{objectPiece(r, list)}, true, nil
	case expr.Array:
	default:
		return whole, false, nil
	}
	size := 0
	for item := range list.Items() {
		var one piece
		if item.Kind() == expr.Object {
			one = objectPiece(r, item)
		} else if one, err = scalarPiece(p, r, item); err != nil {
			return nil, true, err
		}
		pieces = append(pieces, one)
		if size += len(one.data.Raw()); size > maxItemBytes || len(pieces) > maxItems {
			return nil, true, fmt.Errorf("the list %s makes more than %d events or %d MiB", strings.Join(p, "."), maxItems, maxItemBytes>>20)
		}
	}
	return pieces, true, nil
}

// fan is the place of the first list that is gone through on the way: body.entry[].changes.
func (p path) fan() int {
	for i, name := range p {
		if strings.HasSuffix(name, "[]") && i < len(p)-1 {
			return i
		}
	}
	return -1
}

// splitNested gives the pieces of every inner list, in order.
func splitNested(p path, at int, r roots, body expr.Doc) (pieces []piece, found bool, err error) {
	outer := append(append(path{}, p[:at]...), strings.TrimSuffix(p[at], "[]"))
	list, ok := outer.find(&r)
	if !ok {
		return []piece{{roots: r, data: body}}, false, nil
	}
	inner := append(path{"body"}, p[at+1:]...)
	visit := func(v expr.Value) error {
		of := r
		of.body = v
		some, has, err := split(inner, of, v.Doc())
		if err != nil || !has {
			return err
		}
		for _, one := range some {
			one.body = r.body
			pieces = append(pieces, one)
		}
		if len(pieces) > maxItems {
			return fmt.Errorf("the list %s makes more than %d events", strings.Join(p, "."), maxItems)
		}
		return nil
	}
	list = opened(list)
	if list.Kind() != expr.Array {
		err = visit(list)
		return pieces, true, err
	}
	for v := range list.Items() {
		if err := visit(v); err != nil {
			return nil, true, err
		}
	}
	return pieces, true, nil
}

func objectPiece(r roots, item expr.Value) piece {
	one := piece{roots: r, data: item.Doc(), raw: item.Doc().Raw()}
	one.roots.item = item
	return one
}

// scalarPiece is the whole body with the item in the place of its list.
func scalarPiece(p path, r roots, item expr.Value) (piece, error) {
	raw := item.AppendJSON(nil)
	doc, err := expr.ParseDoc(replaced(nil, r.body, p[1:], raw))
	if err != nil {
		return piece{}, fmt.Errorf("split: %w", err)
	}
	one := piece{roots: r, data: doc, raw: raw, scalar: true}
	one.roots.item, one.body = item, doc.Value()
	return one, nil
}

// replaced appends v with the value at a path replaced.
func replaced(dst []byte, v expr.Value, rest []string, by []byte) []byte {
	if len(rest) == 0 {
		return append(dst, by...)
	}
	v = opened(v)
	n := 0
	switch v.Kind() {
	case expr.Object:
		dst = append(dst, '{')
		for name, member := range v.Members() {
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, name...), ':')
			var plain string
			if doc, err := expr.ParseDoc(name); err == nil {
				plain = doc.Value().Text()
			}
			switch plain {
			case strings.Join(rest, "."):
				dst = append(dst, by...)
			case rest[0]:
				dst = replaced(dst, member, rest[1:], by)
			default:
				dst = member.AppendJSON(dst)
			}
		}
		return append(dst, '}')
	case expr.Array:
		at, err := strconv.Atoi(rest[0])
		dst = append(dst, '[')
		for item := range v.Items() {
			if n > 0 {
				dst = append(dst, ',')
			}
			if err == nil && n == at {
				dst = replaced(dst, item, rest[1:], by)
			} else {
				dst = item.AppendJSON(dst)
			}
			n++
		}
		return append(dst, ']')
	}
	return v.AppendJSON(dst)
}
