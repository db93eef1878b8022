package web

import (
	"cmp"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// webhookGroup is one group of the list of events to tick.
type webhookGroup struct {
	Title       string
	Open        bool
	Chosen, All int
	Ticks       []webhookTick
}

type webhookTick struct {
	Name, Title string
	Checked     bool
}

// webhookGroups sorts the catalogue into groups, in the reader's words. What is chosen and stands in none is the second answer.
func (v *visit) webhookGroups(chosen []string) ([]webhookGroup, []string, error) {
	all, err := v.offered()
	if err != nil {
		return nil, nil, err
	}
	titles, err := v.webhookGroupTitles()
	if err != nil {
		return nil, nil, err
	}
	groups, left := map[string]*webhookGroup{}, slices.Clone(chosen)
	prefixes := map[string]string{}
	take := func(g *webhookGroup, name, title string) {
		checked := slices.Contains(chosen, name)
		if checked {
			g.Chosen++
			left = slices.DeleteFunc(left, func(one string) bool { return one == name })
		}
		g.Ticks = append(g.Ticks, webhookTick{name, title, checked})
		g.Open = g.Open || checked
	}
	for i := range all {
		t := &all[i]
		if t.Deprecated && !slices.Contains(chosen, t.Name) {
			continue
		}
		title := v.webhookGroupTitle(titles, t)
		g := groups[title]
		if g == nil {
			g = &webhookGroup{Title: title}
			groups[title] = g
		}
		word := v.titleOf(t.Title)
		if word == "" {
			word = t.Name
		}
		take(g, t.Name, word)
		g.All++
		first, _, _ := strings.Cut(t.Name, ".")
		if known, seen := prefixes[title]; seen && known != first {
			first = ""
		}
		prefixes[title] = first
	}
	var list []webhookGroup
	for title, g := range groups {
		if first := prefixes[title]; first != "" && g.All > 1 && v.portal == nil {
			take(g, first+".*", v.lang.Text("web_webhook.all_of"))
		}
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b webhookGroup) int { return cmp.Compare(a.Title, b.Title) })
	if len(list) == 1 {
		list[0].Open = true
	}
	return list, left, nil
}

// webhookGroupTitles are the packs' words for groups: by pack and group, and by group alone.
func (v *visit) webhookGroupTitles() (map[string]string, error) {
	all, err := v.Settings.Packs()
	if err != nil {
		return nil, err
	}
	titles := map[string]string{}
	for _, pack := range all {
		for group, title := range pack.Groups {
			word := v.titleOf(title)
			titles[pack.Name+"/"+group] = word
			if titles["/"+group] == "" {
				titles["/"+group] = word
			}
		}
	}
	return titles, nil
}

func (v *visit) webhookGroupTitle(titles map[string]string, t *settings.EventType) string {
	group := t.Group
	if group == "" {
		group, _, _ = strings.Cut(t.Name, ".")
	}
	if word := cmp.Or(titles[t.Pack+"/"+group], titles["/"+group]); word != "" {
		return word
	}
	if t.Group != "" {
		return t.Group
	}
	return v.lang.Text("web_webhook.group_other")
}

// sampleType is the event type whose variables and sample the form shows: the first of the catalogue that is taken.
func (v *visit) sampleType(sub hub.Subscription) (string, error) {
	all, err := v.offered()
	if err != nil {
		return "", err
	}
	shows, err := v.shows()
	if err != nil {
		return "", err
	}
	for _, pattern := range sub.EventTypes {
		if !strings.Contains(pattern, "*") && shows(pattern) {
			return pattern, nil
		}
	}
	for i := range all {
		if hub.TakesType(sub.EventTypes, all[i].Name) && all[i].Sample != nil {
			return all[i].Name, nil
		}
	}
	for i := range all {
		if hub.TakesType(sub.EventTypes, all[i].Name) {
			return all[i].Name, nil
		}
	}
	return "", nil
}
