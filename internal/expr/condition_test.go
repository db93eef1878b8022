package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func doc(t testing.TB, text string) Doc {
	t.Helper()
	d, err := ParseDoc([]byte(text))
	if err != nil {
		t.Fatalf("ParseDoc(%s): %v", text, err)
	}
	return d
}

func scope(t testing.TB, data string) *Scope {
	t.Helper()
	s := NewScope()
	s.SetDoc("data", doc(t, data))
	s.SetText("event", "id", "evt_1")
	s.SetText("event", "type", "order.created")
	s.SetText("event", "key", "2018000057")
	s.SetText("endpoint", "name", "Sklad - WMS")
	s.SetText("attributes", "mandant", "01")
	s.SetText("source", "name", "Shoptet")
	s.SetDoc("headers", doc(t, `{"x-shop":"42"}`))
	return s
}

const order = `{"total":"80.00","n":80.50,"count":3,"paid":false,"status":"new","id":12345678901234567890,"price":1234.50,
 "customer":{"email":"jana@example.cz","tags":["vip","b2b"]},"lines":[{"sku":"A","qty":2},{"sku":"B","qty":5}],
 "created":"2018-12-13T10:08:03+0100","nothing":null,"e\u0073c":"x"}`

func TestC6_ConditionMatches(t *testing.T) {
	for text, want := range map[string]bool{
		`num(data.total) > 100.0`:                 false,
		`num(data.total) > 79`:                    true,
		`data.n > 80`:                             true,
		`data.count > 2.5`:                        true,
		`data.count == 3 && data.status == "new"`: true,
		`has(data.absent)`:                        false,
		`has(data.customer.email) && data.customer.email.contains("@")`:     true,
		`"vip" in data.customer.tags`:                                       true,
		`data.lines.exists(l, l.qty > 4)`:                                   true,
		`data.lines[1].sku == "B"`:                                          true,
		`data.lines.size() == 2`:                                            true,
		`event.type == "order.created" && source.name == "Shoptet"`:         true,
		`headers["X-Shop"] == "42"`:                                         true,
		`attributes.mandant == "01"`:                                        true,
		`text(data.id) == "12345678901234567890"`:                           true,
		`text(data.price) == "1234.50"`:                                     true,
		`text(data.count) == "3"`:                                           true,
		`lower(data.status) == "new"`:                                       true,
		`date(data.created) < timestamp("2018-12-13T09:08:04Z")`:            true,
		`date(data.created) == timestamp("2018-12-13T09:08:03Z")`:           true,
		`date("2018-12-13 10:08") < date("2018-12-14")`:                     true,
		`data.nothing == null`:                                              true,
		`data.esc == "x"`:                                                   true,
		`data.paid`:                                                         false,
		`has(response.status)`:                                              false,
		`data.customer == {"email":"jana@example.cz","tags":["vip","b2b"]}`: true,
		`data.customer.all(k, k in ["email","tags"])`:                       true,
		`data["status"].matches("^n.w$")`:                                   true,
		`num("1e3") == 1000.0`:                                              true,
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := c.Match(scope(t, order))
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestConditionErrors(t *testing.T) {
	for text, want := range map[string]string{
		`data.absent > 1`:                               "has(data.absent)",
		`data.customer.absent == "x"`:                   "absent",
		`data.total > 100`:                              "num(",
		`num(data.status) > 1.0`:                        "no number",
		`num("` + strings.Repeat("1", 401) + `") > 1.0`: "400 digits",
		`num("1e401") > 1.0`:                            "exponent",
		`num("0x10") > 1.0`:                             "no number",
		`data.status`:                                   "yes or no",
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		_, err = c.Match(scope(t, order))
		var e *EvalError
		if !errors.As(err, &e) || !strings.Contains(e.Detail+e.Hint, want) {
			t.Errorf("%s: got %#v, want something about %q", text, err, want)
		}
	}
}

func TestConditionHints(t *testing.T) {
	for _, c := range []struct {
		text, hint string
		offset     int
	}{
		{`total > 100`, "data.total", 0},
		{`data.a == 1 && dta.total > 1`, "did you mean data?", 15},
		{`nmu(data.total) > 1.0`, "did you mean num?", 3},
		{`text(data.total) > 100`, "num(...)", 17},
		{`data.a = 1`, "==", 7},
		{`1 + 1`, "compare", 0},
		{``, "", 0},
	} {
		_, err := ParseCondition(c.text)
		var e *ParseError
		if !errors.As(err, &e) || !strings.Contains(e.Hint, c.hint) || e.Offset != c.offset {
			t.Errorf("%q: got %#v, want hint %q at %d", c.text, err, c.hint, c.offset)
		}
	}
}

func TestExplain(t *testing.T) {
	for text, want := range map[string]string{
		`num(data.total) > 100.0`:                  `total 80.00 is not > 100`,
		`data.n > 100`:                             `n 80.50 is not > 100`,
		`data.count > 2 && data.n > 100`:           `n 80.50 is not > 100`,
		`data.count > 20 || data.status == "paid"`: `count 3 is not > 20, and status "new" is not "paid"`,
		`data.paid`:                                `paid is false`,
		`!(data.count == 3)`:                       `count == 3 is true`,
		`has(data.absent)`:                         `there is no absent`,
		`data.status in ["paid", "sent"]`:          `status "new" is not in ["paid", "sent"]`,
		`data.customer.email.endsWith("@shop.cz")`: `customer.email "jana@example.cz" does not end with "@shop.cz"`,
		`data.lines.exists(l, l.qty > 9)`:          `lines.exists(l, l.qty > 9) is false`,
		`text(data.count) == "4"`:                  `count "3" is not "4"`,
		`data.count == "3"`:                        `count 3 is not "3" (a text is not a number: write num(...) or text(...))`,
		`event.type == "x"`:                        `event.type "order.created" is not "x"`,
		`data.status != "new"`:                     `status is "new"`,
		`data.count == 3`:                          ``,
		`data.absent == 3`:                         `the event has no field absent`,
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Explain(scope(t, order)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

// Whatever an event holds and a condition asks, the answer comes soon.
func TestRule11_ConditionsAreBounded(t *testing.T) {
	big := `{"a":[` + strings.Repeat(`"0123456789",`, 80_000) + `1],"s":"` + strings.Repeat("x", 200_000) + `","k":1}`
	ten := "[0,1,2,3,4,5,6,7,8,9]"
	for name, c := range map[string]struct{ text, data string }{
		"list over list": {`data.a.all(x, data.a.all(y, data.a.exists(z, z == "no")))`, big},
		"long text":      {`data.a.exists(x, lower(data.s) == x)`, big},
		// Cheap for CEL, dear for us: each has() walks over a megabyte.
		"much to read": {ten + `.all(x, ` + ten + `.all(y, has(data.k)))`, big},
		// Nothing to read, only steps.
		"many steps": {ten + `.all(a, ` + ten + `.all(b, ` + ten + `.all(c, ` + ten + `.all(d, ` + ten + `.all(e, a + b + c + d + e < 99)))))`, `{}`},
	} {
		condition, err := ParseCondition(c.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = condition.Match(scope(t, c.data))
		var e *EvalError
		if !errors.As(err, &e) || !strings.Contains(e.Detail, "too long") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

var body = `{"order":{"code":"2018000057","state":"new","created":"2018-12-13T10:08:03+0100","note":"` + strings.Repeat("Příliš žluťoučký kůň ", 10) + `"},
"customer":{"name":"Jana Nováková","email":"jana@example.cz","phone":"+420777123456","company":null,"vip":false},
"lines":[{"sku":"A-1","name":"Stůl","quantity":2,"price":"1234.50"},{"sku":"B-2","name":"Židle","quantity":4,"price":"890.00"},{"sku":"C-3","name":"Lampa","quantity":1,"price":"450.00"}],
"shipping":{"method":"ppl","price":99,"address":{"street":"Dlouhá 1","city":"Praha","zip":"11000","country":"CZ"}},"total":"7377.00","currency":"CZK"}`

func BenchmarkMatch(b *testing.B) {
	c, err := ParseCondition(`num(data.total) > 100.0`)
	if err != nil {
		b.Fatal(err)
	}
	d := doc(b, body)
	b.ReportMetric(float64(len(body)), "body-bytes")
	b.ReportAllocs()
	for b.Loop() {
		s := NewScope()
		s.SetDoc("data", d)
		if yes, err := c.Match(s); !yes || err != nil {
			b.Fatal(yes, err)
		}
	}
}

func BenchmarkParseDoc(b *testing.B) {
	raw := []byte(body)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseDoc(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCondition(b *testing.B) {
	for b.Loop() {
		if _, err := ParseCondition(`num(data.total) > 100.0`); err != nil {
			b.Fatal(err)
		}
	}
}

// What a condition costs is counted, not measured: the same every time, on a busy machine too.
func TestRule11_TheWeightOfAConditionIsItsWork(t *testing.T) {
	weigh := func(text, data string) int {
		t.Helper()
		c, err := ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		_, work, err := c.Weigh(scope(t, data))
		if _, again, _ := c.Weigh(scope(t, data)); again != work || work <= 0 {
			t.Errorf("%s weighs %d, then %d (%v)", text, work, again, err)
		}
		return work
	}
	const loop = `[0,1,2,3,4,5,6,7,8,9].all(x, %s)`
	big := `{"a":"` + strings.Repeat("x", 1<<20) + `","k":1}`
	simple, steps, read := weigh(`num(data.total) > 100.0`, body), weigh(fmt.Sprintf(loop, fmt.Sprintf(loop, "x < 10")), body), weigh(fmt.Sprintf(loop, "has(data.k)"), big)
	if simple > 8<<10 {
		t.Errorf("an ordinary condition weighs %d: a few thousand endpoints would be too many", simple)
	}
	if steps < 10*simple || read < 10<<20 {
		t.Errorf("an ordinary condition weighs %d, many steps %d, ten times a megabyte %d", simple, steps, read)
	}
	if failed := weigh(`data.absent > 1`, body); failed < 1<<10 {
		t.Errorf("a condition that fails weighs %d", failed)
	}
}
