package settings

import (
	"context"
	"fmt"

	"hacek/internal/hub"
)

// noticesUID names the pipeline that mails the hub's notices. It is a pipeline like any other: what it is owed is
// kept, retried, shown and paused in the same way.
const noticesUID = "hacek-notices"

// ensureNotices makes the pipeline that mails notices once a target has addresses for them. One that a person has
// changed or switched off stays as it is.
func (s *Service) ensureNotices(ctx context.Context, t hub.Target) error {
	notify := t.Policy().Notify
	if len(notify.Failing)+len(notify.Disabled)+len(notify.Recovered) == 0 {
		return nil
	}
	_, err := s.Store.TargetByUID(ctx, t.Tenant, hub.KindPipeline, noticesUID)
	if hub.CodeOf(err) != hub.NotFound {
		return err
	}
	uid := noticesUID
	p := hub.DefaultPipeline()
	p.Name, p.UID = "Notices by mail", &uid
	p.Description = "Mails what befalls endpoints and pipelines to the addresses in their settings."
	p.Subscription = hub.Subscription{EventTypes: []string{hub.OwnPrefix + "*"}, Condition: "has(data.mail)"}
	p.Order.By = hub.OrderNone
	mail := hub.Step{Type: hub.StepMail, Subject: "#mail.subject#", Body: "#mail.body#"}
	for i := range hub.MaxNotified {
		mail.To = append(mail.To, fmt.Sprintf("#mail.to[%d]#", i)) // those that are absent are left out
	}
	p.Steps = []hub.Step{mail}
	if _, err := s.createTarget(ctx, aPipeline(t.Tenant, p), By{Name: "hacek"}); err != nil {
		return fmt.Errorf("make the pipeline that mails notices: %w", err)
	}
	return nil
}
