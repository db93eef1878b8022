package tour

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// row is one row as texts, column by column; "NULL" stands for none.
type row []string

const null = "NULL"

func text(s *string) string {
	if s == nil {
		return null
	}
	return *s
}

// rows reads a table, by its key.
func (e *ERP) rows(ctx context.Context, t erpTable) (map[string]row, error) {
	columns := make([]string, len(t.columns))
	for i, c := range t.columns {
		columns[i] = c.selected(e.Driver, "")
	}
	found, err := e.db.QueryContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name)
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", t.name, err)
	}
	defer found.Close()
	all := map[string]row{}
	for found.Next() {
		values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := found.Scan(places...); err != nil {
			return nil, fmt.Errorf("look into %s: %w", t.name, err)
		}
		r := make(row, len(values))
		for i, v := range values {
			if r[i] = null; v.Valid {
				r[i] = t.columns[i].same(v.String)
			}
		}
		all[strings.Join(r[:t.keys], " ")] = r
	}
	return all, found.Err()
}

func tableNamed(name string) erpTable {
	all := slices.Concat(shopTables(), erpTables())
	return all[slices.IndexFunc(all, func(t erpTable) bool { return t.name == name })]
}

// compare holds every column of a table against what should be there. It answers how many columns were compared; the
// error names the first differences.
func (e *ERP) compare(ctx context.Context, table string, want []row) (columns int, err error) {
	t := tableNamed(table)
	got, err := e.rows(ctx, t)
	if err != nil {
		return 0, err
	}
	var wrong []string
	for _, w := range want {
		key := strings.Join(w[:t.keys], " ")
		g, there := got[key]
		delete(got, key)
		if !there {
			wrong = append(wrong, fmt.Sprintf("row %s is missing", key))
			continue
		}
		for i, c := range t.columns {
			if columns++; g[i] != c.same(w[i]) {
				wrong = append(wrong, fmt.Sprintf("row %s: %s is %q, not %q", key, c.name, g[i], c.same(w[i])))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		wrong = append(wrong, fmt.Sprintf("row %s should not be there", key))
	}
	if len(wrong) > 0 {
		return columns, fmt.Errorf("table %s has %d differences: %s", table, len(wrong), strings.Join(wrong[:min(len(wrong), 5)], "; "))
	}
	return columns, nil
}

// headersAndLines reads every order with its lines in one statement, as any other program at the ERP would.
func (e *ERP) headersAndLines(ctx context.Context) (torn []string, orders int, err error) {
	total := erpColumn{"total_with_vat", ofMoney}.selected(e.Driver, "o.")
	price := erpColumn{"price_with_vat", ofMoney}.selected(e.Driver, "l.")
	found, err := e.db.QueryContext(ctx, `
	SELECT o.number, `+total+`, `+price+`
	FROM orders AS o
	LEFT JOIN order_lines AS l ON l.order_number = o.number`)
	if err != nil {
		return nil, 0, fmt.Errorf("look at the orders: %w", err)
	}
	defer found.Close()
	totals, sums := map[string]string{}, map[string]int64{}
	for found.Next() {
		var number, total string
		var price sql.NullString
		if err := found.Scan(&number, &total, &price); err != nil {
			return nil, 0, fmt.Errorf("look at the orders: %w", err)
		}
		totals[number] = total
		if price.Valid {
			cents, err := centsOf(price.String)
			if err != nil {
				return nil, 0, err
			}
			sums[number] += cents
		}
	}
	for number, total := range totals {
		if got := amount(sums[number]); got != total {
			torn = append(torn, fmt.Sprintf("order %s says %s, its lines say %s", number, total, got))
		}
	}
	return torn, len(totals), found.Err()
}

func centsOf(text string) (cents int64, err error) {
	var whole, part int64
	if n, err := fmt.Sscanf(text, "%d.%02d", &whole, &part); n != 2 || err != nil {
		return 0, fmt.Errorf("%q is no amount", text)
	}
	return whole*100 + part, nil
}
