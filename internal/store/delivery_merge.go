package store

import (
	"cmp"
	"context"
	"slices"
)

// head is where a target's first row of a page would be.
type head struct{ target, seq int64 }

// heads finds the first row of each target, in the page's order: one step down a tree for each, in one statement.
// first is a subquery that gives the number for the target t.no.
func (s *Store) heads(ctx context.Context, f DeliveryFilter, p Page, first string, a args) ([]head, error) {
	text := `
		SELECT target_no, seq
		FROM (SELECT t.no AS target_no, (` + first + `) AS seq FROM target t` + f.ofTargets(&a) + `) AS heads
		WHERE seq IS NOT NULL` + p.direction()
	return collect(ctx, s.db, "deliveries", func(row rower) (h head, err error) {
		err = row.Scan(&h.target, &h.seq)
		return h, err
	}, text, a...)
}

// ofTargets narrows the targets t to those of the filter.
func (f *DeliveryFilter) ofTargets(a *args) string {
	text := ` WHERE t.tenant_no = ` + a.add(f.Tenant)
	if len(f.Targets) > 0 {
		text += ` AND t.no IN (` + list(a, f.Targets) + `)`
	}
	return text
}

// end is the aggregate that gives a page's first row.
func (p Page) end() string {
	if p.Ascending {
		return `min`
	}
	return `max`
}

// merge reads what is next of all targets, a few rows at a time: a whole page of each would be read for nothing. read
// gives at most n rows of a target within a range, in the page's order.
func merge(p Page, heads []head, low, high int64, read func(target, low, high int64, n int) ([]DeliveryRow, error)) ([]DeliveryRow, error) {
	step := max(4, 2*(p.limit()+1)/max(1, len(heads)))
	ahead := map[int64][]DeliveryRow{}
	first := func(a, b head) int {
		if p.Ascending {
			return cmp.Compare(a.seq, b.seq)
		}
		return cmp.Compare(b.seq, a.seq)
	}
	var rows []DeliveryRow
	for len(rows) <= p.limit() && len(heads) > 0 {
		next := slices.MinFunc(heads, first)
		at := slices.Index(heads, next)
		if len(ahead[next.target]) == 0 {
			from, to := low, next.seq
			if p.Ascending {
				from, to = next.seq, high
			}
			found, err := read(next.target, from, to, step)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				heads = slices.Delete(heads, at, at+1)
				continue
			}
			ahead[next.target] = found
			// A number that is given up to here is no row's: it only says where to go on.
			if heads[at].seq = found[0].Seq; heads[at].seq != next.seq {
				continue
			}
		}
		row := ahead[next.target][0]
		rows, ahead[next.target] = append(rows, row), ahead[next.target][1:]
		switch left := ahead[next.target]; {
		case len(left) > 0:
			heads[at].seq = left[0].Seq
		case p.Ascending:
			heads[at].seq = row.Seq + 1
		default:
			heads[at].seq = row.Seq - 1
		}
	}
	return rows, nil
}
