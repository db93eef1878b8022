package expr

import (
	"errors"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
)

// asked are conditions that need no CEL on the order of these tests, but for those with false.
var asked = map[string]bool{
	`num(data.total) > 100.0`:                            true,
	`num(data.total) >= 80`:                              true,
	`num(data.n) != 80.50`:                               true,
	`num(data.count) <= 3`:                               true,
	`num(data.id) == 12345678901234567890.0`:             true,
	`data.count < 9007199254740991`:                      true,
	`data.n > 80`:                                        true,
	`data.n < -80.5`:                                     true,
	`data.count == 3 && data.status == "new"`:            true,
	`data.count == 4 || data.status != "new"`:            true,
	`data.count == 3 || data.absent == 1`:                true,
	`data.count == 4 && data.absent == 1`:                true,
	`!(data.count == 3)`:                                 true,
	`!data.paid`:                                         true,
	`data.paid`:                                          true,
	`data.paid == true`:                                  true,
	`data.paid < true`:                                   true,
	`data.status in ["paid", "new", "sent"]`:             true,
	`data.count in [1, 2, 4]`:                            true,
	`data.status > "neu"`:                                true,
	`data.created >= "2018-12-13"`:                       true,
	`data.customer.email == "jana@example.cz"`:           true,
	`data.esc == "x"`:                                    true,
	`has(data.esc)`:                                      true,
	`has(data.absent)`:                                   true,
	`has(data.nothing)`:                                  true,
	`!has(data.customer.phone)`:                          true,
	`event.type == "order.created"`:                      true,
	`endpoint.name != "x"`:                               true,
	`headers.X_shop == "42" || attributes.mandant > "0"`: false, // a header of that name is not there
	`attributes.mandant == "01"`:                         true,
	`has(response.status)`:                               true,

	`num(data.status) > 1`:                         false, // no number
	`num(data.nothing) > 1`:                        false,
	`num(data.customer) > 1`:                       false,
	`data.total > 100`:                             false, // a text
	`data.count == "3"`:                            false,
	`data.absent == 1`:                             false,
	`data.absent == 1 || data.count == 3`:          false, // CEL forgives the first
	`data.status`:                                  false,
	`data.nothing == null`:                         false,
	`has(data.absent.below)`:                       false,
	`has(data.status.below)`:                       false,
	`has(data.esc) == true`:                        false,
	`data.lines.size() == 2`:                       false,
	`data.count == 9007199254740992`:               false, // the next one is the same double
	`data.id == 9007199254740993`:                  false, // more digits than a double keeps
	`"vip" in data.customer.tags`:                  false,
	`data.status in ["paid", data.total]`:          false,
	`num(data.paid) in [true, 1.0]`:                false,
	`data.status in ["paid", 3]`:                   false,
	`data.lines.exists(l, l.qty > 4)`:              false,
	`text(data.count) == "3"`:                      false,
	`data.customer == {"email":"jana@example.cz"}`: false,
}

func TestC6_AQuestionIsAnsweredAsCELWould(t *testing.T) {
	for text, sure := range asked {
		c, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := agreesWithCEL(t, c, scope(t, order)); got != sure {
			t.Errorf("%s is answered without CEL: %v, want %v", text, got, sure)
		}
		for _, data := range []string{`[1]`, `{}`, `"text"`, `{"count":null,"status":{},"total":1e400,"n":"80,50","paid":"false"}`,
			`{"count":9007199254740993,"id":9007199254740993}`, `{"count":9007199254740991}`, `{"count":3,"count":4,"status":"\u006eew","total":" 100.5 ","n":-0,"paid":true,"customer":[]}`} {
			agreesWithCEL(t, c, scope(t, data))
		}
	}
}

// However many fields a condition compares, the walk through a large event ends at the budget.
func TestRule11_QuestionsAreBounded(t *testing.T) {
	s := scope(t, `{"a":"`+strings.Repeat("x", 1<<20)+`","k":1}`)
	c, err := ParseCondition(strings.Repeat("data.k == 2 || ", 600) + "data.k == 1")
	if err != nil {
		t.Fatal(err)
	}
	if a := c.ask(s, maxRun); a.sure || a.read > maxRun || a.read < maxRun/2 {
		t.Errorf("answered %+v with a budget of %d", a, maxRun)
	}
	var e *EvalError
	if _, err := c.Match(s); !errors.As(err, &e) || !strings.Contains(e.Detail, "too long") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// agreesWithCEL tells whether the condition is answered without CEL, which must say and count the same.
func agreesWithCEL(t *testing.T, c *Condition, s *Scope) bool {
	t.Helper()
	if c.ask == nil {
		return false
	}
	a := c.ask(s, maxRun)
	if !a.sure {
		return false
	}
	out, read, _, err := evaluate(c.program, s)
	if err != nil || out != types.Bool(a.yes) {
		t.Errorf("%s: answered %v, CEL says %v, %v", c.text, a.yes, out, err)
	}
	if read < a.read {
		t.Errorf("%s: %d bytes read, by CEL %d", c.text, a.read, read)
	}
	return true
}
