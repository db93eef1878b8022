package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// presetView is something ready to be set up, and what it asks for.
type presetView struct {
	Kind        string              `json:"kind"`
	Pack        string              `json:"pack"`
	Name        string              `json:"name"`
	Title       map[string]string   `json:"title"`
	Description string              `json:"description"`
	Variables   []variableView      `json:"variables"`
	Settings    json.RawMessage     `json:"settings"`
	Tables      []packs.Table       `json:"tables"`
	Database    map[string][]string `json:"database"`
}

type variableView struct {
	Name    string            `json:"name"`
	Title   map[string]string `json:"title"`
	Kind    string            `json:"kind"`
	Example *string           `json:"example"`
	Default *string           `json:"default"`
	Secret  bool              `json:"secret"`
}

func viewPreset(p settings.Preset) presetView {
	v := presetView{
		Kind: p.Kind, Pack: p.Pack, Name: p.Name, Title: p.Title, Description: p.Description, Variables: []variableView{},
		Settings: p.Settings, Tables: listed(p.Tables), Database: p.Database,
	}
	if v.Database == nil {
		v.Database = map[string][]string{}
	}
	for _, one := range p.Variables {
		v.Variables = append(v.Variables, variableView{one.Name, one.Title, one.Kind, optional(one.Example), optional(one.Default), one.Kind == packs.VariableSecret})
	}
	return v
}

func (a *API) listPresets(c *call) (answer, error) {
	q := c.params()
	page, kind, pack := q.page(), q.text("kind"), q.text("pack")
	if kinds := []string{"", settings.PresetTarget, settings.PresetSource, settings.PresetPipeline}; !slices.Contains(kinds, kind) {
		q.wrong.Add("", "kind: %q is none of target, source, pipeline", hub.Shorten(kind, 60))
	}
	if err := q.err(); err != nil {
		return answer{}, err
	}
	all, err := a.Settings.Presets()
	if err != nil {
		return answer{}, err
	}
	var views []presetView
	for _, p := range all {
		if (kind == "" || p.Kind == kind) && (pack == "" || p.Pack == pack) {
			views = append(views, viewPreset(p))
		}
	}
	return slicePage(views, page, func(v presetView) string { return v.Pack + "/" + v.Name }), nil
}

// applyPreset makes what the preset describes; a key needs the rights to make it without the preset.
func (a *API) applyPreset(c *call) (answer, error) {
	p, err := a.Settings.PresetNamed(c.r.PathValue("pack"), c.r.PathValue("name"))
	if err != nil {
		return answer{}, err
	}
	scope := map[string]string{settings.PresetTarget: "endpoints:write", settings.PresetSource: "sources:write", settings.PresetPipeline: "pipelines:write"}[p.Kind]
	if err := c.principal.Scope(scope); err != nil {
		return answer{}, err
	}
	var in struct {
		Variables map[string]string `json:"variables"`
		Name      *string           `json:"name"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	name := ""
	if in.Name != nil {
		name = *in.Name
	}
	made, err := a.Settings.ApplyPreset(c.r.Context(), c.tenant(), p, in.Variables, name, c.by())
	switch {
	case err != nil:
		return answer{}, err
	case p.Kind == settings.PresetSource:
		return a.answerSource(c, http.StatusCreated, made.Source)
	case made.Target.Kind == hub.KindEndpoint:
		return a.showSecret(c, http.StatusCreated, made.Target)
	}
	return a.answerPipeline(c, http.StatusCreated, made.Target)
}
