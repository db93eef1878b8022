package web

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// countedDays is the span of the counts of a source.
const countedDays = 7

// sourcesView is what sources.html shows: who sends to the hub.
type sourcesView struct {
	Lines  []sourceRow
	Pager  Pager
	MayAdd bool
}

// sourceRow is one source on the list.
type sourceRow struct {
	Name, Provider, Path          string
	Badge                         Badge
	LastAt                        time.Time // zero: it never called
	LastBadge                     Badge
	Events, Ignored, InQuarantine int64
}

func (v *visit) sourcesPage() error {
	page := sourcesView{MayAdd: v.may(hub.Editor)}
	sources, next, err := v.Settings.Sources(v.ctx(), v.tenant(), store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	page.Pager = v.pager(next)
	for i := range sources {
		row, err := v.sourceRow(&sources[i])
		if err != nil {
			return err
		}
		page.Lines = append(page.Lines, row)
	}
	return v.show("sources", v.lang.Text("web.menu.sources"), page)
}

func (v *visit) sourceRow(s *settings.Source) (sourceRow, error) {
	row := sourceRow{Name: s.Name, Provider: v.providerWord(&s.Source), Path: sourcePath(s), Badge: v.sourceBadge(s)}
	counts, err := v.Store.RequestCounts(v.ctx(), s.No, v.moment.AddDate(0, 0, -countedDays))
	if err != nil {
		return row, fmt.Errorf("count requests of %s: %w", s.Name, err)
	}
	row.Events = counts[hub.RequestAccepted] + counts[hub.RequestReleased]
	row.Ignored, row.InQuarantine = counts[hub.RequestIgnored], counts[hub.RequestQuarantined]
	newest, err := v.newestRequest(s)
	if newest != nil {
		row.LastAt, row.LastBadge = newest.At, v.requestBadge(newest.Outcome)
	}
	return row, err
}

// newestRequest is one step down an index; nil when the source never called.
func (v *visit) newestRequest(s *settings.Source, outcomes ...string) (*hub.InRequest, error) {
	list, _, err := v.Store.Requests(v.ctx(), store.RequestFilter{Tenant: s.Tenant, Source: s.No, Outcomes: outcomes}, store.Page{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("newest request of %s: %w", s.Name, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

func sourcePath(s *settings.Source) string { return "/sources/" + s.ID.Text(hub.SourcePrefix) }

// sourceURL is the address that the provider is told.
func (v *visit) sourceURL(s *settings.Source) string {
	base := ""
	if v.PublicURL != nil {
		base = v.PublicURL(s.Listener)
	}
	return base + "/in/" + s.Path
}

func (v *visit) sourceBadge(s *settings.Source) Badge {
	if !s.Active {
		return Badge{"skip", "off", v.lang.Text("web.state.off")}
	}
	return Badge{"ok", "dot", v.lang.Text("web.state.active")}
}

// sourceView is what source.html shows: one source, what came and what is set up.
type sourceView struct {
	ID, Path, Name, Provider, URL string
	Active                        bool
	Badge                         Badge
	Counts                        []countLine
	Requests                      []requestLine
	Settings                      []setting
	Version                       int64
	MayEdit, MayTry               bool
	Try, Switch, Delete           *Form
	CanTry                        bool
}

// countLine is how many requests had one fate.
type countLine struct {
	Badge Badge
	N     int64
	Path  string
}

// lastRequests is how many a source's page shows.
const lastRequests = 10

func (v *visit) sourcePage() error {
	page, err := v.source(nil)
	if err != nil {
		return err
	}
	return v.show("source", page.Name, page)
}

// theSource is the one that the path names, of this tenant.
func (v *visit) theSource() (settings.Source, error) {
	return v.Settings.Source(v.ctx(), v.tenant(), v.r.PathValue("source"))
}

// source builds the page; refusal is what its form was answered.
func (v *visit) source(refusal error) (sourceView, error) {
	s, err := v.theSource()
	if err != nil {
		return sourceView{}, err
	}
	path := sourcePath(&s)
	page := sourceView{
		ID: s.ID.Text(hub.SourcePrefix), Path: path, Name: s.Name, Provider: v.providerWord(&s.Source), URL: v.sourceURL(&s), Active: s.Active,
		Badge: v.sourceBadge(&s), Version: s.Version, MayEdit: v.may(hub.Editor), MayTry: v.may(hub.Operator), Settings: v.sourceSettings(&s.Source),
		CanTry: v.Trigger != nil && s.Active,
	}
	counts, err := v.Store.RequestCounts(v.ctx(), s.No, v.moment.AddDate(0, 0, -countedDays))
	if err != nil {
		return page, err
	}
	for _, outcome := range outcomes() {
		page.Counts = append(page.Counts, countLine{v.requestBadge(outcome), counts[outcome], path + "/requests?outcome=" + outcome})
	}
	list, _, err := v.Store.Requests(v.ctx(), store.RequestFilter{Tenant: s.Tenant, Source: s.No}, store.Page{Limit: lastRequests})
	if err != nil {
		return page, err
	}
	page.Requests = v.requestLines(&s, list)
	samples := v.samples(&s.Source)
	page.Try = v.newForm(path+"/trigger", refusal, Field{
		Name: "event_type", Pointer: "/event_type", Label: v.lang.Text("web_source.sample"), Type: "select", Value: firstSample(samples), Options: samples,
	})
	page.Switch, page.Delete = v.newForm(path+"/switch", nil), v.newForm(path+"/delete", nil)
	page.Switch.ETag, page.Delete.ETag = s.ETag(), s.ETag()
	return page, nil
}

// sourceSettings is what is set up, a line each.
func (v *visit) sourceSettings(s *hub.Source) []setting {
	orNone := func(text string) string {
		if text == "" {
			return v.lang.Text("web_webhook.none")
		}
		return text
	}
	accepted := words(s.Accept.EventTypes)
	if accepted == "" {
		accepted = v.lang.Text("web_webhooks.all_events")
	}
	list := []setting{
		{v.lang.Text("web_source.accept_types"), accepted},
		{v.lang.Text("web_source.condition"), orNone(s.Accept.Condition)},
		{v.lang.Text("web_source.verify"), v.schemeWord(s)},
		{v.lang.Text("web_source.networks"), cmp.Or(words(s.AllowNetworks), v.lang.Text("web_source.networks_all"))},
		{v.lang.Text("web_source.type_path"), orNone(s.EventType)},
		{v.lang.Text("web_source.key_path"), orNone(s.Key)},
		{v.lang.Text("web_source.split"), orNone(s.Split)},
		{v.lang.Text("web_source.duplicate"), orNone(words(s.DuplicateOf.Fields))},
		{v.lang.Text("web_source.answer_status"), strconv.Itoa(s.Respond.Status)},
		{v.lang.Text("web_source.zone"), s.TimeZone},
	}
	if s.Listener != "" {
		list = append(list, setting{v.lang.Text("web_source.listener"), s.Listener})
	}
	return append(list, given(setting{v.lang.Text("web_source.description"), s.Description}, setting{v.lang.Text("web_webhook.labels"), linesOf(s.Labels, "=")})...)
}

// switchSource turns a source on or off.
func (v *visit) switchSource() error {
	on := v.form("active") == "true"
	s, err := v.Settings.PatchSource(v.ctx(), v.tenant(), v.r.PathValue("source"), fmt.Appendf(nil, `{"active":%t}`, on), v.form("etag"), v.by())
	if err != nil {
		return err
	}
	if on {
		return v.goTo(sourcePath(&s), "web_source.switched_on", "name", s.Name)
	}
	return v.goTo(sourcePath(&s), "web_source.switched_off", "name", s.Name)
}

func (v *visit) deleteSource() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteSource(v.ctx(), v.tenant(), s.ID.Text(hub.SourcePrefix), v.form("etag"), v.by()); err != nil {
		return err
	}
	return v.goTo("/sources", "web_source.deleted", "name", s.Name)
}

// triggerSource has the source send itself a signed sample, and shows what became of it.
func (v *visit) triggerSource() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	if v.Trigger == nil {
		return hub.Errorf(hub.Unavailable, "%s", v.lang.Text("web_source.no_receiver"))
	}
	r, err := v.Trigger(v.ctx(), s, v.form("event_type"))
	if err == nil {
		if v.form("to") == "connect" {
			return v.goTo(sourcePath(&s)+"/connect", "")
		}
		return v.goTo(sourcePath(&s)+"/requests/"+r.ID.Text(hub.RequestPrefix), "web_source.sample_sent")
	}
	if hub.CodeOf(err) == hub.NotFound { // no such sample, or none at all: nothing is wrong with the address
		err = refusedTry(err)
	}
	page, broken := v.source(err)
	if broken != nil {
		return broken
	}
	return v.refuse(err, "source", page.Name, page)
}
