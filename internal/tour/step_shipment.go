package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// shipment: three targets with different conditions; the third does not get it, and its fate says why.
func (t *Tour) shipment(ctx context.Context) error {
	rules := []struct {
		name, uid, condition string
		gets                 bool
	}{
		{"Customer portal", "portal", "", true},
		{"Warehouse desk", "desk", `data.shipment.status == "collected"`, true},
		{"Accounting", "accounting", `data.shipment.status == "delivered" && data.payment.status == "paid"`, false},
	}
	receivers := make([]*receiver, len(rules))
	targets := make([]endpoint, len(rules))
	for i, r := range rules {
		var err error
		if receivers[i], err = t.receive(r.name); err != nil {
			return err
		}
		targets[i], err = t.add(ctx, r.uid, object{
			"name":         r.name,
			"subscription": object{"event_types": []string{"shipment.status_changed"}, "condition": r.condition},
			"request":      object{"url": receivers[i].base + "/shipments"},
		})
		if err != nil {
			return err
		}
	}
	data, err := sampleOf("cargoson", "shipment.status_changed")
	if err != nil {
		return err
	}
	event, err := t.publish(ctx, "shipment.status_changed", data)
	if err != nil {
		return err
	}
	for i, r := range rules {
		condition := r.condition
		if condition == "" {
			condition = "none"
		}
		if !r.gets {
			f, err := t.settled(ctx, event, targets[i], "skipped")
			if err != nil {
				return err
			}
			if !strings.Contains(f.Reason, "condition") {
				return fmt.Errorf("the fate at %s does not name the condition: %q", r.name, f.Reason)
			}
			t.show.fact("skipped", "%s (condition: %s)", r.name, condition)
			t.show.fact("why", "%s", escape(f.Reason))
			continue
		}
		got, err := receivers[i].next(ctx)
		if err != nil {
			return err
		}
		var body struct {
			Data struct {
				Shipment struct {
					Status   string `json:"status"`
					Previous string `json:"previous_status"`
				} `json:"shipment"`
			} `json:"data"`
		}
		if err := json.Unmarshal(got.body, &body); err != nil {
			return fmt.Errorf("the body at %s is not JSON: %w", r.name, err)
		}
		if s := body.Data.Shipment; s.Status != "collected" || s.Previous != "booked" {
			return fmt.Errorf("%s got status %q after %q", r.name, s.Status, s.Previous)
		}
		if _, err := t.settled(ctx, event, targets[i], "delivered"); err != nil {
			return err
		}
		t.show.fact("delivered", "%s (condition: %s)", r.name, condition)
	}
	if quiet, err := receivers[2].quiet(ctx, 0); err != nil {
		return err
	} else if !quiet {
		return fmt.Errorf("%s got it against its condition", rules[2].name)
	}
	t.show.fact("verified", "booked -> collected reached two of three, each with a fate to read")
	return nil
}
