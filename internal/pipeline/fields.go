package pipeline

import (
	"maps"
	"slices"
	"strings"

	"hacek/internal/hub"
)

// stepFields says which settings belong to which type of step, needed ones with "!". Type and name belong to all.
var stepFields = map[string][]string{
	hub.StepValidate: {"!schema"},
	hub.StepFetch:    {"!as", "!request", "auth", "success", "limits", "again"},
	hub.StepMap:      {"!as", "!fields", "tables"},
	hub.StepUpsert:   {"as", "!connection", "!table", "!key", "newer", "!columns", "children"},
	hub.StepRequest:  {"as", "!request", "auth", "success", "limits"},
	hub.StepConfirm:  {"as", "!request", "auth", "success", "limits", "!until", "every", "!for"},
	hub.StepMail:     {"!to", "!subject", "body", "language", "reply_to", "domains"},
	hub.StepPublish:  {"as", "!event"},
	hub.StepWait:     {"!for"},
}

// given lists the settings that a step has.
func given(s *hub.Step) map[string]bool {
	return map[string]bool{
		"as": s.As != "", "schema": len(s.Schema) > 0, "request": s.Request != nil, "auth": s.Auth != nil, "success": s.Success != nil,
		"limits": s.Limits != nil, "again": s.Again != nil, "fields": len(s.Fields) > 0, "tables": len(s.Tables) > 0,
		"connection": s.Connection != "", "table": s.Table != "", "key": len(s.Key) > 0, "newer": s.Newer != "",
		"columns": len(s.Columns) > 0, "children": len(s.Children) > 0, "until": s.Until != "", "every": s.Every != 0,
		"for": s.For != 0, "to": len(s.To) > 0, "subject": s.Subject != "", "body": s.Body != "", "language": s.Language != "",
		"reply_to": s.ReplyTo != "", "domains": len(s.Domains) > 0, "event": s.Event != nil,
	}
}

// checkFields refuses what does not belong to the step's type, and asks for what is missing.
func checkFields(p *hub.Problems, at string, s *hub.Step) bool {
	fields, known := stepFields[s.Type]
	if !known {
		names := slices.Sorted(maps.Keys(stepFields))
		if near := hub.Nearest(s.Type, names); s.Type != "" && near != "" {
			p.Add(at+"/type", "%q is no type of step; did you mean %s?", s.Type, near)
		} else {
			p.Add(at+"/type", "%q is none of %s", s.Type, strings.Join(names, ", "))
		}
		return false
	}
	has := given(s)
	for _, name := range slices.Sorted(maps.Keys(has)) {
		switch {
		case has[name] && !slices.Contains(fields, name) && !slices.Contains(fields, "!"+name):
			p.Add(at+"/"+name, "does not belong to a step of type %s", s.Type)
		case !has[name] && slices.Contains(fields, "!"+name):
			p.Add(at+"/"+name, "is missing; a step of type %s needs it", s.Type)
		}
	}
	return true
}
