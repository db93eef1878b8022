package tour

import (
	"context"
	"encoding/json"
	"fmt"

	"hacek/packs"
)

// project: the two-part call. Name, event, table and condition stand in the URL, fields and attributes in the body.
func (t *Tour) project(ctx context.Context) error {
	clock, err := t.receive("Zeiterfassung")
	if err != nil {
		return err
	}
	condition := "num(data.project.net_total) > 1000.0"
	to, err := t.add(ctx, "zeiterfassung", object{
		"name":         "Zeiterfassung",
		"subscription": object{"event_types": []string{"project.created"}, "condition": condition},
		"request": object{
			"url":        clock.base + "/profacto",
			"query":      object{"name": "#endpoint.name#", "event": "#event.type#", "table": "#endpoint.table#", "conditions": "#endpoint.condition#"},
			"table":      "Auftrag",
			"fields":     []string{"project.number", "project.name", "project.customer_name"},
			"attributes": object{"mandant": "01"},
		},
	})
	if err != nil {
		return err
	}
	data, err := sampleOf("profacto", "project.created")
	if err != nil {
		return err
	}
	event, err := t.publish(ctx, "project.created", data)
	if err != nil {
		return err
	}
	got, err := clock.next(ctx)
	if err != nil {
		return err
	}
	t.show.arrived(got)

	query := got.url.Query()
	want := map[string]string{"name": "Zeiterfassung", "event": "project.created", "table": "Auftrag", "conditions": condition}
	for name, value := range want {
		if query.Get(name) != value {
			return fmt.Errorf("the URL has %s=%q, not %q", name, query.Get(name), value)
		}
	}
	var body struct {
		Data struct {
			Project map[string]any `json:"project"`
		} `json:"data"`
		Attributes map[string]string `json:"attributes"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	p := body.Data.Project
	if got.method != "POST" || len(p) != 3 || p["name"] != "Küche Familie Müller" || p["number"] != "2024-0187" || body.Attributes["mandant"] != "01" {
		return fmt.Errorf("the body is not the three fields and the attribute: %s", got.body)
	}
	t.show.fact("verified", "four values in the URL; three chosen fields and the attribute mandant in the body")
	_, err = t.settled(ctx, event, to, "delivered")
	return err
}

// sampleOf is a pack's own example of an event.
func sampleOf(pack, eventType string) (json.RawMessage, error) {
	p, err := packs.Open(pack)
	if err != nil {
		return nil, fmt.Errorf("read the sample of %s: %w", eventType, err)
	}
	found := p.Type(eventType)
	if found == nil {
		return nil, fmt.Errorf("BUG: pack %s has no %s", pack, eventType)
	}
	return found.Sample, nil
}
