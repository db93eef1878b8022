package web

import (
	"encoding/json"
	"fmt"
	"strings"

	"hacek/internal/hub"
	"hacek/packs"
)

// stepFields are the fields of a step's form. What the small form does not show stays as it is stored.
func (v *visit) stepFields(page *stepView, s *hub.Step, n int) ([]Field, error) {
	at := fmt.Sprintf("/steps/%d", n)
	word := func(key string) string { return v.lang.Text("web_pipeline.field." + key) }
	if page.Expert {
		text, err := stepJSON(s)
		return []Field{{Name: "json", Pointer: at, Label: word("json"), Hint: v.lang.Text("web_pipeline.json_hint"), Type: "textarea", Mono: true, Value: text}}, err
	}
	fields := []Field{{Name: "step_name", Pointer: at + "/name", Label: word("name"), Hint: v.lang.Text("web_pipeline.name_hint"), Value: s.Name}}
	named := Field{Name: "as", Pointer: at + "/as", Label: word("as"), Hint: v.lang.Text("web_pipeline.as_hint"), Mono: true, Value: s.As}
	switch s.Type {
	case hub.StepValidate:
		fields = append(fields, Field{Name: "schema", Pointer: at + "/schema", Label: word("schema"), Type: "textarea", Mono: true, Value: indented(s.Schema), Required: true})
	case hub.StepFetch, hub.StepRequest, hub.StepConfirm:
		r := hub.Request{}
		if s.Request != nil {
			r = *s.Request
		}
		var methods []Option
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			methods = append(methods, Option{Value: m, Word: m})
		}
		fields = append(fields,
			Field{Name: "method", Pointer: at + "/request/method", Label: word("method"), Type: "select", Value: verbOf(s), Options: methods},
			Field{Name: "url", Pointer: at + "/request/url", Label: "URL", Mono: true, Value: r.URL, Required: true},
			Field{Name: "body", Pointer: at + "/request/body", Label: word("body"), Hint: v.lang.Text("web_pipeline.body_hint"), Type: "textarea", Mono: true, Value: textOf(r.Body)})
		if s.Type == hub.StepConfirm {
			fields = append(fields,
				Field{Name: "until", Pointer: at + "/until", Label: word("until"), Mono: true, Value: s.Until, Required: true},
				Field{Name: "every", Pointer: at + "/every", Label: word("every"), Value: lengthText(s.Every)},
				Field{Name: "for", Pointer: at + "/for", Label: word("longest"), Value: lengthText(s.For), Required: true})
		}
		fields = append(fields, named)
	case hub.StepMap:
		form, err := v.mapForm(page, s)
		if err != nil {
			return nil, err
		}
		page.Map = form
		fields = append(fields, named)
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
			Field{Name: "text", Pointer: at + "/body", Label: word("text"), Type: "textarea", Value: s.Body})
	case hub.StepPublish:
		e := hub.PublishEvent{}
		if s.Event != nil {
			e = *s.Event
		}
		fields = append(fields,
			Field{Name: "event_type", Pointer: at + "/event/type", Label: word("event"), Mono: true, Value: e.Type, Required: true},
			Field{Name: "event_key", Pointer: at + "/event/key", Label: word("key"), Mono: true, Value: e.Key},
			Field{Name: "event_data", Pointer: at + "/event/data", Label: word("data"), Hint: v.lang.Text("web_pipeline.data_hint"), Type: "textarea", Mono: true, Value: indented(e.Data)})
	case hub.StepWait:
		fields = append(fields, Field{Name: "for", Pointer: at + "/for", Label: word("for"), Hint: v.lang.Text("web_pipeline.for_hint"), Value: lengthText(s.For), Required: true})
	}
	return fields, nil
}

func verbOf(s *hub.Step) string {
	if s.Request != nil && s.Request.Method != "" {
		return strings.ToUpper(s.Request.Method)
	}
	if s.Type == hub.StepRequest {
		return "POST"
	}
	return "GET"
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func lengthText(d hub.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// readStep puts what was typed over the stored step.
func (v *visit) readStep(s *hub.Step, n int) error {
	var wrong hub.Problems
	at := fmt.Sprintf("/steps/%d", n)
	length := func(name string, into *hub.Duration) {
		text := strings.TrimSpace(v.form(name))
		if text == "" {
			*into = 0
			return
		}
		d, err := hub.ParseDuration(text)
		if err != nil {
			wrong.Add(at+"/"+name, "%s", err)
			return
		}
		*into = d
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
		r := hub.Request{}
		if s.Request != nil {
			r = *s.Request
		}
		r.Method, r.URL = v.form("method"), strings.TrimSpace(v.form("url"))
		if body := v.form("body"); body != "" {
			r.Body, r.Payload = &body, hub.PayloadTemplate
		} else if r.Body != nil {
			r.Body, r.Payload = nil, ""
		}
		s.Request, s.As = &r, strings.TrimSpace(v.form("as"))
		if s.Type == hub.StepConfirm {
			s.Until = strings.TrimSpace(v.form("until"))
			length("every", &s.Every)
			length("for", &s.For)
		}
	case hub.StepMap:
		s.As = strings.TrimSpace(v.form("as"))
		v.readMap(s)
	case hub.StepUpsert:
		v.readWrite(s)
	case hub.StepMail:
		s.To, s.Subject, s.Body = entries(v.form("to")), v.form("subject"), v.form("text")
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
		s.Event = &e
	case hub.StepWait:
		length("for", &s.For)
	}
	return wrong.Err()
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
