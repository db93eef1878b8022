package settings

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/schema"
	"hacek/internal/store"
)

// maxSample is how many bytes the sample of an event type may have.
const maxSample = 256 << 10

// EventType is a kind of event as the catalogue shows it. Event types belong to the installation, not to a tenant.
type EventType struct {
	Name            string            `json:"name"`
	Title           map[string]string `json:"title"` // by language
	Group           string            `json:"group"`
	Schema          json.RawMessage   `json:"schema"`
	Sample          json.RawMessage   `json:"sample"`
	Key             string            `json:"key"`  // path of the business number when the publisher gives none
	Refs            []string          `json:"refs"` // paths of further searchable numbers
	Deprecated      bool              `json:"deprecated"`
	VisibleInPortal bool              `json:"visible_in_portal"`

	// What only the hub writes.
	Discovered bool      `json:"discovered"` // seen in an event, declared by nobody
	Pack       string    `json:"pack"`       // the pack it is from, "" = made or changed here
	Version    int64     `json:"-"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// DefaultEventType is what holds for everything that is not given.
func DefaultEventType() EventType { return EventType{VisibleInPortal: true} }

// ETag names a version of an event type.
func (t EventType) ETag() string { return etag(t.Version) }

func (t *EventType) complete() {
	if t.Title == nil {
		t.Title = map[string]string{}
	}
	if t.Refs == nil {
		t.Refs = []string{}
	}
	t.Schema, t.Sample = absentNull(t.Schema), absentNull(t.Sample)
}

// absentNull takes JSON null as "not given".
func absentNull(raw json.RawMessage) json.RawMessage {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) || len(raw) == 0 {
		return nil
	}
	return raw
}

func (t *EventType) validate() error {
	var p hub.Problems
	checkTypeName(&p, "/name", t.Name)
	for _, language := range slices.Sorted(maps.Keys(t.Title)) {
		at := "/title/" + hub.EscapePointer(language)
		hub.CheckText(&p, at, language, 35)
		hub.CheckText(&p, at, t.Title[language], hub.MaxNameLen)
	}
	hub.CheckText(&p, "/group", t.Group, hub.MaxNameLen)
	checkPath(&p, "/key", t.Key)
	if len(t.Refs) > 20 {
		p.Add("/refs", "has %d paths; at most 20 are allowed", len(t.Refs))
	}
	for i, path := range t.Refs {
		at := fmt.Sprintf("/refs/%d", i)
		if path == "" {
			p.Add(at, "is empty")
		}
		checkPath(&p, at, path)
	}
	if len(t.Sample) > maxSample {
		p.Add("/sample", "is %d bytes long; at most %d are allowed", len(t.Sample), maxSample)
		return p.Err()
	}
	if t.Sample != nil {
		if _, err := expr.ParseDoc(t.Sample); err != nil {
			p.Add("/sample", "%s", err)
			return p.Err()
		}
	}
	if t.Schema != nil {
		s := schema.Compile(&p, "/schema", t.Schema)
		if s != nil && t.Sample != nil {
			if err := s.Check(&p, "/sample", t.Sample); err != nil {
				p.Add("/sample", "is not JSON")
			}
		}
	}
	return p.Err()
}

func checkTypeName(p *hub.Problems, pointer, name string) {
	hub.CheckText(p, pointer, name, hub.MaxTypeLen)
	switch {
	case name == "":
		p.Add(pointer, "is missing")
	case strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '*' }):
		p.Add(pointer, "%q must not contain blanks, control characters or *", name)
	case strings.HasPrefix(name, "hacek."):
		p.Add(pointer, "%q: names that begin with hacek. are the hub's own", name)
	}
}

// checkPath refuses a path that the templates would not read either.
func checkPath(p *hub.Problems, pointer, path string) {
	if path == "" {
		return
	}
	hub.CheckText(p, pointer, path, hub.MaxNameLen)
	if _, err := expr.ParseTemplate("#"+path+"#", expr.Text); err != nil || strings.ContainsAny(path, "# \t\n") {
		p.Add(pointer, "%q is not a path such as order.code", path)
	}
}

// PutEventType declares an event type, or replaces one.
func (s *Service) PutEventType(ctx context.Context, t EventType, ifMatch string, by By) (EventType, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.EventType(ctx, t.Name)
	switch {
	case err == nil:
		t, err = s.changeEventType(ctx, &prev, t, ifMatch, by)
		return t, false, err
	case hub.CodeOf(err) != hub.NotFound:
		return EventType{}, false, err
	case ifMatch != "":
		return EventType{}, false, changedMeanwhile("there is no event type %q", t.Name)
	}
	t, err = s.changeEventType(ctx, nil, t, "", by)
	return t, err == nil, err
}

// PatchEventType merges a JSON object into an event type (RFC 7396). Schema and sample are replaced whole.
func (s *Service) PatchEventType(ctx context.Context, name string, patch json.RawMessage, ifMatch string, by By) (EventType, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.EventType(ctx, name)
	if err != nil {
		return EventType{}, err
	}
	changes, err := object(patch)
	if err != nil {
		return EventType{}, err
	}
	raw, err := asJSON(prev)
	if err != nil {
		return EventType{}, err
	}
	base, err := object(raw)
	if err != nil {
		return EventType{}, err
	}
	// A schema merged into another would be a third that nobody wrote.
	for _, whole := range []string{"schema", "sample"} {
		if _, named := changes[whole]; named {
			delete(base, whole)
		}
	}
	next := DefaultEventType()
	if err := decode(merge(base, changes), &next); err != nil {
		return EventType{}, err
	}
	if next.Name != prev.Name {
		var p hub.Problems
		p.Add("/name", "cannot be changed: events and subscriptions know the type by it")
		return EventType{}, p.Err()
	}
	return s.changeEventType(ctx, &prev, next, ifMatch, by)
}

func (s *Service) changeEventType(ctx context.Context, prev *EventType, t EventType, ifMatch string, by By) (EventType, error) {
	if prev != nil && !matches(prev.Version, ifMatch) {
		return EventType{}, changedMeanwhile("the event type has changed meanwhile: it is at %s now", prev.ETag())
	}
	t.complete()
	if err := t.validate(); err != nil {
		return EventType{}, err
	}
	now := s.now()
	t.Discovered, t.Pack, t.Version, t.CreatedAt, t.UpdatedAt = false, "", 1, now, now
	action := "created"
	if prev != nil {
		t.Version, t.CreatedAt, action = prev.Version+1, prev.CreatedAt, "changed"
	}
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		return putEventType(ctx, tx, action, prev, t, by.Name)
	})
	if err != nil {
		return EventType{}, fmt.Errorf("%s event type %s: %w", action, t.Name, err)
	}
	return t, s.typesChanged(ctx)
}

// DeleteEventType takes a declaration away. Events of the type are still accepted, and then count as discovered.
func (s *Service) DeleteEventType(ctx context.Context, name, ifMatch string, by By) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.EventType(ctx, name)
	if err != nil {
		return err
	}
	if !matches(prev.Version, ifMatch) {
		return changedMeanwhile("the event type has changed meanwhile: it is at %s now", prev.ETag())
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		return deleteEventType(ctx, tx, prev, s.now(), by.Name)
	})
	if err != nil {
		return fmt.Errorf("delete event type %s: %w", name, err)
	}
	s.discovery.forget(name)
	return s.typesChanged(ctx)
}

// typesChanged tells the whole list after a commit.
func (s *Service) typesChanged(ctx context.Context) error {
	if s.TypesChanged == nil {
		return nil
	}
	// The change is durable, so everybody must hear of it even when the caller has gone.
	all, err := s.EventTypes(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("read event types after a change: %w", err)
	}
	s.TypesChanged(all)
	return nil
}
