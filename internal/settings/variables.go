package settings

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// Bounds of what is offered to choose from; whoever needs more writes the path by hand.
const (
	maxVariables      = 500
	maxVariableSample = 200 // bytes
)

// Variable is one path a template may name, with the value it has in an event one can look at.
type Variable struct {
	Name   string  `json:"name"`
	Sample *string `json:"sample"` // nil: it depends on the endpoint
}

// Variables lists what a template may insert for an event type: from its sample, else from the tenant's newest event
// of that type, tenant 0 having none.
func (s *Service) Variables(ctx context.Context, tenant int64, name string) ([]Variable, error) {
	event, err := s.tryEvent(ctx, tenant, hub.Subscription{}, TryInput{EventType: name})
	if err != nil {
		return nil, err
	}
	doc, err := expr.ParseDoc(event.Data)
	if err != nil {
		return nil, err
	}
	v := variables{}
	v.value("", doc.Value())
	if len(v) > maxVariables {
		v = v[:maxVariables]
	}
	v.add("event.key", event.Key)
	v.add("event.type", event.Type)
	v.add("event.id", event.ID.Text(hub.EventPrefix))
	v.add("event.time", hub.TimeText(event.Time))
	v.add("event.source", event.Source)
	return append(v, Variable{Name: "endpoint.name"}, Variable{Name: "endpoint.table"}, Variable{Name: "endpoint.condition"}), nil
}

type variables []Variable

// add takes a name that the templates read as a placeholder; a member such as "unit price" is none.
func (v *variables) add(name, sample string) {
	if t, err := expr.ParseTemplate("#"+name+"#", expr.Text); err != nil || len(t.Paths()) != 1 || t.Paths()[0] != name {
		return
	}
	if len(sample) > maxVariableSample {
		cut := maxVariableSample
		for !utf8.RuneStart(sample[cut]) {
			cut--
		}
		sample = sample[:cut] + "..."
	}
	*v = append(*v, Variable{name, &sample})
}

// value adds what stands at a path and below it. A list is a variable itself, for #each#, and so is all in its first item.
func (v *variables) value(path string, value expr.Value) {
	if len(*v) > maxVariables {
		return
	}
	switch value.Kind() {
	case expr.Object:
		for quoted, member := range value.Members() {
			var name string
			if err := json.Unmarshal(quoted, &name); err != nil || strings.ContainsAny(name, ".[]") {
				continue // a point or a bracket in a name would lead elsewhere
			}
			v.value(below(path, name, member), member)
		}
	case expr.Array:
		v.add(whole(path), value.Text())
		if first, found := value.Index(0); found {
			v.value(whole(path)+"[0]", first)
		}
	default:
		v.add(whole(path), value.Text())
	}
}

// below is the path of a member. At the top, a name that is a root of the templates' own needs `data.` before it.
func below(path, name string, member expr.Value) string {
	if path != "" {
		return path + "." + name
	}
	switch name {
	case "event", "attributes", "endpoint", "source":
		if k := member.Kind(); k != expr.Object && k != expr.Array {
			return name
		}
		return "data." + name
	case "data", "else", "end":
		return "data." + name
	}
	return name
}

func whole(path string) string {
	if path == "" {
		return "data"
	}
	return path
}
