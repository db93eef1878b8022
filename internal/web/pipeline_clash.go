package web

import (
	"encoding/json"
	"fmt"

	"hacek/internal/hub"
)

// clash is what stands between somebody and saving a pipeline: what somebody else stored meanwhile, or deliveries that
// wait and would go elsewhere.
type clash struct {
	Differs []auditChange // before: as it is stored now; after: as it was typed
	Waiting int64
}

// clashOf explains a refusal; typed is the pipeline as it would have been saved. Nil: there is nothing to explain.
func (v *visit) clashOf(refusal error, stored *hub.Target, typed *hub.Pipeline) (*clash, error) {
	switch hub.CodeOf(refusal) {
	case hub.PreconditionFailed:
		theirs, err := json.Marshal(stored.Pipeline)
		if err != nil {
			return nil, fmt.Errorf("compare pipelines: %w", err)
		}
		mine, err := json.Marshal(typed)
		if err != nil {
			return nil, fmt.Errorf("compare pipelines: %w", err)
		}
		return &clash{Differs: differences(theirs, mine)}, nil
	case hub.Conflict:
		waiting, _, err := v.Store.Waiting(v.ctx(), stored.No)
		if err != nil || waiting == 0 {
			return nil, err
		}
		return &clash{Waiting: waiting}, nil
	}
	return nil, nil
}

// explain puts the page's own question in the place of the words that are meant for programs.
func (c *clash) explain(f *Form) {
	if c == nil {
		return
	}
	f.Differs = nil // this page compares the pipelines themselves
	if c.Waiting > 0 {
		f.Headline, f.Detail, f.Hint = "", "", ""
	}
}
