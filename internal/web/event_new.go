package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// newEventView is what event_new.html shows: an event that somebody publishes by hand.
type newEventView struct {
	Form  *Form
	Place *jsonPlace
	More  bool // what is seldom needed is open
	severalEvents
}

func (v *visit) newEventPage() error {
	page, err := v.newEvent(nil)
	if err != nil {
		return err
	}
	return v.show("event_new", v.lang.Text("web_history.publish"), page)
}

// newEvent builds the form: with the sample of the chosen type, or after a refusal with what was typed.
func (v *visit) newEvent(refusal error) (newEventView, error) {
	all, err := v.Settings.EventTypes(v.ctx())
	if err != nil {
		return newEventView{}, err
	}
	kind := v.chosenType()
	types, known := v.typeOptions(all, kind)
	own := kind
	if known {
		own = ""
	}
	data, err := v.exampleOf(all, kind)
	if err != nil {
		return newEventView{}, err
	}
	text := func(key string) string { return v.lang.Text("web_history." + key) }
	seldom := []Field{
		{Name: "id", Pointer: "/id", Label: text("caller_id"), Hint: text("publish_id_hint"), Value: v.form("id"), Mono: true},
		{Name: "time", Pointer: "/time", Label: text("happened"), Hint: text("publish_time_hint"), Type: "datetime-local", Value: v.form("time")},
		{Name: "channels", Pointer: "/channels", Label: text("channels"), Hint: text("publish_channels_hint"), Type: "textarea", Value: v.form("channels")},
		{Name: "metadata", Pointer: "/metadata", Label: text("metadata"), Hint: text("publish_metadata_hint"), Type: "textarea", Value: v.form("metadata"), Mono: true, Code: codeJSON},
	}
	page := newEventView{More: slices.ContainsFunc(seldom, func(f Field) bool { return f.Value != "" })}
	page.Form = v.newForm("/events/new", refusal, append(seldom,
		Field{Name: "type", Pointer: "/type", Label: text("event_type"), Type: "select", Value: kind, Options: types},
		Field{Name: "own_type", Label: text("publish_own_type"), Hint: text("publish_own_type_hint"), Value: own, Mono: true},
		Field{Name: "key", Pointer: "/key", Label: v.lang.Text("web.column.number"), Hint: text("publish_key_hint"), Value: v.form("key")},
		Field{Name: "data", Pointer: "/data", Label: text("data"), Hint: text("data_hint"), Type: "textarea", Mono: true, Code: codeJSON, Value: data, Required: true})...)
	if refusal != nil {
		page.Place = jsonEnds(v.form("data"))
	}
	page.Several = v.severalForm(nil, "")
	return page, nil
}

// chosenType is the one that was typed where it is in no list, else the one that was chosen.
func (v *visit) chosenType() string {
	return cmp.Or(strings.TrimSpace(v.r.FormValue("own_type")), v.r.FormValue("type"))
}

// typeOptions are the event types to choose from; known tells whether the chosen one is among them.
func (v *visit) typeOptions(all []settings.EventType, chosen string) (options []Option, known bool) {
	for i := range all {
		t := &all[i]
		if t.Deprecated && t.Name != chosen || strings.HasPrefix(t.Name, hub.OwnPrefix) {
			continue
		}
		word := t.Name
		if title := v.titleOf(t.Title); title != "" {
			word = title + " (" + t.Name + ")"
		}
		options, known = append(options, Option{Value: t.Name, Word: visible(word)}), known || t.Name == chosen
	}
	slices.SortFunc(options, func(a, b Option) int { return cmp.Compare(a.Word, b.Word) })
	return append([]Option{{Word: v.lang.Text("web_history.publish_other")}}, options...), known
}

// exampleOf is what the data of a type look like: the catalogue's sample, else those of the newest event.
func (v *visit) exampleOf(all []settings.EventType, kind string) (string, error) {
	for i := range all {
		if all[i].Name == kind && len(all[i].Sample) > 0 {
			return indented(all[i].Sample), nil
		}
	}
	if kind != "" {
		events, _, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant(), Types: []string{kind}}, store.Page{Limit: 1})
		if err != nil {
			return "", err
		}
		if len(events) > 0 && len(events[0].Data) <= mostEdited {
			return indented(events[0].Data), nil
		}
	}
	return "{\n  \n}", nil
}

// publishEvent sends what was typed through the same door as any other event, and notes who did it.
func (v *visit) publishEvent() error {
	if v.form("do") == "look" {
		return v.newEventPage()
	}
	p, err := v.publishTyped()
	if err != nil {
		if ours(err) {
			return err
		}
		page, broken := v.newEvent(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "event_new", v.lang.Text("web_history.publish"), page)
	}
	said := "web_history.publish_done"
	if p.Duplicate {
		said = "web_history.publish_known"
	}
	return v.goTo(eventPath(p.Event), said)
}

func (v *visit) publishTyped() (ingest.Published, error) {
	in, err := v.typedEvent()
	if err != nil {
		return ingest.Published{}, err
	}
	p := v.Ingest.Publish(v.ctx(), v.tenant(), in)[0]
	if p.Err != nil || p.Duplicate {
		return p, underData(p.Err)
	}
	return p, v.notePublished([]ingest.Published{p})
}

// notePublished writes down who published events.
func (v *visit) notePublished(all []ingest.Published) error {
	err := v.Store.Write(v.ctx(), func(tx *store.Tx) error {
		for _, p := range all {
			_, err := tx.AddRevision(v.ctx(), store.Revision{
				Tenant: v.tenant(), At: v.moment, Who: v.who.Name, Action: "published", Kind: "event", Object: p.Event.ID.Text(hub.EventPrefix),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note who published %d events: %w", len(all), err)
	}
	return nil
}

func (v *visit) typedEvent() (ingest.Input, error) {
	var wrong hub.Problems
	data := unixLines(v.form("data"))
	in := ingest.Input{Type: v.chosenType(), Data: []byte(data), ID: strings.TrimSpace(v.form("id")), Channels: entries(v.form("channels"))}
	if key := strings.TrimSpace(v.form("key")); key != "" {
		in.Key = &key
	}
	v.checkData(data, &wrong)
	at, ok := v.localTime(v.form("time"))
	if in.Time = at; !ok {
		wrong.Add("/time", "%s", v.lang.Text("web_history.no_time", "value", visible(v.form("time"))))
	}
	if metadata := strings.TrimSpace(v.form("metadata")); metadata != "" {
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(metadata), &object) != nil || object == nil {
			wrong.Add("/metadata", "%s", v.lang.Text("web_history.no_object", "example", `{"customer": 4711}`))
		}
		in.Metadata = []byte(metadata)
	}
	if in.Type == "" {
		wrong.Add("/type", "%s", v.lang.Text("web_history.publish_type_needed"))
	}
	return in, wrong.Err()
}
