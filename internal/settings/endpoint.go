package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
	"hacek/internal/store"
)

// CreateEndpoint stores a new endpoint. The one returned holds the signing secret that was made for it.
func (s *Service) CreateEndpoint(ctx context.Context, tenant int64, e hub.Endpoint, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.createEndpoint(ctx, tenant, e, by)
}

func (s *Service) createEndpoint(ctx context.Context, tenant int64, e hub.Endpoint, by By) (hub.Target, error) {
	now := s.now()
	if err := prepare(&e, nil, tenant, now); err != nil {
		return hub.Target{}, err
	}
	t := hub.Target{
		ID: hub.NewID(), Tenant: tenant, Kind: hub.KindEndpoint, Endpoint: e, Version: 1,
		CreatedAt: now, UpdatedAt: now, State: hub.Active, StateAt: now,
	}
	named(&t)
	if err := s.uidIsFree(ctx, t); err != nil {
		return hub.Target{}, err
	}
	if !e.Active {
		switchOff(&t, by, now)
	}
	return s.commit(ctx, "created", nil, t, by)
}

// ReplaceEndpoint puts an endpoint: settings that are not given get their default, and an endpoint that is not
// there is created under the uid or name in the URL.
func (s *Service) ReplaceEndpoint(ctx context.Context, tenant int64, ref string, e hub.Endpoint, ifMatch string, by By) (t hub.Target, created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
	if hub.CodeOf(err) == hub.NotFound && !strings.HasPrefix(ref, hub.EndpointPrefix) {
		if ifMatch != "" {
			return hub.Target{}, false, changedMeanwhile("there is no endpoint %s", ref)
		}
		if err := adopt(&e, ref); err != nil {
			return hub.Target{}, false, err
		}
		t, err = s.createEndpoint(ctx, tenant, e, by)
		return t, err == nil, err
	}
	if err != nil {
		return hub.Target{}, false, err
	}
	if e.UID == nil && ref == prev.UID {
		e.UID = &prev.UID
	}
	if e.Name == "" && ref == prev.Name {
		e.Name = prev.Name
	}
	t, err = s.change(ctx, prev, e, ifMatch, by)
	return t, false, err
}

// adopt gives a new endpoint the uid or name it was put at.
func adopt(e *hub.Endpoint, ref string) error {
	var p hub.Problems
	switch {
	case e.UID != nil && *e.UID == ref, e.Name == ref:
		return nil
	case e.UID != nil && *e.UID != "":
		p.Add("/uid", "is %q, but the address says %q", *e.UID, ref)
		return p.Err()
	}
	hub.CheckUID(&p, "", ref)
	if len(p) == 0 {
		e.UID = &ref
	} else if e.Name != "" {
		p = nil
		p.Add("/name", "is %q, but the address says %q", e.Name, ref)
		return p.Err()
	}
	if e.Name == "" {
		e.Name = ref
	}
	return nil
}

// PatchEndpoint merges a JSON object into the settings (RFC 7396); null brings a default back.
func (s *Service) PatchEndpoint(ctx context.Context, tenant int64, ref string, patch json.RawMessage, ifMatch string, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return hub.Target{}, err
	}
	e, err := patched(prev.Endpoint, patch)
	if err != nil {
		return hub.Target{}, err
	}
	return s.change(ctx, prev, e, ifMatch, by)
}

// patched is an endpoint with a merge patch applied and the stored secrets as "***".
func patched(prev hub.Endpoint, patch json.RawMessage) (hub.Endpoint, error) {
	changes, err := object(patch)
	if err != nil {
		return hub.Endpoint{}, err
	}
	raw, err := json.Marshal(prev)
	if err != nil {
		return hub.Endpoint{}, fmt.Errorf("write endpoint as JSON: %w", err)
	}
	base, err := object(raw)
	if err != nil {
		return hub.Endpoint{}, fmt.Errorf("read our own JSON: %w", err)
	}
	// Another way to show who we are starts from nothing, not from the fields of the old way.
	if kind, named := given(changes, "auth", "type"); named && kind != prev.Auth.Type {
		base["auth"] = map[string]any{}
	}
	// A body that comes or goes takes the kind of payload with it, unless the patch names that too.
	if _, named := given(changes, "request", "payload"); !named {
		request, _ := base["request"].(map[string]any)
		switch body, named := given(changes, "request", "body"); {
		case named && body != nil:
			request["payload"] = hub.PayloadTemplate
		case named && prev.Request.Payload == hub.PayloadTemplate:
			request["payload"] = hub.PayloadStandard
		}
	}
	e := hub.DefaultEndpoint()
	if err := decode(merge(base, changes), &e); err != nil {
		return hub.Endpoint{}, err
	}
	return e, nil
}

// change puts new settings in the place of an endpoint's old ones.
func (s *Service) change(ctx context.Context, prev hub.Target, e hub.Endpoint, ifMatch string, by By) (hub.Target, error) {
	if err := s.match(prev, ifMatch); err != nil {
		return hub.Target{}, err
	}
	now := s.now()
	if err := prepare(&e, &prev.Endpoint, prev.Tenant, now); err != nil {
		return hub.Target{}, err
	}
	t := prev
	t.Endpoint = e
	named(&t)
	if t.UID != prev.UID {
		if err := s.uidIsFree(ctx, t); err != nil {
			return hub.Target{}, err
		}
	}
	switch {
	case !e.Active && t.State != hub.Off:
		switchOff(&t, by, now)
	case e.Active && t.State == hub.Off:
		t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Active, by.Name, "switched on", now
		t.DrainRate, t.DrainMark = hub.Rate{}, 0
	}
	same, err := sameSettings(&t.Endpoint, &prev.Endpoint)
	if err != nil {
		return hub.Target{}, err
	}
	if same && t.State == prev.State {
		return prev, nil
	}
	if err := s.confirmMove(ctx, t, prev, by); err != nil {
		return hub.Target{}, err
	}
	t.Version++
	t.UpdatedAt = now
	return s.commit(ctx, "changed", &prev, t, by)
}

func named(t *hub.Target) {
	t.Name, t.UID = t.Endpoint.Name, ""
	if t.Endpoint.UID != nil {
		t.UID = *t.Endpoint.UID
	}
}

func switchOff(t *hub.Target, by By, now time.Time) {
	t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Off, by.Name, "switched off", now
}

func sameSettings(a, b *hub.Endpoint) (bool, error) {
	before, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	after, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	return string(before) == string(after) && sameSecrets(a, b), nil
}

// confirmMove asks before what waits goes to another place than the one it was accepted for.
func (s *Service) confirmMove(ctx context.Context, t, prev hub.Target, by By) error {
	if by.Backlog || !elsewhere(t.Endpoint.Request.URL, prev.Endpoint.Request.URL) {
		return nil
	}
	waiting, oldest, err := s.Store.Waiting(ctx, t.No)
	if err != nil || waiting == 0 {
		return err
	}
	return hub.Errorf(hub.Conflict, "%d deliveries wait for this endpoint, the oldest since %s; they would go to another address than before",
		waiting, oldest.UTC().Format(time.RFC3339)).WithHint("Send the request again with ?confirm=backlog, or cancel them first.")
}

// prepare fills, keeps secrets and judges; after it, e is what will be stored.
func prepare(e *hub.Endpoint, prev *hub.Endpoint, tenant int64, now time.Time) error {
	e.Complete()
	var old hub.Secretive
	if prev != nil {
		old = prev
	}
	if err := keepSecrets(e, old, movedSecrets(e, prev)); err != nil {
		return err
	}
	signing := completeSignature(e, prev, now)
	plain := e.Validate()
	if code := hub.CodeOf(plain); code != "" && code != hub.Invalid {
		return plain
	}
	_, compiled := sender.Compile(*e, tenant)
	return joined(plain, signing, compiled, checkCondition(e.Subscription.Condition))
}

func checkCondition(text string) error {
	if text == "" {
		return nil
	}
	_, err := expr.ParseCondition(text)
	if err == nil {
		return nil
	}
	detail := err.Error()
	var parse *expr.ParseError
	if errors.As(err, &parse) && parse.Hint != "" {
		detail += ": " + parse.Hint
	}
	var p hub.Problems
	p.Add("/subscription/condition", "%s", detail)
	return p.Err()
}

// joined makes one error of several that point into the same object; a place is named once.
func joined(errs ...error) error {
	var p hub.Problems
	hint := ""
	seen := map[string]bool{}
	for _, err := range errs {
		if err == nil {
			continue
		}
		invalid := asInvalid(err)
		if invalid == nil {
			return err
		}
		if hint == "" {
			hint = invalid.Hint
		}
		for _, field := range invalid.Fields {
			if !seen[field.Pointer] {
				p = append(p, field)
			}
			seen[field.Pointer] = true
		}
	}
	if len(p) == 0 {
		return nil
	}
	err := asInvalid(p.Err())
	err.Hint = hint
	return err
}

// DeleteEndpoint removes an endpoint; what it was owed is cancelled, its history stays.
func (s *Service) DeleteEndpoint(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	t, err := s.deleteEndpoint(ctx, tenant, ref, ifMatch, by)
	if err != nil {
		return err
	}
	// Many rows, in chunks: others may change settings meanwhile. The deletion stands, so it is not broken off.
	if err := s.Store.CancelOpen(context.WithoutCancel(ctx), t.No); err != nil {
		return fmt.Errorf("cancel what was owed to endpoint %s: %w", t.ID.Text(t.Prefix()), err)
	}
	return nil
}

func (s *Service) deleteEndpoint(ctx context.Context, tenant int64, ref, ifMatch string, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return hub.Target{}, err
	}
	if err := s.match(prev, ifMatch); err != nil {
		return hub.Target{}, err
	}
	t := prev
	t.Deleted, t.UpdatedAt = true, s.now()
	return s.commit(ctx, "deleted", &prev, t, by)
}

// Endpoint finds one by id, uid or a name that no other endpoint has.
func (s *Service) Endpoint(ctx context.Context, tenant int64, ref string) (hub.Target, error) {
	if id, err := hub.ParseID(hub.EndpointPrefix, ref); err == nil {
		t, err := s.Store.Target(ctx, tenant, id)
		if err == nil && t.Kind == hub.KindEndpoint {
			return t, nil
		}
		if err != nil && hub.CodeOf(err) != hub.NotFound {
			return hub.Target{}, err
		}
		return hub.Target{}, noEndpoint(ref)
	}
	t, err := s.Store.TargetByUID(ctx, tenant, hub.KindEndpoint, ref)
	if err == nil || hub.CodeOf(err) != hub.NotFound {
		return t, err
	}
	found, err := s.Store.TargetsByName(ctx, tenant, hub.KindEndpoint, ref)
	if err != nil {
		return hub.Target{}, err
	}
	switch len(found) {
	case 0:
		return hub.Target{}, noEndpoint(ref)
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, t := range found {
		ids[i] = t.ID.Text(hub.EndpointPrefix)
	}
	return hub.Target{}, hub.Errorf(hub.Conflict, "%d endpoints are named %q: %s", len(found), ref, strings.Join(ids, ", ")).
		WithHint("Use one of the ids.")
}

func noEndpoint(ref string) error { return hub.Errorf(hub.NotFound, "no endpoint %q", ref) }

// Endpoints lists a tenant's endpoints.
func (s *Service) Endpoints(ctx context.Context, tenant int64, page store.Page) ([]hub.Target, string, error) {
	return s.Store.TargetPage(ctx, tenant, hub.KindEndpoint, page)
}

// ETag names a version of an endpoint's settings.
func (s *Service) ETag(t hub.Target) string { return etag(t.Version) }

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

func (s *Service) match(t hub.Target, ifMatch string) error {
	if matches(t.Version, ifMatch) {
		return nil
	}
	return changedMeanwhile("the endpoint has changed meanwhile: it is at %s now", etag(t.Version))
}

// matches reads an If-Match header: empty and * match all, a list matches when one of it does.
func matches(version int64, ifMatch string) bool {
	if ifMatch == "" {
		return true
	}
	for one := range strings.SplitSeq(ifMatch, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == etag(version) {
			return true
		}
	}
	return false
}

func changedMeanwhile(format string, args ...any) error {
	return hub.Errorf(hub.PreconditionFailed, format, args...).WithHint("Read it again, apply your change to what you read, and send it with the new ETag.")
}
