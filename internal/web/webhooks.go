package web

import (
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// webhooksView is what webhooks.html shows: the outgoing webhooks.
type webhooksView struct {
	Lines  []webhookLine
	Pager  Pager
	MayAdd bool
}

type webhookLine struct {
	targetLine
	Events []string
}

// eventsShown is how many event types a line names.
const eventsShown = 3

func (v *visit) webhooksPage() error {
	page, err := v.webhooks()
	if err != nil {
		return err
	}
	return v.show("webhooks", v.lang.Text("web.menu.webhooks"), page)
}

func (v *visit) webhooks() (webhooksView, error) {
	page := webhooksView{MayAdd: v.may(hub.Editor)}
	targets, next, err := v.Settings.Endpoints(v.ctx(), v.tenant(), store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return page, err
	}
	f, err := v.figures(targets)
	if err != nil {
		return page, err
	}
	page.Pager = v.pager(next)
	for i := range targets {
		page.Lines = append(page.Lines, webhookLine{v.targetLine(&targets[i], f), v.eventWords(targets[i].Endpoint.Subscription.EventTypes)})
	}
	return page, nil
}

// eventWords names the first event types of a subscription, and how many more there are; nil is all events.
func (v *visit) eventWords(types []string) []string {
	if len(types) > eventsShown {
		return append(append([]string{}, types[:eventsShown]...), v.lang.Text("web_webhooks.more_events", "count", len(types)-eventsShown))
	}
	return types
}

// words joins a list for a page.
func words(list []string) string { return strings.Join(list, ", ") }
