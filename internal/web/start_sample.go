package web

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// sampleShop is the provider whose signed samples the sample shop sends, and sampleLabel marks what belongs to it.
const (
	sampleShop  = "shoptet"
	sampleLabel = "hacek.sample"
)

// sampleSent is what the shop sends; the source does not accept the last.
func sampleSent() []string {
	return []string{"order:create", "order:update", "invoice:create", "customer:create", "customer:update"}
}

// sampleSet is what was made for looking around.
type sampleSet struct {
	sources []settings.Source
	targets []hub.Target
}

func (v *visit) sampleSet() (set sampleSet, err error) {
	for page := (store.Page{Limit: 100}); ; {
		list, next, err := v.Settings.Sources(v.ctx(), v.tenant(), page)
		if err != nil {
			return set, err
		}
		for _, s := range list {
			if s.Labels[sampleLabel] != "" {
				set.sources = append(set.sources, s)
			}
		}
		if page.Cursor = next; next == "" {
			break
		}
	}
	all, err := v.Store.AllTargets(v.ctx(), v.tenant())
	for _, t := range all {
		if !t.Deleted && (t.Endpoint.Labels[sampleLabel] != "" || t.Pipeline.Labels[sampleLabel] != "") {
			set.targets = append(set.targets, t)
		}
	}
	return set, err
}

// lookSteps are those of looking around: the set is made, what the shop sends arrives, and it goes different ways.
func (v *visit) lookSteps() (steps []startStep, remove string, err error) {
	set, err := v.sampleSet()
	if err != nil {
		return nil, "", err
	}
	var p progress
	made := startStep{Title: v.lang.Text("web_start.sample"), Text: v.lang.Text("web_start.sample_text"), Action: "/start/look", Send: v.lang.Text("web_start.sample_go")}
	seen := startStep{Title: v.lang.Text("web_start.sample_seen"), Text: v.lang.Text("web_start.sample_seen_text")}
	if len(set.sources) > 0 {
		p.source = &set.sources[0]
		made.Done, made.Action, made.Path, made.Word = true, "", sourcePath(p.source), visible(p.source.Name)
		events, _, err := v.Store.Events(v.ctx(), store.EventFilter{Tenant: v.tenant(), Source: p.source.Name}, store.Page{Limit: 1})
		if err != nil {
			return nil, "", err
		}
		if len(events) > 0 {
			p.came = events[0]
		}
		if seen.Done, err = v.sampleWent(set.targets); err != nil {
			return nil, "", err
		}
		seen.Path, seen.Word = "/deliveries", v.lang.Text("web_start.sample_seen_go")
	}
	if len(set.sources)+len(set.targets) > 0 && v.may(hub.Editor) {
		remove = "/start/look/remove"
	}
	return []startStep{made, v.stepCame(p), seen}, remove, nil
}

// sampleWent tells whether one delivery has worked, one has failed and one waits.
func (v *visit) sampleWent(targets []hub.Target) (bool, error) {
	var numbers []int64
	for i := range targets {
		numbers = append(numbers, targets[i].No)
	}
	for _, state := range []hub.DeliveryState{hub.Delivered, hub.Failed, hub.Pending} {
		rows, _, err := v.Store.Deliveries(v.ctx(), store.DeliveryFilter{Tenant: v.tenant(), Targets: numbers, States: []hub.DeliveryState{state}}, store.Page{Limit: 1})
		if err != nil || len(rows) == 0 {
			return false, err
		}
	}
	return len(numbers) > 0, nil
}

// startSample makes the set and has the shop send: nothing leaves the machine.
func (v *visit) startSample() error {
	err := v.makeSample()
	if err == nil {
		return v.goTo("/start/look", "")
	}
	if ours(err) {
		return err
	}
	page, broken := v.startWay("look")
	if broken != nil {
		return broken
	}
	page.Refused = v.newForm(page.Path, err)
	return v.refuse(err, "start_way", page.Title, page)
}

func (v *visit) makeSample() error {
	if v.Trigger == nil {
		return hub.Errorf(hub.Unavailable, "%s", v.lang.Text("web_source.no_receiver"))
	}
	if set, err := v.sampleSet(); err != nil || len(set.sources) > 0 {
		return err // what is there is looked at
	}
	s, err := v.makeSampleSet()
	if err != nil {
		return errors.Join(err, v.clearSample()) // all of it or nothing
	}
	for _, kind := range sampleSent() {
		if _, err := v.Trigger(v.ctx(), s, kind); err != nil {
			return err
		}
	}
	return nil
}

// makeSampleSet makes the shop and three targets that hear of nothing else: a pipeline that works, one that cannot, and a
// webhook that is paused, so that it calls nobody.
func (v *visit) makeSampleSet() (settings.Source, error) {
	text := v.lang.Text
	labels, sent := map[string]string{sampleLabel: "look"}, sampleSent()
	raw, err := json.Marshal(map[string]any{
		"name": text("web_start.sample_name"), "preset": sampleShop, "path": "sample-" + strings.ToLower(rand.Text()[:10]), "description": text("web_start.sample_about"), "labels": labels,
		"verify": map[string]any{"scheme": sampleShop, "secrets": []string{rand.Text()}},
		"accept": map[string]any{"event_types": sent[:len(sent)-1]},
	})
	if err != nil {
		return settings.Source{}, err
	}
	s, err := v.Settings.CreateSource(v.ctx(), v.tenant(), raw, v.by())
	if err != nil {
		return s, err
	}
	orders := hub.DefaultPipeline()
	orders.Name, orders.Description, orders.Labels = text("web_start.sample_orders"), text("web_start.sample_about"), labels
	orders.Subscription.Sources, orders.Subscription.EventTypes = []string{s.Name}, []string{"order.*", "customer.*"}
	orders.Steps = []hub.Step{{Type: hub.StepMap, As: "row", Fields: map[string]string{"number": "#eventInstance#", "what": "#event.type#"}}}
	invoices := orders
	invoices.Name, invoices.Subscription.EventTypes = text("web_start.sample_invoices"), []string{"invoice.*"}
	invoices.Steps = []hub.Step{{Type: hub.StepValidate, Schema: json.RawMessage(`{"type":"object","required":["vatId"]}`)}}
	for _, p := range []hub.Pipeline{orders, invoices} {
		if _, err := v.Settings.CreatePipeline(v.ctx(), v.tenant(), p, v.by()); err != nil {
			return s, err
		}
	}
	e := hub.DefaultEndpoint()
	e.Name, e.Description, e.Labels = text("web_start.sample_warehouse"), text("web_start.sample_about"), labels
	e.Subscription.Sources, e.Request.URL = []string{s.Name}, "https://warehouse.example/in"
	t, err := v.Settings.CreateEndpoint(v.ctx(), v.tenant(), e, v.by())
	if err == nil {
		_, err = v.Settings.Pause(v.ctx(), v.tenant(), refOf(&t), v.by(), text("web_start.sample_why"))
	}
	return s, err
}

// removeSample takes away what was made for looking around; the log of what happened stays.
func (v *visit) removeSample() error {
	if err := v.clearSample(); err != nil {
		return err
	}
	return v.goTo("/start/look", "web_start.sample_removed")
}

func (v *visit) clearSample() error {
	set, err := v.sampleSet()
	if err != nil {
		return err
	}
	for i := range set.sources {
		if err := v.Settings.DeleteSource(v.ctx(), v.tenant(), set.sources[i].ID.Text(hub.SourcePrefix), "", v.by()); err != nil {
			return err
		}
	}
	for i := range set.targets {
		t := &set.targets[i]
		if err := v.Settings.DeleteTarget(v.ctx(), v.tenant(), t.Kind, t.ID.Text(t.Prefix()), "", v.by()); err != nil {
			return err
		}
	}
	return nil
}
