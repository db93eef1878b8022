package web

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// clash shows in a form what stands between somebody and saving a pipeline, in place of the words that are meant for
// programs: what somebody else stored meanwhile, or how many deliveries wait that would go elsewhere. typed is the
// pipeline as it would have been saved.
func (v *visit) clash(f *Form, refusal error, stored *hub.Target, typed *hub.Pipeline) (waiting int64, err error) {
	switch hub.CodeOf(refusal) {
	case hub.PreconditionFailed:
		theirs, err := json.Marshal(stored.Pipeline)
		if err != nil {
			return 0, fmt.Errorf("compare pipelines: %w", err)
		}
		mine, err := json.Marshal(typed)
		if err != nil {
			return 0, fmt.Errorf("compare pipelines: %w", err)
		}
		f.Differs = nil // of all settings, not only of those that have a field here
		for _, d := range differences(theirs, mine) {
			f.Differs = append(f.Differs, difference{f.nameOf(d.Name), d.After, d.Before})
		}
	case hub.Conflict:
		waiting, _, err = v.Store.Waiting(v.ctx(), stored.No)
		if waiting > 0 {
			f.Headline, f.Detail, f.Hint = "", "", ""
		}
	}
	return waiting, err
}

// nameOf is a setting in the words of the form, when one of its fields holds it; otherwise its path, as it is.
func (f *Form) nameOf(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if n, err := strconv.Atoi(part); err == nil { // people count from one
			parts[i] = strconv.Itoa(n - 1)
		}
	}
	pointer := "/" + strings.Join(parts, "/")
	for _, field := range f.Fields {
		if field.Pointer == pointer {
			return field.Label
		}
	}
	return path
}
