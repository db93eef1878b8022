package ingest

import (
	"context"
	"errors"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// checkLast is how many past events a condition is tried on.
const checkLast = 100

// Check is how a condition would have judged the last events.
type Check struct {
	Matched int
	Failed  int // run-time errors: these would have become failed deliveries
	Of      int
	Samples []CheckSample // the newest ten
}

// CheckSample is one of them.
type CheckSample struct {
	Event   hub.ID
	Type    string
	Key     string
	Matched bool
	Reason  string
}

// CheckCondition tries a condition on the tenant's last 100 events, of one type if eventType is given. A condition
// that does not parse is an error with its position.
func (p *Publisher) CheckCondition(ctx context.Context, tenant int64, condition, eventType string) (Check, error) {
	c, err := ParseCondition("/condition", condition)
	if err != nil {
		return Check{}, err
	}
	filter := store.EventFilter{Tenant: tenant}
	if eventType != "" {
		filter.Types = []string{eventType}
	}
	events, _, err := p.Store.Events(ctx, filter, store.Page{Limit: checkLast})
	if err != nil {
		return Check{}, err
	}
	var check Check
	for _, e := range events {
		doc, err := expr.ParseDoc(e.Data)
		if err != nil {
			continue
		}
		scope := Scope(e, doc)
		s := CheckSample{Event: e.ID, Type: e.Type, Key: e.Key}
		matched, err := c.Match(scope)
		switch {
		case err != nil:
			check.Failed++
			s.Reason = conditionFailed(err)
		case matched:
			check.Matched++
			s.Matched = true
		default:
			s.Reason = c.Explain(scope)
		}
		check.Of++
		if len(check.Samples) < 10 {
			check.Samples = append(check.Samples, s)
		}
	}
	return check, nil
}

// ParseCondition reads a condition that stands at pointer of a request.
func ParseCondition(pointer, text string) (*expr.Condition, error) {
	c, err := expr.ParseCondition(text)
	if err == nil {
		return c, nil
	}
	var wrong hub.Problems
	wrong.Add(pointer, "%v", err)
	e, _ := errors.AsType[*hub.Error](wrong.Err())
	if parse, is := errors.AsType[*expr.ParseError](err); is {
		e.Hint = parse.Hint
	}
	return nil, e
}
