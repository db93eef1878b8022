package web

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/locale"
	"hacek/internal/settings"
)

// typeView is what catalogue_type.html shows: one kind of event.
type typeView struct {
	Name, Title, Path, Group, Origin string
	Badge                            *Badge
	Key, Refs                        string
	Sample, Schema                   Cut
	HasSample, HasSchema             bool
	FromPack, MayEdit                bool
	Events                           string // address of the events of this type
	Publish                          string // where to publish one; "" for whoever may not
	Delete                           *Form
}

func pathSegment(name string) string { return url.PathEscape(name) }

func (v *visit) plainNumber(n int) string { return strconv.Itoa(n) }

func (v *visit) typePage() error {
	t, err := v.Settings.EventType(v.ctx(), v.r.PathValue("type"))
	if err != nil {
		return err
	}
	labels, err := v.groupLabels()
	if err != nil {
		return err
	}
	line := v.typeLine(&t)
	page := typeView{
		Name: t.Name, Title: line.Title, Path: line.Path, Group: v.groupTitle(labels, t.Group), Origin: line.Origin, Badge: line.Badge,
		Key: t.Key, Refs: words(t.Refs), HasSample: len(t.Sample) > 0, HasSchema: len(t.Schema) > 0, FromPack: t.Pack != "",
		MayEdit: v.who.Installation, Events: "/events?type=" + url.QueryEscape(t.Name), Sample: cut(indented(t.Sample)), Schema: cut(indented(t.Schema)),
	}
	if page.Title == "" {
		page.Title = t.Name
	}
	if v.may(hub.Operator) && !strings.HasPrefix(t.Name, hub.OwnPrefix) {
		page.Publish = "/events/new?type=" + url.QueryEscape(t.Name)
	}
	page.Delete = v.newForm(line.Path+"/delete", nil)
	page.Delete.ETag = t.ETag()
	return v.show("catalogue_type", page.Title, page)
}

// indented is JSON as people read it; numbers stay as they are written.
func indented(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// typeFormView is what catalogue_form.html shows: an event type of one's own.
type typeFormView struct {
	Title, Back string
	New         bool
	FromPack    bool
	Form        *Form
	Titles      []*Field
}

func (v *visit) newTypePage() error { return v.showTypeForm(nil) }

func (v *visit) editTypePage() error {
	t, err := v.Settings.EventType(v.ctx(), v.r.PathValue("type"))
	if err != nil {
		return err
	}
	return v.showTypeForm(&t)
}

func (v *visit) showTypeForm(t *settings.EventType) error {
	if err := v.mayDeclare(); err != nil {
		return err
	}
	page := v.typeForm(t, nil, "")
	return v.show("catalogue_form", page.Title, page)
}

// mayDeclare: event types belong to the installation, so one tenant's editor does not change them for all.
func (v *visit) mayDeclare() error {
	if v.who.Installation {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "%s", v.lang.Text("web_catalogue.administrators"))
}

// typeForm builds the form; t is nil for a new type, and a schema that was made of the sample replaces the typed one.
func (v *visit) typeForm(t *settings.EventType, refusal error, made string) typeFormView {
	text := v.lang.Text
	page := typeFormView{Title: text("web_catalogue.new"), Back: "/catalogue", New: t == nil}
	action := "/catalogue/new"
	from := settings.DefaultEventType()
	if t != nil {
		from = *t
		page.Back, page.FromPack = "/catalogue/types/"+pathSegment(t.Name), t.Pack != ""
		page.Title, action = t.Name, page.Back+"/edit"
	}
	fields := []Field{
		{Name: "name", Pointer: "/name", Label: text("web_catalogue.name"), Hint: text("web_catalogue.name_hint"), Value: from.Name, Mono: true, Required: true},
		{Name: "group", Pointer: "/group", Label: text("web_catalogue.group"), Hint: text("web_catalogue.group_hint"), Value: from.Group},
		{Name: "key", Pointer: "/key", Label: text("web.column.number"), Hint: text("web_catalogue.key_hint"), Value: from.Key, Mono: true},
		{Name: "refs", Pointer: "/refs", Label: text("web_catalogue.refs"), Hint: text("web_catalogue.refs_hint"), Value: strings.Join(from.Refs, ", "), Mono: true},
		{Name: "sample", Pointer: "/sample", Label: text("web_catalogue.sample"), Hint: text("web_catalogue.sample_hint"), Type: "textarea", Value: indented(from.Sample), Mono: true, Code: codeJSON},
		{Name: "schema", Pointer: "/schema", Label: text("web_catalogue.schema"), Hint: text("web_catalogue.schema_hint"), Type: "textarea", Value: indented(from.Schema), Mono: true, Code: codeJSON},
		{Name: "deprecated", Label: text("web_catalogue.deprecated"), Hint: text("web_catalogue.deprecated_hint"), Type: "check", Value: onIf(from.Deprecated)},
		{Name: "portal", Label: text("web_catalogue.portal"), Type: "check", Value: onIf(from.VisibleInPortal)},
	}
	for _, l := range locale.Languages() {
		fields = append(fields, Field{Name: "title." + string(l), Pointer: "/title/" + string(l), Label: text("web_catalogue.title_in", "language", languageNames[l]), Value: from.Title[string(l)]})
	}
	if made != "" {
		for i := range fields {
			fields[i].Value = v.form(fields[i].Name)
			if fields[i].Name == "schema" {
				fields[i].Value = made
			}
		}
	}
	page.Form = v.newForm(action, refusal, fields...)
	page.Form.ETag = v.heldAt(from.ETag(), refusal)
	if made != "" {
		page.Form.ETag = v.form("etag")
	}
	for _, l := range locale.Languages() {
		page.Titles = append(page.Titles, page.Form.Fields["title."+string(l)])
	}
	return page
}

func (v *visit) createType() error { return v.saveTheType(nil) }

func (v *visit) saveType() error {
	t, err := v.Settings.EventType(v.ctx(), v.r.PathValue("type"))
	if err != nil {
		return err
	}
	return v.saveTheType(&t)
}

func (v *visit) saveTheType(prev *settings.EventType) error {
	if err := v.mayDeclare(); err != nil {
		return err
	}
	if v.form("do") == "schema" {
		made, err := schemaOf([]byte(v.form("sample")))
		if err != nil {
			var wrong hub.Problems
			wrong.Add("/sample", "%s", v.lang.Text("web_catalogue.no_json"))
			return v.refuseType(prev, wrong.Err())
		}
		page := v.typeForm(prev, nil, made)
		return v.show("catalogue_form", page.Title, page)
	}
	t, err := v.typedType(prev)
	if err == nil && prev == nil {
		_, err = v.Settings.EventType(v.ctx(), t.Name)
		if err == nil {
			var wrong hub.Problems
			wrong.Add("/name", "%s", v.lang.Text("web_catalogue.taken"))
			err = wrong.Err()
		} else if hub.CodeOf(err) == hub.NotFound {
			err = nil
		}
	}
	ifMatch := ""
	if prev != nil {
		ifMatch = v.form("etag")
	}
	if err == nil {
		if t, _, err = v.Settings.PutEventType(v.ctx(), t, ifMatch, v.by()); err == nil {
			return v.goTo("/catalogue/types/"+pathSegment(t.Name), "web_catalogue.saved", "name", t.Name)
		}
	}
	return v.refuseType(prev, err)
}

func (v *visit) refuseType(prev *settings.EventType, err error) error {
	page := v.typeForm(prev, err, "")
	return v.refuse(err, "catalogue_form", page.Title, page)
}

func (v *visit) typedType(prev *settings.EventType) (settings.EventType, error) {
	t := settings.DefaultEventType()
	t.Name = strings.TrimSpace(v.form("name"))
	if prev != nil {
		t.Name = prev.Name
	}
	t.Title = map[string]string{}
	if prev != nil {
		for language, title := range prev.Title {
			t.Title[language] = title
		}
	}
	for _, l := range locale.Languages() {
		if title := strings.TrimSpace(v.form("title." + string(l))); title != "" {
			t.Title[string(l)] = title
		} else {
			delete(t.Title, string(l))
		}
	}
	t.Group, t.Key, t.Refs = strings.TrimSpace(v.form("group")), strings.TrimSpace(v.form("key")), entries(v.form("refs"))
	t.Deprecated, t.VisibleInPortal = v.form("deprecated") != "", v.form("portal") != ""
	var wrong hub.Problems
	for _, part := range []struct {
		name string
		into *json.RawMessage
	}{{"sample", &t.Sample}, {"schema", &t.Schema}} {
		text := strings.TrimSpace(v.form(part.name))
		if text == "" {
			continue
		}
		if !json.Valid([]byte(text)) {
			wrong.Add("/"+part.name, "%s", v.lang.Text("web_catalogue.no_json"))
		}
		*part.into = json.RawMessage(text)
	}
	return t, wrong.Err()
}

func (v *visit) deleteType() error {
	if err := v.mayDeclare(); err != nil {
		return err
	}
	name := v.r.PathValue("type")
	if err := v.Settings.DeleteEventType(v.ctx(), name, v.form("etag"), v.by()); err != nil {
		return err
	}
	return v.goTo("/catalogue", "web_catalogue.deleted", "name", name)
}
