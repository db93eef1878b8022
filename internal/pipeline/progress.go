package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"

	"hacek/internal/expr"
)

// progress is what a delivery has achieved, kept between its tries.
type progress struct {
	Steps []achieved `json:"steps"`
}

// achieved is one step of it.
type achieved struct {
	Hash    string          `json:"hash"`
	Done    bool            `json:"done,omitempty"`
	Again   bool            `json:"again,omitempty"` // its result was too large to be kept: it is done once more
	Note    note            `json:"note,omitzero"`   // of one that is not done
	Output  json.RawMessage `json:"output,omitempty"`
	yielded expr.Doc
}

// resume reads what was kept and leaves out what no longer holds: everything from the first step on whose settings
// have changed.
func resume(kept []byte, c *Compiled) progress {
	var p progress
	if len(kept) > 0 && json.Unmarshal(kept, &p) != nil {
		p = progress{}
	}
	for i := range p.Steps {
		a := &p.Steps[i]
		if i >= len(c.steps) || a.Hash != c.steps[i].hash {
			p.Steps = p.Steps[:i]
			break
		}
		if len(a.Output) > 0 {
			doc, err := expr.ParseDoc(a.Output)
			if err != nil {
				p.Steps = p.Steps[:i]
				break
			}
			a.yielded = doc
		}
	}
	return p
}

// bytes is the progress to be kept, nil when there is none. When it grows too large, results that can be had again
// are left out, the largest first.
func (p *progress) bytes(c *Compiled) ([]byte, error) {
	if len(p.Steps) == 0 {
		return nil, nil
	}
	for {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // bytes stay as they came
		if err := e.Encode(p); err != nil {
			return nil, fmt.Errorf("BUG: progress: %w", err)
		}
		if b.Len() <= MaxProgress {
			return b.Bytes(), nil
		}
		largest := -1
		for i := range p.Steps {
			if c.steps[i].repeatable && len(p.Steps[i].Output) > 0 && (largest < 0 || len(p.Steps[i].Output) > len(p.Steps[largest].Output)) {
				largest = i
			}
		}
		if largest < 0 {
			return nil, fmt.Errorf("the results of the steps are larger than %d MiB together", MaxProgress>>20)
		}
		p.Steps[largest].Output, p.Steps[largest].Again = nil, true
	}
}

// at makes sure that there is an entry for a step.
func (p *progress) at(c *Compiled, i int) *achieved {
	for len(p.Steps) <= i {
		p.Steps = append(p.Steps, achieved{Hash: c.steps[len(p.Steps)].hash})
	}
	return &p.Steps[i]
}
