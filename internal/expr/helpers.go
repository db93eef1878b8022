package expr

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// exactText is what the macro text() becomes for a field: the number as it was written, not as a computer keeps it.
const exactText = "@text"

const (
	maxDigits   = 400
	maxExponent = 400
)

func helperNames() []string {
	return []string{"num", "text", "lower", "date", "has", "size", "matches", "contains", "startsWith", "endsWith", "exists", "all", "filter", "timestamp", "duration"}
}

func helpers() []cel.EnvOption {
	unary := func(name string, result *cel.Type, f func(ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_any", []*cel.Type{cel.DynType}, result, cel.UnaryBinding(f)))
	}
	return []cel.EnvOption{
		unary("num", cel.DoubleType, celNum),
		unary("text", cel.StringType, celText),
		unary("lower", cel.StringType, celLower),
		unary("date", cel.TimestampType, celDate),
		cel.Function(exactText, cel.Overload("text_of_field", []*cel.Type{cel.DynType, cel.StringType}, cel.StringType, cel.BinaryBinding(celExactText))),
		cel.Macros(cel.GlobalMacro("text", 1, expandText)),
	}
}

// expandText makes @text(data.order, "number") of text(data.order.number).
func expandText(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if args[0].Kind() != ast.SelectKind || args[0].AsSelect().IsTestOnly() {
		return nil, nil
	}
	field := args[0].AsSelect()
	return f.NewCall(exactText, field.Operand(), f.NewLiteral(types.String(field.FieldName()))), nil
}

func celExactText(object, name ref.Val) ref.Val {
	field := string(name.(types.String))
	o, ok := object.(*celObject)
	if !ok {
		return types.NewErr("no such key: %s", field)
	}
	v, found := o.field(field)
	if !found {
		return types.NewErr("no such key: %s", field)
	}
	if v.kind == Array || v.kind == Object {
		return types.NewErr("text() of a list or an object")
	}
	return types.String(v.Text())
}

func celText(v ref.Val) ref.Val {
	switch v := v.(type) {
	case types.String:
		return v
	case types.Null:
		return types.String("")
	case types.Double:
		return types.String(strconv.FormatFloat(float64(v), 'f', -1, 64))
	}
	out := v.ConvertToType(types.StringType)
	if types.IsError(out) {
		return types.NewErr("text() of a list or an object")
	}
	return out
}

func celLower(v ref.Val) ref.Val {
	text := celText(v)
	if s, ok := text.(types.String); ok {
		return types.String(strings.ToLower(string(s)))
	}
	return text
}

func celNum(v ref.Val) ref.Val {
	switch v := v.(type) {
	case types.Double:
		return v
	case types.Int:
		return types.Double(v)
	case types.Uint:
		return types.Double(v)
	case types.String:
		f, err := parseNumber(strings.TrimSpace(string(v)))
		if err != nil {
			return types.NewErr("num(%s): %s", clip(strconv.Quote(string(v))), err)
		}
		return types.Double(f)
	case types.Null:
		return types.NewErr("num() of null")
	}
	return types.NewErr("num() of something that is neither a text nor a number")
}

// parseNumber reads the plain notations of business data and nothing cleverer: one decimal point, no separators.
func parseNumber(text string) (float64, error) {
	if len(text) > maxDigits {
		return 0, errors.New("more than 400 digits")
	}
	for i := range len(text) {
		c := text[i]
		if c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' {
			continue
		}
		if c != 'e' && c != 'E' {
			return 0, errors.New("this is no number such as -1234.50")
		}
		exponent, err := strconv.Atoi(text[i+1:])
		if err != nil {
			return 0, errors.New("this is no number such as -1234.50")
		}
		if exponent > maxExponent || exponent < -maxExponent {
			return 0, errors.New("an exponent beyond 400")
		}
		break
	}
	f, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("too large a number")
	}
	if err != nil {
		return 0, errors.New("this is no number such as -1234.50")
	}
	return f, nil
}

func celDate(v ref.Val) ref.Val {
	switch v := v.(type) {
	case types.Timestamp:
		return v
	case types.String:
		t, err := ParseTime(string(v))
		if err != nil {
			return types.NewErr("date(%s): %s", clip(strconv.Quote(string(v))), err)
		}
		return types.Timestamp{Time: t}
	}
	return types.NewErr("date() of something that is not a text")
}

// ParseTime reads the spellings of ISO 8601 that senders use: T or a blank, an offset with or without its colon or
// none at all (then UTC), seconds or not, the date alone.
func ParseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if len(text) > 64 || len(text) < len("2006-01-02") {
		return time.Time{}, errors.New("this is no date such as 2018-12-13T10:08:03+01:00")
	}
	day, clock := text[:10], text[10:]
	if t, err := time.Parse(time.DateOnly, day); err == nil && clock == "" {
		return t, nil
	}
	if clock != "" && (clock[0] == ' ' || clock[0] == 't') {
		clock = "T" + strings.TrimLeft(clock[1:], " ")
	}
	clock = strings.ToUpper(strings.ReplaceAll(clock, " ", ""))
	for _, layout := range [...]string{"T15:04:05Z07:00", "T15:04:05Z0700", "T15:04:05Z07", "T15:04:05", "T15:04Z07:00", "T15:04Z0700", "T15:04"} {
		if t, err := time.Parse(time.DateOnly+layout, day+clock); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("this is no date such as 2018-12-13T10:08:03+01:00")
}

// helperCost charges our helpers for the length of what they read, as CEL does for its own.
type helperCost struct{}

func (helperCost) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	switch function {
	case "num", "text", "lower", "date", exactText:
	default:
		return nil
	}
	n := uint64(1)
	if s, ok := args[0].(types.String); ok {
		n += uint64(len(s) / 10)
	}
	return &n
}

func clip(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
