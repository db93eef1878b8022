package web

import (
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// catalogueView is what catalogue.html shows: every kind of event that is known.
type catalogueView struct {
	Tabs    []filterLine
	Query   string
	Groups  []typeGroup
	Known   int
	Hidden  int // that this page leaves out
	MayEdit bool
}

type typeGroup struct {
	Title string
	Types []typeLine
}

// typeLine is one event type on a list.
type typeLine struct {
	Name, Title, Path, Origin string
	Badge                     *Badge // nil: nothing to say
}

// mostTypes is how many event types a page shows; a search finds the rest.
const mostTypes = 400

// catalogueTabs are the pages of the catalogue.
func (v *visit) catalogueTabs(here string) []filterLine {
	return []filterLine{
		{v.lang.Text("web_catalogue.types"), "/catalogue", here == "types"},
		{v.lang.Text("web_catalogue.packs"), "/catalogue/packs", here == "packs"},
		{v.lang.Text("web_catalogue.providers"), "/catalogue/providers", here == "providers"},
	}
}

func (v *visit) cataloguePage() error {
	page := catalogueView{Tabs: v.catalogueTabs("types"), Query: v.r.URL.Query().Get("type"), MayEdit: v.who.Installation}
	all, err := v.Settings.EventTypes(v.ctx())
	if err != nil {
		return err
	}
	labels, err := v.groupLabels()
	if err != nil {
		return err
	}
	page.Known = len(all)
	groups := map[string]*typeGroup{}
	wanted, shown := strings.ToLower(strings.TrimSpace(page.Query)), 0
	for i := range all {
		line := v.typeLine(&all[i])
		if !strings.Contains(strings.ToLower(line.Name+" "+line.Title), wanted) {
			continue
		}
		if shown++; shown > mostTypes {
			page.Hidden++
			continue
		}
		title := v.groupTitle(labels, all[i].Group)
		if groups[title] == nil {
			groups[title] = &typeGroup{Title: title}
		}
		groups[title].Types = append(groups[title].Types, line)
	}
	for _, g := range groups {
		page.Groups = append(page.Groups, *g)
	}
	slices.SortFunc(page.Groups, func(a, b typeGroup) int { return strings.Compare(a.Title, b.Title) })
	return v.show("catalogue", v.lang.Text("web.menu.catalogue"), page)
}

func (v *visit) typeLine(t *settings.EventType) typeLine {
	line := typeLine{Name: t.Name, Title: v.titleOf(t.Title), Path: "/catalogue/types/" + pathSegment(t.Name), Origin: v.originWord(t)}
	switch {
	case t.Deprecated:
		line.Badge = &Badge{"skip", "slash", v.lang.Text("web_catalogue.deprecated")}
	case t.Discovered:
		line.Badge = &Badge{"", "dot", v.lang.Text("web_catalogue.discovered")}
	}
	return line
}

// originWord is where a type is from: a pack, somebody here, or an event that came.
func (v *visit) originWord(t *settings.EventType) string {
	switch {
	case t.Pack != "":
		if pack, err := packs.Open(t.Pack); err == nil {
			return v.titleOf(pack.Title)
		}
		return t.Pack
	case t.Discovered:
		return v.lang.Text("web_catalogue.origin_discovered")
	}
	return v.lang.Text("web_catalogue.origin_own")
}

// groupLabels are the titles of the groups that the packs name.
func (v *visit) groupLabels() (map[string]string, error) {
	all, err := v.Settings.Packs()
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	for _, p := range all {
		for name, title := range p.Groups {
			if labels[name] == "" {
				labels[name] = v.titleOf(title)
			}
		}
	}
	return labels, nil
}

func (v *visit) groupTitle(labels map[string]string, group string) string {
	switch {
	case group == "":
		return v.lang.Text("web_catalogue.no_group")
	case labels[group] != "":
		return labels[group]
	}
	return group
}

// packsView is what catalogue_packs.html shows: what is known of other systems, ready to be installed.
type packsView struct {
	Tabs    []filterLine
	Packs   []packLine
	MayEdit bool // install them
	MayUse  bool // what is ready in them
}

type packLine struct {
	Name, Title, Vendor, Text string
	Types, Installed          int
	Whole                     bool // all are installed
	Presets                   []presetLine
}

type presetLine struct{ Title, Text, Kind, Path string }

func (v *visit) packsPage() error {
	page := packsView{Tabs: v.catalogueTabs("packs"), MayEdit: v.who.Installation, MayUse: v.may(hub.Editor)}
	all, err := v.Settings.Packs()
	if err != nil {
		return err
	}
	types, err := v.eventTypes()
	if err != nil {
		return err
	}
	for _, p := range all {
		line := packLine{Name: p.Name, Title: v.titleOf(p.Title), Vendor: p.Vendor, Types: len(p.Types), Text: v.lang.Text("web_catalogue.direction." + p.Direction)}
		for i := range p.Types {
			if types[p.Types[i].Name].Pack == p.Name {
				line.Installed++
			}
		}
		line.Whole = line.Installed == line.Types
		for kind, list := range map[string][]packs.Preset{settings.PresetTarget: p.Targets, settings.PresetPipeline: p.Pipelines} {
			for i := range list {
				said, err := list[i].In(string(v.lang))
				if err != nil {
					return err
				}
				line.Presets = append(line.Presets, presetLine{
					Title: v.titleOf(said.Title), Text: said.Description, Kind: v.lang.Text("web_catalogue.preset." + kind), Path: presetPath(kind),
				})
			}
		}
		slices.SortFunc(line.Presets, func(a, b presetLine) int { return strings.Compare(a.Title, b.Title) })
		page.Packs = append(page.Packs, line)
	}
	return v.show("catalogue_packs", v.lang.Text("web_catalogue.packs"), page)
}

// presetPath is where things of a preset's kind are made.
func presetPath(kind string) string {
	if kind == settings.PresetPipeline {
		return "/pipelines/new"
	}
	return "/webhooks/new"
}

func (v *visit) installPack() error {
	if !v.who.Installation {
		return hub.Errorf(hub.Forbidden, "%s", v.lang.Text("web_catalogue.administrators"))
	}
	installed, err := v.Settings.InstallPack(v.ctx(), v.r.PathValue("pack"), v.by())
	if err != nil {
		return err
	}
	return v.goTo("/catalogue/packs", "web_catalogue.installed", "count", v.plainNumber(len(installed)))
}

// allProvidersView is what catalogue_providers.html shows: whose webhooks the hub can verify.
type allProvidersView struct {
	Tabs      []filterLine
	Providers []knownProvider
	MayAdd    bool
}

type knownProvider struct {
	Name, Title, Where, Made, Page string
	Notes                          []string
}

func (v *visit) providersPage() error {
	page := allProvidersView{Tabs: v.catalogueTabs("providers"), MayAdd: v.may(hub.Editor)}
	all, err := v.Settings.AllProviders()
	if err != nil {
		return err
	}
	for _, p := range all {
		notes, err := p.NotesIn(string(v.lang))
		if err != nil {
			return err
		}
		page.Providers = append(page.Providers, knownProvider{
			p.Name, v.titleOf(p.Title), v.titleOf(p.Secret.Where), v.lang.Text("web_source.made." + madeWord(p)), p.Page, notes,
		})
	}
	slices.SortStableFunc(page.Providers, func(a, b knownProvider) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return v.show("catalogue_providers", v.lang.Text("web_catalogue.providers"), page)
}
