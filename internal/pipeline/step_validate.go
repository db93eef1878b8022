package pipeline

import (
	"context"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/schema"
)

// validate holds the event's data against a JSON Schema (2020-12).
type validate struct{ schema *schema.Schema }

const maxWrong = 20 // broken rules that are told

func (c *compiler) validate(s *hub.Step) action {
	if len(s.Schema) == 0 {
		return nil
	}
	compiled := schema.Compile(&c.problems, c.at+"/schema", s.Schema)
	if compiled == nil {
		return nil
	}
	return &validate{compiled}
}

func (v *validate) do(_ context.Context, w *work, _ *step) outcome {
	data, _ := w.scope.Lookup("data")
	raw := data.Doc().Raw()
	w.input(string(raw))
	var wrong hub.Problems
	if err := v.schema.Check(&wrong, "", raw); err != nil {
		return failed(hopeless("", "the data cannot be read: %v", err))
	}
	if len(wrong) == 0 {
		return outcome{}
	}
	var lines []string
	for _, w := range wrong[:min(len(wrong), maxWrong)] {
		lines = append(lines, strings.TrimSpace(w.Pointer+" "+w.Detail))
	}
	w.output(strings.Join(lines, "\n"))
	return failed(hopeless("the sender must send it right; or the schema asks for too much", "the data do not fit the schema: %s", strings.Join(lines, "; ")))
}
