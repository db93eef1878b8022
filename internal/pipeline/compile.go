package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
)

// compiler collects every problem of the settings, so that all are shown at once.
type compiler struct {
	*Compiled
	pipeline *hub.Pipeline
	problems hub.Problems
	names    map[string]int // as -> number of the step, from 1
	at       string         // pointer of the step being compiled
	n        int            // its number
}

// Compile checks the steps of a pipeline and prepares them for running. The error is a *hub.Error that points at every
// field that is wrong.
func Compile(p hub.Pipeline, tenant int64) (*Compiled, error) {
	c := compiler{Compiled: &Compiled{tenant: tenant, name: p.Name}, pipeline: &p, names: map[string]int{}}
	if len(p.Steps) == 0 {
		c.problems.Add("/steps", "is empty: a pipeline needs at least one step")
	}
	if len(p.Steps) > MaxSteps {
		c.problems.Add("/steps", "has %d steps; at most %d are allowed", len(p.Steps), MaxSteps)
		return nil, c.problems.Err()
	}
	for i := range p.Steps {
		c.name(i)
	}
	for i := range p.Steps {
		c.step(i)
	}
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return c.Compiled, nil
}

var stepName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// taken are names that mean something else in templates and conditions.
var taken = []string{"data", "event", "source", "endpoint", "attributes", "headers", "response", "item", "end", "else"}

// name notes what later steps call a step's result.
func (c *compiler) name(i int) {
	s := &c.pipeline.Steps[i]
	at := fmt.Sprintf("/steps/%d/as", i)
	switch {
	case s.As == "":
	case !stepName.MatchString(s.As):
		c.problems.Add(at, "%q is no name: a letter, then letters, digits and _", s.As)
	case slices.Contains(taken, s.As):
		c.problems.Add(at, "%q has a meaning of its own in templates; choose another name", s.As)
	case c.names[s.As] > 0:
		c.problems.Add(at, "%q is the name of step %d already", s.As, c.names[s.As])
	default:
		c.names[s.As] = i + 1
	}
}

func (c *compiler) step(i int) {
	settings := c.pipeline.Steps[i]
	c.at, c.n = fmt.Sprintf("/steps/%d", i), i+1
	hub.CheckText(&c.problems, c.at+"/name", settings.Name, hub.MaxNameLen)
	if !checkFields(&c.problems, c.at, &settings) {
		return
	}
	s := step{n: i + 1, settings: settings, hash: hashOf(&settings)}
	switch settings.Type {
	case hub.StepValidate:
		s.action, s.repeatable = c.validate(&settings), true
	case hub.StepFetch:
		s.action, s.repeatable = c.fetch(&settings), true
	case hub.StepMap:
		s.action, s.repeatable = c.mapping(&settings), true
	case hub.StepUpsert:
		s.action = c.upsert(&settings)
	case hub.StepRequest:
		s.action, s.lasting = c.request(&settings), true
	case hub.StepConfirm:
		s.action = c.confirm(&settings)
	case hub.StepMail:
		s.action, s.lasting = c.mail(&settings), true
	case hub.StepPublish:
		s.action, s.lasting = c.publish(&settings), true
	case hub.StepWait:
		s.action = c.wait(&settings)
	}
	c.steps = append(c.steps, s)
}

// hashOf tells whether a step is still the one that was done. Secrets marshal as "***".
func hashOf(s *hub.Step) string {
	text, err := json.Marshal(s)
	if err != nil {
		text = fmt.Append(nil, "BUG: ", err) // a step came from JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// template compiles a text at a pointer below the step.
func (c *compiler) template(pointer, text string, place expr.Place) *expr.Template {
	hub.CheckText(&c.problems, c.at+pointer, text, hub.MaxBodyLen)
	t, err := expr.ParseTemplate(text, place)
	if err != nil {
		c.problem(c.at+pointer, err)
		return nil
	}
	c.paths(c.at+pointer, t.Paths())
	return t
}

func (c *compiler) problem(pointer string, err error) {
	c.problems.Add(pointer, "%s", expr.WithHint(err))
}

// paths refuses a variable that looks into a step which has not been done yet.
func (c *compiler) paths(pointer string, paths []string) {
	for _, path := range paths {
		first := path
		if i := strings.IndexAny(path, ".["); i >= 0 {
			first = path[:i]
		}
		switch n := c.names[first]; {
		case n == c.n:
			c.problems.Add(pointer, "#%s# is the result of this very step; a field of the event of that name is #data.%s#", path, path)
		case n > c.n:
			c.problems.Add(pointer, "#%s# is the result of step %d, which comes later; a field of the event of that name is #data.%s#", path, n, path)
		}
	}
}

// caller compiles a step's request like an endpoint's, so that both know the same settings and mistakes.
func (c *compiler) caller(s *hub.Step, asks bool) *sender.Compiled {
	if s.Request == nil {
		return nil
	}
	e := hub.DefaultEndpoint()
	e.Name, e.Request, e.Success = c.pipeline.Name, *s.Request, c.pipeline.Success
	e.Signature.Schemes = []string{}
	if r := &e.Request; r.Body == nil && r.Payload == "" && (asks && r.Method == "" || strings.EqualFold(r.Method, "GET")) {
		r.Method, r.Payload = "GET", hub.PayloadNone
	}
	if e.Request.Timeout == 0 {
		e.Request.Timeout = hub.Duration(sender.DefaultTimeout)
	}
	if s.Auth != nil {
		e.Auth = *s.Auth
	}
	own := s.Success != nil
	if own {
		e.Success = *s.Success
	}
	e.Complete()
	seen := map[string]bool{}
	add := func(err error) {
		var list []hub.FieldError
		if e, is := errors.AsType[*hub.Error](err); is {
			list = e.Fields
		}
		for _, f := range list {
			pointer := c.at + f.Pointer
			if strings.HasPrefix(f.Pointer, "/success") && !own {
				pointer = f.Pointer // the pipeline's own rule
			}
			if !strings.HasPrefix(f.Pointer, "/name") && !seen[pointer] && !slices.ContainsFunc(c.problems, func(p hub.FieldError) bool { return p.Pointer == pointer }) {
				seen[pointer] = true
				c.problems.Add(pointer, "%s", f.Detail)
			}
		}
	}
	add(e.Validate())
	c.limits(s.Limits)
	compiled, err := sender.Compile(e, c.tenant)
	if err != nil {
		add(err)
		return nil
	}
	used := compiled.Used()
	for _, pointer := range slices.Sorted(maps.Keys(used)) {
		c.paths(c.at+pointer, used[pointer])
	}
	c.callers = append(c.callers, compiled)
	return compiled
}

func (c *compiler) limits(l *hub.Limits) {
	if l != nil && (l.Concurrency < 0 || l.Concurrency > hub.MaxConcurrency) {
		c.problems.Add(c.at+"/limits/concurrency", "is %d; from 1 to %d are allowed, and 0 is no limit", l.Concurrency, hub.MaxConcurrency)
	}
}

func (c *compiler) condition(pointer, text string) *expr.Condition {
	if text == "" {
		return nil
	}
	condition, err := expr.ParseCondition(text)
	if err != nil {
		c.problem(c.at+pointer, err)
	}
	return condition
}
