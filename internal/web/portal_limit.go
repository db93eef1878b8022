package web

import (
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// What a customer in the portal does not see is decided here; that they may not save it either is settings' rule.

// offered is the catalogue as this visitor may see it.
func (v *visit) offered() ([]settings.EventType, error) {
	all, err := v.Settings.EventTypes(v.ctx())
	if err != nil || v.portal == nil {
		return all, err
	}
	var list []settings.EventType
	for i := range all {
		if all[i].VisibleInPortal {
			list = append(list, all[i])
		}
	}
	return list, nil
}

// shows tells, for every event type, whether this visitor may see events of it that were not sent to them.
func (v *visit) shows() (func(eventType string) bool, error) {
	if v.portal == nil {
		return func(string) bool { return true }, nil
	}
	visible, err := v.Settings.PortalTypes(v.ctx())
	return func(eventType string) bool { return visible[eventType] }, err
}

// mayTry refuses another's event, or one of a type that is not shown, as what to try a webhook with.
func (v *visit) mayTry(ref string) error {
	if v.portal == nil {
		return nil
	}
	id, err := hub.ParseID(hub.EventPrefix, ref)
	if err != nil {
		return err
	}
	e, err := v.Store.Event(v.ctx(), v.tenant(), id)
	if err != nil {
		return err
	}
	shows, err := v.shows()
	if err == nil && !shows(e.Type) {
		err = hub.Errorf(hub.NotFound, "no event %s", ref)
	}
	return err
}

// eventLink is the page of an event, "" where there is none.
func (v *visit) eventLink(e *hub.Event) string {
	if v.portal != nil {
		return ""
	}
	return "/events/" + e.ID.Text(hub.EventPrefix)
}

// maySecret tells whether to offer the signing secret: in the console it is an administrator's, in the portal it is
// that of the customer's own receiver.
func (v *visit) maySecret() bool {
	if v.portal != nil {
		return v.may(hub.Editor)
	}
	return v.may(hub.Administrator)
}

// mine tells whether a target is among those this visitor deals with.
func (v *visit) mine(t *hub.Target) bool { return v.portal == nil || t.Kind == hub.KindEndpoint }
