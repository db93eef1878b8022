package web

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// conditionRule is one line of the condition builder.
type conditionRule struct {
	N                int
	Field, Op, Value string
	Ops              []Option
}

// conditionRules is what the builder shows: lines that hold all, or any of them.
type conditionRules struct {
	ByText  bool // the condition is edited as text
	CanRows bool // the text can be shown as lines
	Any     bool
	Rules   []conditionRule
}

// ruleOps are the comparisons, in the order of the list. In a form P is the path, V the value.
var ruleOps = []struct{ name, form string }{
	{"is", `text(P) == V`}, {"isnot", `text(P) != V`}, {"contains", `text(P).contains(V)`}, {"starts", `text(P).startsWith(V)`}, {"in", `text(P) in [V]`},
	{"gt", `num(P) > V`}, {"ge", `num(P) >= V`}, {"lt", `num(P) < V`}, {"le", `num(P) <= V`}, {"has", `has(P)`}, {"hasnot", `!has(P)`},
}

var (
	plainName      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	indexed        = regexp.MustCompile(`^(.*?)((?:\[\d+\])*)$`)
	decimalText    = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	conditionRoots = []string{"data", "event", "source", "headers", "endpoint", "attributes"}
)

const (
	pathPattern = `([A-Za-z_]\w*(?:\.\w+|\[\d+\]|\["[^"\\]*"\])*)`
	textPattern = `("(?:[^"\\]|\\.)*")`
)

// conditionPath is a variable's name as the condition language writes it.
func conditionPath(field string) string {
	parts := strings.Split(field, ".")
	if !slices.Contains(conditionRoots, parts[0]) {
		parts = append([]string{"data"}, parts...)
	}
	var b strings.Builder
	for i, part := range parts {
		cut := indexed.FindStringSubmatch(part)
		switch {
		case i == 0:
			b.WriteString(cut[1])
		case plainName.MatchString(cut[1]):
			b.WriteString("." + cut[1])
		default:
			b.WriteString("[" + quoted(cut[1]) + "]")
		}
		b.WriteString(cut[2])
	}
	return b.String()
}

// fieldOf is a path as the list of variables names it.
func fieldOf(path string) string {
	path = regexp.MustCompile(`\["([^"\\]*)"\]`).ReplaceAllString(path, ".$1")
	short, ok := strings.CutPrefix(path, "data.")
	if first, _, _ := strings.Cut(short, "."); !ok || slices.Contains(conditionRoots, first) {
		return path
	}
	return short
}

// quoted is a text as JSON writes it, which the condition language reads.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""`
	}
	return strings.TrimSpace(b.String())
}

// condition writes the rules in the condition language; lines without a field do not count. wrong names the line that
// needs a number.
func (c conditionRules) condition() (text string, wrong int) {
	var parts []string
	for _, r := range c.Rules {
		if strings.TrimSpace(r.Field) == "" {
			continue
		}
		form := ruleOps[0].form
		for _, op := range ruleOps {
			if op.name == r.Op {
				form = op.form
			}
		}
		value := strings.TrimSpace(r.Value)
		switch {
		case strings.HasPrefix(form, "num("):
			if value = strings.ReplaceAll(value, ",", "."); !decimalText.MatchString(value) {
				return "", r.N
			}
			if !strings.Contains(value, ".") {
				value += ".0"
			}
		case strings.Contains(form, "[V]"):
			list := entries(value)
			for i := range list {
				list[i] = quoted(list[i])
			}
			value = strings.Join(list, ", ")
		default:
			value = quoted(value)
		}
		parts = append(parts, strings.Replace(strings.Replace(form, "P", conditionPath(strings.TrimSpace(r.Field)), 1), "V", value, 1))
	}
	join := " && "
	if c.Any {
		join = " || "
	}
	return strings.Join(parts, join), 0
}

// rulesOf reads a condition as lines; false when it says more than lines can.
func rulesOf(text string) (conditionRules, bool) {
	c := conditionRules{CanRows: true}
	if strings.TrimSpace(text) == "" {
		return c, true
	}
	parts, join := splitCondition(text)
	c.Any = join == "||"
	for _, part := range parts {
		r, ok := ruleOf(strings.TrimSpace(part))
		if !ok {
			return conditionRules{ByText: true}, false
		}
		r.N = len(c.Rules) + 1
		c.Rules = append(c.Rules, r)
	}
	return c, join != "mixed"
}

// splitCondition cuts at && or || outside texts; join is "mixed" when both stand there.
func splitCondition(text string) (parts []string, join string) {
	from, inText := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case inText && text[i] == '\\':
			i++
		case text[i] == '"':
			inText = !inText
		case !inText && (strings.HasPrefix(text[i:], "&&") || strings.HasPrefix(text[i:], "||")):
			if here := text[i : i+2]; join != "" && join != here {
				join = "mixed"
			} else {
				join = here
			}
			parts = append(parts, text[from:i])
			from, i = i+2, i+1
		}
	}
	if join == "mixed" {
		return []string{text}, join
	}
	return append(parts, text[from:]), join
}

func ruleOf(part string) (conditionRule, bool) {
	for _, op := range ruleOps {
		pattern := regexp.QuoteMeta(op.form)
		value := textPattern
		switch {
		case strings.HasPrefix(op.form, "num("):
			value = `(-?\d+(?:\.\d+)?)`
		case strings.Contains(op.form, "[V]"):
			value = `("(?:[^"\\]|\\.)*"(?:, *"(?:[^"\\]|\\.)*")*)`
		}
		pattern = strings.Replace(strings.Replace(pattern, "P", pathPattern, 1), "V", value, 1)
		// Without text(...) it reads the same, where the field is a text already.
		pattern = strings.Replace(pattern, `text\(`+pathPattern+`\)`, `(?:text\()?`+pathPattern+`\)?`, 1)
		found := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(part)
		if found == nil {
			continue
		}
		r := conditionRule{Field: fieldOf(found[1]), Op: op.name}
		if len(found) > 2 {
			r.Value = found[2]
			if strings.HasPrefix(r.Value, `"`) {
				var list []string
				if json.Unmarshal([]byte("["+r.Value+"]"), &list) != nil {
					return r, false
				}
				r.Value = strings.Join(list, ", ")
			} else {
				r.Value = strings.TrimSuffix(r.Value, ".0")
			}
		}
		return r, true
	}
	return conditionRule{}, false
}

// mostRules is how many lines the builder takes.
const mostRules = 20

// typedRules reads the builder's lines, and adds or removes one when that was pressed.
func (v *visit) typedRules() conditionRules {
	form := v.r.PostForm
	c := conditionRules{ByText: v.form("rules") == "text", CanRows: v.form("rules_can") != "", Any: v.form("rules_join") == "any"}
	fields, ops, values := form["rule_field"], form["rule_op"], form["rule_value"]
	gone := v.form("do_remove")
	for i := range min(len(fields), len(ops), len(values), mostRules) {
		if strconv.Itoa(i+1) == gone || fields[i] == "" && values[i] == "" {
			continue
		}
		c.Rules = append(c.Rules, conditionRule{N: len(c.Rules) + 1, Field: fields[i], Op: ops[i], Value: values[i]})
	}
	return c
}

// withOptions gives each line its list, and adds an empty one.
func (v *visit) withOptions(c conditionRules) conditionRules {
	if len(c.Rules) < mostRules {
		c.Rules = append(c.Rules, conditionRule{N: len(c.Rules) + 1})
	}
	for i := range c.Rules {
		for _, op := range ruleOps {
			c.Rules[i].Ops = append(c.Rules[i].Ops, Option{Value: op.name, Word: v.lang.Text("web_webhook.op." + op.name), Chosen: op.name == c.Rules[i].Op})
		}
	}
	return c
}

// hundred is how a condition would have judged the last events.
type hundred struct {
	Matched, Of, Failed int
	Bars                []hundredBar
	Others              []otherEvent // the newest that it would not take, and why
}

type hundredBar struct {
	X   string
	Yes bool
}

const lastHundred = 100

// tryHundred tries a condition on the last events of the kinds. A condition that cannot be read gives nil; the form
// marks it.
func (v *visit) tryHundred(sub hub.Subscription) (*hundred, error) {
	if sub.Condition == "" {
		return nil, nil
	}
	c, err := ingest.ParseCondition("/subscription/condition", sub.Condition)
	if err != nil {
		return nil, nil //nolint:nilerr // the form marks it
	}
	h := &hundred{}
	_, err = v.past(sub.EventTypes, time.Time{}, lastHundred, func(e *hub.Event, scope *expr.Scope) {
		yes, err := c.Match(scope)
		reason := ""
		switch {
		case err != nil:
			h.Failed++
			reason = v.lang.Sentence(err.Error())
		case yes:
			h.Matched++
		default:
			reason = v.lang.Condition(c.Explain(scope))
		}
		if !yes && len(h.Others) < mostOthers {
			h.Others = append(h.Others, otherEvent{eventNumber(e), v.eventLink(e), reason})
		}
		h.Bars = append(h.Bars, hundredBar{strconv.Itoa(4 * h.Of), yes && err == nil})
		h.Of++
	})
	return h, err
}
