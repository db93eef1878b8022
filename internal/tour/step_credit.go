package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hacek/packs"
)

// credit: without a body it is a GET with the variables in the URL, with a body it is a POST.
func (t *Tour) credit(ctx context.Context) error {
	newsletter, err := t.receive("Newsletter (GET)")
	if err != nil {
		return err
	}
	crm, err := t.receive("CRM (POST)")
	if err != nil {
		return err
	}
	subscription := object{"event_types": []string{"customer.credit_changed"}}
	byGet, err := t.add(ctx, "newsletter", object{
		"name": newsletter.name, "subscription": subscription,
		"request": object{"payload": "none",
			"url": newsletter.base + "/credit/#customer.id#?mail=#customer.email#&tier=#customer.tier.name#&change=#creditChange.value#&pin=#customer.pin#"},
	})
	if err != nil {
		return err
	}
	byPost, err := t.add(ctx, "crm", object{
		"name": crm.name, "subscription": subscription,
		"request": object{"url": crm.base + "/credit", "body": string(packs.Sample("ellity-message-body"))},
	})
	if err != nil {
		return err
	}
	data, err := sampleOf("ellity", "customer.credit_changed")
	if err != nil {
		return err
	}
	event, err := t.publish(ctx, "customer.credit_changed", data)
	if err != nil {
		return err
	}
	asked, err := newsletter.next(ctx)
	if err != nil {
		return err
	}
	t.show.arrived(asked)
	posted, err := crm.next(ctx)
	if err != nil {
		return err
	}
	t.show.arrived(posted)

	const want = "mail=zofie.cerna%40example.cz&tier=Zlat%C3%A1&change=-100&pin="
	if asked.method != "GET" || asked.url.Path != "/credit/5521" || !strings.EqualFold(asked.url.RawQuery, want) || len(asked.body) > 0 {
		return fmt.Errorf("the GET came as %s %s with %d bytes of body, not as /credit/5521?%s", asked.method, asked.url, len(asked.body), want)
	}
	var body struct {
		Eshop, Email, Credit string
	}
	if err := json.Unmarshal(posted.body, &body); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if posted.method != "POST" || body.Eshop != "222651" || body.Email != "zofie.cerna@example.cz" || body.Credit != "1240" {
		return fmt.Errorf("the POST came as %s with %s", posted.method, posted.body)
	}
	t.show.fact("verified", "each variable in its place and escaped for it; the missing one (pin) is empty")
	for _, to := range []endpoint{byGet, byPost} {
		if _, err := t.settled(ctx, event, to, "delivered"); err != nil {
			return err
		}
	}
	return nil
}
