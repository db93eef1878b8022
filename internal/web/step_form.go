package web

import (
	"encoding/json"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// stepFields are the fields of the simple view of a step, but for those of its call. What has no field stays as it is stored.
func (v *visit) stepFields(page *stepView, s *hub.Step, at string) ([]Field, error) {
	word := func(key string) string { return v.lang.Text("web_pipeline.field." + key) }
	if page.AsJSON {
		text, err := stepJSON(s)
		return []Field{{Name: "json", Pointer: at, Label: word("json"), Hint: v.lang.Text("web_pipeline.json_hint"), Type: "textarea", Mono: true, Code: codeSteps, List: "paths", Value: text}}, err
	}
	fields := []Field{{Name: "step_name", Pointer: at + "/name", Label: word("name"), Hint: v.lang.Text("web_pipeline.name_hint"), Value: s.Name}}
	switch s.Type {
	case hub.StepValidate:
		fields = append(fields, Field{Name: "schema", Pointer: at + "/schema", Label: word("schema"), Type: "textarea", Mono: true, Code: codeJSON, Value: indented(s.Schema), Required: true})
	case hub.StepFetch, hub.StepRequest, hub.StepConfirm:
		fields = append(fields, v.asField(s, at))
		if s.Type == hub.StepConfirm {
			fields = append(fields,
				Field{Name: "until", Pointer: at + "/until", Label: word("until"), Type: "textarea", Mono: true, Code: codeCondition, List: "answer", Value: s.Until, Required: true},
				Field{Name: "every", Pointer: at + "/every", Label: word("every"), Value: lengthText(s.Every)},
				Field{Name: "for", Pointer: at + "/for", Label: word("longest"), Value: lengthText(s.For), Required: true})
		}
	case hub.StepMap:
		form, err := v.mapForm(page, s)
		if err != nil {
			return nil, err
		}
		page.Map = form
		fields = append(fields, v.asField(s, at))
	case hub.StepUpsert:
		more, err := v.writeFields(page, s, at)
		if err != nil {
			return nil, err
		}
		fields = append(fields, more...)
	case hub.StepMail:
		fields = append(fields,
			Field{Name: "to", Pointer: at + "/to", Label: word("to"), Hint: v.lang.Text("web_pipeline.to_hint"), Type: "textarea", Value: strings.Join(s.To, "\n"), Required: true},
			Field{Name: "subject", Pointer: at + "/subject", Label: word("subject"), Value: s.Subject, Required: true},
			Field{Name: "text", Pointer: at + "/body", Label: word("text"), Type: "textarea", Code: codeTemplate, List: "paths", Value: s.Body})
	case hub.StepPublish:
		e := hub.PublishEvent{}
		if s.Event != nil {
			e = *s.Event
		}
		fields = append(fields,
			Field{Name: "event_type", Pointer: at + "/event/type", Label: word("event"), Mono: true, Value: e.Type, Required: true},
			Field{Name: "event_key", Pointer: at + "/event/key", Label: word("key"), Mono: true, Value: e.Key},
			Field{Name: "event_data", Pointer: at + "/event/data", Label: word("data"), Hint: v.lang.Text("web_pipeline.data_hint"), Type: "textarea", Mono: true, Code: codeSteps, List: "paths", Value: indented(e.Data)})
	case hub.StepWait:
		fields = append(fields, Field{Name: "for", Pointer: at + "/for", Label: word("for"), Hint: v.lang.Text("web_pipeline.for_hint"), Value: lengthText(s.For), Required: true})
	}
	return fields, nil
}

// asField is what later steps call the result.
func (v *visit) asField(s *hub.Step, at string) Field {
	return Field{Name: "as", Pointer: at + "/as", Label: v.lang.Text("web_pipeline.field.as"), Hint: v.lang.Text("web_pipeline.as_hint"), Mono: true, Value: s.As}
}

// moreFields stand in the expert view, beside those of a call.
func (v *visit) moreFields(s *hub.Step, at string) []Field {
	text := func(key string) string { return v.lang.Text("web_pipeline." + key) }
	switch s.Type {
	case hub.StepFetch:
		a := deref(s.Again)
		return []Field{
			{Name: "again_status", Pointer: at + "/again", Label: text("again_status"), Hint: text("again_status_hint"), Value: strings.Join(a.Status, ", ")},
			{Name: "again_version", Pointer: at + "/again/version", Label: text("again_version"), Hint: text("again_version_hint"), Mono: true, Value: a.Version},
			{Name: "again_every", Pointer: at + "/again/every", Label: text("field.every"), Value: lengthText(a.Every)},
			{Name: "again_for", Pointer: at + "/again/for", Label: text("field.longest"), Value: lengthText(a.For)},
		}
	case hub.StepUpsert, hub.StepPublish:
		return []Field{v.asField(s, at)}
	case hub.StepMail:
		return []Field{
			{Name: "reply_to", Pointer: at + "/reply_to", Label: text("field.reply_to"), Hint: text("reply_to_hint"), Value: s.ReplyTo},
			{Name: "domains", Pointer: at + "/domains", Label: text("field.domains"), Hint: text("domains_hint"), Type: "textarea", Value: strings.Join(s.Domains, "\n")},
			{Name: "language", Pointer: at + "/language", Label: text("field.language"), Type: "select", Value: s.Language, Options: chosen(languageOptions(), s.Language)},
		}
	}
	return nil
}

// calls tells whether a step makes a call, with the settings that a webhook has for it.
func calls(s *hub.Step) bool {
	return s.Type == hub.StepFetch || s.Type == hub.StepRequest || s.Type == hub.StepConfirm
}

// stepCallFields are those of a webhook. What a step leaves out is shown as it holds.
func (v *visit) stepCallFields(page *stepView, s hub.Step, at string) []Field {
	if s.Request == nil {
		s.Request = &hub.Request{}
		if s.Type != hub.StepRequest { // it asks, until somebody gives it a body
			s.Request.Payload = hub.PayloadNone
		}
	}
	p := hub.Pipeline{Steps: []hub.Step{s}}
	p.Complete()
	s = p.Steps[0]
	auth := hub.Auth{Type: hub.AuthNone}
	if s.Auth != nil {
		auth = *s.Auth
	}
	success, limits := deref(s.Success), deref(s.Limits)
	page.callForm = callOf(s.Request)
	for _, path := range page.Paths {
		page.Variables = append(page.Variables, settings.Variable{Name: path.Path, Sample: &path.Sample})
	}
	rule := v.successFields(at, &success)
	rule[0].Hint = v.lang.Text("web_pipeline.success_hint")
	return slices.Concat(v.requestFields(at, s.Request), v.authFields(at, &auth), rule, v.limitFields(at, &limits))
}

func lengthText(d hub.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// readStep puts what was typed over the stored step.
func (v *visit) readStep(s *hub.Step, at string) error {
	var wrong hub.Problems
	length := func(name, pointer string) (d hub.Duration) {
		if strings.TrimSpace(v.form(name)) != "" {
			d = v.typedDuration(name, at+pointer, &wrong)
		}
		return d
	}
	s.Name = strings.TrimSpace(v.form("step_name"))
	switch s.Type {
	case hub.StepValidate:
		s.Schema = json.RawMessage(v.form("schema"))
		if !json.Valid(s.Schema) {
			s.Schema, _ = json.Marshal(v.form("schema"))
			wrong.Add(at+"/schema", "is not JSON")
		}
	case hub.StepFetch, hub.StepRequest, hub.StepConfirm:
		v.readCall(s, at, &wrong)
		s.As = strings.TrimSpace(v.form("as"))
		switch s.Type {
		case hub.StepConfirm:
			s.Until, s.Every, s.For = v.typedRule("until"), length("every", "/every"), length("for", "/for")
		case hub.StepFetch:
			again := hub.Again{Status: entries(v.form("again_status")), Version: strings.TrimSpace(v.form("again_version")), Every: length("again_every", "/again/every"), For: length("again_for", "/again/for")}
			if s.Again = nil; len(again.Status) > 0 || again.Version != "" || again.Every != 0 || again.For != 0 {
				s.Again = &again
			}
		}
	case hub.StepMap:
		s.As = strings.TrimSpace(v.form("as"))
		v.readMap(s)
	case hub.StepUpsert:
		v.readWrite(s)
		s.As = strings.TrimSpace(v.form("as"))
	case hub.StepMail:
		s.To, s.Subject, s.Body = entries(v.form("to")), v.form("subject"), v.form("text")
		s.ReplyTo, s.Domains, s.Language = strings.TrimSpace(v.form("reply_to")), entries(v.form("domains")), strings.TrimSpace(v.form("language"))
	case hub.StepPublish:
		e := hub.PublishEvent{}
		if s.Event != nil {
			e = *s.Event
		}
		e.Type, e.Key, e.Data = strings.TrimSpace(v.form("event_type")), strings.TrimSpace(v.form("event_key")), nil
		if text := strings.TrimSpace(v.form("event_data")); text != "" {
			e.Data = json.RawMessage(text)
			if !json.Valid(e.Data) {
				e.Data, _ = json.Marshal(text)
				wrong.Add(at+"/event/data", "is not JSON")
			}
		}
		s.Event, s.As = &e, strings.TrimSpace(v.form("as"))
	case hub.StepWait:
		s.For = length("for", "/for")
	}
	return wrong.Err()
}

// readCall reads the fields of a call. What is left empty throughout is left out of the step, as it was.
func (v *visit) readCall(s *hub.Step, at string, wrong *hub.Problems) {
	was := deref(s.Request)
	request := was
	v.typedRequest(at, &request, &was, wrong)
	s.Request = &request
	stored := deref(s.Auth)
	auth := v.typedAuth(&stored)
	if s.Auth != nil || auth.Type != hub.AuthNone || auth.CA != "" {
		s.Auth = &auth
	}
	success := deref(s.Success)
	v.typedSuccess(&success)
	if s.Success = nil; len(success.Status) > 0 || success.Condition != "" || len(success.Final) > 0 {
		if len(success.Status) == 0 {
			success.Status = nil // the usual ones
		}
		s.Success = &success
	}
	limits := v.typedLimits(at, wrong)
	if s.Limits != nil || limits != (hub.Limits{}) {
		s.Limits = &limits
	}
}

// mapRow is one field of a map step: what it is called, what goes into it, and by which table it is translated.
type mapRow struct {
	Name, Value, Table string
	Tables             []Option
	Sample             string
	Error              string
}

// mapForm is the small form of a map step.
type mapForm struct{ Rows []mapRow }

// spareRows is how many empty rows a form of rows has at its end.
const spareRows = 3

func (v *visit) mapForm(page *stepView, s *hub.Step) (*mapForm, error) {
	tables, err := v.namesOf("")
	if err != nil {
		return nil, err
	}
	options := func(chosen string) []Option {
		all := []Option{{Word: v.lang.Text("web_pipeline.no_table")}}
		for _, name := range tables {
			all = append(all, Option{Value: name, Word: visible(name), Chosen: name == chosen})
		}
		return all
	}
	form := &mapForm{}
	for _, name := range sortedKeys(s.Fields) {
		value := s.Fields[name]
		form.Rows = append(form.Rows, mapRow{Name: name, Value: value, Table: s.Tables[name], Tables: options(s.Tables[name]), Sample: page.sample(value)})
	}
	for range spareRows {
		form.Rows = append(form.Rows, mapRow{Tables: options("")})
	}
	return form, nil
}

// readMap takes the rows; one without a name is left out.
func (v *visit) readMap(s *hub.Step) {
	names, values, tables := v.r.PostForm["field"], v.r.PostForm["value"], v.r.PostForm["table"]
	s.Fields, s.Tables = map[string]string{}, map[string]string{}
	for i, name := range names {
		if name = strings.TrimSpace(name); name == "" || i >= len(values) || i >= len(tables) {
			continue
		}
		s.Fields[name] = values[i]
		if tables[i] != "" {
			s.Tables[name] = tables[i]
		}
	}
}

// connectionOptions are the connections to choose from.
func (v *visit) connectionOptions() ([]Option, error) {
	names, err := v.namesOf(packs.VariableConnection)
	if err != nil {
		return nil, err
	}
	return append([]Option{{Word: v.lang.Text("web_pipeline.choose")}}, nameOptions(names)...), nil
}
