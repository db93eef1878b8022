package connection

import (
	"fmt"
	"testing"
	"time"
)

func TestM9_HeaderAndLinesFollowTheOrder(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		w := r.upsert(Inserted, order("2018000057", "new", "2018-05-29T09:02:27+0200", lines(3, "Hook")...))
		if w.Rows != 4 {
			t.Errorf("%d rows written, want 4", w.Rows)
		}
		r.has(`UPDATE order_lines SET shelf = 'A7'`) // the ERP's own column
		again := order("2018000057", "new", "2018-05-29T09:02:27+0200", lines(3, "Hook")...)
		if w := r.upsert(Unchanged, again); w.Rows != 0 {
			t.Errorf("%d rows written by an upsert that changes nothing", w.Rows)
		}
		// One line less, one changed, one more: of the others nothing is touched.
		list := append(lines(2, "Hook"), row("line_no", "9", "name", "Nail", "price", "1"))
		list[1]["price"] = new(string)
		*list[1]["price"] = "7.25"
		if w := r.upsert(Updated, order("2018000057", "paid", "2018-05-29T09:03:00+0200", list...)); w.Rows != 4 {
			t.Errorf("%d rows written, want 4: header, one line gone, one changed, one new", w.Rows)
		}
		r.holds(`SELECT number, state, line_count FROM orders`, "2018000057 paid 3")
		r.holds(`SELECT l.line_no, l.name, l.price * 100 / 100 + 0.0 > 1, l.shelf FROM order_lines l JOIN orders o ON o.id = l.order_id ORDER BY 1`,
			"1 Hook 1 "+no(r)+" A7", "2 Hook 2 "+yes(r)+" A7", "9 Nail "+no(r)+" NULL")
	})
}

func yes(r *rig) string {
	if r.driver == "postgres" {
		return "true"
	}
	return "1"
}

func no(r *rig) string {
	if r.driver == "postgres" {
		return "false"
	}
	return "0"
}

// Each version is of one column type and in order: old, middle, new.
var versions = []struct {
	name, column string
	order        [3]string
}{
	{"times as text, offsets differ", "{text}", [3]string{"2018-05-29T09:02:27+0200", "2018-05-29T08:02:27+0000", "2018-05-29 10:03:00 +02:00"}},
	{"numbers as text", "{text}", [3]string{"9", "10", "10.5"}},
	{"plain texts", "{text}", [3]string{"a", "ab", "b"}},
	{"a number", "BIGINT", [3]string{"9007199254740992", "9007199254740993", "9007199254740994"}},
	{"a decimal", "{decimal}", [3]string{"9.99", "10.00", "1.1e1"}},
	{"a time without zone", "{datetime}", [3]string{"2018-05-29T09:02:27.100+0200", "2018-05-29T07:02:27.200Z", "2018-05-29 10:02"}},
	{"a moment", "{instant}", [3]string{"2018-05-29T09:02:27+0200", "2018-05-29T07:03:00Z", "2018-05-29T09:04:00+0200"}},
	{"a date", "DATE", [3]string{"25.02.2018", "2018-03-01", "2018-12-01"}},
}

func TestM9_AnOlderStateNeverOverwritesANewer(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for i, v := range versions {
			o, l := fmt.Sprint("o", i), fmt.Sprint("l", i)
			r.has(`CREATE TABLE `+o+` (number VARCHAR(20) PRIMARY KEY, state VARCHAR(10), v `+v.column+`)`,
				`CREATE TABLE `+l+` (number VARCHAR(20) NOT NULL, line_no INT NOT NULL, PRIMARY KEY (number, line_no))`)
			put := func(outcome, state, version string, lines int) {
				t.Helper()
				t.Logf("%s: %s", v.name, version)
				u := Upsert{Table: o, Key: []string{"number"}, Newer: "v", Values: row("number", "1", "state", state, "v", version),
					Children: []ChildRows{{Table: l, Parent: map[string]string{"number": "number"}, Key: []string{"number", "line_no"}, Replace: true}}}
				for i := range lines {
					u.Children[0].Rows = append(u.Children[0].Rows, row("line_no", fmt.Sprint(i)))
				}
				r.upsert(outcome, u)
			}
			put(Inserted, "a", v.order[1], 2)
			put(Refused, "b", v.order[0], 1)
			r.holds(`SELECT state FROM `+o, "a")
			r.holds(`SELECT count(*) FROM `+l, "2") // children stay
			put(Updated, "c", v.order[1], 2)        // equal writes
			put(Updated, "d", v.order[2], 3)
			put(Refused, "e", v.order[1], 0)
			r.holds(`SELECT state FROM `+o, "d")
			r.holds(`SELECT count(*) FROM `+l, "3")
		}
	})
}

func TestM9_ARowWithoutAVersionIsOlderThanAny(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		r.has(`INSERT INTO orders (number, state) VALUES ('1', 'typed')`)
		r.upsert(Updated, order("1", "new", "2018-05-29T09:02:27+0200"))
		_ = r.refuses(Data, order("1", "new", "NULL"), "orders.changed_at", "newer")
	})
}

func TestM9_ChildrenAreMergedOrReplaced(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		u := order("1", "new", "1", lines(2, "Hook")...)
		u.Children[0].Replace = false
		r.upsert(Inserted, u)
		u.Children[0].Rows = []Row{row("line_no", "2", "name", "Nail"), row("line_no", "3", "name", "Screw")}
		r.upsert(Updated, u)
		r.holds(`SELECT line_no, name FROM order_lines ORDER BY 1`, "1 Hook 1", "2 Nail", "3 Screw")
		u.Children[0].Replace = true
		u.Children[0].Rows = u.Children[0].Rows[:1]
		r.upsert(Updated, u)
		r.holds(`SELECT line_no, name FROM order_lines ORDER BY 1`, "2 Nail")
		u.Children[0].Rows = nil
		r.upsert(Updated, u)
		r.holds(`SELECT count(*) FROM order_lines`, "0")

		// Another order's lines are nobody else's business.
		r.upsert(Inserted, order("2", "new", "1", lines(2, "Hook")...))
		r.upsert(Unchanged, u)
		r.holds(`SELECT count(*) FROM order_lines`, "2")
	})
}

func TestM9_LinesWithoutAKeyAreReplacedAsAWhole(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		r.has(`CREATE TABLE notes (order_number VARCHAR(20) NOT NULL, words {text})`)
		u := Upsert{Table: "orders", Key: []string{"number"}, Values: row("number", "1"), Children: []ChildRows{{Table: "notes",
			Parent: map[string]string{"order_number": "number"}, Replace: true,
			Rows: []Row{row("words", "call"), row("words", "call"), row("words", "NULL")}}}}
		r.upsert(Inserted, u)
		rows := u.Children[0].Rows
		rows[0], rows[2] = rows[2], rows[0]
		r.upsert(Unchanged, u)
		u.Children[0].Rows = rows[1:]
		if w := r.upsert(Updated, u); w.Rows != 5 {
			t.Errorf("%d rows written, want 3 gone and 2 new", w.Rows)
		}
		r.holds(`SELECT order_number, words FROM notes`, "1 call", "1 call")
		u.Children[0].Replace = false
		_ = r.refuses(Schema, u, "notes", "key columns")
	})
}

func TestM9_FiveHundredLinesAreFast(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		for _, state := range []struct{ outcome, name, changed string }{{Inserted, "Hook", "1"}, {Updated, "Nail", "2"}, {Unchanged, "Nail", "2"}} {
			began := time.Now()
			r.upsert(state.outcome, order("1", "new", state.changed, lines(500, state.name)...))
			took := time.Since(began)
			t.Logf("500 lines %s in %s", state.outcome, took)
			if took > 2*time.Second {
				t.Errorf("500 lines %s took %s", state.outcome, took)
			}
		}
		r.holds(`SELECT count(*) FROM order_lines WHERE name LIKE 'Nail%'`, "500")
	})
}
