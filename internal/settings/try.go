package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
	"hacek/internal/store"
)

// TryInput chooses what a test or a preview is made of: a past event, given data, or the sample of an event type.
// Without any, a type that the endpoint subscribes to is taken.
type TryInput struct {
	EventType string          `json:"event_type,omitempty"`
	Event     string          `json:"event,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Key       *string         `json:"key,omitempty"` // with data: the document number; nil: where the event type says it stands
}

// PreviewResult is the call as it would be made, secrets masked.
type PreviewResult struct {
	Method   string
	URL      string
	Headers  []hub.Header
	Body     []byte
	Matched  bool
	Reason   string // why it does not match
	Warnings []string
}

// Test makes one real call and says how it ended, judged by the success rule. It counts for no limit and no health.
func (s *Service) Test(ctx context.Context, tenant int64, ref string, in TryInput, by By) (hub.Attempt, error) {
	t, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return hub.Attempt{}, err
	}
	return s.really(ctx, t, in, by, "saved")
}

// TestUnsaved makes one real call with settings that are not saved, as Test does with those that are. ref is the
// endpoint that they would be saved to, "" for a new one: whoever may not save them may not test them either, and
// "***" stands for what is stored there, under the same rules.
func (s *Service) TestUnsaved(ctx context.Context, tenant int64, ref string, unsaved hub.Endpoint, in TryInput, by By) (hub.Attempt, error) {
	t, prev, err := s.draft(ctx, tenant, ref, &unsaved)
	if err != nil {
		return hub.Attempt{}, err
	}
	if err := s.checkPortal(ctx, &t, prev, by); err != nil {
		return hub.Attempt{}, err
	}
	return s.really(ctx, t, in, by, "unsaved")
}

// really makes the call; settings says which, for the log.
func (s *Service) really(ctx context.Context, t hub.Target, in TryInput, by By, settings string) (hub.Attempt, error) {
	event, err := s.tryEvent(ctx, t.Tenant, t.Endpoint.Subscription, in)
	if err != nil {
		return hub.Attempt{}, err
	}
	compiled, err := sender.Compile(t.Endpoint, t.Tenant)
	if err != nil {
		return hub.Attempt{}, err
	}
	attempt := *s.Sender.Send(ctx, compiled, tryCall(t, event, s.now()))
	s.Log.Info("endpoint tested", "endpoint", t.ID.Text(t.Prefix()), "settings", settings, "by", by.Name, "result", attempt.Result, "took", attempt.Took)
	return attempt, nil
}

// draft is an endpoint as it is stored at ref, or as it would be stored there, or anew, with unsaved settings. prev is
// what is stored, nil for a new one.
func (s *Service) draft(ctx context.Context, tenant int64, ref string, unsaved *hub.Endpoint) (t hub.Target, prev *hub.Target, err error) {
	t = anEndpoint(tenant, hub.Endpoint{})
	if ref != "" {
		if t, err = s.Endpoint(ctx, tenant, ref); err != nil {
			return t, nil, err
		}
		stored := t
		prev = &stored
	}
	if unsaved == nil {
		return t, prev, nil
	}
	e := *unsaved
	var old *hub.Endpoint
	if prev != nil {
		old = &prev.Endpoint
	}
	if err := prepare(&e, old, tenant, s.now()); err != nil {
		return t, prev, err
	}
	t.Endpoint = e
	named(&t)
	return t, prev, nil
}

func tryCall(t hub.Target, event *hub.Event, now time.Time) sender.Call {
	d := hub.DeliveryID{Event: event.ID, Target: t.No}
	return sender.Call{
		Event: event, EventID: event.ID.Text(hub.EventPrefix), DeliveryID: d.Text(), AttemptID: d.Attempt(1),
		Table: t.Endpoint.Request.Table, Number: 1, SettingsVersion: t.Version, Test: true, Now: now,
	}
}

// Preview shows the call that an endpoint would make, or that the unsaved settings would; nothing is sent. With ref
// and unsaved settings, "***" stands for what is stored at ref, under the same rules as when it is saved.
func (s *Service) Preview(ctx context.Context, tenant int64, ref string, unsaved *hub.Endpoint, in TryInput) (PreviewResult, error) {
	t, _, err := s.draft(ctx, tenant, ref, unsaved)
	if err != nil {
		return PreviewResult{}, err
	}
	event, err := s.tryEvent(ctx, tenant, t.Endpoint.Subscription, in)
	if err != nil {
		return PreviewResult{}, err
	}
	compiled, err := sender.Compile(t.Endpoint, tenant)
	if err != nil {
		return PreviewResult{}, err
	}
	call := tryCall(t, event, s.now())
	out, err := s.Sender.Preview(compiled, call)
	if err != nil {
		return PreviewResult{}, err
	}
	result := PreviewResult{Method: out.Method, URL: out.URL, Headers: out.Headers, Body: out.Body, Matched: true}
	if s.Matches != nil {
		result.Matched, result.Reason = s.Matches(ctx, tenant, t.Endpoint.Subscription, event)
	}
	result.Warnings = lines(missing(t, compiled, event, s.now()))
	return result, nil
}

// tryEvent finds or makes the event of a test. One that is made is stored nowhere.
func (s *Service) tryEvent(ctx context.Context, tenant int64, sub hub.Subscription, in TryInput) (*hub.Event, error) {
	if in.Event != "" {
		if in.EventType != "" || in.Data != nil {
			return nil, hub.Errorf(hub.Invalid, "/event: give an event, or data and their type, not both")
		}
		return s.pastEvent(ctx, tenant, in.Event)
	}
	kind, err := s.tryType(ctx, sub, in.EventType)
	if err != nil {
		return nil, err
	}
	event := s.madeEvent(tenant, kind, in.Data)
	if event.Data == nil {
		event.Data = kind.Sample
	}
	if event.Data == nil {
		past, err := s.lastOfType(ctx, tenant, kind.Name)
		if err != nil || past != nil {
			return past, err
		}
		event.Data = []byte("{}")
	}
	doc, err := expr.ParseDoc(event.Data)
	if err != nil {
		var p hub.Problems
		p.Add("/data", "%s", err)
		return nil, p.Err()
	}
	event.Key = keyOf(doc, kind.Key)
	if in.Key != nil {
		event.Key = *in.Key
	}
	return event, nil
}

// madeEvent is an event that nobody published.
func (s *Service) madeEvent(tenant int64, kind EventType, data []byte) *hub.Event {
	now := s.now()
	return &hub.Event{
		ID: hub.NewID(), Tenant: tenant, Type: kind.Name, Source: "api", Time: now, ReceivedAt: now, Data: data, ContentType: "application/json",
	}
}

// keyOf reads the business number where the event type says it stands.
func keyOf(doc expr.Doc, path string) string {
	if path == "" {
		return ""
	}
	t, err := expr.ParseTemplate("#data."+path+"#", expr.Text)
	if err != nil {
		return ""
	}
	scope := expr.NewScope()
	scope.SetDoc("data", doc)
	key, err := t.Render(nil, scope, "empty")
	if err != nil || len(key) > hub.MaxKeyLen {
		return ""
	}
	return string(key)
}

func (s *Service) pastEvent(ctx context.Context, tenant int64, ref string) (*hub.Event, error) {
	id, err := hub.ParseID(hub.EventPrefix, ref)
	if err != nil {
		return nil, err
	}
	event, err := s.Store.Event(ctx, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read event %s: %w", ref, err)
	}
	return event, nil
}

// lastOfType is the newest event of a type with its data, nil when there is none.
func (s *Service) lastOfType(ctx context.Context, tenant int64, name string) (*hub.Event, error) {
	found, _, err := s.Store.Events(ctx, store.EventFilter{Tenant: tenant, Types: []string{name}}, store.Page{Limit: 1})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return s.Store.Event(ctx, tenant, found[0].ID)
}

// tryType is the named event type, else the first of the catalogue that the subscription takes. An undeclared name
// is a type too.
func (s *Service) tryType(ctx context.Context, sub hub.Subscription, name string) (EventType, error) {
	if name != "" {
		kind, err := s.EventType(ctx, name)
		if hub.CodeOf(err) == hub.NotFound {
			return EventType{Name: name}, nil
		}
		return kind, err
	}
	all, err := s.EventTypes(ctx)
	if err != nil {
		return EventType{}, err
	}
	patterns := sub.EventTypes
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	for _, pattern := range patterns {
		for _, kind := range all {
			if hub.MatchesType(pattern, kind.Name) {
				return kind, nil
			}
		}
		if !strings.Contains(pattern, "*") {
			return EventType{Name: pattern}, nil
		}
	}
	return EventType{Name: "test"}, nil
}
