package connection

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMomentsAreReadInEveryShapeSeen(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2018-05-29T09:02:27+0200":        "2018-05-29T07:02:27Z", // Shoptet
		"2018-01-29T09:02:27+0100":        "2018-01-29T08:02:27Z",
		"2018-05-29T09:02:27+02:00":       "2018-05-29T07:02:27Z",
		"2018-05-29T09:02:27.123456Z":     "2018-05-29T09:02:27.123456Z",
		"2018-05-29 09:02:27 +0200":       "2018-05-29T07:02:27Z", // InPost
		"2018-05-29 09:02:27":             "2018-05-29T07:02:27Z", // Odoo, WooCommerce: in the connection's zone
		"2018-05-29T09:02:27":             "2018-05-29T07:02:27Z",
		"2018-05-29 09:02":                "2018-05-29T07:02:00Z",
		"2018-05-29 07:02:27 UTC":         "2018-05-29T07:02:27Z",
		"2018-05-29 09:02:27+02":          "2018-05-29T07:02:27Z", // PostgreSQL
		"2018-05-29T07:02:27z":            "2018-05-29T07:02:27Z",
		"2026-02-25":                      "2026-02-24T23:00:00Z",
		"25.02.2026":                      "2026-02-24T23:00:00Z",
		"5.2.2026":                        "2026-02-04T23:00:00Z",
		"25.02.2026 14:05":                "2026-02-25T13:05:00Z",
		"Tue, 29 May 2018 07:02:27 GMT":   "2018-05-29T07:02:27Z",
		"Tue, 29 May 2018 09:02:27 +0200": "2018-05-29T07:02:27Z",
		" 2018-05-29T09:02:27+0200 ":      "2018-05-29T07:02:27Z",
		"":                                "",
		"1527577347":                      "", // a number is no time
		"2018":                            "",
		"2018-13-29":                      "",
		"2018-05-29T25:00:00Z":            "",
		"soon":                            "",
		"2018-05-29T09:02:27 CEST":        "", // an abbreviation is no zone
	} {
		at, _, ok := parseMoment(text, prague)
		got := ""
		if ok {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestComparesAsTimesThenNumbersThenTexts(t *testing.T) {
	text := &Column{Kind: Text}
	for _, pair := range [][2]string{
		{"2018-05-29T09:02:27+0200", "2018-05-29T08:00:00+0000"}, // as texts it would be the other way round
		{"9", "10"}, {"1.5", "1.50000000001"}, {"9007199254740992", "9007199254740993"}, {"-2", "1"},
		{"25.02.2026", "2026-02-26"}, {"a", "b"}, {"10", "9a"}, {"2026-02-25", "x"},
	} {
		older, newer := value{text: pair[0]}, value{text: pair[1]}
		if compare(text, older, newer, time.UTC) >= 0 || compare(text, newer, older, time.UTC) <= 0 {
			t.Errorf("%q is not older than %q", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"2018-05-29T09:02:27+0200", "2018-05-29T07:02:27Z"}, {"1.0", "1"}, {"x", "x"}} {
		if compare(text, value{text: pair[0]}, value{text: pair[1]}, time.UTC) != 0 {
			t.Errorf("%q and %q are not equal", pair[0], pair[1])
		}
	}
}

func TestM5_ValuesAreCheckedAgainstTheirColumns(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.has(`CREATE TABLE v (k INT PRIMARY KEY, small SMALLINT, big BIGINT, d {decimal}, f {double}, c VARCHAR(5), b {bool}, day DATE, at {datetime},
			moment {instant}, j {json}, u {uuid}, raw {bytes}, must VARCHAR(5) NOT NULL DEFAULT 'x', must_n INT NOT NULL DEFAULT 0)`)
		long := strings.Repeat("9", 60)
		for i, c := range []struct{ column, value, stored, says string }{ // says: the refusal, "" when it is taken
			{"small", "12", "12", ""}, {"small", " -12.00 ", "-12", ""}, {"small", "", "NULL", ""}, {"small", "1e2", "100", ""},
			{"small", "12,5", "", `"12,5" is no whole number`}, {"small", "12.5", "", "no whole number"}, {"small", "x", "", "no whole number"},
			{"big", "9223372036854775807", "9223372036854775807", ""}, {"big", "9223372036854775808", "", "out of range"},
			{"big", "-9007199254740993", "-9007199254740993", ""}, {"big", "1e999", "", "out of range"}, {"big", "1e9999999", "", "no whole number"},
			{"d", "1234.5", "1234.5", ""}, {"d", "9999999999.99", "9999999999.99", ""}, {"d", "1.500", "1.5", ""}, {"d", "-0.01", "-0.01", ""},
			{"d", "1.005", "", "3 digits after the point, the column takes 2"}, {"d", "10000000000", "", "11 digits before the point"},
			{"d", "12,50", "", "point instead of the comma"}, {"d", long, "", "60 digits before the point, the column takes 10"}, {"d", "NaN", "", "no number"},
			{"f", "1.25", "1.25", ""}, {"f", "1e308", "1e+308", ""}, {"f", "1e400", "", "out of range"},
			{"c", "Žluťo", "Žluťo", ""}, {"c", "Žluťouč", "", "7 characters, the column takes 5"}, {"c", "", "", ""}, {"c", "a\x00b", "", "NUL"}, {"c", "\xff", "", "UTF-8"},
			{"c", "'\"`\\;", "'\"`\\;", ""}, {"c", "007", "007", ""},
			{"b", "true", "true", ""}, {"b", "0", "false", ""}, {"b", "maybe", "", "maybe"},
			{"day", "25.02.2026", "2026-02-25", ""}, {"day", "2018-05-29T00:30:00+0200", "2018-05-29", ""}, {"day", "tomorrow", "", "no date or time"},
			{"at", "2018-05-29T09:02:27+0200", "2018-05-29 07:02:27", ""}, {"at", "2018-05-29 09:02:27", "2018-05-29 09:02:27", ""},
			{"at", "1527577347", "2018-05-29 07:02:27", ""}, {"at", "2018-02-30", "", "no date or time"},
			{"moment", "2018-05-29T09:02:27+0200", "2018-05-29 07:02:27", ""},
			{"j", `{"b":1.50,"a":[]}`, `{"a":[],"b":1.50}`, ""}, {"u", "0198F1A2-0000-7000-8000-0000000000AB", "0198f1a2-0000-7000-8000-0000000000ab", ""},
			{"u", "42", "", "no UUID"}, {"raw", "\x00\xff'", "\x00\xff'", ""},
			{"must", "NULL", "", "must have one"}, {"must_n", "", "", "must have one"}, {"must", "", "", ""},
		} {
			u := Upsert{Table: "v", Key: []string{"k"}, Values: row("k", fmt.Sprint(i), c.column, c.value)}
			if c.says != "" {
				e := r.refuses(Data, u, c.says)
				if e.Table != "v" || e.Column != c.column {
					t.Errorf("%s %q: the error names %s.%s", c.column, c.value, e.Table, e.Column)
				}
				if len(e.Detail) > 200 {
					t.Errorf("the error is not cut: %s", e.Detail)
				}
				continue
			}
			r.upsert(Inserted, u)
			r.upsert(Unchanged, u) // so what was written is what is read
			want := c.stored
			if r.driver == "mysql" { // BOOLEAN is TINYINT(1) there, and JSON is LONGTEXT
				want = map[string]string{"true": "1", "false": "0", `{"a":[],"b":1.50}`: c.value}[c.stored]
				if want == "" {
					want = c.stored
				}
			}
			if got := r.stored("v", c.column, fmt.Sprint(i)); got != want {
				t.Errorf("%s: %q is stored as %q, want %q", c.column, c.value, got, want)
			}
		}
		r.holds(`SELECT count(*) FROM v WHERE c LIKE 'Žluťou%' OR must IS NULL`, "0")
	})
}

// stored reads one value as the package itself would compare it.
func (r *rig) stored(table, column, key string) string {
	r.t.Helper()
	ctx := context.Background()
	described, err := r.db.describe(ctx, table)
	if err != nil {
		r.t.Fatal(err)
	}
	begun, err := r.raw.Begin()
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = begun.Rollback() }()
	tx := &transaction{r.db, begun}
	rows, err := tx.selectRows(ctx, &described, described.columns([]string{column}), described.columns([]string{"k"}), record{"k": {text: key}}, "")
	if err != nil || len(rows) != 1 {
		r.t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[0][column].null {
		return "NULL"
	}
	return rows[0][column].text
}

func TestM5_JSONIsRefusedWhenItIsNone(t *testing.T) {
	c := Column{Name: "j", Kind: JSON}
	for _, text := range []string{`{`, `{} {}`, `nope`, `{"a":1,}`} {
		if _, e := c.check(&text, time.UTC); e == nil || e.Column != "j" {
			t.Errorf("%s was taken: %v", text, e)
		}
	}
}

func TestM5_AWrongLineIsNamedAndNothingIsWritten(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		list := lines(3, "Hook")
		*list[1]["price"] = "12.345"
		e := r.refuses(Data, order("1", "new", "1", list...), `"12.345"`, "row 2 of the list", "not rounded")
		if e.Table != "order_lines" || e.Column != "price" {
			t.Errorf("the error names %s.%s", e.Table, e.Column)
		}
		list = lines(3, "Hook")
		*list[2]["line_no"] = "1"
		_ = r.refuses(Data, order("1", "new", "1", list...), "rows 1 and 3 of the list have the same key")
		r.holds(`SELECT count(*) FROM orders`, "0")
	})
}

func TestM5_ADateWithoutAZoneIsInTheConnectionsZone(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.has(`CREATE TABLE v (k INT PRIMARY KEY, at {datetime})`)
		parameter := map[string]string{"sqlite": "?timezone=Europe/Prague", "postgres": "&timezone=Europe/Prague", "mysql": "?loc=Europe/Prague"}[r.driver]
		r.db = r.open(r.dsn + parameter)
		for i, text := range []string{"2018-05-29T07:02:27Z", "2018-05-29 09:02:27", "2018-05-29T09:02:27+0200"} {
			r.upsert(Inserted, Upsert{Table: "v", Key: []string{"k"}, Values: row("k", fmt.Sprint(i), "at", text)})
			if got := r.stored("v", "at", fmt.Sprint(i)); got != "2018-05-29 09:02:27" {
				t.Errorf("%q is stored as %q", text, got)
			}
		}
	})
}

func TestM5_TablesAreDescribed(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		list, err := r.db.Tables(context.Background())
		if err != nil || len(list) != 2 || list[0].Name != "order_lines" || list[1].Name != "orders" {
			t.Fatalf("tables %v, %v", list, err)
		}
		table, err := r.db.Table(context.Background(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range table.Columns {
			got = append(got, fmt.Sprintf("%s %s %v %d %d,%d %v", c.Name, c.Kind, c.Nullable, c.Length, c.Precision, c.Scale, c.HasDefault))
		}
		want := []string{"id integer " + fmt.Sprint(r.driver == "sqlite") + " 0 0,0 true", "number text false 20 0,0 false", "state text true 10 0,0 false",
			"total decimal true 0 12,2 false", "line_count integer true 0 0,0 false", "changed_at text true 0 0,0 false", "note text true 0 0,0 false"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if fmt.Sprint(table.Keys) != "[[id] [number]]" {
			t.Errorf("keys %v", table.Keys)
		}
		lines, err := r.db.Table(context.Background(), "order_lines")
		if err != nil || fmt.Sprint(lines.Keys) != "[[order_id line_no]]" {
			t.Errorf("keys %v, %v", lines.Keys, err)
		}
		if err := r.db.Test(context.Background()); err != nil {
			t.Errorf("test: %v", err)
		}
	})
}

// Keys that differ only where a floating number no longer tells them apart are different rows.
func TestM5_N6_LongKeysAreComparedExactly(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.has(`CREATE TABLE n (big BIGINT NOT NULL, d DECIMAL(20,2) NOT NULL, name VARCHAR(9), PRIMARY KEY (big, d))`)
		put := func(outcome, big, d, name string) {
			t.Helper()
			u := Upsert{Table: "n", Key: []string{"big", "d"}, Values: row("big", big, "d", d, "name", name)}
			if r.driver == "sqlite" && len(d) > 15 { // it would be kept as a floating number
				_ = r.refuses(Data, u, "n.d", "keeps 15 exactly", "TEXT")
				return
			}
			r.upsert(outcome, u)
		}
		put(Inserted, "9007199254740992", "1", "a")
		put(Inserted, "9007199254740993", "1", "b")
		put(Unchanged, "9007199254740992", "1.00", "a")
		put(Updated, "9007199254740993", "1", "c")
		put(Inserted, "1", "123456789012345678.01", "d")
		put(Inserted, "1", "123456789012345678.02", "e")
		put(Updated, "1", "123456789012345678.01", "f")
		if r.driver != "sqlite" {
			// No index helps the server here, it compares row by row.
			r.has(`CREATE TABLE part (big BIGINT NOT NULL, d DECIMAL(20,2) NOT NULL, name VARCHAR(9))`)
			u := Upsert{Table: "n", Key: []string{"big", "d"}, Values: row("big", "1", "d", "1"), Children: []ChildRows{{Table: "part",
				Parent: map[string]string{"big": "big"}, Key: []string{"d"}, Replace: true,
				Rows: []Row{row("d", "123456789012345678.01", "name", "d"), row("d", "123456789012345678.02", "name", "e")}}}}
			r.upsert(Inserted, u)
			u.Children[0].Rows[0] = row("d", "123456789012345678.01", "name", "f")
			if w := r.upsert(Updated, u); w.Rows != 1 {
				t.Errorf("%d rows written, want one", w.Rows)
			}
			r.holds(`SELECT name FROM part ORDER BY d`, "f", "e")
			r.has(`DELETE FROM n WHERE d = 1 AND big = 1`)
		}
		want := []string{"9007199254740992 a", "9007199254740993 c"}
		if r.driver != "sqlite" {
			want = append([]string{"1 f", "1 e"}, want...)
		}
		r.holds(`SELECT big, name FROM n ORDER BY big, d`, want...)
	})
}

func TestM5_BitsAreNumbersAndAnswers(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		if r.driver != "mysql" {
			t.Log("only MariaDB and MySQL use them so")
			return
		}
		r.has(`CREATE TABLE v (k INT PRIMARY KEY, paid BIT(1), flags BIT(12))`)
		u := Upsert{Table: "v", Key: []string{"k"}, Values: row("k", "1", "paid", "true", "flags", "4095")}
		r.upsert(Inserted, u)
		r.upsert(Unchanged, u)
		r.holds(`SELECT paid + 0, flags + 0 FROM v`, "1 4095")
		u.Values = row("k", "1", "flags", "4096")
		_ = r.refuses(Data, u, "v.flags", "0 to 4095")
	})
}
