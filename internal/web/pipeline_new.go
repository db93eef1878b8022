package web

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/packs"
)

// newPipelineView is what pipeline_new.html shows: ready pipelines, and a form for one of one's own.
type newPipelineView struct {
	Ready []readyLine
	Own   *Form
}

type readyLine struct {
	Title, Pack, Path string
	Tables            []string // that it writes
}

func (v *visit) newPipelinePage() error {
	page, err := v.newPipeline(nil)
	if err != nil {
		return err
	}
	return v.show("pipeline_new", v.lang.Text("web_pipeline.new"), page)
}

func (v *visit) newPipeline(refusal error) (newPipelineView, error) {
	var page newPipelineView
	presets, err := v.Settings.Presets()
	if err != nil {
		return page, err
	}
	all, err := v.Settings.Packs()
	if err != nil {
		return page, err
	}
	titles := map[string]string{}
	for _, p := range all {
		titles[p.Name] = v.titleOf(p.Title)
	}
	for _, p := range presets {
		if p.Kind != settings.PresetPipeline {
			continue
		}
		query := url.Values{"pack": {p.Pack}, "name": {p.Name}}
		line := readyLine{Title: v.titleOf(p.Title), Pack: titles[p.Pack], Path: "/pipelines/ready?" + query.Encode(), Tables: tablesOf(&p)}
		if line.Pack == "" {
			line.Pack = p.Pack
		}
		page.Ready = append(page.Ready, line)
	}
	page.Own = v.newForm("/pipelines/new", refusal, v.subscriptionFields(&hub.Pipeline{})...)
	return page, nil
}

// tablesOf are the tables that a ready pipeline writes.
func tablesOf(p *settings.Preset) []string {
	var set struct {
		Steps []struct {
			Table    string
			Children []struct{ Table string }
		}
	}
	if json.Unmarshal(p.Settings, &set) != nil {
		return nil
	}
	var tables []string
	for _, s := range set.Steps {
		if s.Table != "" {
			tables = append(tables, s.Table)
		}
		for _, c := range s.Children {
			tables = append(tables, c.Table)
		}
	}
	return slices.Compact(tables)
}

// createPipeline makes an empty pipeline: it is off, and has one step that reads the number.
func (v *visit) createPipeline() error {
	p := hub.DefaultPipeline()
	p.Active = false
	v.readSubscription(&p)
	p.Steps = []hub.Step{{Type: hub.StepMap, As: "row", Fields: map[string]string{"number": "#event.key#"}}}
	t, err := v.Settings.CreatePipeline(v.ctx(), v.tenant(), p, v.by())
	if err != nil {
		page, broken := v.newPipeline(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "pipeline_new", v.lang.Text("web_pipeline.new"), page)
	}
	return v.goTo(targetPath(&t), "web_pipeline.created_off", "name", t.Name)
}

// subscriptionFields are what a pipeline is called and which events it takes.
func (v *visit) subscriptionFields(p *hub.Pipeline) []Field {
	return []Field{
		{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Value: p.Name, Required: true},
		v.sourcesField(p.Subscription.Sources),
		{Name: "events", Pointer: "/subscription/event_types", Label: v.lang.Text("web_webhooks.events"), Hint: v.lang.Text("web_pipeline.events_hint"), Type: "textarea", Mono: true, Value: strings.Join(p.Subscription.EventTypes, "\n")},
		{Name: "condition", Pointer: "/subscription/condition", Label: v.lang.Text("web_webhook.condition"), Type: "textarea", Mono: true, Code: codeCondition, Value: p.Subscription.Condition},
		{Name: "description", Pointer: "/description", Label: v.lang.Text("web_pipeline.description"), Type: "textarea", Value: p.Description},
	}
}

func (v *visit) readSubscription(p *hub.Pipeline) {
	p.Name, p.Description = strings.TrimSpace(v.form("name")), unixLines(v.form("description"))
	p.Subscription.Sources, p.Subscription.EventTypes = entries(v.form("sources")), entries(v.form("events"))
	p.Subscription.Condition = v.typedRule("condition")
}

// readyPipelineView is what pipeline_ready.html shows: the values that a ready pipeline asks for.
type readyPipelineView struct {
	Title, Pack, Preset string
	Tables              []string
	Form                *Form
	Fields              []*Field // in their order
	Missing             []missingPart
	Statements          []statementsOf
}

// missingPart is what has to be set up first: a sentence, and the way there for whoever may go it.
type missingPart struct{ Text, Path, Word string }

func (v *visit) missingPart(kind string) missingPart {
	part := missingPart{Text: v.lang.Text("web_pipeline.first." + kind)}
	switch {
	case kind == packs.VariableSource:
		part.Path, part.Word = "/sources/new", v.lang.Text("web_source.add")
	case v.may(hub.Administrator) && v.who.Installation:
		part.Path, part.Word = "/connections/new", v.lang.Text("web_connection.add")
	}
	return part
}

// statementsOf make the tables in a database of one kind.
type statementsOf struct {
	Driver string
	SQL    Cut
}

func (v *visit) readyPipelinePage() error {
	page, err := v.readyPipeline(nil)
	if err != nil {
		return err
	}
	return v.show("pipeline_ready", page.Title, page)
}

func (v *visit) theReadyPreset() (settings.Preset, error) {
	p, err := v.Settings.PresetNamed(v.r.FormValue("pack"), v.r.FormValue("name"))
	if err == nil && p.Kind != settings.PresetPipeline {
		err = hub.Errorf(hub.NotFound, "%s/%s", p.Pack, p.Name)
	}
	if err == nil {
		p.Preset, err = p.In(string(v.lang)) // so that the steps are called what the editor calls them
	}
	return p, err
}

func (v *visit) readyPipeline(refusal error) (readyPipelineView, error) {
	p, err := v.theReadyPreset()
	if err != nil {
		return readyPipelineView{}, err
	}
	page := readyPipelineView{Title: v.titleOf(p.Title), Pack: p.Pack, Preset: p.Name, Tables: tablesOf(&p)}
	for _, driver := range slices.Sorted(maps.Keys(p.Database)) {
		page.Statements = append(page.Statements, statementsOf{v.driverWord(driver), cut(strings.Join(p.Database[driver], ";\n\n") + ";")})
	}
	fields := []Field{{Name: "called", Pointer: "/name", Label: v.lang.Text("web.column.name"), Hint: v.lang.Text("web_pipeline.called_hint"), Value: page.Title}}
	for _, variable := range p.Variables {
		field := Field{
			Name: presetField(variable), Pointer: "/variables/" + variable.Name, Label: v.titleOf(variable.Title), Value: variable.Default, Required: variable.Default == "",
		}
		if variable.Example != "" {
			field.Hint = v.lang.Text("web_pipeline.example", "example", variable.Example)
		}
		switch variable.Kind {
		case packs.VariableSecret:
			field.Type, field.Autocomplete = "password", "off"
		case packs.VariableSource, packs.VariableConnection:
			names, err := v.namesOf(variable.Kind)
			if err != nil {
				return page, err
			}
			if len(names) == 0 {
				page.Missing = append(page.Missing, v.missingPart(variable.Kind))
			} else if field.Value == "" {
				field.Value = likely(names, p.Pack)
			}
			field.Type, field.Hint, field.Options = "select", "", nameOptions(names)
		}
		fields = append(fields, field)
	}
	page.Form = v.newForm("/pipelines/ready", refusal, fields...)
	for i := range fields {
		page.Fields = append(page.Fields, &fields[i])
	}
	return page, nil
}

// likely is the name that speaks of a pack, else the first.
func likely(names []string, pack string) string {
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), strings.ToLower(pack)) {
			return name
		}
	}
	return names[0]
}

func nameOptions(names []string) []Option {
	var all []Option
	for _, name := range names {
		all = append(all, Option{Value: name, Word: visible(name)})
	}
	return all
}

// namesOf lists the sources, the connections or the translation tables of the tenant by name.
func (v *visit) namesOf(kind string) ([]string, error) {
	var names []string
	page := store.Page{Limit: 250}
	for {
		var next string
		var err error
		switch kind {
		case packs.VariableSource:
			var list []settings.Source
			list, next, err = v.Settings.Sources(v.ctx(), v.tenant(), page)
			for _, one := range list {
				names = append(names, one.Name)
			}
		case packs.VariableConnection:
			var list []settings.Connection
			list, next, err = v.Settings.ConnectionPage(v.ctx(), v.tenant(), page)
			for _, one := range list {
				names = append(names, one.Name)
			}
		default:
			var list []settings.Table
			list, next, err = v.Settings.TablePage(v.ctx(), v.tenant(), page)
			for _, one := range list {
				names = append(names, one.Name)
			}
		}
		if err != nil {
			return nil, err
		}
		if next == "" {
			slices.Sort(names)
			return names, nil
		}
		page.Cursor = next
	}
}

func (v *visit) applyReadyPipeline() error {
	p, err := v.theReadyPreset()
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, variable := range p.Variables {
		values[variable.Name] = v.form(presetField(variable))
	}
	made, err := v.Settings.ApplyPreset(v.ctx(), v.tenant(), p, values, strings.TrimSpace(v.form("called")), v.by())
	if err != nil {
		page, broken := v.readyPipeline(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "pipeline_ready", page.Title, page)
	}
	return v.goTo(targetPath(&made.Target), "web_pipeline.created", "name", made.Target.Name)
}
