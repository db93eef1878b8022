package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/sender"
	"hacek/internal/store"
)

func anEndpoint(tenant int64, e hub.Endpoint) hub.Target {
	return hub.Target{Tenant: tenant, Kind: hub.KindEndpoint, Endpoint: e}
}

// CreateEndpoint stores a new endpoint. The one returned holds the signing secret that was made for it.
func (s *Service) CreateEndpoint(ctx context.Context, tenant int64, e hub.Endpoint, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.createTarget(ctx, anEndpoint(tenant, e), by)
}

// ReplaceEndpoint puts an endpoint: settings that are not given get their default, and an endpoint that is not
// there is created under the uid or name in the URL.
func (s *Service) ReplaceEndpoint(ctx context.Context, tenant int64, ref string, e hub.Endpoint, ifMatch string, by By) (t hub.Target, created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replaceTarget(ctx, anEndpoint(tenant, e), ref, ifMatch, by)
}

// PatchEndpoint merges a JSON object into the settings (RFC 7396); null brings a default back.
func (s *Service) PatchEndpoint(ctx context.Context, tenant int64, ref string, patch json.RawMessage, ifMatch string, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Endpoint(ctx, tenant, ref)
	if err != nil {
		return hub.Target{}, err
	}
	if patch, err = s.UnderPreset(patch, prev.Endpoint.Preset); err != nil {
		return hub.Target{}, err
	}
	e, err := patched(prev.Endpoint, patch)
	if err != nil {
		return hub.Target{}, err
	}
	return s.change(ctx, prev, anEndpoint(tenant, e), ifMatch, by)
}

// DeleteEndpoint removes an endpoint; what it was owed is cancelled, its history stays.
func (s *Service) DeleteEndpoint(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	return s.DeleteTarget(ctx, tenant, hub.KindEndpoint, ref, ifMatch, by)
}

// Endpoint finds one by id, uid or a name that no other endpoint has.
func (s *Service) Endpoint(ctx context.Context, tenant int64, ref string) (hub.Target, error) {
	return s.Target(ctx, tenant, hub.KindEndpoint, ref)
}

// Endpoints lists a tenant's endpoints.
func (s *Service) Endpoints(ctx context.Context, tenant int64, page store.Page) ([]hub.Target, string, error) {
	return s.Targets(ctx, tenant, hub.KindEndpoint, page)
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
	var p hub.Problems
	p.Add("/subscription/condition", "%s", expr.WithHint(err))
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
