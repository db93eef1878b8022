package settings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/packs"
)

// Kinds of presets: what each becomes when it is applied.
const (
	PresetTarget   = "target" // an endpoint
	PresetSource   = "source"
	PresetPipeline = "pipeline"
)

// Preset is something ready to be set up, and where it comes from: a pack, or the provider of a source.
type Preset struct {
	Kind, Pack string
	packs.Preset
}

// Applied is what a preset became.
type Applied struct {
	Target hub.Target // of a target or pipeline
	Source Source     // of a source
}

// Presets lists what is ready to be set up.
func (s *Service) Presets() ([]Preset, error) {
	all, err := s.Packs()
	if err != nil {
		return nil, err
	}
	var found []Preset
	for _, pack := range all {
		for _, p := range pack.Targets {
			found = append(found, Preset{PresetTarget, pack.Name, p})
		}
		for _, p := range pack.Sources {
			found = append(found, Preset{PresetSource, pack.Name, p})
		}
		for _, p := range pack.Pipelines {
			found = append(found, Preset{PresetPipeline, pack.Name, p})
		}
	}
	providers, err := s.AllProviders()
	if err != nil {
		return nil, fmt.Errorf("read providers: %w", err)
	}
	for _, provider := range providers {
		_, needed := ProviderSettings(provider)
		p, err := packs.ProviderPreset(provider, needed)
		if err != nil {
			return nil, fmt.Errorf("preset of %s: %w", provider.Name, err)
		}
		found = append(found, Preset{PresetSource, provider.Name, p})
	}
	return found, nil
}

// PresetNamed finds one; the error names the nearest.
func (s *Service) PresetNamed(pack, name string) (Preset, error) {
	all, err := s.Presets()
	if err != nil {
		return Preset{}, err
	}
	asked := pack + "/" + name
	var known []string
	for _, p := range all {
		if p.ref() == asked {
			return p, nil
		}
		known = append(known, p.ref())
	}
	wrong := hub.Errorf(hub.NotFound, "no preset %q", asked)
	if near := hub.Nearest(asked, known); near != "" {
		return Preset{}, wrong.WithHint("Did you mean %s?", near)
	}
	return Preset{}, wrong.WithHint("GET /v1/presets lists them.")
}

func (p *Preset) ref() string { return p.Pack + "/" + p.Name }

// ApplyPreset makes the endpoint, source or pipeline of a preset, and the translation tables that it needs and that are
// not there yet. name is empty for the preset's own. What is wrong with a value points at it below /variables.
func (s *Service) ApplyPreset(ctx context.Context, tenant int64, p Preset, variables map[string]string, name string, by By) (Applied, error) {
	raw, err := p.Fill(variables)
	if err != nil {
		return Applied{}, err
	}
	if err := s.checkNamed(ctx, tenant, &p, variables); err != nil {
		return Applied{}, err
	}
	var made Applied
	switch p.Kind {
	case PresetTarget:
		e := hub.DefaultEndpoint()
		if err = decodeFilled(raw, &e); err == nil {
			if name != "" {
				e.Name = name
			}
			e.Preset = json.RawMessage(`"` + p.ref() + `"`) // names of packs and presets need no escaping
			made.Target, err = s.CreateEndpoint(ctx, tenant, e, by)
		}
	case PresetPipeline:
		made.Target, err = s.applyPipeline(ctx, tenant, &p, raw, name, by)
	case PresetSource:
		var given map[string]any
		if given, err = object(raw); err == nil {
			if name != "" {
				given["name"] = name
			}
			if raw, err = json.Marshal(given); err == nil {
				made.Source, err = s.CreateSource(ctx, tenant, raw, by)
			}
		}
	}
	return made, inVariables(&p, err)
}

// checkNamed wants the sources and connections that are named to be there: a source that nobody sends to would leave a
// pipeline idle without a word.
func (s *Service) checkNamed(ctx context.Context, tenant int64, p *Preset, variables map[string]string) error {
	var wrong hub.Problems
	for _, v := range p.Variables {
		kind := map[string]string{packs.VariableSource: kindSource, packs.VariableConnection: kindConnection}[v.Kind]
		if kind == "" {
			continue
		}
		name := strings.TrimSpace(variables[v.Name])
		_, err := s.Store.ObjectByName(ctx, tenant, kind, name)
		switch {
		case hub.CodeOf(err) == hub.NotFound:
			wrong.Add("/variables/"+v.Name, "there is no %s %q", v.Kind, name)
		case err != nil:
			return err
		}
	}
	return wrong.Err()
}

// applyPipeline judges the pipeline before anything is made, so that a refusal leaves nothing behind.
func (s *Service) applyPipeline(ctx context.Context, tenant int64, p *Preset, raw json.RawMessage, name string, by By) (hub.Target, error) {
	read := func() (hub.Pipeline, error) {
		set := hub.DefaultPipeline()
		err := decodeFilled(raw, &set)
		if name != "" {
			set.Name = name
		}
		return set, err
	}
	draft, err := read()
	if err != nil {
		return hub.Target{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := map[string]packs.Table{}
	for _, table := range p.Tables {
		_, err := s.Store.ObjectByName(ctx, tenant, kindTable, table.Name)
		if hub.CodeOf(err) == hub.NotFound {
			missing[table.Name] = table
		} else if err != nil {
			return hub.Target{}, err
		}
	}
	for i := range draft.Steps {
		maps.DeleteFunc(draft.Steps[i].Tables, func(_, table string) bool { _, made := missing[table]; return made })
	}
	judged := aPipeline(tenant, draft)
	if err := s.prepareTarget(ctx, &judged, nil, s.now()); err != nil {
		return hub.Target{}, err
	}
	for _, table := range slices.Sorted(maps.Keys(missing)) {
		entries := map[string]any{}
		for theirs, ours := range missing[table].Entries {
			entries[theirs] = ours
		}
		given := map[string]any{"name": table, "description": missing[table].Description, "entries": entries}
		if _, err := s.tables().insert(ctx, tenant, given, by); err != nil {
			return hub.Target{}, err
		}
	}
	set, err := read()
	if err != nil {
		return hub.Target{}, err
	}
	return s.createTarget(ctx, aPipeline(tenant, set), by)
}

// UnderPreset puts the settings of an endpoint over those of the preset that it names, as in a source: what is given wins.
// A preset that was named before is only a note: its settings may have been changed by hand since. prev is nil for what is new.
func (s *Service) UnderPreset(raw, prev json.RawMessage) (json.RawMessage, error) {
	given, err := object(raw)
	if err != nil {
		return nil, err
	}
	ref, _ := given["preset"].(string)
	if ref == "" || string(prev) == `"`+ref+`"` {
		return raw, nil
	}
	pack, name, _ := strings.Cut(ref, "/")
	p, err := s.PresetNamed(pack, name)
	if err == nil && p.Kind != PresetTarget {
		err = hub.Errorf(hub.NotFound, "%s is a %s, not a target", ref, p.Kind)
	}
	if err != nil {
		return nil, problemAt("/preset", err)
	}
	base, err := object(p.Settings)
	if err != nil {
		return nil, fmt.Errorf("BUG: the preset %s: %w", ref, err)
	}
	filled := merge(base, given)
	var wrong hub.Problems
	unfilled(&wrong, "", filled, &p)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(filled)
}

// unfilled points at texts in which a variable of the preset is left.
func unfilled(wrong *hub.Problems, at string, value any, p *Preset) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			unfilled(wrong, at+"/"+hub.EscapePointer(name), v[name], p)
		}
	case []any:
		for i, item := range v {
			unfilled(wrong, fmt.Sprintf("%s/%d", at, i), item, p)
		}
	case string:
		if variable := p.VariableAt(at); variable != "" && strings.Contains(v, "{{"+variable+"}}") {
			wrong.Add(at, "is missing; the preset %s leaves it to you", p.ref())
		}
	}
}

// decodeFilled reads settings as they stand in a pack, byte for byte, onto the defaults.
func decodeFilled(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("BUG: a preset cannot be read: %w", err)
	}
	return nil
}

// inVariables points at the value that a refused setting was made of: the caller has never seen the setting.
func inVariables(p *Preset, err error) error {
	var wrong *hub.Error
	if !errors.As(err, &wrong) || len(wrong.Fields) == 0 {
		return err
	}
	var fields hub.Problems
	for _, field := range wrong.Fields {
		switch variable := p.VariableAt(field.Pointer); {
		case variable != "":
			field.Pointer = "/variables/" + variable
		case field.Pointer != "/name":
			field.Pointer, field.Detail = "", strings.TrimSpace(field.Pointer+" "+field.Detail)
		}
		fields = append(fields, field)
	}
	told := *wrong
	told.Detail, told.Fields = fields.Err().Error(), fields
	return &told
}
