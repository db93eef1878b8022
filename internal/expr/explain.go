package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	celparser "cel.dev/cel-go/parser"
)

// Explain says why the condition does not match: "total 80 is not > 100". Of parts joined by && it names the first
// that is false, of parts joined by || all. It is empty when the condition matches.
func (c *Condition) Explain(s *Scope) string {
	switch yes, err := c.Match(s); {
	case err != nil:
		return strings.TrimPrefix(err.Error(), "condition: ")
	case yes:
		return ""
	}
	e := &explainer{scope: s, ast: c.ast.NativeRep()}
	return e.why(c.ast.NativeRep().Expr())
}

type explainer struct {
	scope *Scope
	ast   *ast.AST
}

// value evaluates one part by itself.
func (e *explainer) value(part ast.Expr) (ref.Val, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	sub := ast.NewCheckedAST(ast.NewAST(part, e.ast.SourceInfo()), e.ast.TypeMap(), e.ast.ReferenceMap())
	program, err := env.PlanProgram(sub)
	if err != nil {
		return nil, err
	}
	out, _, _, err := evaluate(program, e.scope)
	return out, err
}

func (e *explainer) why(part ast.Expr) string {
	switch part.Kind() {
	case ast.SelectKind:
		if part.AsSelect().IsTestOnly() {
			return "there is no " + e.name(part)
		}
		return e.name(part) + " is false"
	case ast.CallKind:
		return e.whyCall(part)
	}
	return e.name(part) + " is false"
}

func (e *explainer) whyCall(part ast.Expr) string {
	call := part.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd:
		for _, arg := range args {
			if v, err := e.value(arg); err == nil && v == types.False {
				return e.why(arg)
			}
		}
	case operators.LogicalOr:
		var all []string
		for _, arg := range args {
			all = append(all, e.why(arg))
		}
		return strings.Join(all, ", and ")
	case operators.LogicalNot:
		return e.name(args[0]) + " is true"
	case operators.NotEquals:
		return e.name(args[0]) + " is " + e.shown(args[1])
	case operators.Equals, operators.Greater, operators.GreaterEquals, operators.Less, operators.LessEquals, operators.In, operators.OldIn:
		sign, _ := operators.FindReverse(name)
		if name == operators.Equals {
			sign = ""
		} else {
			sign += " "
		}
		return e.shown(args[0]) + " is not " + sign + e.shown(args[1]) + e.mixed(name, args)
	case "contains", "startsWith", "endsWith", "matches":
		if len(args) > 0 {
			verb := map[string]string{"contains": "contain", "startsWith": "begin with", "endsWith": "end with", "matches": "match"}[name]
			subject := args[0]
			if call.IsMemberFunction() {
				subject = call.Target()
			}
			return e.shown(subject) + " does not " + verb + " " + e.shown(args[len(args)-1])
		}
	}
	return e.name(part) + " is false"
}

// mixed adds a word where a text that looks like the number wanted is compared with the number.
func (e *explainer) mixed(name string, args []ast.Expr) string {
	if name != operators.Equals {
		return ""
	}
	a, errA := e.value(args[0])
	b, errB := e.value(args[1])
	if errA != nil || errB != nil {
		return ""
	}
	_, textA := a.(types.String)
	_, textB := b.(types.String)
	if textA != textB && celText(a) == celText(b) {
		return " (a text is not a number: write num(...) or text(...))"
	}
	return ""
}

// shown is a part with its value, a literal by its value alone.
func (e *explainer) shown(part ast.Expr) string {
	if part.Kind() == ast.LiteralKind {
		return showValue(part.AsLiteral())
	}
	v, err := e.value(e.bare(part))
	if err != nil {
		return e.name(part)
	}
	if part.Kind() == ast.ListKind {
		return showValue(v)
	}
	if text, ok := v.(types.String); ok && part.Kind() == ast.CallKind && part.AsCall().FunctionName() == "num" {
		return e.name(part) + " " + clip(string(text)) // it is a number to the writer of the condition
	}
	return e.name(part) + " " + e.written(part, v)
}

// written prefers the number as the sender wrote it.
func (e *explainer) written(part ast.Expr, v ref.Val) string {
	if part = e.bare(part); part.Kind() == ast.SelectKind {
		if object, err := e.value(part.AsSelect().Operand()); err == nil {
			if o, ok := object.(*celObject); ok {
				if field, ok := o.field(part.AsSelect().FieldName()); ok && field.kind == Number {
					return clip(field.Text())
				}
			}
		}
	}
	return showValue(v)
}

// bare takes our helpers off: a reason shows what the sender sent.
func (e *explainer) bare(part ast.Expr) ast.Expr {
	if part.Kind() != ast.CallKind {
		return part
	}
	switch call := part.AsCall(); call.FunctionName() {
	case "num", "text", "date":
		return e.bare(call.Args()[0])
	}
	return part
}

func (e *explainer) name(part ast.Expr) string {
	part = e.bare(part)
	if part.Kind() == ast.CallKind && part.AsCall().FunctionName() == exactText {
		args := part.AsCall().Args()
		return trimData(e.name(args[0]) + "." + string(args[1].AsLiteral().(types.String)))
	}
	if part.Kind() == ast.SelectKind {
		s := part.AsSelect()
		return trimData(e.name(s.Operand()) + "." + s.FieldName())
	}
	text, err := celparser.Unparse(part, e.ast.SourceInfo())
	if err != nil {
		return "the condition"
	}
	return clip(trimData(text))
}

func trimData(name string) string { return strings.TrimPrefix(name, "data.") }
