package settings

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
)

// maxWarned is how many event types are looked at when an endpoint is saved.
const maxWarned = 50

// Warnings are what no sample of the event types that an endpoint subscribes to has, though its settings ask for it: most
// often a slip of the pen. It is saved all the same, for a sample need not show everything.
func (s *Service) Warnings(ctx context.Context, t hub.Target) ([]string, error) {
	compiled, err := sender.Compile(t.Endpoint, t.Tenant)
	if err != nil {
		return nil, err
	}
	all, err := s.EventTypes(ctx)
	if err != nil {
		return nil, err
	}
	var warnings []hub.FieldError
	looked := 0
	for i := range all {
		kind := &all[i]
		if kind.Sample == nil || looked == maxWarned || !hub.TakesType(t.Endpoint.Subscription.EventTypes, kind.Name) {
			continue
		}
		lacks := missing(t, compiled, s.madeEvent(t.Tenant, *kind, kind.Sample), s.now())
		if looked++; looked == 1 {
			warnings = lacks
		}
		warnings = slices.DeleteFunc(warnings, func(w hub.FieldError) bool { return !slices.Contains(lacks, w) })
	}
	return lines(warnings), nil
}

func lines(warnings []hub.FieldError) []string {
	texts := make([]string, len(warnings))
	for i, w := range warnings {
		texts[i] = strings.TrimSpace(w.Pointer + " " + w.Detail)
	}
	return texts
}

// missing is what the settings ask for and an event has not.
func missing(t hub.Target, compiled *sender.Compiled, event *hub.Event, now time.Time) []hub.FieldError {
	return slices.Concat(compiled.Warnings(tryCall(t, event, now)), missingFields(t.Endpoint.Request, event))
}

// missingFields are chosen parts of the data that the event lacks; they are left out when it is sent.
func missingFields(r hub.Request, event *hub.Event) []hub.FieldError {
	doc, err := expr.ParseDoc(event.Data)
	if err != nil || r.Fields == nil {
		return nil
	}
	var missing hub.Problems
	for i, field := range *r.Fields {
		if _, found := doc.Lookup(strings.ReplaceAll(field, "[]", "[0]")); !found {
			missing.Add(fmt.Sprintf("/request/fields/%d", i), "the sample has no %s", field)
		}
	}
	return missing
}
