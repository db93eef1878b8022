package api

import (
	"encoding/json"
	"maps"
	"slices"

	"hacek/internal/settings"
	"hacek/packs"
)

// providerView is whose webhooks the hub knows, and what a source of theirs needs.
type providerView struct {
	Name       string            `json:"name"`
	Title      map[string]string `json:"title"`
	Page       string            `json:"page"`
	Secret     packs.SecretGuide `json:"secret"`
	Settings   []string          `json:"settings"`
	Needed     []string          `json:"needed"`
	Versions   []string          `json:"versions"`
	Preset     json.RawMessage   `json:"preset"`
	Unsigned   []string          `json:"unsigned"`
	Handshakes []string          `json:"handshakes"`
	EventTypes []string          `json:"event_types"`
	Waits      *string           `json:"waits"`
	Retry      *string           `json:"retry"`
	Notes      []string          `json:"notes"`
}

func viewProvider(p *packs.Provider) providerView {
	v := providerView{
		Name: p.Name, Title: p.Title, Page: p.Page, Secret: p.Secret, Preset: p.Source, Unsigned: listed(p.Unsigned),
		Versions: sortedNames(p.Scheme.Versions), Handshakes: []string{}, EventTypes: sortedNames(p.Samples),
		Waits: optional(p.Waits), Retry: optional(p.Retry), Notes: listed(p.Notes),
	}
	known, needed := settings.ProviderSettings(p)
	v.Settings, v.Needed = listed(known), listed(needed)
	if len(v.Preset) == 0 {
		v.Preset = json.RawMessage("{}")
	}
	if v.Title == nil {
		v.Title = map[string]string{}
	}
	for _, h := range p.Handshakes {
		v.Handshakes = append(v.Handshakes, h.Name)
	}
	return v
}

func (a *API) listProviders(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	all, err := a.Settings.AllProviders()
	if err != nil {
		return answer{}, err
	}
	views := make([]providerView, len(all))
	for i, p := range all {
		views[i] = viewProvider(p)
	}
	return slicePage(views, page, func(v providerView) string { return v.Name }), nil
}

func (a *API) getProvider(c *call) (answer, error) {
	p, err := a.Settings.OneProvider(c.r.PathValue("provider"))
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewProvider(p)}, nil
}

func sortedNames[T any](all map[string]T) []string {
	return listed(slices.Sorted(maps.Keys(all)))
}
