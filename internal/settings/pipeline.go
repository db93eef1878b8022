package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/pipeline"
	"hacek/internal/store"
)

func aPipeline(tenant int64, p hub.Pipeline) hub.Target {
	return hub.Target{Tenant: tenant, Kind: hub.KindPipeline, Pipeline: p}
}

// CreatePipeline stores a new pipeline.
func (s *Service) CreatePipeline(ctx context.Context, tenant int64, p hub.Pipeline, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.createTarget(ctx, aPipeline(tenant, p), by)
}

// ReplacePipeline puts a pipeline: settings that are not given get their default, and a pipeline that is not there is
// created under the uid or name in the URL.
func (s *Service) ReplacePipeline(ctx context.Context, tenant int64, ref string, p hub.Pipeline, ifMatch string, by By) (t hub.Target, created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replaceTarget(ctx, aPipeline(tenant, p), ref, ifMatch, by)
}

// PatchPipeline merges a JSON object into the settings (RFC 7396): the list of steps is replaced as a whole.
func (s *Service) PatchPipeline(ctx context.Context, tenant int64, ref string, patch json.RawMessage, ifMatch string, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Pipeline(ctx, tenant, ref)
	if err != nil {
		return hub.Target{}, err
	}
	changes, err := object(patch)
	if err != nil {
		return hub.Target{}, err
	}
	raw, err := asJSON(prev.Pipeline)
	if err != nil {
		return hub.Target{}, err
	}
	base, err := object(raw)
	if err != nil {
		return hub.Target{}, fmt.Errorf("read our own JSON: %w", err)
	}
	p := hub.DefaultPipeline()
	if err := decode(merge(base, changes), &p); err != nil {
		return hub.Target{}, err
	}
	return s.change(ctx, prev, aPipeline(tenant, p), ifMatch, by)
}

// Pipeline finds one by id, uid or a name that no other pipeline has.
func (s *Service) Pipeline(ctx context.Context, tenant int64, ref string) (hub.Target, error) {
	return s.Target(ctx, tenant, hub.KindPipeline, ref)
}

// Pipelines lists a tenant's pipelines.
func (s *Service) Pipelines(ctx context.Context, tenant int64, page store.Page) ([]hub.Target, string, error) {
	return s.Targets(ctx, tenant, hub.KindPipeline, page)
}

// preparePipeline fills, keeps secrets and judges; after it, p is what will be stored.
func (s *Service) preparePipeline(ctx context.Context, p, prev *hub.Pipeline, tenant int64) error {
	p.Complete()
	var old hub.Secretive
	if prev != nil {
		old = prev
	}
	if err := keepSecrets(p, old, movedStepSecrets(p, prev)); err != nil {
		return err
	}
	plain := p.Validate()
	if code := hub.CodeOf(plain); code != "" && code != hub.Invalid {
		return plain
	}
	references, err := s.checkReferences(ctx, p, tenant)
	if err != nil {
		return err
	}
	_, compiled := pipeline.Compile(*p, tenant)
	return joined(plain, compiled, references.Err(), checkCondition(p.Subscription.Condition))
}

// checkReferences wants every connection and table that a step names to be one of the same tenant.
func (s *Service) checkReferences(ctx context.Context, p *hub.Pipeline, tenant int64) (hub.Problems, error) {
	var wrong hub.Problems
	check := func(pointer, kind, name string) error {
		_, err := s.Store.ObjectByName(ctx, tenant, kind, name)
		if hub.CodeOf(err) == hub.NotFound {
			wrong.Add(pointer, "there is no %s %q", objectWords[kind], name)
			return nil
		}
		return err
	}
	for i, step := range p.Steps {
		at := fmt.Sprintf("/steps/%d", i)
		if step.Connection != "" {
			if err := check(at+"/connection", kindConnection, step.Connection); err != nil {
				return nil, err
			}
		}
		for _, field := range slices.Sorted(maps.Keys(step.Tables)) {
			if err := check(at+"/tables/"+hub.EscapePointer(field), kindTable, step.Tables[field]); err != nil {
				return nil, err
			}
		}
	}
	return wrong, nil
}

// movedStepSecrets tells which secrets of steps would go to another scheme, host or port. A step of another type, or
// one that had no call before, is another step.
func movedStepSecrets(next, prev *hub.Pipeline) func(pointer string) bool {
	if prev == nil {
		return func(string) bool { return false }
	}
	return func(pointer string) bool {
		var i int
		if _, err := fmt.Sscanf(pointer, "/steps/%d/", &i); err != nil || i >= len(next.Steps) || i >= len(prev.Steps) {
			return true
		}
		a, b := &next.Steps[i], &prev.Steps[i]
		return a.Type != b.Type || a.Auth == nil || b.Auth == nil || authMoved(a.Auth, b.Auth) || elsewhere(stepURL(a), stepURL(b))
	}
}

func stepURL(s *hub.Step) string {
	if s.Request == nil {
		return ""
	}
	return s.Request.URL
}

// newPlaces tells whether a pipeline calls a host or writes to a connection that it did not before.
func newPlaces(next, prev *hub.Pipeline) bool {
	known := places(prev)
	for place := range places(next) {
		if !known[place] {
			return true
		}
	}
	return false
}

func places(p *hub.Pipeline) map[string]bool {
	all := map[string]bool{}
	for i := range p.Steps {
		step := &p.Steps[i]
		if step.Connection != "" {
			all["connection "+step.Connection] = true
		}
		if url := stepURL(step); url != "" {
			origin, err := hub.Origin(url)
			if err != nil {
				origin = url
			}
			all[origin] = true
		}
	}
	return all
}

// usedBy lists the pipelines that name a connection or a table.
func (s *Service) usedBy(ctx context.Context, tenant int64, kind, name string) ([]string, error) {
	var users []string
	page := store.Page{Limit: 250}
	for {
		targets, next, err := s.Pipelines(ctx, tenant, page)
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			if slices.ContainsFunc(t.Pipeline.Steps, func(step hub.Step) bool {
				if kind == kindConnection {
					return step.Connection == name
				}
				return slices.Contains(slices.Collect(maps.Values(step.Tables)), name)
			}) {
				users = append(users, fmt.Sprintf("%q", t.Name))
			}
		}
		if next == "" {
			return users, nil
		}
		page.Cursor = next
	}
}

// unused refuses to take away what pipelines name.
func (s *Service) unused(ctx context.Context, tenant int64, kind, name, what string) error {
	users, err := s.usedBy(ctx, tenant, kind, name)
	if err != nil || len(users) == 0 {
		return err
	}
	return hub.Errorf(hub.Conflict, "the %s %q cannot be %s: it is used by the pipeline %s", objectWords[kind], name, what, strings.Join(users, ", ")).
		WithHint("Change or delete the pipeline first.")
}

// Kinds of objects that pipelines name, as the store knows them.
const (
	kindConnection = "connection"
	kindTable      = "table"
)

// objectWords are these kinds as people read them.
var objectWords = map[string]string{kindConnection: "connection", kindTable: "translation table"}
