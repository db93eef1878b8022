package web

import (
	"unicode"
	"unicode/utf8"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// said is what the hub said in English, in the reader's language. What others said inside it stays, every character of
// it visible.
func (v *visit) said(english string) string { return visible(v.lang.Sentence(english)) }

func (v *visit) saidAll(english []string) []string {
	var list []string
	for _, text := range english {
		list = append(list, v.lang.Sentence(text))
	}
	return list
}

// reason says why something is as it is, as a sentence of its own.
func (v *visit) reason(english string) string {
	text := v.said(english)
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// deliveryReason says why a delivery is as it is: what became of it, what holds it, or when the next try is.
func (v *visit) deliveryReason(d *store.DeliveryRow, t *hub.Target) string {
	switch {
	case !d.At.IsZero():
	case v.deliveryOutcome(d, t) == hub.OutcomeHeld:
		return v.lang.Text("web_history.reason." + string(t.State))
	case d.Tries > 0:
		return v.lang.Text("web_history.next_try", "time", v.nextTry(d.DueAt, v.when))
	default:
		if waits, err := v.Store.Waits(v.ctx(), &d.Delivery, t.Policy().Order); err == nil && waits != "" {
			return v.reason(waits)
		}
	}
	return v.reason(d.Reason)
}

// outcomeBadge is what became of an event at a target.
func (v *visit) outcomeBadge(outcome string) Badge {
	switch outcome {
	case hub.OutcomeSkipped:
		return Badge{"skip", "skip", v.lang.Text("web_history.skipped")}
	case hub.OutcomeHeld:
		return Badge{"hold", "hold", v.lang.Text("web.state.held")}
	case string(hub.Delivered):
		return Badge{"ok", "ok", v.lang.Text("web.state.delivered")}
	case string(hub.Failed):
		return Badge{"fail", "fail", v.lang.Text("web.state.failed")}
	case string(hub.Pending):
		return Badge{"", "wait", v.lang.Text("web.state.pending")}
	}
	return Badge{"skip", "slash", v.lang.Text("web.state." + outcome)}
}
