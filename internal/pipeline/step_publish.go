package pipeline

import (
	"context"
	"encoding/json"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// announce makes an event of its own, by which other endpoints and pipelines learn what happened.
type announce struct {
	kind, key *expr.Template
	data      *expr.Template // nil: the data of the event that is being worked
}

func (c *compiler) publish(s *hub.Step) action {
	if s.Event == nil {
		return nil
	}
	a := &announce{}
	if s.Event.Type == "" {
		c.problems.Add(c.at+"/event/type", "is missing: what the event is called, such as order.imported")
	} else if a.kind = c.template("/event/type", s.Event.Type, expr.Text); strings.HasPrefix(s.Event.Type, "hacek.") {
		c.problems.Add(c.at+"/event/type", "begins with hacek., which only the hub's own events do")
	}
	if s.Event.Key != "" {
		a.key = c.template("/event/key", s.Event.Key, expr.Text)
	}
	if len(s.Event.Data) == 0 || string(s.Event.Data) == "null" {
		return a
	}
	text := string(s.Event.Data)
	var inner string
	if json.Unmarshal(s.Event.Data, &inner) == nil {
		// A text is a template of JSON, as in a request's body; one that is no JSON is a text with variables.
		if t, err := expr.ParseTemplate(inner, expr.JSON); err == nil {
			a.data = t
			c.paths(c.at+"/event/data", t.Paths())
			return a
		}
	}
	a.data = c.template("/event/data", bare(text), expr.JSON)
	return a
}

// bare takes the quotes off every value that is one placeholder, so that it keeps its kind.
func bare(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '"' {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := i + 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(text))
		literal := text[i:end]
		isName := strings.HasPrefix(strings.TrimLeft(text[end:], " \t\r\n"), ":")
		if inner := strings.Trim(literal, `"`); !isName && sole.MatchString(inner) {
			literal = inner
		}
		b.WriteString(literal)
		i = end
	}
	return b.String()
}

func (p *announce) do(ctx context.Context, w *work, s *step) outcome {
	in := Publish{ID: w.key(s), Key: w.call.Event.Key, Data: w.call.Event.Data}
	text, err := p.kind.Render(nil, w.scope, expr.MissingFail)
	if err != nil {
		return failed(notRendered("event.type", err))
	}
	in.Type = string(text)
	if strings.HasPrefix(in.Type, "hacek.") || in.Type == "" {
		return failed(hopeless("look at the event, then at the step's event.type", "%q is no type that a step can publish", in.Type))
	}
	if p.key != nil {
		if text, err = p.key.Render(nil, w.scope, expr.MissingEmpty); err != nil {
			return failed(notRendered("event.key", err))
		}
		in.Key = string(text)
	}
	if p.data != nil {
		if in.Data, err = p.data.Render(nil, w.scope, expr.MissingNull); err != nil {
			return failed(notRendered("event.data", err))
		}
	}
	w.input(`{"type":` + quoted(in.Type) + `,"key":` + quoted(in.Key) + `,"data":` + string(in.Data) + `}`)
	if w.dry {
		w.output("nothing was published: this is a dry run")
		return outcome{}
	}
	if w.Runner.Publish == nil {
		return failed(broken("", "there is nobody to publish to"))
	}
	id, err := w.Runner.Publish(ctx, w.call.Event, in)
	if err != nil {
		return failed(ofPublish(err))
	}
	out := document(map[string]any{"id": id.Text(hub.EventPrefix)})
	w.output(string(out.Raw()))
	return outcome{output: out}
}

// ofPublish tells what the hub itself will never take from what it cannot take now.
func ofPublish(err error) *failure {
	f := broken(hintOf(err), "the event was not taken: %v", err)
	switch hub.CodeOf(err) {
	case hub.Invalid, hub.NotJSON, hub.SchemaViolated, hub.TooLarge, hub.Conflict, hub.IDReused, hub.NotAvailable:
		f.final = true
	default:
		f.blame = true
	}
	return f
}
