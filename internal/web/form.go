package web

import (
	"errors"
	"slices"
	"strings"

	"hacek/internal/hub"
)

// Form is what a page's form shows: what stands in the fields, and what is wrong with them.
type Form struct {
	Action string
	ETag   string // of what is edited, for "changed meanwhile"
	Fields map[string]*Field

	Headline, Detail, Hint string // of a refusal; "" while nothing is wrong
	Wrong                  []*Field
	Differs                []difference // what somebody else stored meanwhile
}

// Field is one labelled control. Its words are translated already.
type Field struct {
	Name, ID, Label, Hint string
	Type                  string // text, email, password, select, textarea, choice
	Value                 string
	Error                 string // what is wrong, and what to do
	Autocomplete          string
	Required, Mono        bool
	Options               []Option
	List                  string // id of what is offered while one types
	Code                  string // what an editor over a textarea helps with: code...
	Pointer               string // where the settings have it: /name
}

// What a textarea holds, for its editor; assets/editor.js has the same words.
const (
	codeJSON      = "json"
	codeSteps     = "steps" // JSON with templates in its texts
	codeTemplate  = "template"
	codeCondition = "condition"
)

// Option is one choice of a select.
type Option struct {
	Value, Word string
	Chosen      bool
}

// difference is one setting that somebody else stored meanwhile, where something else was typed.
type difference struct{ Name, Mine, Theirs string }

// newForm builds a form. After a refusal it holds what was typed, passwords excepted, and every wrong field is
// marked: err is what the refusing call returned.
func (v *visit) newForm(action string, err error, fields ...Field) *Form {
	f := &Form{Action: action, Fields: map[string]*Field{}}
	for i := range fields {
		field := &fields[i]
		field.ID = "f-" + field.Name
		if field.Type == "" {
			field.Type = "text"
		}
		v.edits = v.edits || field.Code != ""
		if hub.CodeOf(err) == hub.PreconditionFailed {
			f.differ(v, field)
		}
		if err != nil && hub.CodeOf(err) != hub.Unauthorized {
			v.askAgain(field)
		}
		if err != nil && field.Type != "password" {
			field.Value = v.form(field.Name)
		}
		for j := range field.Options {
			field.Options[j].Chosen = field.Options[j].Value == field.Value
		}
		f.Fields[field.Name] = field
	}
	var e *hub.Error
	if !errors.As(err, &e) {
		return f
	}
	_, headline := headlineOf(e.Code)
	f.Headline, f.Hint = v.lang.Text(headline), v.said(e.Hint)
	if e.Code == hub.PreconditionFailed {
		f.Hint = v.lang.Text("web.error.changed_text")
		return f
	}
	for _, wrong := range e.Fields {
		if field := f.at(fields, wrong.Pointer); field != nil {
			field.Error = v.said(wrong.Detail)
			f.Wrong = append(f.Wrong, field)
		} else {
			f.Detail = strings.TrimSpace(f.Detail + " " + wrong.Pointer + " " + v.said(wrong.Detail))
		}
	}
	if len(e.Fields) == 0 {
		f.Detail = v.said(e.Detail)
	}
	return f
}

// differ notes a field whose stored value is not what was typed.
func (f *Form) differ(v *visit, field *Field) {
	if field.Type == "password" || field.Type == "file" || field.Type != "check" && !v.r.PostForm.Has(field.Name) {
		return
	}
	if mine := unixLines(v.form(field.Name)); mine != unixLines(field.Value) {
		f.Differs = append(f.Differs, difference{field.Label, v.wordOf(field, mine), v.wordOf(field, field.Value)})
	}
}

// wordOf is a value of a field as a person reads it.
func (v *visit) wordOf(field *Field, value string) string {
	for _, o := range field.Options {
		if o.Value == value {
			return o.Word
		}
	}
	if field.Type == "check" && value != "" {
		return v.lang.Text("web.differs.ticked")
	}
	return value
}

// askAgain says at a secret that was typed into a form which comes back: the secret itself does not.
func (v *visit) askAgain(field *Field) {
	if field.Type == "password" && v.form(field.Name) != "" {
		field.Hint = strings.TrimSpace(v.lang.Text("web.secret_again") + " " + field.Hint)
	}
}

// heldAt is the ETag that a form goes on with: that of what it was first filled from, until its reader has seen what
// somebody else stored meanwhile.
func (v *visit) heldAt(now string, refusal error) string {
	if typed := v.form("etag"); refusal != nil && typed != "" && hub.CodeOf(refusal) != hub.PreconditionFailed {
		return typed
	}
	return now
}

// at finds the field that holds a place, or the next one around it.
func (f *Form) at(fields []Field, pointer string) *Field {
	for pointer != "" {
		for i := range fields {
			if fields[i].Pointer == pointer {
				return &fields[i]
			}
		}
		pointer = pointer[:max(0, strings.LastIndexByte(pointer, '/'))]
	}
	return nil
}

// wrongBut tells whether a field is wrong that is none of some.
func (f *Form) wrongBut(some []Field) bool {
	return slices.ContainsFunc(f.Wrong, func(wrong *Field) bool {
		return !slices.ContainsFunc(some, func(one Field) bool { return one.Name == wrong.Name })
	})
}

// places are the parts of a form that somebody adds and removes, less the one that was removed just now and with the one
// that was added. Each keeps its name, so that what belongs to it is found when one before it is gone.
func (v *visit) places(part string, most int) []string {
	typed, gone := v.r.PostForm[part], v.form("do_remove_"+part)
	places := slices.DeleteFunc(slices.Clone(typed[:min(len(typed), hub.MaxListLen)]), func(place string) bool { return place == gone })
	if v.form("do") == "add_"+part && len(places) < most {
		n := 1
		for slices.Contains(places, "new"+itoa(n)) {
			n++
		}
		places = append(places, "new"+itoa(n))
	}
	return places
}

// ours tells a fault that has a page of its own from a refusal that belongs beside the form.
func ours(err error) bool {
	switch hub.CodeOf(err) {
	case hub.Invalid, hub.Conflict, hub.PreconditionFailed, hub.SecretRequired, hub.NotAvailable, hub.TooMany, hub.Unauthorized, hub.SchemaViolated:
		return false
	}
	return true
}

// refuse shows a page with its form again: 422, or what else the refusal says.
func (v *visit) refuse(err error, name, title string, page any) error {
	if ours(err) {
		return err
	}
	status, _ := headlineOf(hub.CodeOf(err))
	return v.render(status, name, title, page)
}
