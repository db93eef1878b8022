package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// deliveryEditView is what delivery_edit.html shows: the data of an event, to be changed and sent to one target.
type deliveryEditView struct {
	Number, Target, Path string
	Form                 *Form
	Place                *jsonPlace
	TooLarge             bool
}

// mostEdited is how much data a form takes, in bytes.
const mostEdited = 512 << 10

func (v *visit) editDeliveryPage() error {
	page, err := v.editDelivery(nil)
	if err != nil {
		return err
	}
	return v.show("delivery_edit", v.lang.Text("web_history.edit_again"), page)
}

func (v *visit) editDelivery(refusal error) (deliveryEditView, error) {
	id, d, t, err := v.oneDelivery()
	if err != nil {
		return deliveryEditView{}, err
	}
	e, err := v.Store.Event(v.ctx(), v.tenant(), id.Event)
	if err != nil {
		return deliveryEditView{}, err
	}
	path := "/deliveries/" + id.Text()
	page := deliveryEditView{Number: d.EventKey, Target: t.Name, Path: path, TooLarge: len(e.Data) > mostEdited}
	if page.Number == "" {
		page.Number = d.Type
	}
	if page.TooLarge {
		return page, nil
	}
	var data bytes.Buffer
	if json.Indent(&data, e.Data, "", "  ") != nil {
		data.Reset()
		data.Write(e.Data)
	}
	page.Form = v.newForm(path+"/edit", refusal, Field{
		Name: "data", Pointer: "/data", Label: v.lang.Text("web_history.data"), Hint: v.lang.Text("web_history.data_hint"), Type: "textarea", Mono: true, Code: codeJSON, Value: data.String(), Required: true,
	})
	if refusal != nil {
		page.Place = jsonEnds(v.form("data"))
	}
	return page, nil
}

// resendEdited publishes the changed data as a new event for the delivery's target only, and notes who did it.
func (v *visit) resendEdited() error {
	id, _, t, err := v.oneDelivery()
	if err != nil {
		return err
	}
	event, err := v.resend(id, unixLines(v.form("data")))
	if err != nil {
		page, broken := v.editDelivery(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "delivery_edit", v.lang.Text("web_history.edit_again"), page)
	}
	return v.goTo(searchPath(event), "web_history.sent_edited", "name", visible(t.Name))
}

func (v *visit) resend(id hub.DeliveryID, data string) (event string, err error) {
	var wrong hub.Problems
	v.checkData(data, &wrong)
	if err := wrong.Err(); err != nil {
		return "", err
	}
	p, err := v.Ingest.Resend(v.ctx(), v.tenant(), id, []byte(data))
	if err != nil {
		return "", underData(err)
	}
	event = p.Event.ID.Text(hub.EventPrefix)
	err = v.Store.Write(v.ctx(), func(tx *store.Tx) error {
		_, err := tx.AddRevision(v.ctx(), store.Revision{
			Tenant: v.tenant(), At: v.moment, Who: v.who.Name, Action: "resent", Kind: "delivery", Object: id.Text(), After: []byte(`{"event":"` + event + `"}`),
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("note who sent %s again as %s: %w", id.Text(), event, err)
	}
	return event, nil
}

// underData keeps every fault that the event type's schema finds at the one field of the form.
func underData(err error) error {
	var e *hub.Error
	if hub.CodeOf(err) != hub.SchemaViolated || !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	var said []string
	for _, f := range e.Fields {
		said = append(said, strings.TrimSpace(f.Pointer+" "+f.Detail))
	}
	moved := *e
	moved.Fields = hub.Problems{{Pointer: "/data", Detail: strings.Join(said, "; ")}}
	return &moved
}
