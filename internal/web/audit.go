package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// auditView is what audit.html shows: who changed what, when, from what to what.
type auditView struct {
	Filters []Field
	Wrong   string
	Some    bool
	Lines   []auditLine
	Pager   Pager
	Refused *Form // an undo that was refused
	Waiting int64 // deliveries that would go elsewhere: to be confirmed
}

type auditLine struct {
	At                            time.Time
	Who, Action, Kind, Name, Path string
	Undo                          string // where the change is taken back; "" when it cannot be
	Changes                       []auditChange
	More                          int // changes that are not shown
}

// auditChange is one setting: what it was, and what it became.
type auditChange struct{ Name, Before, After string }

const (
	mostChanges = 40
	longestSide = 300 // runes
)

// auditKinds are what one may filter by.
func auditKinds() []string {
	return []string{"endpoint", "pipeline", "source", "connection", "table", "listener", "event_type", "user", "key", "tenant", "delivery", "request", "event", "support_bundle"}
}

// auditOfHub chooses the changes of what belongs to no tenant.
const auditOfHub = "hub"

func (v *visit) auditPage() error {
	page, err := v.audit()
	if err != nil {
		return err
	}
	return v.show("audit", v.lang.Text("web_settings.audit"), page)
}

// auditTenant is whose changes are shown; only who looks after the whole hub sees those of the hub itself.
func (v *visit) auditTenant(of string) (int64, error) {
	if of != auditOfHub {
		return v.tenant(), nil
	}
	return 0, v.installation()
}

func (v *visit) audit() (auditView, error) {
	query := v.r.URL.Query()
	page := auditView{Some: v.filtered("kind", "who", "object", "since", "until")}
	tenant, err := v.auditTenant(query.Get("of"))
	if err != nil {
		return page, err
	}
	filter := store.RevisionFilter{Tenant: tenant, Kind: query.Get("kind"), Who: strings.TrimSpace(query.Get("who")), Object: strings.TrimSpace(query.Get("object"))}
	filter.Since, filter.Until, page.Wrong = v.span()
	page.Filters = v.auditFilters()
	list, next, err := v.Store.Revisions(v.ctx(), filter, store.Page{Cursor: query.Get("cursor")})
	if err != nil {
		return page, err
	}
	page.Pager = v.pager(next)
	for i := range list {
		page.Lines = append(page.Lines, v.auditLine(&list[i], query.Get("of")))
	}
	return page, nil
}

func (v *visit) auditFilters() []Field {
	query := v.r.URL.Query()
	kinds := []Option{{Word: v.lang.Text("web_settings.every_kind")}}
	for _, kind := range auditKinds() {
		kinds = append(kinds, Option{Value: kind, Word: v.lang.Text("web_settings.kind." + kind)})
	}
	var fields []Field
	if v.who.Installation {
		fields = append(fields, Field{Name: "of", Label: v.lang.Text("web_settings.of"), Type: "select", Value: query.Get("of"), Options: []Option{
			{Word: v.lang.Text("web_settings.of_tenant")}, {Value: auditOfHub, Word: v.lang.Text("web_settings.of_hub")}}})
	}
	fields = append(fields,
		Field{Name: "kind", Label: v.lang.Text("web_settings.kind"), Type: "select", Value: query.Get("kind"), Options: kinds},
		Field{Name: "who", Label: v.lang.Text("web_settings.who"), Value: query.Get("who")},
		Field{Name: "since", Label: v.lang.Text("web_history.since"), Value: query.Get("since"), Type: "datetime-local"},
		Field{Name: "until", Label: v.lang.Text("web_history.until"), Value: query.Get("until"), Type: "datetime-local"})
	numbered(fields)
	return fields
}

func (v *visit) auditLine(r *store.Revision, of string) auditLine {
	line := auditLine{At: r.At, Who: r.Who, Action: v.actionWord(r.Action), Kind: r.Kind, Name: nameIn(r.After), Path: objectPath(r)}
	if slices.Contains(auditKinds(), r.Kind) {
		line.Kind = v.lang.Text("web_settings.kind." + r.Kind)
	}
	if line.Name == "" {
		line.Name = nameIn(r.Before)
	}
	if line.Name == "" {
		line.Name = cmp.Or(v.numberOf(r), r.Object)
	}
	if r.Kind == "support_bundle" {
		line.Name = line.Kind
	}
	if settings.Undoable(r) && (v.who.Installation || !ofInstallation(r.Kind)) {
		line.Undo = address("/settings/audit/"+strconv.FormatInt(r.No, 10)+"/undo", auditQuery(of))
	}
	line.Changes = differences(r.Before, r.After)
	if len(line.Changes) > mostChanges {
		line.More = len(line.Changes) - mostChanges
		line.Changes = line.Changes[:mostChanges]
	}
	return line
}

func auditQuery(of string) string {
	if of == auditOfHub {
		return "of=" + auditOfHub
	}
	return ""
}

// ofInstallation are kinds that reach into the network and the files of the machine (rule 15).
func ofInstallation(kind string) bool { return kind == "connection" || kind == "listener" }

func (v *visit) actionWord(action string) string {
	switch action {
	case "created", "changed", "deleted", "paused", "resumed", "disabled", "active", "resent", "published", "released", "shared", "taken", "installed":
		return v.lang.Text("web_settings.action." + action)
	case "portal link made":
		return v.lang.Text("web_portal.action.link")
	case "portal entered":
		return v.lang.Text("web_portal.action.entered")
	case "portal sessions ended":
		return v.lang.Text("web_portal.action.ended")
	case "secret read":
		return v.lang.Text("web_settings.action.secret_read")
	case "changed with password":
		return v.lang.Text("web_settings.action.password")
	}
	return action
}

// numberOf is the document number of the event or delivery that was changed, by which people know it; "" when it has none
// or is gone.
func (v *visit) numberOf(r *store.Revision) string {
	event, err := hub.ParseID(hub.EventPrefix, r.Object)
	if delivery, wrong := hub.ParseDeliveryID(r.Object); wrong == nil {
		event, err = delivery.Event, nil
	}
	if err != nil {
		return ""
	}
	e, err := v.Store.Event(v.ctx(), r.Tenant, event)
	if err != nil {
		return ""
	}
	return e.Key
}

// nameIn is the name in a revision's before or after.
func nameIn(raw []byte) string {
	var named struct{ Name string }
	if json.Unmarshal(raw, &named) != nil {
		return ""
	}
	return named.Name
}

// objectPath is the page of what was changed, while it is there; "" when it has none.
func objectPath(r *store.Revision) string {
	if r.Action == "deleted" {
		return ""
	}
	switch r.Kind {
	case "endpoint":
		return "/webhooks/" + r.Object
	case "pipeline", "source", "connection":
		return "/" + r.Kind + "s/" + r.Object
	case "user", "tenant", "listener":
		return "/settings/" + r.Kind + "s/" + r.Object
	case "delivery":
		return "/deliveries/" + r.Object
	case "event":
		return "/events/" + r.Object
	}
	return ""
}

// differences are the settings that are not the same before and after, by their path.
func differences(before, after []byte) []auditChange {
	old, now := flat(before), flat(after)
	var list []auditChange
	for _, name := range sortedKeys(old) {
		if value, stays := now[name]; !stays || value != old[name] {
			list = append(list, auditChange{name, old[name], now[name]})
		}
	}
	for _, name := range sortedKeys(now) {
		if _, was := old[name]; !was {
			list = append(list, auditChange{name, "", now[name]})
		}
	}
	for i := range list {
		list[i] = auditChange{visible(list[i].Name), side(list[i].Before), side(list[i].After)}
	}
	return list
}

func side(text string) string {
	if runes := []rune(text); len(runes) > longestSide {
		text = string(runes[:longestSide]) + "…"
	}
	return visible(text)
}

// written is a value as people read it; what is empty or absent is "".
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any:
		return "" // an empty one: the fields of others have lines of their own
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, written(one))
		}
		return words(parts)
	}
	return fmt.Sprint(value)
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}

// flat lists the values of a JSON object by path, without what counts the versions.
func flat(raw []byte) map[string]string {
	out := map[string]string{}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if len(raw) == 0 || decoder.Decode(&value) != nil {
		return out
	}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		fields, nested := value.(map[string]any)
		if nested && len(fields) > 0 {
			for name, inner := range fields {
				below := name
				if path != "" && path != "settings" {
					below = path + "." + name
				}
				walk(below, inner)
			}
			return
		}
		if list, ok := value.([]any); ok && slices.ContainsFunc(list, isObject) {
			for i, inner := range list {
				walk(path+"."+strconv.Itoa(i+1), inner)
			}
			return
		}
		if text := written(value); text != "" {
			out[path] = text
		}
	}
	walk("", value)
	for _, counted := range []string{"version", "Version", "state_at", "created_at", "updated_at"} {
		delete(out, counted)
	}
	return out
}

// refuseUndo shows the list again with why, and asks where deliveries that wait would go elsewhere.
func (v *visit) refuseUndo(r *store.Revision, refusal error) error {
	if ours(refusal) {
		return refusal
	}
	page, err := v.audit()
	if err != nil {
		return err
	}
	page.Refused = v.newForm(address(v.r.URL.Path, v.r.URL.RawQuery), refusal)
	page.Pager = Pager{}
	if hub.CodeOf(refusal) == hub.Conflict && (r.Kind == string(hub.KindEndpoint) || r.Kind == string(hub.KindPipeline)) {
		t, err := v.Settings.Target(v.ctx(), r.Tenant, hub.Kind(r.Kind), r.Object)
		if err != nil {
			return err
		}
		if page.Waiting, _, err = v.Store.Waiting(v.ctx(), t.No); err != nil {
			return err
		}
	}
	return v.refuse(refusal, "audit", v.lang.Text("web_settings.audit"), page)
}

// undoChange puts settings back to what they were before a change.
func (v *visit) undoChange() error {
	tenant, err := v.auditTenant(v.r.URL.Query().Get("of"))
	if err != nil {
		return err
	}
	no, err := strconv.ParseInt(v.r.PathValue("revision"), 10, 64)
	if err != nil {
		return hub.Errorf(hub.NotFound, "no revision %q", v.r.PathValue("revision"))
	}
	r, err := v.Store.Revision(v.ctx(), tenant, no)
	if err != nil {
		return err
	}
	if ofInstallation(r.Kind) {
		if err := v.installation(); err != nil {
			return err
		}
	}
	if _, err = v.Settings.Undo(v.ctx(), tenant, no, "*", v.byMoving()); err != nil {
		return v.refuseUndo(&r, err)
	}
	name := nameIn(r.Before)
	if name == "" {
		name = r.Object
	}
	return v.goTo(address("/settings/audit", auditQuery(v.r.URL.Query().Get("of"))), "web_settings.undone", "name", name)
}
