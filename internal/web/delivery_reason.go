package web

import (
	"regexp"

	"hacek/internal/hub"
)

// reasonPattern is a reason as the hub writes it down, in English, and the message that says it in every language.
type reasonPattern struct {
	text *regexp.Regexp
	key  string
	name string // the placeholder that takes what the pattern caught; "" takes nothing
}

var reasonPatterns = []reasonPattern{
	{regexp.MustCompile(`^answered (\d+)$`), "web_history.reason.answered", "status"},
	{regexp.MustCompile(`^all steps done$`), "web_history.reason.steps", ""},
	{regexp.MustCompile(`^switched off by (.+)$`), "web_history.reason.off_by", "name"},
	{regexp.MustCompile(`^switched off$`), "web_history.reason.off", ""},
	{regexp.MustCompile(`^the (?:endpoint|pipeline) is off\b.*$`), "web_history.reason.off", ""},
	{regexp.MustCompile(`^the (?:endpoint|pipeline) is paused by (.+)$`), "web_history.reason.paused_by", "name"},
	{regexp.MustCompile(`^the (?:endpoint|pipeline) is paused$`), "web_history.reason.paused", ""},
	{regexp.MustCompile(`^the (?:endpoint|pipeline) is disabled\b.*$`), "web_history.reason.disabled", ""},
	{regexp.MustCompile(`^the (?:endpoint|pipeline) was created after the event$`), "web_history.reason.later", ""},
	{regexp.MustCompile(`^the event was sent again to another target only$`), "web_history.reason.another", ""},
	{regexp.MustCompile(`^condition: (.+)$`), "web_history.reason.condition", "detail"},
	{regexp.MustCompile(`^condition_error: (.+)$`), "web_history.reason.condition_error", "detail"},
	{regexp.MustCompile(`^event type: (.+) is not subscribed$`), "web_history.reason.type", "name"},
	{regexp.MustCompile(`^source: (.+) is not subscribed$`), "web_history.reason.source", "name"},
	{regexp.MustCompile(`^not verified: `), "web_history.reason.unverified", ""},
	{regexp.MustCompile(`^cancelled by (.+)$`), "web_history.reason.cancelled", "name"},
	{regexp.MustCompile(`^all \d+ tr(?:y|ies) used up: (.+)$`), "web_history.reason.used_up", "detail"},
	{regexp.MustCompile(`^final by rule: (.+)$`), "web_history.reason.final", "detail"},
	{regexp.MustCompile(`^the receiver answered 410 Gone$`), "web_history.reason.gone", ""},
}

// reason says why something is as it is in the reader's language; what the hub quotes of others stays as it is.
func (v *visit) reason(text string) string {
	for _, p := range reasonPatterns {
		found := p.text.FindStringSubmatch(text)
		switch {
		case found == nil:
		case p.name == "":
			return v.lang.Text(p.key)
		default:
			return v.lang.Text(p.key, p.name, visible(found[1]))
		}
	}
	return visible(text)
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
