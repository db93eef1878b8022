// Package tour plays six real systems against a running hub - what they send, whom it concerns, what arrives - and
// verifies every step at the receiver. It must not know the hub inside: it uses the REST API, as anybody could.
package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"hacek/internal/client"
	"hacek/internal/hub"
)

// Tour is one visit. All fields are needed; it closes neither ERP nor mailbox.
type Tour struct {
	Hub     *client.Client
	Out     io.Writer
	ERP     *ERP     // empty at the start
	Mailbox *Mailbox // where the hub sends its mails

	show      show
	receivers []*receiver
	shop      *Money
	pulled    bool // by a person
	closing   []func()
}

// patience is how long a step waits for one thing to happen.
const patience = 6 * time.Second

// step is one stop of the tour.
type step struct {
	title string
	play  func(*Tour, context.Context) error
}

func steps() []step {
	return []step{
		{"A shop's order, signed (Shoptet)", (*Tour).order},
		{"A joinery's new project: values in the URL and a JSON body, in one request (profacto)", (*Tour).project},
		{"A customer's credit: once as GET, once as POST with a body of one's own (Ellity)", (*Tour).credit},
		{"An order's new state by PUT: a receiver that fails twice, and a pause that holds (OneStock)", (*Tour).orderState},
		{"A shipment's status to whom it concerns, and why not to the third (Cargoson)", (*Tour).shipment},
		{"A shop's thin notices become orders in an ERP's tables, and in its import API (Shoptet to Money)", (*Tour).money},
		{"A payment, a refund and a subscription: stored, mailed and told to accounting (Stripe)", (*Tour).stripes},
	}
}

// Steps is how many stops there are.
func Steps() int { return len(steps()) }

// packs whose event types the steps use. The first that declares a type keeps it.
func packNames() []string {
	return []string{"shoptet", "profacto", "ellity", "onestock", "cargoson", "stripe"}
}

// Play goes through all steps. The error names the step that could not be verified.
func (t *Tour) Play(ctx context.Context) error {
	t.show = show{out: t.Out}
	types := 0
	for _, name := range packNames() {
		var answer struct {
			Installed []string `json:"installed"`
		}
		if err := t.Hub.Do(ctx, "POST", "/v1/packs/"+name+"/install", nil, &answer); err != nil {
			return fmt.Errorf("install pack %s: %w", name, err)
		}
		types += len(answer.Installed)
	}
	t.show.line("Six systems are known to this hub now: their packs hold %d event types.", types)
	for i, s := range steps() {
		t.show.title(i+1, s.title)
		if err := s.play(t, ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.title, err)
		}
	}
	return nil
}

// Watch shows whatever arrives at the receivers from now on.
func (t *Tour) Watch() {
	for _, r := range t.receivers {
		r.watch(t.show.arrived)
	}
}

// Close stops the receivers.
func (t *Tour) Close() {
	for _, r := range t.receivers {
		r.close()
	}
	for _, end := range t.closing {
		end()
	}
}

// endpoint is what the tour reads of one.
type endpoint struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Signature struct {
		Secret string `json:"secret"`
	} `json:"signature"`
}

// object is any JSON object.
type object = map[string]any

// add makes an endpoint under a uid of the tour's own; one of an earlier tour makes room.
func (t *Tour) add(ctx context.Context, uid string, settings object) (endpoint, error) {
	settings["uid"] = "tour-" + uid
	err := t.Hub.Do(ctx, "DELETE", "/v1/endpoints/tour-"+uid, nil, nil)
	if err != nil && hub.CodeOf(err) != hub.NotFound {
		return endpoint{}, fmt.Errorf("remove the endpoint of an earlier tour: %w", err)
	}
	var made endpoint
	if err := t.Hub.Do(ctx, "POST", "/v1/endpoints", settings, &made); err != nil {
		return endpoint{}, fmt.Errorf("add endpoint %s: %w", settings["name"], err)
	}
	return made, nil
}

// publish sends an event with its data byte for byte, and answers its id.
func (t *Tour) publish(ctx context.Context, eventType string, data []byte) (string, error) {
	var answer struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	name, err := json.Marshal(eventType)
	if err != nil {
		return "", fmt.Errorf("write the event: %w", err)
	}
	if err := t.Hub.Do(ctx, "POST", "/v1/events", fmt.Appendf(nil, `{"type":%s,"data":%s}`, name, data), &answer); err != nil {
		return "", fmt.Errorf("publish %s: %w", eventType, err)
	}
	t.show.fact("published", "%s, key %s, %d bytes of data", eventType, answer.Key, len(data))
	return answer.ID, nil
}

// fate is what became of an event at one target.
type fate struct {
	Target struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"target"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

func (t *Tour) fateAt(ctx context.Context, event string, at endpoint) (fate, error) {
	var list struct {
		Data []fate `json:"data"`
	}
	if err := t.Hub.Do(ctx, "GET", "/v1/events/"+url.PathEscape(event)+"/fates", nil, &list); err != nil {
		return fate{}, fmt.Errorf("read the fates: %w", err)
	}
	for _, f := range list.Data {
		if f.Target.ID == at.ID {
			return f, nil
		}
	}
	return fate{}, fmt.Errorf("the event has no fate at %s", at.Name)
}

// settled asks until the event's fate at an endpoint is what it should be: an outcome is recorded a moment after the
// receiver has answered.
func (t *Tour) settled(ctx context.Context, event string, at endpoint, outcome string) (fate, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		f, err := t.fateAt(ctx, event, at)
		if err != nil || f.Outcome == outcome {
			return f, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return f, fmt.Errorf("the fate at %s is %s (%s), not %s", at.Name, f.Outcome, f.Reason, outcome)
		}
	}
}
