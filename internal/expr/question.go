package expr

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// question is a condition, or a part of one, that is answered without CEL: fields compared with what stands in the condition, joined by
// &&, || and !. Nearly all conditions are of that kind, and every target asks its own of every event.
// Where CEL would complain, or do more than compare, or more than budget bytes would be walked over, the answer is not sure, and CEL is asked.
type question func(s *Scope, budget int) reply

type reply struct {
	yes, sure bool
	read      int // bytes walked over, counted as in run.spend
}

// asQuestion is nil for what only CEL can answer.
func asQuestion(e celast.Expr) question {
	switch e.Kind() {
	case celast.SelectKind:
		return askField(e)
	case celast.CallKind:
	default:
		return nil
	}
	args := e.AsCall().Args()
	switch sign := e.AsCall().FunctionName(); sign {
	case operators.LogicalAnd, operators.LogicalOr:
		return join(asQuestion(args[0]), asQuestion(args[1]), sign == operators.LogicalOr)
	case operators.LogicalNot:
		if ask := asQuestion(args[0]); ask != nil {
			return func(s *Scope, budget int) reply {
				a := ask(s, budget)
				a.yes = !a.yes
				return a
			}
		}
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		if args[1].Kind() == celast.LiteralKind {
			return askComparison(sign, args[0], args[1])
		}
	case operators.In:
		if args[1].Kind() == celast.ListKind {
			return askList(args[0], args[1].AsList().Elements())
		}
	}
	return nil
}

// join asks the second only where the first does not decide.
func join(first, second question, decides bool) question {
	if first == nil || second == nil {
		return nil
	}
	return func(s *Scope, budget int) reply {
		a := first(s, budget)
		if !a.sure || a.yes == decides {
			return a
		}
		b := second(s, budget-a.read)
		b.read += a.read
		return b
	}
}

// askField is has(data.paid), or data.paid by itself.
func askField(e celast.Expr) question {
	at := fieldOf(e)
	if at == nil {
		return nil
	}
	if e.AsSelect().IsTestOnly() {
		return func(s *Scope, budget int) reply {
			_, read, known, found := at.find(s, budget)
			return reply{found, known, read}
		}
	}
	return at.compared(func(v Value) (int, bool) { return compareBool(v, true) }, operators.Equals)
}

func askComparison(sign string, left, literal celast.Expr) question {
	at, with := subject(left)
	if at == nil {
		return nil
	}
	compare := with(literal)
	if compare == nil {
		return nil
	}
	return at.compared(compare, sign)
}

// askList is data.status in ["paid", "sent"].
func askList(left celast.Expr, items []celast.Expr) question {
	at, with := subject(left)
	if at == nil {
		return nil
	}
	var each []comparison
	for _, item := range items {
		if item.Kind() != celast.LiteralKind {
			return nil
		}
		one := with(item)
		if one == nil {
			return nil
		}
		each = append(each, one)
	}
	return at.compared(func(v Value) (int, bool) {
		for _, compare := range each {
			if order, sure := compare(v); !sure || order == 0 {
				return order, sure
			}
		}
		return 1, true
	}, operators.Equals)
}

// subject is data.total or num(data.total), and how it is compared.
func subject(left celast.Expr) (at *place, with func(literal celast.Expr) comparison) {
	if left.Kind() == celast.CallKind && left.AsCall().FunctionName() == "num" {
		return placeOf(left.AsCall().Args()[0]), compareNumWith
	}
	return placeOf(left), compareWith
}

// comparison tells how a value stands to a literal: below, equal or above, where it is sure.
type comparison func(v Value) (order int, sure bool)

func (p *place) compared(compare comparison, sign string) question {
	return func(s *Scope, budget int) reply {
		v, read, _, found := p.find(s, budget)
		if !found {
			return reply{read: read}
		}
		order, sure := compare(v)
		return reply{holds(sign, order), sure, read}
	}
}

func holds(sign string, order int) bool {
	switch sign {
	case operators.Equals:
		return order == 0
	case operators.NotEquals:
		return order != 0
	case operators.Less:
		return order < 0
	case operators.LessEquals:
		return order <= 0
	case operators.Greater:
		return order > 0
	}
	return order >= 0
}

// exact is up to where no two whole numbers are the same double.
const exact = 1 << 53

// compareWith compares a field as it came; one of another kind than the literal is CEL's.
func compareWith(literal celast.Expr) comparison {
	switch want := literal.AsLiteral().(type) {
	case types.String:
		return func(v Value) (int, bool) {
			if v.kind != String {
				return 0, false
			}
			return strings.Compare(v.Text(), string(want)), true
		}
	case types.Bool:
		return func(v Value) (int, bool) { return compareBool(v, bool(want)) }
	case types.Int:
		if want <= -exact || want >= exact {
			return nil
		}
		return func(v Value) (int, bool) { return compareNumber(v, float64(want)) }
	case types.Double:
		return func(v Value) (int, bool) { return compareNumber(v, float64(want)) }
	}
	return nil
}

// compareNumWith compares num(field) with a number.
func compareNumWith(literal celast.Expr) comparison {
	switch literal.AsLiteral().(type) {
	case types.Int, types.Double:
	default:
		return nil
	}
	plain := compareWith(literal)
	if plain == nil {
		return nil
	}
	return func(v Value) (int, bool) {
		if v.kind != String {
			return plain(v)
		}
		text := strings.TrimSpace(v.Text())
		if _, err := parseNumber(text); err != nil {
			return 0, false
		}
		return plain(Value{kind: Number, raw: []byte(text)})
	}
}

func compareBool(v Value, want bool) (int, bool) {
	switch {
	case v.kind != Bool:
		return 0, false
	case v.raw[0] == 't' && !want:
		return 1, true
	case v.raw[0] == 'f' && want:
		return -1, true
	}
	return 0, true
}

func compareNumber(v Value, want float64) (int, bool) {
	if v.kind != Number || len(v.raw) > maxDigits {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	return cmp.Compare(f, want), err == nil
}

// place is a field of a root, such as data.customer.email.
type place struct {
	root  string
	first [1]segment
	rest  []string
}

// placeOf is nil for what is no field by name.
func placeOf(e celast.Expr) *place {
	if e.Kind() == celast.SelectKind && e.AsSelect().IsTestOnly() {
		return nil
	}
	return fieldOf(e)
}

func fieldOf(e celast.Expr) *place {
	var names []string
	for e.Kind() == celast.SelectKind {
		names = append(names, e.AsSelect().FieldName())
		e = e.AsSelect().Operand()
	}
	if e.Kind() != celast.IdentKind || names == nil {
		return nil
	}
	slices.Reverse(names)
	return &place{root: e.AsIdent(), first: [1]segment{{names[0], -1}}, rest: names[1:]}
}

// find is known to be right about a field that is not there only when everything above the field is there.
func (p *place) find(s *Scope, budget int) (v Value, read int, known, found bool) {
	if _, plain := s.plain(p.root); plain {
		return Value{}, 0, false, false
	}
	if read = s.length(p.root); read > budget {
		return Value{}, 0, false, false
	}
	v, found = s.inRoot(p.root, p.first[:])
	for _, name := range p.rest {
		if !found || v.kind != Object || read+len(v.raw) > budget {
			return Value{}, read, false, false
		}
		read += len(v.raw)
		v, found = v.Field(name)
	}
	if v.kind == String {
		read += len(v.raw)
	}
	return v, read, read <= budget, found && read <= budget
}
