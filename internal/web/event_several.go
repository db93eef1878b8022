package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// severalEvents is the part of event_new.html that takes several events at once, as POST /v1/events/batch does.
type severalEvents struct {
	Several         *Form
	Taken, NotTaken string // how many of them; "" before any was sent
	Refused         []refusedEvent
}

// refusedEvent is an event that was not taken; the form holds the refused ones alone, in this order.
type refusedEvent struct {
	N   int
	Why string
}

func (v *visit) severalForm(refusal error, typed string) *Form {
	text := func(key string) string { return v.lang.Text("web_history." + key) }
	f := v.newForm("/events/new/several", refusal,
		Field{Name: "several", Pointer: "/several", Label: text("publish_several_events"), Hint: v.lang.Text("web_history.publish_several_hint", "example", `{"type": "order.created", "data": {…}}`), Type: "textarea", Mono: true},
		Field{Name: "file", Pointer: "/file", Label: text("publish_several_file"), Hint: text("publish_several_file_hint"), Type: "file"})
	f.Fields["several"].Value = typed
	return f
}

// publishSeveral publishes each event that can be; the others come back to be mended.
func (v *visit) publishSeveral() error {
	text, err := v.typedSeveral()
	var lines []ingest.Line
	if err == nil {
		lines, err = v.readSeveral(text)
	}
	if err != nil {
		return v.refuseSeveral(err, text, nil, 0)
	}
	var inputs []ingest.Input
	for _, line := range lines {
		if line.Err == nil {
			inputs = append(inputs, line.Input)
		}
	}
	published := v.Ingest.Publish(v.ctx(), v.tenant(), inputs...)
	var made []ingest.Published
	var refused []refusedEvent
	var left []string
	var broken error // a fault of ours
	taken, next := 0, 0
	for _, line := range lines {
		why := line.Err
		if why == nil {
			p := published[next]
			next++
			if why = p.Err; why == nil {
				if taken++; !p.Duplicate {
					made = append(made, p)
				}
				continue
			}
		}
		if hub.CodeOf(why) == "" {
			broken = why
		}
		left = append(left, oneLine(line.Raw))
		refused = append(refused, refusedEvent{len(left), v.whyRefused(why)})
	}
	if err := cmp.Or(v.notePublished(made), broken); err != nil {
		return err
	}
	if len(refused) > 0 {
		return v.refuseSeveral(nil, strings.Join(left, "\n"), refused, taken)
	}
	return v.goTo("/events", "web_history.publish_several_done", "count", itoa(taken))
}

// typedSeveral is the file, or else what was pasted.
func (v *visit) typedSeveral() (string, error) {
	file, _, err := v.r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return v.form("several"), nil
	}
	if err != nil {
		return "", hub.Errorf(hub.TooLarge, "the form could not be read: %v", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		return "", hub.Errorf(hub.Invalid, "the form could not be read: %v", err)
	}
	return string(text), nil
}

// readSeveral takes them apart: an array, one event a line, or one event alone over several lines.
func (v *visit) readSeveral(text string) ([]ingest.Line, error) {
	var wrong hub.Problems
	text = strings.TrimSpace(text)
	kind := "application/x-ndjson"
	switch {
	case text == "":
		wrong.Add("/several", "%s", v.lang.Text("web_history.publish_several_needed"))
	case strings.HasPrefix(text, "["):
		kind = "application/json"
	case json.Valid([]byte(text)):
		kind, text = "application/json", "["+text+"]"
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	lines, err := v.ReadBatch(kind, []byte(text))
	if code := hub.CodeOf(err); code != "" {
		wrong.Add("/several", "%s", v.said(refusalOf(err)))
		return nil, wrong.Err()
	}
	return lines, err
}

// oneLine is an event on a line of its own, as it was written where it is no JSON.
func oneLine(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

func refusalOf(err error) string {
	var e *hub.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Detail
}

// whyRefused is what is wrong with one event, each fault with its place.
func (v *visit) whyRefused(err error) string {
	var faults []string
	for _, f := range fieldsOf(err) {
		faults = append(faults, strings.TrimSpace(visible(f.Pointer)+" "+v.said(f.Detail)))
	}
	if len(faults) == 0 {
		return v.reason(refusalOf(err))
	}
	return strings.Join(faults, "; ")
}

// refuseSeveral shows the page again, with what is left to be mended.
func (v *visit) refuseSeveral(refusal error, left string, refused []refusedEvent, taken int) error {
	page, err := v.newEvent(nil)
	if err != nil {
		return err
	}
	page.Several, page.Refused = v.severalForm(refusal, left), refused
	title := v.lang.Text("web_history.publish")
	if refusal != nil {
		return v.refuse(refusal, "event_new", title, page)
	}
	page.Taken, page.NotTaken = v.lang.Text("web_history.publish_several_done", "count", taken), v.lang.Text("web_history.publish_several_refused", "count", len(refused))
	return v.render(http.StatusUnprocessableEntity, "event_new", title, page)
}
