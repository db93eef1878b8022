package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// sourceFormView is what source_edit.html shows: the settings of a source, simple and expert in one form.
type sourceFormView struct {
	Name, Path, System string
	Form               *Form
	Expert             bool
	HMAC               bool
	Own                []*Field // settings of the provider's scheme
	Types              []providerEvent
	Preview            *previewView
	Week               *week // before a changed rule is saved
	Secrets            int   // that are valid now
	CanPreview         bool
}

// previewView is what the settings in the form would make of the newest requests.
type previewView struct {
	Sentence string
	Each     []previewLine
}

type previewLine struct {
	Path   string
	Events []becameLine
	Why    string
	Repeat bool
}

func (v *visit) editSourcePage() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	page, err := v.sourceForm(s, nil, nil)
	if err != nil {
		return err
	}
	return v.show("source_edit", s.Name, page)
}

// simpleFields stand in the simple view; a fault in any other opens the expert one.
func simpleFields() []string { return []string{"name", "types", "secret", "keep_old", "description"} }

// sourceForm builds the form: from what is stored, or after a refusal or for a preview from what was typed.
func (v *visit) sourceForm(s settings.Source, refusal error, preview *hub.SourcePreview) (sourceFormView, error) {
	page := sourceFormView{Name: s.Name, Path: sourcePath(&s), System: v.providerWord(&s.Source), Secrets: len(s.Verify.Secrets), CanPreview: v.PreviewSource != nil}
	fields := v.sourceFields(&s.Source)
	listeners, err := v.listenerOptions()
	if err != nil {
		return page, err
	}
	fields = append(fields, Field{Name: "listener", Pointer: "/listener", Label: v.lang.Text("web_source.listener"), Hint: v.lang.Text("web_source.listener_hint"), Type: "select", Value: s.Listener, Options: listeners})
	var own []string
	if p := v.provider(s.Verify.Scheme); p != nil {
		known, _ := settings.ProviderSettings(p)
		for _, name := range known {
			fields = append(fields, Field{Name: "setting." + name, Pointer: "/verify/settings/" + hub.EscapePointer(name), Label: name, Value: s.Verify.Settings[name], Mono: true})
			own = append(own, "setting."+name)
		}
		for _, o := range v.samples(&s.Source) {
			page.Types = append(page.Types, providerEvent{o.Value, o.Word})
		}
	}
	if page.HMAC = s.Verify.HMAC != nil; page.HMAC {
		fields = append(fields, v.hmacFields(s.Verify.HMAC)...)
	}
	if refusal == nil && !methodReads(v.r) {
		for i := range fields {
			if fields[i].Type != "password" {
				fields[i].Value = v.form(fields[i].Name)
			}
			v.askAgain(&fields[i])
		}
	}
	page.Form = v.newForm(page.Path+"/edit", refusal, fields...)
	page.Form.ETag = v.heldAt(s.ETag(), refusal)
	for _, name := range own {
		page.Own = append(page.Own, page.Form.Fields[name])
	}
	page.Expert = v.form("view") == "expert" || slices.ContainsFunc(page.Form.Wrong, func(f *Field) bool { return !slices.Contains(simpleFields(), f.Name) })
	if preview != nil {
		page.Preview = v.sourcePreview(&s, preview)
	}
	return page, nil
}

func (v *visit) sourceFields(s *hub.Source) []Field {
	text := v.lang.Text
	return []Field{
		{Name: "name", Pointer: "/name", Label: text("web.column.name"), Value: s.Name, Required: true},
		{Name: "description", Pointer: "/description", Label: text("web_source.description"), Type: "textarea", Value: s.Description},
		v.labelsField(s.Labels),
		{Name: "secret", Pointer: "/verify/secrets", Label: text("web_source.secret_new"), Hint: text("web_source.secret_keep"), Type: "password", Autocomplete: "off", Mono: true},
		{Name: "keep_old", Label: text("web_source.keep_old"), Hint: text("web_source.keep_old_hint"), Type: "check"},
		{Name: "types", Pointer: "/accept/event_types", Label: text("web_source.accept_types"), Hint: text("web_source.accept_hint"), Type: "textarea", Value: strings.Join(s.Accept.EventTypes, "\n"), Mono: true},
		{Name: "condition", Pointer: "/accept/condition", Label: text("web_source.condition"), Hint: text("web_source.condition_hint"), Type: "textarea", Value: s.Accept.Condition, Mono: true, Code: codeCondition},
		{Name: "networks", Pointer: "/allow_networks", Label: text("web_source.networks"), Hint: text("web_source.networks_hint"), Type: "textarea", Value: strings.Join(s.AllowNetworks, "\n"), Mono: true},
		{Name: "path", Pointer: "/path", Label: text("web_source.path"), Hint: text("web_source.path_change"), Value: s.Path, Mono: true},
		{Name: "event_type", Pointer: "/event_type", Label: text("web_source.type_path"), Hint: text("web_source.path_hint", "example", "body.event"), Value: s.EventType, Mono: true},
		{Name: "key", Pointer: "/key", Label: text("web_source.key_path"), Hint: text("web_source.path_hint", "example", "body.order.code"), Value: s.Key, Mono: true},
		{Name: "time", Pointer: "/time", Label: text("web_source.time_path"), Hint: text("web_source.path_hint", "example", "body.created"), Value: s.Time, Mono: true},
		{Name: "zone", Pointer: "/time_zone", Label: text("web_source.zone"), Hint: text("web_source.zone_hint"), Value: s.TimeZone},
		{Name: "duplicate", Pointer: "/duplicate_of/fields", Label: text("web_source.duplicate"), Hint: text("web_source.duplicate_hint"), Type: "textarea", Value: strings.Join(s.DuplicateOf.Fields, "\n"), Mono: true},
		{Name: "window", Pointer: "/duplicate_of/window", Label: text("web_source.window"), Hint: text("web_source.window_hint"), Value: s.DuplicateOf.Window.String()},
		{Name: "thin", Pointer: "/thin", Label: text("web_source.thin"), Hint: text("web_source.thin_hint"), Type: "check", Value: onIf(s.Thin)},
		{Name: "split", Pointer: "/split", Label: text("web_source.split"), Hint: text("web_source.split_hint"), Value: s.Split, Mono: true},
		{Name: "status", Pointer: "/respond/status", Label: text("web_source.answer_status"), Value: strconv.Itoa(s.Respond.Status)},
		{Name: "answer_type", Pointer: "/respond/content_type", Label: text("web_source.answer_type"), Type: "select", Value: s.Respond.ContentType, Options: withChosen(plain("text/plain", "application/json", "application/xml"), s.Respond.ContentType)},
		{Name: "answer", Pointer: "/respond/body", Label: text("web_source.answer_body"), Type: "textarea", Value: s.Respond.Body, Mono: true},
		{Name: "max_body", Pointer: "/max_body", Label: text("web_source.max_body"), Value: s.MaxBody.String()},
	}
}

// withChosen adds what is stored to choices that do not have it.
func withChosen(options []Option, value string) []Option {
	if value == "" || slices.ContainsFunc(options, func(o Option) bool { return o.Value == value }) {
		return options
	}
	return append(options, Option{Value: value, Word: value})
}

func onIf(set bool) string {
	if set {
		return "on"
	}
	return ""
}

func (v *visit) listenerOptions() ([]Option, error) {
	options := []Option{{Value: "", Word: v.lang.Text("web_source.listener_any")}}
	all, _, err := v.Settings.Listeners(v.ctx(), store.Page{Limit: 250})
	for _, l := range all {
		if slices.Contains(l.Serves, hub.ServesReceiver) {
			options = append(options, Option{Value: l.Name, Word: l.Name})
		}
	}
	return options, err
}

// typedSource is the form as a merge patch.
func (v *visit) typedSource(s *settings.Source) (json.RawMessage, error) {
	var wrong hub.Problems
	status, err := strconv.Atoi(strings.TrimSpace(v.form("status")))
	if err != nil {
		wrong.Add("/respond/status", "%s", v.lang.Text("web_source.number_needed"))
	}
	verify := map[string]any{}
	own := map[string]any{}
	if p := v.provider(s.Verify.Scheme); p != nil {
		known, _ := settings.ProviderSettings(p)
		for _, name := range known {
			own[name] = nil // null removes
		}
	}
	for name, value := range v.typedSettings() {
		own[name] = value
	}
	if len(own) > 0 {
		verify["settings"] = own
	}
	if s.Verify.HMAC != nil {
		verify["hmac"] = v.typedHMAC()
	}
	if secret := strings.TrimSpace(v.form("secret")); secret != "" {
		secrets := []string{}
		if v.form("keep_old") != "" && len(s.Verify.Secrets) > 0 {
			secrets = append(secrets, hub.Masked) // stays where it is
		}
		verify["secrets"] = append(secrets, secret)
	}
	labels := map[string]any{}
	if unixLines(v.form("labels")) != linesOf(s.Labels, "=") {
		for name := range s.Labels {
			labels[name] = nil // null removes
		}
		for name, value := range v.typedLines("labels", "=", "/labels", &wrong) {
			labels[name] = value
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"labels": labels,
		"name":   v.form("name"), "description": unixLines(v.form("description")), "verify": verify,
		"accept":         map[string]any{"event_types": entries(v.form("types")), "condition": v.typedRule("condition")},
		"allow_networks": entries(v.form("networks")), "path": strings.TrimSpace(v.form("path")), "listener": v.form("listener"),
		"event_type": v.form("event_type"), "key": v.form("key"), "time": v.form("time"), "time_zone": v.form("zone"),
		"duplicate_of": map[string]any{"fields": entries(v.form("duplicate")), "window": v.form("window")},
		"thin":         v.form("thin") != "", "split": v.form("split"),
		"respond":  map[string]any{"status": status, "content_type": v.form("answer_type"), "body": v.form("answer")},
		"max_body": v.form("max_body"),
	})
}

// saveSource stores the form, or shows what it would do.
func (v *visit) saveSource() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	patch, err := v.typedSource(&s)
	if err == nil && v.form("do") == "preview" {
		return v.previewSource(s, patch)
	}
	if err == nil {
		var asks bool
		if asks, err = v.showSourceWeek(s, patch); asks {
			return err
		}
	}
	if err == nil {
		var saved settings.Source
		if saved, err = v.Settings.PatchSource(v.ctx(), v.tenant(), s.ID.Text(hub.SourcePrefix), patch, v.form("etag"), v.by()); err == nil {
			return v.goTo(sourcePath(&saved), "web_source.saved", "name", saved.Name)
		}
	}
	return v.refuseSource(s, err)
}

// acceptOf is which requests a source accepts, as one text.
func acceptOf(a hub.Accept) string {
	text, _ := json.Marshal(a) //nolint:errcheck // texts alone
	return string(text)
}

// showSourceWeek shows first what a changed rule would have made of the last week's requests; false when there is nothing
// to ask.
func (v *visit) showSourceWeek(s settings.Source, patch json.RawMessage) (asks bool, err error) {
	draft, err := v.Settings.DraftSource(v.ctx(), v.tenant(), s.ID.Text(hub.SourcePrefix), patch)
	if err != nil || v.PreviewSince == nil || v.judged(acceptOf(s.Accept), acceptOf(draft.Accept)) {
		return false, err
	}
	week, err := v.sourceWeek(s, draft)
	if err != nil {
		return false, err
	}
	page, err := v.sourceForm(s, nil, nil)
	if err != nil {
		return true, err
	}
	page.Form.ETag, page.Week = v.form("etag"), week
	return true, v.show("source_edit", s.Name, page)
}

// sourceWeek compares what the settings of a source, stored and changed, make of the last week's requests.
func (v *visit) sourceWeek(before, after settings.Source) (*week, error) {
	since := v.moment.AddDate(0, 0, -weekDays)
	was, err := v.PreviewSince(v.ctx(), v.tenant(), before, since)
	if err != nil {
		return nil, err
	}
	will, err := v.PreviewSince(v.ctx(), v.tenant(), after, since)
	if err != nil {
		return nil, err
	}
	events := map[hub.ID]int{}
	for _, r := range was.Each {
		events[r.ID] = freshOf(r)
	}
	words := weekWords{"web_source.week_events", "web_source.week_new", "web_source.week_gone", "web_source.week_cut", "web_source.week_save"}
	var c change
	var news []otherEvent
	for _, r := range slices.Backward(will.Each) { // the newest first
		a, came := events[r.ID]
		if !came {
			continue // it has come just now
		}
		b := freshOf(r)
		c.count(a, b)
		if a == b || len(news) == mostOthers {
			continue
		}
		reason := v.lang.Text(words.more)
		if a > b {
			reason = strings.TrimSuffix(v.lang.Text(words.less)+": "+v.why(veil(&after, r.Reason)), ": ")
		}
		news = append(news, otherEvent{v.when(r.At), requestPath(&before, r.ID), reason})
	}
	return v.week(c, news, words, was.More, acceptOf(after.Accept)), nil
}

// freshOf is how many new events a request would become.
func freshOf(r hub.PreviewRequest) (n int) {
	for _, e := range r.Events {
		n += oneIf(e.RepeatOf.IsZero())
	}
	return n
}

func (v *visit) refuseSource(s settings.Source, refusal error) error {
	page, err := v.sourceForm(s, refusal, nil)
	if err != nil {
		return err
	}
	return v.refuse(refusal, "source_edit", s.Name, page)
}

func (v *visit) previewSource(s settings.Source, patch json.RawMessage) error {
	if v.PreviewSource == nil {
		return hub.Errorf(hub.Unavailable, "%s", v.lang.Text("web_source.no_receiver"))
	}
	draft, err := v.Settings.DraftSource(v.ctx(), v.tenant(), s.ID.Text(hub.SourcePrefix), patch)
	var p hub.SourcePreview
	if err == nil {
		p, err = v.PreviewSource(v.ctx(), v.tenant(), draft, 0)
	}
	if err != nil {
		return v.refuseSource(s, err)
	}
	page, err := v.sourceForm(s, nil, &p)
	if err != nil {
		return err
	}
	page.Form.ETag = v.form("etag")
	return v.show("source_edit", s.Name, page)
}

func (v *visit) sourcePreview(s *settings.Source, p *hub.SourcePreview) *previewView {
	view := &previewView{Sentence: v.lang.Text("web_source.preview_none")}
	if p.Requests > 0 {
		view.Sentence = v.lang.Text("web_source.preview_requests", "count", p.Requests) + " " + v.lang.Text("web_source.preview_events", "count", p.Events)
		if p.Repeats > 0 {
			view.Sentence += " " + v.lang.Text("web_source.preview_repeats", "count", p.Repeats)
		}
		if p.Ignored > 0 {
			view.Sentence += " " + v.lang.Text("web_source.preview_ignored", "count", p.Ignored)
		}
	}
	for _, r := range p.Each {
		line := previewLine{Path: requestPath(s, r.ID), Why: v.why(veil(s, r.Reason))}
		for _, e := range r.Events {
			line.Repeat = line.Repeat || !e.RepeatOf.IsZero()
			line.Events = append(line.Events, becameLine{Type: e.Type, Key: e.Key})
		}
		view.Each = append(view.Each, line)
	}
	return view
}

// forgetSecrets keeps the newest secret only: the time in which both were good is over.
func (v *visit) forgetSecrets() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	if n := len(s.Verify.Secrets); n > 1 {
		patch, err := json.Marshal(map[string]any{"verify": map[string]any{"secrets": []string{s.Verify.Secrets[n-1].Reveal()}}})
		if err != nil {
			return err
		}
		if s, err = v.Settings.PatchSource(v.ctx(), v.tenant(), s.ID.Text(hub.SourcePrefix), patch, v.form("etag"), v.by()); err != nil {
			return v.refuseSource(s, err)
		}
	}
	return v.goTo(sourcePath(&s)+"/edit", "web_source.secrets_forgotten")
}
