package expr

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"hacek/internal/hub"
)

const (
	maxCondition = 10_000   // bytes of a condition's text
	maxCost      = 100_000  // steps of one evaluation, as CEL counts them
	maxRun       = 16 << 20 // bytes of documents one evaluation may walk over; about 30 ms

	// What else takes time, in such bytes: a condition at all, what of it is not counted in steps, and a step.
	workOfMatch  = 1 << 10
	workOfLetter = 32
	workOfStep   = 128
)

// Condition is a compiled CEL expression that says yes or no. It may be matched by many goroutines at once.
type Condition struct {
	text    string
	ast     *cel.Ast
	ask     question // nil where only CEL can answer
	program cel.Program
	names   map[string]bool // the roots it looks into
}

// Uses tells whether the condition looks into a root such as "event", so that nobody builds what it does not ask for.
func (c *Condition) Uses(root string) bool { return c.names[root] }

func names(ast *cel.Ast) map[string]bool {
	found := map[string]bool{}
	celast.PreOrderVisit(ast.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() == celast.IdentKind {
			found[e.AsIdent()] = true
		}
	}))
	return found
}

// EvalError is a condition that could not be judged on this event. That is not a miss.
type EvalError struct {
	Detail string
	Hint   string
}

func (e *EvalError) Error() string { return "condition: " + e.Detail }

// environment is CEL with our names and helpers. It never changes, and building it costs more than a parse.
var environment = sync.OnceValues(newEnvironment)

// plainEnvironment plans conditions that repeat nothing: their cost is bounded by their length and the budget of
// the documents they look into, so that counting their steps is left out.
var plainEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	env, err := declarations()
	if err != nil {
		return nil, err
	}
	return env.Extend(cel.Lib(options{}))
})

// repeats tells whether a condition holds a loop (all, exists, filter, map) or a regular expression.
func repeats(ast *cel.Ast) bool {
	loops := celast.MatchDescendants(celast.NavigateAST(ast.NativeRep()), func(e celast.NavigableExpr) bool {
		return e.Kind() == celast.ComprehensionKind || e.Kind() == celast.CallKind && e.AsCall().FunctionName() == overloads.Matches
	})
	return len(loops) > 0
}

// ParseCondition compiles a condition.
func ParseCondition(text string) (*Condition, error) {
	if len(text) > maxCondition {
		return nil, &ParseError{maxCondition, fmt.Sprintf("a condition has at most %d characters", maxCondition), "split it over several endpoints"}
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("BUG: condition environment: %w", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, parseError(text, issues)
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return nil, &ParseError{0, fmt.Sprintf("the condition yields %s, not yes or no", out), "compare it with something, such as == or >"}
	}
	if !repeats(ast) {
		if env, err = plainEnvironment(); err != nil {
			return nil, fmt.Errorf("BUG: condition environment: %w", err)
		}
	}
	program, err := env.PlanProgram(ast.NativeRep())
	if err != nil {
		return nil, &ParseError{0, err.Error(), ""}
	}
	return &Condition{text, ast, asQuestion(ast.NativeRep().Expr()), program, names(ast)}, nil
}

// Match judges one event.
func (c *Condition) Match(s *Scope) (bool, error) {
	yes, _, err := c.Weigh(s)
	return yes, err
}

// Weigh is Match, and tells what it cost: about as many bytes as could have been walked over meanwhile. It is the same on a
// busy machine as on an idle one, where a clock would count what others do too.
func (c *Condition) Weigh(s *Scope) (yes bool, work int, err error) {
	asked := 0
	if c.ask != nil {
		a := c.ask(s, maxRun)
		if asked = a.read; a.sure {
			return a.yes, workOfMatch + asked + len(c.text)*workOfLetter, nil
		}
	}
	out, read, steps, err := evaluate(c.program, s)
	if work = workOfMatch + asked + read; steps > 0 {
		work += steps * workOfStep
	} else {
		work += len(c.text) * workOfLetter
	}
	if err != nil {
		return false, work, err
	}
	yes, ok := out.Value().(bool)
	if !ok {
		return false, work, &EvalError{fmt.Sprintf("it yields %s, not yes or no", showValue(out)), "compare it with something, such as == true"}
	}
	return yes, work, nil
}

// evaluate tells the bytes it walked over, and its steps where they are counted.
func evaluate(program cel.Program, s *Scope) (out ref.Val, read, steps int, err error) {
	run := &run{scope: s, budget: maxRun}
	out, details, err := program.Eval(run)
	if details != nil {
		if cost := details.ActualCost(); cost != nil {
			steps = int(min(*cost, maxCost))
		}
	}
	read = maxRun - max(run.budget, 0)
	if run.budget < 0 || err != nil {
		return nil, read, steps, evalError(run, err)
	}
	return out, read, steps, nil
}

func evalError(r *run, err error) error {
	var cancelled interpreter.EvalCancelledError
	if r.budget < 0 || errors.As(err, &cancelled) {
		return &EvalError{"it takes too long on this event", "look at fewer fields, or repeat less inside all(), exists() and filter()"}
	}
	detail := err.Error()
	switch {
	case strings.HasPrefix(detail, "no such key: "):
		name := strings.TrimPrefix(detail, "no such key: ")
		return &EvalError{"the event has no field " + name, "where it may be absent write has(data." + name + ") && ... first"}
	case strings.HasPrefix(detail, "no such overload"):
		return &EvalError{"a text and a number, or other different things, are compared or added", "write num(...) around the text, or text(...) around the number"}
	}
	return &EvalError{detail, ""}
}

// parseError turns the first of CEL's complaints into ours.
func parseError(text string, issues *cel.Issues) error {
	first := issues.Errors()[0]
	e := &ParseError{Offset: byteOffset(text, first.Location.Line(), first.Location.Column()), Detail: first.Message}
	if name, ok := strings.CutPrefix(first.Message, "undeclared reference to '"); ok {
		name, _, _ = strings.Cut(name, "'")
		return unknownName(e, name)
	}
	if strings.Contains(first.Message, "no matching overload") {
		e.Hint = "different things are compared: write num(...) around a text that is a number, text(...) around a number"
	}
	if strings.Contains(first.Message, "Syntax error") {
		e.Detail, _, _ = strings.Cut(e.Detail, " expecting")
		e.Hint = `texts stand in double quotes; "and" is &&, "or" is ||, "is" is ==`
	}
	return e
}

func unknownName(e *ParseError, name string) error {
	e.Detail = fmt.Sprintf("%s is not known here", name)
	switch near := hub.Nearest(name, append(conditionRoots(), helperNames()...)); {
	case strings.HasPrefix(name, "_"):
		e.Detail, e.Hint = "this operator is not known", "see the list of operators"
	case near != "":
		e.Hint = "did you mean " + near + "?"
	default:
		e.Hint = "fields of the event begin with data., such as data." + name
	}
	return e
}

// byteOffset turns CEL's line (from 1) and column (in characters, from 0) into bytes.
func byteOffset(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(text[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	for at := range text[offset:] {
		if column <= 0 {
			return offset + at
		}
		column--
	}
	return len(text)
}

func conditionRoots() []string {
	return []string{"data", "event", "source", "headers", "endpoint", "attributes", "response"}
}

func newEnvironment() (*cel.Env, error) {
	env, err := declarations()
	if err != nil {
		return nil, err
	}
	return env.Extend(programOptions())
}

// declarations is what a condition may name.
func declarations() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxCondition),
		cel.ParserRecursionLimit(100),
		cel.EnableMacroCallTracking(),
	}
	for _, root := range conditionRoots() {
		options = append(options, cel.Variable(root, cel.DynType))
	}
	options = append(options, helpers()...)
	return cel.NewEnv(options...)
}

// programOptions are kept with the environment, so that parts of a condition are planned like the whole.
func programOptions() cel.EnvOption {
	return func(e *cel.Env) (*cel.Env, error) {
		return cel.Lib(limits{})(e)
	}
}

// limits is a CEL library without functions: only what every program obeys.
type limits struct{}

func (limits) CompileOptions() []cel.EnvOption { return nil }

func (limits) ProgramOptions() []cel.ProgramOption {
	return append(options{}.ProgramOptions(), cel.CostTracking(helperCost{}), cel.CostLimit(maxCost))
}

// options is how every program is planned.
type options struct{}

func (options) CompileOptions() []cel.EnvOption { return nil }

func (options) ProgramOptions() []cel.ProgramOption {
	return []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.OptimizeRegex(interpreter.MatchesRegexOptimization)}
}

var _ cost.ActualCostEstimator = helperCost{}
